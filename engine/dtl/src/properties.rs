//! Which properties rules set and read, told from their text alone: also of
//! rules that do not compile.

use std::collections::BTreeSet;

use crate::functions::{self, Kind, Role};
use crate::syntax::{Node, Path, Trail};

/// The properties that the entities which rules make can have, without their
/// namespaces; `None` when that is not certain. Properties that begin with `_`
/// or `$` are not told.
pub fn written(rules: &Node) -> Option<BTreeSet<&str>> {
    let default = rules.get("default")?;
    // What is emitted beside the target is made elsewhere.
    if calls(default, &["create"]) {
        return None;
    }
    let mut set = Some(BTreeSet::new());
    sets(default, &mut set);
    set
}

/// A path in rules that reads a property of an entity from a dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading<'n> {
    /// The string that is the path.
    pub node: &'n Node,
    /// Where it stands.
    pub path: Path,
    /// The dataset that hops find the entity in; `None` for the source.
    pub dataset: Option<&'n str>,
    /// The property, without its namespace.
    pub property: &'n str,
}

/// The properties that rules read of the source entity and of entities that
/// hops find. What is not certain is left out, and so are names that begin with
/// `_` or `$` or are quoted.
pub fn readings<'n>(rules: &'n Node, at: &Path) -> Vec<Reading<'n>> {
    let mut found = Vec::new();
    for rule in rules.members() {
        // Another rule may be applied to anything, and so may this one.
        let source = rule.key == "default" && !names(rules, "default");
        let scope = Scope { source, aliases: Vec::new() };
        read(&rule.value, &Trail::At(at).key(&rule.key), &scope, &mut found);
    }
    found
}

/// What the variables of an expression stand for.
#[derive(Clone)]
struct Scope<'n> {
    /// Whether `_S` is the source of the pipe.
    source: bool,
    /// Aliases and their datasets; the innermost are the last.
    aliases: Vec<(&'n str, &'n str)>,
}

fn read<'n>(node: &'n Node, at: &Trail<'_>, scope: &Scope<'n>, found: &mut Vec<Reading<'n>>) {
    if let Some(reading) = reading(node, at, scope) {
        found.push(reading);
    }
    let items = node.items();
    let function = items.first().and_then(Node::as_str);
    match function {
        Some("comment" | "literal") => return,
        Some("hops" | "apply-hops") => {
            let mut first = true;
            for (index, item) in items.iter().enumerate().filter(|(_, item)| item.is_object()) {
                specification(item, &at.index(index), scope, first, found);
                first = false;
            }
            return;
        }
        _ => {}
    }
    let skipped = usize::from(function.is_some());
    for (index, item) in items.iter().enumerate().skip(skipped) {
        read(item, &at.index(index), scope, found);
    }
}

fn reading<'n>(node: &'n Node, at: &Trail<'_>, scope: &Scope<'n>) -> Option<Reading<'n>> {
    let (head, rest) = node.as_str()?.split_once('.')?;
    let alias = scope.aliases.iter().rev().find(|(alias, _)| *alias == head);
    let dataset = match alias {
        Some((_, dataset)) => Some(*dataset),
        None if head == "_S" && scope.source => None,
        None => return None,
    };
    let name = rest.split('.').next().filter(|name| !name.contains(['\'', '$', '(']))?;
    let property = identifier(name);
    if property.is_empty() || property.starts_with('_') {
        return None;
    }
    Some(Reading { node, path: at.to_path(), dataset, property })
}

/// What one specification of hops reads.
fn specification<'n>(
    node: &'n Node,
    at: &Trail<'_>,
    scope: &Scope<'n>,
    first: bool,
    found: &mut Vec<Reading<'n>>,
) {
    let mut scope = scope.clone();
    // Of a later specification the source is what the one before has found, and
    // of one that recurs also what it finds itself.
    scope.source &= first && node.get("recurse").is_none();
    for dataset in node.get("datasets").map(Node::items).unwrap_or_default() {
        let mut words = dataset.as_str().unwrap_or_default().split_whitespace();
        if let (Some(name), Some(alias)) = (words.next(), words.next()) {
            scope.aliases.push((alias, name));
        }
    }
    if let Some(conditions) = node.get("where") {
        read(conditions, &at.key("where"), &scope, found);
    }
    if let Some(template) = node.get("return") {
        in_template(template, &at.key("return"), &scope, found);
    }
}

