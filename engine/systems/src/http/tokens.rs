//! Access tokens that another service hands out: kept until shortly before
//! they end, and shared by the systems that ask for them with the same words.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use pipewright_component::{Cancel, Clock, Failure};

use super::oauth2::OAuth2;
use super::tripletex::Tripletex;
use super::{Connection, Http};

/// What a token is asked for with; two systems with the same grant share it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum Grant {
    OAuth2(OAuth2),
    Tripletex(Tripletex),
}

impl Grant {
    /// The header that carries a token.
    pub(crate) fn authorization(&self, token: &str) -> String {
        match self {
            Grant::OAuth2(_) => format!("Bearer {token}"),
            Grant::Tripletex(_) => {
                let plain = format!("0:{token}");
                format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(plain))
            }
        }
    }
}

/// A token that was handed out.
#[derive(Clone)]
pub(crate) struct Token {
    pub(super) value: String,
    /// A newer refresh token, if the provider hands out one with each use.
    pub(super) refresh: Option<String>,
    /// Microseconds since 1970; `None` when the provider does not say.
    pub(super) expires: Option<i64>,
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
        let token = match asking.grant {
            Grant::OAuth2(grant) => {
                let newer = known.and_then(|token| token.refresh);
                grant.ask(self, asking, newer, clock, cancel)?
            }
            Grant::Tripletex(grant) => grant.ask(self, asking, clock, cancel)?,
        };
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
}
