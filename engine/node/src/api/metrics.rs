//! How the node and its pipes fare, for Prometheus: the documented names, as
//! far as the node knows the numbers.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use pipewright_config::pipe::Mode;
use pipewright_protocol::studio::{PipeState, PipeStatus};
use pipewright_store::Reader;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Failed, blocking};
use crate::permissions::{self, Act, Resource};
use crate::upload::DEFAULT_GROUP;
use crate::{Claims, Node, status};

pub(super) fn routes() -> OpenApiRouter<Arc<Node>> {
    OpenApiRouter::new().routes(routes!(metrics))
}

/// One metric with its samples, each with its labels as they are written.
#[derive(Default)]
struct Metric {
    kind: &'static str,
    help: &'static str,
    samples: Vec<(String, f64)>,
}

#[derive(Default)]
struct Metrics(BTreeMap<&'static str, Metric>);

impl Metrics {
    fn add(&mut self, name: &'static str, help: &'static str, labels: String, value: f64) {
        let metric = self.0.entry(name).or_default();
        (metric.kind, metric.help) = ("gauge", help);
        metric.samples.push((labels, value));
    }

    /// A number that only grows; `name` ends in `_total`.
    fn count(&mut self, name: &'static str, help: &'static str, labels: String, value: u64) {
        let metric = self.0.entry(name).or_default();
        (metric.kind, metric.help) = ("counter", help);
        metric.samples.push((labels, value as f64));
    }

    /// Whether something is well, which may not be known.
    fn state(&mut self, name: &'static str, help: &'static str, well: Option<bool>) {
        let states = [("healthy", Some(true)), ("unhealthy", Some(false)), ("unknown", None)];
        for (state, is) in states {
            let labels = labels(&[(name, state)]);
            self.add(name, help, labels, f64::from(u8::from(is == well)));
        }
    }

    fn show(&self) -> String {
        let mut text = String::new();
        for (name, Metric { kind, help, samples }) in &self.0 {
            // Writing to a string cannot fail.
            let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
            for (labels, value) in samples {
                let _ = writeln!(text, "{name}{labels} {value}");
            }
        }
        text
    }
}

/// Labels as the format writes them.
fn labels(labels: &[(&str, &str)]) -> String {
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let labels: Vec<String> =
        labels.iter().map(|(name, value)| format!("{name}=\"{}\"", quoted(value))).collect();
    format!("{{{}}}", labels.join(","))
}

/// The metrics for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "Node", responses((status = 200, description = "Done.", content_type = "text/plain", body = String)))]
async fn metrics(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
) -> Result<Response, Failed> {
    blocking(node, move |node| {
        let text = collect(node, &claims)?.show();
        let kind = "text/plain; version=0.0.4; charset=utf-8";
        Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
    })
    .await
}

fn collect(node: &Arc<Node>, claims: &Claims) -> Result<Metrics, Failed> {
    let mut metrics = Metrics::default();
    let (loaded, reader) = (node.loaded(), node.store().reader()?);
    let well = node.ails().is_none();
    metrics.state("sesam_health", "Whether the node can do its work.", Some(well));
    // Backups are made from outside, which tell the node nothing.
    metrics.state("sesam_backup_health", "Whether backups fail.", None);
    let help = "How often the node was started again since its last upgrade.";
    metrics.add("sesam_service_restarts", help, String::new(), node.restarts() as f64);
    let seen = |id: &str| permissions::may(&loaded, claims, Resource::Pipe(id), Act::ReadConfig);
    for (id, plan) in loaded.plans.iter().filter(|(id, _)| seen(id)) {
        let plan = plan.as_deref().map_err(ToString::to_string);
        let status = status::pipe_status(node, &reader, id, plan.clone())?;
        let pipe = labels(&[("pipe", id.as_str())]);
        let is = |yes: bool| f64::from(u8::from(yes));
        let mut add = |name, help, value| metrics.add(name, help, pipe.clone(), value);
        add(
            "sesam_pipe_enabled",
            "Whether the pipe runs by itself.",
            is(status.state != PipeState::Disabled),
        );
        let retries = reader.retry_counts(id)?;
        let dead = [
            ("sesam_pipe_dead_letter_dataset_count_index_exists", retries.dead),
            ("sesam_pipe_dead_letter_dataset_count_log_exists", retries.dead),
            // One that is solved or taken away leaves nothing behind.
            ("sesam_pipe_dead_letter_dataset_count_index_deleted", 0),
            ("sesam_pipe_dead_letter_dataset_count_log_deleted", 0),
        ];
        for (name, count) in dead {
            add(name, "Entities of the pipe that were given up.", count as f64);
        }
        // A node keeps one copy of what it has.
        add("sesam_pipe_queue_replicas", "Entities that wait for replicas.", 0.0);
        let config = loaded.project.pipe(id);
        let effective = config.map(|pipe| pipe.effective()).unwrap_or_default();
        let group = effective["metadata"]["$config-group"].as_str().unwrap_or(DEFAULT_GROUP);
        let feeds_none = config
            .and_then(|pipe| pipe.sink_dataset())
            .is_none_or(|dataset| loaded.flow.readers_of(dataset).is_empty());
        let leaf = if feeds_none { "1" } else { "0" };
        let pipe_config = labels(&[("pipe", id), ("config_group", group), ("leaf", leaf)]);
        let valid = is(status.state != PipeState::Invalid);
        let help = "Whether the config of the pipe is valid.";
        metrics.add("sesam_pipe_config", help, pipe_config, valid);
        let mut add = |name, help, value| metrics.add(name, help, pipe.clone(), value);
        if let Ok(plan) = &plan {
            let sources = plan.source_datasets();
            let waiting = |of_source: bool| -> u64 {
                let queues = status.queues.iter();
                let of = queues.filter(|(id, _)| {
                    sources.iter().any(|source| source.as_str() == id.as_str()) == of_source
                });
                of.map(|(_, waits)| waits).sum()
            };
            if !sources.is_empty() {
                let help = "Entities that wait in the source.";
                add("sesam_pipe_queue_source", help, waiting(true) as f64);
            }
            let help = "Changes to follow in datasets that the pipe looks into.";
            add("sesam_pipe_queue_tracking", help, waiting(false) as f64);
            let help = "Whether the circuit breaker has tripped.";
            let tripped = pipewright_pump::is_tripped(plan, &reader)?;
            add("sesam_pipe_circuit_breaker_tripped", help, is(tripped));
            let dataset = match plan.sink_dataset() {
                Some(dataset) => reader.dataset(dataset)?,
                None => None,
            };
            if let Some(dataset) = dataset {
                add("sesam_pipe_usage", "Bytes of what the pipe wrote.", dataset.bytes as f64);
                let counts = [
                    (
                        "sesam_pipe_sink_dataset_count_index_exists",
                        "Entities in the sink dataset.",
                        dataset.live,
                    ),
                    (
                        "sesam_pipe_sink_dataset_count_index_deleted",
                        "Deleted entities in the sink dataset.",
                        dataset.deleted,
                    ),
                    (
                        "sesam_pipe_sink_dataset_count_log_exists",
                        "Versions in the log of the sink dataset.",
                        dataset.log_live,
                    ),
                    (
                        "sesam_pipe_sink_dataset_count_log_deleted",
                        "Deletions in the log of the sink dataset.",
                        dataset.log_deleted,
                    ),
                ];
                for (name, help, count) in counts {
                    add(name, help, count as f64);
                }
            }
        }
        // Pumps that never run by themselves have nothing to scrape.
        if plan.as_ref().is_ok_and(|plan| plan.mode() == Mode::Scheduled) {
            pump(&mut metrics, node, &reader, id, &status)?;
        }
    }
    Ok(metrics)
}

/// What the pump of a pipe did.
fn pump(
    metrics: &mut Metrics,
    node: &Node,
    reader: &Reader,
    id: &str,
    status: &PipeStatus,
) -> Result<(), Failed> {
    let pipe = labels(&[("pipe", id)]);
    let counts = node.counters.of(id);
    let counted = [
        (
            "sesam_pump_started_total",
            "sesam_pump_started_created",
            "Runs that began.",
            counts.started,
        ),
        (
            "sesam_pump_completed_total",
            "sesam_pump_completed_created",
            "Runs that came to their end.",
            counts.completed,
        ),
        (
            "sesam_pump_failed_total",
            "sesam_pump_failed_created",
            "Runs that failed.",
            counts.failed,
        ),
        (
            "sesam_pump_interrupted_total",
            "sesam_pump_interrupted_created",
            "Runs that were stopped.",
            counts.interrupted,
        ),
        (
            "sesam_pump_entities_changes_total",
            "sesam_pump_entities_changes_created",
            "Entities that changed something.",
            counts.changes,
        ),
        (
            "sesam_pump_entities_seen_total",
            "sesam_pump_entities_seen_created",
            "Entities that were read.",
            counts.seen,
        ),
        (
            "sesam_pump_entities_deletion_tracked_total",
            "sesam_pump_entities_deletion_tracked_created",
            "Entities deleted because a full run did not see them.",
            counts.deletion_tracked,
        ),
        (
            "sesam_pump_entities_compacted_total",
            "sesam_pump_entities_compacted_created",
            "Versions that were compacted away.",
            counts.compacted,
        ),
    ];
    for (name, created, help, value) in counted {
        metrics.count(name, help, pipe.clone(), value);
        let since = node.started() as f64 / 1e6;
        metrics.add(created, "Since when it is counted.", pipe.clone(), since);
    }
    let mut add = |name, help, value| metrics.add(name, help, pipe.clone(), value);
    let help = "Entities that are to be tried again.";
    add("sesam_pump_entities_retryable", help, status.retries as f64);
    let last = status::last_run(reader, id)?;
    let went_well = match &last {
        None => 0.0,
        Some(last) if last.state == PipeState::Failed => -1.0,
        Some(_) => 1.0,
    };
    let help = "1 if the last run went well, -1 if it did not, 0 if there was none.";
    add("sesam_pump_successful", help, went_well);
    let took = last.as_ref().and_then(|last| last.took).unwrap_or(0);
    add("sesam_pump_total_time", "Seconds that the last run took.", took as f64 / 1e6);
    if let Some(started) = last.as_ref().and_then(|last| last.started) {
        let help = "When the last run was to begin, in seconds since 1970.";
        add("sesam_pump_previous_scheduled_time", help, started as f64 / 1e6);
    }
    if let Some(ended) = last.and_then(|last| last.ended) {
        let help = "When the last run ended, in seconds since 1970.";
        add("sesam_pump_last_completed_time", help, ended as f64 / 1e6);
    }
    if let Some(next) = status.next_run {
        let help = "When the pipe runs next, in seconds since 1970.";
        add("sesam_pump_scheduled_time", help, next as f64 / 1e6);
    }
    let help = "When these numbers were taken, in seconds since 1970.";
    add("sesam_pump_scrape_time", help, node.now() as f64 / 1e6);
    Ok(())
}
