//! Reading pumps.

use pipewright_dtl::syntax::Severity;
use pipewright_entity::Text;
use serde_json::{Map, Value as Json};

use super::Reader;
use crate::catalogue::{self, Part};
use crate::check;
use crate::pipe::values::Values;
use crate::pipe::{Mode, Pump, Rescan, Schedule, filled};
use crate::problem::code;
use crate::resolve::Item;

impl Reader<'_, '_> {
    pub(super) fn pump(&mut self, id: &Text, pipe: &Item, internal: bool, endpoint: bool) -> Pump {
        let description = catalogue::single(Part::Pump);
        let given = pipe.get("pump");
        if let Some(pump) = given
            && check::is_object(pump, Part::Pump, self.findings)
        {
            check::properties(pump, description, self.findings);
            self.pump_conflicts(pump);
        }
        let mut config = filled(given, &description.properties, self.metadata);
        let values = Values::new(&config, &description.properties);
        let schedule = match (values.given_text("cron_expression"), values.get("schedule_interval"))
        {
            _ if endpoint => Schedule::Never,
            (Some(cron), _) => Schedule::Cron(Text::new(cron)),
            (None, Some(Json::Number(seconds))) => {
                Schedule::Interval { seconds: seconds.as_f64().unwrap_or(0.0), jitter: 0.0 }
            }
            _ if internal => Schedule::Interval { seconds: 30.0, jitter: 1.5 },
            _ => Schedule::Interval { seconds: 900.0, jitter: 45.0 },
        };
        let dead_letters = values.given_text("dead_letter_dataset").map(Text::new).or_else(|| {
            values
                .bool("use_dead_letter_dataset")
                .then(|| Text::from(format!("system:dead-letter:{id}")))
        });
        let pump = Pump {
            mode: match values.text("mode") {
                "manual" => Mode::Manual,
                "off" => Mode::Off,
                _ => Mode::Scheduled,
            },
            rescan: match (
                values.given_text("rescan_cron_expression"),
                values.given_whole("rescan_run_count"),
            ) {
                (Some(cron), _) => Some(Rescan::Cron(Text::new(cron))),
                (None, Some(runs)) => Some(Rescan::Runs(runs)),
                (None, None) => None,
            },
            partial_rescan: values
                .given_whole("partial_rescan_run_count")
                .zip(values.given_whole("partial_rescan_delta")),
            run_at_startup: values.bool("run_at_startup"),
            run_at_startup_if_not_populated: values.bool("run_at_startup_if_not_populated"),
            dead_letter_dataset: dead_letters,
            track_dead_letters: values.bool("track_dead_letters"),
            max_read_retries: values.whole("max_read_retries"),
            read_retry_delay: values.number("read_retry_delay"),
            write_retry_delay: values.number("write_retry_delay"),
            max_retries_per_entity: values.whole("max_retries_per_entity"),
            max_consecutive_write_errors: values.whole("max_consecutive_write_errors"),
            max_write_errors_in_retry_dataset: values.whole("max_write_errors_in_retry_dataset"),
            batch_retries: values.whole("batch_retries"),
            fallback_to_single_entities: values.bool("fallback_to_single_entities_on_batch_fail"),
            max_seconds_per_entity: values.given_number("max_seconds_per_entity"),
            log_noop_runs: values.bool("log_events_noop_runs"),
            noop_by_changes: values.bool("log_events_noop_runs_changes_only"),
            log_interval: values.given_whole("notification_granularity"),
            origin: self.origin(given.map_or(&pipe.span, |pump| &pump.span)),
            config: Map::new(),
            schedule,
        };
        let kind = if endpoint { "noop" } else { "datasync" };
        let mut effective = Map::new();
        effective.insert("_id".into(), format!("pump:{id}").into());
        effective.insert("type".into(), kind.into());
        effective.append(&mut config);
        match pump.schedule {
            Schedule::Never => {
                effective.insert("schedule_interval".into(), 999_999_999.into());
            }
            Schedule::Interval { seconds, jitter } if jitter > 0.0 => {
                effective.insert("schedule_interval".into(), seconds.into());
            }
            _ => {}
        }
        Pump { config: effective, ..pump }
    }

    fn pump_conflicts(&mut self, pump: &Item) {
        let mut beside = |one: &str, other: &str, effect: &str| {
            if let (Some(entry), Some(_)) = (pump.entry(one), pump.entry(other)) {
                self.findings.report(
                    code::CONFLICT,
                    Severity::Warning,
                    entry.key_span.clone(),
                    format!("`{one}` stands beside `{other}`: {effect}"),
                    Some(format!("remove `{one}`").into()),
                );
            }
        };
        beside("schedule_interval", "cron_expression", "the cron expression wins");
        beside("rescan_run_count", "rescan_cron_expression", "the cron expression wins");
        for (one, other) in [
            ("partial_rescan_run_count", "partial_rescan_delta"),
            ("partial_rescan_delta", "partial_rescan_run_count"),
        ] {
            if let (Some(entry), None) = (pump.entry(one), pump.entry(other)) {
                let span = entry.key_span.clone();
                let message = format!("`{one}` needs `{other}` beside it");
                self.findings.error(code::PROPERTY_MISSING, span, message);
            }
        }
    }
}
