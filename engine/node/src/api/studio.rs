//! What the studio asks beyond the service API (`pipewright_protocol::studio`).

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::{Arc, Weak};

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use pipewright_protocol::studio::{
    self, Arrange, Arranged, Change, Check, Cluster, ClusterPage, Edited, Edits, FailedEntity,
    FailedPage, FileEdit, FileInfo, FileText, Findings, Graph, Hello, Live, MergePipe,
    Notifications, Project, Role, Run, Save, SettleFailed, SystemOffer, SystemTest, Texts, Trust,
};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::query::{Asked, Json, Path, number};
use super::{Failed, blocking};
use crate::events::Listener;
use crate::folder::text_hash;
use crate::permissions::{self, Act, Resource};
use crate::{Claims, Node, Refused};

type Result<T> = std::result::Result<T, Failed>;

pub(super) fn routes() -> OpenApiRouter<Arc<Node>> {
    OpenApiRouter::new()
        .routes(routes!(project))
        .routes(routes!(trust))
        .routes(routes!(live))
        .routes(routes!(files))
        .routes(routes!(file, save))
        .routes(routes!(texts))
        .routes(routes!(edits))
        .routes(routes!(check))
        .routes(routes!(graph))
        .routes(routes!(arrange))
        .routes(routes!(run))
        .routes(routes!(stop))
        .routes(routes!(merges))
        .routes(routes!(clusters))
        .routes(routes!(cluster))
        .routes(routes!(failed, settle_failed))
        .routes(routes!(failed_entity))
        .routes(routes!(system_test))
        .routes(routes!(system_offers))
        .routes(routes!(notifications))
        .routes(routes!(events))
}

/// The open project and what the caller may do.
#[utoipa::path(get, path = "/project", tag = "Studio", responses((status = 200, description = "Done.", body = Project)))]
async fn project(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
) -> Json<Project> {
    Json(node.project(claims.role))
}

/// Lets pipes of the folder run, or not.
#[utoipa::path(post, path = "/project/trust", tag = "Studio", responses((status = 200, description = "Done.", body = Project)))]
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

/// Lets writes to outside systems through, or holds them.
#[utoipa::path(post, path = "/project/live", tag = "Studio", responses((status = 200, description = "Done.", body = Project)))]
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

/// The files of the config.
#[utoipa::path(get, path = "/files", tag = "Studio", responses((status = 200, description = "Done.", body = Vec<FileInfo>)))]
async fn files(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
) -> Result<Json<Vec<FileInfo>>> {
    blocking(node, move |node| Ok(Json(node.files(&claims)?))).await
}

/// All of the config at once.
#[utoipa::path(get, path = "/texts", tag = "Studio", responses((status = 200, description = "Done.", body = Texts)))]
async fn texts(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
) -> Result<Json<Texts>> {
    blocking(node, move |node| Ok(Json(node.texts(&claims)))).await
}

/// A file of the config.
#[utoipa::path(get, path = "/files/{*path}", tag = "Studio", params(("path" = String, Path, description = "Relative to the project folder")), responses((status = 200, description = "Done.", body = FileText)))]
async fn file(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Path(path): Path<String>,
) -> Result<Json<FileText>> {
    blocking(node, move |node| {
        if !node.may_see_file(&node.loaded(), &claims, &path) {
            return Err(Refused::NotAllowed { role: claims.role }.into());
        }
        Ok(Json(node.folder()?.read(&path)?))
    })
    .await
}

/// Saves a file of the config.
#[utoipa::path(put, path = "/files/{*path}", tag = "Studio", params(("path" = String, Path, description = "Relative to the project folder")), responses((status = 200, description = "Done.", body = FileText)))]
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

/// Changes several files as one step.
#[utoipa::path(post, path = "/edits", tag = "Studio", responses((status = 200, description = "Done.", body = Edited)))]
async fn edits(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Json(edits): Json<Edits>,
) -> Result<Json<Edited>> {
    blocking(node, move |node| Ok(Json(node.edit(&edits, &claims)?))).await
}

