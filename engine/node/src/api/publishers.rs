//! Pipes that publish: their entities as JSON, CSV and XML.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use pipewright_entity::Entity;

use super::pipes::known;
use super::{Failed, blocking};
use crate::Node;
use crate::evaluate::Stage;

pub(super) fn routes() -> Router<Arc<Node>> {
    Router::new()
        .route("/publishers/{id}/{form}", get(publish))
        .route("/publishers/{id}/{form}/{file}", get(publish_file))
}

type Parameters = HashMap<String, String>;

async fn publish(
    State(node): State<Arc<Node>>,
    Path((id, form)): Path<(String, String)>,
    Query(query): Query<Parameters>,
) -> Result<Response, Failed> {
    blocking(node, move |node| published(node, &id, &form, None, query)).await
}

async fn publish_file(
    State(node): State<Arc<Node>>,
    Path((id, form, file)): Path<(String, String, String)>,
    Query(query): Query<Parameters>,
) -> Result<Response, Failed> {
    blocking(node, move |node| published(node, &id, &form, Some(file), query)).await
}

fn published(
    node: &Arc<Node>,
    id: &str,
    form: &str,
    file: Option<String>,
    query: Parameters,
) -> Result<Response, Failed> {
    if !["entities", "csv", "xml"].contains(&form) {
        return Err(Failed::not_found(format!(
            "nothing is published as {form:?}: entities, csv, xml"
        )));
    }
    let entities = entities(node, id, query)?;
    let (content_type, bytes) = match form {
        "csv" => node.csv(id, &entities)?,
        "xml" => node.xml(id, &entities)?,
        _ => return Ok(Json(entities).into_response()),
    };
    let mut headers = HeaderMap::new();
    if let Ok(value) = content_type.parse() {
        headers.insert(header::CONTENT_TYPE, value);
    }
    let sink = node.sink_config(id);
    let given = |name: &str| sink.get(name).and_then(|value| value.as_str()).map(str::to_owned);
    if let Some(file) = file.or_else(|| given("filename")) {
        // What would end the quoted name, or the header, is left out.
        let file: String =
            file.chars().filter(|c| !c.is_control() && !matches!(c, '"' | '\\' | '/')).collect();
        let kind = given("content_disposition").unwrap_or_else(|| "attachment".into());
        if let Ok(value) = format!("{kind}; filename=\"{file}\"").parse() {
            headers.insert(header::CONTENT_DISPOSITION, value);
        }
    }
    Ok((headers, bytes).into_response())
}

/// The entities that a published pipe gives; parameters that are not of the
/// protocol are bound to `_B`.
fn entities(node: &Arc<Node>, id: &str, mut query: Parameters) -> Result<Vec<Entity>, Failed> {
    let loaded = node.loaded();
    if !known(&loaded, id)?.is_endpoint() {
        return Err(Failed::not_found(format!("the pipe {id:?} publishes nothing")));
    }
    let since = query.remove("since");
    let limit = match query.remove("limit").filter(|limit| !limit.is_empty()) {
        None => None,
        Some(limit) => Some(limit.parse().map_err(|_| {
            Failed::bad_request(format!("\"limit\" must be a whole number, not {limit:?}"))
        })?),
    };
    node.entities(id, Stage::Sink, since, limit, query)
}
