//! Pipes that entities are posted to.

use std::sync::Arc;

use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, StatusCode};
use pipewright_entity::{Entity, Value as Data};
use pipewright_pump::{Post, PostError, Posted};
use pipewright_systems::requests::Request;
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
#[utoipa::path(post, path = "/receivers/{id}/entities", tag = "Receivers", params(Push), request_body(content((Vec<Value> = "application/json"), (Vec<u8> = "application/x-pipewright-entities"))), responses((status = 200, description = "Done.", body = Value)))]
async fn receive(
    State(node): State<Arc<Node>>,
    Path(id): Path<String>,
    Asked(push): Asked<Push>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    Bytes(body): Bytes,
) -> Result<Json<Value>, Failed> {
    let request = Request {
        url: uri.to_string(),
        params: uri.query().map(pairs).unwrap_or_default(),
        headers: shown(&headers),
    };
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
        let Some(settings) = node.trace_settings(&id) else {
            return take(node, &id, &request, form, &body, &post).map(|(answer, _)| Json(answer));
        };
        let started = node.now();
        let taken = take(node, &id, &request, form, &body, &post);
        let headers = request.headers.into_iter().map(|(name, value)| match name.as_str() {
            "authorization" | "cookie" => (name, settings.redacted(&value)),
            _ => (name, value),
        });
        let asked = settings.request(("POST", &request.url), headers, &body);
        let kind = || [("content-type".to_owned(), "application/json".to_owned())];
        match taken {
            Ok((answer, posted)) => {
                let said = settings.response(200, kind(), answer.to_string().as_bytes());
                node.note_request(&id, started, Ok(&posted), (asked, said))?;
                Ok(Json(answer))
            }
            Err(failed) => {
                let (status, why) = (failed.status().as_u16(), failed.message());
                let said = settings.response(status, kind(), why.as_bytes());
                node.note_request(&id, started, Err(&why), (asked, said))?;
                Err(failed)
            }
        }
    })
    .await
}

/// Takes what was posted.
fn take(
    node: &Node,
    id: &str,
    request: &Request,
    form: Form,
    body: &[u8],
    post: &Post,
) -> Result<(Value, Posted), Failed> {
    node.check_request(id, request)?;
    let entities = form.entities(body)?;
    let single = match entities.as_slice() {
        [only] if form == Form::Json && body.trim_ascii_start().first() == Some(&b'{') => {
            Some(only.clone())
        }
        _ => None,
    };
    let sent = entities.clone();
    match node.receive(id, entities, post)? {
        Ok(posted) => Ok(match single {
            Some(entity) => (updated(node, id, &entity)?, posted),
            None => (json!({}), posted),
        }),
        Err(error) => Err(refusal(node, id, error, &sent)),
    }
}

/// The parameters of a query.
fn pairs(query: &str) -> Vec<(String, String)> {
    let text = |part: &str| {
        let spaced = part.replace('+', " ");
        percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
    };
    let parts = query.split('&').filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (text(name), text(value))
        })
        .collect()
}

fn shown(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    headers.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect()
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

fn refusal(node: &Node, pipe: &str, error: PostError, sent: &[Entity]) -> Failed {
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
