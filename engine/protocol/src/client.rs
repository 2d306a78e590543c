//! Calls a node over HTTP.

use std::io::{BufRead, BufReader};
use std::time::Duration;

use reqwest::blocking::{Client as Http, RequestBuilder, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::studio::{ApiError, EVENTS, Event};

/// A node somewhere, and the right to call it.
pub struct Client {
    http: Http,
    base: String,
    token: String,
}

/// Why a call did not work.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The node cannot be reached, or the connection broke.
    #[error("{base} cannot be reached: {cause}")]
    Connection {
        /// Its address.
        base: String,
        /// What went wrong.
        cause: reqwest::Error,
    },
    /// The node refuses, or fails.
    #[error("{}", .error.message)]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What the node says.
        error: ApiError,
    },
    /// The answer is not what it should be.
    #[error("the answer to {path} is not understood: {what}")]
    Answer {
        /// What was asked.
        path: String,
        /// What is wrong.
        what: String,
    },
}

impl Client {
    /// A node at `base`, such as `http://127.0.0.1:9042`.
    pub fn new(base: &str, token: &str) -> Result<Client, CallError> {
        let base = base.trim_end_matches('/').to_owned();
        let http = Http::builder().connect_timeout(Duration::from_secs(10)).timeout(None).build();
        match http {
            Ok(http) => Ok(Client { http, base, token: token.to_owned() }),
            Err(cause) => Err(CallError::Connection { base, cause }),
        }
    }

    /// `GET`, with the answer as JSON.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, CallError> {
        let response = self.send(self.http.get(self.url(path)))?;
        self.json(path, response)
    }

    /// `GET`, with the answer as a stream of bytes.
    pub fn read(&self, path: &str) -> Result<impl std::io::Read + use<>, CallError> {
        self.send(self.http.get(self.url(path)))
    }

    /// `POST` of JSON, with the answer as JSON.
    pub fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, CallError> {
        let response = self.send(self.http.post(self.url(path)).json(body))?;
        self.json(path, response)
    }

    /// `POST` of JSON whose answer says nothing.
    pub fn tell(&self, path: &str, body: &impl Serialize) -> Result<(), CallError> {
        self.send(self.http.post(self.url(path)).json(body)).map(drop)
    }

    /// Any call; `body` is its content type and what it is.
    pub fn call(
        &self,
        method: &str,
        path: &str,
        body: Option<(&str, Vec<u8>)>,
    ) -> Result<Vec<u8>, CallError> {
        let broken = |what: String| CallError::Answer { path: path.to_owned(), what };
        let method = reqwest::Method::from_bytes(method.as_bytes());
        let method = method.map_err(|error| broken(error.to_string()))?;
        let mut request = self.http.request(method, self.url(path));
        if let Some((kind, bytes)) = body {
            request = request.header("Content-Type", kind).body(bytes);
        }
        let body = self.send(request)?.bytes();
        body.map(|body| body.to_vec()).map_err(|error| broken(error.to_string()))
    }

    /// `DELETE`.
    pub fn delete(&self, path: &str) -> Result<(), CallError> {
        self.send(self.http.delete(self.url(path))).map(drop)
    }

    /// What changes in the node, from now on.
    pub fn events(
        &self,
    ) -> Result<impl Iterator<Item = Result<Event, CallError>> + use<>, CallError> {
        let response = self.send(self.http.get(self.url(EVENTS)))?;
        let broken = |what: String| CallError::Answer { path: EVENTS.to_owned(), what };
        Ok(BufReader::new(response).lines().filter_map(move |line| match line {
            Ok(line) if line.trim().is_empty() => None,
            Ok(line) => Some(serde_json::from_str(&line).map_err(|e| broken(e.to_string()))),
            Err(error) => Some(Err(broken(error.to_string()))),
        }))
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn send(&self, request: RequestBuilder) -> Result<Response, CallError> {
        let response = request
            .bearer_auth(&self.token)
            .send()
            .map_err(|cause| CallError::Connection { base: self.base.clone(), cause })?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let error = response
            .json()
            .unwrap_or_else(|_| ApiError::new("http", format!("the node answers {status}")));
        Err(CallError::Refused { status: status.as_u16(), error })
    }

    fn json<T: DeserializeOwned>(&self, path: &str, response: Response) -> Result<T, CallError> {
        response
            .json()
            .map_err(|error| CallError::Answer { path: path.to_owned(), what: error.to_string() })
    }
}
