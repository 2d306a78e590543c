//! The REST source
//! (`hub/documentation/service-configuration/pipes/configuration-sources-rest`).

use pipewright_component::{
    Batch, Continuation, Coverage, EntityFailure, Failure, ReadRequest, Reading, Setting, Source,
};
use pipewright_entity::{Dict, Text, Value};
use reqwest::Url;
use reqwest::header::HeaderMap;
use serde_json::{Map, Value as Json, json};

use super::template::{Context, both, plain_json, seen};
use super::{Operation, Payload, Reply, Request, RestSystem, marker};
use crate::properties::Properties;
use crate::url::UrlSystem;

/// Calls an operation, page after page, and reads entities out of its answers.
pub(crate) struct RestSource {
    rest: RestSystem,
    operation: Operation,
    continuation: Continuation,
    initial_since: Option<Value>,
    /// When paging ends.
    ends: Vec<String>,
}

const STRATEGIES: [&str; 6] = [
    "empty-result",
    "same-next-page-link",
    "next-page-link-empty",
    "same-next-page-request",
    "same-response",
    "not-full-page",
];

impl RestSource {
    pub(crate) fn new(setting: &Setting<'_>, system: UrlSystem) -> Result<RestSource, Failure> {
        let properties = Properties::new(setting.config, setting.path);
        let mut rest = RestSystem::new(setting, system)?;
        let operation = rest.operation(properties.required_text("operation")?)?;
        let supports_since = properties.flag("supports_since", false)?;
        let is_chronological = properties.flag("is_chronological", false)?;
        let is_comparable = properties.flag("is_since_comparable", true)?;
        let of_operation = Properties::new(&operation.config, &operation.path);
        const ENDS: &str = "next_page_termination_strategy";
        let ends: Vec<String> = match of_operation.texts(ENDS)? {
            Some(ends) => ends.into_iter().map(str::to_owned).collect(),
            None => STRATEGIES[2..5].iter().map(|&name| name.to_owned()).collect(),
        };
        if let Some(unknown) = ends.iter().find(|name| !STRATEGIES.contains(&name.as_str())) {
            return Err(of_operation.failure(ENDS, format!("\"{unknown}\" is not known")));
        }
        if ends.iter().any(|name| name == "not-full-page")
            && of_operation.number("page_size")?.is_none()
        {
            return Err(of_operation.failure("page_size", "is missing, and not-full-page needs it"));
        }
        Ok(RestSource {
            continuation: Continuation::choose(supports_since, is_chronological, is_comparable),
            initial_since: properties.get("initial_since_value").map(Value::from_json),
            ends,
            operation,
            rest,
        })
    }
}

impl Source for RestSource {
    fn continuation(&self) -> Continuation {
        self.continuation
    }

    fn reports_deletes(&self) -> bool {
        false
    }

    fn open(&mut self, request: &ReadRequest) -> Result<Reading<'_>, Failure> {
        let since = match self.continuation {
            Continuation::None => None,
            _ => request.since.clone().or_else(|| self.initial_since.clone()),
        };
        let coverage = match (&since, request.limit) {
            (None, None) => Coverage::Full,
            _ => Coverage::Partial,
        };
        let pages = Pages {
            source: self,
            largest: since.clone(),
            since,
            items: Vec::new().into_iter(),
            bound: Context::from(()),
            headers: Json::Null,
            left: request.limit,
            batch_size: request.batch_size.max(1),
            next: Some(Next { number: 0, link: None }),
            last: None,
            ended: false,
        };
        Ok(Reading::new(coverage, Box::new(pages)))
    }
}

/// A page to be asked for.
struct Next {
    number: u64,
    /// Its address, where the page before gave one.
    link: Option<Url>,
}

/// The page before.
struct Last {
    url: Url,
    params: Vec<(String, String)>,
    request_headers: HeaderMap,
    sent: Option<Vec<u8>>,
    bytes: Vec<u8>,
    body: Json,
    headers: Json,
}

