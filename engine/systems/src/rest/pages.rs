//! Calling an operation page after page.

use pipewright_component::Failure;
use reqwest::header::HeaderMap;
use reqwest::{StatusCode, Url};
use serde_json::{Map, Value as Json, json};

use super::payload::Payload;
use super::template::{Context, seen};
use super::{Operation, Reply, Request, RestSystem, Trouble, marker};
use crate::http::Statuses;
use crate::properties::Properties;
use pipewright_entity::Value;

const STRATEGIES: [&str; 6] = [
    "empty-result",
    "same-next-page-link",
    "next-page-link-empty",
    "same-next-page-request",
    "same-response",
    "not-full-page",
];

/// When paging through an operation ends.
pub(super) struct Ends(Vec<String>);

impl Ends {
    pub(super) fn of(operation: &Operation) -> Result<Ends, Failure> {
        const NAME: &str = "next_page_termination_strategy";
        let properties = Properties::new(&operation.config, &operation.path);
        let ends: Vec<String> = match properties.texts(NAME)? {
            Some(ends) => ends.into_iter().map(str::to_owned).collect(),
            None => STRATEGIES[2..5].iter().map(|&name| name.to_owned()).collect(),
        };
        if let Some(unknown) = ends.iter().find(|name| !STRATEGIES.contains(&name.as_str())) {
            return Err(properties.failure(NAME, format!("\"{unknown}\" is not known")));
        }
        if ends.iter().any(|name| name == "not-full-page")
            && properties.number("page_size")?.is_none()
        {
            let message = "is missing, and not-full-page needs it";
            return Err(properties.failure("page_size", message));
        }
        Ok(Ends(ends))
    }

    fn by(&self, strategy: &str) -> bool {
        self.0.iter().any(|name| name == strategy)
    }
}

/// What is asked, over all pages.
pub(super) struct Question<'a> {
    pub(super) rest: &'a RestSystem,
    pub(super) operation: &'a Operation,
    pub(super) ends: &'a Ends,
    /// What templates can name on every page.
    pub(super) known: Json,
    /// What is sent; the config says when `None`.
    pub(super) payload: Option<Payload<'a>>,
    /// Where to go on, for sources.
    pub(super) since: Option<Value>,
    /// Whether asking changes something outside.
    pub(super) writes: bool,
    /// The status codes that make an answer; those of success when `None`.
    pub(super) takes: Option<&'a Statuses>,
}

/// The pages of an answer, in order.
pub(super) struct Pages<'a> {
    question: Question<'a>,
    next: Option<Next>,
    last: Option<Last>,
}

/// One page.
pub(super) struct Page {
    /// What the payload property holds; the text of an answer that is no JSON.
    pub(super) content: Json,
    pub(super) is_json: bool,
    pub(super) status: StatusCode,
    pub(super) headers: Json,
    /// What templates can name on this page.
    pub(super) bound: Context,
}

impl Page {
    /// The content as items: those of a list, or the one that it is.
    pub(super) fn into_items(self) -> Vec<Json> {
        match self.content {
            Json::Null => Vec::new(),
            Json::Array(items) => items,
            one => vec![one],
        }
    }

