//! How the node and its runs fare.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use pipewright_protocol::studio::{Health, RunInfo};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::query::{Asked, Json, number};
use super::{Failed, blocking};
use crate::permissions::{Act, Resource};
use crate::{Claims, Node};

pub(super) fn routes() -> OpenApiRouter<Arc<Node>> {
    OpenApiRouter::new().routes(routes!(health)).routes(routes!(runs))
}

/// How the node fares, now and in the last hour.
#[utoipa::path(get, path = "/health", tag = "Studio", responses((status = 200, description = "Done.", body = Health)))]
async fn health(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
) -> Result<Json<Health>, Failed> {
    blocking(node, move |node| {
        let seen = |pipe: &str| node.may(&claims, Resource::Pipe(pipe), Act::ReadConfig);
        Ok(Json(node.health(seen)))
    })
    .await
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Which {
    /// Only those of this pipe.
    pipe: Option<String>,
    /// How many at most; 500 when missing.
    #[serde(default, deserialize_with = "number")]
    limit: Option<usize>,
}

/// The runs that ended last, over all pipes.
#[utoipa::path(get, path = "/runs", tag = "Studio", params(Which), responses((status = 200, description = "Done.", body = Vec<RunInfo>)))]
async fn runs(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Asked(asked): Asked<Which>,
) -> Result<Json<Vec<RunInfo>>, Failed> {
    blocking(node, move |node| {
        let seen = |pipe: &str| node.may(&claims, Resource::Pipe(pipe), Act::ReadConfig);
        let limit = asked.limit.unwrap_or(500).min(5_000);
        let pipe = asked.pipe.as_deref().filter(|pipe| !pipe.is_empty());
        Ok(Json(crate::runs::last(node, pipe, limit, seen)?))
    })
    .await
}
