//! Entities as RDF and back (`hub/rdf-support`).
//!
//! Written as N-Triples: a name with a known namespace, a CURIE or a URI is a
//! property, entities inside are blank nodes. Read from N-Triples, or Turtle,
//! of which they are a part: names are URIs in angle brackets, blank nodes are
//! entities inside.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;

use oxrdf::{NamedOrBlankNode, Term};
use oxttl::TurtleParser;
use pipewright_config::Metadata;
use pipewright_entity::{Dict, Entity, Text, Value, ni, number};
use rustc_hash::FxHashMap;

use crate::steps::is_reserved;

/// Blank nodes inside each other are read down to here.
const DEEPEST: usize = 64;
/// Entities that blank nodes become, at most: one that is named twice is
/// written twice.
const MOST_BLANKS: usize = 100_000;
const XSD: &str = "http://www.w3.org/2001/XMLSchema#";

/// Writes entities as N-Triples.
#[derive(Clone, Debug)]
pub struct Triples {
    namespaces: FxHashMap<Text, Text>,
}

impl Triples {
    /// With the namespaces of a node.
    pub fn new(metadata: &Metadata) -> Triples {
        Triples { namespaces: metadata.namespaces().into_iter().collect() }
    }

    /// The URI that a name with a namespace or a CURIE stands for; a URI stands
    /// for itself.
    pub fn uri(&self, name: &str) -> Option<String> {
        let name = name.strip_prefix('<').and_then(|name| name.strip_suffix('>')).unwrap_or(name);
        let (namespace, rest) = ni::split(name);
        match namespace.and_then(|namespace| self.namespaces.get(namespace)) {
            Some(beginning) => Some(escaped_uri(&format!("{beginning}{rest}"))),
            None => name.contains("://").then(|| escaped_uri(name)),
        }
    }

    /// What is said of the thing with this URI.
    pub fn of(&self, uri: &str, entity: &Dict) -> String {
        let subject = format!("<{uri}>");
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

/// A value as transit JSON writes it, without mark and quotes.
pub(crate) fn plain(value: &Value) -> String {
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

/// Why a text is not read as RDF.
#[derive(Debug, thiserror::Error)]
pub enum RdfError {
    /// It is none.
    #[error("line {line}: {what}")]
    Syntax {
        /// Counted from 1.
        line: u64,
        /// What is wrong.
        what: String,
    },
    /// Blank nodes lie in each other in a circle, too deep, or too often.
    #[error(
        "the blank nodes of <{0}> lie in each other in a circle, more than {DEEPEST} deep, or are \
         too many"
    )]
    Blanks(String),
}

/// What a text says of the subjects that are no blank nodes: an entity of each,
/// in the order of their URIs. Several values of a property are sorted, since
/// their order means nothing.
///
/// # Errors
/// When the text is no RDF, or its blank nodes hold each other.
pub fn read(text: &[u8]) -> Result<BTreeMap<String, Entity>, RdfError> {
    let mut said: BTreeMap<Subject, Vec<(Text, Term)>> = BTreeMap::new();
    for triple in TurtleParser::new().for_slice(text) {
        let triple = triple.map_err(|error| RdfError::Syntax {
            line: error.location().start.line + 1,
            what: error.message().to_owned(),
        })?;
        let name = pipewright_entity::format_text!("<{}>", triple.predicate.as_str());
        said.entry(Subject::of(triple.subject)).or_default().push((name, triple.object));
    }
    let named = said.keys().filter_map(|subject| match subject {
        Subject::Named(uri) => Some(uri.clone()),
        Subject::Blank(_) => None,
    });
    let mut blanks = MOST_BLANKS;
    let entity = |uri: String| -> Result<(String, Entity), RdfError> {
        let subject = Subject::Named(uri.clone());
        let mut dict = dict_of(&subject, &said, DEEPEST, &mut blanks)
            .ok_or_else(|| RdfError::Blanks(uri.clone()))?;
        dict.insert(Text::new_static("_id"), Value::from(format!("<{uri}>")));
        let entity = Entity::from_dict(dict).unwrap_or_else(|_| Entity::new(format!("<{uri}>")));
        Ok((uri, entity))
    };
    named.map(entity).collect()
}

/// What is said of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Named(String),
    Blank(String),
}

impl Subject {
    fn of(subject: NamedOrBlankNode) -> Subject {
        match subject {
            NamedOrBlankNode::NamedNode(node) => Subject::Named(node.into_string()),
            NamedOrBlankNode::BlankNode(node) => Subject::Blank(node.into_string()),
        }
    }
}

