//! Whether what came out is what a case says.

use std::collections::BTreeMap;

use pipewright_entity::{Dict, Text, Value};
use roxmltree::{Document, Node};

/// How two values are compared.
pub(super) struct Comparison {
    mode: Mode,
    /// Properties left out on both sides, at every level.
    ignored: Vec<Text>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    /// Same types and values.
    Exact,
    /// Numbers of any type by value, to nine digits.
    Numeric,
    /// Numbers of any type, at most so far apart.
    Approximate(f64),
    /// The items of the list in any order.
    Unordered,
    /// As XML documents: the order of attributes, white space between elements
    /// and which prefix a namespace has do not count.
    Xml,
    /// As CSV: rows of fields, however they are quoted.
    Csv,
}

impl Comparison {
    pub(super) fn new(
        mode: &str,
        ignored: Vec<Text>,
        tolerance: Option<f64>,
    ) -> Result<Comparison, String> {
        let mode = match (mode, tolerance) {
            ("exact", _) => Mode::Exact,
            ("numeric", _) => Mode::Numeric,
            ("approx", Some(tolerance)) => Mode::Approximate(tolerance),
            ("unordered", _) => Mode::Unordered,
            ("xml", _) => Mode::Xml,
            ("csv", _) => Mode::Csv,
            ("approx", None) => return Err("\"approx\" needs a number as \"tol\"".to_owned()),
            (other, _) => return Err(format!("there is no way {other:?} to compare")),
        };
        Ok(Comparison { mode, ignored })
    }

    /// Says what differs, if anything does.
    pub(super) fn check(&self, what: &str, wanted: &Value, found: &Value) -> Result<(), String> {
        let (wanted, found) = (self.prepared(wanted), self.prepared(found));
        let same = match self.mode {
            Mode::Unordered => match (&wanted, &found) {
                (Value::List(a), Value::List(b)) => self.same_items(a, b),
                (a, b) => self.same(a, b),
            },
            _ => self.same(&wanted, &found),
        };
        match same {
            true => Ok(()),
            false => Err(format!("{what} is {}, not {}", found.to_transit(), wanted.to_transit())),
        }
    }

    /// The value as its JSON text gives it back, so that what cannot be told
    /// apart in a case is not told apart here; without what is ignored.
    fn prepared(&self, value: &Value) -> Value {
        let read = Value::from_transit(value.to_transit().as_bytes());
        self.pruned(read.as_ref().unwrap_or(value))
    }

    fn pruned(&self, value: &Value) -> Value {
        match value {
            Value::Dict(dict) => {
                let kept = dict.iter().filter(|(name, _)| !self.ignored.contains(name));
                let kept = kept.map(|(name, value)| (name.clone(), self.pruned(value)));
                Value::dict(kept.collect::<Dict>())
            }
            Value::List(items) => Value::list(items.iter().map(|item| self.pruned(item))),
            other => other.clone(),
        }
    }

    fn same(&self, a: &Value, b: &Value) -> bool {
        match (a, b) {
            (Value::Dict(a), Value::Dict(b)) => {
                a.len() == b.len()
                    && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| self.same(a, b)))
            }
            (Value::List(a), Value::List(b)) => {
                a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| self.same(a, b))
            }
            (a, b) if a.is_number() && b.is_number() => self.same_number(a, b),
            (Value::String(a), Value::String(b)) if self.mode == Mode::Csv => {
                same_documents(rows(a), rows(b))
            }
            (Value::String(a), Value::String(b)) if self.mode == Mode::Xml => {
                same_documents(element(a), element(b))
            }
            (a, b) => a == b,
        }
    }

    fn same_number(&self, a: &Value, b: &Value) -> bool {
        let float = |value: &Value| match value {
            Value::Int(number) => *number as f64,
            Value::Float(number) => *number,
            // Decimals and large integers: by their digits.
            other => other.to_transit().trim_matches(['"', '~', 'f']).parse().unwrap_or(f64::NAN),
        };
        match self.mode {
            Mode::Numeric => {
                let (a, b) = (float(a), float(b));
                a == b || (a - b).abs() <= 1e-9 * a.abs().max(b.abs())
            }
            Mode::Approximate(tolerance) => (float(a) - float(b)).abs() <= tolerance,
            // Decimals with other numbers of digits are one value.
            _ => std::mem::discriminant(a) == std::mem::discriminant(b) && a.same(b),
        }
    }

    /// Whether two lists hold the same items, each as often as in the other.
    fn same_items(&self, a: &[Value], b: &[Value]) -> bool {
        let mut left: Vec<&Value> = b.iter().collect();
        a.len() == b.len()
            && a.iter().all(|a| match left.iter().position(|b| self.same(a, b)) {
                Some(at) => {
                    left.swap_remove(at);
                    true
                }
                None => false,
            })
    }
}

/// Whether both could be read, and are the same.
fn same_documents<T: PartialEq>(a: Option<T>, b: Option<T>) -> bool {
    a.is_some() && a == b
}

/// The fields of CSV, row by row.
fn rows(text: &str) -> Option<Vec<Vec<String>>> {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let rows = reader.records().map(|row| Some(row.ok()?.iter().map(str::to_owned).collect()));
    rows.collect()
}

/// A name with the namespace it belongs to.
type Name = (Option<String>, String);

/// An XML element as far as it is compared.
#[derive(Debug, PartialEq)]
struct Element {
    name: Name,
    attributes: BTreeMap<Name, String>,
    children: Vec<Child>,
}

#[derive(Debug, PartialEq)]
enum Child {
    Element(Element),
    Text(String),
}

/// The root of an XML document; `None` if the text is none.
fn element(text: &str) -> Option<Element> {
    // A byte order mark is no part of the document.
    let document = Document::parse(text.trim_start_matches('\u{feff}')).ok()?;
    Some(compared(document.root_element()))
}

fn compared(node: Node<'_, '_>) -> Element {
    let name =
        |namespace: Option<&str>, name: &str| (namespace.map(str::to_owned), name.to_owned());
    let attributes = node.attributes().map(|attribute| {
        (name(attribute.namespace(), attribute.name()), attribute.value().to_owned())
    });
    let children = node.children().filter_map(|child| match child.text() {
        _ if child.is_element() => Some(Child::Element(compared(child))),
        Some(text) if child.is_text() && !text.trim().is_empty() => {
            Some(Child::Text(text.to_owned()))
        }
        _ => None,
    });
    Element {
        name: name(node.tag_name().namespace(), node.tag_name().name()),
        attributes: attributes.collect(),
        children: children.collect(),
    }
}
