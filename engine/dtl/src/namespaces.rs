//! Adding namespaces to dicts and taking them away, for pipes with
//! `add_namespaces` or `remove_namespaces` and for `apply-ns` and `strip-ns`
//! (documentation page `hub/features/namespaces`).

use std::sync::{Mutex, PoisonError};

use pipewright_entity::{Dict, Text, Value, ni};
use rustc_hash::FxHashMap;

/// What is added to which properties.
///
/// The default of everything but the namespaces is what `add_namespaces` does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddNamespaces {
    /// The namespace of property names; none leaves names alone.
    pub property: Option<Text>,
    /// The namespace of `_id` values; none leaves them alone.
    pub identity: Option<Text>,
    /// Leave properties whose name begins with `_` as they are (the value of
    /// `_id` excepted).
    pub skip_underscore: bool,
    /// Leave properties whose name begins with `$` as they are.
    pub skip_dollar: bool,
    /// Do the same to dicts inside.
    pub recursive: bool,
}

impl AddNamespaces {
    /// What the pipe property `add_namespaces` does.
    pub fn new(property: Option<Text>, identity: Option<Text>) -> Self {
        Self { property, identity, skip_underscore: true, skip_dollar: true, recursive: true }
    }

    /// The dict with namespaces added. Names that have one keep it.
    pub fn add(&self, dict: &Dict) -> Dict {
        dict.iter().map(|(name, value)| self.property(name, value)).collect()
    }

    fn property(&self, name: &Text, value: &Value) -> (Text, Value) {
        let skipped = self.skip_underscore && name.starts_with('_')
            || self.skip_dollar && name.starts_with('$');
        let value = match (&self.identity, value) {
            (Some(identity), Value::String(id)) if name == "_id" => {
                Value::String(ni::join(identity, id))
            }
            _ if skipped || !self.recursive => value.clone(),
            _ => self.inside(value),
        };
        let name = match &self.property {
            Some(namespace) if !skipped && ni::split(name).0.is_none() => ni::join(namespace, name),
            _ => name.clone(),
        };
        (name, value)
    }

    fn inside(&self, value: &Value) -> Value {
        match value {
            Value::Dict(dict) => Value::dict(self.add(dict)),
            Value::List(items) if items.iter().any(holds_dict) => {
                Value::list(items.iter().map(|item| self.inside(item)))
            }
            other => other.clone(),
        }
    }
}

/// What the pipe property `remove_namespaces` does: names, `_id` values and
/// namespaced identifiers keep only what follows the last colon; the latter
/// become strings.
pub fn remove_namespaces(dict: &Dict) -> Dict {
    dict.iter()
        .map(|(name, value)| {
            let value = match value {
                Value::String(id) if name == "_id" => Value::from(ni::identifier(id)),
                other => without_namespaces(other),
            };
            (stripped(name), value)
        })
        .collect()
}

fn without_namespaces(value: &Value) -> Value {
    match value {
        Value::Ni(name) => Value::from(ni::identifier(name)),
        Value::Dict(dict) => Value::dict(remove_namespaces(dict)),
        Value::List(items) if items.iter().any(|item| matches!(item, Value::Ni(_))) => {
            Value::list(items.iter().map(without_namespaces))
        }
        Value::List(items) if items.iter().any(holds_dict) => {
            Value::list(items.iter().map(without_namespaces))
        }
        other => other.clone(),
    }
}

/// A value whose dicts have no namespaces in their names; all other values
/// stay. What `strip-ns` does.
pub fn strip_names(value: &Value) -> Value {
    match value {
        Value::Dict(dict) => Value::dict(
            dict.iter().map(|(name, value)| (stripped(name), strip_names(value))).collect(),
        ),
        Value::List(items) if items.iter().any(holds_dict) => {
            Value::list(items.iter().map(strip_names))
        }
        other => other.clone(),
    }
}

fn stripped(name: &Text) -> Text {
    match ni::split(name) {
        (None, _) => name.clone(),
        (Some(_), identifier) => Text::new(identifier),
    }
}

/// Whether dicts may be inside: lists of plain values are shared, not copied.
fn holds_dict(value: &Value) -> bool {
    matches!(value, Value::Dict(_) | Value::List(_))
}

/// Always there unless the metadata defines the same namespace otherwise
/// (documentation page `hub/documentation/service-configuration/configuration-metadata`).
const BUILT_IN: [(&str, &str); 11] = [
    ("_", "http://example.org/"),
    ("rdf", "http://www.w3.org/1999/02/22-rdf-syntax-ns#"),
    ("rdfs", "http://www.w3.org/2000/01/rdf-schema#"),
    ("owl", "http://www.w3.org/2002/07/owl#"),
    ("foaf", "http://xmlns.com/foaf/0.1/"),
    ("wgs84", "http://www.w3.org/2003/01/geo/wgs84_pos#"),
    ("xsd", "http://www.w3.org/2001/XMLSchema#"),
    ("dc", "http://purl.org/dc/elements/1.1/"),
    ("skos", "http://www.w3.org/2004/02/skos/core#"),
    ("dcterms", "http://purl.org/dc/terms/"),
    ("gs", "http://www.opengis.net/ont/geosparql#"),
];

