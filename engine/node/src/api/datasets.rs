//! Datasets: what is in them, version by version.

use std::io::Write;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use pipewright_dtl::{Document, Index, Options, Path as DtlPath};
use pipewright_entity::{Entity, Version};
use pipewright_protocol::service::{
    self, DatasetIndex, DatasetRuntime, DatasetWritten, Gone, IndexProgress, Message,
};
use pipewright_store::{Dataset, Past, Reader, Select, StoreError, Subset};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::forms::Form;
use super::pipes::{Described, Sample};
use super::query::{Asked, Bytes, Json, Operation, Path, flag, number};
use super::{Failed, blocking, uncommitted};
use crate::permissions::{self, Act, Resource};
use crate::pump::Breaker;
use crate::{Claims, Node};

/// Entities sent when a request names no limit come in pieces of this size.
const PIECE: usize = 512 << 10;

pub(super) fn routes() -> OpenApiRouter<Arc<Node>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(one, operate, remove))
        .routes(routes!(entities, write))
        .routes(routes!(entity))
        .routes(routes!(entity_at))
        .routes(routes!(indexes))
        .routes(routes!(remove_index))
        .routes(routes!(schema))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Listed {
    /// The node's own, too.
    #[serde(default, rename = "include-internal-datasets", deserialize_with = "flag")]
    internal: Option<bool>,
}

/// Every dataset.
#[utoipa::path(get, path = "/datasets", tag = "Datasets", params(Listed), responses((status = 200, description = "Done.", body = Vec<service::Dataset>)))]
async fn list(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Asked(asked): Asked<Listed>,
) -> Result<Json<Vec<service::Dataset>>, Failed> {
    let internal = asked.internal.unwrap_or(true);
    blocking(node, move |node| {
        let datasets = node.store().reader()?.datasets()?;
        let loaded = node.loaded();
        let shown = datasets.iter().filter(|dataset| {
            (internal || !dataset.is_internal())
                && permissions::may(&loaded, &claims, Resource::Dataset(&dataset.id), Act::ReadData)
        });
        let reader = node.store().reader()?;
        Ok(Json(shown.map(|dataset| show(node, &reader, dataset)).collect::<Result<_, _>>()?))
    })
    .await
}

/// A dataset.
#[utoipa::path(get, path = "/datasets/{id}", tag = "Datasets", responses((status = 200, description = "Done.", body = service::Dataset)))]
async fn one(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
) -> Result<Json<service::Dataset>, Failed> {
    blocking(node, move |node| {
        let reader = node.store().reader()?;
        let dataset = known(&reader, &id)?;
        Ok(Json(show(node, &reader, &dataset)?))
    })
    .await
}

pub(super) fn known(reader: &Reader, id: &str) -> Result<Arc<Dataset>, Failed> {
    reader.dataset(id)?.ok_or_else(|| Failed::not_found(format!("there is no dataset {id:?}")))
}

/// A dataset as the service API shows it.
fn show(node: &Node, reader: &Reader, dataset: &Dataset) -> Result<service::Dataset, Failed> {
    Ok(service::Dataset {
        id: dataset.id.to_string(),
        storage: dataset.bytes,
        runtime: DatasetRuntime {
            last_modified: dataset.last_modified.map(crate::time::iso),
            count_index_exists: dataset.live,
            count_index_deleted: dataset.deleted,
            count_log_exists: dataset.log_live,
            count_log_deleted: dataset.log_deleted,
            count_offset: dataset.length,
            populated: dataset.is_populated(),
            initial_offset: dataset.initial_offset,
            origin: if dataset.is_internal() { "system" } else { "user" }.to_owned(),
            has_circuit_breaker: node.has_tripped(&dataset.id, reader)?,
        },
    })
}

