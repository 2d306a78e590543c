//! The REST source
//! (`hub/documentation/service-configuration/pipes/configuration-sources-rest`).

use pipewright_component::{
    Batch, Continuation, Coverage, EntityFailure, Failure, ReadRequest, Reading, Setting, Source,
};
use pipewright_entity::{Dict, Text, Value};
use serde_json::{Value as Json, json};

use super::pages::{Ends, Pages, Question};
use super::template::{Context, both, plain_json, seen};
use super::{Operation, RestSystem};
use crate::properties::Properties;
use crate::url::UrlSystem;

/// Calls an operation, page after page, and reads entities out of its answers.
pub(crate) struct RestSource {
    rest: RestSystem,
    operation: Operation,
    continuation: Continuation,
    initial_since: Option<Value>,
    ends: Ends,
}

impl RestSource {
    pub(crate) fn new(setting: &Setting<'_>, system: UrlSystem) -> Result<RestSource, Failure> {
        let properties = Properties::new(setting.config, setting.path);
        let mut rest = RestSystem::new(setting, system)?;
        let operation = rest.operation(properties.required_text("operation")?)?;
        let supports_since = properties.flag("supports_since", false)?;
        let is_chronological = properties.flag("is_chronological", false)?;
        let is_comparable = properties.flag("is_since_comparable", true)?;
        Ok(RestSource {
            continuation: Continuation::choose(supports_since, is_chronological, is_comparable),
            initial_since: properties.get("initial_since_value").map(Value::from_json),
            ends: Ends::of(&operation)?,
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
        let question = Question {
            rest: &self.rest,
            operation: &self.operation,
            ends: &self.ends,
            known: json!({"properties": self.rest.values(&self.operation)}),
            payload: None,
            since: since.clone(),
            writes: false,
            takes: None,
        };
        let entities = Entities {
            source: self,
            pages: Pages::new(question),
            largest: since,
            items: Vec::new().into_iter(),
            bound: Context::from(()),
            headers: Json::Null,
            status: 0,
            left: request.limit,
            batch_size: request.batch_size.max(1),
            ended: false,
        };
        Ok(Reading::new(coverage, Box::new(entities)))
    }
}

/// The batches of one reading.
struct Entities<'a> {
    source: &'a RestSource,
    pages: Pages<'a>,
    largest: Option<Value>,
    /// What is left of the page.
    items: std::vec::IntoIter<Json>,
    /// What templates can name on this page.
    bound: Context,
    headers: Json,
    status: u16,
    left: Option<usize>,
    batch_size: usize,
    ended: bool,
}

impl Entities<'_> {
    /// Asks for the next page; `false` when there is none.
    fn turn(&mut self) -> Result<bool, Failure> {
        let page = self.pages.turn();
        let page = page.map_err(|trouble| trouble.into_failure(&self.source.operation.path))?;
        let Some(page) = page else { return Ok(false) };
        self.bound = page.bound.clone();
        self.headers = page.headers.clone();
        self.status = page.status.as_u16();
        self.items = page.into_items().into_iter();
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
        if let Some(name) = rest.given_text(operation, "response_status_property") {
            dict.insert(Text::new(name), Value::Int(i64::from(self.status)));
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

impl Iterator for Entities<'_> {
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
