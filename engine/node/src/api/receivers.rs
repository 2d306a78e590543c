//! Pipes that entities are posted to.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use pipewright_entity::{Entity, Value as Data};
use pipewright_pump::{Post, PostError};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::forms::Form;
use super::query::{Asked, Bytes, Json, Path, flag, number};
use super::{Failed, blocking};
use crate::Node;

pub(super) fn routes() -> OpenApiRouter<Arc<Node>> {
    OpenApiRouter::new().routes(routes!(receive))
}

/// The parameters of the JSON push protocol.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Push {
    #[serde(default, deserialize_with = "flag")]
    is_full: Option<bool>,
    #[serde(default, deserialize_with = "flag")]
    is_first: Option<bool>,
    #[serde(default, deserialize_with = "flag")]
    is_last: Option<bool>,
    sequence_id: Option<String>,
    request_id: Option<String>,
    previous_request_id: Option<String>,
    #[serde(default, deserialize_with = "number")]
    completeness: Option<i64>,
}

/// Takes entities for a pipe by the JSON push protocol.
#[utoipa::path(post, path = "/receivers/{id}/entities", tag = "Receivers", params(Push), request_body(content((Vec<Value> = "application/json"), (Bytes = "application/x-pipewright-entities"))), responses((status = 200, description = "Done.", body = Value)))]
async fn receive(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
    Asked(push): Asked<Push>,
    headers: HeaderMap,
    Bytes(body): Bytes,
) -> Result<Json<Value>, Failed> {
    let form = Form::of(&headers);
    let completeness = headers
        .get("x-dataset-completeness")
        .and_then(|value| value.to_str().ok()?.trim_matches('"').parse().ok());
    let given = |text: Option<String>| text.filter(|text| !text.is_empty()).map(Into::into);
    let post = Post {
        is_full: push.is_full.unwrap_or(false),
        is_first: push.is_first.unwrap_or(false),
        is_last: push.is_last.unwrap_or(false),
        sequence_id: given(push.sequence_id),
        request_id: given(push.request_id),
        previous_request_id: given(push.previous_request_id),
        completeness: completeness.or(push.completeness),
    };
    blocking(node, move |node| {
        let entities = form.entities(&body)?;
        let single = match entities.as_slice() {
            [only] if form == Form::Json && body.trim_ascii_start().first() == Some(&b'{') => {
                Some(only.clone())
            }
            _ => None,
        };
        let sent = entities.clone();
        match node.receive(&id, entities, &post)? {
            Ok(_) => Ok(Json(match single {
                Some(entity) => updated(node, &id, &entity)?,
                None => json!({}),
            })),
            Err(error) => Err(refusal(node, &id, error, &sent)),
        }
    })
    .await
}

/// What a single entity has become, where its pipe locks.
fn updated(node: &Node, pipe: &str, entity: &Entity) -> Result<Value, Failed> {
    let config = node.config();
    let pipe = config.pipe(pipe);
    let locks =
        pipe.is_some_and(|pipe| pipe.effective()["sink"]["enable_optimistic_locking"] == true);
    let dataset = pipe.and_then(|pipe| pipe.sink_dataset()).filter(|_| locks);
    let Some(dataset) = dataset else { return Ok(json!({})) };
    let version = node.store().reader()?.get(dataset, entity.id())?;
    Ok(match version {
        Some(version) => {
            json!({ "updated_entity": version.with_metadata().into_value().to_json() })
        }
        None => json!({}),
    })
}

pub(super) fn refusal(node: &Node, pipe: &str, error: PostError, sent: &[Entity]) -> Failed {
    let message = error.to_string();
    match error {
        PostError::Conflict(_) => Failed::new(StatusCode::CONFLICT, "sequence", message),
        PostError::Refused(_) => Failed::bad_request(message),
        PostError::Failed(_) => Failed::internal(message),
        PostError::Locked { id } => {
            let input = sent.iter().find(|entity| entity.id() == &id);
            let seen = match input.and_then(|entity| entity.get("_updated")) {
                Some(Data::Int(seen)) => u64::try_from(*seen).ok(),
                _ => None,
            };
            let stored = || -> Result<(Value, Value), Failed> {
                let config = node.config();
                let dataset = config.pipe(pipe).and_then(|pipe| pipe.sink_dataset().cloned());
                let Some(dataset) = dataset else { return Ok((Value::Null, Value::Null)) };
                let reader = node.store().reader()?;
                let show = |version: Option<pipewright_entity::Version>| {
                    version.map_or(Value::Null, |version| {
                        version.with_metadata().into_value().to_json()
                    })
                };
                let existing = show(reader.get(&dataset, &id)?);
                let ancestor = match seen {
                    Some(seen) => {
                        let version = reader.version(&dataset, seen)?;
                        show(version.filter(|version| version.entity.id() == &id))
                    }
                    None => Value::Null,
                };
                Ok((existing, ancestor))
            };
            match stored() {
                Ok((existing, ancestor)) => Failed::documented(
                    StatusCode::CONFLICT,
                    json!({
                        "message": message,
                        "input_entity": input.map(|entity| entity.clone().into_value().to_json()),
                        "existing_entity": existing,
                        "common_ancestor_entity": ancestor,
                    }),
                ),
                Err(failed) => failed,
            }
        }
    }
}
