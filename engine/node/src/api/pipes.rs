//! Pipes and their pumps.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Json, Router};
use pipewright_config::Pipe;
use pipewright_entity::Entity;
use pipewright_protocol::studio::PipeState;
use pipewright_pump::Operation;
use pipewright_store::{Reader, Select, names};
use serde::Deserialize;
use serde_json::{Value, json};

use super::config::{Force, Upload};
use super::query::{self, Asked, flag, number};
use super::{Failed, blocking};
use crate::evaluate::Stage;
use crate::loaded::Loaded;
use crate::upload::Posted;
use crate::{Claims, Node, status};

pub(super) fn routes() -> Router<Arc<Node>> {
    Router::new()
        .route("/pipes", get(list).post(add))
        .route("/pipes/{id}", get(one).delete(remove))
        .route("/pipes/{id}/config", get(config).put(replace))
        .route("/pipes/{id}/pump", get(pump).post(operate))
        .route("/pipes/{id}/log", get(log))
        .route("/pipes/{id}/entities", get(entities))
}

async fn list(State(node): State<Arc<Node>>) -> Result<Json<Vec<Value>>, Failed> {
    blocking(node, |node| {
        let (loaded, reader) = (node.loaded(), node.store().reader()?);
        let shown = loaded.project.pipes().map(|pipe| show(node, &loaded, &reader, pipe));
        shown.collect::<Result<Vec<_>, _>>().map(Json)
    })
    .await
}

async fn one(State(node): State<Arc<Node>>, Path(id): Path<String>) -> Result<Json<Value>, Failed> {
    blocking(node, move |node| {
        let (loaded, reader) = (node.loaded(), node.store().reader()?);
        show(node, &loaded, &reader, known(&loaded, &id)?).map(Json)
    })
    .await
}

async fn add(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Asked(force): Asked<Force>,
    upload: Upload,
) -> Result<(StatusCode, Json<Vec<Value>>), Failed> {
    let posted = upload.all(Posted::is_pipe, "a pipe")?;
    blocking(node, move |node| {
        let ids = super::config::add(node, posted, force.get(), &claims)?;
        let (loaded, reader) = (node.loaded(), node.store().reader()?);
        let shown = ids.iter().map(|id| show(node, &loaded, &reader, known(&loaded, id)?));
        Ok((StatusCode::CREATED, Json(shown.collect::<Result<_, _>>()?)))
    })
    .await
}

async fn remove(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Failed> {
    blocking(node, move |node| {
        let loaded = node.loaded();
        let shown = show(node, &loaded, &node.store().reader()?, known(&loaded, &id)?)?;
        super::config::replace(node, &id, Vec::new(), true, &claims)?;
        Ok(Json(shown))
    })
    .await
}

async fn config(State(node): State<Arc<Node>>, Path(id): Path<String>) -> Result<Response, Failed> {
    known(&node.loaded(), &id)?;
    Ok(super::config::component_text(&node, &id))
}

async fn replace(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Path(id): Path<String>,
    Asked(force): Asked<Force>,
    upload: Upload,
) -> Result<Json<Value>, Failed> {
    let posted = upload.all(Posted::is_pipe, "a pipe")?;
    blocking(node, move |node| {
        known(&node.loaded(), &id)?;
        super::config::replace(node, &id, posted, force.get(), &claims)?;
        let loaded = node.loaded();
        show(node, &loaded, &node.store().reader()?, known(&loaded, &id)?).map(Json)
    })
    .await
}

pub(super) fn known<'l>(loaded: &'l Loaded, id: &str) -> Result<&'l Pipe, Failed> {
    match loaded.project.pipe(id) {
        Some(pipe) => Ok(pipe),
        None => Err(Failed::not_found(format!("there is no pipe {id:?}"))),
    }
}