fn in_template<'n>(
    node: &'n Node,
    at: &Trail<'_>,
    scope: &Scope<'n>,
    found: &mut Vec<Reading<'n>>,
) {
    for member in node.members() {
        in_template(&member.value, &at.key(&member.key), scope, found);
    }
    read(node, at, scope, found);
}

/// Whether one of some functions is called.
fn calls(node: &Node, functions: &[&str]) -> bool {
    let items = node.items();
    items.first().and_then(Node::as_str).is_some_and(|name| functions.contains(&name))
        || items.iter().any(|item| calls(item, functions))
        || node.members().iter().any(|member| calls(&member.value, functions))
}

/// Whether a rule is applied by its name.
fn names(node: &Node, rule: &str) -> bool {
    let items = node.items();
    let function = items.first().and_then(Node::as_str);
    matches!(function, Some("apply" | "apply-hops"))
        && items.get(1).and_then(Node::as_str) == Some(rule)
        || items.iter().any(|item| names(item, rule))
        || node.members().iter().any(|member| names(&member.value, rule))
}

/// A name without its namespace.
pub fn identifier(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// The properties that transforms set, without namespaces; `None` when any
/// may be set.
pub(crate) fn sets<'n>(node: &'n Node, set: &mut Option<BTreeSet<&'n str>>) {
    let Some(names) = set else { return };
    let items = node.items();
    let (name, args) = match items.split_first() {
        Some((first, args)) => (first.as_str(), args),
        None => return,
    };
    let Some(function) = name.and_then(|name| functions::find(Role::Transform, name)) else {
        match name {
            // Transforms in a list.
            None => items.iter().for_each(|item| sets(item, set)),
            Some(_) => *set = None,
        }
        return;
    };
    match (function.name, args) {
        ("add" | "add-if" | "default", [property, ..]) => match property.as_str() {
            Some(name) if !name.contains('.') && !name.contains('$') => {
                names.insert(identifier(name));
            }
            _ => *set = None,
        },
        ("rename", [_, to]) => match to.as_str() {
            Some(name) if !name.contains('.') && !name.contains('$') => {
                names.insert(identifier(name));
            }
            _ => *set = None,
        },
        ("copy", [pattern, ..]) => match pattern.as_str() {
            Some(name) if !name.contains(['*', '?', '.', '$']) => {
                names.insert(identifier(name));
            }
            _ => *set = None,
        },
        ("comment" | "remove" | "filter" | "discard" | "create" | "fail!", _) => {}
        ("if" | "case" | "case-eq", args) => {
            for (index, arg) in args.iter().enumerate() {
                let kind = function.argument(index, args.len()).map(|(_, kind)| kind);
                if kind == Some(Kind::Transforms) {
                    sets(arg, set);
                }
            }
        }
        _ => *set = None,
    }
}

/// Paths into the target: `_T.name`, with the name.
pub(crate) fn reads<'n>(
    node: &'n Node,
    at: &Trail<'_>,
    found: &mut dyn FnMut(&'n Node, &Trail<'_>, &'n str),
) {
    if let Some(text) = node.as_str()
        && let Some(rest) = text.strip_prefix("_T.")
    {
        let name = rest.split('.').next().unwrap_or_default();
        if !name.is_empty() && !name.contains('$') {
            found(node, at, name);
        }
    }
    for member in node.members() {
        reads(&member.value, &at.key(&member.key), found);
    }
    let items = node.items();
    // What is commented out is not read.
    if matches!(items.first().and_then(Node::as_str), Some("comment" | "literal")) {
        return;
    }
    for (index, item) in items.iter().enumerate() {
        reads(item, &at.index(index), found);
    }
}
