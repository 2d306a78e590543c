//! Datasets: what is in them, version by version.

use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Json, Router};
use pipewright_entity::Version;
use pipewright_store::{Dataset, Past, Reader, Select};
use serde_json::{Value, json};

use super::pipes::form;
use super::{Failed, blocking, flag};
use crate::pump::Breaker;
use crate::{Claims, Node};

/// Entities sent when a request names no limit come in pieces of this size.
const PIECE: usize = 512 << 10;

pub(super) fn routes() -> Router<Arc<Node>> {
    Router::new()
        .route("/datasets", get(list))
        .route("/datasets/{id}", get(one).post(operate))
        .route("/datasets/{id}/entities", get(entities))
        .route("/datasets/{id}/entity", get(entity))
        .route("/datasets/{id}/indexes", get(indexes))
}

async fn list(
    State(node): State<Arc<Node>>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Json<Vec<Value>>, Failed> {
    let internal = flag(query.get("include-internal-datasets"), true);
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

/// Resets a circuit breaker that has tripped: `operation` in a form or in the
/// query.
async fn operate(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Path(id): Path<String>,
    Query(mut fields): Query<HashMap<String, String>>,
    body: Bytes,
) -> Result<Json<Value>, Failed> {
    fields.extend(form(&body));
    let path = id.clone();
    blocking(node.clone(), move |node| {
        known(&node.store().reader()?, &id)?;
        let what = match fields.get("operation").map_or("", String::as_str) {
            "commit-circuit-breaker" => Breaker::Commit,
            "rollback-circuit-breaker" => Breaker::RollBack,
            other => {
                return Err(Failed::bad_request(format!(
                    "the operation {other:?} is not known here: commit-circuit-breaker, \
                     rollback-circuit-breaker"
                )));
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

/// The entities of a dataset with the headers of the pull protocol.
async fn entities(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Response, Failed> {
    let number = |name: &str| -> Result<Option<u64>, Failed> {
        match query.get(name).map(|text| text.trim_matches('"')).filter(|text| !text.is_empty()) {
            None => Ok(None),
            Some(text) => text.parse().map(Some).map_err(|_| {
                Failed::bad_request(format!("{name:?} must be a whole number, not {text:?}"))
            }),
        }
    };
    let since = number("since")?;
    let limit = number("limit")?;
    let history = flag(query.get("history"), true);
    let reverse = flag(query.get("reverse"), false);
    let select = Select {
        history,
        deleted: history || flag(query.get("deleted"), true),
        reverse,
        // The page after this one of a reversed log.
        before: if reverse { since } else { None },
        subset: None,
    };
    let since = if reverse { None } else { since };
    let only_populated = flag(query.get("populated"), false);
    let (head, reader) = blocking(node, move |node| {
        let reader = node.store().reader()?;
        let dataset = known(&reader, &id)?;
        if only_populated && !dataset.is_populated() {
            return Err(Failed::not_found(format!("the dataset {id:?} is not populated yet")));
        }
        Ok((dataset, reader))
    })
    .await?;
    let (send, receive) = tokio::sync::mpsc::channel(4);
    let id = head.id.clone();
    tokio::task::spawn_blocking(move || {
        let mut to = Pieces { send, piece: Vec::with_capacity(PIECE) };
        if let Err(error) = write_entities(&reader, &id, since, limit, select, &mut to)
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
    since: Option<u64>,
    limit: Option<u64>,
    select: Select,
    to: &mut Pieces,
) -> std::io::Result<()> {
    to.write_all(b"[")?;
    let versions = reader.changes(id, since, limit, select).map_err(std::io::Error::other)?;
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

async fn entity(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Json<pipewright_entity::Entity>, Failed> {
    let Some(entity) = query.get("entity_id").cloned() else {
        return Err(Failed::bad_request("\"entity_id\" says which entity"));
    };
    let offset = query.get("offset").and_then(|text| text.parse::<u64>().ok());
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