/// What is wrong with a text that is not saved.
#[utoipa::path(post, path = "/check", tag = "Studio", responses((status = 200, description = "Done.", body = Vec<studio::Diagnostic>)))]
async fn check(State(node): State<Arc<Node>>, Json(check): Json<Check>) -> Result<Json<Findings>> {
    blocking(node, move |node| Ok(Json(node.check(&check.path, check.text)))).await
}

/// The flow as a picture.
#[utoipa::path(get, path = "/graph", tag = "Studio", responses((status = 200, description = "Done.", body = Graph)))]
async fn graph(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
) -> Result<Json<Graph>> {
    blocking(node, move |node| Ok(Json(seen_graph(node, &claims)))).await
}

/// Lays some cards of the flow out on their own.
#[utoipa::path(post, path = "/graph/arrange", tag = "Studio", responses((status = 200, description = "Done.", body = Arranged)))]
async fn arrange(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Json(asked): Json<Arrange>,
) -> Result<Json<Arranged>> {
    blocking(node, move |node| {
        Ok(Json(crate::picture::arrange(&seen_graph(node, &claims), &asked.cards)))
    })
    .await
}

/// The flow as far as a caller may see it. The place of what is hidden stays
/// empty.
fn seen_graph(node: &Node, claims: &Claims) -> Graph {
    let mut graph = node.picture();
    let loaded = node.loaded();
    let seen = |shown: &studio::GraphNode| {
        shown.file.as_ref().is_none_or(|file| node.may_see_file(&loaded, claims, file))
    };
    graph.nodes.retain(seen);
    let left: BTreeSet<&String> = graph.nodes.iter().map(|shown| &shown.id).collect();
    graph.edges.retain(|edge| left.contains(&edge.from) && left.contains(&edge.to));
    graph
}

/// Marks pipes to run.
#[utoipa::path(post, path = "/run", tag = "Studio", responses((status = 202, description = "Taken on.")))]
async fn run(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Json(run): Json<Run>,
) -> Result<StatusCode> {
    node.require_runs(&claims, &run.pipes)?;
    if !node.is_trusted() {
        return Err(Failed::not_trusted());
    }
    blocking(node, move |node| {
        node.start(&run.pipes, false)?;
        Ok(StatusCode::ACCEPTED)
    })
    .await
}

/// Stops pipes.
#[utoipa::path(post, path = "/stop", tag = "Studio", responses((status = 202, description = "Taken on.")))]
async fn stop(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Json(run): Json<Run>,
) -> Result<StatusCode> {
    node.require_runs(&claims, &run.pipes)?;
    node.stop(&run.pipes);
    Ok(StatusCode::ACCEPTED)
}

/// Which clusters to show.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ClusterQuery {
    /// The `next` of the page before.
    since: Option<String>,
    /// At most so many; 100 when missing.
    #[serde(default, deserialize_with = "number")]
    limit: Option<usize>,
    /// Only those with a member or golden record whose id contains this.
    find: Option<String>,
}

/// Which entity is meant.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct OfEntity {
    /// Its `_id`.
    entity_id: String,
}

/// The pipes that merge.
#[utoipa::path(get, path = "/clusters", tag = "Studio", responses((status = 200, description = "Done.", body = Vec<MergePipe>)))]
async fn merges(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
) -> Result<Json<Vec<MergePipe>>> {
    blocking(node, move |node| {
        let mut merges = crate::clusters::pipes(node)?;
        merges.retain(|merge| node.may(&claims, Resource::Pipe(&merge.pipe), Act::ReadData));
        Ok(Json(merges))
    })
    .await
}

/// The clusters of a pipe that merges.
#[utoipa::path(get, path = "/clusters/{pipe}", tag = "Studio", params(ClusterQuery), responses((status = 200, description = "Done.", body = ClusterPage)))]
async fn clusters(
    State(node): State<Arc<Node>>,
    Path(pipe): Path<String>,
    Asked(query): Asked<ClusterQuery>,
) -> Result<Json<ClusterPage>> {
    blocking(node, move |node| {
        let find = query.find.as_deref().unwrap_or_default();
        let (since, limit) = (query.since.as_deref(), query.limit.unwrap_or(100));
        Ok(Json(crate::clusters::page(node, &pipe, since, limit, find)?))
    })
    .await
}

