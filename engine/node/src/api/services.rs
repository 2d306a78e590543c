//! The services that the node runs for its systems: what they say, starting
//! them again, and talking to them.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use pipewright_component::{Cancel, Failure, Permission};
use pipewright_protocol::service::Message;
use pipewright_systems::Passed;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::query::{Asked, Bytes, Json, Path};
use super::{Failed, blocking};
use crate::{Claims, Node};

pub(super) fn routes() -> OpenApiRouter<Arc<Node>> {
    OpenApiRouter::new().routes(routes!(logs)).routes(routes!(reload)).routes(routes!(proxy))
}

/// The system, if the node runs a service for it.
fn service(node: &Node, id: &str) -> Result<Arc<pipewright_config::System>, Failed> {
    let system = node.config().system(id).cloned();
    let system = system.ok_or_else(|| Failed::not_found(format!("there is no system {id:?}")))?;
    match (&system.obstacle, &*system.kind) {
        (Some(why), _) => Err(Failed::bad_request(why.clone())),
        (None, "system:microservice") => Ok(system),
        (None, other) => Err(Failed::bad_request(format!(
            "the node runs no service for the system {id:?}, which is a {other:?}"
        ))),
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Since {
    /// Only what was said after this time, such as `2026-01-31T12:00:00Z`.
    since: Option<String>,
}

/// What the service of a system said last, at most 1000 lines, each after the
/// time at which it said it.
#[utoipa::path(get, path = "/systems/{id}/logs", tag = "Services", params(Since), responses((status = 200, description = "Done.", content_type = "text/plain", body = String)))]
async fn logs(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
    Asked(asked): Asked<Since>,
) -> Result<Response, Failed> {
    let since = match asked.since.as_deref().filter(|since| !since.is_empty()) {
        None => i64::MIN,
        Some(text) => {
            let time: Result<jiff::Timestamp, _> = text.parse();
            time.map_err(|error| Failed::bad_request(format!("\"since\": {error}")))?
                .as_microsecond()
        }
    };
    service(&node, &id)?;
    let said = node.systems.service_said(&id).unwrap_or_default();
    let lines = said.iter().filter(|said| said.at > since);
    let text: String =
        lines.map(|said| format!("{} {}\n", crate::time::iso(said.at), said.line)).collect();
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}

/// Ends the service of a system; the next call starts it anew.
#[utoipa::path(post, path = "/systems/{id}/reload", tag = "Services", responses((status = 202, description = "Taken on.", body = Message)))]
async fn reload(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<Message>), Failed> {
    blocking(node, move |node| {
        service(node, &id)?;
        node.systems.end_service(&id);
        Ok((StatusCode::ACCEPTED, Json(Message::ok())))
    })
    .await
}

/// Passes a request on to the service of a system, and its answer back. What
/// changes something waits until the node is set live.
#[utoipa::path(method(get, put, post, patch, delete), path = "/systems/{id}/proxy/{*path}", tag = "Services", params(("path" = String, Path, description = "The path in the service")), request_body(content = Bytes, content_type = "*/*"), responses((status = "default", description = "What the service answers.", content_type = "*/*", body = Bytes)))]
async fn proxy(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Path((id, _path)): Path<(String, String)>,
    method: Method,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    Bytes(body): Bytes,
) -> Result<Response, Failed> {
    blocking(node, move |node| {
        let system = service(node, &id)?;
        if !node.is_trusted() {
            return Err(Failed::not_trusted());
        }
        let mut surroundings = node.surroundings(&node.loaded(), Cancel::new());
        if !claims.role.may_change() {
            surroundings.access.write_outside = Permission::Held;
        }
        // As it was sent: what is encoded in it is the service's business.
        let sent = uri.path().splitn(6, '/').nth(5).unwrap_or_default();
        let path = match uri.query() {
            Some(query) => format!("{sent}?{query}"),
            None => sent.to_owned(),
        };
        let headers =
            headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
        let request = Passed { headers: headers.collect(), body: body.to_vec() };
        let config = (id.as_str(), &system.config);
        let passed = node.systems.pass_on(config, &surroundings, (method.as_str(), &path), request);
        let (status, answer) = passed.map_err(failed)?;
        let mut response = Response::new(Body::from(answer.body));
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
        for (name, value) in answer.headers {
            let name = HeaderName::try_from(name);
            if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(&value)) {
                response.headers_mut().append(name, value);
            }
        }
        Ok(response)
    })
    .await
}

fn failed(failure: Failure) -> Failed {
    match failure {
        Failure::Held { message, .. } => Failed::new(StatusCode::FORBIDDEN, "held", message),
        Failure::Config { .. } => Failed::bad_request(failure.to_string()),
        other => Failed::system(other.to_string()),
    }
}
