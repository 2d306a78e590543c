//! The node itself: what it is, how it is, and beginning anew.

use std::sync::Arc;

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use serde_json::{Value, json};

use super::query::Operation;
use super::{Failed, blocking};
use crate::{Claims, Node};

pub(super) fn routes() -> Router<Arc<Node>> {
    Router::new()
        .route("/", get(info))
        .route("/health", get(health))
        .route("/status", get(status))
        .route("/admin", post(admin))
}

pub(super) async fn info(State(node): State<Arc<Node>>) -> Json<Value> {
    Json(json!({
        "node_id": node.name(),
        "status": { "developer_mode": true, "version": crate::VERSION },
    }))
}

async fn health(State(node): State<Arc<Node>>) -> Result<Json<Value>, Failed> {
    blocking(node, |node| {
        node.store().reader()?.datasets()?;
        Ok(Json(json!({"status": "OK"})))
    })
    .await
}

async fn status(State(node): State<Arc<Node>>) -> Json<Value> {
    let started = node.started();
    Json(json!({
        "node_id": node.name(),
        "node_version": crate::VERSION,
        "node_start_time": crate::time::iso(started),
        "node_uptime": (node.now() - started) as f64 / 1e6,
    }))
}

/// Begins anew.
async fn admin(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    operation: Operation,
) -> Result<Json<Value>, Failed> {
    blocking(node, move |node| {
        match operation.name.as_str() {
            "restart" => node.restart()?,
            "reset" => node.reset(&claims)?,
            "load_config" => {
                let read = node.reload("the config was loaded again");
                read.map_err(|error| Failed::internal(error.to_string()))?;
            }
            _ => return Err(operation.unknown(&["restart", "reset", "load_config"])),
        }
        Ok(Json(json!({ "message": "OK" })))
    })
    .await
}
