//! The node API over HTTP (`engine/protocol` names paths and types).
//!
//! One [`axum::Router`] serves everybody: `serve` puts it on a socket, the
//! desktop hands it requests in process, tests call it directly. Every path
//! below `/api` needs a token; who may call what is decided in one place,
//! [`authorize`]. Each handler describes itself for the OpenAPI document, and
//! is a route by that description only ([`described`]).

mod absent;
mod address;
mod authorize;
mod backup;
mod compare;
mod config;
mod data_files;
mod datasets;
mod elsewhere;
mod entities;
mod error;
mod forms;
mod limits;
mod links;
mod metrics;
mod models;
mod monitor;
mod node;
mod openapi;
mod pipes;
mod publishers;
mod pumps;
mod query;
mod receivers;
mod reference;
mod requests;
mod runner;
mod sdshare;
mod secrets;
mod services;
mod studio;
mod tokens;
mod trials;
mod uncommitted;
mod users;
mod webhooks;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::http::header;
use axum::middleware;
use axum::response::Html;
use axum::routing::get;
use axum::{Json, Router};
use pipewright_protocol::service::Health;
use utoipa_axum::router::OpenApiRouter;

pub(crate) use error::Failed;

use crate::Node;

/// The API of a node.
pub fn router(node: Arc<Node>) -> Router {
    let (routes, document) = described();
    let document = openapi::complete(document);
    let protected = routes
        .fallback(absent::answer)
        .method_not_allowed_fallback(absent::wrong_method)
        .layer(middleware::from_fn_with_state(node.clone(), authorize::authorize));
    Router::new()
        .merge(open(document))
        // The official client asks with a slash at the end.
        .route(
            "/api/",
            get(node::info)
                .post(node::operate)
                .layer(middleware::from_fn_with_state(node.clone(), authorize::authorize)),
        )
        .nest("/api", protected)
        .layer(DefaultBodyLimit::max(limits::LARGEST_BODY))
        .layer(middleware::from_fn_with_state(limits::Limits::usual(), limits::bound))
        .layer(middleware::from_fn(elsewhere::answer))
        .layer(middleware::from_fn(requests::name))
        .with_state(node)
}

/// Every operation that needs a token, with its description.
fn described() -> (Router<Arc<Node>>, utoipa::openapi::OpenApi) {
    OpenApiRouter::new()
        .merge(node::routes())
        .merge(metrics::routes())
        .merge(models::routes())
        .merge(config::routes())
        .merge(datasets::routes())
        .merge(runner::routes())
        .merge(pipes::routes())
        .merge(pumps::routes())
        .merge(publishers::routes())
        .merge(links::routes())
        .merge(receivers::routes())
        .merge(sdshare::routes())
        .merge(secrets::routes())
        .merge(services::routes())
        .merge(webhooks::routes())
        .nest("/studio", of_the_studio())
        .split_for_parts()
}

/// What the studio asks beyond the service API.
fn of_the_studio() -> OpenApiRouter<Arc<Node>> {
    studio::routes()
        .merge(backup::routes())
        .merge(compare::routes())
        .merge(data_files::routes())
        .merge(entities::routes())
        .merge(monitor::routes())
        .merge(tokens::routes())
        .merge(trials::routes())
        .merge(users::routes())
}

/// What everybody may ask: whether the node is there, and what can be asked.
fn open(document: serde_json::Value) -> Router<Arc<Node>> {
    let page = reference::page(&document);
    let document: axum::body::Bytes = document.to_string().into();
    let json = [(header::CONTENT_TYPE, "application/json")];
    Router::new()
        .route("/api/ping", get(|| async { Json(Health { status: "running".to_owned() }) }))
        .route(openapi::PATH, get(move || async move { (json, document) }))
        .route(openapi::PAGE, get(move || async move { Html(page) }))
}

/// Runs what reads the disk where it does not hold up other requests.
pub(crate) async fn blocking<T: Send + 'static>(
    node: Arc<Node>,
    work: impl FnOnce(&Arc<Node>) -> Result<T, Failed> + Send + 'static,
) -> Result<T, Failed> {
    // What is logged there belongs to the request all the same.
    let span = tracing::Span::current();
    match tokio::task::spawn_blocking(move || span.in_scope(|| work(&node))).await {
        Ok(result) => result,
        Err(error) => {
            tracing::error!(%error, "a request ended abnormally");
            Err(Failed::internal("the request ended abnormally; see the log of the node"))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{Options, Settings};

    /// Routes that overlap only show when the router is made.
    #[test]
    fn the_router_can_be_made() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Some(Settings::in_folder(folder.path()));
        let node = Node::open(Options { settings, ..Options::new(folder.path()) }).unwrap();
        let _router = router(node);
    }
}
