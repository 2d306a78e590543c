//! Config as data: the whole of it, single components, and variables.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{FromRequest, Multipart, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use pipewright_dtl::syntax::Document;
use pipewright_entity::{Entity, Value as Data};
use pipewright_protocol::service::{
    ComponentConfig, Metadata, System, SystemRuntime, SystemStatus, ValidationReport,
};
use pipewright_store::{Select, names};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::query::{Asked, Bytes, Json, Path, flag, number};
use super::{Failed, blocking};
use crate::permissions::{Act, Resource};
use crate::upload::{self, Posted, Scope};
use crate::{Claims, Node};

pub(super) fn routes() -> OpenApiRouter<Arc<Node>> {
    OpenApiRouter::new()
        .routes(routes!(all, put_all))
        .routes(routes!(of_group, put_group))
        .routes(routes!(every, put_every))
        .routes(routes!(history))
        .routes(routes!(systems, add_systems))
        .routes(routes!(system, remove_system))
        .routes(routes!(system_config, put_system))
        .routes(routes!(system_status))
        .routes(routes!(env, put_env, add_env))
        .routes(routes!(remove_env))
        .routes(routes!(metadata, put_metadata, remove_metadata))
        .routes(routes!(namespaces))
}

/// Whether errors in posted config are let pass.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Force {
    #[serde(default, deserialize_with = "flag")]
    force: Option<bool>,
}

impl Force {
    pub(super) fn get(&self) -> bool {
        self.force.unwrap_or(false)
    }
}

fn default_group() -> Scope {
    Scope::Group(upload::DEFAULT_GROUP.into())
}

/// All components of the default config group, as JSON or as an archive.
#[utoipa::path(get, path = "/config", tag = "Config", responses((status = 200, description = "Done.", content((Vec<Value> = "application/json"), (Bytes = "application/zip")))))]
async fn all(
    state: State<Arc<Node>>,
    claims: Extension<Claims>,
    headers: HeaderMap,
) -> Result<Response, Failed> {
    show_config(state, claims, default_group(), headers).await
}

