//! Entities as N-Triples (`configuration-transforms-rdf`, `hub/rdf-support`).

use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::Arc;

use pipewright_config::Metadata;
use pipewright_entity::{Dict, Text, Value, ni};
use rustc_hash::FxHashMap;

use super::{Settings, Step, is_reserved};

pub(super) struct Rdf {
    property: Text,
    namespaces: FxHashMap<Text, Text>,
}

impl Rdf {
    pub(super) fn new(settings: &Settings<'_>, metadata: &Metadata) -> Result<Rdf, String> {
        Ok(Rdf {
            property: settings.required("rdf-property")?,
            namespaces: metadata.namespaces().into_iter().collect(),
        })
    }

    /// The URI that a name with a namespace or a CURIE stands for; a URI stands
    /// for itself.
    fn uri(&self, name: &str) -> Option<String> {
        let name = name.strip_prefix('<').and_then(|name| name.strip_suffix('>')).unwrap_or(name);
        let (namespace, rest) = ni::split(name);
        match namespace.and_then(|namespace| self.namespaces.get(namespace)) {
            Some(beginning) => Some(escaped_uri(&format!("{beginning}{rest}"))),
            None => name.contains("://").then(|| escaped_uri(name)),
        }
    }

    fn triples(&self, subject: String, entity: &Dict) -> String {
        let mut text = String::new();
        let mut blanks = 0;
        let mut open = VecDeque::from([(subject, entity)]);
        while let Some((subject, dict)) = open.pop_front() {
            for (name, value) in dict.iter().filter(|(name, _)| !is_reserved(name)) {
                let Some(predicate) = self.uri(name) else { continue };
                let mut values: Vec<&Value> = value.as_slice().iter().collect();
                values.reverse();
                while let Some(value) = values.pop() {
                    let object = match value {
                        Value::List(inner) | Value::Tuple(inner) => {
                            values.extend(inner.iter().rev());
                            continue;
                        }
                        Value::Dict(child) => {
                            blanks += 1;
                            let label = format!("_:x{blanks}");
                            open.push_back((label.clone(), child));
                            label
                        }
                        other => match self.object(other) {
                            Some(object) => object,
                            None => continue,
                        },
                    };
                    // Writing to a string does not fail.
                    let _ = writeln!(text, "{subject} <{predicate}> {object}.");
                }
            }
        }
        text
    }

    /// A value that is no dict and no list; nothing for null.
    fn object(&self, value: &Value) -> Option<String> {
        let typed = |text: &str, kind: &str| {
            format!("\"{}\"^^<http://www.w3.org/2001/XMLSchema#{kind}>", escaped(text))
        };
        Some(match value {
            Value::Null | Value::List(_) | Value::Tuple(_) | Value::Dict(_) => return None,
            Value::String(text) => format!("\"{}\"", escaped(text)),
            Value::Uri(uri) => format!("<{}>", escaped_uri(uri)),
            Value::Ni(name) => match self.uri(name) {
                Some(uri) => format!("<{uri}>"),
                None => format!("\"{}\"", escaped(name)),
            },
            Value::Uuid(uuid) => format!("<urn:uuid:{uuid}>"),
            Value::DateTime(time) if time.is_date_only() => typed(&time.to_string(), "date"),
            Value::DateTime(time) => typed(&time.to_string(), "dateTime"),
            other => {
                let (text, kind) = (
                    plain(other),
                    match other {
                        Value::Bool(_) => "boolean",
                        Value::Float(_) => "double",
                        Value::Decimal(_) => "decimal",
                        Value::Bytes(_) => "base64Binary",
                        _ => "integer",
                    },
                );
                typed(&text, kind)
            }
        })
    }
}

impl Step for Rdf {
    fn apply(&self, entity: &Arc<Dict>, to: &mut Vec<Arc<Dict>>) -> Result<(), String> {
        let id = entity.get("_id").and_then(Value::as_str).unwrap_or_default();
        let Some(subject) = self.uri(id) else {
            return Err(format!(
                "\"{id}\" is no URI, and its namespace is not among \"namespaces.default\" in the \
                 metadata of the node"
            ));
        };
        let triples = self.triples(format!("<{subject}>"), entity);
        let mut with = Dict::clone(entity);
        with.insert(self.property.clone(), Value::from(triples));
        to.push(Arc::new(with));
        Ok(())
    }
}

/// A value as transit JSON writes it, without mark and quotes.
pub(super) fn plain(value: &Value) -> String {
    let text = value.to_transit();
    match text.strip_prefix("\"~").and_then(|text| text.strip_suffix('"')) {
        Some(marked) => marked.chars().skip(1).collect(),
        None => text,
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            other => out.push(other),
        }
    }
    out
}

/// Without the characters that end a URI or may not be in one.
fn escaped_uri(uri: &str) -> String {
    let mut out = String::with_capacity(uri.len());
    for character in uri.chars() {
        match character {
            '\0'..=' ' | '<' | '>' | '"' | '{' | '}' | '|' | '^' | '`' | '\\' => {
                let _ = write!(out, "%{:02X}", u32::from(character));
            }
            other => out.push(other),
        }
    }
    out
}