    pub(super) fn content_type(&self) -> Option<&str> {
        self.headers.get("content-type").and_then(Json::as_str)
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

impl<'a> Pages<'a> {
    pub(super) fn new(question: Question<'a>) -> Pages<'a> {
        Pages { question, next: Some(Next { number: 0, link: None }), last: None }
    }

    /// Asks for the next page; `None` when there is none.
    pub(super) fn turn(&mut self) -> Result<Option<Page>, Trouble> {
        let Some(Next { number, link }) = self.next.take() else { return Ok(None) };
        let Question { rest, operation, ends, .. } = self.question;
        let mut bound = self.question.known.clone();
        if !bound.is_object() {
            bound = json!({});
        }
        bound["page"] = json!(number);
        bound["is_first_page"] = json!(number == 0);
        if let Some(since) = &self.question.since {
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
        let filled = match (&self.question.payload, rest.given(operation, "payload")) {
            (None, Some(payload)) => {
                let filled = rest.templates.json(payload, &context).map_err(Trouble::Template)?;
                filled.map(Payload::Json)
            }
            _ => None,
        };
        let payload = self.question.payload.as_ref().or(filled.as_ref());
        rest.sign_in()?;
        let build = || {
            let mut request = rest.request(operation, &context, link.clone(), payload)?;
            self.put_since(&mut request)?;
            Ok(request)
        };
        let request = build().map_err(Trouble::Template)?;
        if let Some(last) = &self.last
            && ends.by("same-next-page-request")
            && (&last.url, &last.params, &last.request_headers, &last.sent)
                == (&request.url, &request.params, &request.headers, &request.body)
        {
            return Ok(None);
        }
        let (writes, takes) = (self.question.writes, self.question.takes);
        let (request, reply) = rest.call(operation, request, writes, takes, build)?;
        if ends.by("same-response")
            && self.last.as_ref().is_some_and(|last| last.bytes == reply.bytes)
        {
            return Ok(None);
        }
        self.take(number, bound, request, reply).map(Some)
    }

    /// Adds the marker where the config wants it, unless the address has it.
    fn put_since(&self, request: &mut Request) -> Result<(), String> {
        let Question { rest, operation, .. } = self.question;
        let Some(since) = &self.question.since else { return Ok(()) };
        if operation.url.contains("since") {
            return Ok(());
        }
        let name = rest.given_text(operation, "since_property_name").unwrap_or("since");
        let text = super::text_of(&marker(since));
        match rest.given_text(operation, "since_property_location").unwrap_or("query") {
            "query" => request.params.push((name.to_owned(), text)),
            "header" => crate::http::put_headers(&mut request.headers, [(name, text.as_str())])
                .map_err(|failure| failure.to_string())?,
            "manual" => {}
            other => {
                return Err(format!(
                    "since_property_location must be \"query\", \"header\" or \"manual\", not \
                     \"{other}\""
                ));
            }
        }
        Ok(())
    }

    /// Takes the content out of an answer and finds the way to the next.
    fn take(
        &mut self,
        number: u64,
        mut bound: Json,
        request: Request,
        reply: Reply,
    ) -> Result<Page, Trouble> {
        let Question { rest, operation, ends, .. } = self.question;
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
        let headers = headers_of(&reply.headers);
        bound["body"] = body.clone();
        bound["headers"] = headers.clone();
        bound["response_headers"] = headers.clone();
        bound["url"] = json!(request.url.as_str());
        bound["request_params"] = params_of(&request.params);
        bound["request_headers"] = headers_of(&request.headers);
        let bound = seen(&bound);
        let text =
            |template: &str| rest.templates.text(template, &bound).map_err(Trouble::Template);
        if is_json
            && let Some(template) = operation.config.get("error_expression").and_then(Json::as_str)
        {
            let error = text(template)?;
            if !error.trim().is_empty() {
                let message = format!("{} {}: {error}", operation.method, request.shown);
                return Err(Failure::retryable(message).into());
            }
        }
        let content = match is_json {
            true => match rest.given_text(operation, "payload_property") {
                Some(path) => inside(&body, path).cloned().unwrap_or(Json::Null),
                None => body.clone(),
            },
            false if reply.bytes.is_empty() => Json::Null,
            false => Json::from(String::from_utf8_lossy(&reply.bytes).into_owned()),
        };
        let count = match &content {
            Json::Null => 0,
            Json::Array(items) => items.len(),
            _ => 1,
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
            || (ends.by("empty-result") && count == 0)
            || (ends.by("not-full-page") && (count as u64) < size);
        if !is_last {
            let link = link
                .filter(|link| !link.is_empty())
                .map(|link| request.url.join(&link))
                .transpose()
                .map_err(|error| Trouble::Template(format!("next_page_link is no URL: {error}")))?;
            let is_same = link.as_ref().is_some_and(|link| *link == request.url);
            if !(is_same && ends.by("same-next-page-link")) {
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
            headers: headers.clone(),
        });
        Ok(Page { content, is_json, status: reply.status, headers, bound })
    }
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

fn params_of(params: &[(String, String)]) -> Json {
    Json::Object(params.iter().map(|(name, value)| (name.clone(), json!(value))).collect())
}

/// The property of that name, or the one at the end of the path it is.
pub(super) fn inside<'a>(body: &'a Json, path: &str) -> Option<&'a Json> {
    body.get(path).or_else(|| path.split('.').try_fold(body, |body, name| body.get(name)))
}
