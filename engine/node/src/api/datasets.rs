//! Datasets: what is in them, version by version.

use std::io::Write;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Json, Router};
use pipewright_dtl::{Document, Index, Options, Path as DtlPath};
use pipewright_entity::Version;
use pipewright_store::{Dataset, Past, Reader, Select, Subset, names};
use serde::Deserialize;
use serde_json::{Value, json};

use super::query::{Asked, Operation, flag, number};
use super::{Failed, blocking};
use crate::pump::Breaker;
use crate::{Claims, Node};

/// Entities sent when a request names no limit come in pieces of this size.
const PIECE: usize = 512 << 10;

pub(super) fn routes() -> Router<Arc<Node>> {
    Router::new()
        .route("/datasets", get(list))
        .route("/datasets/{id}", get(one).post(operate).delete(remove))
        .route("/datasets/{id}/entities", get(entities).post(write))
        .route("/datasets/{id}/entity", get(entity))
        .route("/datasets/{id}/indexes", get(indexes))
}

#[derive(Deserialize)]
struct Listed {
    /// The node's own, too.
    #[serde(default, rename = "include-internal-datasets", deserialize_with = "flag")]
    internal: Option<bool>,
}

async fn list(
    State(node): State<Arc<Node>>,
    Asked(asked): Asked<Listed>,
) -> Result<Json<Vec<Value>>, Failed> {
    let internal = asked.internal.unwrap_or(true);
    blocking(node, move |node| {
        let datasets = node.store().reader()?.datasets()?;
        let shown = datasets.iter().filter(|dataset| internal || !dataset.is_internal());
        let reader = node.store().reader()?;
        Ok(Json(shown.map(|dataset| show(node, &reader, dataset)).collect::<Result<_, _>>()?))
    })
    .await
}

async fn one(State(node): State<Arc<Node>>, Path(id): Path<String>) -> Result<Json<Value>, Failed> {
    blocking(node, move |node| {
        let reader = node.store().reader()?;
        let dataset = known(&reader, &id)?;
        Ok(Json(show(node, &reader, &dataset)?))
    })
    .await
}

fn known(reader: &Reader, id: &str) -> Result<Arc<Dataset>, Failed> {
    reader.dataset(id)?.ok_or_else(|| Failed::not_found(format!("there is no dataset {id:?}")))
}

/// A dataset as the service API shows it.
fn show(node: &Node, reader: &Reader, dataset: &Dataset) -> Result<Value, Failed> {
    Ok(json!({
        "_id": dataset.id.as_str(),
        "storage": dataset.bytes,
        "runtime": {
            "last-modified": dataset.last_modified.map(crate::time::iso),
            "count-index-exists": dataset.live,
            "count-index-deleted": dataset.deleted,
            "count-log-exists": dataset.log_live,
            "count-log-deleted": dataset.log_deleted,
            "count-offset": dataset.length,
            "populated": dataset.is_populated(),
            "initial-offset": dataset.initial_offset,
            "origin": if dataset.is_internal() { "system" } else { "user" },
            "has-circuit-breaker": node.has_tripped(&dataset.id, reader)?,
        },
    }))
}