/// The batches of one reading.
struct Pages<'a> {
    source: &'a RestSource,
    since: Option<Value>,
    largest: Option<Value>,
    /// What is left of the page.
    items: std::vec::IntoIter<Json>,
    /// What templates can name on this page.
    bound: Context,
    headers: Json,
    left: Option<usize>,
    batch_size: usize,
    next: Option<Next>,
    last: Option<Last>,
    ended: bool,
}

/// Headers by name, as they are written and in lower case; `Link` by relation.
fn headers_of(headers: &HeaderMap) -> Json {
    let mut all = Map::new();
    for (name, value) in headers {
        let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
        let value = if name == "link" { links(&text) } else { Json::from(text) };
        let capital: Vec<String> = name
            .as_str()
            .split('-')
            .map(|word| {
                let (first, rest) = word.split_at(word.len().min(1));
                first.to_uppercase() + rest
            })
            .collect();
        all.insert(capital.join("-"), value.clone());
        all.insert(name.to_string(), value);
    }
    Json::Object(all)
}

/// `<…>; rel="next", …` by relation.
fn links(text: &str) -> Json {
    let mut all = Map::new();
    for part in text.split(',') {
        let Some((link, about)) = part.trim().strip_prefix('<').and_then(|p| p.split_once('>'))
        else {
            continue;
        };
        let relation = about.split(';').find_map(|word| word.trim().strip_prefix("rel="));
        for name in relation.unwrap_or_default().trim_matches('"').split_whitespace() {
            all.insert(name.to_owned(), Json::from(link));
        }
    }
    Json::Object(all)
}

