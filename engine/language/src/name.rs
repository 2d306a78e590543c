//! Names and what they stand for: where something is written, and giving it
//! another name everywhere.

use std::ops::Range as Span;

use pipewright_config::catalogue::Role;
use pipewright_config::{File, Project};
use pipewright_dtl::functions::{self, Kind};
use pipewright_dtl::syntax::{Document, Node, TextEdit};

use crate::site::{Site, Slot};
use crate::{Change, Range, Workspace};

/// A place in a file of the project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The file.
    pub path: String,
    /// The place in it.
    pub range: Range,
}

/// Where the thing that is named at a place is written.
pub(crate) fn definition(workspace: &Workspace, file: &File, site: &Site<'_>) -> Option<Location> {
    let here = |span: Span<usize>| {
        let range = Range::of(site.document, span);
        Location { path: file.path.to_string(), range }
    };
    if site.token.is_empty() {
        return None;
    }
    let project = &workspace.project;
    if let Some(found) = variable(project, site) {
        return Some(found);
    }
    let word = site.word();
    match &site.slot {
        Slot::Argument { kind: Kind::Rule, .. } => {
            Some(here(site.scope.rules?.member(word)?.key_span.clone()))
        }
        Slot::RuleKey { member, .. } => Some(here((*member)?.key_span.clone())),
        Slot::Value { property, .. } => match property.role? {
            Role::Dataset | Role::DatasetWritten | Role::Completeness => dataset(workspace, word),
            Role::DatasetsWithAlias => dataset(workspace, word.split_whitespace().next()?),
            Role::System => component(project, word),
            _ => None,
        },
        Slot::HopsDataset => dataset(workspace, word.split_whitespace().next()?),
        Slot::HopsReturn | Slot::HopsAlias { .. } | Slot::Expression => alias(site).map(here),
        Slot::Argument { function, call, index, .. } => alias(site).map(here).or_else(|| {
            let (name, _) = function.argument(*index, call.items().len().saturating_sub(1))?;
            name.ends_with("DATASET_ID").then(|| dataset(workspace, word)).flatten()
        }),
        _ => None,
    }
}

/// The `_id` of a pipe or system.
fn component(project: &Project, id: &str) -> Option<Location> {
    let (file, at) = project.place_of(id)?;
    let id = file.document.at(&at.key("_id"))?;
    let range = Range::of(&file.document, id.span.clone());
    Some(Location { path: file.path.to_string(), range })
}

/// The pipe that writes a dataset.
fn dataset(workspace: &Workspace, id: &str) -> Option<Location> {
    component(&workspace.project, workspace.datasets().get(id)?)
}

/// The entry of `$ENV(name)` in the profile.
fn variable(project: &Project, site: &Site<'_>) -> Option<Location> {
    let file = project.file(project.variables().file()?)?;
    let text = site.text();
    let inside = site.offset.saturating_sub(site.token.start);
    let start = text.match_indices("$ENV(").map(|(at, _)| at).filter(|at| *at <= inside).last()?;
    let (name, _) = text[start + 5..].split_once(')')?;
    if inside > start + 5 + name.len() + 1 {
        return None;
    }
    let member = file.document.root.as_ref()?.member(name)?;
    let range = Range::of(&file.document, member.key_span.clone());
    Some(Location { path: file.path.to_string(), range })
}

/// Where the alias that a path begins with is introduced.
fn alias(site: &Site<'_>) -> Option<Span<usize>> {
    let word = site.word();
    let alias = word.split(['.', ',']).next()?.trim();
    let around = site.scope.calls.iter().rev().flat_map(|(_, call, _)| call.items());
    let holding = around.filter(|node| node.span.contains(&site.offset));
    let datasets = holding.flat_map(|hops| hops.get("datasets").map_or(&[][..], Node::items));
    let named = |node: &&Node| {
        node.as_str().is_some_and(|text| text.split_whitespace().nth(1) == Some(alias))
    };
    datasets.into_iter().find(named).map(|node| node.span.clone())
}

/// The name that can be changed at a place, and where it stands: that of a
/// rule, where it is written or applied.
pub(crate) fn renamable(site: &Site<'_>) -> Option<(Span<usize>, String)> {
    let name = match &site.slot {
        Slot::RuleKey { member: Some(member), .. } => member.key.to_string(),
        Slot::Argument { kind: Kind::Rule, .. } => site.word().to_owned(),
        _ => return None,
    };
    // Where pipes begin cannot be called something else.
    let known = name != "default" && rules(site)?.member(&name).is_some();
    (known && site.quoted()).then(|| (site.token.clone(), name))
}

