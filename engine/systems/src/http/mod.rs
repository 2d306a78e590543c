//! Making HTTP calls: connections, waiting that can be stopped, answers that
//! are read as they arrive, and errors that say what to do.

mod body;
mod digest;
mod fault;
mod oauth2;
mod statuses;
mod tokens;
mod tripletex;

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pipewright_component::{Cancel, Failure};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, Client, Identity, Method, Proxy, StatusCode, Url};

use crate::waiting::{NotWaited, Waiting};
pub(crate) use body::Body;
pub(crate) use digest::Challenge;
pub(crate) use fault::{CallError, Fault};
pub(crate) use oauth2::OAuth2;
pub(crate) use statuses::Statuses;
pub(crate) use tokens::{Asking, Grant};
pub(crate) use tripletex::Tripletex;

/// The largest answer that is read whole, such as an error or a token.
const SMALL_ANSWER: usize = 64 << 10;

/// What decides whether two calls can share a connection pool.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Connection {
    pub(crate) verify_ssl: bool,
    pub(crate) ca_pem: Option<String>,
    /// The certificates and the key that the node shows for itself (PEM).
    pub(crate) identity: Option<String>,
    /// URL scheme and proxy address.
    pub(crate) proxies: Vec<(String, String)>,
    pub(crate) connect_timeout: Duration,
    pub(crate) read_timeout: Duration,
}

/// One call.
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Vec<u8>>,
    /// Who is called, for messages: the system's id and the URL without
    /// credentials.
    pub(crate) place: Place,
    /// The status codes that make an answer; those of success when `None`.
    pub(crate) takes: Option<Statuses>,
}

/// Who is called, in words that may be shown and logged.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) system: Option<String>,
    pub(crate) method: Method,
    pub(crate) url: String,
}

/// An answer whose status is one that was asked for and whose body is still to
/// be read.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
}

/// Connections and tokens, shared by all components of a node.
#[derive(Default)]
pub(crate) struct Http {
    waiting: Arc<Waiting>,
    clients: Mutex<HashMap<Connection, Client>>,
    tokens: Mutex<HashMap<Grant, tokens::Token>>,
    sessions: Mutex<HashMap<String, Session>>,
}

/// What a service handed out when its own way of signing in was gone.
#[derive(Clone, Default)]
pub(crate) struct Session {
    /// What the answers held.
    pub(crate) token: serde_json::Map<String, serde_json::Value>,
    /// Microseconds since 1970.
    pub(crate) expires: Option<i64>,
    pub(crate) refresh_expires: Option<i64>,
}

impl Http {
    pub(crate) fn new(waiting: Arc<Waiting>) -> Http {
        Http { waiting, ..Http::default() }
    }

    /// Makes a call and waits for the head of the answer.
    pub(crate) fn call(
        self: &Arc<Self>,
        connection: &Connection,
        call: Call,
        cancel: &Cancel,
    ) -> Result<Answer, CallError> {
        let Call { method, url, headers, body, place, takes } = call;
        let fault = |fault| CallError { place: place.clone(), fault };
        let client = self.client(connection).map_err(fault)?;
        let mut request = client.request(method, url).headers(headers);
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = self
            .wait(cancel, async { request.send().await })
            .and_then(|sent| sent.map_err(|error| Fault::of(&error, connection)))
            .map_err(fault)?;
        let status = response.status();
        let (headers, mut body) = (
            response.headers().clone(),
            Body::answer(self.clone(), response, place.clone(), connection, cancel.clone()),
        );
        let is_taken = match &takes {
            Some(takes) => takes.contains(status),
            None => status.is_success(),
        };
        if !is_taken {
            let text = body.read_small(SMALL_ANSWER).unwrap_or_default();
            return Err(fault(Fault::status(status, &headers, &text)));
        }
        Ok(Answer { status, headers, body })
    }

    /// Waits for something, unless the run is stopped first.
    fn wait<F: Future>(&self, cancel: &Cancel, what: F) -> Result<F::Output, Fault> {
        self.waiting.wait(cancel, what).map_err(|why| match why {
            NotWaited::Stopped => Fault::Stopped,
            NotWaited::NoThreads(reason) => Fault::Unreachable(reason),
        })
    }

    fn client(&self, connection: &Connection) -> Result<Client, Fault> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(connection) {
            return Ok(client.clone());
        }
        // Settings that changed leave pools behind: start over rather than grow.
        if clients.len() >= 64 {
            clients.clear();
        }
        let client = build(connection)?;
        clients.insert(connection.clone(), client.clone());
        Ok(client)
    }

    /// What was handed out for a system, by a key that names it and its config.
    pub(crate) fn sessions(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tokens(&self) -> MutexGuard<'_, HashMap<Grant, tokens::Token>> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn build(connection: &Connection) -> Result<Client, Fault> {
    let invalid = |error: reqwest::Error| Fault::Setting(fault::reason(&error));
    let mut builder = Client::builder()
        .user_agent(concat!("Pipewright/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(connection.connect_timeout)
        .read_timeout(connection.read_timeout)
        .tls_danger_accept_invalid_certs(!connection.verify_ssl);
    if let Some(pem) = &connection.ca_pem {
        let chain = Certificate::from_pem_bundle(pem.as_bytes()).map_err(invalid)?;
        builder = builder.tls_certs_merge(chain);
    }
    if let Some(pem) = &connection.identity {
        builder = builder.identity(Identity::from_pem(pem.as_bytes()).map_err(invalid)?);
    }
    for (scheme, address) in &connection.proxies {
        let proxy = match scheme.as_str() {
            "http" => Proxy::http(address),
            "https" => Proxy::https(address),
            other => return Err(Fault::Setting(format!("there are no proxies for \"{other}\""))),
        };
        builder = builder.proxy(proxy.map_err(invalid)?);
    }
    builder.build().map_err(invalid)
}

/// Adds headers to a map; a later one of the same name wins.
pub(crate) fn put_headers<'a>(
    headers: &mut HeaderMap,
    more: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<(), Failure> {
    for (name, value) in more {
        let bad = |what: &str| Failure::config("$.headers", format!("\"{name}\" {what}"));
        let key = HeaderName::try_from(name).map_err(|_| bad("is not a name of an HTTP header"))?;
        let value = HeaderValue::try_from(value)
            .map_err(|_| bad("holds characters that an HTTP header cannot carry"))?;
        headers.insert(key, value);
    }
    Ok(())
}

/// Names and values as a form is sent, which is how a URL's query is written.
pub(crate) fn form<V: AsRef<str>>(pairs: &[(&str, V)]) -> String {
    // Any address will do to write a query; this one is always valid.
    let Ok(mut url) = Url::parse("http://form/") else { return String::new() };
    url.query_pairs_mut().extend_pairs(pairs);
    url.query().unwrap_or_default().to_owned()
}

/// A header whose value is not shown in logs.
pub(crate) fn secret_header(value: &str) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::try_from(value).map_err(|_| {
        Failure::config("$.authentication", "the token holds characters that HTTP cannot carry")
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// Whether the same call may succeed later.
fn is_passing(status: StatusCode) -> bool {
    status.is_server_error()
        || matches!(
            status,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
        )
}
