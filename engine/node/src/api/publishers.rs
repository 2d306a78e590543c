//! Pipes that publish: their entities as JSON, CSV, Excel and XML.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::{IntoResponse, Response};
use pipewright_config::Pipe;
use pipewright_entity::Entity;
use pipewright_store::Dataset;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::address::{self, Asker};
use super::forms::Form;
use super::pipes::known;
use super::query::{Allow, Asked, Bytes, Path, number};
use super::{Failed, blocking};
use crate::Node;
use crate::evaluate::Stage;
use crate::loaded::Loaded;

pub(super) fn routes() -> OpenApiRouter<Arc<Node>> {
    OpenApiRouter::new()
        .routes(routes!(entities))
        .routes(routes!(entities_as))
        .routes(routes!(csv))
        .routes(routes!(csv_as))
        .routes(routes!(excel))
        .routes(routes!(excel_as))
        .routes(routes!(xml))
        .routes(routes!(xml_as))
        .routes(routes!(csv_options))
        .routes(routes!(excel_options))
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

/// What an address as CSV may ask for besides.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what is read of the address")]
struct Linked {
    /// Instead of the CSV, a workbook of this name that fetches it whenever it
    /// is opened.
    linked_excel_file: Option<String>,
}

type Parameters = HashMap<String, String>;

/// What the protocol and this API mean, and DTL does not see.
const OWN: [&str; 4] = ["since", "limit", LINKED, address::LINK];
const LINKED: &str = "linked_excel_file";

/// What is published as.
#[derive(Clone, Copy)]
enum Kind {
    Entities(Form),
    Csv,
    Excel,
    Xml,
}

/// The entities of a pipe that publishes. Other parameters are `_B` in DTL.
#[utoipa::path(get, path = "/publishers/{id}/entities", tag = "Publishers", params(Pull), responses((status = 200, description = "Done.", content((Vec<Value> = "application/json"), (Bytes = "application/x-pipewright-entities")))))]
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
#[utoipa::path(get, path = "/publishers/{id}/entities/{file}", tag = "Publishers", params(Pull), responses((status = 200, description = "Done.", content((Vec<Value> = "application/json"), (Bytes = "application/x-pipewright-entities")))))]
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
#[utoipa::path(get, path = "/publishers/{id}/csv", tag = "Publishers", params(Pull, Linked), responses((status = 200, description = "Done.", content((String = "text/csv"), (Bytes = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")))))]
async fn csv(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
    Asked(pull): Asked<Pull>,
    Query(query): Query<Parameters>,
    asker: Asker,
) -> Result<Response, Failed> {
    blocking(node, move |node| match query.get(LINKED) {
        Some(file) => linked(node, &id, &asker, file),
        None => published(node, &id, Kind::Csv, None, pull, query),
    })
    .await
}

/// The same under the name of a file.
#[utoipa::path(get, path = "/publishers/{id}/csv/{file}", tag = "Publishers", params(Pull, Linked), responses((status = 200, description = "Done.", content((String = "text/csv"), (Bytes = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")))))]
async fn csv_as(
    State(node): State<Arc<Node>>,
    Path((id, file)): Path<(String, String)>,
    Asked(pull): Asked<Pull>,
    Query(query): Query<Parameters>,
    asker: Asker,
) -> Result<Response, Failed> {
    blocking(node, move |node| match query.get(LINKED) {
        Some(file) => linked(node, &id, &asker, file),
        None => published(node, &id, Kind::Csv, Some(file), pull, query),
    })
    .await
}

/// What a pipe publishes as an Excel workbook: the columns of its CSV, or one
/// for each property.
#[utoipa::path(get, path = "/publishers/{id}/excel", tag = "Publishers", params(Pull), responses((status = 200, description = "Done.", content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", body = Bytes)))]
async fn excel(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
    Asked(pull): Asked<Pull>,
    Query(query): Query<Parameters>,
) -> Result<Response, Failed> {
    blocking(node, move |node| published(node, &id, Kind::Excel, None, pull, query)).await
}

/// The same under the name of a file.
#[utoipa::path(get, path = "/publishers/{id}/excel/{file}", tag = "Publishers", params(Pull), responses((status = 200, description = "Done.", content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", body = Bytes)))]
async fn excel_as(
    State(node): State<Arc<Node>>,
    Path((id, file)): Path<(String, String)>,
    Asked(pull): Asked<Pull>,
    Query(query): Query<Parameters>,
) -> Result<Response, Failed> {
    blocking(node, move |node| published(node, &id, Kind::Excel, Some(file), pull, query)).await
}

/// The methods of this path, for programs that ask before they open a file.
#[utoipa::path(options, path = "/publishers/{id}/excel/", tag = "Publishers", params(("id" = String, Path, description = "The pipe")), responses((status = 200, description = "The header `Allow` names them.")))]
async fn excel_options() -> Allow {
    Allow("GET, HEAD, OPTIONS")
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

/// The pipe, if it publishes.
pub(super) fn publisher<'l>(loaded: &'l Loaded, id: &str) -> Result<&'l Pipe, Failed> {
    let pipe = known(loaded, id)?;
    match pipe.is_endpoint() {
        true => Ok(pipe),
        false => Err(Failed::not_found(format!("the pipe {id:?} publishes nothing"))),
    }
}