/// One cluster.
#[utoipa::path(get, path = "/clusters/{pipe}/cluster", tag = "Studio", params(OfEntity), responses((status = 200, description = "Done.", body = Cluster)))]
async fn cluster(
    State(node): State<Arc<Node>>,
    Path(pipe): Path<String>,
    Asked(OfEntity { entity_id: id }): Asked<OfEntity>,
) -> Result<Json<Cluster>> {
    blocking(node, move |node| Ok(Json(crate::clusters::one(node, &pipe, &id)?))).await
}

/// The entities that failed.
#[utoipa::path(get, path = "/failed", tag = "Studio", responses((status = 200, description = "Done.", body = FailedPage)))]
async fn failed(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
) -> Result<Json<FailedPage>> {
    blocking(node, move |node| {
        let mut page = crate::failed::all(node)?;
        let before = page.entities.len();
        page.entities
            .retain(|failed| node.may(&claims, Resource::Pipe(&failed.pipe), Act::ReadData));
        page.total -= (before - page.entities.len()) as u64;
        Ok(Json(page))
    })
    .await
}

/// One entity that failed.
#[utoipa::path(get, path = "/failed/{pipe}", tag = "Studio", params(OfEntity), responses((status = 200, description = "Done.", body = FailedEntity)))]
async fn failed_entity(
    State(node): State<Arc<Node>>,
    Path(pipe): Path<String>,
    Asked(OfEntity { entity_id: id }): Asked<OfEntity>,
) -> Result<Json<FailedEntity>> {
    blocking(node, move |node| Ok(Json(crate::failed::one(node, &pipe, &id)?))).await
}

