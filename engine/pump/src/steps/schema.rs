//! Checking entities against a JSON schema
//! (`configuration-transforms-json-schema-validation`).

use std::sync::Arc;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{ValidationError, Validator};
use pipewright_entity::{Dict, Text, Value};
use serde_json::Value as Json;

use super::{Settings, Step};

pub(super) struct JsonSchema {
    validator: Validator,
    key_valid: Text,
    key_errors: Text,
}

impl JsonSchema {
    pub(super) fn new(settings: &Settings<'_>) -> Result<JsonSchema, String> {
        let Some(schema) = settings.get("schema") else {
            return Err("\"schema\" is missing; \"schema_url\" does not run here yet".into());
        };
        let validator = jsonschema::validator_for(schema)
            .map_err(|error| format!("\"schema\" is no JSON schema: {error}"))?;
        let name = |key: &str, default: &'static str| {
            settings.text(key).map_or(Text::new_static(default), Text::new)
        };
        let (key_valid, key_errors) = (name("key_valid", "valid"), name("key_errors", "errors"));
        Ok(JsonSchema { validator, key_valid, key_errors })
    }
}

impl Step for JsonSchema {
    fn apply(&self, entity: &Arc<Dict>, to: &mut Vec<Arc<Dict>>) -> Result<(), String> {
        // Values that JSON does not know are checked as they are written.
        let instance: Json = serde_json::from_str(&Value::Dict(entity.clone()).to_transit())
            .map_err(|error| error.to_string())?;
        let errors: Vec<Value> = self
            .validator
            .iter_errors(&instance)
            .map(|error| Value::from(message(&error)))
            .collect();
        let mut checked = Dict::clone(entity);
        // What an earlier check said does not stand for this one.
        checked.shift_remove(&self.key_errors);
        checked.insert(self.key_valid.clone(), Value::Bool(errors.is_empty()));
        if !errors.is_empty() {
            checked.insert(self.key_errors.clone(), Value::list(errors));
        }
        to.push(Arc::new(checked));
        Ok(())
    }
}

/// What is wrong, in the words that the documentation shows: those of the
/// validator most often used with Python, which existing rules may look for.
fn message(error: &ValidationError<'_>) -> String {
    use ValidationErrorKind as Kind;
    let value = shown(error.instance());
    match error.kind() {
        Kind::Required { property } => format!("{} is a required property", shown(property)),
        Kind::Type { kind: TypeKind::Single(kind) } => format!("{value} is not of type '{kind}'"),
        Kind::Type { kind: TypeKind::Multiple(kinds) } => {
            let kinds: Vec<String> = kinds.iter().map(|kind| format!("'{kind}'")).collect();
            format!("{value} is not of type {}", kinds.join(", "))
        }
        Kind::Enum { options } => format!("{value} is not one of {}", shown(options)),
        Kind::Constant { expected_value } => format!("{} was expected", shown(expected_value)),
        Kind::Minimum { limit } => format!("{value} is less than the minimum of {limit}"),
        Kind::Maximum { limit } => format!("{value} is greater than the maximum of {limit}"),
        Kind::ExclusiveMinimum { limit } => {
            format!("{value} is less than or equal to the minimum of {limit}")
        }
        Kind::ExclusiveMaximum { limit } => {
            format!("{value} is greater than or equal to the maximum of {limit}")
        }
        Kind::MultipleOf { multiple_of } => format!("{value} is not a multiple of {multiple_of}"),
        Kind::MinLength { .. } | Kind::MinItems { .. } => format!("{value} is too short"),
        Kind::MaxLength { .. } | Kind::MaxItems { .. } => format!("{value} is too long"),
        Kind::MinProperties { .. } => format!("{value} does not have enough properties"),
        Kind::MaxProperties { .. } => format!("{value} has too many properties"),
        Kind::Pattern { pattern } => format!("{value} does not match '{pattern}'"),
        Kind::Format { format } => format!("{value} is not a '{format}'"),
        Kind::UniqueItems => format!("{value} has non-unique elements"),
        Kind::AnyOf { .. } | Kind::OneOfNotValid { .. } => {
            format!("{value} is not valid under any of the given schemas")
        }
        Kind::AdditionalProperties { unexpected } => {
            let names: Vec<String> = unexpected.iter().map(|name| format!("'{name}'")).collect();
            let verb = if names.len() == 1 { "was" } else { "were" };
            let names = names.join(", ");
            format!("Additional properties are not allowed ({names} {verb} unexpected)")
        }
        _ => error.to_string(),
    }
}

/// A value as Python writes it.
fn shown(value: &Json) -> String {
    match value {
        Json::Null => "None".into(),
        Json::Bool(true) => "True".into(),
        Json::Bool(false) => "False".into(),
        Json::String(text) => {
            let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
            let escaped = text.replace('\\', "\\\\").replace('\n', "\\n");
            let escaped = if quote == '\'' { escaped.replace('\'', "\\'") } else { escaped };
            format!("{quote}{escaped}{quote}")
        }
        Json::Array(items) => {
            format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", "))
        }
        Json::Object(members) => {
            let members = members
                .iter()
                .map(|(name, value)| format!("{}: {}", shown(&name.as_str().into()), shown(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        number => number.to_string(),
    }
}
