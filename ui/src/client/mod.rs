//! How the screens reach a node.
//!
//! There is one API and two ways to it: in the desktop window every request
//! goes through the shell's single command ([`desktop`]), in a browser it is a
//! plain `fetch` ([`browser`]). Nothing above this module knows which.

mod browser;
mod desktop;
mod hand_out;
mod lines;

use std::{future::Future, pin::Pin, rc::Rc};

use leptos::prelude::*;
use pipewright_protocol::studio::{ApiError, Conflict};
use send_wrapper::SendWrapper;
use serde::{Serialize, de::DeserializeOwned};

pub use browser::Browser;
pub use desktop::Desktop;
pub use hand_out::hand_out;

/// A future that stays on this thread; the page has only one.
pub type Local<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// One call of the API.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET`, `PUT`, `POST` or `DELETE`.
    pub method: &'static str,
    /// Path and query, starting with `/api`.
    pub path: String,
    /// Body with its content type.
    pub body: Option<(&'static str, Vec<u8>)>,
}

/// What came back, whatever the status.
#[derive(Clone, Debug)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The whole body.
    pub body: Vec<u8>,
}

/// Why a call has no answer to show.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// The node could not be reached.
    Unreachable(String),
    /// The node refused the token, or there is none.
    Unauthorized,
    /// A file was changed by someone else; nothing was written.
    Conflict(Box<Conflict>),
    /// The node answered that it cannot.
    Refused {
        /// The HTTP status.
        status: u16,
        /// Stable name of the failure.
        code: String,
        /// What failed and what to do.
        message: String,
    },
    /// The answer is not what this version of the studio understands.
    Unreadable(String),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Unreachable(why) => write!(f, "The node cannot be reached: {why}"),
            Failure::Unauthorized => f.write_str("The node does not accept this access token."),
            Failure::Conflict(conflict) => {
                write!(f, "{} was changed by someone else.", conflict.path)
            }
            Failure::Refused { message, .. } => f.write_str(message),
            Failure::Unreadable(why) => write!(f, "The node's answer cannot be read: {why}"),
        }
    }
}

/// What a stream tells its reader.
#[derive(Debug)]
pub enum Part {
    /// The node accepted; lines follow.
    Open,
    /// One line, without its end.
    Line(Vec<u8>),
    /// No more lines: the other side ended it, or the way broke.
    Closed(Option<Failure>),
}

/// Stops the stream when dropped.
pub struct Stream(Option<Box<dyn FnOnce()>>);

impl Stream {
    fn new(stop: impl FnOnce() + 'static) -> Self {
        Self(Some(Box::new(stop)))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Some(stop) = self.0.take() {
            stop();
        }
    }
}

/// A way to a node.
pub trait Transport {
    /// Sends one request; an error only when no answer came.
    fn call(&self, request: Request) -> Local<'_, Result<Response, Failure>>;

    /// Reads an endless answer line by line, until the returned value is
    /// dropped.
    fn stream(&self, path: &str, read: Rc<dyn Fn(Part)>) -> Stream;
}

/// The API of the node the screens look at. Cheap to copy around.
#[derive(Clone)]
pub struct Client(SendWrapper<Rc<dyn Transport>>);

/// The client of the session this component belongs to.
pub fn use_client() -> Client {
    expect_context()
}

impl Client {
    /// A client that goes this way.
    pub fn new(transport: impl Transport + 'static) -> Self {
        Self(SendWrapper::new(Rc::new(transport)))
    }