/// A pipe as the service API shows it.
fn show(node: &Node, loaded: &Loaded, reader: &Reader, pipe: &Pipe) -> Result<Value, Failed> {
    Ok(json!({
        "_id": pipe.id.as_str(),
        "storage": match pipe.sink_dataset() {
            Some(dataset) => reader.dataset(dataset)?.map_or(0, |dataset| dataset.bytes),
            None => 0,
        },
        "config": { "original": pipe.original(), "effective": pipe.effective() },
        "runtime": runtime(node, loaded, reader, pipe)?,
    }))
}

fn runtime(node: &Node, loaded: &Loaded, reader: &Reader, pipe: &Pipe) -> Result<Value, Failed> {
    let plan = loaded.plan(&pipe.id);
    let plan = plan.as_deref().map_err(Clone::clone);
    let status = status::pipe_status(node, reader, &pipe.id, plan.clone())?;
    let last = status::last_run(reader, &pipe.id)?;
    let problems: Vec<Value> = loaded
        .problems
        .iter()
        .filter(|problem| problem.component.as_ref() == Some(&pipe.id))
        .map(crate::wire::config_error)
        .collect();
    let sources: Vec<String> = pipe.source_datasets().iter().map(ToString::to_string).collect();
    let queue = |dataset: &String| status.queues.get(dataset).copied().unwrap_or(0);
    let source_queue = match sources.as_slice() {
        [] => Value::Null,
        [only] => queue(only).into(),
        several => several
            .iter()
            .map(|dataset| (dataset.clone(), Value::from(queue(dataset))))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    };
    let dependencies: serde_json::Map<String, Value> = match plan {
        Ok(plan) => plan
            .dependencies()
            .map(|(dataset, _)| (dataset.to_string(), queue(&dataset.to_string()).into()))
            .collect(),
        Err(_) => serde_json::Map::new(),
    };
    let failed = status.state == PipeState::Failed;
    Ok(json!({
        "state": match status.state {
            PipeState::New | PipeState::Serving | PipeState::Invalid => Value::Null,
            state => serde_json::to_value(state).unwrap_or_default(),
        },
        "success": !failed,
        "is-running": status.state == PipeState::Running,
        "is-disabled": status.state == PipeState::Disabled,
        "is-valid-config": status.state != PipeState::Invalid,
        "config-errors": problems,
        "last-message": status.message,
        "last-original-error-message": if failed { status.message.clone() } else { None },
        "last-started": last.as_ref().and_then(|last| last.started).map(crate::time::iso),
        "last-run": status.last_run.map(crate::time::iso),
        "next-run": status.next_run.map(crate::time::iso),
        "disable-set-last-seen": pipe.disable_set_last_seen,
        "current-time": crate::time::iso(node.now()),
        "progress": { "processed": status.processed, "last-run": status.processed },
        "queues": { "source": source_queue, "dependencies": dependencies },
        "last-seen": reader.offset(&pipe.id)?,
        "execution-dataset": names::execution_log(&pipe.id).as_str(),
        "origin": "user",
        "supported-operations": if pipe.is_endpoint() { json!(["enable", "disable"]) } else { json!(OPERATIONS) },
    }))
}

async fn pump(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Failed> {
    blocking(node, move |node| {
        let (loaded, reader) = (node.loaded(), node.store().reader()?);
        let pipe = known(&loaded, &id)?;
        Ok(Json(json!({
            "_id": format!("pump:{id}"),
            "runtime": runtime(node, &loaded, &reader, pipe)?,
        })))
    })
    .await
}

/// What can be done to a pipe that runs.
const OPERATIONS: [&str; 9] = [
    "start",
    "start-rescan",
    "stop",
    "enable",
    "disable",
    "update-last-seen",
    "set-last-seen-to-end",
    "reset-tracking",
    "discard-retries",
];

/// Where a pipe is to go on, as a form has it: a number, an object of numbers
/// by dataset, or text that only the source understands; nothing is the
/// beginning.
fn offset(text: &str) -> Option<pipewright_entity::Value> {
    use pipewright_entity::Value;
    if text.is_empty() {
        return None;
    }
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(json) if json.is_i64() || json.is_object() => Some(Value::from_json(&json)),
        _ => Some(Value::string(text)),
    }
}

