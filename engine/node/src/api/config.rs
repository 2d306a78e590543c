//! Config, systems and environment.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use pipewright_config::System;
use serde_json::{Value, json};

use super::Failed;
use crate::Node;

pub(super) fn routes() -> Router<Arc<Node>> {
    Router::new()
        .route("/config", get(all))
        .route("/systems", get(systems))
        .route("/systems/{id}", get(system))
        .route("/systems/{id}/config", get(system_config))
        .route("/env", get(env))
        .route("/metadata", get(metadata))
}

async fn all(State(node): State<Arc<Node>>) -> Json<Vec<Value>> {
    let project = node.config();
    let metadata = project.metadata().original();
    let systems = project.systems().map(|system| system.original());
    let pipes = project.pipes().map(|pipe| pipe.original());
    Json(std::iter::once(metadata).filter(|m| !m.is_null()).chain(systems).chain(pipes).collect())
}

async fn systems(State(node): State<Arc<Node>>) -> Json<Vec<Value>> {
    Json(node.config().systems().map(|system| show(system)).collect())
}

async fn system(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Failed> {
    let system = known(&node, &id)?;
    Ok(Json(show(&system)))
}

async fn system_config(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Failed> {
    Ok(Json(known(&node, &id)?.original()))
}

fn known(node: &Node, id: &str) -> Result<Arc<System>, Failed> {
    let system = node.config().system(id).cloned();
    system.ok_or_else(|| Failed::not_found(format!("there is no system {id:?}")))
}

fn show(system: &System) -> Value {
    json!({
        "_id": system.id.as_str(),
        "config": { "original": system.original(), "effective": system.config },
        "runtime": { "is-valid-config": system.obstacle.is_none() },
    })
}

async fn env(State(node): State<Arc<Node>>) -> Json<Value> {
    Json(Value::Object(node.config().variables().values().clone()))
}

async fn metadata(State(node): State<Arc<Node>>) -> Json<Value> {
    let original = node.config().metadata().original();
    Json(json!({ "_id": "node", "config": { "original": original, "effective": original } }))
}