    /// Reads a JSON answer.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let body = self.send("GET", path, None).await?;
        read(&body)
    }

    /// Sends JSON, reads a JSON answer.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let body = self.send("POST", path, Some(json(body)?)).await?;
        read(&body)
    }

    /// Reads an answer as bytes.
    pub async fn bytes(&self, path: &str) -> Result<Vec<u8>, Failure> {
        self.send("GET", path, None).await
    }

    /// Puts JSON, reads a JSON answer.
    pub async fn put<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let body = self.send("PUT", path, Some(json(body)?)).await?;
        read(&body)
    }

    /// Sends JSON; the answer only says that it was taken.
    pub async fn tell(&self, path: &str, body: &impl Serialize) -> Result<(), Failure> {
        self.send("POST", path, Some(json(body)?)).await.map(drop)
    }

    /// Puts JSON in the place of what is there.
    pub async fn put(&self, path: &str, body: &impl Serialize) -> Result<(), Failure> {
        self.send("PUT", path, Some(json(body)?)).await.map(drop)
    }

    /// Puts bytes in the place of what is there; reads a JSON answer.
    pub async fn put_bytes<T: DeserializeOwned>(
        &self,
        path: &str,
        bytes: Vec<u8>,
    ) -> Result<T, Failure> {
        let body = self.send("PUT", path, Some(("application/octet-stream", bytes))).await?;
        read(&body)
    }

    /// Removes what the path names.
    pub async fn delete(&self, path: &str) -> Result<(), Failure> {
        self.send("DELETE", path, None).await.map(drop)
    }

    /// Sends a form, as the pump operations want it.
    pub async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Result<(), Failure> {
        use pipewright_protocol::studio::encode;
        let body: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
            .collect();
        let body = ("application/x-www-form-urlencoded", body.join("&").into_bytes());
        self.send("POST", path, Some(body)).await.map(drop)
    }

    /// See [`Transport::stream`].
    pub fn stream(&self, path: &str, read: impl Fn(Part) + 'static) -> Stream {
        self.0.stream(path, Rc::new(read))
    }

    async fn send(
        &self,
        method: &'static str,
        path: &str,
        body: Option<(&'static str, Vec<u8>)>,
    ) -> Result<Vec<u8>, Failure> {
        let response = self.0.call(Request { method, path: path.to_owned(), body }).await?;
        check(response)
    }
}

fn json(body: &impl Serialize) -> Result<(&'static str, Vec<u8>), Failure> {
    let text = serde_json::to_vec(body).map_err(|error| Failure::Unreadable(error.to_string()))?;
    Ok(("application/json", text))
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(|error| Failure::Unreadable(error.to_string()))
}

/// The body of a good answer, or what the bad one means.
fn check(response: Response) -> Result<Vec<u8>, Failure> {
    let Response { status, body } = response;
    match status {
        200..=299 => Ok(body),
        401 => Err(Failure::Unauthorized),
        _ => {
            if status == 409
                && let Ok(conflict) = serde_json::from_slice(&body)
            {
                return Err(Failure::Conflict(Box::new(conflict)));
            }
            let (code, message) = match serde_json::from_slice::<ApiError>(&body) {
                Ok(error) => (error.code, error.message),
                Err(_) => {
                    let text = String::from_utf8_lossy(&body);
                    let text = text.trim();
                    let message = if text.is_empty() || text.len() > 300 {
                        format!("The node answered {status}.")
                    } else {
                        text.to_owned()
                    };
                    (String::new(), message)
                }
            };
            Err(Failure::Refused { status, code, message })
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn answer(status: u16, body: &str) -> Result<Vec<u8>, Failure> {
        check(Response { status, body: body.as_bytes().to_vec() })
    }

    #[test]
    fn a_refusal_is_told_in_the_nodes_words() {
        let failure =
            answer(404, r#"{"code":"no-such-pipe","message":"There is no pipe a."}"#).unwrap_err();
        assert_eq!(failure.to_string(), "There is no pipe a.");
        let failure = answer(500, "").unwrap_err();
        assert_eq!(failure.to_string(), "The node answered 500.");
    }

    #[test]
    fn a_conflict_brings_the_other_text() {
        let failure = answer(
            409,
            r#"{"path":"pipes/a.conf.json","current":{"path":"pipes/a.conf.json","text":"{}","hash":"h"}}"#,
        );
        let Err(Failure::Conflict(conflict)) = failure else { panic!("{failure:?}") };
        assert_eq!(conflict.current.unwrap().text, "{}");
        assert!(matches!(
            answer(409, r#"{"code":"running","message":"Pipe a runs already."}"#),
            Err(Failure::Refused { status: 409, .. })
        ));
    }
}