/// Drops a dataset.
async fn remove(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Failed> {
    blocking(node, move |node| {
        let dataset = known(&node.store().reader()?, &id)?;
        users(&dataset)?;
        node.store().drop_dataset(&id)?;
        node.conductor.changed(&id);
        node.publish();
        Ok(Json(json!({ "_id": id })))
    })
    .await
}

/// The node writes its own datasets, and nobody else.
fn users(dataset: &Dataset) -> Result<(), Failed> {
    match dataset.is_internal() {
        false => Ok(()),
        true => Err(Failed::new(
            StatusCode::FORBIDDEN,
            "internal",
            format!("the dataset {:?} is the node's own", dataset.id.as_str()),
        )),
    }
}

/// Resets a circuit breaker that has tripped.
async fn operate(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Path(id): Path<String>,
    asked: Operation,
) -> Result<Json<Value>, Failed> {
    let path = id.clone();
    blocking(node.clone(), move |node| {
        known(&node.store().reader()?, &id)?;
        let what = match asked.name.as_str() {
            "commit-circuit-breaker" => Breaker::Commit,
            "rollback-circuit-breaker" => Breaker::RollBack,
            _ => {
                return Err(asked.unknown(&["commit-circuit-breaker", "rollback-circuit-breaker"]));
            }
        };
        if !node.is_trusted() {
            return Err(Failed::not_trusted());
        }
        node.reset_breaker(&id, what, &claims.sub)
    })
    .await?;
    one(State(node), Path(path)).await
}

#[derive(Deserialize)]
struct Force {
    #[serde(default, deserialize_with = "flag")]
    force: Option<bool>,
}

/// Writes entities as they are. With `force` those that differ in nothing get
/// a new version, too, and so go on to whoever reads the dataset.
async fn write(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Path(id): Path<String>,
    Asked(asked): Asked<Force>,
    body: Bytes,
) -> Result<Json<Value>, Failed> {
    blocking(node, move |node| {
        let dataset = known(&node.store().reader()?, &id)?;
        users(&dataset)?;
        let mut batch = node.store().batch(node.now());
        batch.set_run(format!("written by {}", claims.sub));
        for entity in super::receivers::entities(&body)? {
            let write = pipewright_store::Write::new(entity);
            batch.append(&id, if asked.force == Some(true) { write.forced() } else { write });
        }
        let committed = node.store().commit(batch)?;
        let written = committed.dataset(&id).map_or(0, |written| written.written);
        let unchanged = committed.dataset(&id).map_or(0, |written| written.unchanged);
        if written > 0 {
            node.dataset_changed(&id)?;
        }
        Ok(Json(json!({ "written": written, "unchanged": unchanged })))
    })
    .await
}

/// The parameters of the JSON pull protocol.
#[derive(Deserialize)]
struct Pull {
    #[serde(default, deserialize_with = "number")]
    since: Option<u64>,
    #[serde(default, deserialize_with = "number")]
    limit: Option<u64>,
    /// Leaves out so many first.
    #[serde(default, deserialize_with = "number")]
    start: Option<u64>,
    #[serde(default, deserialize_with = "flag")]
    history: Option<bool>,
    #[serde(default, deserialize_with = "flag")]
    deleted: Option<bool>,
    #[serde(default, deserialize_with = "flag")]
    reverse: Option<bool>,
    #[serde(default, deserialize_with = "flag")]
    populated: Option<bool>,
    #[serde(default, deserialize_with = "flag")]
    uncommitted: Option<bool>,
    subset: Option<String>,
}

/// `["eq", expression, value]` as what an index is asked for.
fn subset(text: &str, dataset: &str) -> Result<Subset, Failed> {
    let shape = || Failed::bad_request("\"subset\" is JSON: [\"eq\", expression, value]");
    let document = Document::parse(text);
    let root = document.root.as_ref().filter(|_| !document.is_broken()).ok_or_else(shape)?;
    let [eq, expression, value] = root.items() else { return Err(shape()) };
    if eq.as_str() != Some("eq") {
        return Err(shape());
    }
    let at = DtlPath::root().index(1);
    let index = Index::compile(&document, expression, &at, "_S", dataset, &Options::new(""));
    let index = index.map_err(|found| match found.first() {
        Some(found) => Failed::bad_request(format!("\"subset\": {found}")),
        None => shape(),
    })?;
    Ok(Subset { expression: index.expression, key: value.to_value(&document).key() })
}

/// The entities of a dataset with the headers of the pull protocol.
async fn entities(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
    Asked(pull): Asked<Pull>,
) -> Result<Response, Failed> {
    let subset = match pull.subset.as_deref().filter(|text| !text.is_empty()) {
        Some(text) => Some(subset(text, &id)?),
        None => None,
    };
    // A subset is what is in it now: versions that were in it are not indexed.
    let history = pull.history.unwrap_or(true) && subset.is_none();
    let reverse = pull.reverse.unwrap_or(false);
    let select = Select {
        history,
        deleted: history || pull.deleted.unwrap_or(true),
        reverse,
        // The page after this one of a reversed log.
        before: if reverse { pull.since } else { None },
        subset,
    };
    let since = if reverse { None } else { pull.since };
    let (limit, skip) = (pull.limit, pull.start.unwrap_or(0));
    if skip > 0 && pull.since.is_some() {
        return Err(Failed::bad_request("either \"since\" or \"start\" says where to begin"));
    }
    let (only_populated, uncommitted) =
        (pull.populated == Some(true), pull.uncommitted == Some(true));
    let (head, reader, select) = blocking(node, move |node| {
        let reader = node.store().reader()?;
        let dataset = known(&reader, &id)?;
        if only_populated && !dataset.is_populated() {
            return Err(Failed::not_found(format!("the dataset {id:?} is not populated yet")));
        }
        if uncommitted && reader.dataset(&names::uncommitted(&id))?.is_some() {
            return Err(Failed::new(
                StatusCode::NOT_IMPLEMENTED,
                "not-supported",
                "what a circuit breaker holds back cannot be read with the rest of its dataset",
            ));
        }
        // Before the status is sent.
        if select.subset.is_some() {
            reader.changes(&id, since, Some(0), select.clone())?;
        }
        Ok((dataset, reader, select))
    })
    .await?;
    let (send, receive) = tokio::sync::mpsc::channel(4);
    let id = head.id.clone();
    tokio::task::spawn_blocking(move || {
        let mut to = Pieces { send, piece: Vec::with_capacity(PIECE) };
        if let Err(error) = write_entities(&reader, &id, (since, skip), limit, select, &mut to)
            && error.kind() != std::io::ErrorKind::BrokenPipe
        {
            // The status is sent already: a cut body says that it is not whole.
            tracing::error!(dataset = %id, %error, "reading a dataset failed");
            let _ = to.send.blocking_send(Err(error));
        }
    });
    let mut response = Response::builder()
        .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
        .header(header::CACHE_CONTROL, "no-store")
        .header("X-Dataset-Populated", head.is_populated().to_string())
        .header("X-Dataset-Generation", head.generation.as_str());
    if let Some(last) = head.last_offset() {
        response = response.header("X-Dataset-Max-Updated", last.to_string());
    }
    if let Some(completeness) = head.completeness {
        response = response.header("X-Dataset-Completeness", completeness.to_string());
    }
    response
        .body(Body::from_stream(Received(receive)))
        .map_err(|error| Failed::internal(error.to_string()))
}

fn write_entities(
    reader: &Reader,
    id: &str,
    (since, skip): (Option<u64>, u64),
    limit: Option<u64>,
    select: Select,
    to: &mut Pieces,
) -> std::io::Result<()> {
    to.write_all(b"[")?;
    let versions = match skip {
        0 => reader.changes(id, since, limit, select),
        skip => reader.page(id, skip, limit.unwrap_or(u64::MAX), select),
    };
    let versions = versions.map_err(std::io::Error::other)?;
    for (index, version) in versions.enumerate() {
        match version {
            Ok(version) => {
                if index > 0 {
                    to.write_all(b",")?;
                }
                serde_json::to_writer(&mut *to, &version.with_metadata())?;
            }
            Err(error) => {
                // The status is sent already: cut the body, so that nobody
                // takes what came so far for all there is.
                tracing::error!(dataset = id, %error, "reading a dataset failed");
                let _ = to.send.blocking_send(Err(std::io::Error::other(error)));
                return Ok(());
            }
        }
    }
    to.write_all(b"]")?;
    to.pass_on()
}

/// Collects what is written and passes it on in pieces.
struct Pieces {
    send: tokio::sync::mpsc::Sender<std::io::Result<Vec<u8>>>,
    piece: Vec<u8>,
}

impl Pieces {
    fn pass_on(&mut self) -> std::io::Result<()> {
        let piece = std::mem::take(&mut self.piece);
        self.send.blocking_send(Ok(piece)).map_err(|_| std::io::ErrorKind::BrokenPipe.into())
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE {
            self.pass_on()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A channel as the stream of a body.
pub(super) struct Received(pub(super) tokio::sync::mpsc::Receiver<std::io::Result<Vec<u8>>>);

impl futures_core::Stream for Received {
    type Item = std::io::Result<Vec<u8>>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.0.poll_recv(context)
    }
}

#[derive(Deserialize)]
struct Which {
    entity_id: String,
    /// As it was when the log ended there.
    #[serde(default, deserialize_with = "number")]
    offset: Option<u64>,
}

async fn entity(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
    Asked(Which { entity_id: entity, offset }): Asked<Which>,
) -> Result<Json<pipewright_entity::Entity>, Failed> {
    blocking(node, move |node| {
        let reader = node.store().reader()?;
        known(&reader, &id)?;
        let version: Option<Version> = match offset {
            None => reader.get(&id, &entity)?,
            Some(offset) => match reader.previous_version(&id, &entity, Some(offset))? {
                Past::Compacted => {
                    return Err(Failed::new(
                        StatusCode::NOT_FOUND,
                        "compacted",
                        format!("compaction has removed what {entity:?} was at {offset}"),
                    ));
                }
                past => past.version(),
            },
        };
        let version = version.ok_or_else(|| {
            Failed::not_found(format!("the dataset {id:?} has no entity {entity:?}"))
        })?;
        Ok(Json(version.with_metadata()))
    })
    .await
}

async fn indexes(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
) -> Result<Json<Vec<Value>>, Failed> {
    blocking(node, move |node| {
        let reader = node.store().reader()?;
        known(&reader, &id)?;
        let indexes = reader.indexes(&id)?;
        let shown = indexes.iter().map(|index| {
            json!({
                "expression": index.expression.as_str(),
                "status": if index.ready { "ready" } else { "building" },
                "progress": { "indexed": index.built, "total": index.length },
            })
        });
        Ok(Json(shown.collect()))
    })
    .await
}
