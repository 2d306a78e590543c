//! The templates of operations: Jinja, with two marks of its own
//! (`hub/documentation/service-configuration/systems/configuration-systems-rest`,
//! "Notes on Jinja templates").

use std::sync::Arc;

use base64::Engine;
use minijinja::value::{ValueKind, merge_maps};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};
use pipewright_component::{Clock, Failure};
use pipewright_entity::Value;
use serde_json::Value as Json;

use super::times;
use crate::plain::plain;

/// What a template can name.
pub(super) type Context = minijinja::Value;

/// Leaves the property out that it stands in.
const SKIP: &str = "sesam:markskip";
/// Makes JSON of the text that it stands in.
const JSON: &str = "sesam:markjson";

/// Compiled templates, by their text as it is written.
pub(super) struct Templates {
    environment: Environment<'static>,
}

impl Templates {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Templates {
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        // The last page often lacks what leads to the next: that is no error.
        environment.set_undefined_behavior(UndefinedBehavior::Chainable);
        times::add(&mut environment, clock);
        environment.add_filter("bytes", |text: String| text);
        environment.add_filter("base64_encode", |value: minijinja::Value| {
            let bytes = value
                .as_bytes()
                .map(<[u8]>::to_vec)
                .ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "nothing to encode"))?;
            Ok::<_, Error>(base64::engine::general_purpose::STANDARD.encode(bytes))
        });
        Templates { environment }
    }

    /// Compiles every text in a piece of config. `resolve` fills in secrets:
    /// before anything is rendered, so that no data can ask for one.
    pub(super) fn add(
        &mut self,
        config: &Json,
        path: &str,
        resolve: &dyn Fn(&str) -> Result<String, Failure>,
    ) -> Result<(), Failure> {
        match config {
            Json::String(text) => self.add_text(text, path, resolve),
            Json::Array(items) => items.iter().try_for_each(|item| self.add(item, path, resolve)),
            Json::Object(dict) => dict.iter().try_for_each(|(key, value)| {
                let path = format!("{path}.{key}");
                self.add_text(key, &path, resolve)?;
                self.add(value, &path, resolve)
            }),
            Json::Null | Json::Bool(_) | Json::Number(_) => Ok(()),
        }
    }

    fn add_text(
        &mut self,
        text: &str,
        path: &str,
        resolve: &dyn Fn(&str) -> Result<String, Failure>,
    ) -> Result<(), Failure> {
        let filled = resolve(text)?;
        self.environment
            .add_template_owned(text.to_owned(), filled)
            .map_err(|error| Failure::config(path, format!("is no template: {}", said(&error))))
    }

    /// A text that was added, filled in.
    pub(super) fn text(&self, template: &str, context: &Context) -> Result<String, String> {
        let rendered = self
            .environment
            .get_template(template)
            .and_then(|template| template.render(context.clone()));
        rendered.map_err(|error| format!("the template {template:?}: {}", said(&error)))
    }

    /// A piece of config that was added, filled in; `None` when it is to be
    /// left out.
    pub(super) fn json(&self, config: &Json, context: &Context) -> Result<Option<Json>, String> {
        Ok(Some(match config {
            Json::String(template) => {
                let text = self.text(template, context)?;
                if text.contains(SKIP) {
                    return Ok(None);
                }
                if !text.contains(JSON) {
                    return Ok(Some(Json::String(text)));
                }
                serde_json::from_str(&text.replace(JSON, ""))
                    .map_err(|error| format!("the template {template:?} gives no JSON: {error}"))?
            }
            Json::Array(items) => {
                let mut list = Vec::with_capacity(items.len());
                for item in items {
                    list.extend(self.json(item, context)?);
                }
                Json::Array(list)
            }
            Json::Object(dict) => {
                let mut filled = serde_json::Map::new();
                for (key, value) in dict {
                    let key = self.text(key, context)?;
                    if let Some(value) = self.json(value, context)?.filter(|_| !key.contains(SKIP))
                    {
                        filled.insert(key, value);
                    }
                }
                Json::Object(filled)
            }
            plain => plain.clone(),
        }))
    }
}

/// What the engine says, without the name of the template, which is its text.
pub(crate) fn said(error: &Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}

/// A value as templates see it.
pub(super) fn seen(value: &Json) -> Context {
    minijinja::value::Serde(value).into()
}

/// What both name; the first wins.
pub(super) fn both(first: &Context, second: &Context) -> Context {
    match first.kind() {
        ValueKind::Map => merge_maps([first.clone(), second.clone()]),
        _ => second.clone(),
    }
}

/// A value as JSON without the marks of transit.
pub(crate) fn plain_json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(flag) => Json::Bool(*flag),
        Value::Int(number) => Json::from(*number),
        Value::Float(number) => Json::from(*number),
        Value::BigInt(_) | Value::Decimal(_) => {
            let text = plain(value).unwrap_or_default();
            serde_json::from_str(&text).unwrap_or(Json::String(text))
        }
        Value::Bytes(bytes) => base64::engine::general_purpose::STANDARD.encode(&**bytes).into(),
        Value::List(items) | Value::Tuple(items) => items.iter().map(plain_json).collect(),
        Value::Dict(dict) => Json::Object(
            dict.iter().map(|(name, value)| (name.to_string(), plain_json(value))).collect(),
        ),
        text => plain(text).unwrap_or_default().into(),
    }
}
