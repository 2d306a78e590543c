//! Session tokens of Tripletex, which are asked for with two long-lived ones
//! (`hub/documentation/service-configuration/systems/configuration-systems-url`, `tripletex`).

use std::sync::Arc;

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use pipewright_component::{Cancel, Clock, Failure};
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use reqwest::{Method, Url};

use super::tokens::{Asking, Token};
use super::{Call, Http, Place};

/// What a token is asked for with.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Tripletex {
    pub(crate) token_url: String,
    pub(crate) consumer_token: String,
    pub(crate) employee_token: String,
    /// How many hours a token is to last.
    pub(crate) hours: u64,
}

impl Tripletex {
    pub(super) fn ask(
        &self,
        http: &Arc<Http>,
        asking: &Asking<'_>,
        clock: &dyn Clock,
        cancel: &Cancel,
    ) -> Result<Token, Failure> {
        const PATH: &str = "$.tripletex";
        let mut url = Url::parse(&self.token_url)
            .map_err(|error| Failure::config("$.tripletex.token_url", error.to_string()))?;
        let mut shown = url.clone();
        shown.set_query(None);
        let hours = i64::try_from(self.hours).unwrap_or(i64::MAX);
        // A token ends with a day.
        let last = Timestamp::from_microsecond(clock.now())
            .and_then(|now| now.checked_add(hours.clamp(24, 24 * 365).hours()))
            .map_err(|error| Failure::config("$.tripletex.ttl", error.to_string()))?
            .to_zoned(TimeZone::UTC)
            .date();
        url.query_pairs_mut()
            .append_pair("consumerToken", &self.consumer_token)
            .append_pair("employeeToken", &self.employee_token)
            .append_pair("expirationDate", &last.to_string());
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let place = Place {
            system: asking.system.map(str::to_owned),
            method: Method::PUT,
            url: shown.to_string(),
        };
        let call = Call { method: Method::PUT, url, headers, body: None, place, takes: None };
        let mut answer =
            http.call(asking.connection, call, cancel).map_err(|error| error.into_failure(PATH))?;
        let text = answer.body.read_small(super::SMALL_ANSWER).map_err(|error| {
            Failure::retryable(format!("{shown}: the answer broke off: {error}"))
        })?;
        let json: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        let value = json.pointer("/value/token").and_then(|token| token.as_str());
        let value = value.ok_or_else(|| {
            Failure::config(PATH, format!("{shown}: the answer holds no value.token"))
        })?;
        let ends = last.to_zoned(TimeZone::UTC).map(|end| end.timestamp().as_microsecond());
        Ok(Token { value: value.to_owned(), refresh: None, expires: ends.ok() })
    }
}
