//! Parameters of requests.

use std::collections::HashMap;
use std::str::FromStr;

use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::Failed;

/// The parameters in the address of a request, as a type.
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failed> {
        match Query::from_request_parts(parts, state).await {
            Ok(Query(asked)) => Ok(Asked(asked)),
            Err(why) => Err(Failed::bad_request(why.body_text())),
        }
    }
}

/// The parts of a path, as a type.
pub(super) struct Path<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failed> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(path)) => Ok(Path(path)),
            Err(why) => Err(Failed::bad_request(why.body_text())),
        }
    }
}

/// A body of JSON, as a type: of a request and of an answer.
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Failed;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failed> {
        match axum::Json::from_request(request, state).await {
            Ok(axum::Json(body)) => Ok(Json(body)),
            Err(why) => {
                let code = if why.status() == StatusCode::PAYLOAD_TOO_LARGE {
                    "too-large"
                } else {
                    "bad-request"
                };
                Err(Failed::new(why.status(), code, why.body_text()))
            }
        }
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// A body of bytes.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
pub(super) struct Bytes(pub(super) axum::body::Bytes);

impl<S: Send + Sync> FromRequest<S> for Bytes {
    type Rejection = Failed;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failed> {
        match axum::body::Bytes::from_request(request, state).await {
            Ok(bytes) => Ok(Bytes(bytes)),
            Err(why) if why.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                Err(Failed::new(why.status(), "too-large", why.body_text()))
            }
            Err(why) => Err(Failed::bad_request(why.body_text())),
        }
    }
}

/// The answer to who asks for the methods of a path.
pub(super) struct Allow(pub(super) &'static str);

impl IntoResponse for Allow {
    fn into_response(self) -> Response {
        ([(header::ALLOW, self.0)], "").into_response()
    }
}

/// A flag as clients write it: `true`, `True`, `1`.
pub(super) fn flag<'de, D: Deserializer<'de>>(from: D) -> Result<Option<bool>, D::Error> {
    let text = String::deserialize(from)?;
    match text.to_ascii_lowercase().as_str() {
        "" => Ok(None),
        "true" | "1" => Ok(Some(true)),
        "false" | "0" => Ok(Some(false)),
        _ => Err(D::Error::custom(format!("{text:?} is neither true nor false"))),
    }
}

/// A number; nothing when the parameter is empty. Offsets may stand in quotes,
/// as JSON strings do.
pub(super) fn number<'de, D: Deserializer<'de>, N: FromStr>(
    from: D,
) -> Result<Option<N>, D::Error> {
    let text = String::deserialize(from)?;
    match text.trim_matches('"') {
        "" => Ok(None),
        text => text
            .parse()
            .map(Some)
            .map_err(|_| D::Error::custom(format!("{text:?} is not a whole number"))),
    }
}

/// An operation on something: its name and what else it needs, from a form or
/// from the address.
pub(super) struct Operation {
    /// What is to be done.
    pub(super) name: String,
    fields: HashMap<String, String>,
}

impl Operation {
    /// A field; empty ones are given as such.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    /// Why someone does it, if they say so.
    pub(super) fn comment(&self) -> Option<String> {
        self.field("comment").filter(|comment| !comment.is_empty()).map(str::to_owned)
    }

    /// What to answer when there is no such operation.
    pub(super) fn unknown(&self, known: &[&str]) -> Failed {
        let (name, known) = (&self.name, known.join(", "));
        Failed::bad_request(format!("the operation {name:?} is not known here: {known}"))
    }
}

impl<S: Send + Sync> FromRequest<S> for Operation {
    type Rejection = Failed;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failed> {
        let (mut parts, body) = request.into_parts();
        let Asked(mut fields) =
            Asked::<HashMap<String, String>>::from_request_parts(&mut parts, state).await?;
        let Bytes(body) = Bytes::from_request(Request::from_parts(parts, body), state).await?;
        fields.extend(form(&body));
        Ok(Operation { name: fields.remove("operation").unwrap_or_default(), fields })
    }
}

/// The fields of an `application/x-www-form-urlencoded` body.
fn form(body: &[u8]) -> HashMap<String, String> {
    let text = std::str::from_utf8(body).unwrap_or_default();
    let decode = |part: &str| {
        let part = part.replace('+', " ");
        percent_encoding::percent_decode_str(&part).decode_utf8_lossy().into_owned()
    };
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decode(name), decode(value))).collect()
}