impl Pages<'_> {
    fn failure(&self, message: impl Into<String>) -> Failure {
        Failure::config(self.source.operation.path.clone(), message)
    }

    /// Asks for the next page; `false` when there is none.
    fn turn(&mut self) -> Result<bool, Failure> {
        let Some(Next { number, link }) = self.next.take() else { return Ok(false) };
        let (rest, operation) = (&self.source.rest, &self.source.operation);
        let mut bound = json!({
            "properties": rest.values(operation), "page": number, "is_first_page": number == 0,
        });
        if let Some(since) = &self.since {
            bound["since"] = marker(since);
        }
        if let Some(size) = operation.config.get("page_size") {
            bound["page_size"] = size.clone();
        }
        if let Some(last) = &self.last {
            bound["previous_body"] = last.body.clone();
            bound["previous_headers"] = last.headers.clone();
            bound["previous_params"] = params_of(&last.params);
            bound["previous_request_headers"] = headers_of(&last.request_headers);
        }
        let context = seen(&bound);
        let payload = match rest.given(operation, "payload") {
            Some(payload) => {
                let filled = rest.templates.json(payload, &context);
                filled.map_err(|message| self.failure(message))?.map(Payload::Json)
            }
            None => None,
        };
        let mut request = rest
            .request(operation, &context, link, payload)
            .map_err(|message| self.failure(message))?;
        self.put_since(&mut request)?;
        if let Some(last) = &self.last
            && self.ends("same-next-page-request")
            && (&last.url, &last.params, &last.request_headers, &last.sent)
                == (&request.url, &request.params, &request.headers, &request.body)
        {
            return Ok(false);
        }
        let reply = rest
            .exchange(operation, &request, false)?
            .map_err(|error| error.into_failure(&operation.path))?;
        if self.ends("same-response")
            && self.last.as_ref().is_some_and(|last| last.bytes == reply.bytes)
        {
            return Ok(false);
        }
        self.take(number, bound, request, reply)
    }

    fn ends(&self, strategy: &str) -> bool {
        self.source.ends.iter().any(|name| name == strategy)
    }

    /// Adds the marker where the config wants it, unless the address has it.
    fn put_since(&self, request: &mut Request) -> Result<(), Failure> {
        let (rest, operation) = (&self.source.rest, &self.source.operation);
        let Some(since) = &self.since else { return Ok(()) };
        if operation.url.contains("since") {
            return Ok(());
        }
        let name = rest.given_text(operation, "since_property_name").unwrap_or("since");
        let text = super::text_of(&marker(since));
        match rest.given_text(operation, "since_property_location").unwrap_or("query") {
            "query" => request.params.push((name.to_owned(), text)),
            "header" => crate::http::put_headers(&mut request.headers, [(name, text.as_str())])?,
            "manual" => {}
            other => {
                let message = format!(
                    "since_property_location must be \"query\", \"header\" or \"manual\", not \
                     \"{other}\""
                );
                return Err(self.failure(message));
            }
        }
        Ok(())
    }

    /// Takes the entities out of an answer and finds the way to the next.
    fn take(
        &mut self,
        number: u64,
        mut bound: Json,
        request: Request,
        reply: Reply,
    ) -> Result<bool, Failure> {
        let (rest, operation) = (&self.source.rest, &self.source.operation);
        let is_json = rest.is_json(&reply);
        let body: Json = if is_json && !reply.bytes.is_empty() {
            // A proxy or a crash in between: it may be whole the next time.
            serde_json::from_slice(&reply.bytes).map_err(|error| {
                Failure::retryable(format!(
                    "{} {}: the answer is not JSON: {error}",
                    operation.method, request.shown
                ))
            })?
        } else {
            Json::Null
        };
        self.headers = headers_of(&reply.headers);
        bound["body"] = body.clone();
        bound["headers"] = self.headers.clone();
        bound["response_headers"] = self.headers.clone();
        bound["url"] = json!(request.url.as_str());
        bound["request_params"] = params_of(&request.params);
        bound["request_headers"] = headers_of(&request.headers);
        self.bound = seen(&bound);
        let text = |template: &str| {
            rest.templates.text(template, &self.bound).map_err(|message| self.failure(message))
        };
        if is_json
            && let Some(template) = operation.config.get("error_expression").and_then(Json::as_str)
        {
            let error = text(template)?;
            if !error.trim().is_empty() {
                let message = format!("{} {}: {error}", operation.method, request.shown);
                return Err(Failure::retryable(message));
            }
        }
        let items = match is_json {
            true => match rest.given_text(operation, "payload_property") {
                Some(path) => inside(&body, path).cloned().unwrap_or(Json::Null),
                None => body.clone(),
            },
            false if reply.bytes.is_empty() => Json::Null,
            false => Json::from(String::from_utf8_lossy(&reply.bytes).into_owned()),
        };
        let items = match items {
            Json::Null => Vec::new(),
            Json::Array(items) => items,
            one => vec![one],
        };
        let link_template = operation.config.get("next_page_link").and_then(Json::as_str);
        let link = link_template.map(text).transpose()?;
        let link = link.map(|link| link.trim().to_owned());
        let pages =
            link.is_some() || operation.config.contains_key("next_page_termination_strategy");
        let is_empty_link =
            link.as_deref().is_some_and(|link| matches!(link, "" | "none" | "None"));
        let size = operation.config.get("page_size").and_then(Json::as_u64).unwrap_or(0);
        let is_last = !pages
            || is_empty_link
            || (self.ends("empty-result") && items.is_empty())
            || (self.ends("not-full-page") && (items.len() as u64) < size);
        if !is_last {
            let link = link
                .filter(|link| !link.is_empty())
                .map(|link| request.url.join(&link))
                .transpose()
                .map_err(|error| self.failure(format!("next_page_link is no URL: {error}")))?;
            let is_same = link.as_ref().is_some_and(|link| *link == request.url);
            if !(is_same && self.ends("same-next-page-link")) {
                self.next = Some(Next { number: number + 1, link });
            }
        }
        self.last = Some(Last {
            url: request.url,
            params: request.params,
            request_headers: request.headers,
            sent: request.body,
            bytes: reply.bytes,
            body,
            headers: self.headers.clone(),
        });
        self.items = items.into_iter();
        Ok(true)
    }

    fn entity(&mut self, item: Json) -> Result<Dict, EntityFailure> {
        let (rest, operation) = (&self.source.rest, &self.source.operation);
        let bad = |message: String| EntityFailure::new(None, message);
        let into = rest.given_text(operation, "response_property");
        let value = Value::from_plain_json(item.to_string().as_bytes())
            .map_err(|error| bad(error.to_string()))?;
        let mut dict = match (into, &value) {
            (None, Value::Dict(dict)) => Dict::clone(dict),
            (into, _) => {
                let mut dict = Dict::default();
                dict.insert(Text::new(into.unwrap_or("response")), value.clone());
                dict
            }
        };
        if let Some(name) = rest.given_text(operation, "response_headers_property") {
            dict.insert(Text::new(name), Value::from_json(&self.headers));
        }
        if rest.given(operation, "response_include_content_type") == Some(&Json::Bool(true))
            && let Some(kind) = self.headers.get("content-type").and_then(Json::as_str)
        {
            dict.insert(Text::new("content-type"), Value::from(kind));
        }
        let expressions = [("_id", "id_expression"), ("_updated", "updated_expression")];
        for (property, name) in expressions {
            if dict.get(property).is_some_and(|value| !value.is_null()) {
                continue;
            }
            let Some(template) = rest.given_text(operation, name) else { continue };
            let mut own = plain_json(&value);
            if let Json::Object(own) = &mut own {
                own.insert("entity".into(), item.clone());
            }
            let text =
                rest.templates.text(template, &both(&seen(&own), &self.bound)).map_err(bad)?;
            if text.is_empty() {
                continue;
            }
            // A marker that is a number stays one, so that it compares as one.
            let value = match (property, text.parse::<i64>()) {
                ("_updated", Ok(number)) => Value::Int(number),
                _ => Value::from(text),
            };
            dict.insert(Text::new(property), value);
        }
        Ok(dict)
    }

    fn see(&mut self, dict: &Dict) {
        let Some(marker) = dict.get("_updated").filter(|marker| !marker.is_null()) else { return };
        let is_later = match self.source.continuation {
            Continuation::None => false,
            Continuation::Chronological => true,
            Continuation::Max => {
                self.largest.as_ref().is_none_or(|largest| marker.compare(largest).is_gt())
            }
        };
        if is_later {
            self.largest = Some(marker.clone());
        }
    }

    fn batch(&mut self) -> Result<Batch, Failure> {
        let mut batch = Batch::with_capacity(self.batch_size.min(1024));
        while batch.len() < self.batch_size && self.left != Some(0) {
            self.source.rest.url.surroundings().cancel.check()?;
            let Some(item) = self.items.next() else {
                if self.turn()? {
                    continue;
                }
                self.ended = true;
                break;
            };
            self.left = self.left.map(|left| left - 1);
            match self.entity(item) {
                Ok(dict) => {
                    self.see(&dict);
                    batch.push(dict);
                }
                Err(failure) => batch.unreadable.push(failure),
            }
        }
        self.ended |= self.left == Some(0);
        if self.source.continuation != Continuation::None {
            batch.offset = self.largest.clone();
        }
        Ok(batch)
    }
}

impl Iterator for Pages<'_> {
    type Item = Result<Batch, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let batch = self.batch();
        self.ended |= batch.is_err();
        match batch {
            Ok(batch) if batch.is_empty() => None,
            other => Some(other),
        }
    }
}

fn params_of(params: &[(String, String)]) -> Json {
    Json::Object(params.iter().map(|(name, value)| (name.clone(), json!(value))).collect())
}

/// The property of that name, or the one at the end of the path it is.
fn inside<'a>(body: &'a Json, path: &str) -> Option<&'a Json> {
    body.get(path).or_else(|| path.split('.').try_fold(body, |body, name| body.get(name)))
}
