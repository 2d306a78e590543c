//! What the studio asks beyond the service API (`pipewright_protocol::studio`).

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use pipewright_protocol::studio::{
    self, Change, Check, Cluster, ClusterPage, Edited, Edits, EntityVersion, FailedEntity,
    FailedPage, FileEdit, FileInfo, FileText, Findings, Graph, Impact, ImpactRequest, Live,
    MergePipe, Preview, PreviewRequest, Project, Run, Save, SettleFailed, SystemOffer, SystemTest,
    Texts, Trust,
};

use super::{Failed, blocking};
use crate::events::Listener;
use crate::folder::text_hash;
use crate::{Claims, Node};

type Result<T> = std::result::Result<T, Failed>;

pub(super) fn routes() -> Router<Arc<Node>> {
    Router::new()
        .route("/project", get(project))
        .route("/project/trust", post(trust))
        .route("/project/live", post(live))
        .route("/files", get(files))
        .route("/files/{*path}", get(file).put(save))
        .route("/texts", get(texts))
        .route("/edits", post(edits))
        .route("/check", post(check))
        .route("/graph", get(graph))
        .route("/preview", post(preview))
        .route("/impact", post(impact))
        .route("/run", post(run))
        .route("/stop", post(stop))
        .route("/clusters", get(merges))
        .route("/clusters/{pipe}", get(clusters))
        .route("/clusters/{pipe}/cluster", get(cluster))
        .route("/failed", get(failed).post(settle_failed))
        .route("/failed/{pipe}", get(failed_entity))
        .route("/versions/{dataset}", get(versions))
        .route("/systems/{system}/test", get(system_test))
        .route("/systems/{system}/offers", get(system_offers))
        .route("/events", get(events))
}

async fn project(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
) -> Json<Project> {
    Json(node.project(claims.role))
}

async fn trust(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Json(trust): Json<Trust>,
) -> Result<Json<Project>> {
    blocking(node, move |node| {
        node.set_trusted(trust.trusted).map_err(|error| Failed::internal(error.to_string()))?;
        Ok(Json(node.project(claims.role)))
    })
    .await
}

async fn live(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Json(live): Json<Live>,
) -> Result<Json<Project>> {
    if live.live && !node.is_trusted() {
        return Err(Failed::not_trusted());
    }
    node.set_live(live.live);
    Ok(Json(node.project(claims.role)))
}

async fn files(State(node): State<Arc<Node>>) -> Result<Json<Vec<FileInfo>>> {
    blocking(node, |node| Ok(Json(node.files()?))).await
}

async fn texts(State(node): State<Arc<Node>>) -> Result<Json<Texts>> {
    blocking(node, |node| Ok(Json(node.texts()))).await
}

async fn file(State(node): State<Arc<Node>>, Path(path): Path<String>) -> Result<Json<FileText>> {
    blocking(node, move |node| Ok(Json(node.folder()?.read(&path)?))).await
}

async fn save(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Path(path): Path<String>,
    Json(save): Json<Save>,
) -> Result<Json<FileText>> {
    blocking(node, move |node| {
        let change = match save.base {
            None => Change::Create { text: save.text },
            Some(base) => {
                let file = node.folder()?.read(&path)?;
                if file.hash == text_hash(&save.text) && file.hash == base {
                    return Ok(Json(file));
                }
                let edits =
                    vec![studio::TextEdit { start: 0, end: file.text.len(), text: save.text }];
                Change::Edit { base, edits }
            }
        };
        let files = vec![FileEdit { path: path.clone(), change }];
        let edited = node.edit(&Edits { label: format!("Save {path}"), files }, &claims)?;
        edited
            .files
            .into_iter()
            .next()
            .map(Json)
            .ok_or_else(|| Failed::internal("nothing was saved"))
    })
    .await
}

async fn edits(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Json(edits): Json<Edits>,
) -> Result<Json<Edited>> {
    blocking(node, move |node| Ok(Json(node.edit(&edits, &claims)?))).await
}

async fn check(State(node): State<Arc<Node>>, Json(check): Json<Check>) -> Result<Json<Findings>> {
    blocking(node, move |node| Ok(Json(node.check(&check.path, check.text)))).await
}

async fn graph(State(node): State<Arc<Node>>) -> Result<Json<Graph>> {
    blocking(node, |node| Ok(Json(node.picture()))).await
}

async fn preview(
    State(node): State<Arc<Node>>,
    Json(request): Json<PreviewRequest>,
) -> Result<Json<Preview>> {
    blocking(node, move |node| Ok(Json(node.preview(request)?))).await
}

async fn impact(
    State(node): State<Arc<Node>>,
    Json(request): Json<ImpactRequest>,
) -> Result<Json<Impact>> {
    blocking(node, move |node| Ok(Json(node.impact(request)?))).await
}

