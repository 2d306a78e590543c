//! Web services with named operations
//! (`hub/documentation/service-configuration/systems/configuration-systems-rest`).

mod auth;
mod pages;
mod payload;
mod sink;
mod source;
mod template;
mod times;
mod transform;

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use pipewright_component::{
    EntityFailure, Failure, Offer, OfferKind, Setting, Surroundings, System, TraceSettings,
};
use pipewright_entity::{Text, Value};
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Method, StatusCode, Url};
use serde_json::{Value as Json, json};

use self::auth::CustomAuth;
use self::payload::Payload;
use self::template::{Context, Templates, both};
use crate::http::{Answer, Body, CallError, Http, Statuses, put_headers};
use crate::plain::plain;
use crate::properties::{Config, Properties};
use crate::url::{Rendered, UrlSystem};
pub(crate) use sink::RestSink;
pub(crate) use source::RestSource;
pub(crate) use template::{plain_json, said};
pub(crate) use transform::RestTransform;

/// A REST system as one component uses it in one run.
struct RestSystem {
    url: UrlSystem,
    /// The component's config.
    config: Config,
    path: String,
    templates: Templates,
    json_types: Vec<String>,
    retries: u64,
    delay: Duration,
    auth: Option<CustomAuth>,
}

/// One named operation.
struct Operation {
    method: Method,
    url: String,
    config: Config,
    path: String,
}

/// A request, filled in.
struct Request {
    url: Url,
    shown: String,
    headers: HeaderMap,
    params: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

/// Why there is no answer.
enum Trouble {
    /// A template of the operation cannot be filled in.
    Template(String),
    /// The service did not answer as it should.
    Call(CallError),
    /// More than this call is concerned.
    Failure(Failure),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Trouble {
        Trouble::Failure(failure)
    }
}

impl Trouble {
    /// The failure of a call that is about no entity.
    fn into_failure(self, path: &str) -> Failure {
        match self {
            Trouble::Template(message) => Failure::config(path, message),
            Trouble::Call(error) => error.into_failure(path),
            Trouble::Failure(failure) => failure,
        }
    }

    /// The failure of a call for one entity: the inner one is about the entity
    /// alone.
    fn for_entity(self, id: &Text, path: &str) -> Result<EntityFailure, Failure> {
        match self {
            Trouble::Template(message) => Ok(EntityFailure::new(Some(id.clone()), message)),
            Trouble::Call(error) if is_about_the_entity(&error) => {
                let mut failure = EntityFailure::new(Some(id.clone()), error.to_string());
                failure.detail = error.answer().map(Value::from);
                failure.status = error.status().map(|status| status.as_u16());
                Ok(failure)
            }
            Trouble::Call(error) => Err(error.into_failure(path)),
            Trouble::Failure(Failure::Entity(failure)) => Ok(failure),
            Trouble::Failure(failure) => Err(failure),
        }
    }
}

/// Whether the other side refuses this entity, rather than us or everything.
fn is_about_the_entity(error: &CallError) -> bool {
    error.status().is_some_and(|status| {
        status.is_client_error()
            && !matches!(
                status,
                StatusCode::UNAUTHORIZED
                    | StatusCode::FORBIDDEN
                    | StatusCode::METHOD_NOT_ALLOWED
                    | StatusCode::PROXY_AUTHENTICATION_REQUIRED
                    | StatusCode::REQUEST_TIMEOUT
                    | StatusCode::TOO_EARLY
                    | StatusCode::TOO_MANY_REQUESTS
            )
    })
}

/// An answer, read whole.
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    bytes: Vec<u8>,
}

impl RestSystem {
    fn new(setting: &Setting<'_>, url: UrlSystem) -> Result<RestSystem, Failure> {
        let properties = Properties::new(setting.config, setting.path);
        let system = setting.system.map(|(_, config)| config.clone()).unwrap_or_default();
        let of_system = Properties::new(&system, "$");
        // The component's delay has a default: it counts with its own retries.
        let limits = match properties.number("rate_limiting_retries")? {
            Some(_) => properties,
            None => of_system,
        };
        let mut json_types = vec!["application/json".to_owned()];
        let more = of_system.texts("json_content_types")?.unwrap_or_default();
        json_types.extend(more.into_iter().map(str::to_lowercase));
        let mut templates = Templates::new(url.surroundings().clock.clone());
        for name in ["properties", "payload", "id_expression", "updated_expression"] {
            if let Some(config) = properties.get(name) {
                let path = format!("{}.{name}", setting.path);
                templates.add(config, &path, &|text| Ok(text.to_owned()))?;
            }
        }
        let mut rest = RestSystem {
            config: setting.config.clone(),
            path: setting.path.to_owned(),
            templates,
            json_types,
            retries: limits.number("rate_limiting_retries")?.unwrap_or(0),
            delay: Duration::from_secs(limits.number("rate_limiting_delay")?.unwrap_or(1)),
            auth: None,
            url: url.traced(TraceSettings::of(setting.config.get("trace"))),
        };
        if let Some(auth) = of_system.dict("custom_auth")? {
            rest.learn_auth(CustomAuth::new(auth)?)?;
        }
        Ok(rest)
    }

