//! Web services with named operations
//! (`hub/documentation/service-configuration/systems/configuration-systems-rest`).

mod sink;
mod source;
mod template;

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use pipewright_component::{Failure, Offer, OfferKind, Setting, Surroundings, System};
use pipewright_entity::Value;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Method, StatusCode, Url};
use serde_json::{Value as Json, json};

use self::template::{Context, Templates, plain_json};
use crate::http::{Answer, Body, CallError, Http, put_headers};
use crate::plain::plain;
use crate::properties::{Config, Properties};
use crate::url::{Rendered, UrlSystem};
pub(crate) use sink::RestSink;
pub(crate) use source::RestSource;

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

/// An answer, read whole.
struct Reply {
    headers: HeaderMap,
    bytes: Vec<u8>,
}

impl RestSystem {
    fn new(setting: &Setting<'_>, url: UrlSystem) -> Result<RestSystem, Failure> {
        let properties = Properties::new(setting.config, setting.path);
        let system = setting.system.map(|(_, config)| config.clone()).unwrap_or_default();
        let of_system = Properties::new(&system, "$");
        if of_system.get("custom_auth").is_some() {
            let message = "is not supported; basic, jwt and oauth2 are";
            return Err(of_system.failure("custom_auth", message));
        }
        // The component's delay has a default: it counts with its own retries.
        let limits = match properties.number("rate_limiting_retries")? {
            Some(_) => properties,
            None => of_system,
        };
        let mut json_types = vec!["application/json".to_owned()];
        let more = of_system.texts("json_content_types")?.unwrap_or_default();
        json_types.extend(more.into_iter().map(str::to_lowercase));
        let mut templates = Templates::new();
        for name in ["properties", "payload", "id_expression", "updated_expression"] {
            if let Some(config) = properties.get(name) {
                let path = format!("{}.{name}", setting.path);
                templates.add(config, &path, &|text| Ok(text.to_owned()))?;
            }
        }
        Ok(RestSystem {
            config: setting.config.clone(),
            path: setting.path.to_owned(),
            templates,
            json_types,
            retries: limits.number("rate_limiting_retries")?.unwrap_or(0),
            delay: Duration::from_secs(limits.number("rate_limiting_delay")?.unwrap_or(1)),
            url,
        })
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
        payload: Option<Payload<'_>>,
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
                    put_headers(&mut headers, [("Content-Type", content_type)]).map_err(failed)?;
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
    ) -> Result<Result<Reply, CallError>, Failure> {
        let mut url = request.url.clone();
        let there: Vec<String> = url.query_pairs().map(|(name, _)| name.into_owned()).collect();
        let more: Vec<_> =
            request.params.iter().filter(|(name, _)| !there.contains(name)).collect();
        if !more.is_empty() {
            url.query_pairs_mut().extend_pairs(more);
        }
        let mut left = self.retries;
        loop {
            let rendered = Rendered {
                method: operation.method.clone(),
                url: &url,
                shown: &request.shown,
                headers: &request.headers,
                body: request.body.as_deref(),
                writes,
            };
            match self.url.exchange(&rendered)? {
                Ok(answer) => return self.read(answer).map(Ok),
                Err(error) if error.status() == Some(StatusCode::TOO_MANY_REQUESTS) && left > 0 => {
                    left -= 1;
                    let wait = error.wait().unwrap_or_default().max(self.delay);
                    let surroundings = self.url.surroundings();
                    surroundings.clock.wait(wait, &surroundings.cancel)?;
                }
                Err(error) => return Ok(Err(error)),
            }
        }
    }

    fn read(&self, answer: Answer) -> Result<Reply, Failure> {
        let Answer { headers, mut body } = answer;
        let mut bytes = Vec::new();
        match body.read_to_end(&mut bytes) {
            Ok(_) => Ok(Reply { headers, bytes }),
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

/// What is sent.
enum Payload<'a> {
    /// A property of an entity, as it is.
    Value(&'a Value),
    /// Config, filled in.
    Json(Json),
}

impl Payload<'_> {
    /// The bytes, and the content type that goes with them.
    fn encode(&self, kind: &str) -> Result<(Vec<u8>, &'static str), String> {
        let json = || match self {
            Payload::Value(value) => plain_json(value),
            Payload::Json(json) => json.clone(),
        };
        // A text is sent as it stands, whatever it is.
        let text = match self {
            Payload::Value(Value::String(text)) => Some(text.as_bytes()),
            Payload::Value(Value::Bytes(bytes)) => Some(bytes.as_slice()),
            Payload::Json(Json::String(text)) => Some(text.as_bytes()),
            _ => None,
        };
        Ok(match (kind, text) {
            ("json", None) => (json().to_string().into_bytes(), "application/json"),
            ("json-transit", None) => {
                let transit = match self {
                    Payload::Value(value) => value.to_transit(),
                    Payload::Json(json) => json.to_string(),
                };
                (transit.into_bytes(), "application/json")
            }
            ("json" | "json-transit", Some(text)) => (text.to_vec(), "application/json"),
            ("text", Some(text)) => {
                let is_bytes = matches!(self, Payload::Value(Value::Bytes(_)));
                let kind = if is_bytes { "application/octet-stream" } else { "text/plain" };
                (text.to_vec(), kind)
            }
            ("text", None) => (json().to_string().into_bytes(), "text/plain"),
            ("form", _) => {
                let Json::Object(fields) = json() else {
                    return Err("the payload of a form must be a dict".into());
                };
                let mut form = String::new();
                for (name, value) in &fields {
                    let pair = [(name.as_str(), text_of(value))];
                    let encoded = crate::http::form(&pair);
                    form += if form.is_empty() { "" } else { "&" };
                    form += &encoded;
                }
                (form.into_bytes(), "application/x-www-form-urlencoded")
            }
            (other, _) => return Err(format!("the payload-type \"{other}\" does not run here")),
        })
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
