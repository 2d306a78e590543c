//! How the node and its pipes fare, for Prometheus: the documented names, as
//! far as the node knows the numbers.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use pipewright_protocol::studio::PipeState;

use super::{Failed, blocking};
use crate::{Node, status};

pub(super) fn routes() -> Router<Arc<Node>> {
    Router::new().route("/metrics", get(metrics))
}

/// One metric with its samples, each with its labels as they are written.
#[derive(Default)]
struct Metric {
    help: &'static str,
    samples: Vec<(String, f64)>,
}

#[derive(Default)]
struct Metrics(BTreeMap<&'static str, Metric>);

impl Metrics {
    fn add(&mut self, name: &'static str, help: &'static str, labels: String, value: f64) {
        let metric = self.0.entry(name).or_default();
        metric.help = help;
        metric.samples.push((labels, value));
    }

    fn show(&self) -> String {
        let mut text = String::new();
        for (name, Metric { help, samples }) in &self.0 {
            // Writing to a string cannot fail.
            let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n");
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

async fn metrics(State(node): State<Arc<Node>>) -> Result<Response, Failed> {
    blocking(node, |node| {
        let text = collect(node)?.show();
        let kind = "text/plain; version=0.0.4; charset=utf-8";
        Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
    })
    .await
}

fn collect(node: &Arc<Node>) -> Result<Metrics, Failed> {
    let mut metrics = Metrics::default();
    let (loaded, reader) = (node.loaded(), node.store().reader()?);
    for (state, value) in [("healthy", 1.0), ("unhealthy", 0.0), ("unknown", 0.0)] {
        let labels = labels(&[("sesam_health", state)]);
        metrics.add("sesam_health", "Whether the API answers.", labels, value);
    }
    for (id, plan) in &loaded.plans {
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
        add(
            "sesam_pipe_config",
            "Whether the config of the pipe is valid.",
            is(status.state != PipeState::Invalid),
        );
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
        let help = "Entities that are to be tried again.";
        add("sesam_pump_entities_retryable", help, status.retries as f64);
        let last = status::last_run(&reader, id)?;
        let went_well = match &last {
            None => 0.0,
            Some(last) if last.state == PipeState::Failed => -1.0,
            Some(_) => 1.0,
        };
        let help = "1 if the last run went well, -1 if it did not, 0 if there was none.";
        add("sesam_pump_successful", help, went_well);
        let took = last.as_ref().and_then(|last| last.took).unwrap_or(0);
        add("sesam_pump_total_time", "Seconds that the last run took.", took as f64 / 1e6);
        if let Some(ended) = last.and_then(|last| last.ended) {
            let help = "When the last run ended, in seconds since 1970.";
            add("sesam_pump_last_completed_time", help, ended as f64 / 1e6);
        }
        if let Some(next) = status.next_run {
            let help = "When the pipe runs next, in seconds since 1970.";
            add("sesam_pump_scheduled_time", help, next as f64 / 1e6);
        }
    }
    Ok(metrics)
}
