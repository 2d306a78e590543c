//! Secrets of the node and of its systems: names can be read, values only set.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use pipewright_protocol::service::Message;
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::query::{Json, Path};
use super::{Failed, blocking};
use crate::{Node, Secrets, SecretsError};

pub(super) fn routes() -> OpenApiRouter<Arc<Node>> {
    OpenApiRouter::new()
        .routes(routes!(names, add))
        .routes(routes!(remove))
        .routes(routes!(names_of, replace_of, add_of))
        .routes(routes!(remove_of))
}

type Values = BTreeMap<String, String>;

impl From<SecretsError> for Failed {
    fn from(error: SecretsError) -> Failed {
        match error {
            SecretsError::Name { .. } => Failed::bad_request(error.to_string()),
            other => Failed::internal(other.to_string()),
        }
    }
}

/// Secrets as they are sent; what a client says wrong is not repeated to it.
fn values(body: Value) -> Result<Values, Failed> {
    let shape = || Failed::bad_request("the secrets are a JSON object of names and texts");
    let Value::Object(members) = body else { return Err(shape()) };
    let text = |value: Value| match value {
        Value::String(text) => Some(text),
        Value::Null | Value::Object(_) | Value::Array(_) => None,
        scalar => Some(scalar.to_string()),
    };
    members
        .into_iter()
        .map(|(name, value)| Some((name, text(value)?)))
        .collect::<Option<_>>()
        .ok_or_else(shape)
}

fn known(node: &Node, system: &str) -> Result<(), Failed> {
    match node.config().system(system) {
        Some(_) => Ok(()),
        None => Err(Failed::not_found(format!("there is no system {system:?}"))),
    }
}

/// The names of the secrets of the node.
#[utoipa::path(get, path = "/secrets", tag = "Secrets", responses((status = 200, description = "Done.", body = Vec<String>)))]
async fn names(State(node): State<Arc<Node>>) -> Json<Vec<String>> {
    Json(node.secrets().names(None))
}

/// Sets secrets of the node; the others stay.
#[utoipa::path(method(put, post), path = "/secrets", tag = "Secrets", request_body = BTreeMap<String, String>, responses((status = 200, description = "Done.", body = Message)))]
async fn add(
    State(node): State<Arc<Node>>,
    Json(body): Json<Value>,
) -> Result<Json<Message>, Failed> {
    blocking(node, move |node| {
        node.secrets().set(None, &values(body)?)?;
        Ok(Json(Message::ok()))
    })
    .await
}

/// Removes a secret of the node.
#[utoipa::path(delete, path = "/secrets/{name}", tag = "Secrets", responses((status = 200, description = "Done.", body = Message)))]
async fn remove(
    State(node): State<Arc<Node>>,
    Path(name): Path<String>,
) -> Result<Json<Message>, Failed> {
    blocking(node, move |node| gone(node.secrets().remove(None, &name)?, &name)).await
}

fn gone(was_there: bool, name: &str) -> Result<Json<Message>, Failed> {
    match was_there {
        true => Ok(Json(Message::ok())),
        false => Err(Failed::not_found(format!("there is no secret {name:?}"))),
    }
}

/// The names of the secrets of a system.
#[utoipa::path(get, path = "/systems/{id}/secrets", tag = "Secrets", responses((status = 200, description = "Done.", body = Vec<String>)))]
async fn names_of(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
) -> Result<Json<Vec<String>>, Failed> {
    known(&node, &id)?;
    Ok(Json(node.secrets().names(Some(&id))))
}

/// Sets secrets of a system; the others stay.
#[utoipa::path(post, path = "/systems/{id}/secrets", tag = "Secrets", request_body = BTreeMap<String, String>, responses((status = 200, description = "Done.", body = Message)))]
async fn add_of(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> Result<Json<Message>, Failed> {
    change_of(node, id, body, Secrets::set).await
}

/// Makes these all the secrets of a system.
#[utoipa::path(put, path = "/systems/{id}/secrets", tag = "Secrets", request_body = BTreeMap<String, String>, responses((status = 200, description = "Done.", body = Message)))]
async fn replace_of(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> Result<Json<Message>, Failed> {
    change_of(node, id, body, Secrets::replace).await
}

async fn change_of(
    node: Arc<Node>,
    id: String,
    body: Value,
    change: fn(&Secrets, Option<&str>, &Values) -> Result<(), SecretsError>,
) -> Result<Json<Message>, Failed> {
    blocking(node, move |node| {
        known(node, &id)?;
        change(node.secrets(), Some(&id), &values(body)?)?;
        Ok(Json(Message::ok()))
    })
    .await
}

/// Removes a secret of a system.
#[utoipa::path(delete, path = "/systems/{id}/secrets/{name}", tag = "Secrets", responses((status = 200, description = "Done.", body = Message)))]
async fn remove_of(
    State(node): State<Arc<Node>>,
    Path((id, name)): Path<(String, String)>,
) -> Result<Json<Message>, Failed> {
    blocking(node, move |node| {
        known(node, &id)?;
        gone(node.secrets().remove(Some(&id), &name)?, &name)
    })
    .await
}
