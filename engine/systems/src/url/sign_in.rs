//! How a URL system signs in, and over which connection.

use std::sync::PoisonError;
use std::time::Duration;

use base64::Engine;
use pipewright_component::Failure;
use reqwest::header::{AUTHORIZATION, HeaderMap};
use reqwest::{Method, StatusCode, Url};

use super::UrlSystem;
use super::address::Base;
use crate::http::{self, Asking, CallError, Connection, Grant, OAuth2, Tripletex};
use crate::properties::Properties;

impl UrlSystem {
    /// The connection for calls of a URL.
    pub(super) fn connection(&self, url: &Url) -> Result<Connection, Failure> {
        let properties = self.properties();
        let seconds = |name, default| {
            properties.number(name).map(|set| Duration::from_secs(set.unwrap_or(default)))
        };
        let text = |name: &str| -> Result<Option<String>, Failure> {
            properties.text(name)?.map(|pem| self.resolve(name, pem)).transpose()
        };
        let identity = match (text("client_certificate")?, text("client_key")?) {
            (Some(certificate), Some(key)) => Some(format!("{}\n{key}", certificate.trim_end())),
            // One text may hold both.
            (Some(both), None) => Some(both),
            (None, Some(_)) => {
                return Err(self.failure("client_certificate", "is missing beside client_key"));
            }
            (None, None) => None,
        };
        let proxies = properties
            .text_dict("proxies")?
            .into_iter()
            .map(|(scheme, proxy)| Ok((scheme.to_owned(), self.resolve("proxies", proxy)?)))
            .collect::<Result<Vec<_>, Failure>>()?;
        Ok(Connection {
            // The documented default.
            verify_ssl: properties.flag("verify_ssl", false)?,
            ca_pem: text("custom_ca_pem_chain")?,
            // It is for this system's server, as credentials are.
            identity: identity.filter(|_| self.is_own(url)),
            proxies,
            connect_timeout: seconds("connect_timeout", 60)?,
            read_timeout: seconds("read_timeout", 1800)?,
        })
    }

    /// Whether a URL belongs to this system, so that it may see its
    /// credentials. A component can name a URL on quite another server.
    pub(crate) fn is_own(&self, url: &Url) -> bool {
        let root = self.base().ok().and_then(Base::root);
        let root = root.and_then(|root| self.resolve("url_pattern", &root).ok());
        root.and_then(|root| Url::parse(&root).ok())
            .is_some_and(|root| root.origin() == url.origin())
    }

    /// The headers of a request: those of the system, the authorization, and
    /// more.
    pub(super) fn headers(
        &self,
        (method, url): (&Method, &Url),
        more: &[(&str, &str)],
        connection: &Connection,
        grant: Option<&Grant>,
    ) -> Result<HeaderMap, Failure> {
        let mut headers = HeaderMap::new();
        if self.is_own(url) {
            let signs_in_itself = self.config.contains_key("custom_auth");
            for (name, value) in self.properties().text_dict("headers")? {
                // Filled in once there is a token; see `rest`.
                if signs_in_itself && value.contains("{{") {
                    continue;
                }
                let value = self.resolve("headers", value)?;
                http::put_headers(&mut headers, [(name, value.as_str())])?;
            }
            if let Some(authorization) = self.authorization((method, url), connection, grant)? {
                if let Some((_, credentials)) = authorization.split_once(' ') {
                    self.told.add(credentials);
                }
                headers.insert(AUTHORIZATION, http::secret_header(&authorization)?);
            }
        }
        for (name, value) in more {
            let value = self.resolve("headers", value)?;
            http::put_headers(&mut headers, [(*name, value.as_str())])?;
        }
        Ok(headers)
    }

