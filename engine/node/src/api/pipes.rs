//! Pipes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use pipewright_entity::{Entity, Value as Data, Version};
use pipewright_protocol::service::{
    ComponentConfig, ConfigAudit, ConfigAuthor, EntityType, Pipe, PipePreview, PipeRuntime,
    Progress, Queues,
};
use pipewright_protocol::studio::{self, PipeState};
use pipewright_store::{Reader, Select, names};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::config::{Force, Upload};
use super::pumps::OPERATIONS;
use super::query::{self, Asked, Json, Path, flag, number};
use super::{Failed, blocking};
use crate::evaluate::Stage;
use crate::loaded::Loaded;
use crate::permissions::{self, Act, Resource};
use crate::upload::Posted;
use crate::{Claims, Node, status};

pub(super) fn routes() -> OpenApiRouter<Arc<Node>> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(one, remove))
        .routes(routes!(config, replace))
        .routes(routes!(log))
        .routes(routes!(entities))
        .routes(routes!(preview))
        .routes(routes!(schema))
        .routes(routes!(source_type))
        .routes(routes!(sink_type))
}

/// Which parts of a pipe to show.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Fields {
    /// Some of `config`, `runtime`, `storage`, with commas; all when missing.
    fields: Option<String>,
}

/// The parts of a pipe that are asked for.
#[derive(Clone, Copy)]
struct Parts {
    config: bool,
    runtime: bool,
    storage: bool,
}

impl Parts {
    const ALL: Parts = Parts { config: true, runtime: true, storage: true };
}

impl Fields {
    fn parts(&self) -> Result<Parts, Failed> {
        let Some(fields) = self.fields.as_deref().filter(|fields| !fields.is_empty()) else {
            return Ok(Parts::ALL);
        };
        let mut parts = Parts { config: false, runtime: false, storage: false };
        for field in fields.split(',') {
            match field.trim() {
                "config" => parts.config = true,
                "runtime" => parts.runtime = true,
                "storage" => parts.storage = true,
                // The flow as a picture is the studio's own.
                "graph" => {}
                other => {
                    return Err(Failed::bad_request(format!(
                        "no \"fields\" {other:?}: config, runtime, storage"
                    )));
                }
            }
        }
        Ok(parts)
    }
}

/// Every pipe.
#[utoipa::path(get, path = "/pipes", tag = "Pipes", params(Fields), responses((status = 200, description = "Done.", body = Vec<Pipe>)))]
async fn list(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Asked(fields): Asked<Fields>,
) -> Result<Json<Vec<Pipe>>, Failed> {
    let parts = fields.parts()?;
    blocking(node, move |node| {
        let (loaded, reader) = (node.loaded(), node.store().reader()?);
        let seen = loaded.project.pipes().filter(|pipe| {
            permissions::may(&loaded, &claims, Resource::Pipe(&pipe.id), Act::ReadConfig)
        });
        let shown = seen.map(|pipe| show(node, &loaded, &reader, pipe, parts));
        shown.collect::<Result<Vec<_>, _>>().map(Json)
    })
    .await
}

/// A pipe.
#[utoipa::path(get, path = "/pipes/{id}", tag = "Pipes", params(Fields), responses((status = 200, description = "Done.", body = Pipe)))]
async fn one(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
    Asked(fields): Asked<Fields>,
) -> Result<Json<Pipe>, Failed> {
    let parts = fields.parts()?;
    blocking(node, move |node| {
        let (loaded, reader) = (node.loaded(), node.store().reader()?);
        let mut shown = show(node, &loaded, &reader, known(&loaded, &id)?, parts)?;
        if let Some(config) = &mut shown.config {
            config.audit = audit(&reader, &id)?;
        }
        Ok(Json(shown))
    })
    .await
}

/// Adds pipes, which must be new.
#[utoipa::path(post, path = "/pipes", tag = "Pipes", params(Force), request_body(content((Vec<Value> = "application/json"), (Value = "application/zip"), (Value = "multipart/form-data"))), responses((status = 201, description = "Added.", body = Vec<Pipe>)))]
async fn add(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Asked(force): Asked<Force>,
    upload: Upload,
) -> Result<(StatusCode, Json<Vec<Pipe>>), Failed> {
    let posted = upload.all(Posted::is_pipe, "a pipe")?;
    blocking(node, move |node| {
        let ids = super::config::add(node, posted, force.get(), &claims)?;
        let (loaded, reader) = (node.loaded(), node.store().reader()?);
        let shown =
            ids.iter().map(|id| show(node, &loaded, &reader, known(&loaded, id)?, Parts::ALL));
        Ok((StatusCode::CREATED, Json(shown.collect::<Result<_, _>>()?)))
    })
    .await
}

