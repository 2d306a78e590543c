//! The pumps of pipes.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use pipewright_protocol::service::Pump;
use pipewright_pump::Operation;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::pipes::{known, runtime};
use super::query::{self, Json, Path};
use super::{Failed, blocking};
use crate::{Claims, Node};

pub(super) fn routes() -> OpenApiRouter<Arc<Node>> {
    OpenApiRouter::new().routes(routes!(pump, operate))
}

/// The pump of a pipe.
#[utoipa::path(get, path = "/pipes/{id}/pump", tag = "Pipes", responses((status = 200, description = "Done.", body = Pump)))]
async fn pump(State(node): State<Arc<Node>>, Path(id): Path<String>) -> Result<Json<Pump>, Failed> {
    blocking(node, move |node| {
        let (loaded, reader) = (node.loaded(), node.store().reader()?);
        let pipe = known(&loaded, &id)?;
        let runtime = Box::new(runtime(node, &loaded, &reader, pipe)?);
        Ok(Json(Pump { id: format!("pump:{id}"), runtime }))
    })
    .await
}

/// What can be done to a pipe that runs.
pub(super) const OPERATIONS: [&str; 12] = [
    "start",
    "start-rescan",
    "stop",
    "enable",
    "disable",
    "update-last-seen",
    "set-last-seen-to-end",
    "reset-tracking",
    "set-tracking-to-start",
    "reset-rescan",
    "discard-retries",
    "discard-inferred-schema",
];

/// Where a pipe is to go on, as a form has it: a number, an object of numbers
/// by dataset, or text that only the source understands; nothing is the
/// beginning.
fn offset(text: &str) -> Option<pipewright_entity::Value> {
    use pipewright_entity::Value;
    if text.is_empty() {
        return None;
    }
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(json) if json.is_i64() || json.is_object() => Some(Value::from_json(&json)),
        _ => Some(Value::string(text)),
    }
}

/// An operation on a pump, as a form.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what `Operation` reads")]
struct PumpForm {
    /// One of `runtime.supported-operations`.
    #[schema(
        pattern = "^(start|start-rescan|stop|enable|disable|update-last-seen|set-last-seen-to-end|reset-tracking|set-tracking-to-start|reset-rescan|discard-retries|discard-inferred-schema)$"
    )]
    operation: String,
    /// Where `update-last-seen` sets the pipe; empty is the beginning.
    #[schema(rename = "last-seen")]
    last_seen: Option<String>,
    /// Why someone does it: of `disable` and `discard-retries`.
    comment: Option<String>,
}

/// Starts and stops a pipe, and what else is done to it.
#[utoipa::path(post, path = "/pipes/{id}/pump", tag = "Pipes", request_body(content_type = "application/x-www-form-urlencoded", content = PumpForm), responses((status = 200, description = "Done.", body = Pump)))]
async fn operate(
    State(node): State<Arc<Node>>,
    Extension(claims): Extension<Claims>,
    Path(id): Path<String>,
    asked: query::Operation,
) -> Result<Json<Pump>, Failed> {
    let path = id.clone();
    blocking(node.clone(), move |node| {
        known(&node.loaded(), &id)?;
        let operation = match asked.name.as_str() {
            "start" | "start-rescan" => {
                if !node.is_trusted() {
                    return Err(Failed::not_trusted());
                }
                if node.conductor.is_running(&id) {
                    return Err(Failed::running(&id));
                }
                return node.start(std::slice::from_ref(&id), asked.name == "start-rescan");
            }
            "stop" => {
                node.stop(std::slice::from_ref(&id));
                return Ok(());
            }
            "update-last-seen" => {
                Operation::SetLastSeen(offset(asked.field("last-seen").unwrap_or_default()))
            }
            "set-last-seen-to-end" => Operation::SetLastSeenToEnd,
            "reset-tracking" => Operation::ResetTracking,
            "set-tracking-to-start" => Operation::SetTrackingToStart,
            "reset-rescan" => Operation::ResetRescan,
            "discard-inferred-schema" => Operation::DiscardInferredSchema,
            "discard-retries" => {
                Operation::DiscardRetries { ids: Vec::new(), why: asked.comment() }
            }
            "enable" => Operation::Enable,
            "disable" => Operation::Disable(asked.comment()),
            _ => return Err(asked.unknown(&OPERATIONS)),
        };
        node.operate(&id, &operation, &claims.sub)
    })
    .await?;
    pump(State(node), Path(path)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_takes_every_operation() {
        let form = serde_json::json!(<PumpForm as utoipa::PartialSchema>::schema());
        let pattern = format!("^({})$", OPERATIONS.join("|"));
        assert_eq!(form["properties"]["operation"]["pattern"], pattern, "{form}");
    }
}
