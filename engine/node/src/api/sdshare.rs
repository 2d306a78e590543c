//! SDShare: feeds of what has changed in datasets and in what pipes publish,
//! with what is said of each thing as N-Triples, and taking in such pieces.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use pipewright_entity::{Entity, Value, Version};
use pipewright_pump::Post;
use pipewright_pump::rdf::{self, Triples};
use pipewright_store::{Reader, Select};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::address::{Asker, part, with_query};
use super::publishers::{publisher, read};
use super::query::{Asked, Bytes, Path, number};
use super::{Failed, blocking};
use crate::Node;
use crate::feed::{ATOM, Feed, TRIPLES};

/// Entries on one page of the feed of a dataset.
const PAGE: usize = 10_000;
/// Parameters of a feed that its links have of their own.
const OWN: [&str; 2] = ["since", "limit"];

pub(super) fn routes() -> OpenApiRouter<Arc<Node>> {
    OpenApiRouter::new()
        .routes(routes!(dataset_collection))
        .routes(routes!(dataset_fragments))
        .routes(routes!(dataset_fragment))
        .routes(routes!(publisher_collection))
        .routes(routes!(publisher_fragments))
        .routes(routes!(publisher_fragment))
        .routes(routes!(receive))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Since {
    /// Only what changed after this `_updated`, or at this time or later
    /// (`2026-01-31T12:00:00Z`).
    since: Option<String>,
    /// Entries of a page: at most 10 000, as many when missing. The link `next`
    /// leads to the following page.
    #[serde(default, deserialize_with = "number")]
    limit: Option<usize>,
}

/// The feed that names the feed of a dataset's changes.
#[utoipa::path(get, path = "/datasets/{id}/sdshare-collection", tag = "SDShare", responses((status = 200, description = "Done.", content_type = "application/atom+xml", body = String)))]
async fn dataset_collection(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
    asker: Asker,
) -> Result<Response, Failed> {
    blocking(node, move |node| {
        let changed = known(&node.store().reader()?, &id)?;
        Ok(collection(node, &asker, ("datasets", &id), changed.unwrap_or_else(|| node.started())))
    })
    .await
}

/// The feed of what has changed in a dataset, the oldest change first: one entry
/// for each entity, deleted ones included.
#[utoipa::path(get, path = "/datasets/{id}/sdshare-fragments", tag = "SDShare", params(Since), responses((status = 200, description = "Done.", content_type = "application/atom+xml", body = String)))]
async fn dataset_fragments(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
    Asked(asked): Asked<Since>,
    asker: Asker,
) -> Result<Response, Failed> {
    blocking(node, move |node| {
        let reader = node.store().reader()?;
        let changed = known(&reader, &id)?.unwrap_or_else(|| node.started());
        let after = match asked.since.as_deref().filter(|since| !since.is_empty()) {
            Some(since) => after(&reader, &id, since)?,
            None => None,
        };
        let limit = asked.limit.unwrap_or(PAGE).min(PAGE);
        let select = Select { history: false, ..Select::default() };
        let versions = reader.changes(&id, after, Some(limit as u64), select)?;
        let versions: Vec<Version> = versions.collect::<Result<_, _>>()?;
        let triples = Triples::new(node.loaded().project.metadata());
        let mut feed = begin(node, &asker, &id, changed);
        let of = base(node, &asker, ("datasets", &id));
        let (ours, more) = (asker.query(&OWN), versions.len() == limit);
        if let Some(last) = versions.last().filter(|_| more) {
            let mut ours = ours.clone();
            ours.extend([format!("since={}", last.updated), format!("limit={limit}")]);
            feed.next(&with_query(format!("{of}/sdshare-fragments"), &ours));
        }
        for version in &versions {
            let id = version.entity.id();
            let uri = uri(&triples, id)?;
            let address = format!("{of}/sdshare-fragments/{}", part(id));
            feed.fragment(id, &uri, &with_query(address, &ours), version.ts);
        }
        Ok(answer(ATOM, feed.end()))
    })
    .await
}

/// What is said of an entity of a dataset; nothing of one that is deleted.
#[utoipa::path(get, path = "/datasets/{id}/sdshare-fragments/{*entity}", tag = "SDShare", params(("entity" = String, Path, description = "The entity's _id")), responses((status = 200, description = "Done.", content_type = "application/n-triples", body = String)))]
async fn dataset_fragment(
    State(node): State<Arc<Node>>,
    Path((id, entity)): Path<(String, String)>,
) -> Result<Response, Failed> {
    blocking(node, move |node| {
        let reader = node.store().reader()?;
        known(&reader, &id)?;
        let version = reader.get(&id, &entity)?.ok_or_else(|| {
            Failed::not_found(format!("the dataset {id:?} has no entity {entity:?}"))
        })?;
        fragment(node, &version.entity)
    })
    .await
}

/// The feed that names the feed of what a pipe publishes.
#[utoipa::path(get, path = "/publishers/{id}/sdshare-collection", tag = "SDShare", responses((status = 200, description = "Done.", content_type = "application/atom+xml", body = String)))]
async fn publisher_collection(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
    asker: Asker,
) -> Result<Response, Failed> {
    blocking(node, move |node| {
        publisher(&node.loaded(), &id)?;
        Ok(collection(node, &asker, ("publishers", &id), node.now()))
    })
    .await
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Pull {
    /// Only what comes after this in the source of the pipe.
    since: Option<String>,
    /// At most so many.
    #[serde(default, deserialize_with = "number")]
    limit: Option<usize>,
}

/// The feed of what a pipe publishes. Other parameters are `_B` in DTL.
#[utoipa::path(get, path = "/publishers/{id}/sdshare-fragments", tag = "SDShare", params(Pull), responses((status = 200, description = "Done.", content_type = "application/atom+xml", body = String)))]
async fn publisher_fragments(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
    Asked(pull): Asked<Pull>,
    Query(query): Query<HashMap<String, String>>,
    asker: Asker,
) -> Result<Response, Failed> {
    blocking(node, move |node| {
        let loaded = node.loaded();
        let source = match publisher(&loaded, &id)?.source_datasets().as_slice() {
            [only] => Some((*only).clone()),
            _ => None,
        };
        let entities = read(node, &id, pull.since, pull.limit, query)?;
        let triples = Triples::new(loaded.project.metadata());
        let reader = node.store().reader()?;
        let mut feed = begin(node, &asker, &id, node.now());
        let of = base(node, &asker, ("publishers", &id));
        let ours = asker.query(&OWN);
        let place = |entity: &Entity| match entity.get("_updated") {
            Some(Value::Int(place)) => u64::try_from(*place).ok(),
            _ => None,
        };
        let full = pull.limit.filter(|limit| *limit > 0 && entities.len() == *limit);
        if let (Some(limit), Some(last)) = (full, entities.last().and_then(place)) {
            let mut ours = ours.clone();
            ours.extend([format!("since={last}"), format!("limit={limit}")]);
            feed.next(&with_query(format!("{of}/sdshare-fragments"), &ours));
        }
        for entity in &entities {
            let uri = uri(&triples, entity.id())?;
            let (mut ours, mut changed) = (ours.clone(), None);
            if let (Some(dataset), Some(place)) = (&source, place(entity)) {
                // From there on it is found without reading everything.
                ours.extend(place.checked_sub(1).map(|before| format!("since={before}")));
                changed = reader.version(dataset, place)?.map(|version| version.ts);
            }
            let address = format!("{of}/sdshare-fragments/{}", part(entity.id()));
            let changed = changed.unwrap_or_else(|| node.now());
            feed.fragment(entity.id(), &uri, &with_query(address, &ours), changed);
        }
        Ok(answer(ATOM, feed.end()))
    })
    .await
}

/// What a pipe publishes of an entity; nothing of one that is deleted. The links
/// of the feed say with `since` where in the source it is found.
#[utoipa::path(get, path = "/publishers/{id}/sdshare-fragments/{*entity}", tag = "SDShare", params(("entity" = String, Path, description = "The entity's _id"), Pull), responses((status = 200, description = "Done.", content_type = "application/n-triples", body = String)))]
async fn publisher_fragment(
    State(node): State<Arc<Node>>,
    Path((id, entity)): Path<(String, String)>,
    Asked(pull): Asked<Pull>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response, Failed> {
    blocking(node, move |node| {
        publisher(&node.loaded(), &id)?;
        let found = |limit| -> Result<Option<Entity>, Failed> {
            let entities = read(node, &id, pull.since.clone(), limit, query.clone())?;
            Ok(entities.into_iter().rev().find(|one| one.id().as_str() == entity))
        };
        // The first from there, unless it has changed since the feed was read.
        let entity = match found(Some(1))? {
            Some(entity) => Some(entity),
            None => found(pull.limit)?,
        };
        fragment(node, &entity.ok_or_else(|| Failed::not_found("there is no such entity"))?)
    })
    .await
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what is read of the address")]
struct Resources {
    /// The URIs of the things that the body is about. One that the body says
    /// nothing of is deleted.
    resource: Vec<String>,
    /// Not looked at: the sink of the pipe says where entities go.
    graph: Option<String>,
}

/// Takes N-Triples for a pipe by the SDShare push protocol: what they say of
/// each `resource` becomes its entity, and one they say nothing of is deleted.
#[utoipa::path(post, path = "/receivers/{id}/sdshare-push-receiver", tag = "SDShare", params(Resources), request_body(content((String = "application/n-triples"), (String = "text/plain"))), responses((status = 200, description = "Done.", content_type = "text/plain", body = String)))]
async fn receive(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
    Query(asked): Query<Vec<(String, String)>>,
    headers: HeaderMap,
    Bytes(body): Bytes,
) -> Result<Response, Failed> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).map(str::trim);
    if !matches!(kind, None | Some(TRIPLES | "text/plain" | "text/turtle")) {
        return Err(Failed::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "bad-request",
            format!("the body is sent as {TRIPLES} or text/plain"),
        ));
    }
    let mut resources: Vec<String> = Vec::new();
    for (_, uri) in asked.into_iter().filter(|(name, _)| name == "resource") {
        let uri = uri.trim().trim_start_matches('<').trim_end_matches('>').to_owned();
        if uri.is_empty() || uri.contains([' ', '<', '>', '"']) {
            return Err(Failed::bad_request(format!("\"resource\" {uri:?} is no URI")));
        }
        if !resources.contains(&uri) {
            resources.push(uri);
        }
    }
    if resources.is_empty() {
        return Err(Failed::bad_request("\"resource\" names what the body is about"));
    }
    blocking(node, move |node| {
        let mut said = rdf::read(&body).map_err(|error| Failed::bad_request(error.to_string()))?;
        let entities = resources.iter().map(|uri| {
            let gone = || Entity::new(format!("<{uri}>")).with("_deleted", true);
            said.remove(uri).unwrap_or_else(gone)
        });
        let entities: Vec<Entity> = entities.collect();
        match node.receive(&id, entities.clone(), &Post::default())? {
            Ok(_) => Ok(answer("text/plain; charset=utf-8", String::new())),
            Err(error) => Err(super::receivers::refusal(node, &id, error, &entities)),
        }
    })
    .await
}

/// When a dataset last changed, if ever.
fn known(reader: &Reader, id: &str) -> Result<Option<i64>, Failed> {
    let dataset = reader.dataset(id)?;
    let dataset =
        dataset.ok_or_else(|| Failed::not_found(format!("there is no dataset {id:?}")))?;
    Ok(dataset.last_modified)
}

/// The place in the log that `since` stands for: an offset, or the last before
/// a time.
fn after(reader: &Reader, dataset: &str, since: &str) -> Result<Option<u64>, Failed> {
    let since = since.trim_matches('"');
    if let Ok(place) = since.parse() {
        return Ok(Some(place));
    }
    let time: jiff::Timestamp = since.parse().map_err(|_| {
        Failed::bad_request(format!("\"since\" {since:?} is neither an offset nor a time"))
    })?;
    let time = time.as_microsecond();
    let length = reader.dataset(dataset)?.map_or(0, |dataset| dataset.length);
    let (mut from, mut to) = (0, length);
    while from < to {
        let middle = from + (to - from) / 2;
        let select = Select { history: true, deleted: true, ..Select::default() };
        let next = reader.changes(dataset, middle.checked_sub(1), Some(1), select)?.next();
        match next.transpose()? {
            Some(version) if version.ts < time => from = version.updated + 1,
            _ => to = middle,
        }
    }
    Ok(from.checked_sub(1))
}

fn uri(triples: &Triples, id: &str) -> Result<String, Failed> {
    triples.uri(id).ok_or_else(|| {
        Failed::bad_request(format!(
            "the entity {id:?} has no URI: its \"_id\" is none, and has no namespace that \
             \"namespaces.default\" in the metadata of the node knows"
        ))
    })
}

fn base(node: &Node, asker: &Asker, (kind, id): (&str, &str)) -> String {
    format!("{}/api/{kind}/{}", asker.base(node), part(id))
}

fn begin(node: &Node, asker: &Asker, id: &str, changed: i64) -> Feed {
    Feed::new(id, &asker.without(node, &[]), &node.name(), changed)
}

fn collection(node: &Node, asker: &Asker, of: (&str, &str), changed: i64) -> Response {
    let mut feed = begin(node, asker, of.1, changed);
    let address = format!("{}/sdshare-fragments", base(node, asker, of));
    feed.fragments(&with_query(address, &asker.query(&OWN)), changed);
    answer(ATOM, feed.end())
}

fn fragment(node: &Node, entity: &Entity) -> Result<Response, Failed> {
    let triples = Triples::new(node.loaded().project.metadata());
    let uri = uri(&triples, entity.id())?;
    let text = match entity.is_deleted() {
        true => String::new(),
        false => triples.of(&uri, entity.dict()),
    };
    Ok(answer(TRIPLES, text))
}

fn answer(kind: &'static str, text: String) -> Response {
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-store")];
    (headers, text).into_response()
}
