//! Access tokens by OAuth 2.0: client credentials and refresh token
//! (`hub/documentation/service-configuration/systems/configuration-systems-url`, `oauth2`).

use std::sync::Arc;
use std::time::Duration;

use pipewright_component::{Cancel, Clock, Failure};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Url};

use super::{Call, Connection, Http, Place};

/// What a token is asked for with; two systems with the same grant share it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Grant {
    pub(crate) token_url: String,
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    pub(crate) refresh_token: Option<String>,
    pub(crate) scope: Option<String>,
    pub(crate) extra: Vec<(String, String)>,
}

/// A token that was handed out.
#[derive(Clone)]
pub(crate) struct Token {
    value: String,
    /// A newer refresh token, if the provider hands out one with each use.
    refresh: Option<String>,
    /// Microseconds since 1970; `None` when the provider does not say.
    expires: Option<i64>,
}

/// What a token is asked for with, and how long before its end to do so.
pub(crate) struct Asking<'a> {
    pub(crate) grant: &'a Grant,
    pub(crate) refresh_window: Duration,
    pub(crate) connection: &'a Connection,
    pub(crate) system: Option<&'a str>,
}

impl Http {
    /// A token that is still good for a while: a known one, or a new one.
    pub(crate) fn token(
        self: &Arc<Self>,
        asking: &Asking<'_>,
        clock: &dyn Clock,
        cancel: &Cancel,
    ) -> Result<String, Failure> {
        let window = i64::try_from(asking.refresh_window.as_micros()).unwrap_or(i64::MAX);
        let known = self.tokens().get(asking.grant).cloned();
        if let Some(token) = &known
            && token.expires.is_none_or(|end| clock.now().saturating_add(window) < end)
        {
            return Ok(token.value.clone());
        }
        let newer_refresh = known.and_then(|token| token.refresh);
        let token = self.ask(asking, newer_refresh, clock, cancel)?;
        let value = token.value.clone();
        self.tokens().insert(asking.grant.clone(), token);
        Ok(value)
    }

    /// Forgets a token that the other side no longer takes. Says whether there
    /// was one.
    pub(crate) fn forget_token(&self, grant: &Grant) -> bool {
        match self.tokens().get_mut(grant) {
            Some(token) if token.expires != Some(0) => {
                // The refresh token may still be needed.
                token.expires = Some(0);
                true
            }
            _ => false,
        }
    }

    fn ask(
        self: &Arc<Self>,
        asking: &Asking<'_>,
        newer_refresh: Option<String>,
        clock: &dyn Clock,
        cancel: &Cancel,
    ) -> Result<Token, Failure> {
        const PATH: &str = "$.oauth2";
        let grant = asking.grant;
        let url = Url::parse(&grant.token_url)
            .map_err(|error| Failure::config("$.oauth2.token_url", error.to_string()))?;
        let refresh = newer_refresh.or_else(|| grant.refresh_token.clone());
        let mut form: Vec<(&str, &str)> = match &refresh {
            Some(token) => vec![("grant_type", "refresh_token"), ("refresh_token", token)],
            None => vec![("grant_type", "client_credentials")],
        };
        form.push(("client_id", &grant.client_id));
        form.push(("client_secret", &grant.client_secret));
        form.extend(grant.scope.as_deref().map(|scope| ("scope", scope)));
        form.extend(grant.extra.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let mut shown = url.clone();
        shown.set_query(None);
        let body = super::form(&form).into_bytes();
        let call = Call {
            method: Method::POST,
            url,
            headers,
            body: Some(body),
            place: Place {
                system: asking.system.map(str::to_owned),
                method: Method::POST,
                url: shown.to_string(),
            },
            takes: None,
        };
        let mut answer =
            self.call(asking.connection, call, cancel).map_err(|error| error.into_failure(PATH))?;
        let text = answer.body.read_small(super::SMALL_ANSWER).map_err(|error| {
            Failure::retryable(format!("{shown}: the answer broke off: {error}"))
        })?;
        let json: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        let text = |name: &str| json.get(name).and_then(|value| value.as_str()).map(str::to_owned);
        let value = text("access_token").ok_or_else(|| {
            Failure::config(PATH, format!("{shown}: the answer holds no access_token"))
        })?;
        let lasts = json.get("expires_in").and_then(|value| {
            value.as_i64().or_else(|| value.as_str().and_then(|text| text.parse().ok()))
        });
        let expires =
            lasts.map(|seconds| clock.now().saturating_add(seconds.saturating_mul(1_000_000)));
        Ok(Token { value, refresh: text("refresh_token").or(refresh), expires })
    }
}
