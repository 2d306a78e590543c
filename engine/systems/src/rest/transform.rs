//! The REST transform
//! (`hub/documentation/service-configuration/pipes/configuration-transforms-rest`).

use std::collections::HashMap;

use pipewright_component::{EntityFailure, Failure, Setting, Transform};
use pipewright_entity::{Dict, Entity, Text, Value};
use serde_json::{Value as Json, json};

use super::pages::{Ends, Page, Pages, Question};
use super::payload::Payload;
use super::template::{both, plain_json, seen};
use super::{Operation, RestSystem};
use crate::http::Statuses;
use crate::properties::Properties;
use crate::url::UrlSystem;

/// Calls an operation for each entity and goes on with the entity and the
/// answer, or with the answer alone (`replace_entity`).
///
/// What several pages hold is one answer. Where the operation has an
/// `id_expression` and the answer is a list, each item of it gives an entity.
pub(crate) struct RestTransform {
    rest: RestSystem,
    operation: Option<String>,
    known: HashMap<String, Known>,
    replaces: bool,
    side_effects: bool,
}

/// An operation that was called before.
struct Known {
    operation: Operation,
    ends: Ends,
    takes: Statuses,
    ignored: Option<Statuses>,
}

/// The property the answer goes into when nobody says otherwise.
const RESPONSE: &str = "response";

impl RestTransform {
    pub(crate) fn new(setting: &Setting<'_>, system: UrlSystem) -> Result<RestTransform, Failure> {
        let properties = Properties::new(setting.config, setting.path);
        let operation = properties.text("operation")?.map(str::to_owned);
        let mut transform = RestTransform {
            rest: RestSystem::new(setting, system)?,
            operation,
            known: HashMap::new(),
            replaces: properties.flag("replace_entity", false)?,
            side_effects: properties.flag("side_effects", true)?,
        };
        if let Some(name) = transform.operation.clone() {
            transform.know(&name)?;
        }
        Ok(transform)
    }

    fn know(&mut self, name: &str) -> Result<(), Failure> {
        if self.known.contains_key(name) {
            return Ok(());
        }
        let operation = self.rest.operation(name)?;
        let statuses = |property: &str, default: Option<&str>| {
            let given = self.set_text(&operation, property, default);
            given
                .map(|text| {
                    Statuses::parse(text).ok_or_else(|| {
                        let message = "must be codes and ranges of codes, such as 404,444-450";
                        self.rest.properties().failure(property, message)
                    })
                })
                .transpose()
        };
        let allowed = statuses("allowed_status_codes", Some("200-299"))?;
        let ignored = statuses("ignored_status_codes", None)?;
        let takes = match (allowed, &ignored) {
            (Some(allowed), Some(ignored)) if allowed.overlap(ignored) => {
                let message = "overlaps with allowed_status_codes";
                return Err(self.rest.properties().failure("ignored_status_codes", message));
            }
            (Some(allowed), Some(ignored)) => allowed.and(ignored),
            (Some(allowed), None) => allowed,
            (None, _) => {
                return Err(self.rest.properties().failure("allowed_status_codes", "is missing"));
            }
        };
        let ends = Ends::of(&operation)?;
        self.known.insert(name.to_owned(), Known { operation, ends, takes, ignored });
        Ok(())
    }

