//! Pipes and their pumps.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use pipewright_config::Pipe;
use pipewright_entity::Entity;
use pipewright_protocol::studio::PipeState;
use pipewright_pump::Operation;
use pipewright_store::{Reader, Select, names};
use serde_json::{Value, json};

use super::{Failed, blocking, flag};
use crate::evaluate::Stage;
use crate::loaded::Loaded;
use crate::{Claims, Node, status};

pub(super) fn routes() -> Router<Arc<Node>> {
    Router::new()
        .route("/pipes", get(list))
        .route("/pipes/{id}", get(one))
        .route("/pipes/{id}/config", get(config))
        .route("/pipes/{id}/pump", get(pump).post(operate))
        .route("/pipes/{id}/log", get(log))
        .route("/pipes/{id}/entities", get(entities))
        .route("/publishers/{id}/entities", get(publish_entities))
        .route("/publishers/{id}/csv", get(publish_csv))
        .route("/publishers/{id}/xml", get(publish_xml))
        .route("/publishers/{id}/xml/{file}", get(publish_xml_file))
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

async fn config(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Failed> {
    let loaded = node.loaded();
    Ok(Json(known(&loaded, &id)?.original()))
}

fn known<'l>(loaded: &'l Loaded, id: &str) -> Result<&'l Pipe, Failed> {
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
        .map(|problem| {
            json!({
                "elements": problem.diagnostic.path.bracketed(),
                "level": problem.diagnostic.severity.to_string(),
                "msg": problem.diagnostic.message,
            })
        })
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

/// Starts and stops a pipe, and what else is done to it: `operation` in a form
/// or in the query.
async fn operate(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Path(id): Path<String>,
    Query(mut fields): Query<HashMap<String, String>>,
    body: Bytes,
) -> Result<Json<Value>, Failed> {
    fields.extend(form(&body));
    let operation = fields.remove("operation").unwrap_or_default();
    let path = id.clone();
    blocking(node.clone(), move |node| {
        known(&node.loaded(), &id)?;
        match operation.as_str() {
            "start" | "start-rescan" => {
                if !node.is_trusted() {
                    return Err(Failed::not_trusted());
                }
                if node.conductor.is_running(&id) {
                    return Err(Failed::running(&id));
                }
                node.start(std::slice::from_ref(&id), operation == "start-rescan")
            }
            "stop" => {
                node.stop(std::slice::from_ref(&id));
                Ok(())
            }
            "update-last-seen" => {
                let last_seen = fields.remove("last-seen").unwrap_or_default();
                let operation = Operation::SetLastSeen(offset(&last_seen));
                node.operate(&id, &operation, &claims.sub)
            }
            other => {
                let comment = fields.remove("comment").filter(|comment| !comment.is_empty());
                let operation = match other {
                    "set-last-seen-to-end" => Operation::SetLastSeenToEnd,
                    "reset-tracking" => Operation::ResetTracking,
                    "discard-retries" => Operation::DiscardRetries,
                    "enable" => Operation::Enable,
                    "disable" => Operation::Disable(comment),
                    _ => {
                        return Err(Failed::bad_request(format!(
                            "the operation {other:?} is not known here: {}",
                            OPERATIONS.join(", ")
                        )));
                    }
                };
                node.operate(&id, &operation, &claims.sub)
            }
        }
    })
    .await?;
    pump(State(node), Path(path)).await
}

/// The fields of an `application/x-www-form-urlencoded` body.
pub(super) fn form(body: &[u8]) -> HashMap<String, String> {
    let text = std::str::from_utf8(body).unwrap_or_default();
    let decode = |part: &str| {
        let part = part.replace('+', " ");
        percent_encoding::percent_decode_str(&part).decode_utf8_lossy().into_owned()
    };
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decode(name), decode(value))).collect()
}