async fn run(State(node): State<Arc<Node>>, Json(run): Json<Run>) -> Result<StatusCode> {
    if !node.is_trusted() {
        return Err(Failed::not_trusted());
    }
    blocking(node, move |node| {
        node.start(&run.pipes, false)?;
        Ok(StatusCode::ACCEPTED)
    })
    .await
}

async fn stop(State(node): State<Arc<Node>>, Json(run): Json<Run>) -> Result<StatusCode> {
    node.stop(&run.pipes);
    Ok(StatusCode::ACCEPTED)
}

async fn merges(State(node): State<Arc<Node>>) -> Result<Json<Vec<MergePipe>>> {
    blocking(node, |node| Ok(Json(crate::clusters::pipes(node)?))).await
}

async fn clusters(
    State(node): State<Arc<Node>>,
    Path(pipe): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Json<ClusterPage>> {
    let limit = query.get("limit").and_then(|limit| limit.parse().ok()).unwrap_or(100);
    blocking(node, move |node| {
        let find = query.get("find").map_or("", String::as_str);
        let since = query.get("since").map(String::as_str);
        Ok(Json(crate::clusters::page(node, &pipe, since, limit, find)?))
    })
    .await
}

async fn cluster(
    State(node): State<Arc<Node>>,
    Path(pipe): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Json<Cluster>> {
    blocking(node, move |node| {
        let id = query.get("entity_id").map_or("", String::as_str);
        Ok(Json(crate::clusters::one(node, &pipe, id)?))
    })
    .await
}

async fn failed(State(node): State<Arc<Node>>) -> Result<Json<FailedPage>> {
    blocking(node, |node| Ok(Json(crate::failed::all(node)?))).await
}

async fn failed_entity(
    State(node): State<Arc<Node>>,
    Path(pipe): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Json<FailedEntity>> {
    blocking(node, move |node| {
        let id = query.get("entity_id").map_or("", String::as_str);
        Ok(Json(crate::failed::one(node, &pipe, id)?))
    })
    .await
}

async fn settle_failed(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Json(settle): Json<SettleFailed>,
) -> Result<StatusCode> {
    blocking(node, move |node| {
        crate::failed::settle(node, settle, &claims.sub)?;
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

async fn versions(
    State(node): State<Arc<Node>>,
    Path(dataset): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Result<Json<Vec<EntityVersion>>> {
    blocking(node, move |node| {
        let id = query.get("entity_id").map_or("", String::as_str);
        let history = node.store().reader()?.history(&dataset, id, 1000)?;
        let shown = history.iter().map(|version| {
            Ok(EntityVersion {
                offset: version.updated,
                ts: version.ts,
                deleted: version.entity.is_deleted(),
                entity: crate::wire::json(&version.with_metadata())?,
            })
        });
        shown.collect::<Result<Vec<_>>>().map(Json)
    })
    .await
}

async fn system_test(
    State(node): State<Arc<Node>>,
    Path(system): Path<String>,
) -> Result<Json<SystemTest>> {
    blocking(node, move |node| Ok(Json(node.test_system(&system)?))).await
}

async fn system_offers(
    State(node): State<Arc<Node>>,
    Path(system): Path<String>,
) -> Result<Json<Vec<SystemOffer>>> {
    blocking(node, move |node| Ok(Json(node.system_offers(&system)?))).await
}

/// The stream of changes, one JSON object a line. It ends when the listener
/// goes away or the node does.
async fn events(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
) -> Result<Response> {
    let listener =
        node.hub().listen().ok_or_else(|| Failed::internal("the node is still starting"))?;
    let (send, receive) = tokio::sync::mpsc::channel(16);
    tokio::spawn(pass_on(listener, claims, send));
    let stream = super::datasets::Received(receive);
    Ok((
        [(header::CONTENT_TYPE, "application/x-ndjson"), (header::CACHE_CONTROL, "no-store")],
        Body::from_stream(stream),
    )
        .into_response())
}

async fn pass_on(
    mut listener: Listener,
    claims: Claims,
    send: tokio::sync::mpsc::Sender<std::io::Result<Vec<u8>>>,
) {
    loop {
        let event = tokio::select! {
            event = listener.next() => event,
            () = send.closed() => return,
        };
        let Some(event) = event else { return };
        // The project says what the caller may do, so it is each caller's own.
        let line = match &*event {
            studio::Event::Hello(hello) => {
                let mut hello = hello.clone();
                hello.project.role = claims.role;
                serde_json::to_vec(&studio::Event::Hello(hello))
            }
            studio::Event::Project(project) => {
                let mut project = project.clone();
                project.role = claims.role;
                serde_json::to_vec(&studio::Event::Project(project))
            }
            other => serde_json::to_vec(other),
        };
        let Ok(mut line) = line else { continue };
        line.push(b'\n');
        if send.send(Ok(line)).await.is_err() {
            return;
        }
    }
}