/// Starts and stops a pipe, and what else is done to it.
async fn operate(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Path(id): Path<String>,
    asked: query::Operation,
) -> Result<Json<Value>, Failed> {
    let path = id.clone();
    blocking(node.clone(), move |node| {
        known(&node.loaded(), &id)?;
        let operation = match asked.name.as_str() {
            "start" | "start-rescan" => {
                if !node.is_trusted() {
                    return Err(Failed::not_trusted());
                }
                if node.conductor.is_running(&id) {
                    return Err(Failed::running(&id));
                }
                return node.start(std::slice::from_ref(&id), asked.name == "start-rescan");
            }
            "stop" => {
                node.stop(std::slice::from_ref(&id));
                return Ok(());
            }
            "update-last-seen" => {
                Operation::SetLastSeen(offset(asked.field("last-seen").unwrap_or_default()))
            }
            "set-last-seen-to-end" => Operation::SetLastSeenToEnd,
            "reset-tracking" => Operation::ResetTracking,
            "discard-retries" => {
                Operation::DiscardRetries { ids: Vec::new(), why: asked.comment() }
            }
            "enable" => Operation::Enable,
            "disable" => Operation::Disable(asked.comment()),
            _ => return Err(asked.unknown(&OPERATIONS)),
        };
        node.operate(&id, &operation, &claims.sub)
    })
    .await?;
    pump(State(node), Path(path)).await
}

#[derive(Deserialize)]
struct Log {
    #[serde(default, deserialize_with = "number")]
    since: Option<u64>,
    #[serde(default, deserialize_with = "number")]
    limit: Option<u64>,
    #[serde(default, deserialize_with = "flag")]
    history: Option<bool>,
    #[serde(default, deserialize_with = "flag")]
    deleted: Option<bool>,
    #[serde(default, deserialize_with = "flag")]
    reverse: Option<bool>,
}

async fn log(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
    Asked(asked): Asked<Log>,
) -> Result<Json<Vec<Entity>>, Failed> {
    let reverse = asked.reverse.unwrap_or(false);
    let select = Select {
        history: asked.history.unwrap_or(true),
        deleted: asked.deleted.unwrap_or(true),
        reverse,
        before: asked.since.filter(|_| reverse),
        ..Select::default()
    };
    let since = asked.since.filter(|_| !reverse);
    blocking(node, move |node| {
        known(&node.loaded(), &id)?;
        let reader = node.store().reader()?;
        let log = names::execution_log(&id);
        if reader.dataset(&log)?.is_none() {
            return Ok(Json(Vec::new()));
        }
        let lines = reader.changes(&log, since, asked.limit, select)?;
        let lines = lines.map(|version| Ok(version?.with_metadata()));
        lines.collect::<Result<Vec<_>, Failed>>().map(Json)
    })
    .await
}

#[derive(Deserialize)]
struct AtStage {
    stage: Option<String>,
    #[serde(default, deserialize_with = "number")]
    limit: Option<usize>,
}

async fn entities(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
    Asked(asked): Asked<AtStage>,
) -> Result<Json<Vec<Entity>>, Failed> {
    let stage = match asked.stage.as_deref() {
        None | Some("sink" | "") => Stage::Sink,
        Some("source" | "before-transforms") => Stage::Source,
        Some("after-transforms") => Stage::AfterTransforms,
        Some(other) => {
            return Err(Failed::bad_request(format!(
                "no stage {other:?}: source, before-transforms, after-transforms, sink"
            )));
        }
    };
    blocking(node, move |node| {
        known(&node.loaded(), &id)?;
        node.entities(&id, stage, None, asked.limit, HashMap::new()).map(Json)
    })
    .await
}