async fn log(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Json<Vec<Entity>>, Failed> {
    let select = Select {
        history: flag(query.get("history"), true),
        deleted: flag(query.get("deleted"), true),
        reverse: flag(query.get("reverse"), false),
        ..Select::default()
    };
    let number = |name: &str| query.get(name).and_then(|text| text.parse().ok());
    let (since, limit) = (number("since"), number("limit"));
    blocking(node, move |node| {
        known(&node.loaded(), &id)?;
        let reader = node.store().reader()?;
        let log = names::execution_log(&id);
        if reader.dataset(&log)?.is_none() {
            return Ok(Json(Vec::new()));
        }
        let lines = reader.changes(&log, since, limit, select)?;
        let lines = lines.map(|version| Ok(version?.with_metadata()));
        lines.collect::<Result<Vec<_>, Failed>>().map(Json)
    })
    .await
}

async fn entities(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Json<Vec<Entity>>, Failed> {
    let stage = match query.get("stage").map(String::as_str) {
        None | Some("sink" | "") => Stage::Sink,
        Some("source" | "before-transforms") => Stage::Source,
        Some("after-transforms") => Stage::AfterTransforms,
        Some(other) => {
            return Err(Failed::bad_request(format!(
                "no stage {other:?}: source, before-transforms, after-transforms, sink"
            )));
        }
    };
    let limit = query.get("limit").and_then(|limit| limit.parse().ok());
    blocking(node, move |node| {
        known(&node.loaded(), &id)?;
        node.entities(&id, stage, None, limit, HashMap::new()).map(Json)
    })
    .await
}

async fn publish_entities(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response, Failed> {
    blocking(node, move |node| {
        let entities = published(node, &id, query)?;
        Ok(Json(entities).into_response())
    })
    .await
}

async fn publish_csv(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response, Failed> {
    blocking(node, move |node| {
        let entities = published(node, &id, query)?;
        let (content_type, bytes) = node.csv(&id, &entities)?;
        let mut headers = HeaderMap::new();
        if let Ok(value) = content_type.parse() {
            headers.insert(header::CONTENT_TYPE, value);
        }
        Ok((headers, bytes).into_response())
    })
    .await
}

async fn publish_xml(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response, Failed> {
    blocking(node, move |node| xml(node, &id, None, query)).await
}

async fn publish_xml_file(
    State(node): State<Arc<Node>>,
    Path((id, file)): Path<(String, String)>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response, Failed> {
    blocking(node, move |node| xml(node, &id, Some(file), query)).await
}

fn xml(
    node: &Arc<Node>,
    id: &str,
    file: Option<String>,
    query: HashMap<String, String>,
) -> Result<Response, Failed> {
    let entities = published(node, id, query)?;
    let (content_type, bytes) = node.xml(id, &entities)?;
    let mut headers = HeaderMap::new();
    if let Ok(value) = content_type.parse() {
        headers.insert(header::CONTENT_TYPE, value);
    }
    let sink = node.sink_config(id);
    let given = |name: &str| sink.get(name).and_then(|value| value.as_str()).map(str::to_owned);
    if let Some(file) = file.or_else(|| given("filename")) {
        // What would end the quoted name, or the header, is left out.
        let file: String =
            file.chars().filter(|c| !c.is_control() && !matches!(c, '"' | '\\' | '/')).collect();
        let kind = given("content_disposition").unwrap_or_else(|| "attachment".into());
        if let Ok(value) = format!("{kind}; filename=\"{file}\"").parse() {
            headers.insert(header::CONTENT_DISPOSITION, value);
        }
    }
    Ok((headers, bytes).into_response())
}

/// The entities that a published pipe gives; parameters that are not of the
/// protocol are bound to `_B`.
fn published(
    node: &Arc<Node>,
    id: &str,
    mut query: HashMap<String, String>,
) -> Result<Vec<Entity>, Failed> {
    let loaded = node.loaded();
    if !known(&loaded, id)?.is_endpoint() {
        return Err(Failed::not_found(format!("the pipe {id:?} publishes nothing")));
    }
    let since = query.remove("since");
    let limit = query.remove("limit").and_then(|limit| limit.parse().ok());
    node.entities(id, Stage::Sink, since, limit, query)
}
