//! Running everything until nothing changes.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::query::{Asked, flag, number};
use super::{Failed, blocking};
use crate::Node;
use crate::runner::{Everything, JobState};

pub(super) fn routes() -> Router<Arc<Node>> {
    // Before the pipes: no pipe can have these ids.
    Router::new()
        .route("/pipes/run-all-pipes", post(run))
        .route("/pipes/stop-run-all-pipes", post(stop))
        .route("/pipes/get-pipe-runner-status", get(status))
        .route("/pipes/get-run-all-pipes-log", get(log))
        .route("/pipes/delete-all-sink-datasets", post(delete_datasets))
}

#[derive(Deserialize)]
struct RunAll {
    #[serde(default, deserialize_with = "number")]
    extra_zero_runs: Option<u64>,
    #[serde(default, deserialize_with = "number")]
    max_run_time: Option<u64>,
    #[serde(default, deserialize_with = "number")]
    max_runs: Option<u64>,
    request_mode: Option<String>,
    #[serde(default, deserialize_with = "flag")]
    delete_input_datasets: Option<bool>,
    #[serde(default, deserialize_with = "flag")]
    check_input_pipes: Option<bool>,
    #[serde(default, deserialize_with = "flag")]
    reset_pipes_and_delete_sink_datasets: Option<bool>,
    #[serde(default, deserialize_with = "flag")]
    output_run_statistics: Option<bool>,
}

async fn run(
    State(node): State<Arc<Node>>,
    Asked(asked): Asked<RunAll>,
) -> Result<Json<Value>, Failed> {
    let waits = match asked.request_mode.as_deref() {
        None | Some("sync" | "") => true,
        Some("async") => false,
        Some(other) => {
            return Err(Failed::bad_request(format!("no \"request_mode\" {other:?}: sync, async")));
        }
    };
    let everything = Everything {
        zero_runs: asked.extra_zero_runs.unwrap_or(2),
        max_runs: asked.max_runs.unwrap_or(100),
        max_time: Duration::from_secs(asked.max_run_time.unwrap_or(900)),
        reset: asked.reset_pipes_and_delete_sink_datasets.unwrap_or(true),
        reset_inputs: asked.delete_input_datasets.unwrap_or(true),
        check_inputs: asked.check_input_pipes.unwrap_or(false),
        statistics: asked.output_run_statistics.unwrap_or(false),
    };
    blocking(node, move |node| {
        let job = node.run_everything(everything)?;
        if !waits {
            return Ok(Json(json!({ "token": job.token })));
        }
        while !job.wait(Duration::from_secs(3600)) {}
        let (state, info) = job.outcome();
        Ok(Json(json!({ "status": state.name(), "additional_info": info })))
    })
    .await
}

#[derive(Deserialize)]
struct StopAll {
    /// Seconds to wait for the end.
    #[serde(default, deserialize_with = "number")]
    terminate_timeout: Option<u64>,
}

async fn stop(
    State(node): State<Arc<Node>>,
    Asked(asked): Asked<StopAll>,
) -> Result<Json<Value>, Failed> {
    let patience = Duration::from_secs(asked.terminate_timeout.unwrap_or(30).min(3600));
    blocking(node, move |node| {
        let job = node.jobs.find(None).filter(|job| job.outcome().0 == JobState::Running);
        let Some(job) = job else { return Ok(Json(json!({ "status": "not-running" }))) };
        job.stop();
        let status = if job.wait(patience) { "stopped" } else { "stopping" };
        Ok(Json(json!({ "status": status, "token": job.token })))
    })
    .await
}

#[derive(Deserialize)]
struct OfJob {
    token: Option<String>,
    since: Option<String>,
}

async fn status(State(node): State<Arc<Node>>, Asked(asked): Asked<OfJob>) -> Json<Value> {
    Json(match node.jobs.find(asked.token.as_deref()) {
        None => json!({ "status": "not-running" }),
        Some(job) => {
            let (state, info) = job.outcome();
            json!({ "status": state.name(), "additional_info": info })
        }
    })
}

async fn log(State(node): State<Arc<Node>>, Asked(asked): Asked<OfJob>) -> Json<Vec<Value>> {
    let job = node.jobs.find(asked.token.as_deref());
    let since = asked.since.as_deref().filter(|since| !since.is_empty());
    Json(job.map(|job| job.lines(since)).unwrap_or_default())
}

async fn delete_datasets(State(node): State<Arc<Node>>) -> Result<Json<Value>, Failed> {
    blocking(node, move |node| {
        let count = node.reset_all()?;
        Ok(Json(json!({ "message": "OK", "pipes": count })))
    })
    .await
}
