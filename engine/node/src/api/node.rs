//! The node itself: what it is, how it is, and beginning anew.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use pipewright_protocol::service::{Health, License, Message, NodeInfo, NodeStatus, NodeVersion};
use pipewright_protocol::studio::ApiError;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::query::{Json, Operation};
use super::{Failed, blocking};
use crate::{Claims, Node};

pub(super) fn routes() -> OpenApiRouter<Arc<Node>> {
    OpenApiRouter::new()
        .routes(routes!(info, operate))
        .routes(routes!(health))
        .routes(routes!(status))
        .routes(routes!(admin))
        .routes(routes!(license))
}

/// What the node is.
#[utoipa::path(get, path = "/", tag = "Node", responses((status = 200, description = "Done.", body = NodeInfo)))]
pub(super) async fn info(State(node): State<Arc<Node>>) -> Json<NodeInfo> {
    let status = NodeVersion { developer_mode: true, version: crate::VERSION.to_owned() };
    Json(NodeInfo { node_id: node.name(), status })
}

/// Whether the node can do its work: `503` if not.
#[utoipa::path(get, path = "/health", tag = "Node", responses((status = 200, description = "Done.", body = Health), (status = 503, description = "The node is not well.", body = ApiError)))]
async fn health(State(node): State<Arc<Node>>) -> Result<Json<Health>, Failed> {
    blocking(node, |node| match node.ails() {
        None => Ok(Json(Health { status: "OK".to_owned() })),
        Some(why) => Err(Failed::new(StatusCode::SERVICE_UNAVAILABLE, "unhealthy", why)),
    })
    .await
}

/// Since when the node runs.
#[utoipa::path(get, path = "/status", tag = "Node", responses((status = 200, description = "Done.", body = NodeStatus)))]
async fn status(State(node): State<Arc<Node>>) -> Json<NodeStatus> {
    let started = node.started();
    Json(NodeStatus {
        node_id: node.name(),
        node_version: crate::VERSION.to_owned(),
        node_start_time: crate::time::iso(started),
        node_uptime: (node.now() - started) as f64 / 1e6,
    })
}

/// Under which licence the node runs: a free one, which needs no key.
#[utoipa::path(get, path = "/license", tag = "Node", responses((status = 200, description = "Done.", body = License)))]
async fn license() -> Json<License> {
    Json(License {
        license: crate::LICENSE.to_owned(),
        product: "Pipewright".to_owned(),
        version: crate::VERSION.to_owned(),
        key_required: false,
        expires: None,
    })
}

/// An operation on the node, as a form.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what `Operation` reads")]
struct OperationForm {
    /// `restart`, `reset` or `load_config`.
    #[schema(pattern = "^(restart|reset|load_config)$")]
    operation: String,
}

/// Begins anew, as `POST /admin` does.
#[utoipa::path(post, path = "/", tag = "Node", request_body(content_type = "application/x-www-form-urlencoded", content = OperationForm), responses((status = 200, description = "Done.", body = Message)))]
pub(super) async fn operate(
    state: State<Arc<Node>>,
    claims: Extension<Claims>,
    operation: Operation,
) -> Result<Json<Message>, Failed> {
    admin(state, claims, operation).await
}

/// Begins anew: `restart`, `reset` (removes data and config) or `load_config`.
#[utoipa::path(post, path = "/admin", tag = "Node", request_body(content_type = "application/x-www-form-urlencoded", content = OperationForm), responses((status = 200, description = "Done.", body = Message)))]
async fn admin(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    operation: Operation,
) -> Result<Json<Message>, Failed> {
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
        Ok(Json(Message::ok()))
    })
    .await
}
