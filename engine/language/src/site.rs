//! Where a cursor stands, and what may stand there.
//!
//! One walk from the root of the tree to the cursor, along the descriptions of
//! the components and the functions. Everything that is asked about a place
//! begins here.

use std::ops::Range as Span;
use std::sync::Arc;

use pipewright_config::catalogue::{self, Description, Part, Property, Role};
use pipewright_config::{File, FileKind};
use pipewright_dtl::functions::{self, Function, Kind};
use pipewright_dtl::syntax::{Document, Member, Node, NodeKind};
use pipewright_entity::Text;

/// A place in a text.
pub(crate) struct Site<'a> {
    pub(crate) document: &'a Document,
    pub(crate) offset: usize,
    /// What may stand here.
    pub(crate) slot: Slot<'a>,
    /// What is written here: the string, word or number around the cursor, and
    /// else nothing, at the cursor.
    pub(crate) token: Span<usize>,
    /// The pipe or system around the cursor.
    pub(crate) component: Option<&'a Node>,
    /// Inside DTL: what can be named.
    pub(crate) scope: Scope<'a>,
    /// Whether what `offset` is on counts, or only what it is in.
    pointing: bool,
}

/// What may stand at a place.
#[derive(Clone)]
pub(crate) enum Slot<'a> {
    /// Nothing can be said about it.
    Unknown,
    /// A key of an object that has a description.
    Key { keys: Keys, object: &'a Node, member: Option<&'a Member> },
    /// A value that has a description, alone or in a list.
    Value { property: &'static Property, object: &'a Node },
    /// The `type` of a component.
    Type { part: Part, object: &'a Node },
    /// A component as a whole.
    Component { part: Part },
    /// The name of a rule where it is written.
    RuleKey { rules: &'a Node, member: Option<&'a Member> },
    /// The name of a function or transform.
    Function { role: functions::Role, call: &'a Node },
    /// A whole transform.
    Transform,
    /// An expression that is no argument of a call.
    Expression,
    /// An argument.
    Argument { function: &'static Function, call: &'a Node, index: usize, kind: Kind },
    /// A dataset with its alias, in hops.
    HopsDataset,
    /// What hops give back.
    HopsReturn,
    /// An alias as a key of hops' subsets.
    HopsAlias { object: &'a Node, member: Option<&'a Member> },
}

/// The keys an object may have.
#[derive(Clone, Copy)]
pub(crate) enum Keys {
    /// Of a component that has a description.
    Component(Part, &'static Description),
    /// Of a component whose type is missing or unknown.
    Untyped(Part),
    /// Of an object inside a component.
    Inside(&'static Property),
    /// Of a specification of hops.
    Hops,
}

/// What DTL can name at a place.
#[derive(Clone, Default)]
pub(crate) struct Scope<'a> {
    /// The rules around it; none for an expression by itself.
    pub(crate) rules: Option<&'a Node>,
    /// The rule around it.
    pub(crate) rule: Option<Text>,
    /// Whether this is DTL at all.
    pub(crate) dtl: bool,
    /// Datasets that `_S` is an entity of, where known.
    pub(crate) source: Vec<Text>,
    /// Aliases with their datasets, the innermost last.
    pub(crate) aliases: Vec<(Text, Text)>,
    /// Whether `_` is bound.
    pub(crate) item: bool,
    /// The calls around the cursor, the innermost last, each with the argument
    /// that the cursor is in.
    pub(crate) calls: Vec<(&'static Function, &'a Node, usize)>,
}

impl<'a> Site<'a> {
    /// The place a cursor is at, to write there.
    pub(crate) fn at(file: &'a Arc<File>, offset: usize) -> Site<'a> {
        Site::find(file, offset, false)
    }

    /// What a pointer is on, to read there.
    pub(crate) fn on(file: &'a Arc<File>, offset: usize) -> Site<'a> {
        Site::find(file, offset, true)
    }

    fn find(file: &'a Arc<File>, offset: usize, pointing: bool) -> Site<'a> {
        let document = &*file.document;
        let mut site = Site {
            document,
            offset,
            slot: Slot::Unknown,
            token: offset..offset,
            component: None,
            scope: Scope::default(),
            pointing,
        };
        match &document.root {
            Some(root) if root.is_array() => {
                if let (_, Some(item)) = site.item(root.items()) {
                    site.top(item, file.kind);
                }
            }
            Some(root) => site.top(root, file.kind),
            None => {}
        }
        site
    }

    /// The text that is written here.
    pub(crate) fn text(&self) -> &'a str {
        self.document.text.get(self.token.clone()).unwrap_or_default()
    }

    /// What is written here without its quotes.
    pub(crate) fn word(&self) -> &'a str {
        let text = self.text();
        let inner = text.strip_prefix('"').unwrap_or(text);
        inner.strip_suffix('"').unwrap_or(inner)
    }

    /// The part of what is written here that stands before the cursor, without
    /// the quote.
    pub(crate) fn before(&self) -> &'a str {
        let text = self.document.text.get(self.token.start..self.offset).unwrap_or_default();
        text.strip_prefix('"').unwrap_or(text)
    }

    /// Whether what is written here is in quotes.
    pub(crate) fn quoted(&self) -> bool {
        self.text().starts_with('"')
    }

    fn top(&mut self, node: &'a Node, file: FileKind) {
        let part = match (node.get("type").and_then(Node::as_str), file) {
            (Some("pipe"), _) => Part::Pipe,
            (Some("metadata"), _) => Part::Metadata,
            (Some(kind), _) if kind.starts_with("system:") => Part::System,
            (_, FileKind::System) => Part::System,
            (_, FileKind::Metadata) => Part::Metadata,
            (_, FileKind::Pipe | FileKind::Config) => Part::Pipe,
            _ => return,
        };
        self.component = Some(node);
        if part == Part::Pipe {
            self.scope.source = sources(node);
        }
        self.component(node, part);
    }

    /// Whether the cursor is in a value, rather than beside it.
    fn holds(&self, node: &Node) -> bool {
        let Span { start, end } = node.span;
        let at = self.offset;
        let last = self.document.text.as_bytes().get(end.wrapping_sub(1)).copied();
        match &node.kind {
            NodeKind::Array(_) => start < at && (at < end || (at == end && last != Some(b']'))),
            NodeKind::Object(_) => start < at && (at < end || (at == end && last != Some(b'}'))),
            NodeKind::String(_) => self.in_string(&node.span),
            _ => start <= at && at <= end,
        }
    }

    fn in_string(&self, span: &Span<usize>) -> bool {
        let at = self.offset;
        let closed = span.len() > 1 && self.document.text.as_bytes()[span.end - 1] == b'"';
        (if self.pointing { span.start <= at } else { span.start < at })
            && (at < span.end || (at == span.end && !closed))
    }

    /// The item the cursor is in, or else the place it would have.
    fn item(&self, items: &'a [Node]) -> (usize, Option<&'a Node>) {
        // Spans are ascending.
        let before = items.partition_point(|item| item.span.end < self.offset);
        let near = items[before..].iter().take(2).position(|item| self.holds(item));
        match near {
            Some(near) => (before + near, Some(&items[before + near])),
            None => (items.partition_point(|item| item.span.end <= self.offset), None),
        }
    }

    /// Whether the cursor is on the value of a member or where it should be.
    fn in_value(&self, member: &Member) -> bool {
        if self.offset < member.key_span.end || self.in_string(&member.key_span) {
            return false;
        }
        if self.holds(&member.value) && self.offset > member.key_span.end {
            return true;
        }
        // Between the colon and a value that is not there yet.
        let from = member.key_span.end;
        let between = self.document.text.get(from..self.offset).unwrap_or_default();
        let blank = between.trim();
        member.value.is_missing() && blank == ":"
    }

    fn component(&mut self, node: &'a Node, part: Part) {
        if !node.is_object() {
            self.slot = Slot::Component { part };
            return self.take(node);
        }
        let description = match part {
            Part::Pipe => catalogue::find(part, "pipe"),
            Part::Pump => catalogue::find(part, "pump"),
            Part::Metadata => catalogue::find(part, "metadata"),
            _ => match node.get("type").map(Node::as_str) {
                None if part == Part::Sink => catalogue::find(part, "dataset"),
                Some(Some(name)) => catalogue::find(part, name),
                _ => None,
            },
        };
        let keys = match description {
            Some(description) => Keys::Component(part, description),
            None => Keys::Untyped(part),
        };
        let Some(member) = self.member(node, keys) else { return };
        let value = &member.value;
        match member.key.as_str() {
            "type" => {
                self.slot = Slot::Type { part, object: node };
                self.take(value);
            }
            "_id" => self.take(value),
            "alternatives" if description.is_some_and(|found| found.name == "conditional") => {
                let inside = value.members().iter().find(|member| self.in_value(member));
                if let Some(member) = inside {
                    self.component(&member.value, part);
                }
            }
            key => {
                let Some(property) = description.and_then(|found| found.property(key)) else {
                    return;
                };
                self.value(value, property, node);
            }
        }
    }

    /// The member whose value the cursor is in; on a key, the slot is taken.
    fn member(&mut self, node: &'a Node, keys: Keys) -> Option<&'a Member> {
        let members = node.members();
        if let Some(member) = members.iter().find(|member| self.in_value(member)) {
            return Some(member);
        }
        let member = members.iter().find(|member| self.on_key(member));
        if let Some(member) = member {
            self.token = member.key_span.clone();
        }
        self.slot = Slot::Key { keys, object: node, member };
        None
    }

    fn on_key(&self, member: &Member) -> bool {
        let span = &member.key_span;
        let quoted = self.document.text[span.clone()].starts_with('"');
        match quoted {
            true => self.in_string(span),
            false => span.start <= self.offset && self.offset <= span.end,
        }
    }

    fn value(&mut self, node: &'a Node, property: &'static Property, object: &'a Node) {
        match property.role {
            Some(Role::Component) => {
                let part = match property.name.as_str() {
                    "source" => Part::Source,
                    "sink" => Part::Sink,
                    "pump" => Part::Pump,
                    _ => Part::Transform,
                };
                self.slot = Slot::Component { part };
                if !node.is_array() {
                    return self.component(node, part);
                }
                if let (_, Some(item)) = self.item(node.items()) {
                    self.component(item, part);
                }
            }
            Some(Role::Rules) => self.rules(node),
            Some(Role::Entities) => {}
            Some(Role::Expression) => {
                self.scope.dtl = true;
                self.expression(node);
            }
            Some(Role::Expressions) => {
                self.scope.dtl = true;
                self.scope.aliases = merged(object);
                self.expressions(node);
            }
            _ if !property.properties.is_empty() && (node.is_object() || node.is_array()) => {
                // The object, or the one of a list of them.
                let one = match node.is_array() {
                    true => self.item(node.items()).1.filter(|item| item.is_object()),
                    false => Some(node),
                };
                let Some(one) = one else { return };
                let Some(member) = self.member(one, Keys::Inside(property)) else { return };
                if let Some(inner) = property.property(&member.key) {
                    self.value(&member.value, inner, one);
                }
            }
            _ => {
                self.slot = Slot::Value { property, object };
                if node.is_array() {
                    if let (_, Some(item)) = self.item(node.items()) {
                        self.take(item);
                    }
                } else {
                    self.take(node);
                }
            }
        }
    }

    /// What is written here is this, if it is a string, a word or a number.
    fn take(&mut self, node: &'a Node) {
        if !node.is_array() && !node.is_object() && self.holds(node) {
            self.token = node.span.clone();
        }
    }

    /// A list of expressions, or of lists of them.
    fn expressions(&mut self, node: &'a Node) {
        self.slot = Slot::Expression;
        let (_, Some(item)) = self.item(node.items()) else { return };
        let nested = item.items().first().is_some_and(|first| first.as_str().is_none())
            || (item.items().first().is_some_and(|first| first.as_str().is_some_and(is_path)));
        if item.is_array() && nested { self.expressions(item) } else { self.expression(item) }
    }

    fn rules(&mut self, node: &'a Node) {
        self.scope.dtl = true;
        self.scope.rules = Some(node);
        let members = node.members();
        let Some(member) = members.iter().find(|member| self.in_value(member)) else {
            let member = members.iter().find(|member| self.on_key(member));
            if let Some(member) = member {
                self.token = member.key_span.clone();
            }
            self.slot = Slot::RuleKey { rules: node, member };
            return;
        };
        self.scope.rule = Some(member.key.clone());
        if member.key != "default" {
            self.scope.source = applied_to(node, &member.key);
        }
        self.block(&member.value);
    }

    /// Transforms: one, or a list of them.
    fn block(&mut self, node: &'a Node) {
        self.slot = Slot::Transform;
        let single = node.items().first().is_some_and(|first| first.as_str().is_some());
        if single {
            return self.call(node, functions::Role::Transform);
        }
        match self.item(node.items()) {
            (_, Some(item)) if item.is_array() => self.call(item, functions::Role::Transform),
            (_, Some(item)) => self.take(item),
            _ if node.is_array() => {}
            _ => self.take(node),
        }
    }

    fn expression(&mut self, node: &'a Node) {
        self.slot = Slot::Expression;
        match node.is_array() {
            true => self.call(node, functions::Role::Expression),
            false => self.take(node),
        }
    }

    fn call(&mut self, node: &'a Node, role: functions::Role) {
        let items = node.items();
        let (index, item) = self.item(items);
        let Some(at) = index.checked_sub(1) else {
            self.slot = Slot::Function { role, call: node };
            return item.map_or((), |item| self.take(item));
        };
        self.slot = Slot::Expression;
        let name = items.first().and_then(Node::as_str);
        let Some(function) = name.and_then(|name| functions::find(role, name)) else {
            // Even under a name that is not known, what is inside can be.
            if let Some(item) = item {
                self.expression(item);
            }
            return;
        };
        let count = (items.len() - 1).max(at + 1);
        let kind = function.argument(at, count).map_or(Kind::Value, |(_, kind)| kind);
        self.slot = Slot::Argument { function, call: node, index: at, kind };
        self.scope.calls.push((function, node, at));
        let Some(item) = item else { return };
        match kind {
            Kind::Transforms => self.block(item),
            Kind::Hops => self.hops(item),
            Kind::Literal => {}
            kind => {
                self.scope.item |= kind == Kind::Function;
                match item.is_array() {
                    true => self.call(item, functions::Role::Expression),
                    false => self.take(item),
                }
            }
        }
    }

    fn hops(&mut self, node: &'a Node) {
        let outer = self.scope.aliases.len();
        self.scope.aliases.extend(hop_aliases(node));
        let Some(member) = self.member(node, Keys::Hops) else { return };
        let value = &member.value;
        match member.key.as_str() {
            "datasets" => {
                self.slot = Slot::HopsDataset;
                if let (_, Some(item)) = self.item(value.items()) {
                    self.take(item);
                }
            }
            "where" => {
                let single = value.items().first().is_some_and(|first| first.as_str().is_some());
                if single { self.expression(value) } else { self.expressions(value) }
            }
            "return" => {
                self.slot = Slot::HopsReturn;
                match value.is_array() {
                    true => self.expression(value),
                    false => self.take(value),
                }
            }
            "subsets" | "prefilters" => {
                let members = value.members();
                match members.iter().find(|member| self.in_value(member)) {
                    Some(member) => {
                        // In a subset, `_S` is the entity of its dataset.
                        let own = self.scope.aliases[outer..].iter();
                        let dataset = own.filter(|(alias, _)| *alias == member.key);
                        self.scope.source = dataset.map(|(_, dataset)| dataset.clone()).collect();
                        self.expression(&member.value);
                    }
                    None => {
                        let member = members.iter().find(|member| self.on_key(member));
                        if let Some(member) = member {
                            self.token = member.key_span.clone();
                        }
                        self.slot = Slot::HopsAlias { object: value, member };
                    }
                }
            }
            _ => self.slot = Slot::Unknown,
        }
    }
}

/// The datasets that the source of a pipe reads.
fn sources(pipe: &Node) -> Vec<Text> {
    let Some(source) = pipe.get("source") else { return Vec::new() };
    let one = source.get("dataset").and_then(Node::as_text).cloned();
    let several = source.get("datasets").map_or(&[][..], Node::items).iter();
    let several = several.filter_map(|item| item.as_str()?.split_whitespace().next());
    one.into_iter().chain(several.map(Text::new)).collect()
}

/// The aliases of a merge.
fn merged(source: &Node) -> Vec<(Text, Text)> {
    aliases(source.get("datasets").map_or(&[][..], Node::items))
}

/// The aliases of a specification of hops.
pub(crate) fn hop_aliases(hops: &Node) -> Vec<(Text, Text)> {
    aliases(hops.get("datasets").map_or(&[][..], Node::items))
}

fn aliases(datasets: &[Node]) -> Vec<(Text, Text)> {
    let words = datasets.iter().filter_map(|item| {
        let mut words = item.as_str()?.split_whitespace();
        let dataset = words.next()?;
        Some((Text::new(words.next().unwrap_or(dataset)), Text::new(dataset)))
    });
    words.collect()
}

/// Whether a string is a path into a variable, rather than a function's name.
fn is_path(text: &str) -> bool {
    text.split_once('.').is_some_and(|(head, _)| !head.is_empty() && !head.contains(' '))
}

/// The datasets whose entities a rule is applied to by `apply-hops`.
fn applied_to(rules: &Node, rule: &str) -> Vec<Text> {
    let mut found = Vec::new();
    let mut nodes = vec![rules];
    while let Some(node) = nodes.pop() {
        nodes.extend(node.members().iter().map(|member| &member.value));
        let items = node.items();
        nodes.extend(items);
        let [function, name, .., hops] = items else { continue };
        if function.as_str() != Some("apply-hops") || name.as_str() != Some(rule) {
            continue;
        }
        let known = hop_aliases(hops);
        let returned = match hops.get("return").map(Node::as_str) {
            Some(Some(names)) => names.split(',').map(str::trim).collect(),
            Some(None) => Vec::new(),
            None => known.last().map(|(alias, _)| alias.as_str()).into_iter().collect(),
        };
        let datasets = known.iter().filter(|(alias, _)| returned.contains(&alias.as_str()));
        found.extend(datasets.map(|(_, dataset)| dataset.clone()));
    }
    found
}