/// Removes a pipe, and its dataset and state with it.
#[utoipa::path(delete, path = "/pipes/{id}", tag = "Pipes", responses((status = 200, description = "Done.", body = Pipe)))]
async fn remove(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Path(id): Path<String>,
) -> Result<Json<Pipe>, Failed> {
    blocking(node, move |node| {
        let loaded = node.loaded();
        let shown = show(node, &loaded, &node.store().reader()?, known(&loaded, &id)?, Parts::ALL)?;
        super::config::replace(node, &id, Vec::new(), true, &claims)?;
        Ok(Json(shown))
    })
    .await
}

/// The config of a pipe as it is written.
#[utoipa::path(get, path = "/pipes/{id}/config", tag = "Pipes", responses((status = 200, description = "Done.", body = Value)))]
async fn config(State(node): State<Arc<Node>>, Path(id): Path<String>) -> Result<Response, Failed> {
    known(&node.loaded(), &id)?;
    Ok(super::config::component_text(&node, &id))
}

/// Replaces the config of a pipe.
#[utoipa::path(put, path = "/pipes/{id}/config", tag = "Pipes", params(Force), request_body(content((Vec<Value> = "application/json"), (Value = "application/zip"), (Value = "multipart/form-data"))), responses((status = 200, description = "Done.", body = Pipe)))]
async fn replace(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Path(id): Path<String>,
    Asked(force): Asked<Force>,
    upload: Upload,
) -> Result<Json<Pipe>, Failed> {
    let posted = upload.all(Posted::is_pipe, "a pipe")?;
    blocking(node, move |node| {
        known(&node.loaded(), &id)?;
        super::config::replace(node, &id, posted, force.get(), &claims)?;
        let loaded = node.loaded();
        show(node, &loaded, &node.store().reader()?, known(&loaded, &id)?, Parts::ALL).map(Json)
    })
    .await
}

pub(super) fn known<'l>(
    loaded: &'l Loaded,
    id: &str,
) -> Result<&'l pipewright_config::Pipe, Failed> {
    match loaded.project.pipe(id) {
        Some(pipe) => Ok(pipe),
        None => Err(Failed::not_found(format!("there is no pipe {id:?}"))),
    }
}

/// A pipe as the service API shows it.
fn show(
    node: &Node,
    loaded: &Loaded,
    reader: &Reader,
    pipe: &pipewright_config::Pipe,
    parts: Parts,
) -> Result<Pipe, Failed> {
    let storage = match pipe.sink_dataset().filter(|_| parts.storage) {
        Some(dataset) => reader.dataset(dataset)?.map_or(0, |dataset| dataset.bytes),
        None => 0,
    };
    let config =
        || ComponentConfig { original: pipe.original(), effective: pipe.effective(), audit: None };
    let runtime = match parts.runtime {
        true => Some(Box::new(runtime(node, loaded, reader, pipe)?)),
        false => None,
    };
    Ok(Pipe {
        id: pipe.id.to_string(),
        storage: parts.storage.then_some(storage),
        config: parts.config.then(config),
        runtime,
    })
}

/// Who wrote the config of a pipe, by its history. All of that is read, which
/// would be much for a list.
fn audit(reader: &Reader, pipe: &str) -> Result<Option<ConfigAudit>, Failed> {
    if reader.dataset(names::CONFIG)?.is_none() {
        return Ok(None);
    }
    let mut history = reader.history(names::CONFIG, pipe, usize::MAX)?;
    // What had the name before it was removed is another pipe.
    let removed = history.iter().position(|version| version.entity.is_deleted());
    history.truncate(removed.unwrap_or(history.len()));
    let (Some(last), Some(first)) = (history.first(), history.last()) else { return Ok(None) };
    let author = |version: &Version| ConfigAuthor {
        user_id: version.entity.get("changed_by").and_then(Data::as_str).map(str::to_owned),
    };
    let time = |version: &Version| format!("~t{}", crate::time::iso(version.ts));
    Ok(Some(ConfigAudit {
        created_by: author(first),
        created_ts: time(first),
        last_modified_by: author(last),
        last_modified_ts: time(last),
    }))
}

