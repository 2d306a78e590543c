//! Webhooks: other nodes subscribe here to what is new, and tell this node.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use pipewright_protocol::service::{Message, Webhook};
use pipewright_protocol::studio::Role;
use pipewright_store::names;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::query::{Allow, Asked, Json, Path, number};
use super::{Failed, blocking, datasets, pipes};
use crate::{Claims, Node, Refused};

pub(super) fn routes() -> OpenApiRouter<Arc<Node>> {
    OpenApiRouter::new()
        .routes(routes!(entities_options))
        .routes(routes!(log_options))
        .routes(routes!(webhook))
}

/// A subscription to what is new in a dataset.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Subscribe {
    /// The address of the webhook of a pipe of another node, which is called
    /// whenever there is something new.
    webhook: Option<String>,
    /// What the webhook is told to know the call by; needed with `webhook`.
    token: Option<String>,
    /// What the subscriber has read: it is called at once when there is more.
    #[serde(default, deserialize_with = "number")]
    since: Option<u64>,
}

impl Subscribe {
    /// Subscribes, if that is asked for.
    fn to(self, node: &Node, dataset: &str, by: &Claims) -> Result<(), Failed> {
        match self.webhook.filter(|url| !url.is_empty()) {
            // Even where everybody may read.
            Some(_) if by.role == Role::Anonymous => Err(Refused::Missing.into()),
            Some(url) => node.subscribe(dataset, &url, self.token, self.since, &by.sub),
            None => Ok(()),
        }
    }
}

/// The methods of this path; with `webhook`, subscribes to the dataset.
#[utoipa::path(options, path = "/datasets/{id}/entities", tag = "Datasets", params(Subscribe), responses((status = 200, description = "The header `Allow` names them.")))]
async fn entities_options(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Path(id): Path<String>,
    Asked(asked): Asked<Subscribe>,
) -> Result<Allow, Failed> {
    blocking(node, move |node| {
        if asked.webhook.is_some() {
            datasets::known(&node.store().reader()?, &id)?;
        }
        asked.to(node, &id, &claims)?;
        Ok(Allow("GET, HEAD, OPTIONS, POST"))
    })
    .await
}

/// The methods of this path; with `webhook`, subscribes to the execution log.
#[utoipa::path(options, path = "/pipes/{id}/log", tag = "Pipes", params(Subscribe), responses((status = 200, description = "The header `Allow` names them.")))]
async fn log_options(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Path(id): Path<String>,
    Asked(asked): Asked<Subscribe>,
) -> Result<Allow, Failed> {
    blocking(node, move |node| {
        if asked.webhook.is_some() {
            pipes::known(&node.loaded(), &id)?;
        }
        asked.to(node, &names::execution_log(&id), &claims)?;
        Ok(Allow("GET, HEAD, OPTIONS"))
    })
    .await
}

/// Runs a pipe because the node that it reads says that it has something new.
/// The body carries the `token` that the pipe gave it when it subscribed; no
/// other token is needed.
#[utoipa::path(post, path = "/pipes/{id}/webhook", tag = "Pipes", security(()), responses((status = 200, description = "Done.", body = Message)))]
async fn webhook(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
    Json(said): Json<Webhook>,
) -> Result<Json<Message>, Failed> {
    blocking(node, move |node| {
        node.heard(&id, &said.token)?;
        Ok(Json(Message::ok()))
    })
    .await
}
