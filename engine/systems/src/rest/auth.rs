//! Signing in by operations of the service itself, whose answers hold tokens
//! (`hub/documentation/service-configuration/systems/configuration-systems-rest`,
//! "Custom authentication").

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use pipewright_component::Failure;
use reqwest::header::HeaderMap;
use serde_json::{Map, Value as Json, json};

use super::pages::inside;
use super::payload::Payload;
use super::template::{Context, seen};
use super::{Operation, RestSystem};
use crate::http::{Session, put_headers};
use crate::properties::{Config, Properties};

const PATH: &str = "$.custom_auth";
const SECOND: i64 = 1_000_000;

/// How a service wants to be signed in to.
pub(super) struct CustomAuth {
    token: Fetch,
    refresh: Option<Fetch>,
    /// Microseconds before its end at which a token is fetched anew.
    window: i64,
    initial: Map<String, Json>,
    /// Deprecated names for two properties of the token.
    names: Vec<(&'static str, String)>,
}

/// Fetches one kind of token.
struct Fetch {
    operation: String,
    /// The operation of that name, once it is compiled.
    known: Option<Operation>,
    expires_at: Option<String>,
    expires_in: Option<String>,
}

impl CustomAuth {
    pub(super) fn new(config: &Config) -> Result<CustomAuth, Failure> {
        let properties = Properties::new(config, PATH);
        let text = |name: &str| Ok::<_, Failure>(properties.text(name)?.map(str::to_owned));
        let fetch = |operation: &str, prefix: &str| {
            let fetch = Fetch {
                operation: operation.to_owned(),
                known: None,
                expires_at: text(&format!("{prefix}expires_at_expression"))?,
                expires_in: text(&format!("{prefix}expires_in_expression"))?,
            };
            if fetch.expires_at.is_none() && fetch.expires_in.is_none() {
                let message = format!(
                    "says neither {prefix}expires_at_expression nor {prefix}expires_in_expression"
                );
                return Err(Failure::config(PATH, message));
            }
            Ok(fetch)
        };
        let refresh = properties.text("get_refresh_token_operation")?;
        let window = properties.number("refresh_window")?.unwrap_or(30);
        let mut names = Vec::new();
        for (name, property) in
            [("access_token", "access_token_property"), ("refresh_token", "refresh_token_property")]
        {
            names.extend(text(property)?.map(|property| (name, property)));
        }
        Ok(CustomAuth {
            token: fetch(properties.required_text("get_token_operation")?, "")?,
            refresh: refresh.map(|operation| fetch(operation, "refresh_token_")).transpose()?,
            window: i64::try_from(window).unwrap_or(i64::MAX).saturating_mul(SECOND),
            initial: properties.dict("initial_refresh_token")?.cloned().unwrap_or_default(),
            names,
        })
    }
}

impl RestSystem {
    /// Compiles what signing in needs.
    pub(super) fn learn_auth(&mut self, mut auth: CustomAuth) -> Result<(), Failure> {
        let fetches = [Some(&mut auth.token), auth.refresh.as_mut()];
        for fetch in fetches.into_iter().flatten() {
            fetch.known = Some(self.operation_of_system(&fetch.operation)?);
            let texts = [&fetch.expires_at, &fetch.expires_in];
            for text in texts.into_iter().flatten() {
                self.templates.add(&json!(text), PATH, &|text| Ok(text.to_owned()))?;
            }
        }
        let headers = self.url.config().get("headers").cloned().unwrap_or_default();
        let initial = Json::Object(auth.initial.clone());
        let url = &self.url;
        self.templates.add(&headers, "$.headers", &|text| url.fill_in("headers", text))?;
        self.templates.add(&initial, PATH, &|text| url.fill_in("custom_auth", text))?;
        self.auth = Some(auth);
        Ok(())
    }

    /// Whose tokens these are: another config signs in anew.
    fn session_key(&self) -> String {
        let config = Json::Object(self.url.config().clone());
        format!("{} {config}", self.url.id())
    }

    fn session(&self) -> Session {
        self.url.http().sessions().get(&self.session_key()).cloned().unwrap_or_default()
    }

    /// What templates can name once signed in.
    pub(super) fn session_context(&self) -> Context {
        self.context_of(&self.session())
    }

    fn context_of(&self, session: &Session) -> Context {
        let mut named = json!({"token": session.token});
        for (name, property) in self.auth.iter().flat_map(|auth| &auth.names) {
            named[*name] = session.token.get(property).cloned().unwrap_or_default();
        }
        seen(&named)
    }

    /// The system's own headers, which may name the token.
    pub(super) fn put_session_headers(
        &self,
        context: &Context,
        headers: &mut HeaderMap,
    ) -> Result<(), String> {
        let Some(Json::Object(all)) = self.url.config().get("headers") else { return Ok(()) };
        for (name, template) in all {
            let Some(template) = template.as_str() else { continue };
            let value = self.templates.text(template, context)?;
            put_headers(headers, [(name.as_str(), value.as_str())])
                .map_err(|failure| failure.to_string())?;
        }
        Ok(())
    }

    /// Sees to it that there is a token that is good for a while.
    pub(super) fn sign_in(&self) -> Result<(), Failure> {
        match &self.auth {
            Some(auth) => self.fetch_tokens(auth),
            None => Ok(()),
        }
    }

    /// Whether there was a token that the service may have revoked before its
    /// time; it is gone.
    pub(super) fn sign_out(&self) -> bool {
        let mut sessions = self.url.http().sessions();
        let Some(session) = sessions.get_mut(&self.session_key()) else { return false };
        session.expires.take().is_some() | session.refresh_expires.take().is_some()
    }