/// Tries failed entities again, or gives them up.
#[utoipa::path(post, path = "/failed", tag = "Studio", responses((status = 204, description = "Done.")))]
async fn settle_failed(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Json(settle): Json<SettleFailed>,
) -> Result<StatusCode> {
    blocking(node, move |node| {
        node.require(&claims, Resource::Pipe(&settle.pipe), Act::RunPump)?;
        crate::failed::settle(node, settle, &claims.sub)?;
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

/// Tries to reach a system.
#[utoipa::path(get, path = "/systems/{system}/test", tag = "Studio", responses((status = 200, description = "Done.", body = SystemTest)))]
async fn system_test(
    State(node): State<Arc<Node>>,
    Path(system): Path<String>,
) -> Result<Json<SystemTest>> {
    blocking(node, move |node| Ok(Json(node.test_system(&system)?))).await
}

/// The tables, operations and so on of a system.
#[utoipa::path(get, path = "/systems/{system}/offers", tag = "Studio", responses((status = 200, description = "Done.", body = Vec<SystemOffer>)))]
async fn system_offers(
    State(node): State<Arc<Node>>,
    Path(system): Path<String>,
) -> Result<Json<Vec<SystemOffer>>> {
    blocking(node, move |node| Ok(Json(node.system_offers(&system)?))).await
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Told {
    /// How many of what was told; 100 when missing.
    #[serde(default, deserialize_with = "number")]
    limit: Option<usize>,
}

/// The alerts that are open, and what was told lately.
#[utoipa::path(get, path = "/notifications", tag = "Studio", params(Told), responses((status = 200, description = "Done.", body = Notifications)))]
async fn notifications(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Asked(asked): Asked<Told>,
) -> Result<Json<Notifications>> {
    blocking(node, move |node| {
        let limit = asked.limit.unwrap_or(100).min(Notifications::MOST);
        let seen = |pipe: &str| node.may(&claims, Resource::Pipe(pipe), Act::ReadConfig);
        Ok(Json(node.notifications(limit, &seen)?))
    })
    .await
}

/// The stream of changes, one JSON object a line. It ends when the listener
/// goes away or the node does.
#[utoipa::path(get, path = "/events", tag = "Studio", responses((status = 200, description = "Done.", content_type = "application/x-ndjson", body = studio::Event)))]
async fn events(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
) -> Result<Response> {
    let listener =
        node.hub().listen().ok_or_else(|| Failed::internal("the node is still starting"))?;
    let (send, receive) = tokio::sync::mpsc::channel(16);
    tokio::spawn(pass_on(Arc::downgrade(&node), listener, claims, send));
    let stream = super::datasets::Received(receive);
    Ok((
        [(header::CONTENT_TYPE, "application/x-ndjson"), (header::CACHE_CONTROL, "no-store")],
        Body::from_stream(stream),
    )
        .into_response())
}

/// Passes events on to one listener: what its caller may see of each. It holds
/// the node only while it looks at one, so that the stream can end with it.
async fn pass_on(
    node: Weak<Node>,
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
        let Some(line) = node
            .upgrade()
            .map(|node| seen(&node, &claims, &event).map(|event| serde_json::to_vec(&*event)))
        else {
            return;
        };
        let Some(Ok(mut line)) = line else { continue };
        line.push(b'\n');
        if send.send(Ok(line)).await.is_err() {
            return;
        }
    }
}

/// What a caller may see of an event; `None` if nothing. It is copied only when
/// something has to be taken out of it.
fn seen<'e>(
    node: &Node,
    claims: &Claims,
    event: &'e studio::Event,
) -> Option<Cow<'e, studio::Event>> {
    use studio::Event;
    let loaded = node.loaded();
    let pipe = |id: &str| permissions::may(&loaded, claims, Resource::Pipe(id), Act::ReadConfig);
    let dataset =
        |id: &str| permissions::may(&loaded, claims, Resource::Dataset(id), Act::ReadData);
    let file = |path: &str| node.may_see_file(&loaded, claims, path);
    // The project says what the caller may do, so it is each caller's own.
    let project = |project: &Project| {
        let mut own = project.clone();
        own.role = claims.role;
        own.problems.retain(|problem| file(&problem.file));
        own
    };
    Some(match event {
        // Admins see everything, and what is told is told for them.
        event if claims.role == Role::Admin => Cow::Borrowed(event),
        Event::Hello(hello) => Cow::Owned(Event::Hello(Box::new(Hello {
            project: project(&hello.project),
            pipes: hello.pipes.iter().filter(|status| pipe(&status.id)).cloned().collect(),
            datasets: hello.datasets.iter().filter(|set| dataset(&set.id)).cloned().collect(),
            alerts: hello.alerts.iter().filter(|told| pipe(&told.pipe)).cloned().collect(),
        }))),
        Event::Project(told) => Cow::Owned(Event::Project(Box::new(project(told)))),
        Event::Pipes(pipes) => part(event, pipes, |status| pipe(&status.id), Event::Pipes)?,
        Event::Datasets(sets) => part(event, sets, |set| dataset(&set.id), Event::Datasets)?,
        Event::Config(files) => part(event, files, |told| file(&told.path), Event::Config)?,
        Event::Placed(cards) => {
            let mut own = cards.clone();
            own.retain(|card, _| node.may_see_card(&loaded, claims, card));
            Cow::Owned(Event::Placed(own))
        }
        Event::Notice(notice) if notice.pipe.as_deref().is_some_and(|id| !pipe(id)) => return None,
        Event::Notifications(told) => {
            part(event, told, |one| pipe(&one.pipe), Event::Notifications)?
        }
        // Of what is gone no permissions are left.
        Event::Notice(_) | Event::Removed(_) => Cow::Borrowed(event),
    })
}

/// The part of an event about several things that may be seen.
fn part<'e, T: Clone>(
    event: &'e studio::Event,
    all: &[T],
    may: impl Fn(&T) -> bool,
    again: impl Fn(Vec<T>) -> studio::Event,
) -> Option<Cow<'e, studio::Event>> {
    if all.iter().all(&may) {
        return Some(Cow::Borrowed(event));
    }
    let left: Vec<T> = all.iter().filter(|one| may(one)).cloned().collect();
    (!left.is_empty()).then(|| Cow::Owned(again(left)))
}