/// A workbook that fetches what a pipe publishes as CSV, at the address of this
/// request.
fn linked(node: &Node, id: &str, asker: &Asker, file: &str) -> Result<Response, Failed> {
    publisher(&node.loaded(), id)?;
    let address = asker.without(node, &[LINKED]);
    let mut headers = HeaderMap::new();
    let book = pipewright_systems::excel::linked(&address, &node.sink_config(id));
    let book = book.map_err(Failed::internal)?;
    insert(&mut headers, "content-type", pipewright_systems::excel::CONTENT_TYPE);
    let file = if file.is_empty() { "linked.xlsx" } else { file };
    name(&mut headers, "attachment", file);
    Ok((headers, book).into_response())
}

/// What a pipe publishes; parameters that are not of the protocol are bound to
/// `_B`.
fn published(
    node: &Arc<Node>,
    id: &str,
    kind: Kind,
    file: Option<String>,
    pull: Pull,
    query: Parameters,
) -> Result<Response, Failed> {
    let loaded = node.loaded();
    let pipe = publisher(&loaded, id)?;
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
    let entities = read(node, id, pull.since, pull.limit, query)?;
    let (content_type, bytes) = match kind {
        Kind::Csv => node.csv(id, &entities)?,
        Kind::Excel => node.excel(id, &entities)?,
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
    let usual = matches!(kind, Kind::Excel).then(|| format!("{id}.xlsx"));
    let of_config = given("filename").filter(|_| usual.is_none());
    if let Some(file) = file.or(of_config).or(usual) {
        let kind = given("content_disposition").unwrap_or_else(|| "attachment".into());
        name(&mut headers, &kind, &file);
    }
    Ok((headers, bytes).into_response())
}

/// The entities that a pipe publishes. What the API means itself is not bound.
pub(super) fn read(
    node: &Node,
    id: &str,
    since: Option<String>,
    limit: Option<usize>,
    mut query: Parameters,
) -> Result<Vec<Entity>, Failed> {
    query.retain(|name, _| !OWN.contains(&name.as_str()));
    node.entities(id, Stage::Sink, since, limit, query)
}

/// Names the file that the answer is. What would end the quoted name, or the
/// header, is left out.
fn name(headers: &mut HeaderMap, kind: &str, file: &str) {
    let file: String =
        file.chars().filter(|c| !c.is_control() && !matches!(c, '"' | '\\' | '/')).collect();
    if let Ok(value) = format!("{kind}; filename=\"{file}\"").parse() {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
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