    /// A property of the transform, or of the operation where the transform
    /// has no more than the default.
    fn set_text<'a>(
        &'a self,
        operation: &'a Operation,
        name: &str,
        default: Option<&'a str>,
    ) -> Option<&'a str> {
        let text = |json: Option<&'a Json>| json.and_then(Json::as_str);
        text(self.rest.config.get(name))
            .filter(|own| Some(*own) != default)
            .or_else(|| text(operation.config.get(name)))
            .or(default)
    }

    /// What becomes of one entity.
    fn call(&mut self, entity: &Entity) -> Result<Vec<Entity>, Failure> {
        let bad = |message: String| {
            Failure::Entity(EntityFailure::new(Some(entity.id().clone()), message))
        };
        let own = entity.get("operation").and_then(Value::as_str).map(str::to_owned);
        let Some(name) = own.or_else(|| self.operation.clone()) else {
            return Err(bad("names no operation, and the transform has no default".to_owned()));
        };
        self.know(&name).map_err(|failure| bad(failure.to_string()))?;
        let known = &self.known[&name];
        let source_entity = plain_json(&Value::Dict(entity.dict().clone()));
        let mut named = source_entity.clone();
        if entity.get("properties").is_none_or(Value::is_null) {
            named["properties"] = self.rest.values(&known.operation);
        }
        named["entity"] = source_entity.clone();
        named["source_entity"] = source_entity;
        named["headers"] = json!({});
        let mut pages = Pages::new(Question {
            rest: &self.rest,
            operation: &known.operation,
            ends: &known.ends,
            known: named,
            payload: entity.get("payload").map(Payload::Value),
            since: None,
            writes: self.side_effects,
            takes: Some(&known.takes),
        });
        let path = &known.operation.path;
        let mut answers = Vec::new();
        loop {
            let page = pages.turn().map_err(|trouble| {
                trouble
                    .for_entity(entity.id(), path)
                    .map_or_else(|failure| failure, Failure::Entity)
            })?;
            let Some(page) = page else { break };
            if known.ignored.as_ref().is_some_and(|ignored| ignored.contains(page.status)) {
                continue;
            }
            answers.push(page);
        }
        match self.replaces {
            true => self.replace(known, entity, answers),
            false => self.add(known, entity, answers),
        }
        .map_err(bad)
    }

    /// The answers instead of the entity.
    fn replace(
        &self,
        known: &Known,
        entity: &Entity,
        answers: Vec<Page>,
    ) -> Result<Vec<Entity>, String> {
        let mut all = Vec::new();
        for page in answers {
            if !page.is_json {
                let mut dict = Dict::default();
                dict.insert(Text::new_static("_id"), Value::string(entity.id().clone()));
                self.put_content_type(known, &page, &mut dict);
                let name = self.response_property(known);
                dict.insert(name, value_of(&page.content)?);
                all.push(Entity::from_dict(dict).map_err(|error| error.to_string())?);
                continue;
            }
            for item in page.into_items() {
                let made = Entity::from_value(value_of(&item)?);
                all.push(made.map_err(|error| format!("the answer holds no entity: {error}"))?);
            }
        }
        Ok(all)
    }

    /// The entity with the answers.
    fn add(
        &self,
        known: &Known,
        entity: &Entity,
        answers: Vec<Page>,
    ) -> Result<Vec<Entity>, String> {
        let Some(first) = answers.first() else { return Ok(Vec::new()) };
        let (rest, operation) = (&self.rest, &known.operation);
        let mut dict = Dict::clone(entity.dict());
        if let Some(name) = rest.given_text(operation, "response_headers_property") {
            dict.insert(Text::new(name), Value::from_json(&first.headers));
        }
        if let Some(name) = rest.given_text(operation, "response_status_property") {
            dict.insert(Text::new(name), Value::Int(i64::from(first.status.as_u16())));
        }
        self.put_content_type(known, first, &mut dict);
        let response = self.response_property(known);
        let finish = |mut dict: Dict, content: &Json, page: &Page, is_item: bool| {
            dict.insert(response.clone(), value_of(content)?);
            for (property, name) in [("_id", "id_expression"), ("_updated", "updated_expression")] {
                let Some(template) = rest.given_text(operation, name) else { continue };
                // An item of a list is an entity of its own.
                let given = match is_item {
                    true => content.get(property).filter(|value| !value.is_null()).cloned(),
                    false => dict.get(property).filter(|value| !value.is_null()).map(plain_json),
                };
                let text = match given {
                    Some(Json::String(text)) => text,
                    Some(other) => other.to_string(),
                    None => {
                        let mut own = content.clone();
                        if let Json::Object(own) = &mut own {
                            own.insert("entity".into(), content.clone());
                        }
                        rest.templates.text(template, &both(&seen(&own), &page.bound))?
                    }
                };
                if !text.is_empty() {
                    dict.insert(Text::new_static(property), Value::from(text));
                }
            }
            Entity::from_dict(dict).map_err(|error| error.to_string())
        };
        let itemized = rest.given_text(operation, "id_expression").is_some()
            && answers.iter().all(|page| page.content.is_array());
        if itemized {
            let mut all = Vec::new();
            for page in &answers {
                for item in page.content.as_array().into_iter().flatten() {
                    all.push(finish(dict.clone(), item, page, true)?);
                }
            }
            return Ok(all);
        }
        let content = match answers.as_slice() {
            [only] => only.content.clone(),
            several => {
                let mut items = Vec::new();
                for page in several {
                    match &page.content {
                        Json::Array(more) => items.extend(more.iter().cloned()),
                        Json::Null => {}
                        one => items.push(one.clone()),
                    }
                }
                Json::Array(items)
            }
        };
        Ok(vec![finish(dict, &content, first, false)?])
    }

    fn response_property(&self, known: &Known) -> Text {
        let name = self.set_text(&known.operation, "response_property", Some(RESPONSE));
        Text::new(name.unwrap_or(RESPONSE))
    }

    fn put_content_type(&self, known: &Known, page: &Page, dict: &mut Dict) {
        let given = self.rest.given(&known.operation, "response_include_content_type");
        if given == Some(&Json::Bool(true))
            && let Some(kind) = page.content_type()
        {
            dict.insert(Text::new_static("content-type"), Value::from(kind));
        }
    }
}

fn value_of(json: &Json) -> Result<Value, String> {
    Value::from_plain_json(json.to_string().as_bytes()).map_err(|error| error.to_string())
}

impl Transform for RestTransform {
    fn is_outside(&self) -> bool {
        true
    }

    /// Each entity is a call of its own, which must not be made again because
    /// of another.
    fn batch_size(&self) -> usize {
        1
    }

    fn apply(&mut self, entities: Vec<Entity>) -> Result<Vec<Entity>, Failure> {
        let mut all = Vec::new();
        for entity in &entities {
            all.extend(self.call(entity)?);
        }
        Ok(all)
    }
}