/// The properties of a subject; nothing if they go deeper than `left`, or hold
/// more than so many blank nodes.
fn dict_of(
    subject: &Subject,
    said: &BTreeMap<Subject, Vec<(Text, Term)>>,
    left: usize,
    blanks: &mut usize,
) -> Option<Dict> {
    let mut values: BTreeMap<&Text, Vec<Value>> = BTreeMap::new();
    for (name, object) in said.get(subject).into_iter().flatten() {
        let value = match object {
            Term::NamedNode(node) => Value::Uri(Text::new(node.as_str())),
            Term::Literal(literal) => literal_value(literal.value(), literal.datatype().as_str()),
            Term::BlankNode(node) => {
                let blank = Subject::Blank(node.as_str().to_owned());
                *blanks = blanks.checked_sub(1)?;
                Value::dict(dict_of(&blank, said, left.checked_sub(1)?, blanks)?)
            }
        };
        values.entry(name).or_default().push(value);
    }
    let mut dict = Dict::default();
    for (name, mut all) in values {
        all.sort_by(Value::compare);
        let value = match <[Value; 1]>::try_from(all) {
            Ok([only]) => only,
            Err(all) => Value::list(all),
        };
        dict.insert(name.clone(), value);
    }
    Some(dict)
}

/// A literal as the type says; as text when it is none of that type.
fn literal_value(text: &str, datatype: &str) -> Value {
    let marked = |mark: &str| {
        let json = serde_json::Value::from(format!("~{mark}{text}"));
        let value = Value::from_json(&json);
        (!matches!(value, Value::String(_))).then_some(value)
    };
    let typed = match datatype.strip_prefix(XSD).unwrap_or_default() {
        "integer" | "int" | "long" | "short" | "byte" | "nonNegativeInteger"
        | "positiveInteger" | "negativeInteger" | "nonPositiveInteger" | "unsignedInt"
        | "unsignedLong" | "unsignedShort" | "unsignedByte" => {
            text.trim().trim_start_matches('+').parse().ok().map(Value::integer)
        }
        "decimal" => number::parse_decimal(text.trim()).map(Value::decimal),
        "double" | "float" => {
            text.trim().parse().ok().filter(|n: &f64| n.is_finite()).map(Value::Float)
        }
        "boolean" => match text {
            "true" | "1" => Some(Value::Bool(true)),
            "false" | "0" => Some(Value::Bool(false)),
            _ => None,
        },
        "dateTime" | "date" => marked("t"),
        "base64Binary" => marked("b"),
        _ => None,
    };
    typed.unwrap_or_else(|| Value::from(text))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn said_of(text: &str, uri: &str) -> serde_json::Value {
        read(text.as_bytes()).unwrap()[uri].clone().into_value().to_json()
    }

    #[test]
    fn what_is_written_is_read_again() {
        let entity = json!({
            "_id": "<http://x.example/1>",
            "<http://x.example/name>": ["a \"b\"\n", "æ"],
            "<http://x.example/n>": 4,
            "<http://x.example/d>": "~f1.50",
            "<http://x.example/f>": 2.5,
            "<http://x.example/yes>": true,
            "<http://x.example/at>": "~t2020-01-02T03:04:05Z",
            "<http://x.example/day>": "~t2020-01-02",
            "<http://x.example/see>": "~rhttp://x.example/2",
            "<http://x.example/in>": {"<http://x.example/more>": {"<http://x.example/n>": 1}},
        });
        let value = Value::from_json(&entity);
        let triples = Triples::new(&Metadata::default());
        let text = triples.of("http://x.example/1", value.as_dict().unwrap());
        let read = said_of(&text, "http://x.example/1");
        let sorted = |value: &serde_json::Value| {
            let all = value.as_object().unwrap().clone();
            all.into_iter().collect::<BTreeMap<_, _>>()
        };
        assert_eq!(sorted(&read), sorted(&entity));
    }

    #[test]
    fn what_is_no_rdf_is_refused_where_it_is_wrong() {
        let text =
            "<http://a.example/1> <http://a.example/p> 'x' ;\n <http://a.example/q> \"1\" .\n";
        assert_eq!(said_of(text, "http://a.example/1")["<http://a.example/q>"], "1");
        let broken = read(b"<http://a.example/1> <http://a.example/p> \"x\" .\n<a").unwrap_err();
        assert!(broken.to_string().starts_with("line 2: "), "{broken}");
        let circle = b"<http://a.example/1> <http://a.example/p> _:a .\n\
            _:a <http://a.example/p> _:a .\n";
        assert!(read(circle).unwrap_err().to_string().contains("circle"));
        let mut twice = "<http://a.example/1> <http://a.example/p> _:b0 .\n".to_owned();
        for at in 0..40 {
            for property in ["p", "q"] {
                twice += &format!("_:b{at} <http://a.example/{property}> _:b{} .\n", at + 1);
            }
        }
        assert!(read(twice.as_bytes()).unwrap_err().to_string().contains("too many"));
        assert!(read(b"").unwrap().is_empty());
    }

    #[test]
    fn a_literal_that_is_not_of_its_type_stays_text() {
        for kind in ["integer", "decimal", "double", "boolean", "dateTime", "base64Binary"] {
            let value = literal_value("no such thing!", &format!("{XSD}{kind}"));
            assert_eq!(value, Value::from("no such thing!"), "{kind}");
        }
    }
}
