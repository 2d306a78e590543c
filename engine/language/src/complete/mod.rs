//! What may stand at a place.

mod component;
mod dtl;

use std::collections::HashSet;
use std::ops::Range as Span;

use pipewright_dtl::functions;
use pipewright_dtl::syntax::{Member, Node};

use crate::site::{Site, Slot};
use crate::{Range, Workspace};

/// What may stand at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completions {
    /// What the chosen item replaces: what is written here so far.
    pub range: Range,
    /// The items, the likeliest first.
    pub items: Vec<Completion>,
}

/// One thing that may stand at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// What it is called.
    pub label: String,
    /// What sort of thing it is.
    pub kind: CompletionKind,
    /// What comes beside the label: a signature, a type.
    pub detail: String,
    /// Markdown.
    pub about: String,
    /// What is written, as a snippet: `${1:NAME}` are places to fill in.
    pub snippet: String,
    /// What is compared with what is written so far.
    pub filter: String,
    /// Whether there is something better.
    pub deprecated: bool,
    /// Whether something more may follow right away, such as the property
    /// behind a variable.
    pub goes_on: bool,
}

/// A sort of thing that may stand somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CompletionKind {
    /// A key of an object.
    Key,
    /// A value out of a few.
    Value,
    /// A type of component.
    Type,
    /// A function.
    Function,
    /// A transform.
    Transform,
    /// A variable of DTL, or an alias.
    Variable,
    /// A property of entities.
    Property,
    /// A rule.
    Rule,
    /// A dataset.
    Dataset,
    /// A system.
    System,
    /// A variable of the node.
    Setting,
}

pub(crate) fn completions(workspace: &Workspace, site: &Site<'_>) -> Option<Completions> {
    let mut offer =
        Offer { workspace, site, items: Vec::new(), labels: HashSet::new(), range: replaced(site) };
    if let Some(start) = open_variable(site) {
        offer.range = start..site.offset;
        offer.settings();
    } else {
        offer.slot();
    }
    if offer.items.is_empty() {
        return None;
    }
    Some(Completions { range: Range::of(site.document, offer.range), items: offer.items })
}

/// What is replaced: the string or word around the cursor. Of a string that
/// is not closed, only what stands before the cursor is sure to be meant.
fn replaced(site: &Site<'_>) -> Span<usize> {
    let text = site.text();
    let closed = !site.quoted() || (text.len() > 1 && text.ends_with('"'));
    if closed { site.token.clone() } else { site.token.start..site.offset }
}

/// Where the name begins, inside a `$ENV(` that is not closed before the
/// cursor.
fn open_variable(site: &Site<'_>) -> Option<usize> {
    let before = site.document.text.get(site.token.start..site.offset)?;
    let start = before.rfind("$ENV(")? + 5;
    (!before[start..].contains(')')).then_some(site.token.start + start)
}

struct Offer<'w, 's, 'a> {
    workspace: &'w Workspace,
    site: &'s Site<'a>,
    items: Vec<Completion>,
    /// What is among the items: of two that are called the same, the first is
    /// kept.
    labels: HashSet<String>,
    range: Span<usize>,
}

/// Text as part of a snippet, where `$`, `}` and `\` have a meaning.
fn plain(text: &str) -> String {
    text.replace('\\', "\\\\").replace('$', "\\$").replace('}', "\\}")
}

/// Text as a JSON string.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

impl Offer<'_, '_, '_> {
    fn slot(&mut self) {
        match self.site.slot.clone() {
            Slot::Unknown => {}
            Slot::Key { keys, object, member } => self.keys(keys, object, member),
            Slot::Value { property, object } => self.values(property, object),
            Slot::Type { part, object } => self.types(part, object),
            Slot::Component { part } => self.component(part),
            Slot::RuleKey { rules, member } => self.rule_keys(rules, member),
            Slot::Function { role, call } => self.functions(role, Some(call)),
            Slot::Transform => self.functions(functions::Role::Transform, None),
            Slot::Expression => self.expression(),
            Slot::Argument { function, call, index, kind } => {
                self.argument(function, call, index, kind)
            }
            Slot::HopsDataset => self.hops_datasets(),
            Slot::HopsReturn => {
                self.aliases();
                self.expression();
            }
            Slot::HopsAlias { object, member } => self.hops_aliases(object, member),
        }
    }

    fn push(&mut self, item: Completion) {
        if self.labels.insert(item.label.clone()) {
            self.items.push(item);
        }
    }

    /// Adds an item. The label is what it is found by.
    fn add(
        &mut self,
        kind: CompletionKind,
        label: &str,
        detail: &str,
        about: &str,
        snippet: String,
    ) {
        // What is in quotes is compared with its quotes.
        let filter = if self.site.quoted() { quoted(label) } else { label.to_owned() };
        self.push(Completion {
            label: label.to_owned(),
            kind,
            detail: detail.to_owned(),
            about: about.to_owned(),
            snippet,
            filter,
            deprecated: false,
            goes_on: false,
        });
    }

    /// Adds a string.
    fn string(&mut self, kind: CompletionKind, text: &str, detail: &str, about: &str) {
        self.add(kind, text, detail, about, plain(&quoted(text)));
    }

    /// Adds a key, with a value to fill in unless it has one.
    fn key(
        &mut self,
        name: &str,
        detail: &str,
        about: &str,
        value: &str,
        object: &Node,
        member: Option<&Member>,
    ) {
        let mut snippet = plain(&quoted(name));
        if !has_colon(self.site, member) {
            snippet.push_str(": ");
            snippet.push_str(value);
            let follows = object.members().iter().any(|it| it.key_span.start > self.range.end);
            let rest = self.site.document.text.get(self.range.end..).unwrap_or_default();
            if follows && rest.trim_start().starts_with('"') {
                snippet.push(',');
            }
        }
        self.add(CompletionKind::Key, name, detail, about, snippet);
    }

    fn datasets(&mut self, object: &Node) {
        // What is there already need not be named again.
        let there: Vec<&str> = ["dataset", "datasets"]
            .iter()
            .filter_map(|key| object.get(key))
            .flat_map(|node| std::iter::once(node).chain(node.items()))
            .filter(|node| {
                !(node.span.start <= self.site.offset && self.site.offset <= node.span.end)
            })
            .filter_map(Node::as_str)
            .collect();
        let all = self.workspace.datasets();
        for (dataset, pipe) in all.into_iter().filter(|(dataset, _)| !there.contains(dataset)) {
            let detail = if pipe == dataset { String::new() } else { format!("written by {pipe}") };
            self.string(CompletionKind::Dataset, dataset, &detail, "");
        }
    }
}

/// Whether a colon follows the key.
fn has_colon(site: &Site<'_>, member: Option<&Member>) -> bool {
    let end = match member {
        Some(member) => member.key_span.end,
        None => site.token.end,
    };
    let rest = site.document.text.get(end..).unwrap_or_default();
    member.is_some() && rest.trim_start().starts_with(':')
}
