//! Running everything until nothing changes.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use pipewright_protocol::service::{PipesReset, RunnerLine, RunnerStatus};
use serde::Deserialize;
use serde_json::Value;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::query::{Asked, Json, flag, number};
use super::{Failed, blocking};
use crate::loaded::Loaded;
use crate::permissions::{self, Act, Resource};
use crate::runner::Everything;
use crate::{Claims, Node};

pub(super) fn routes() -> OpenApiRouter<Arc<Node>> {
    // Before the pipes: no pipe can have these ids.
    OpenApiRouter::new()
        .routes(routes!(run))
        .routes(routes!(stop))
        .routes(routes!(status))
        .routes(routes!(log))
        .routes(routes!(delete_datasets))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
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

/// Runs all pipes until nothing changes.
#[utoipa::path(post, path = "/pipes/run-all-pipes", tag = "All pipes", params(RunAll), responses((status = 200, description = "Done.", body = RunnerStatus)))]
async fn run(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Asked(asked): Asked<RunAll>,
) -> Result<Json<RunnerStatus>, Failed> {
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
        node.require_runs(&claims, &[])?;
        let job = node.run_everything(everything)?;
        if !waits {
            let token = Some(job.token.clone());
            return Ok(Json(RunnerStatus { token, ..RunnerStatus::default() }));
        }
        while !job.wait(Duration::from_secs(3600)) {}
        // Who may run all pipes hears of all.
        let (state, info) = job.outcome(|_| true);
        Ok(Json(fares(state.name(), None, Some(info))))
    })
    .await
}

fn fares(status: &str, token: Option<String>, info: Option<Value>) -> RunnerStatus {
    RunnerStatus { status: Some(status.to_owned()), token, additional_info: info }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct StopAll {
    /// Seconds to wait for the end.
    #[serde(default, deserialize_with = "number")]
    terminate_timeout: Option<u64>,
}

/// Stops running all pipes.
#[utoipa::path(post, path = "/pipes/stop-run-all-pipes", tag = "All pipes", params(StopAll), responses((status = 200, description = "Done.", body = RunnerStatus)))]
async fn stop(
    State(node): State<Arc<Node>>,
    Asked(asked): Asked<StopAll>,
) -> Result<Json<RunnerStatus>, Failed> {
    let patience = Duration::from_secs(asked.terminate_timeout.unwrap_or(30).min(3600));
    blocking(node, move |node| {
        let job = node.jobs.find(None).filter(|job| job.is_running());
        let Some(job) = job else { return Ok(Json(fares("not-running", None, None))) };
        job.stop();
        let status = if job.wait(patience) { "stopped" } else { "stopping" };
        Ok(Json(fares(status, Some(job.token.clone()), None)))
    })
    .await
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct OfJob {
    token: Option<String>,
    since: Option<String>,
}

/// How running all pipes goes.
#[utoipa::path(get, path = "/pipes/get-pipe-runner-status", tag = "All pipes", params(OfJob), responses((status = 200, description = "Done.", body = RunnerStatus)))]
async fn status(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Asked(asked): Asked<OfJob>,
) -> Json<RunnerStatus> {
    let loaded = node.loaded();
    Json(match node.jobs.find(asked.token.as_deref()) {
        None => fares("not-running", None, None),
        Some(job) => {
            let (state, info) = job.outcome(|pipe| seen(&loaded, &claims, pipe));
            fares(state.name(), None, Some(info))
        }
    })
}

/// What happened while all pipes were run.
#[utoipa::path(get, path = "/pipes/get-run-all-pipes-log", tag = "All pipes", params(OfJob), responses((status = 200, description = "Done.", body = Vec<RunnerLine>)))]
async fn log(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Asked(asked): Asked<OfJob>,
) -> Json<Vec<RunnerLine>> {
    let loaded = node.loaded();
    let job = node.jobs.find(asked.token.as_deref());
    let since = asked.since.as_deref().filter(|since| !since.is_empty());
    let lines = job.map(|job| job.lines(since, |pipe| seen(&loaded, &claims, pipe)));
    Json(lines.unwrap_or_default())
}

/// Whether a caller may hear of a pipe.
fn seen(loaded: &Loaded, claims: &Claims, pipe: &str) -> bool {
    permissions::may(loaded, claims, Resource::Pipe(pipe), Act::ReadConfig)
}

/// Resets all pipes and drops what they wrote.
#[utoipa::path(post, path = "/pipes/delete-all-sink-datasets", tag = "All pipes", responses((status = 200, description = "Done.", body = PipesReset)))]
async fn delete_datasets(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
) -> Result<Json<PipesReset>, Failed> {
    blocking(node, move |node| {
        node.require_runs(&claims, &[])?;
        let count = node.reset_all()?;
        Ok(Json(PipesReset { message: "OK".to_owned(), pipes: count as u64 }))
    })
    .await
}
