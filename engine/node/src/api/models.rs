//! Models: what entities look like, as people say and as they do.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use pipewright_protocol::service::{Gone, Model, ModelType};
use serde::Deserialize;
use serde_json::json;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::config::Force;
use super::query::{Asked, Json, Path, flag};
use super::{Failed, blocking};
use crate::models::{Shown, has_property, wrong};
use crate::{Claims, Node};

pub(super) fn routes() -> OpenApiRouter<Arc<Node>> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(one, remove))
        .routes(routes!(kind))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct How {
    /// With the model that is called after the node, whose types are what its
    /// pipes have written, and with what that says of types that were posted.
    #[serde(default, deserialize_with = "flag")]
    effective: Option<bool>,
    /// Otherwise ids and names only.
    #[serde(default, deserialize_with = "flag")]
    verbose: Option<bool>,
}

impl How {
    fn shown(&self) -> Shown {
        let (effective, verbose) = (self.effective.unwrap_or(false), self.verbose.unwrap_or(true));
        Shown { effective, verbose }
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Which {
    /// Only models that have a type with this property.
    with_property: Option<String>,
}

/// The models.
#[utoipa::path(get, path = "/models", tag = "Models", params(How, Which), responses((status = 200, description = "Done.", body = Vec<Model>)))]
async fn list(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Asked(how): Asked<How>,
    Asked(which): Asked<Which>,
) -> Result<Json<Vec<Model>>, Failed> {
    blocking(node, move |node| {
        let shown = how.shown();
        let mut models = node.models(Shown { verbose: true, ..shown }, &claims)?;
        if let Some(property) = which.with_property.filter(|property| !property.is_empty()) {
            models.retain(|model| has_property(model, &property));
        }
        if !shown.verbose {
            models.iter_mut().for_each(crate::models::shorten);
        }
        Ok(Json(models))
    })
    .await
}

/// Adds models; those of the same ids are replaced.
#[utoipa::path(post, path = "/models", tag = "Models", params(Force), responses((status = 200, description = "Done.", body = Vec<Model>)))]
async fn add(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Asked(force): Asked<Force>,
    Json(models): Json<Vec<Model>>,
) -> Result<Json<Vec<Model>>, Failed> {
    let wrongs: Vec<String> = models.iter().filter_map(wrong).collect();
    let nameless = models.iter().any(|model| model.id.is_empty());
    if nameless || (!force.get() && !wrongs.is_empty()) {
        return Err(Failed::documented(
            StatusCode::BAD_REQUEST,
            json!({ "validation_errors": wrongs }),
        ));
    }
    blocking(node, move |node| {
        node.keep_models(&models, &claims)?;
        Ok(Json(models))
    })
    .await
}

/// A model.
#[utoipa::path(get, path = "/models/{id}", tag = "Models", params(How), responses((status = 200, description = "Done.", body = Model)))]
async fn one(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Path(id): Path<String>,
    Asked(how): Asked<How>,
) -> Result<Json<Model>, Failed> {
    blocking(node, move |node| found(node, how.shown(), &claims, &id).map(Json)).await
}

/// Removes a model that was posted.
#[utoipa::path(delete, path = "/models/{id}", tag = "Models", responses((status = 200, description = "Done.", body = Gone)))]
async fn remove(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
) -> Result<Json<Gone>, Failed> {
    blocking(node, move |node| match node.remove_model(&id)? {
        true => Ok(Json(Gone { id })),
        false => Err(Failed::not_found(format!("no model {id:?} was posted"))),
    })
    .await
}

/// A type of a model.
#[utoipa::path(get, path = "/models/{id}/{type}", tag = "Models", params(How), responses((status = 200, description = "Done.", body = ModelType)))]
async fn kind(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Path((id, kind)): Path<(String, String)>,
    Asked(how): Asked<How>,
) -> Result<Json<ModelType>, Failed> {
    blocking(node, move |node| {
        let model = found(node, how.shown(), &claims, &id)?;
        let found = model.entity_types.into_iter().find(|one| one.id == kind);
        found.map(Json).ok_or_else(|| {
            Failed::not_found(format!("the model {id:?} has no entity type {kind:?}"))
        })
    })
    .await
}

fn found(node: &Node, shown: Shown, claims: &Claims, id: &str) -> Result<Model, Failed> {
    let models = node.models(shown, claims)?;
    let found = models.into_iter().find(|model| model.id == id);
    found.ok_or_else(|| Failed::not_found(format!("there is no model {id:?}")))
}
