//! Access tokens by OAuth 2.0: client credentials and refresh token
//! (`hub/documentation/service-configuration/systems/configuration-systems-url`, `oauth2`).

use std::sync::Arc;

use pipewright_component::{Cancel, Clock, Failure};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Url};

use super::tokens::{Asking, Token};
use super::{Call, Http, Place};

/// What a token is asked for with.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct OAuth2 {
    pub(crate) token_url: String,
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
    pub(crate) refresh_token: Option<String>,
    pub(crate) scope: Option<String>,
    pub(crate) extra: Vec<(String, String)>,
}

impl OAuth2 {
    pub(super) fn ask(
        &self,
        http: &Arc<Http>,
        asking: &Asking<'_>,
        newer_refresh: Option<String>,
        clock: &dyn Clock,
        cancel: &Cancel,
    ) -> Result<Token, Failure> {
        const PATH: &str = "$.oauth2";
        let url = Url::parse(&self.token_url)
            .map_err(|error| Failure::config("$.oauth2.token_url", error.to_string()))?;
        let refresh = newer_refresh.or_else(|| self.refresh_token.clone());
        let mut form: Vec<(&str, &str)> = match &refresh {
            Some(token) => vec![("grant_type", "refresh_token"), ("refresh_token", token)],
            None => vec![("grant_type", "client_credentials")],
        };
        form.push(("client_id", &self.client_id));
        form.push(("client_secret", &self.client_secret));
        form.extend(self.scope.as_deref().map(|scope| ("scope", scope)));
        form.extend(self.extra.iter().map(|(name, value)| (name.as_str(), value.as_str())));
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
            http.call(asking.connection, call, cancel).map_err(|error| error.into_failure(PATH))?;
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