/// All components of a config group.
#[utoipa::path(get, path = "/config/{group}", tag = "Config", responses((status = 200, description = "Done.", content((Vec<Value> = "application/json"), (Bytes = "application/zip")))))]
async fn of_group(
    state: State<Arc<Node>>,
    claims: Extension<Claims>,
    Path(group): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failed> {
    show_config(state, claims, Scope::Group(group), headers).await
}

/// All components of all groups.
#[utoipa::path(get, path = "/config-all", tag = "Config", responses((status = 200, description = "Done.", content((Vec<Value> = "application/json"), (Bytes = "application/zip")))))]
async fn every(
    state: State<Arc<Node>>,
    claims: Extension<Claims>,
    headers: HeaderMap,
) -> Result<Response, Failed> {
    show_config(state, claims, Scope::All, headers).await
}

async fn show_config(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    scope: Scope,
    headers: HeaderMap,
) -> Result<Response, Failed> {
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let wants_zip = accepts.is_some_and(|accepts| accepts.contains("application/zip"));
    blocking(node, move |node| {
        let project = node.config();
        let mut held = upload::held(&project, &scope);
        held.retain(|held| node.may(&claims, Resource::Component(&held.id), Act::ReadConfig));
        Ok(match wants_zip {
            true => ([(header::CONTENT_TYPE, "application/zip")], upload::to_zip(&held)?)
                .into_response(),
            false => json_text(upload::to_json(&held)),
        })
    })
    .await
}

/// A text that is JSON already.
fn json_text(text: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

/// Config in the body of a request: a zip archive, JSON, or either as the only
/// part of a form.
pub(super) struct Upload(Vec<Posted>);

impl<S: Send + Sync> FromRequest<S> for Upload {
    type Rejection = Failed;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failed> {
        let kind = |headers: &HeaderMap| {
            let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
            kind.unwrap_or_default().to_ascii_lowercase()
        };
        let broken =
            |error: String| Failed::bad_request(format!("the body cannot be read: {error}"));
        let sent = kind(request.headers());
        let (is_zip, bytes) = if sent.starts_with("multipart/form-data") {
            let mut parts = Multipart::from_request(request, state)
                .await
                .map_err(|error| broken(error.body_text()))?;
            let part = parts.next_field().await.map_err(|error| broken(error.body_text()))?;
            let part = part.ok_or_else(|| broken("the form is empty".into()))?;
            let is_zip = part.content_type().is_some_and(|kind| kind.contains("zip"));
            (is_zip, part.bytes().await.map_err(|error| broken(error.body_text()))?)
        } else {
            let Bytes(bytes) = Bytes::from_request(request, state).await?;
            (sent.contains("zip"), bytes)
        };
        let posted = match is_zip || bytes.starts_with(b"PK\x03\x04") {
            true => upload::from_zip(&bytes)?,
            false => upload::from_json(&text(&bytes)?)?,
        };
        Ok(Upload(posted))
    }
}

fn text(bytes: &[u8]) -> Result<String, Failed> {
    String::from_utf8(bytes.to_vec()).map_err(|_| Failed::bad_request("the body is not UTF-8"))
}

/// Makes these the components of the default config group.
#[utoipa::path(put, path = "/config", tag = "Config", params(Force), request_body(content((Vec<Value> = "application/json"), (Value = "application/zip"), (Value = "multipart/form-data"))), responses((status = 200, description = "Done.", body = ValidationReport)))]
async fn put_all(
    state: State<Arc<Node>>,
    claims: Extension<Claims>,
    force: Asked<Force>,
    upload: Upload,
) -> Result<Json<ValidationReport>, Failed> {
    put_config(state, claims, default_group(), force, upload).await
}

/// Makes these the components of a config group.
#[utoipa::path(put, path = "/config/{group}", tag = "Config", params(Force), request_body(content((Vec<Value> = "application/json"), (Value = "application/zip"), (Value = "multipart/form-data"))), responses((status = 200, description = "Done.", body = ValidationReport)))]
async fn put_group(
    state: State<Arc<Node>>,
    claims: Extension<Claims>,
    Path(group): Path<String>,
    force: Asked<Force>,
    upload: Upload,
) -> Result<Json<ValidationReport>, Failed> {
    put_config(state, claims, Scope::Group(group), force, upload).await
}

/// Makes these all the components there are.
#[utoipa::path(put, path = "/config-all", tag = "Config", params(Force), request_body(content((Vec<Value> = "application/json"), (Value = "application/zip"), (Value = "multipart/form-data"))), responses((status = 200, description = "Done.", body = ValidationReport)))]
async fn put_every(
    state: State<Arc<Node>>,
    claims: Extension<Claims>,
    force: Asked<Force>,
    upload: Upload,
) -> Result<Json<ValidationReport>, Failed> {
    put_config(state, claims, Scope::All, force, upload).await
}

async fn put_config(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    scope: Scope,
    Asked(force): Asked<Force>,
    Upload(posted): Upload,
) -> Result<Json<ValidationReport>, Failed> {
    blocking(node, move |node| {
        let label = format!("Upload {} components", posted.len());
        let errors = node.replace_config(&scope, posted, force.get(), &label, &claims)?;
        Ok(Json(ValidationReport { validation_errors: errors }))
    })
    .await
}

/// Adds components that must be new. Gives their ids.
pub(super) fn add(
    node: &Node,
    posted: Vec<Posted>,
    force: bool,
    claims: &Claims,
) -> Result<Vec<String>, Failed> {
    let project = node.config();
    for new in &posted {
        if project.pipe(new.id()).is_some() || project.system(new.id()).is_some() {
            return Err(Failed::new(
                StatusCode::CONFLICT,
                "exists",
                format!("there is a component {:?} already", new.id()),
            ));
        }
    }
    let ids: Vec<String> = posted.iter().map(|new| new.id().to_owned()).collect();
    let label = format!("Add {}", ids.join(", "));
    node.replace_config(&Scope::Nothing, posted, force, &label, claims)?;
    Ok(ids)
}

/// Replaces or, with nothing posted, removes one component.
pub(super) fn replace(
    node: &Node,
    id: &str,
    posted: Vec<Posted>,
    force: bool,
    claims: &Claims,
) -> Result<(), Failed> {
    let posted = posted.into_iter().map(|new| new.called(id)).collect::<Result<Vec<_>, _>>()?;
    let label = match posted.len() {
        0 => format!("Remove {id}"),
        1 => format!("Change {id}"),
        _ => return Err(Failed::bad_request("one component is expected")),
    };
    node.replace_config(&Scope::One(id.to_owned()), posted, force, &label, claims)?;
    Ok(())
}

impl Upload {
    /// The components, which must all be of a kind.
    pub(super) fn all(
        self,
        is: impl Fn(&Posted) -> bool,
        what: &str,
    ) -> Result<Vec<Posted>, Failed> {
        match self.0.iter().find(|posted| !is(posted)) {
            None => Ok(self.0),
            Some(other) => Err(Failed::bad_request(format!("{:?} is not {what}", other.id()))),
        }
    }
}

/// Every system.
#[utoipa::path(get, path = "/systems", tag = "Config", responses((status = 200, description = "Done.", body = Vec<System>)))]
async fn systems(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
) -> Json<Vec<System>> {
    let seen = |id: &str| node.may(&claims, Resource::System(id), Act::ReadConfig);
    let project = node.config();
    let systems = project.systems().filter(|system| seen(&system.id));
    Json(systems.map(|system| show(system)).collect())
}

/// Adds systems, which must be new.
#[utoipa::path(post, path = "/systems", tag = "Config", params(Force), request_body(content((Vec<Value> = "application/json"), (Value = "application/zip"), (Value = "multipart/form-data"))), responses((status = 201, description = "Added.", body = Vec<System>)))]
async fn add_systems(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Asked(force): Asked<Force>,
    upload: Upload,
) -> Result<(StatusCode, Json<Vec<System>>), Failed> {
    let posted = upload.all(Posted::is_system, "a system")?;
    blocking(node, move |node| {
        let ids = add(node, posted, force.get(), &claims)?;
        let shown = ids.iter().map(|id| known(node, id).map(|system| show(&system)));
        Ok((StatusCode::CREATED, Json(shown.collect::<Result<_, _>>()?)))
    })
    .await
}

/// A system.
#[utoipa::path(get, path = "/systems/{id}", tag = "Config", responses((status = 200, description = "Done.", body = System)))]
async fn system(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
) -> Result<Json<System>, Failed> {
    let system = known(&node, &id)?;
    Ok(Json(show(&system)))
}

/// Removes a system, and its secrets with it.
#[utoipa::path(delete, path = "/systems/{id}", tag = "Config", responses((status = 200, description = "Done.", body = System)))]
async fn remove_system(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Path(id): Path<String>,
) -> Result<Json<System>, Failed> {
    blocking(node, move |node| {
        let system = known(node, &id)?;
        replace(node, &id, Vec::new(), true, &claims)?;
        Ok(Json(show(&system)))
    })
    .await
}

/// The config of a system as it is written.
#[utoipa::path(get, path = "/systems/{id}/config", tag = "Config", responses((status = 200, description = "Done.", body = Value)))]
async fn system_config(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
) -> Result<Response, Failed> {
    known(&node, &id)?;
    Ok(component_text(&node, &id))
}

/// Replaces the config of a system.
#[utoipa::path(put, path = "/systems/{id}/config", tag = "Config", params(Force), request_body(content((Vec<Value> = "application/json"), (Value = "application/zip"), (Value = "multipart/form-data"))), responses((status = 200, description = "Done.", body = System)))]
async fn put_system(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Path(id): Path<String>,
    Asked(force): Asked<Force>,
    upload: Upload,
) -> Result<Json<System>, Failed> {
    let posted = upload.all(Posted::is_system, "a system")?;
    blocking(node, move |node| {
        known(node, &id)?;
        replace(node, &id, posted, force.get(), &claims)?;
        let system = known(node, &id)?;
        Ok(Json(show(&system)))
    })
    .await
}

/// The config of a component as it is written.
pub(super) fn component_text(node: &Node, id: &str) -> Response {
    let project = node.config();
    let held = upload::held(&project, &Scope::One(id.to_owned()));
    json_text(held.first().map_or_else(|| "null".into(), |held| held.text()))
}

fn known(node: &Node, id: &str) -> Result<Arc<pipewright_config::System>, Failed> {
    let system = node.config().system(id).cloned();
    system.ok_or_else(|| Failed::not_found(format!("there is no system {id:?}")))
}

fn show(system: &pipewright_config::System) -> System {
    System {
        id: system.id.to_string(),
        config: ComponentConfig {
            original: system.original(),
            effective: Value::Object(system.config.clone()),
            audit: None,
        },
        runtime: SystemRuntime { is_valid_config: system.obstacle.is_none() },
    }
}

/// Whether a system answers: it is asked now.
#[utoipa::path(get, path = "/systems/{id}/status", tag = "Config", responses((status = 200, description = "Done.", body = SystemStatus)))]
async fn system_status(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
) -> Result<Json<SystemStatus>, Failed> {
    blocking(node, move |node| {
        let test = node.test_system(&id)?;
        Ok(Json(SystemStatus { running: test.ok, message: test.message }))
    })
    .await
}

/// The variables.
#[utoipa::path(get, path = "/env", tag = "Config", responses((status = 200, description = "Done.", body = Value)))]
async fn env(State(node): State<Arc<Node>>) -> Response {
    show_env(&node)
}

/// The variables, with numbers as they are written.
fn show_env(node: &Node) -> Response {
    let project = node.config();
    let file = project.profile().and_then(|profile| project.file(&format!("{profile}-env.json")));
    let text = file.and_then(|file| {
        let root = file.document.root.as_ref().filter(|root| root.is_object())?;
        Some(root.to_json_text(&file.document, false))
    });
    json_text(text.unwrap_or_else(|| "{}".into()))
}

/// Makes these all the variables there are.
#[utoipa::path(put, path = "/env", tag = "Config", request_body = HashMap<String, Value>, responses((status = 200, description = "Done.", body = Value)))]
async fn put_env(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Bytes(body): Bytes,
) -> Result<Response, Failed> {
    blocking(node, move |node| {
        node.replace_env(&text(&body)?, &claims)?;
        Ok(show_env(node))
    })
    .await
}

/// Sets some variables; the others stay as they are written.
#[utoipa::path(method(post, patch), path = "/env", tag = "Config", request_body = HashMap<String, Value>, responses((status = 200, description = "Done.", body = Value)))]
async fn add_env(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Bytes(body): Bytes,
) -> Result<Response, Failed> {
    blocking(node, move |node| {
        node.set_env(&text(&body)?, &claims)?;
        Ok(show_env(node))
    })
    .await
}

/// Removes a variable.
#[utoipa::path(delete, path = "/env/{name}", tag = "Config", responses((status = 200, description = "Done.", body = Value)))]
async fn remove_env(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Path(name): Path<String>,
) -> Result<Response, Failed> {
    blocking(node, move |node| {
        node.unset_env(&name, &claims)?;
        Ok(show_env(node))
    })
    .await
}

/// The metadata of the node.
#[utoipa::path(get, path = "/metadata", tag = "Config", responses((status = 200, description = "Done.", body = Metadata)))]
async fn metadata(State(node): State<Arc<Node>>) -> Json<Metadata> {
    Json(show_metadata(&node))
}

fn show_metadata(node: &Node) -> Metadata {
    let project = node.config();
    let metadata = project.metadata();
    Metadata {
        id: "node".to_owned(),
        config: ComponentConfig {
            original: metadata.original(),
            effective: json!(metadata.config),
            audit: None,
        },
    }
}

/// Replaces the metadata of the node.
#[utoipa::path(put, path = "/metadata", tag = "Config", params(Force), request_body(content((Vec<Value> = "application/json"), (Value = "application/zip"), (Value = "multipart/form-data"))), responses((status = 200, description = "Done.", body = Metadata)))]
async fn put_metadata(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Asked(force): Asked<Force>,
    upload: Upload,
) -> Result<Json<Metadata>, Failed> {
    let posted = upload.all(Posted::is_metadata, "node metadata")?;
    if posted.len() != 1 {
        return Err(Failed::bad_request("one object of node metadata is expected"));
    }
    blocking(node, move |node| {
        let label = "Change the node metadata";
        node.replace_config(&Scope::Metadata, posted, force.get(), label, &claims)?;
        Ok(Json(show_metadata(node)))
    })
    .await
}

/// Removes the metadata of the node.
#[utoipa::path(delete, path = "/metadata", tag = "Config", responses((status = 200, description = "Done.", body = Metadata)))]
async fn remove_metadata(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
) -> Result<Json<Metadata>, Failed> {
    blocking(node, move |node| {
        let label = "Remove the node metadata";
        node.replace_config(&Scope::Metadata, Vec::new(), true, label, &claims)?;
        Ok(Json(show_metadata(node)))
    })
    .await
}

/// Namespaces and what they stand for.
#[utoipa::path(get, path = "/namespaces", tag = "Config", responses((status = 200, description = "Done.", body = Value)))]
async fn namespaces(State(node): State<Arc<Node>>) -> Json<Value> {
    let all = node.config().metadata().namespaces();
    let all = all.into_iter().map(|(name, uri)| (name.to_string(), Value::from(uri.as_str())));
    Json(Value::Object(all.collect()))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct History {
    entity_id: String,
    #[serde(default, deserialize_with = "number")]
    limit: Option<usize>,
    #[serde(default, deserialize_with = "number")]
    since: Option<u64>,
    #[serde(default, deserialize_with = "flag")]
    reverse: Option<bool>,
}

/// Every version of a component, with who changed it, when and why.
#[utoipa::path(get, path = "/config-history/entity", tag = "Config", params(History), responses((status = 200, description = "Done.", body = Vec<Value>)))]
async fn history(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Asked(asked): Asked<History>,
) -> Result<Response, Failed> {
    blocking(node, move |node| {
        node.require(&claims, Resource::Component(&asked.entity_id), Act::ReadConfig)?;
        let reader = node.store().reader()?;
        let reverse = asked.reverse.unwrap_or(false);
        let select = Select {
            history: true,
            reverse,
            before: asked.since.filter(|_| reverse),
            ..Select::default()
        };
        let since = asked.since.filter(|_| !reverse);
        let mut shown = Vec::new();
        for version in reader.changes(names::CONFIG, since, None, select)? {
            if shown.len() == asked.limit.unwrap_or(usize::MAX) {
                break;
            }
            let version = version?;
            if version.entity.id() == asked.entity_id.as_str() {
                shown.push(version_text(&version.with_metadata()));
            }
        }
        if shown.is_empty() && asked.since.is_none() && asked.limit != Some(0) {
            return Err(Failed::not_found(format!("there never was a {:?}", asked.entity_id)));
        }
        Ok(json_text(format!("[{}]", shown.join(","))))
    })
    .await
}

/// A version of a component: its config, what the store knows of it, and
/// `$audit`.
fn version_text(stored: &Entity) -> String {
    let text = |name: &str| stored.get(name).and_then(Data::as_str).unwrap_or_default();
    let document = Document::parse(text("text"));
    let mut members: Vec<String> = Vec::new();
    for member in document.root.iter().flat_map(|root| root.members()) {
        let value = member.value.to_json_text(&document, false);
        members.push(format!("{}:{value}", Value::from(member.key.as_str())));
    }
    for name in ["_deleted", "_updated", "_previous", "_ts", "_hash"] {
        let value = stored.get(name).map_or(Value::Null, Data::to_json);
        members.push(format!("\"{name}\":{value}"));
    }
    let changed_by = Some(text("changed_by")).filter(|by| !by.is_empty());
    let audit = json!({ "change": text("change"), "changed_by": changed_by, "file": text("file") });
    members.push(format!("\"$audit\":{audit}"));
    format!("{{{}}}", members.join(","))
}
