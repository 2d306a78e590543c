//! Retry settings that a system gives by HTTP status code
//! (`hub/documentation/service-configuration/systems/configuration-systems-url`,
//! `retry_strategy`). They stand in for those that the pump itself does not give.

use std::ops::RangeInclusive;
use std::time::Duration;

use pipewright_config::pipe::Pump;
use serde_json::{Map, Value as Json};

/// The settings of the systems that a part of a pipe talks to.
#[derive(Clone, Default)]
pub(crate) struct RetryStrategy {
    rules: Vec<Rule>,
    /// The settings that the pump gives, which count more.
    given: Vec<&'static str>,
}

#[derive(Clone)]
struct Rule {
    /// Those that no other rule names, when `None`.
    statuses: Option<Vec<RangeInclusive<u16>>>,
    settings: Map<String, Json>,
}

/// The settings that a strategy may hold and that are asked for here.
const SETTINGS: [&str; 7] = [
    "batch_retries",
    "max_consecutive_write_errors",
    "max_read_retries",
    "max_retries_per_entity",
    "max_write_errors_in_retry_dataset",
    "read_retry_delay",
    "write_retry_delay",
];

impl RetryStrategy {
    /// The strategies of some systems, the first before the others. `Err` names
    /// a key that is no status codes.
    pub(crate) fn new<'c>(
        pump: &Pump,
        systems: impl Iterator<Item = &'c Map<String, Json>>,
    ) -> Result<RetryStrategy, String> {
        let own = pump.origin.file.document.at(&pump.origin.at);
        let gives = |name: &str| own.and_then(|pump| pump.get(name)).is_some();
        let mut rules = Vec::new();
        for config in systems {
            let Some(Json::Object(strategy)) = config.get("retry_strategy") else { continue };
            let mut default = None;
            for (codes, settings) in strategy {
                let Json::Object(settings) = settings else {
                    return Err(format!("\"{codes}\" of a retry_strategy must be a dict"));
                };
                let settings = settings.clone();
                if codes == "default" {
                    default = Some(Rule { statuses: None, settings });
                    continue;
                }
                let statuses = statuses(codes).ok_or_else(|| {
                    format!(
                        "\"{codes}\" of a retry_strategy is no status codes, such as 429,500-599"
                    )
                })?;
                rules.push(Rule { statuses: Some(statuses), settings });
            }
            rules.extend(default);
        }
        let given = SETTINGS.into_iter().filter(|name| gives(name)).collect();
        Ok(RetryStrategy { rules, given })
    }

    fn setting(&self, name: &'static str, status: Option<u16>) -> Option<&Json> {
        let status = status?;
        if self.given.contains(&name) {
            return None;
        }
        let rule = self.rules.iter().find(|rule| match &rule.statuses {
            Some(statuses) => statuses.iter().any(|range| range.contains(&status)),
            None => true,
        });
        rule?.settings.get(name)
    }

    /// How often, after an answer of this status; `or` when nobody says.
    pub(crate) fn count(&self, name: &'static str, status: Option<u16>, or: u64) -> u64 {
        self.setting(name, status).and_then(Json::as_u64).unwrap_or(or)
    }

    /// How long, after an answer of this status; `or` seconds when nobody says.
    pub(crate) fn delay(&self, name: &'static str, status: Option<u16>, or: f64) -> Duration {
        let seconds = self.setting(name, status).and_then(Json::as_f64).unwrap_or(or);
        Duration::try_from_secs_f64(seconds).unwrap_or_default()
    }
}

/// `"429"`, `"500,502"`, `"400-428"`.
fn statuses(text: &str) -> Option<Vec<RangeInclusive<u16>>> {
    let code = |text: &str| text.trim().parse::<u16>().ok();
    text.split(',')
        .map(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            Some(code(first)?..=code(last)?)
        })
        .collect()
}