/// Namespaces and the beginnings of URIs they stand for: those of
/// `namespaces.default` in the metadata of the node, and those that are always
/// there.
pub(crate) fn prefixes(metadata: Option<&Value>) -> impl Iterator<Item = (&str, &str)> {
    let declared = metadata
        .and_then(|all| all.as_dict()?.get("namespaces")?.as_dict()?.get("default")?.as_dict());
    let built_in = BUILT_IN
        .into_iter()
        .filter(move |(name, _)| declared.is_none_or(|declared| !declared.contains_key(name)));
    let declared = declared.into_iter().flat_map(|declared| declared.iter());
    declared.filter_map(|(name, uri)| Some((name.as_str(), uri.as_str()?))).chain(built_in)
}

/// Numbers of the namespaces that a program makes up for beginnings of URIs
/// that have none, in the order in which it meets them.
#[derive(Debug, Default)]
pub(crate) struct Generated(Mutex<FxHashMap<Text, usize>>);

impl Generated {
    /// The number for this beginning of a URI, from 1; none if there are too
    /// many already.
    pub(crate) fn number(&self, prefix: &str) -> Option<usize> {
        const MOST: usize = 10_000;
        // Nothing can stop half way in here: a poisoned table is whole.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = known.get(prefix) {
            return Some(*number);
        }
        let number = known.len() + 1;
        (number <= MOST).then(|| {
            known.insert(Text::new(prefix), number);
            number
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn v(text: &str) -> Value {
        Value::from_transit(text.as_bytes()).unwrap()
    }

    fn added(config: &AddNamespaces, text: &str) -> String {
        Value::dict(config.add(v(text).as_dict().unwrap())).to_transit()
    }

    fn myns() -> AddNamespaces {
        AddNamespaces::new(Some("myns".into()), Some("myns".into()))
    }

    #[test]
    fn documented_additions() {
        let entity = r#"{"_id":"123","foo":1,"$bar":{"baz":2}}"#;
        assert_eq!(added(&myns(), entity), r#"{"_id":"myns:123","myns:foo":1,"$bar":{"baz":2}}"#);
        let all = AddNamespaces { skip_underscore: false, skip_dollar: false, ..myns() };
        assert_eq!(
            added(&all, entity),
            r#"{"myns:_id":"myns:123","myns:foo":1,"myns:$bar":{"myns:baz":2}}"#
        );
        let shallow = AddNamespaces { identity: None, recursive: false, ..all };
        assert_eq!(
            added(&shallow, r#"{"_id":"123","myns:foo":1,"$bar":{"baz":2}}"#),
            r#"{"myns:_id":"123","myns:foo":1,"myns:$bar":{"baz":2}}"#
        );
    }

    #[test]
    fn lists_are_entered() {
        assert_eq!(
            added(&myns(), r#"{"a":[1,{"b":[{"x:c":1}]}]}"#),
            r#"{"myns:a":[1,{"myns:b":[{"x:c":1}]}]}"#
        );
    }

    #[test]
    fn removing() {
        let entity = v(r#"{"_id":"a:1","b:c":["~:x:y",{"d:e":"~:z"}],"f":["p:q"],"g":{"h:i":1}}"#);
        let removed = Value::dict(remove_namespaces(entity.as_dict().unwrap()));
        assert_eq!(
            removed.to_transit(),
            r#"{"_id":"1","c":["y",{"e":"z"}],"f":["p:q"],"g":{"i":1}}"#
        );
        assert_eq!(
            strip_names(&entity).to_transit(),
            r#"{"_id":"a:1","c":["~:x:y",{"e":"~:z"}],"f":["p:q"],"g":{"i":1}}"#
        );
    }

    #[test]
    fn declared_prefixes_go_before_built_in_ones() {
        let metadata = v(r#"{"namespaces": {"default": {"_": "http://mine.example/", "n": 1}}}"#);
        let found = |name: &str| prefixes(Some(&metadata)).find(|(n, _)| *n == name).map(|p| p.1);
        assert_eq!(found("_"), Some("http://mine.example/"));
        assert_eq!(found("dcterms"), Some("http://purl.org/dc/terms/"));
        assert_eq!(found("n"), None);
        assert_eq!(prefixes(None).count(), BUILT_IN.len());
    }

    #[test]
    fn made_up_namespaces_are_numbered() {
        let generated = Generated::default();
        let numbers = ["a", "b", "a"].map(|prefix| generated.number(prefix));
        assert_eq!(numbers, [Some(1), Some(2), Some(1)]);
    }
}