    fn properties(&self) -> Properties<'_> {
        Properties::new(&self.config, &self.path)
    }

    /// The operation of a name: the component's own, or the system's.
    fn operation(&mut self, name: &str) -> Result<Operation, Failure> {
        let own = self.properties().dict("operations")?.and_then(|all| all.get(name)).cloned();
        let (config, path) = match &own {
            Some(config) => (config.clone(), format!("{}.operations.{name}", self.path)),
            None => {
                let all = self.url.config().get("operations");
                let found = all.and_then(|all| all.get(name)).ok_or_else(|| {
                    let message = format!("the system has no operation \"{name}\"");
                    self.properties().failure("operation", message)
                })?;
                (found.clone(), format!("$.operations.{name}"))
            }
        };
        let url = &self.url;
        // Secrets belong to the system; a pipe may not ask for them here.
        let resolve = |text: &str| match own.is_some() {
            true => Ok(text.to_owned()),
            false => url.fill_in("operations", text),
        };
        self.templates.add(&config, &path, &resolve)?;
        let Json::Object(config) = config else {
            return Err(Failure::config(path, "must be a dict"));
        };
        let properties = Properties::new(&config, &path);
        let method = properties.required_text("method")?;
        if !["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"].contains(&method) {
            let message = format!("\"{method}\" is not a method; write GET, POST, PUT, …");
            return Err(properties.failure("method", message));
        }
        let method = Method::from_bytes(method.as_bytes())
            .map_err(|_| properties.failure("method", "is not a method"))?;
        let url = properties.required_text("url")?.to_owned();
        Ok(Operation { method, url, config, path })
    }

    /// A property of the component, or else of the operation.
    fn given<'a>(&'a self, operation: &'a Operation, name: &str) -> Option<&'a Json> {
        let given = |config: &'a Config| config.get(name).filter(|value| !value.is_null());
        given(&self.config).or_else(|| given(&operation.config))
    }

    fn given_text<'a>(&'a self, operation: &'a Operation, name: &str) -> Option<&'a str> {
        self.given(operation, name).and_then(Json::as_str)
    }

    /// `properties` of the component over those of the operation.
    fn values(&self, operation: &Operation) -> Json {
        self.given(operation, "properties").cloned().unwrap_or_else(|| json!({}))
    }

    /// A request of an operation. `link` replaces its address.
    fn request(
        &self,
        operation: &Operation,
        context: &Context,
        link: Option<Url>,
        payload: Option<&Payload<'_>>,
    ) -> Result<Request, String> {
        match self.auth {
            Some(_) => {
                let context = both(context, &self.session_context());
                self.fill(operation, &context, link, payload, true)
            }
            None => self.fill(operation, context, link, payload, false),
        }
    }

    fn fill(
        &self,
        operation: &Operation,
        context: &Context,
        link: Option<Url>,
        payload: Option<&Payload<'_>>,
        signed: bool,
    ) -> Result<Request, String> {
        let failed = |failure: Failure| failure.to_string();
        let (url, shown) = match link {
            Some(url) => {
                let shown = format!("{}{}", url.origin().ascii_serialization(), url.path());
                (url, shown)
            }
            None => {
                let rendered = self.templates.text(&operation.url, context)?;
                self.url.locate_rendered(&rendered, &operation.url).map_err(failed)?
            }
        };
        let pairs = |name: &str| -> Result<Vec<(String, Json)>, String> {
            let Some(config) = operation.config.get(name).filter(|value| !value.is_null()) else {
                return Ok(Vec::new());
            };
            match self.templates.json(config, context)? {
                Some(Json::Object(dict)) => Ok(dict.into_iter().collect()),
                _ => Err(format!("`{name}` of the operation must be a dict")),
            }
        };
        let mut params = Vec::new();
        for (name, value) in pairs("params")? {
            match value {
                Json::Null => {}
                Json::Array(items) => {
                    params.extend(items.iter().map(|item| (name.clone(), text_of(item))));
                }
                value => params.push((name, text_of(&value))),
            }
        }
        let mut headers = HeaderMap::new();
        if signed && self.url.is_own(&url) {
            self.put_session_headers(context, &mut headers)?;
        }
        for (name, value) in pairs("headers")? {
            let value = text_of(&value);
            put_headers(&mut headers, [(name.as_str(), value.as_str())]).map_err(failed)?;
        }
        let kind = operation.config.get("payload-type").or(operation.config.get("payload_type"));
        let body = match payload {
            None => None,
            Some(payload) => {
                let kind = kind.and_then(Json::as_str).unwrap_or("json");
                let (bytes, content_type) = payload.encode(kind)?;
                if !headers.contains_key(CONTENT_TYPE) {
                    let own = [("Content-Type", content_type.as_str())];
                    put_headers(&mut headers, own).map_err(failed)?;
                }
                Some(bytes)
            }
        };
        Ok(Request { url, shown, headers, params, body })
    }

    /// Makes a request, as often as the rate limit asks for. The outer error
    /// says that it was not made.
    fn exchange(
        &self,
        operation: &Operation,
        request: &Request,
        writes: bool,
        takes: Option<&Statuses>,
    ) -> Result<Result<Reply, CallError>, Failure> {
        let mut url = request.url.clone();
        let there: Vec<String> = url.query_pairs().map(|(name, _)| name.into_owned()).collect();
        let more: Vec<_> =
            request.params.iter().filter(|(name, _)| !there.contains(name)).collect();
        if !more.is_empty() {
            url.query_pairs_mut().extend_pairs(more);
        }
        let of_operation = Properties::new(&operation.config, &operation.path);
        let (mut left, delay) = match of_operation.number("rate_limiting_retries")? {
            Some(retries) => {
                let delay = of_operation.number("rate_limiting_delay")?;
                (retries, delay.map_or(self.delay, Duration::from_secs))
            }
            None => (self.retries, self.delay),
        };
        loop {
            let rendered = Rendered {
                method: operation.method.clone(),
                url: &url,
                shown: &request.shown,
                headers: &request.headers,
                body: request.body.as_deref(),
                writes,
                takes,
            };
            match self.url.exchange(&rendered)? {
                Ok(answer) => return self.read(answer).map(Ok),
                Err(error) if error.status() == Some(StatusCode::TOO_MANY_REQUESTS) && left > 0 => {
                    left -= 1;
                    let wait = error.wait().unwrap_or_default().max(delay);
                    let surroundings = self.url.surroundings();
                    surroundings.clock.wait(wait, &surroundings.cancel)?;
                }
                Err(error) => return Ok(Err(error)),
            }
        }
    }

    /// Makes a request, and once more with a new token when the service no
    /// longer takes the one it has. `again` fills the request in anew.
    fn call(
        &self,
        operation: &Operation,
        request: Request,
        writes: bool,
        takes: Option<&Statuses>,
        again: impl FnOnce() -> Result<Request, String>,
    ) -> Result<(Request, Reply), Trouble> {
        match self.exchange(operation, &request, writes, takes)? {
            Ok(reply) => Ok((request, reply)),
            Err(error)
                if self.auth.is_some()
                    && error.status() == Some(StatusCode::UNAUTHORIZED)
                    && self.sign_out() =>
            {
                self.sign_in()?;
                let request = again().map_err(Trouble::Template)?;
                match self.exchange(operation, &request, writes, takes)? {
                    Ok(reply) => Ok((request, reply)),
                    Err(error) => Err(Trouble::Call(error)),
                }
            }
            Err(error) => Err(Trouble::Call(error)),
        }
    }

    fn read(&self, answer: Answer) -> Result<Reply, Failure> {
        let Answer { status, headers, mut body } = answer;
        let mut bytes = Vec::new();
        let read = body.read_to_end(&mut bytes);
        self.url.note_answer(status, &headers, &bytes);
        match read {
            Ok(_) => Ok(Reply { status, headers, bytes }),
            Err(_) if self.url.surroundings().cancel.is_stopped() => Err(Failure::Stopped),
            Err(error) => Err(match Body::failure_of(&error) {
                Some(call) => call.clone().into_failure(&self.url.path_of("operation")),
                None => Failure::retryable(error.to_string()),
            }),
        }
    }

    /// Whether an answer is JSON, by what it says itself.
    fn is_json(&self, reply: &Reply) -> bool {
        let kind = reply.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default();
        self.json_types.contains(&kind.trim().to_lowercase())
    }
}

