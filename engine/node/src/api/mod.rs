//! The node API over HTTP (`engine/protocol` names paths and types).
//!
//! One [`axum::Router`] serves everybody: `serve` puts it on a socket, the
//! desktop hands it requests in process, tests call it directly. Every path
//! below `/api` needs a token; what its role allows is decided in one place,
//! [`authorize`].

mod config;
mod datasets;
mod error;
mod metrics;
mod node;
mod pipes;
mod publishers;
mod query;
mod receivers;
mod runner;
mod secrets;
mod studio;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, OriginalUri, Request, State};
use axum::http::{Method, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};
use pipewright_protocol::studio::{CHECK, IMPACT, PREVIEW, Role};
use serde_json::json;

pub(crate) use error::Failed;

use crate::{Node, Refused};

/// The largest request body taken in, in bytes.
const LARGEST_BODY: usize = 256 << 20;

/// The API of a node.
pub fn router(node: Arc<Node>) -> Router {
    let protected = Router::new()
        .merge(node::routes())
        .merge(metrics::routes())
        .merge(config::routes())
        .merge(datasets::routes())
        .merge(runner::routes())
        .merge(pipes::routes())
        .merge(publishers::routes())
        .merge(receivers::routes())
        .merge(secrets::routes())
        .nest("/studio", studio::routes())
        .fallback(|| async { Failed::not_found("there is no such operation") })
        .layer(middleware::from_fn_with_state(node.clone(), authorize));
    Router::new()
        .route("/api/ping", get(|| async { Json(json!({"status": "running"})) }))
        // The official client asks with a slash at the end.
        .route(
            "/api/",
            get(node::info).layer(middleware::from_fn_with_state(node.clone(), authorize)),
        )
        .nest("/api", protected)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .with_state(node)
}

/// The one place that decides who may do what: a valid token for everything,
/// and a role that may change for every request that is not a `GET`, apart
/// from those that ask with a body and change nothing.
async fn authorize(
    State(node): State<Arc<Node>>,
    OriginalUri(address): OriginalUri,
    mut request: Request,
    next: Next,
) -> Result<Response, Failed> {
    let token = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .ok_or(Refused::Missing)?;
    let claims = node.tokens().check(token)?;
    let only_asks = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS)
        || [CHECK, IMPACT, PREVIEW].contains(&address.path());
    let allowed = match address.path() {
        // It ends what others do, or takes all there is.
        "/api/admin" => claims.role == Role::Admin,
        _ => only_asks || claims.role.may_change(),
    };
    if !allowed {
        return Err(Refused::NotAllowed { role: claims.role }.into());
    }
    request.extensions_mut().insert(claims);
    Ok(next.run(request).await)
}

/// Runs what reads the disk where it does not hold up other requests.
pub(crate) async fn blocking<T: Send + 'static>(
    node: Arc<Node>,
    work: impl FnOnce(&Arc<Node>) -> Result<T, Failed> + Send + 'static,
) -> Result<T, Failed> {
    match tokio::task::spawn_blocking(move || work(&node)).await {
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