/// Drops a dataset.
#[utoipa::path(delete, path = "/datasets/{id}", tag = "Datasets", responses((status = 200, description = "Done.", body = Gone)))]
async fn remove(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
) -> Result<Json<Gone>, Failed> {
    blocking(node, move |node| {
        let dataset = known(&node.store().reader()?, &id)?;
        users(&dataset)?;
        node.store().drop_dataset(&id)?;
        node.conductor.changed(&id);
        node.publish();
        Ok(Json(Gone { id }))
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

/// An operation on a dataset, as a form.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what `Operation` reads")]
struct BreakerForm {
    /// `commit-circuit-breaker` or `rollback-circuit-breaker`.
    #[schema(pattern = "^(commit|rollback)-circuit-breaker$")]
    operation: String,
}

/// Resets a circuit breaker that has tripped.
#[utoipa::path(post, path = "/datasets/{id}", tag = "Datasets", request_body(content_type = "application/x-www-form-urlencoded", content = BreakerForm), responses((status = 200, description = "Done.", body = service::Dataset)))]
async fn operate(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Path(id): Path<String>,
    asked: Operation,
) -> Result<Json<service::Dataset>, Failed> {
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

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Force {
    #[serde(default, deserialize_with = "flag")]
    force: Option<bool>,
}

/// Writes entities as they are. With `force` those that differ in nothing get
/// a new version, too, and so go on to whoever reads the dataset.
#[utoipa::path(post, path = "/datasets/{id}/entities", tag = "Datasets", params(Force), request_body(content((Vec<Value> = "application/json"), (Bytes = "application/x-pipewright-entities"))), responses((status = 200, description = "Done.", body = DatasetWritten)))]
async fn write(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Path(id): Path<String>,
    Asked(asked): Asked<Force>,
    headers: HeaderMap,
    Bytes(body): Bytes,
) -> Result<Json<DatasetWritten>, Failed> {
    blocking(node, move |node| {
        let dataset = known(&node.store().reader()?, &id)?;
        users(&dataset)?;
        let mut batch = node.store().batch(node.now());
        batch.set_run(format!("written by {}", claims.sub));
        for entity in Form::of(&headers).entities(&body)? {
            let write = pipewright_store::Write::new(entity);
            batch.append(&id, if asked.force == Some(true) { write.forced() } else { write });
        }
        let committed = node.store().commit(batch)?;
        let written = committed.dataset(&id).map_or(0, |written| written.written);
        let unchanged = committed.dataset(&id).map_or(0, |written| written.unchanged);
        if written > 0 {
            node.dataset_changed(&id)?;
        }
        Ok(Json(DatasetWritten { written, unchanged }))
    })
    .await
}

/// The parameters of the JSON pull protocol.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Pull {
    /// Only what was stored after this `_updated`.
    #[serde(default, deserialize_with = "number")]
    since: Option<u64>,
    #[serde(default, deserialize_with = "number")]
    limit: Option<u64>,
    /// Leaves out so many first; not together with `since`.
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
    /// `["eq", expression, value]` as JSON; an index on it must be there.
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
#[utoipa::path(get, path = "/datasets/{id}/entities", tag = "Datasets", params(Pull), responses((status = 200, description = "Done.", content((Vec<Value> = "application/json"), (Bytes = "application/x-pipewright-entities")))))]
async fn entities(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
    Asked(pull): Asked<Pull>,
    headers: HeaderMap,
) -> Result<Response, Failed> {
    let form = Form::asked(&headers);
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
        ..Select::default()
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
        // Before the status is sent.
        if select.subset.is_some() {
            reader.changes(&id, since, Some(0), select.clone())?;
        }
        let uncommitted = uncommitted && uncommitted::is_any(&reader, &id)?;
        if uncommitted && select.subset.is_some() {
            return Err(Failed::bad_request(
                "what is not committed is in no index: either \"subset\" or \"uncommitted\"",
            ));
        }
        Ok((dataset, reader, (select, uncommitted)))
    })
    .await?;
    let (send, receive) = tokio::sync::mpsc::channel(4);
    let id = head.id.clone();
    let span = tracing::Span::current();
    tokio::task::spawn_blocking(move || {
        let _request = span.entered();
        let mut to = Pieces::new(send);
        if let Err(error) =
            write_entities(&reader, &id, (since, skip), limit, select, form, &mut to)
            && error.kind() != std::io::ErrorKind::BrokenPipe
        {
            tracing::error!(dataset = %id, %error, "reading a dataset failed");
            to.fail(error);
        }
    });
    let mut response = Response::builder()
        .header(header::CONTENT_TYPE, form.content_type())
        .header(header::VARY, "Accept")
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
    (select, uncommitted): (Select, bool),
    form: Form,
    to: &mut Pieces,
) -> std::io::Result<()> {
    let other = std::io::Error::other::<StoreError>;
    let shown = |version: Result<Version, StoreError>| version.map(|v| v.with_metadata());
    let most = limit.unwrap_or(u64::MAX);
    if uncommitted {
        let all = uncommitted::versions(reader, id, since, select).map_err(other)?;
        let page = all.skip(usize::try_from(skip).unwrap_or(usize::MAX));
        let page = page.take(usize::try_from(most).unwrap_or(usize::MAX));
        form.write(page.map(|version| shown(version).map_err(other)), to)?;
        return to.flush();
    }
    let versions = match skip {
        0 => reader.changes(id, since, limit, select),
        skip => reader.page(id, skip, most, select),
    };
    let versions = versions.map_err(other)?;
    form.write(versions.map(|version| shown(version).map_err(other)), to)?;
    to.flush()
}

/// Collects what is written and passes it on in pieces.
pub(super) struct Pieces {
    send: tokio::sync::mpsc::Sender<std::io::Result<Vec<u8>>>,
    piece: Vec<u8>,
}

impl Pieces {
    pub(super) fn new(send: tokio::sync::mpsc::Sender<std::io::Result<Vec<u8>>>) -> Pieces {
        Pieces { send, piece: Vec::with_capacity(PIECE) }
    }

    /// The status is sent already: a cut body says that it is not whole.
    pub(super) fn fail(&self, error: std::io::Error) {
        let _ = self.send.blocking_send(Err(error));
    }

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
        self.pass_on()
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

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Which {
    /// The entity.
    entity_id: String,
    /// As it was when the log ended there.
    #[serde(default, deserialize_with = "number")]
    offset: Option<u64>,
    /// As a circuit breaker holds it back, if one does.
    #[serde(default, deserialize_with = "flag")]
    uncommitted: Option<bool>,
}

/// One entity, as it is now or was.
#[utoipa::path(get, path = "/datasets/{id}/entity", tag = "Datasets", params(Which), responses((status = 200, description = "Done.", body = Value)))]
async fn entity(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
    Asked(Which { entity_id, offset, uncommitted }): Asked<Which>,
) -> Result<Json<Entity>, Failed> {
    if uncommitted == Some(true) && offset.is_none() {
        let (id, entity) = (id.clone(), entity_id.clone());
        let look = move |node: &Arc<Node>| {
            Ok(uncommitted::version(&node.store().reader()?, &id, &entity)?)
        };
        if let Some(held) = blocking(node.clone(), look).await? {
            return Ok(Json(held.with_metadata()));
        }
    }
    version(node, id, entity_id, offset).await
}

/// One entity as it is now: the older form of `/entity`.
#[utoipa::path(get, path = "/datasets/{id}/entities/{*entity}", tag = "Datasets", params(("entity" = String, Path, description = "The entity")), responses((status = 200, description = "Done.", body = Value)))]
async fn entity_at(
    State(node): State<Arc<Node>>,
    Path((id, entity)): Path<(String, String)>,
) -> Result<Json<Entity>, Failed> {
    version(node, id, entity, None).await
}

/// What the entities of a dataset look like, by a sample.
#[utoipa::path(get, path = "/datasets/{id}/generate-schema-definition", tag = "Datasets", params(Sample), responses((status = 200, description = "Done.", body = Described)))]
async fn schema(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
    Asked(sample): Asked<Sample>,
) -> Result<Json<Described>, Failed> {
    blocking(node, move |node| {
        let reader = node.store().reader()?;
        known(&reader, &id)?;
        let select = Select { deleted: false, ..Select::default() };
        let versions = reader.changes(&id, None, Some(sample.size() as u64), select)?;
        let entities = versions.map(|version| Ok(version?.entity));
        let entities = entities.collect::<Result<Vec<Entity>, Failed>>()?;
        Ok(Json(sample.describe(crate::schema::infer(&entities))))
    })
    .await
}

async fn version(
    node: Arc<Node>,
    id: String,
    entity: String,
    offset: Option<u64>,
) -> Result<Json<Entity>, Failed> {
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

/// The indexes of a dataset.
#[utoipa::path(get, path = "/datasets/{id}/indexes", tag = "Datasets", responses((status = 200, description = "Done.", body = Vec<DatasetIndex>)))]
async fn indexes(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
) -> Result<Json<Vec<DatasetIndex>>, Failed> {
    blocking(node, move |node| {
        let reader = node.store().reader()?;
        known(&reader, &id)?;
        let indexes = reader.indexes(&id)?;
        let shown = indexes.iter().map(|index| DatasetIndex {
            id: index.number,
            expression: index.expression.to_string(),
            status: if index.ready { "ready" } else { "building" }.to_owned(),
            progress: IndexProgress { indexed: index.built, total: index.length },
        });
        Ok(Json(shown.collect()))
    })
    .await
}

/// Drops an index, once no pipe runs. One that a pipe needs is built anew when
/// the pipe runs next.
#[utoipa::path(delete, path = "/datasets/{id}/indexes/{index}", tag = "Datasets", params(("index" = i64, Path, description = "The `id` of the index")), responses((status = 200, description = "Done.", body = Message)))]
async fn remove_index(
    State(node): State<Arc<Node>>,
    Path((id, index)): Path<(String, i64)>,
) -> Result<Json<Message>, Failed> {
    blocking(node, move |node| {
        node.conductor.exclusively(|_| {
            let reader = node.store().reader()?;
            let dataset = known(&reader, &id)?;
            let found = reader.indexes(&dataset.id)?;
            let found = found.into_iter().find(|info| info.number == index).ok_or_else(|| {
                Failed::not_found(format!("the dataset {id:?} has no index {index}"))
            })?;
            let others = |of: &str, expression: &str| of != id || expression != found.expression;
            node.store().retain_indexes(others)?;
            Ok(Json(Message::ok()))
        })
    })
    .await
}
