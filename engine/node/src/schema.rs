//! What entities look like, by looking at some.

use std::collections::{BTreeMap, BTreeSet};

use pipewright_entity::{Dict, Entity, Value};
use pipewright_protocol::service::EntityType;
use serde_json::{Value as Json, json};

/// What is known of a property, or of the items of a list.
#[derive(Default)]
struct Shape {
    /// Names of types, with their formats.
    plain: BTreeSet<(&'static str, Option<&'static str>)>,
    /// The items of lists.
    items: Option<Box<Shape>>,
    /// The properties of objects.
    object: Option<Object>,
}

/// The objects seen at one place.
#[derive(Default)]
struct Object {
    seen: u64,
    properties: BTreeMap<String, (u64, Shape)>,
}

/// The words of JSON schema for these entities. Properties that only the node
/// sets are left out.
pub(crate) fn infer(entities: &[Entity]) -> EntityType {
    let mut object = Object::default();
    for entity in entities {
        object.add(entity.content().dict());
    }
    EntityType {
        kind: "object".to_owned(),
        required: object.required(),
        properties: object
            .properties
            .iter()
            .map(|(name, (_, s))| (name.clone(), s.show()))
            .collect(),
    }
}

impl Object {
    fn add(&mut self, dict: &Dict) {
        self.seen += 1;
        for (name, value) in dict.iter() {
            let (seen, shape) = self.properties.entry(name.to_string()).or_default();
            *seen += 1;
            shape.add(value);
        }
    }

    fn required(&self) -> Vec<String> {
        let always = self.properties.iter().filter(|(_, (seen, _))| *seen == self.seen);
        always.map(|(name, _)| name.clone()).collect()
    }

    fn show(&self) -> Json {
        let properties: serde_json::Map<String, Json> =
            self.properties.iter().map(|(name, (_, shape))| (name.clone(), shape.show())).collect();
        json!({ "type": "object", "properties": properties, "required": self.required() })
    }
}

impl Shape {
    fn add(&mut self, value: &Value) {
        let plain = match value {
            Value::List(items) | Value::Tuple(items) => {
                let shape = self.items.get_or_insert_default();
                items.iter().for_each(|item| shape.add(item));
                return;
            }
            Value::Dict(dict) => return self.object.get_or_insert_default().add(dict),
            Value::Null => ("null", None),
            Value::Bool(_) => ("boolean", None),
            Value::Int(_) | Value::BigInt(_) => ("integer", None),
            Value::Float(_) => ("number", None),
            Value::Decimal(_) => ("string", Some("decimal")),
            Value::String(_) => ("string", None),
            Value::Bytes(_) => ("string", Some("bytes")),
            Value::Ni(_) => ("string", Some("ni")),
            Value::Uri(_) => ("string", Some("uri")),
            Value::Uuid(_) => ("string", Some("uuid")),
            Value::DateTime(_) => ("string", Some("date-time")),
        };
        self.plain.insert(plain);
    }

    fn show(&self) -> Json {
        let mut kinds: Vec<Json> = self
            .plain
            .iter()
            .map(|(kind, format)| match format {
                Some(format) => json!({ "type": kind, "format": format }),
                None => json!({ "type": kind }),
            })
            .collect();
        kinds.extend(self.items.as_ref().map(|items| match items.is_empty() {
            true => json!({ "type": "array" }),
            false => json!({ "type": "array", "items": items.show() }),
        }));
        kinds.extend(self.object.as_ref().map(Object::show));
        match <[Json; 1]>::try_from(kinds) {
            Ok([only]) => only,
            Err(kinds) => json!({ "anyOf": kinds }),
        }
    }

    fn is_empty(&self) -> bool {
        self.plain.is_empty() && self.items.is_none() && self.object.is_none()
    }
}
