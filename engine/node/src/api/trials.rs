//! Trying pipes out before anything is saved or run
//! (`pipewright_protocol::studio`): previews, what would change, tests.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use pipewright_protocol::studio::{
    Impact, ImpactRequest, Permitted, PinsRequest, Preview, PreviewRequest, TaskProgress,
    TestReport, TestsRequest,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::query::{Json, Path};
use super::{Failed, blocking};
use crate::permissions::{self, Act, Resource};
use crate::{Claims, Node};

type Result<T> = std::result::Result<T, Failed>;

pub(super) fn routes() -> OpenApiRouter<Arc<Node>> {
    OpenApiRouter::new()
        .routes(routes!(preview))
        .routes(routes!(impact))
        .routes(routes!(pins))
        .routes(routes!(tests))
        .routes(routes!(task, stop_task))
        .routes(routes!(permissions_of))
}

/// What a pipe makes of one entity.
#[utoipa::path(post, path = "/preview", tag = "Studio", responses((status = 200, description = "Done.", body = Preview)))]
async fn preview(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Json(mut request): Json<PreviewRequest>,
) -> Result<Json<Preview>> {
    blocking(node, move |node| {
        node.require_look(&claims, &request.pipe, &mut request.text)?;
        Ok(Json(node.preview(request)?))
    })
    .await
}

/// What a changed pipe would make of many entities, and if asked what the pipes
/// that read them would make of that. It ends early when the caller goes away.
#[utoipa::path(post, path = "/impact", tag = "Studio", responses((status = 200, description = "Done.", body = Impact)))]
async fn impact(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Json(mut request): Json<ImpactRequest>,
) -> Result<Json<Impact>> {
    let awaited = node.tasks.begin(request.task.take());
    let task = awaited.task.clone();
    blocking(node.clone(), move |node| {
        node.require_look(&claims, &request.pipe, &mut request.text)?;
        let mut impact = node.impact(request, &task)?;
        impact
            .downstream
            .retain(|told| node.may(&claims, Resource::Pipe(&told.pipe), Act::ReadData));
        Ok(Json(impact))
    })
    .await
}

/// What the pinned samples of a pipe become.
#[utoipa::path(post, path = "/pins", tag = "Studio", responses((status = 200, description = "Done.", body = TestReport)))]
async fn pins(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Json(mut request): Json<PinsRequest>,
) -> Result<Json<TestReport>> {
    blocking(node, move |node| {
        node.require_look(&claims, &request.pipe, &mut request.text)?;
        Ok(Json(node.pins(request)?))
    })
    .await
}

/// Runs tests. It ends early when the caller goes away.
#[utoipa::path(post, path = "/tests", tag = "Studio", responses((status = 200, description = "Done.", body = TestReport)))]
async fn tests(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Json(request): Json<TestsRequest>,
) -> Result<Json<TestReport>> {
    if !node.is_trusted() {
        return Err(Failed::not_trusted());
    }
    let awaited = node.tasks.begin(request.task);
    let task = awaited.task.clone();
    blocking(node.clone(), move |node| {
        let mut report = node.run_tests(request.pipe.as_deref(), &task)?;
        report.tests.retain(|test| node.may(&claims, Resource::Pipe(&test.pipe), Act::ReadData));
        Ok(Json(report))
    })
    .await
}

/// How far something has come that somebody waits for.
#[utoipa::path(get, path = "/tasks/{task}", tag = "Studio", responses((status = 200, description = "Done.", body = TaskProgress)))]
async fn task(
    State(node): State<Arc<Node>>,
    Path(task): Path<String>,
) -> Result<Json<TaskProgress>> {
    let found = node.tasks.find(&task);
    let found = found.ok_or_else(|| Failed::not_found(format!("{task:?} is not under way")))?;
    Ok(Json(found.progress()))
}

/// Stops something that somebody waits for.
#[utoipa::path(delete, path = "/tasks/{task}", tag = "Studio", responses((status = 204, description = "Done.")))]
async fn stop_task(State(node): State<Arc<Node>>, Path(task): Path<String>) -> Result<StatusCode> {
    let found = node.tasks.find(&task);
    let found = found.ok_or_else(|| Failed::not_found(format!("{task:?} is not under way")))?;
    found.cancel.stop();
    Ok(StatusCode::NO_CONTENT)
}

/// Who may do what to a pipe.
#[utoipa::path(get, path = "/permissions/{pipe}", tag = "Studio", responses((status = 200, description = "Done.", body = Vec<Permitted>)))]
async fn permissions_of(
    State(node): State<Arc<Node>>,
    Path(pipe): Path<String>,
) -> Result<Json<Vec<Permitted>>> {
    let loaded = node.loaded();
    if loaded.project.pipe(&pipe).is_none() {
        return Err(Failed::not_found(format!("there is no pipe {pipe:?}")));
    }
    Ok(Json(permissions::of_pipe(&loaded, &pipe)))
}