/// A value as it stands in a URL or a header.
fn text_of(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A marker as it stands in a template or a URL.
fn marker(since: &Value) -> Json {
    match since {
        Value::Int(number) => Json::from(*number),
        other => plain(other).map_or_else(|| plain_json(other), Json::String),
    }
}

/// A REST system that is asked for itself.
pub(crate) struct RestAsked {
    url: UrlSystem,
}

impl RestAsked {
    pub(crate) fn new(
        http: &Arc<Http>,
        id: &str,
        config: &Config,
        surroundings: &Surroundings,
    ) -> Result<RestAsked, Failure> {
        Ok(RestAsked { url: UrlSystem::new(http, Some((id, config)), surroundings, "$")? })
    }
}

impl System for RestAsked {
    fn test(&mut self) -> Result<String, Failure> {
        self.url.test()
    }

    fn offers(&mut self) -> Result<Vec<Offer>, Failure> {
        let Some(Json::Object(all)) = self.url.config().get("operations") else {
            return Ok(Vec::new());
        };
        let offer = |(name, operation): (&String, &Json)| {
            let text = |name: &str| operation.get(name).and_then(Json::as_str).unwrap_or_default();
            let mut source = Config::new();
            source.insert("type".into(), json!("rest"));
            source.insert("system".into(), json!(self.url.id()));
            source.insert("operation".into(), json!(name));
            Offer {
                kind: OfferKind::Operation,
                name: name.clone(),
                columns: Vec::new(),
                about: Some(format!("{} {}", text("method"), text("url"))),
                source: (text("method") == "GET").then_some(source),
            }
        };
        Ok(all.iter().map(offer).collect())
    }
}