    fn fetch_tokens(&self, auth: &CustomAuth) -> Result<(), Failure> {
        let now = self.url.surroundings().clock.now();
        let is_good =
            |end: Option<i64>| end.is_some_and(|end| now.saturating_add(auth.window) < end);
        let mut session = self.session();
        if is_good(session.expires) && (auth.refresh.is_none() || is_good(session.refresh_expires))
        {
            return Ok(());
        }
        if session.token.is_empty() {
            for (name, template) in &auth.initial {
                let filled = self.templates.json(template, &Context::from(()));
                let filled = filled.map_err(|message| Failure::config(PATH, message))?;
                session.token.insert(name.clone(), filled.unwrap_or_default());
            }
        }
        if let Some(refresh) = &auth.refresh
            && !is_good(session.refresh_expires)
        {
            let end = self.fetch(refresh, auth, &mut session)?;
            session.refresh_expires = Some(end);
            session.token.insert("refresh_token_expires_at".into(), json!(end / SECOND));
        }
        let end = self.fetch(&auth.token, auth, &mut session)?;
        session.expires = Some(end);
        session.token.insert("expires_at".into(), json!(end / SECOND));
        let date = Timestamp::from_second(end / SECOND).map(|end| end.to_string());
        session.token.insert("expiry_date".into(), json!(date.unwrap_or_default()));
        let mut sessions = self.url.http().sessions();
        // Configs that changed leave tokens behind: start over rather than grow.
        if sessions.len() >= 64 {
            sessions.clear();
        }
        sessions.insert(self.session_key(), session);
        Ok(())
    }

    /// Calls one operation and takes up what it answers. Gives when that ends.
    fn fetch(
        &self,
        fetch: &Fetch,
        auth: &CustomAuth,
        session: &mut Session,
    ) -> Result<i64, Failure> {
        let Some(operation) = &fetch.known else { return Ok(0) };
        let wrong = |message: String| Failure::config(operation.path.clone(), message);
        let mut named = json!({
            "token": session.token, "properties": operation.config.get("properties"), "headers": {},
        });
        for (name, property) in &auth.names {
            named[*name] = session.token.get(property).cloned().unwrap_or_default();
        }
        let context = seen(&named);
        let payload = match operation.config.get("payload") {
            Some(payload) => {
                self.templates.json(payload, &context).map_err(wrong)?.map(Payload::Json)
            }
            None => None,
        };
        let request =
            self.fill(operation, &context, None, payload.as_ref(), false).map_err(wrong)?;
        // Signing in changes nothing that anybody would miss.
        let reply = self
            .exchange(operation, &request, false, None)?
            .map_err(|error| error.into_failure(&operation.path))?;
        let body: Json = serde_json::from_slice(&reply.bytes).unwrap_or_default();
        let body = match operation.config.get("payload_property").and_then(Json::as_str) {
            Some(path) => inside(&body, path).cloned().unwrap_or_default(),
            None => body,
        };
        let Json::Object(found) = body else {
            let message =
                format!("{} {}: the answer holds no token", operation.method, request.shown);
            return Err(wrong(message));
        };
        for secret in found.values().filter_map(Json::as_str) {
            self.url.hide(secret);
        }
        session.token.extend(found);
        self.end_of(fetch, session, operation)
    }

    fn operation_of_system(&mut self, name: &str) -> Result<Operation, Failure> {
        let own = self.config.remove("operations");
        let found = self.operation(name);
        if let Some(own) = own {
            self.config.insert("operations".into(), own);
        }
        found
    }

    fn end_of(
        &self,
        fetch: &Fetch,
        session: &Session,
        operation: &Operation,
    ) -> Result<i64, Failure> {
        let context = self.context_of(session);
        let text = |template: &Option<String>| match template {
            None => Ok(None),
            Some(template) => self
                .templates
                .text(template, &context)
                .map(|text| Some(text.trim().to_owned()))
                .map_err(|message| Failure::config(PATH, message)),
        };
        if let Some(end) = text(&fetch.expires_at)?.as_deref().and_then(time) {
            return Ok(end);
        }
        let lasts = text(&fetch.expires_in)?.and_then(|text| text.parse::<f64>().ok());
        let lasts = lasts.filter(|seconds| seconds.is_finite()).ok_or_else(|| {
            let message = format!(
                "the operation \"{}\" answers without the time at which its token ends",
                fetch.operation
            );
            Failure::config(operation.path.clone(), message)
        })?;
        let now = self.url.surroundings().clock.now();
        Ok(now.saturating_add((lasts * SECOND as f64) as i64))
    }
}

/// A date, with or without a time and a zone, in microseconds since 1970.
fn time(text: &str) -> Option<i64> {
    let in_utc = |time: DateTime| time.to_zoned(TimeZone::UTC).ok().map(|time| time.timestamp());
    let time = text
        .parse::<Timestamp>()
        .ok()
        .or_else(|| text.parse::<DateTime>().ok().and_then(in_utc))
        .or_else(|| text.parse::<Date>().ok().and_then(|date| in_utc(date.at(0, 0, 0, 0))))?;
    Some(time.as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::time;

    #[test]
    fn ends_are_dates_in_several_forms() {
        let end = Some(1_738_756_240_000_000);
        assert_eq!(time("2025-02-05T11:50:40Z"), end);
        assert_eq!(time("2025-02-05T12:50:40+01:00"), end);
        assert_eq!(time("2025-02-05T11:50:40"), end);
        assert_eq!(time("2025-02-05"), Some(1_738_713_600_000_000));
        assert_eq!(time("soon"), None);
    }
}
