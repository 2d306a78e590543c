//! Config with its variables put in and its conditional properties chosen.

use std::ops::Range;

use pipewright_dtl::syntax::{Node, NodeKind, Severity};
use pipewright_entity::Text;
use serde_json::{Map, Value as Json};

use crate::problem::{Findings, code, did_you_mean};
use crate::variables::Variables;

/// A value of the config, and where it is written. Keys and values of one
/// object may come from different places.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) span: Range<usize>,
    pub(crate) form: Form,
}

#[derive(Clone, Debug)]
pub(crate) enum Form {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    String(Text),
    List(Vec<Item>),
    Object(Vec<Entry>),
    /// Data or DTL, kept as it is written.
    Opaque(Node),
    /// Broken text (empty here) or text with a missing variable. It has been
    /// reported; nothing more can be said about it.
    Unknown(Text),
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: Text,
    pub(crate) key_span: Range<usize>,
    pub(crate) value: Item,
}

const CONDITIONAL: &str = "$conditional_properties";

/// Keys whose values are kept as they are written: `rules` of a DTL transform
/// and `entities` of an embedded source. A list of rules is no DTL: those are
/// the rules of notifications.
fn is_opaque(key: &str, value: &Node) -> bool {
    key == "entities" || (key == "rules" && !value.is_array())
}

impl Item {
    /// Reads a node of the findings' file.
    pub(crate) fn resolve(node: &Node, variables: &Variables, findings: &mut Findings<'_>) -> Item {
        let form = match &node.kind {
            NodeKind::Missing => Form::Unknown(Text::default()),
            NodeKind::Null => Form::Null,
            NodeKind::Bool(value) => Form::Bool(*value),
            NodeKind::Number => match node.to_json(&findings.file.document) {
                Json::Number(number) => Form::Number(number),
                _ => Form::Unknown(Text::default()),
            },
            NodeKind::String(text) if text.contains("$ENV(") => {
                let expanded = variables.expand(text);
                for name in &expanded.missing {
                    missing(name, variables, node.span.clone(), findings);
                }
                if expanded.missing.is_empty() {
                    Item::of_json(&expanded.value, &node.span).form
                } else {
                    Form::Unknown(text.clone())
                }
            }
            NodeKind::String(text) => Form::String(text.clone()),
            NodeKind::Array(items) => Form::List(
                items.iter().map(|item| Item::resolve(item, variables, findings)).collect(),
            ),
            NodeKind::Object(_) => Form::Object(object(node, variables, findings)),
        };
        Item { span: node.span.clone(), form }
    }

    /// A value that does not come from a text of its own.
    pub(crate) fn of_json(value: &Json, span: &Range<usize>) -> Item {
        let form = match value {
            Json::Null => Form::Null,
            Json::Bool(value) => Form::Bool(*value),
            Json::Number(number) => Form::Number(number.clone()),
            Json::String(text) => Form::String(Text::new(text)),
            Json::Array(items) => {
                Form::List(items.iter().map(|item| Item::of_json(item, span)).collect())
            }
            Json::Object(members) => Form::Object(
                members
                    .iter()
                    .map(|(key, value)| Entry {
                        key: Text::new(key),
                        key_span: span.clone(),
                        value: Item::of_json(value, span),
                    })
                    .collect(),
            ),
        };
        Item { span: span.clone(), form }
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.form {
            Form::Object(entries) => entries,
            _ => &[],
        }
    }

    pub(crate) fn items(&self) -> &[Item] {
        match &self.form {
            Form::List(items) => items,
            _ => &[],
        }
    }

    /// The value of a key; `null` counts as not there.
    pub(crate) fn get(&self, key: &str) -> Option<&Item> {
        self.entry(key).map(|entry| &entry.value)
    }

    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        let found = self.entries().iter().rev().find(|entry| entry.key == key)?;
        (!matches!(found.value.form, Form::Null)).then_some(found)
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match &self.form {
            Form::String(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn is_object(&self) -> bool {
        matches!(self.form, Form::Object(_))
    }

    /// The value as plain JSON. What is opaque becomes `null`: it stays where
    /// it is written and is put in when someone asks for the whole.
    pub(crate) fn to_json(&self) -> Json {
        match &self.form {
            Form::Null | Form::Opaque(_) => Json::Null,
            Form::Unknown(text) if text.is_empty() => Json::Null,
            Form::Unknown(text) => text.as_str().into(),
            Form::Bool(value) => (*value).into(),
            Form::Number(number) => number.clone().into(),
            Form::String(text) => text.as_str().into(),
            Form::List(items) => items.iter().map(Item::to_json).collect(),
            Form::Object(entries) => entries
                .iter()
                .map(|entry| (entry.key.to_string(), entry.value.to_json()))
                .collect::<Map<_, _>>()
                .into(),
        }
    }

    /// The words for what it is.
    pub(crate) fn name(&self) -> &'static str {
        match &self.form {
            Form::Null => "null",
            Form::Bool(_) => "true or false",
            Form::Number(_) => "a number",
            Form::String(_) => "a string",
            Form::List(_) => "a list",
            Form::Object(_) => "an object",
            Form::Opaque(node) => name_of(node),
            Form::Unknown(_) => "nothing",
        }
    }
}

/// The words for what a node is.
pub(crate) fn name_of(node: &Node) -> &'static str {
    match &node.kind {
        NodeKind::Null => "null",
        NodeKind::Bool(_) => "true or false",
        NodeKind::Number => "a number",
        NodeKind::String(_) => "a string",
        NodeKind::Array(_) => "a list",
        NodeKind::Object(_) => "an object",
        NodeKind::Missing => "nothing",
    }
}

