//! Taking over the config of another node, and what the two have in common.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use pipewright_config::difference::Base;
use pipewright_protocol::service::Message;
use pipewright_protocol::studio::{ConfigDraft, ConfigUpload};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::query::{Asked, Json};
use super::{Failed, blocking};
use crate::{Claims, Node, bases};

pub(super) fn routes() -> OpenApiRouter<Arc<Node>> {
    OpenApiRouter::new().routes(routes!(draft)).routes(routes!(base, keep))
}

/// What it takes to make the config be another. Nothing is changed.
#[utoipa::path(post, path = "/draft", tag = "Studio", responses((status = 200, description = "Done.", body = ConfigDraft)))]
async fn draft(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Json(upload): Json<ConfigUpload>,
) -> Result<Json<ConfigDraft>, Failed> {
    blocking(node, move |node| Ok(Json(node.draft_upload(&upload, &claims)?))).await
}

/// Which other node is meant.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct With {
    /// Its address, or the folder it is known by.
    with: String,
}

/// What the config had in common with that of another node when one was last
/// copied to the other: kind, name and hash of each.
#[utoipa::path(get, path = "/base", tag = "Studio", params(With), responses((status = 200, description = "Done.", body = Vec<Value>)))]
async fn base(
    State(node): State<Arc<Node>>,
    Asked(With { with }): Asked<With>,
) -> Result<Json<Base>, Failed> {
    blocking(node, move |node| Ok(Json(bases::read(node, &with)))).await
}

/// Keeps what the config has in common with that of another node.
#[utoipa::path(put, path = "/base", tag = "Studio", params(With), request_body = Vec<Value>, responses((status = 200, description = "Done.", body = Message)))]
async fn keep(
    State(node): State<Arc<Node>>,
    Asked(With { with }): Asked<With>,
    Json(base): Json<Base>,
) -> Result<Json<Message>, Failed> {
    blocking(node, move |node| {
        bases::write(node, &with, base)?;
        Ok(Json(Message::ok()))
    })
    .await
}