    fn authorization(
        &self,
        (method, url): (&Method, &Url),
        connection: &Connection,
        grant: Option<&Grant>,
    ) -> Result<Option<String>, Failure> {
        if let Some(grant) = grant {
            let window = self
                .properties()
                .dict("oauth2")?
                .map(|dict| Properties::new(dict, "$.oauth2").number("refresh_window"))
                .transpose()?
                .flatten()
                .unwrap_or(30);
            let asking = Asking {
                grant,
                refresh_window: Duration::from_secs(window),
                connection,
                system: self.id.as_deref(),
            };
            let surroundings = &self.surroundings;
            let token = self
                .http
                .token(&asking, &*surroundings.clock, &surroundings.cancel)
                .map_err(|failure| self.told.hide_in(failure))?;
            self.told.add(&token);
            return Ok(Some(grant.authorization(&token)));
        }
        match self.properties().text("authentication")? {
            None => Ok(None),
            Some("jwt") => Ok(Some(format!("Bearer {}", self.credential("jwt_token")?))),
            Some("basic") => {
                let (user, password) = self.user()?;
                let plain = format!("{user}:{password}");
                let coded = base64::engine::general_purpose::STANDARD.encode(plain);
                Ok(Some(format!("Basic {coded}")))
            }
            Some("digest") => {
                let (user, password) = self.user()?;
                let challenge = self.challenge.lock().unwrap_or_else(PoisonError::into_inner);
                // Before the first challenge there is nothing to answer.
                Ok(challenge.as_ref().map(|asked| asked.answer((&user, &password), method, url)))
            }
            Some("ntlm") => Err(self.failure(
                "authentication",
                "\"ntlm\" does not run here; basic, digest, jwt, tripletex and oauth2 do",
            )),
            Some(other) => Err(self.failure(
                "authentication",
                format!("\"{other}\" is not known; use basic, digest, jwt or tripletex, or oauth2"),
            )),
        }
    }

    fn user(&self) -> Result<(String, String), Failure> {
        Ok((self.credential("username")?, self.credential("password")?))
    }

    fn credential(&self, name: &str) -> Result<String, Failure> {
        match self.properties().text(name)? {
            Some(text) => self.resolve(name, text),
            None => Err(self.failure(name, "is missing, and authentication needs it")),
        }
    }

    /// Whether a call that was not let in may be made again, signed in anew: a
    /// token may be revoked before its time, and a challenge is only known
    /// once it was made.
    pub(super) fn signs_in_anew(
        &self,
        error: &CallError,
        grant: Option<&Grant>,
        url: &Url,
    ) -> bool {
        if error.status() != Some(StatusCode::UNAUTHORIZED) {
            return false;
        }
        if let Some(grant) = grant {
            return self.http.forget_token(grant);
        }
        let digest = matches!(self.properties().text("authentication"), Ok(Some("digest")));
        match error.challenge().filter(|_| digest && self.is_own(url)) {
            Some(challenge) => {
                *self.challenge.lock().unwrap_or_else(PoisonError::into_inner) = Some(challenge);
                true
            }
            None => false,
        }
    }

    /// What tokens are asked for with, if the system uses them.
    pub(super) fn grant(&self) -> Result<Option<Grant>, Failure> {
        let properties = self.properties();
        if let Some(dict) = properties.dict("oauth2")? {
            return self.oauth2(&Properties::new(dict, "$.oauth2")).map(Some);
        }
        if properties.text("authentication")? != Some("tripletex") {
            return Ok(None);
        }
        let Some(dict) = properties.dict("tripletex")? else {
            return Err(self.failure("tripletex", "is missing, and authentication needs it"));
        };
        let properties = Properties::new(dict, "$.tripletex");
        let needed = |name: &str| self.needed(&properties, "tripletex", name);
        Ok(Some(Grant::Tripletex(Tripletex {
            token_url: needed("token_url")?,
            consumer_token: needed("consumer_token")?,
            employee_token: needed("employee_token")?,
            hours: properties.number("ttl")?.unwrap_or(48),
        })))
    }

    fn needed(&self, properties: &Properties<'_>, of: &str, name: &str) -> Result<String, Failure> {
        let Some(text) = properties.text(name)? else {
            return Err(self.failure(&format!("{of}.{name}"), "is missing"));
        };
        self.resolve(of, text)
    }

    fn oauth2(&self, properties: &Properties<'_>) -> Result<Grant, Failure> {
        let needed = |name: &str| self.needed(properties, "oauth2", name);
        let extra = properties
            .text_dict("extra")?
            .into_iter()
            .map(|(name, value)| Ok((name.to_owned(), self.resolve("oauth2", value)?)))
            .collect::<Result<Vec<_>, Failure>>()?;
        let refresh_token = properties.text("refresh_token")?;
        Ok(Grant::OAuth2(OAuth2 {
            token_url: needed("token_url")?,
            client_id: needed("client_id")?,
            client_secret: needed("client_secret")?,
            refresh_token: refresh_token.map(|text| self.resolve("oauth2", text)).transpose()?,
            scope: properties.texts("scope")?.map(|scopes| scopes.join(" ")),
            extra,
        }))
    }
}