pub(super) fn runtime(
    node: &Node,
    loaded: &Loaded,
    reader: &Reader,
    pipe: &pipewright_config::Pipe,
) -> Result<PipeRuntime, Failed> {
    let plan = loaded.plan(&pipe.id);
    let plan = plan.as_deref().map_err(Clone::clone);
    let status = status::pipe_status(node, reader, &pipe.id, plan.clone())?;
    let last = status::last_run(reader, &pipe.id)?;
    let problems =
        loaded.problems.iter().filter(|problem| problem.component.as_ref() == Some(&pipe.id));
    let sources: Vec<String> = pipe.source_datasets().iter().map(ToString::to_string).collect();
    let queue = |dataset: &String| status.queues.get(dataset).copied().unwrap_or(0);
    let source = match sources.as_slice() {
        [] => Value::Null,
        [only] => queue(only).into(),
        several => several
            .iter()
            .map(|dataset| (dataset.clone(), Value::from(queue(dataset))))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    };
    let dependencies = match plan {
        Ok(plan) => plan
            .dependencies()
            .map(|(dataset, _)| (dataset.to_string(), queue(&dataset.to_string())))
            .collect(),
        Err(_) => BTreeMap::new(),
    };
    let failed = status.state == PipeState::Failed;
    let state = match status.state {
        PipeState::New | PipeState::Serving | PipeState::Invalid => None,
        PipeState::Running => Some("running"),
        PipeState::Finished => Some("finished"),
        PipeState::Failed => Some("failed"),
        PipeState::Stopped => Some("stopped"),
        PipeState::Disabled => Some("disabled"),
    };
    let operations: &[&str] = if pipe.is_endpoint() { &["enable", "disable"] } else { &OPERATIONS };
    let last_seen = reader.offset(&pipe.id)?;
    Ok(PipeRuntime {
        state: state.map(str::to_owned),
        success: !failed,
        is_running: status.state == PipeState::Running,
        is_disabled: status.state == PipeState::Disabled,
        is_valid_config: status.state != PipeState::Invalid,
        config_errors: problems.map(crate::wire::config_error).collect(),
        last_original_error_message: status.message.clone().filter(|_| failed),
        last_message: status.message,
        last_started: last.and_then(|last| last.started).map(crate::time::iso),
        last_run: status.last_run.map(crate::time::iso),
        next_run: status.next_run.map(crate::time::iso),
        runs: node.counters.of(&pipe.id).ended,
        disable_set_last_seen: pipe.disable_set_last_seen,
        current_time: crate::time::iso(node.now()),
        progress: Progress { processed: status.processed, last_run: status.processed },
        queues: Queues { source, dependencies },
        last_seen: serde_json::to_value(last_seen)
            .map_err(|error| Failed::internal(error.to_string()))?,
        execution_dataset: names::execution_log(&pipe.id).to_string(),
        origin: "user".to_owned(),
        supported_operations: operations.iter().map(ToString::to_string).collect(),
    })
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
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

/// The execution log of a pipe.
#[utoipa::path(get, path = "/pipes/{id}/log", tag = "Pipes", params(Log), responses((status = 200, description = "Done.", body = Vec<Value>)))]
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

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct AtStage {
    /// `source` (or `before-transforms`), `after-transforms` or `sink`; the two
    /// in the middle also without the `s`, as tests have them.
    stage: Option<String>,
    /// Only what comes after this: of a dataset an `_updated`, of other sources
    /// what they understand.
    since: Option<String>,
    #[serde(default, deserialize_with = "number")]
    limit: Option<usize>,
}

/// What a pipe gives at a stage. Nothing is stored and nothing is written outside.
#[utoipa::path(get, path = "/pipes/{id}/entities", tag = "Pipes", params(AtStage), responses((status = 200, description = "Done.", body = Vec<Value>)))]
async fn entities(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
    Asked(asked): Asked<AtStage>,
) -> Result<Json<Vec<Entity>>, Failed> {
    let stage = match asked.stage.as_deref() {
        None | Some("sink" | "") => Stage::Sink,
        Some("source" | "before-transform" | "before-transforms") => Stage::Source,
        Some("after-transform" | "after-transforms") => Stage::AfterTransforms,
        Some(other) => {
            return Err(Failed::bad_request(format!(
                "no stage {other:?}: source, before-transforms, after-transforms, sink"
            )));
        }
    };
    blocking(node, move |node| {
        known(&node.loaded(), &id)?;
        let since = asked.since.filter(|since| !since.is_empty());
        node.entities(&id, stage, since, asked.limit, HashMap::new()).map(Json)
    })
    .await
}

/// What to try a config on.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what `Operation` reads")]
struct PreviewForm {
    /// `preview-pipe`.
    operation: Option<String>,
    /// The config to use instead of the saved one, as JSON.
    #[schema(rename = "pipe-config")]
    pipe_config: Option<String>,
    /// The entity to run it on, as JSON; the first of the source when missing.
    source: Option<String>,
}

/// What a pipe, saved or as it is sent, makes of one entity. Nothing is stored
/// and nothing outside is called.
#[utoipa::path(post, path = "/pipes/{id}/preview", tag = "Pipes", request_body(content_type = "application/x-www-form-urlencoded", content = PreviewForm), responses((status = 200, description = "Done.", body = PipePreview)))]
async fn preview(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Path(id): Path<String>,
    asked: query::Operation,
) -> Result<Json<PipePreview>, Failed> {
    blocking(node, move |node| {
        if !matches!(asked.name.as_str(), "" | "preview-pipe") {
            return Err(asked.unknown(&["preview-pipe"]));
        }
        let given = |name: &str| asked.field(name).filter(|text| !text.is_empty());
        let mut text = given("pipe-config").map(str::to_owned);
        if text.is_none() {
            known(&node.loaded(), &id)?;
        }
        node.require_look(&claims, &id, &mut text)?;
        let sample = match given("source") {
            Some(entity) => studio::Sample::Entity(
                studio::Json::from_text(entity.to_owned())
                    .map_err(|error| Failed::bad_request(format!("\"source\": {error}")))?,
            ),
            None => studio::Sample::First,
        };
        let request = studio::PreviewRequest { pipe: id, text, sample, trace: false };
        let preview = node.preview(request)?;
        if let Some(why) = preview.no_sample.or(preview.held) {
            return Err(Failed::bad_request(why));
        }
        let value = |json: &studio::Json| -> Result<Value, Failed> {
            serde_json::from_str(json.text()).map_err(|error| Failed::internal(error.to_string()))
        };
        let made: Vec<(studio::Outcome, Value)> = preview
            .produced
            .iter()
            .map(|produced| Ok((produced.outcome, value(&produced.entity)?)))
            .collect::<Result<_, Failed>>()?;
        let kept = made.iter().filter(|(outcome, _)| {
            !matches!(outcome, studio::Outcome::Filtered | studio::Outcome::Discarded)
        });
        Ok(Json(PipePreview {
            source: preview.source.as_ref().map_or(Ok(Value::Null), value)?,
            sink: kept.map(|(_, entity)| entity.clone()).collect(),
            transformed: vec![made.into_iter().map(|(_, entity)| entity).collect()],
            failure: preview.failure.map(|failure| failure.message),
        }))
    })
    .await
}

/// How many entities to look at.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Sample {
    /// How many; 1000 when missing, at most 10000.
    #[serde(default, deserialize_with = "number")]
    sample_size: Option<usize>,
    /// Only the names of the properties.
    #[serde(default, deserialize_with = "flag")]
    keys_only: Option<bool>,
}

