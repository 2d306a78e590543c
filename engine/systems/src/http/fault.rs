//! What went wrong with a call.

use std::fmt;
use std::time::Duration;

use pipewright_component::Failure;
use reqwest::StatusCode;
use reqwest::header::{DATE, HeaderMap, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};

use super::{Challenge, Connection, Place, is_passing};
use crate::secrets::Told;

/// A call that did not succeed: who was called, and what happened.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{place}{fault}")]
pub(crate) struct CallError {
    pub(crate) place: Place,
    pub(crate) fault: Fault,
}

/// What happened. The texts continue the name of the place.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// No connection.
    #[error("cannot be reached: {0}. Check the address, and that the other side is up")]
    Unreachable(String),
    /// No answer in time.
    #[error(
        "did not answer in time (connect_timeout {} s, read_timeout {} s)",
        .connect.as_secs(), .read.as_secs()
    )]
    TimedOut { connect: Duration, read: Duration },
    /// The answer broke off.
    #[error("broke off in the middle of its answer: {0}")]
    Broken(String),
    /// The answer is an error.
    #[error("answered {status}{}{}", Excerpt(.body), advice(*.status))]
    Status {
        status: StatusCode,
        body: String,
        wait: Option<Duration>,
        /// How to sign in, if it says.
        challenges: Vec<String>,
    },
    /// The call cannot be made as configured.
    #[error("cannot be called: {0}")]
    Setting(String),
    /// The run was stopped.
    #[error("was not waited for: the run was stopped")]
    Stopped,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(system) = &self.system {
            write!(f, "system \"{system}\": ")?;
        }
        write!(f, "{} {} ", self.method, self.url)
    }
}

/// The beginning of an answer, on one line.
struct Excerpt<'a>(&'a str);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 300;
        let words = self.0.split_whitespace().collect::<Vec<_>>().join(" ");
        if words.is_empty() {
            return Ok(());
        }
        let cut: String = words.chars().take(MOST).collect();
        let dots = if cut.len() < words.len() { " …" } else { "" };
        write!(f, ": {cut}{dots}")
    }
}

fn advice(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => ". Check the system's authentication and its secrets",
        StatusCode::FORBIDDEN => ". Ask the other side for access",
        StatusCode::NOT_FOUND | StatusCode::GONE => {
            ". Check the url of the component and the url_pattern of the system"
        }
        StatusCode::METHOD_NOT_ALLOWED => ". The url does not take this kind of request",
        _ => "",
    }
}

/// The words of an error without its URL, which may hold credentials.
pub(super) fn reason(error: &(dyn std::error::Error + 'static)) -> String {
    // The outermost text repeats the URL; the innermost names the cause.
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    match innermost.downcast_ref::<reqwest::Error>() {
        Some(own) if own.is_builder() => "not a valid setting".to_owned(),
        Some(_) => "the connection failed".to_owned(),
        None => innermost.to_string(),
    }
}

impl Fault {
    pub(super) fn of(error: &reqwest::Error, connection: &Connection) -> Fault {
        if error.is_timeout() {
            Fault::TimedOut { connect: connection.connect_timeout, read: connection.read_timeout }
        } else if error.is_builder() {
            Fault::Setting(reason(error))
        } else if error.is_redirect() {
            Fault::Broken("it redirects in a circle".to_owned())
        } else {
            Fault::Unreachable(reason(error))
        }
    }

    pub(super) fn broken(error: &reqwest::Error, connection: &Connection) -> Fault {
        match Fault::of(error, connection) {
            Fault::Unreachable(reason) => Fault::Broken(reason),
            other => other,
        }
    }

    pub(super) fn status(status: StatusCode, headers: &HeaderMap, body: &str) -> Fault {
        let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let wait = text(RETRY_AFTER).and_then(|after| retry_after(after, text(DATE)));
        let challenges = headers.get_all(WWW_AUTHENTICATE).iter();
        let challenges = challenges.filter_map(|value| value.to_str().ok().map(str::to_owned));
        Fault::Status { status, body: body.to_owned(), wait, challenges: challenges.collect() }
    }
}

/// What `Retry-After` asks for: seconds, or a date, which counts from the date
/// of the answer so that both clocks need not agree.
fn retry_after(after: &str, date: Option<&str>) -> Option<Duration> {
    if let Ok(seconds) = after.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let time = |text: &str| jiff::fmt::rfc2822::parse(text.trim()).ok().map(|at| at.timestamp());
    let (until, from) = (time(after)?, time(date?)?);
    Some(Duration::try_from(until.duration_since(from)).unwrap_or_default())
}

impl CallError {
    /// Without secrets in what the other side answered.
    pub(crate) fn hiding(mut self, told: &Told) -> CallError {
        if let Fault::Status { body, .. } = &mut self.fault {
            *body = told.hide(std::mem::take(body));
        }
        self
    }

    /// The status of the answer, if there was one.
    pub(crate) fn status(&self) -> Option<StatusCode> {
        match self.fault {
            Fault::Status { status, .. } => Some(status),
            _ => None,
        }
    }

    /// The Digest challenge of the answer, if it holds one.
    pub(crate) fn challenge(&self) -> Option<Challenge> {
        match &self.fault {
            Fault::Status { challenges, .. } => {
                challenges.iter().find_map(|header| Challenge::parse(header))
            }
            _ => None,
        }
    }

    /// How long the other side asks to wait, if it does.
    pub(crate) fn wait(&self) -> Option<Duration> {
        match self.fault {
            Fault::Status { wait, .. } => wait,
            _ => None,
        }
    }

    /// What the other side answered, if it did.
    pub(crate) fn answer(&self) -> Option<&str> {
        match &self.fault {
            Fault::Status { body, .. } => Some(body),
            _ => None,
        }
    }

    /// The class of failure, when nothing more is known about the call:
    /// what may pass is retryable, what the other side will refuse again is a
    /// matter of the config at `path`.
    pub(crate) fn into_failure(self, path: &str) -> Failure {
        let message = self.to_string();
        match self.fault {
            Fault::Stopped => Failure::Stopped,
            Fault::Status { status, wait, .. } if is_passing(status) => {
                Failure::Retryable { message, wait, status: Some(status.as_u16()) }
            }
            Fault::Status { .. } | Fault::Setting(_) => Failure::config(path, message),
            Fault::Unreachable(_) | Fault::TimedOut { .. } | Fault::Broken(_) => {
                Failure::retryable(message)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_to_wait_is_seconds_or_a_date() {
        let date = Some("Wed, 21 Oct 2026 07:28:00 GMT");
        assert_eq!(retry_after(" 120 ", None), Some(Duration::from_secs(120)));
        let after = |text| retry_after(text, date);
        assert_eq!(after("Wed, 21 Oct 2026 07:29:30 GMT"), Some(Duration::from_secs(90)));
        assert_eq!(after("Wed, 21 Oct 2026 07:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(retry_after("Wed, 21 Oct 2026 07:29:30 GMT", None), None);
        assert_eq!(after("soon"), None);
    }
}