/// Gives the rule at a place another name, where it is written and everywhere
/// it is applied. An error for people when that cannot be.
pub(crate) fn rename(site: &Site<'_>, new: &str) -> Result<Vec<Change>, String> {
    let (Some((_, old)), Some(rules)) = (renamable(site), rules(site)) else {
        return Err("Only rules can be given another name.".into());
    };
    if new.trim().is_empty() {
        return Err("A rule needs a name.".into());
    }
    if new != old && rules.member(new).is_some() {
        return Err(format!("There is a rule {new:?} already."));
    }
    let mut spans = Vec::new();
    let keys = rules.members().iter().filter(|member| member.key == old);
    spans.extend(keys.map(|member| member.key_span.clone()));
    uses(rules, &old, &mut spans);
    spans.sort_by_key(|span| span.start);
    let replacement = serde_json::Value::from(new).to_string();
    let change =
        |span| Change::of(site.document, &TextEdit { span, replacement: replacement.clone() });
    Ok(spans.into_iter().map(change).collect())
}

fn rules<'a>(site: &Site<'a>) -> Option<&'a Node> {
    match &site.slot {
        Slot::RuleKey { rules, .. } => Some(rules),
        _ => site.scope.rules,
    }
}

/// Everywhere a rule is applied, by the description of the functions.
fn uses(node: &Node, rule: &str, found: &mut Vec<Span<usize>>) {
    for member in node.members() {
        uses(&member.value, rule, found);
    }
    let items = node.items();
    if let Some((name, args)) = items.split_first()
        && let Some(name) = name.as_str()
    {
        let function = functions::find(functions::Role::Expression, name)
            .or_else(|| functions::find(functions::Role::Transform, name));
        for (index, arg) in args.iter().enumerate() {
            let param = function.and_then(|function| function.param(index, args.len()));
            if param.is_some_and(|param| param.kind == Kind::Literal) {
                return;
            }
            if param.is_some_and(|param| param.kind == Kind::Rule) && arg.as_str() == Some(rule) {
                found.push(arg.span.clone());
            }
        }
    }
    for item in items {
        uses(item, rule, found);
    }
}

/// A thing in a text that has a name, with the things inside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// What it is called.
    pub name: String,
    /// What sort of thing it is, in a word or two.
    pub detail: String,
    /// What sort of thing it is, for an icon.
    pub kind: SymbolKind,
    /// All of it.
    pub range: Range,
    /// Its name.
    pub selection: Range,
    /// What is inside it.
    pub children: Vec<Symbol>,
}

/// Sorts of things in an outline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SymbolKind {
    /// A pipe, a system or the metadata.
    Component,
    /// A source, transform, sink or pump.
    Part,
    /// A rule of DTL.
    Rule,
}

/// The components of a text with their parts and rules.
pub(crate) fn symbols(document: &Document) -> Vec<Symbol> {
    let Some(root) = &document.root else { return Vec::new() };
    let one = root.is_object().then_some(root);
    let all = one.into_iter().chain(root.items());
    all.filter_map(|node| {
        let id = node.get("_id");
        let name = id.and_then(Node::as_str).unwrap_or("?");
        let detail = node.get("type").and_then(Node::as_str).unwrap_or_default();
        let selection = id.map_or(node.span.start..node.span.start + 1, |id| id.span.clone());
        let mut children = Vec::new();
        for member in node.members() {
            match member.key.as_str() {
                "source" | "sink" | "pump" => part(
                    document,
                    &member.key,
                    &member.value,
                    member.key_span.clone(),
                    &mut children,
                ),
                "transform" => {
                    transforms(document, &member.value, member.key_span.clone(), &mut children)
                }
                _ => {}
            }
        }
        node.is_object().then(|| Symbol {
            name: name.to_owned(),
            detail: detail.to_owned(),
            kind: SymbolKind::Component,
            range: Range::of(document, node.span.clone()),
            selection: Range::of(document, selection),
            children,
        })
    })
    .collect()
}

fn transforms(document: &Document, node: &Node, name: Span<usize>, to: &mut Vec<Symbol>) {
    if !node.is_array() {
        return part(document, "transform", node, name, to);
    }
    for item in node.items() {
        let start = item.span.start;
        part(document, "transform", item, start..start + 1, to);
    }
}

fn part(document: &Document, what: &str, node: &Node, name: Span<usize>, to: &mut Vec<Symbol>) {
    if !node.is_object() {
        return;
    }
    let rules = node.get("rules").map_or(&[][..], Node::members).iter();
    let children = rules.map(|member| Symbol {
        name: member.key.to_string(),
        detail: "rule".into(),
        kind: SymbolKind::Rule,
        range: Range::of(document, member.key_span.start..member.value.span.end),
        selection: Range::of(document, member.key_span.clone()),
        children: Vec::new(),
    });
    let children = children.collect();
    // A name lies inside of what it names.
    let range = name.start.min(node.span.start)..node.span.end;
    to.push(Symbol {
        name: what.to_owned(),
        detail: node.get("type").and_then(Node::as_str).unwrap_or_default().to_owned(),
        kind: SymbolKind::Part,
        range: Range::of(document, range),
        selection: Range::of(document, name),
        children,
    });
}