/// What entities look like, or the names of their properties only.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum Described {
    Keys(Vec<String>),
    Type(EntityType),
}

impl Sample {
    pub(super) fn size(&self) -> usize {
        self.sample_size.unwrap_or(1000).min(10_000)
    }

    pub(super) fn describe(&self, found: EntityType) -> Described {
        match self.keys_only {
            Some(true) => Described::Keys(found.properties.into_keys().collect()),
            _ => Described::Type(found),
        }
    }
}

/// What the entities of a pipe look like, by a sample.
#[utoipa::path(get, path = "/pipes/{id}/generate-schema-definition", tag = "Pipes", params(Sample), responses((status = 200, description = "Done.", body = Described)))]
async fn schema(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
    Asked(sample): Asked<Sample>,
) -> Result<Json<Described>, Failed> {
    blocking(node, move |node| {
        Ok(Json(sample.describe(entity_type(node, &id, Stage::Sink, sample.size())?)))
    })
    .await
}

/// What the entities look like that a pipe reads, by a sample.
#[utoipa::path(get, path = "/pipes/{id}/entity-types/source", tag = "Pipes", responses((status = 200, description = "Done.", body = EntityType)))]
async fn source_type(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
) -> Result<Json<EntityType>, Failed> {
    blocking(node, move |node| Ok(Json(entity_type(node, &id, Stage::Source, 1000)?))).await
}

/// What the entities look like that a pipe gives, by a sample.
#[utoipa::path(get, path = "/pipes/{id}/entity-types/sink", tag = "Pipes", responses((status = 200, description = "Done.", body = EntityType)))]
async fn sink_type(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
) -> Result<Json<EntityType>, Failed> {
    blocking(node, move |node| Ok(Json(entity_type(node, &id, Stage::Sink, 1000)?))).await
}

fn entity_type(node: &Node, id: &str, stage: Stage, size: usize) -> Result<EntityType, Failed> {
    known(&node.loaded(), id)?;
    let entities = node.entities(id, stage, None, Some(size), HashMap::new())?;
    Ok(crate::schema::infer(&entities))
}
