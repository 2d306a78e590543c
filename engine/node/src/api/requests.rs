//! The id of each request: in its answer, in the log, and in what an error says.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use pipewright_protocol::studio::ApiError;
use tracing::Instrument;

/// Where a request and its answer carry it.
pub(super) const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// Longer ones of callers are not taken over.
const LONGEST: usize = 128;

/// Names one request.
#[derive(Clone, Debug)]
pub(super) struct RequestId(Arc<str>);

impl RequestId {
    /// The one the caller gives, if it can stand in a log as it is; else a new
    /// one.
    fn of(headers: &HeaderMap) -> RequestId {
        let sane = |id: &&str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(&byte);
            (1..=LONGEST).contains(&id.len()) && id.bytes().all(plain)
        };
        let given = headers.get(&HEADER).and_then(|id| id.to_str().ok()).filter(sane);
        match given {
            Some(given) => RequestId(given.into()),
            None => RequestId(uuid::Uuid::new_v4().simple().to_string().into()),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Gives a request its id. Everything that is logged while it is worked on
/// carries it.
pub(super) async fn name(mut request: Request, next: Next) -> Response {
    let id = RequestId::of(request.headers());
    let (method, path) = (request.method().clone(), request.uri().path());
    // At the level of errors, so that it is there whatever is logged.
    let span = tracing::error_span!("request", id = id.as_str(), %method, path);
    request.extensions_mut().insert(id.clone());
    let begun = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    if let Some(error) = response.extensions_mut().remove::<ApiError>() {
        let error = ApiError { request_id: Some(id.as_str().to_owned()), ..error };
        let body = axum::Json(error).into_response().into_body();
        *response.body_mut() = body;
    }
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        response.headers_mut().insert(HEADER, value);
    }
    let took = begun.elapsed().as_micros() as u64;
    tracing::info!(parent: &span, status = response.status().as_u16(), took, "answered");
    response
}