/// What a condition names: scalars are compared as text.
pub(crate) fn condition_text(item: &Item) -> Option<String> {
    match &item.form {
        Form::String(text) => Some(text.to_string()),
        Form::Bool(value) => Some(value.to_string()),
        Form::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn object(node: &Node, variables: &Variables, findings: &mut Findings<'_>) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::with_capacity(node.members().len());
    let mut conditional = None;
    // What is wrong in an alternative that is not used does not stop anything.
    let used = (node.get("type").and_then(Node::as_str) == Some("conditional"))
        .then(|| node.get("condition").and_then(Node::as_text))
        .flatten()
        .map(|condition| match variables.expand(condition).value {
            Json::String(name) => name,
            other => other.to_string(),
        });
    for member in node.members() {
        if member.key == CONDITIONAL {
            conditional = Some(&member.value);
            continue;
        }
        let value = if is_opaque(&member.key, &member.value) && !member.value.is_missing() {
            Item { span: member.value.span.clone(), form: Form::Opaque(member.value.clone()) }
        } else if let (Some(used), "alternatives") = (&used, member.key.as_str()) {
            alternatives(&member.value, used, variables, findings)
        } else {
            Item::resolve(&member.value, variables, findings)
        };
        let entry = Entry { key: member.key.clone(), key_span: member.key_span.clone(), value };
        put(&mut entries, entry);
    }
    if let Some(conditional) = conditional {
        for entry in chosen(conditional, variables, findings) {
            put(&mut entries, entry);
        }
    }
    entries
}

fn alternatives(
    node: &Node,
    used: &str,
    variables: &Variables,
    findings: &mut Findings<'_>,
) -> Item {
    if !node.is_object() {
        return Item::resolve(node, variables, findings);
    }
    let mut entries = Vec::new();
    for member in node.members() {
        let most = if member.key == used { Severity::Error } else { Severity::Info };
        let value = Item::resolve(&member.value, variables, &mut findings.at_most(most));
        put(
            &mut entries,
            Entry { key: member.key.clone(), key_span: member.key_span.clone(), value },
        );
    }
    Item { span: node.span.clone(), form: Form::Object(entries) }
}

/// Of a key written more than once, the last counts.
fn put(entries: &mut Vec<Entry>, entry: Entry) {
    match entries.iter_mut().find(|other| other.key == entry.key) {
        Some(other) => *other = entry,
        None => entries.push(entry),
    }
}

/// The properties of the alternative that the condition names. They replace
/// those beside the conditional block (documentation: environment-variables,
/// conditional properties).
fn chosen(node: &Node, variables: &Variables, findings: &mut Findings<'_>) -> Vec<Entry> {
    let (Some(condition), Some(alternatives)) = (node.get("condition"), node.get("alternatives"))
    else {
        let missing = if node.get("condition").is_none() { "condition" } else { "alternatives" };
        findings.error(
            code::PROPERTY_MISSING,
            node.span.clone(),
            format!("{CONDITIONAL} needs `{missing}`"),
        );
        return Vec::new();
    };
    let condition = Item::resolve(condition, variables, findings);
    let Some(name) = condition_text(&condition) else { return Vec::new() };
    match alternatives.get(&name) {
        Some(alternative) => object(alternative, variables, findings),
        None => {
            let known = alternatives.members().iter().map(|member| member.key.as_str());
            let suggestion = did_you_mean(&name, known);
            findings.report(
                code::ALTERNATIVE_MISSING,
                Severity::Info,
                condition.span,
                format!("there are no conditional properties for `{name}`"),
                suggestion,
            );
            Vec::new()
        }
    }
}

fn missing(name: &str, variables: &Variables, span: Range<usize>, findings: &mut Findings<'_>) {
    let known = variables.values().keys().map(String::as_str);
    let suggestion = did_you_mean(name, known);
    let message = match variables.file() {
        Some(file) => format!("the variable `{name}` is not in {file}"),
        None => format!("the variable `{name}` is not set, and there is no profile"),
    };
    let suggestion = suggestion.unwrap_or_else(|| match variables.file() {
        Some(file) => format!("add \"{name}\" to {file}").into(),
        None => format!("add \"{name}\" to test-env.json, or choose a profile").into(),
    });
    findings.report(code::VARIABLE_MISSING, Severity::Error, span, message, Some(suggestion));
}
