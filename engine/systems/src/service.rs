//! What a node asks of the services that it runs besides what pipes ask.

use std::io::Read;

use pipewright_component::{Failure, Surroundings};
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value as Json};

use crate::Systems;
use crate::http::{CallError, Statuses};
use crate::processes::Said;
use crate::url::{Address, Rendered, UrlSystem};

/// The largest answer that is passed on, in bytes.
const LARGEST: u64 = 256 << 20;
/// What belongs to one connection, or says to whom it goes.
const NOT_PASSED: [&str; 10] = [
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// A request or an answer that is passed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// The headers. Those of the connection are left out, and so are
    /// `Authorization` and cookies of a request: they are meant for the node.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The bytes.
    pub body: Vec<u8>,
}

impl Systems {
    /// What the service of a system said last; `None` when nothing has called
    /// it yet.
    pub fn service_said(&self, system: &str) -> Option<Vec<Said>> {
        self.processes.said(system)
    }

    /// Ends the service of a system. It is started again by the next call.
    pub fn end_service(&self, system: &str) {
        self.processes.end(system);
    }

    /// Passes a request on to the service of a system, below its address, and
    /// gives status and answer, whatever they are.
    pub fn pass_on(
        &self,
        (id, config): (&str, &Map<String, Json>),
        surroundings: &Surroundings,
        (method, path): (&str, &str),
        request: Passed,
    ) -> Result<(u16, Passed), Failure> {
        let bad = |what: String| Failure::config("$", what);
        let system = UrlSystem::new(&self.http, Some((id, config)), surroundings, "$")?;
        let system = system.with_process(&self.processes)?;
        let target = system.locate(path)?;
        let url = match &target.address {
            // A path that is an address of its own would go elsewhere.
            Address::Web(url) if system.is_own(url) => url,
            _ => return Err(bad(format!("{:?} is no path of the service", target.shown))),
        };
        let method =
            Method::from_bytes(method.as_bytes()).map_err(|error| bad(error.to_string()))?;
        let mut headers = HeaderMap::new();
        let own = ["authorization", "cookie", "accept-encoding"];
        for (name, value) in &request.headers {
            let (Ok(name), Ok(value)) =
                (HeaderName::try_from(name.as_str()), HeaderValue::from_bytes(value))
            else {
                continue;
            };
            if !NOT_PASSED.contains(&name.as_str()) && !own.contains(&name.as_str()) {
                headers.append(name, value);
            }
        }
        let takes = Statuses::parse("100-599");
        let answer = system.exchange(&Rendered {
            writes: !matches!(method, Method::GET | Method::HEAD | Method::OPTIONS),
            method,
            url,
            shown: &target.shown,
            headers: &headers,
            body: (!request.body.is_empty()).then_some(&*request.body),
            takes: takes.as_ref(),
        })?;
        let failed = |error: CallError| error.into_failure("$.process");
        let mut answer = answer.map_err(failed)?;
        let mut body = Vec::new();
        let read = answer.body.by_ref().take(LARGEST).read_to_end(&mut body);
        read.map_err(|error| Failure::retryable(format!("the answer broke off: {error}")))?;
        let headers = answer.headers.iter();
        let headers = headers.filter(|(name, _)| !NOT_PASSED.contains(&name.as_str()));
        let headers = headers.map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
        Ok((answer.status.as_u16(), Passed { headers: headers.collect(), body }))
    }
}
