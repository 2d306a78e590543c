//! The way to one node: in this process, or over HTTP.

use axum::{
    Router,
    body::Body,
    http::{Request, header},
};
use futures_util::{Stream, StreamExt, stream::BoxStream};
use tower::ServiceExt;

use crate::tls;

/// A request as the page wrote it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Call {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) path: String,
    pub(crate) content_type: Option<String>,
    pub(crate) body: Vec<u8>,
}

/// No answer came; why not.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Lost(pub(crate) String);

/// An answer whose body is still arriving.
pub(crate) struct Answer {
    pub(crate) status: u16,
    body: BoxStream<'static, Result<Vec<u8>, Lost>>,
}

impl Answer {
    pub(crate) fn new<B: AsRef<[u8]>, E: std::fmt::Display>(
        status: u16,
        body: impl Stream<Item = Result<B, E>> + Send + 'static,
    ) -> Self {
        let body = body.map(|chunk| {
            chunk.map(|chunk| chunk.as_ref().to_vec()).map_err(|error| Lost(error.to_string()))
        });
        Self { status, body: body.boxed() }
    }

    /// What arrives next; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Result<Vec<u8>, Lost>> {
        self.body.next().await
    }

    /// The whole body.
    pub(crate) async fn whole(mut self) -> Result<Vec<u8>, Lost> {
        let mut whole = Vec::new();
        while let Some(chunk) = self.next().await {
            whole.extend(chunk?);
        }
        Ok(whole)
    }
}

/// Where requests of a connection go. The token is added here; the page never
/// has it.
#[derive(Clone)]
pub(crate) enum Way {
    /// To the node in this process.
    Embedded {
        /// Its API.
        router: Router,
        /// What it asks for.
        token: String,
    },
    /// To a node elsewhere.
    Remote {
        /// Keeps connections open between requests.
        client: reqwest::Client,
        /// Its address, without a slash at the end.
        base: String,
        /// What it asks for.
        token: String,
    },
}

impl Way {
    /// Sends a request; the answer is there when its head is.
    pub(crate) async fn send(&self, call: Call) -> Result<Answer, Lost> {
        // Only the API: a path is not a way to other addresses.
        if !(call.path == "/api"
            || call.path.starts_with("/api/")
            || call.path.starts_with("/api?"))
        {
            return Err(Lost(format!("{} is not part of the API", call.path)));
        }
        match self {
            Way::Embedded { router, token } => embedded(router.clone(), token, call).await,
            Way::Remote { client, base, token } => remote(client, base, token, call).await,
        }
    }
}

async fn embedded(router: Router, token: &str, call: Call) -> Result<Answer, Lost> {
    let mut request = Request::builder()
        .method(call.method.as_str())
        .uri(&call.path)
        .header(header::AUTHORIZATION, format!("Bearer {token}"));
    if let Some(kind) = &call.content_type {
        request = request.header(header::CONTENT_TYPE, kind);
    }
    let request = request.body(Body::from(call.body)).map_err(|error| Lost(error.to_string()))?;
    let response = match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    Ok(Answer::new(response.status().as_u16(), response.into_body().into_data_stream()))
}

async fn remote(
    client: &reqwest::Client,
    base: &str,
    token: &str,
    call: Call,
) -> Result<Answer, Lost> {
    let method = reqwest::Method::from_bytes(call.method.as_bytes())
        .map_err(|error| Lost(error.to_string()))?;
    let mut request = client.request(method, format!("{base}{}", call.path)).bearer_auth(token);
    if let Some(kind) = call.content_type {
        request = request.header(reqwest::header::CONTENT_TYPE, kind).body(call.body);
    }
    let response = request.send().await.map_err(|error| Lost(plain(&error)))?;
    Ok(Answer::new(response.status().as_u16(), response.bytes_stream()))
}

/// The error with its causes; the outermost one alone rarely says why.
fn plain(error: &(dyn std::error::Error + 'static)) -> String {
    if let Some(words) = tls::explained(error) {
        return words;
    }
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use axum::{http::HeaderMap, routing::post};

    use super::*;

    fn router() -> Router {
        let echo = |headers: HeaderMap, body: String| async move {
            let text = |name| {
                headers
                    .get(name)
                    .map(|value: &axum::http::HeaderValue| value.to_str().unwrap().to_owned())
                    .unwrap_or_default()
            };
            (
                axum::http::StatusCode::ACCEPTED,
                format!("{} {} {body}", text(header::AUTHORIZATION), text(header::CONTENT_TYPE)),
            )
        };
        Router::new().route("/api/echo", post(echo))
    }

    fn call() -> Call {
        Call {
            method: "POST".into(),
            path: "/api/echo?x=1".into(),
            content_type: Some("text/plain".into()),
            body: b"hello".to_vec(),
        }
    }

    #[tokio::test]
    async fn both_ways_carry_the_same_request() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router()).await.unwrap() });
        let ways = [
            Way::Embedded { router: router(), token: "secret".into() },
            Way::Remote { client: reqwest::Client::new(), base, token: "secret".into() },
        ];
        for way in ways {
            let answer = way.send(call()).await.unwrap();
            assert_eq!(answer.status, 202);
            assert_eq!(answer.whole().await.unwrap(), b"Bearer secret text/plain hello");
        }
    }

    #[tokio::test]
    async fn nothing_but_the_api_is_reached() {
        let way = Way::Embedded { router: router(), token: String::new() };
        for path in ["http://example.org/api", "/", "/apix", "@example.org/api"] {
            assert!(way.send(Call { path: path.into(), ..call() }).await.is_err(), "{path}");
        }
    }
}
