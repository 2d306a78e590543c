//! Pipes that publish: their entities as JSON, CSV and XML.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::{IntoResponse, Response};
use pipewright_entity::Entity;
use pipewright_store::Dataset;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::forms::Form;
use super::pipes::known;
use super::query::{Allow, Asked, Path, number};
use super::{Failed, blocking};
use crate::Node;
use crate::evaluate::Stage;

pub(super) fn routes() -> OpenApiRouter<Arc<Node>> {
    OpenApiRouter::new()
        .routes(routes!(entities))
        .routes(routes!(entities_as))
        .routes(routes!(csv))
        .routes(routes!(csv_as))
        .routes(routes!(xml))
        .routes(routes!(xml_as))
        .routes(routes!(csv_options))
        .routes(routes!(xml_options))
}

/// The parameters of the JSON pull protocol that a pipe which publishes knows.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Pull {
    /// Only what comes after this in the source of the pipe.
    since: Option<String>,
    /// At most so many.
    #[serde(default, deserialize_with = "number")]
    limit: Option<usize>,
}

type Parameters = HashMap<String, String>;

/// What is published as.
#[derive(Clone, Copy)]
enum Kind {
    Entities(Form),
    Csv,
    Xml,
}

/// The entities of a pipe that publishes. Other parameters are `_B` in DTL.
#[utoipa::path(get, path = "/publishers/{id}/entities", tag = "Publishers", params(Pull), responses((status = 200, description = "Done.", content((Vec<Value> = "application/json"), (Vec<u8> = "application/x-pipewright-entities")))))]
async fn entities(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
    Asked(pull): Asked<Pull>,
    Query(query): Query<Parameters>,
    headers: HeaderMap,
) -> Result<Response, Failed> {
    let kind = Kind::Entities(Form::asked(&headers));
    blocking(node, move |node| published(node, &id, kind, None, pull, query)).await
}

/// The same under the name of a file.
#[utoipa::path(get, path = "/publishers/{id}/entities/{file}", tag = "Publishers", params(Pull), responses((status = 200, description = "Done.", content((Vec<Value> = "application/json"), (Vec<u8> = "application/x-pipewright-entities")))))]
async fn entities_as(
    State(node): State<Arc<Node>>,
    Path((id, file)): Path<(String, String)>,
    Asked(pull): Asked<Pull>,
    Query(query): Query<Parameters>,
    headers: HeaderMap,
) -> Result<Response, Failed> {
    let kind = Kind::Entities(Form::asked(&headers));
    blocking(node, move |node| published(node, &id, kind, Some(file), pull, query)).await
}

/// What a pipe publishes as CSV.
#[utoipa::path(get, path = "/publishers/{id}/csv", tag = "Publishers", params(Pull), responses((status = 200, description = "Done.", content_type = "text/csv", body = String)))]
async fn csv(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
    Asked(pull): Asked<Pull>,
    Query(query): Query<Parameters>,
) -> Result<Response, Failed> {
    blocking(node, move |node| published(node, &id, Kind::Csv, None, pull, query)).await
}

/// The same under the name of a file.
#[utoipa::path(get, path = "/publishers/{id}/csv/{file}", tag = "Publishers", params(Pull), responses((status = 200, description = "Done.", content_type = "text/csv", body = String)))]
async fn csv_as(
    State(node): State<Arc<Node>>,
    Path((id, file)): Path<(String, String)>,
    Asked(pull): Asked<Pull>,
    Query(query): Query<Parameters>,
) -> Result<Response, Failed> {
    blocking(node, move |node| published(node, &id, Kind::Csv, Some(file), pull, query)).await
}

/// The methods of this path, for programs that ask before they open a file.
#[utoipa::path(options, path = "/publishers/{id}/csv/", tag = "Publishers", params(("id" = String, Path, description = "The pipe")), responses((status = 200, description = "The header `Allow` names them.")))]
async fn csv_options() -> Allow {
    Allow("GET, HEAD, OPTIONS")
}

/// The methods of this path, for programs that ask before they open a file.
#[utoipa::path(options, path = "/publishers/{id}/xml/", tag = "Publishers", params(("id" = String, Path, description = "The pipe")), responses((status = 200, description = "The header `Allow` names them.")))]
async fn xml_options() -> Allow {
    Allow("GET, HEAD, OPTIONS")
}

/// What a pipe publishes as XML.
#[utoipa::path(get, path = "/publishers/{id}/xml", tag = "Publishers", params(Pull), responses((status = 200, description = "Done.", content_type = "application/xml", body = String)))]
async fn xml(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
    Asked(pull): Asked<Pull>,
    Query(query): Query<Parameters>,
) -> Result<Response, Failed> {
    blocking(node, move |node| published(node, &id, Kind::Xml, None, pull, query)).await
}

/// The same under the name of a file.
#[utoipa::path(get, path = "/publishers/{id}/xml/{file}", tag = "Publishers", params(Pull), responses((status = 200, description = "Done.", content_type = "application/xml", body = String)))]
async fn xml_as(
    State(node): State<Arc<Node>>,
    Path((id, file)): Path<(String, String)>,
    Asked(pull): Asked<Pull>,
    Query(query): Query<Parameters>,
) -> Result<Response, Failed> {
    blocking(node, move |node| published(node, &id, Kind::Xml, Some(file), pull, query)).await
}

/// What a pipe publishes; parameters that are not of the protocol are bound to
/// `_B`.
fn published(
    node: &Arc<Node>,
    id: &str,
    kind: Kind,
    file: Option<String>,
    pull: Pull,
    mut query: Parameters,
) -> Result<Response, Failed> {
    let loaded = node.loaded();
    let pipe = known(&loaded, id)?;
    if !pipe.is_endpoint() {
        return Err(Failed::not_found(format!("the pipe {id:?} publishes nothing")));
    }
    let mut headers = HeaderMap::new();
    // How the source is before it is read: nobody must take for read what was
    // stored meanwhile.
    if let [dataset] = pipe.source_datasets().as_slice()
        && let Some(source) = node.store().reader()?.dataset(dataset)?
    {
        tell(&mut headers, &source);
    }
    let filtered = !pipe.transforms.is_empty();
    insert(&mut headers, "x-dataset-filtered", &filtered.to_string());
    for of_protocol in ["since", "limit"] {
        query.remove(of_protocol);
    }
    let entities: Vec<Entity> = node.entities(id, Stage::Sink, pull.since, pull.limit, query)?;
    let (content_type, bytes) = match kind {
        Kind::Csv => node.csv(id, &entities)?,
        Kind::Xml => node.xml(id, &entities)?,
        Kind::Entities(form) => {
            let mut body = Vec::new();
            form.write(entities.into_iter().map(Ok), &mut body)
                .map_err(|error| Failed::internal(error.to_string()))?;
            insert(&mut headers, "content-type", form.content_type());
            insert(&mut headers, "vary", "Accept");
            return Ok((headers, body).into_response());
        }
    };
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

/// The headers of the pull protocol, as far as the source has them.
fn tell(headers: &mut HeaderMap, source: &Dataset) {
    insert(headers, "x-dataset-populated", &source.is_populated().to_string());
    insert(headers, "x-dataset-generation", &source.generation);
    if let Some(last) = source.last_offset() {
        insert(headers, "x-dataset-max-updated", &last.to_string());
    }
    if let Some(completeness) = source.completeness {
        insert(headers, "x-dataset-completeness", &completeness.to_string());
    }
}

fn insert(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = value.parse() {
        headers.insert(HeaderName::from_static(name), value);
    }
}
