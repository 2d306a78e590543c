//! Secrets of the node and of its systems: names can be read, values only set.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::{delete, get};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::{Failed, blocking};
use crate::{Node, Secrets, SecretsError};

pub(super) fn routes() -> Router<Arc<Node>> {
    Router::new()
        .route("/secrets", get(names).put(add).post(add))
        .route("/secrets/{name}", delete(remove))
        .route("/systems/{id}/secrets", get(names_of).put(replace_of).post(add_of))
        .route("/systems/{id}/secrets/{name}", delete(remove_of))
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

async fn names(State(node): State<Arc<Node>>) -> Json<Vec<String>> {
    Json(node.secrets().names(None))
}

async fn add(
    State(node): State<Arc<Node>>,
    Json(body): Json<Value>,
) -> Result<Json<Value>, Failed> {
    blocking(node, move |node| {
        node.secrets().set(None, &values(body)?)?;
        Ok(Json(json!({ "message": "OK" })))
    })
    .await
}

async fn remove(
    State(node): State<Arc<Node>>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Failed> {
    blocking(node, move |node| gone(node.secrets().remove(None, &name)?, &name)).await
}

fn gone(was_there: bool, name: &str) -> Result<Json<Value>, Failed> {
    match was_there {
        true => Ok(Json(json!({ "message": "OK" }))),
        false => Err(Failed::not_found(format!("there is no secret {name:?}"))),
    }
}

async fn names_of(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
) -> Result<Json<Vec<String>>, Failed> {
    known(&node, &id)?;
    Ok(Json(node.secrets().names(Some(&id))))
}

async fn add_of(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> Result<Json<Value>, Failed> {
    change_of(node, id, body, Secrets::set).await
}

async fn replace_of(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> Result<Json<Value>, Failed> {
    change_of(node, id, body, Secrets::replace).await
}

async fn change_of(
    node: Arc<Node>,
    id: String,
    body: Value,
    change: fn(&Secrets, Option<&str>, &Values) -> Result<(), SecretsError>,
) -> Result<Json<Value>, Failed> {
    blocking(node, move |node| {
        known(node, &id)?;
        change(node.secrets(), Some(&id), &values(body)?)?;
        Ok(Json(json!({ "message": "OK" })))
    })
    .await
}

async fn remove_of(
    State(node): State<Arc<Node>>,
    Path((id, name)): Path<(String, String)>,
) -> Result<Json<Value>, Failed> {
    blocking(node, move |node| {
        known(node, &id)?;
        gone(node.secrets().remove(Some(&id), &name)?, &name)
    })
    .await
}
