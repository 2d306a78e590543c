//! What something is, in Markdown.

use pipewright_config::catalogue::{Description, Part, Property, Required};
use pipewright_config::flow::{Graph, Relation, Vertex};
use pipewright_dtl::functions::{self, Example, Function, Kind, Purity};
use pipewright_dtl::syntax::Node;
use pipewright_dtl::{HOPS_KEYS, names::VARIABLES};

use crate::site::{Keys, Site, Slot};
use crate::{Range, Workspace};

/// What stands at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hover {
    /// What it is about.
    pub range: Range,
    /// Markdown.
    pub text: String,
}

pub(crate) fn hover(workspace: &Workspace, site: &Site<'_>) -> Option<Hover> {
    if site.token.is_empty() {
        return None;
    }
    let text = match &site.slot {
        Slot::Key { keys, .. } => key(keys, site.word())?,
        Slot::Value { property: described, .. } => {
            named(workspace, site, described).unwrap_or_else(|| property(described))
        }
        Slot::Type { part, .. } => {
            component(pipewright_config::catalogue::find(*part, site.word())?)
        }
        Slot::Function { role, .. } => function(functions::find(*role, site.word())?),
        Slot::RuleKey { rules, .. } => rule(rules, site.word())?,
        Slot::HopsDataset => dataset(workspace, site.word().split_whitespace().next()?)?,
        Slot::HopsReturn | Slot::HopsAlias { .. } => {
            alias(site, site.word()).or_else(|| path(workspace, site))?
        }
        Slot::Argument { kind: Kind::Rule, .. } => rule(site.scope.rules?, site.word())?,
        Slot::Argument { function: called, call, index, .. } => path(workspace, site)
            .or_else(|| {
                let (name, _) = called.argument(*index, call.items().len().saturating_sub(1))?;
                name.ends_with("DATASET_ID").then(|| dataset(workspace, site.word())).flatten()
            })
            .or_else(|| variable(workspace, site))?,
        Slot::Expression => path(workspace, site).or_else(|| variable(workspace, site))?,
        Slot::Transform | Slot::Component { .. } | Slot::Unknown => variable(workspace, site)?,
    };
    Some(Hover { range: Range::of(site.document, site.token.clone()), text })
}

/// A function or transform: how it is called, what it does, its documented
/// uses with their results.
pub(crate) fn function(function: &Function) -> String {
    let mut text = format!("```json\n{}\n```\n", function.signature());
    text.push_str(function.summary);
    if !function.also.is_empty() {
        let also: Vec<String> = function.also.iter().map(|name| format!("`{name}`")).collect();
        text.push_str(&format!("\n\nAlso written {}.", also.join(", ")));
    }
    if let Some(instead) = function.deprecated {
        text.push_str(&format!("\n\n**Kept for old configurations only**: {instead}."));
    }
    if let Some(note) = purity(function.purity) {
        text.push_str(&format!("\n\n{note}"));
    }
    if !function.examples.is_empty() {
        text.push_str("\n\n");
        text.push_str(&examples(function.examples));
    }
    text.push_str(&format!("\n\n[Documentation]({})", page(function)));
    text
}

/// Documented uses, as a block of code.
pub(crate) fn examples(examples: &[Example]) -> String {
    let mut text = String::from("```json\n");
    for example in examples {
        if !example.source.is_empty() && example.source != "{}" {
            text.push_str(&format!("// with _S = {}\n", example.source));
        }
        text.push_str(&format!("{}  // {}\n", example.text, example.result));
    }
    text.push_str("```");
    text
}

/// The address of the page that documents a function.
pub(crate) fn page(function: &Function) -> String {
    let page = match function.role() {
        functions::Role::Transform => "dtl-transforms".to_owned(),
        functions::Role::Expression => format!("dtl-functions-{}", function.area),
    };
    format!("https://docs.sesam.io/hub/dtl/{page}.html#{}", function.name)
}

fn purity(purity: Purity) -> Option<&'static str> {
    match purity {
        Purity::Pure => None,
        Purity::Time => Some("Its result depends on the time."),
        Purity::Random => Some("Its result depends on chance."),
        Purity::Joins => Some("It looks into other datasets; their changes are tracked."),
        Purity::Reads => {
            Some("Its result depends on more than its arguments; changes there are not tracked.")
        }
        Purity::Effect => Some("It has an effect besides its result."),
    }
}

/// A kind of component.
pub(crate) fn component(description: &Description) -> String {
    let mut text = format!("**{}**\n\n{}", description.name, description.about);
    if !description.is_supported() {
        text.push_str("\n\nIt does not run here yet.");
    }
    if let Some(remark) = &description.remark {
        text.push_str(&format!("\n\nA remark: {remark}."));
    }
    if description.deprecated {
        text.push_str("\n\nThe documentation advises against it.");
    }
    text.push_str(&format!("\n\n[Documentation]({})", description.url()));
    text
}

/// A property of a component.
pub(crate) fn property(property: &Property) -> String {
    let mut text = format!("**{}**", property.name);
    if !property.shapes.is_empty() {
        text.push_str(&format!(": {}", property.shape_names()));
    }
    if matches!(property.required, Required::Yes) {
        text.push_str(", required");
    }
    if let Some(about) = &property.about {
        text.push_str(&format!("\n\n{about}"));
    }
    if let Some(why) = &property.idle {
        text.push_str(&format!("\n\nIt does nothing here: {why}."));
    }
    if !property.values.is_empty() {
        let values: Vec<String> =
            property.values.iter().map(|value| format!("`{value}`")).collect();
        text.push_str(&format!("\n\nOne of {}.", values.join(", ")));
    }
    if let Some(default) = &property.default {
        text.push_str(&format!("\n\nDefault: `{default}`."));
    }
    if let Some(inherits) = &property.inherits {
        text.push_str(&format!("\n\nThe node metadata gives the default: `{inherits}`."));
    }
    if property.deprecated {
        text.push_str("\n\nThe documentation advises against it.");
    }
    text
}

fn key(keys: &Keys, word: &str) -> Option<String> {
    match keys {
        Keys::Component(_, description) => match word {
            "type" => Some("**type**: a string, required\n\nWhat kind of component it is.".into()),
            _ => description.property(word).map(property),
        },
        Keys::Untyped(_) => None,
        Keys::Inside(outer) => outer.property(word).map(property),
        Keys::Hops => {
            let (name, about) = HOPS_KEYS.iter().find(|(name, _)| *name == word)?;
            Some(format!("**{name}**\n\n{about}"))
        }
    }
}

/// What a value names: a dataset, a system, a variable of the node.
fn named(workspace: &Workspace, site: &Site<'_>, described: &Property) -> Option<String> {
    use pipewright_config::catalogue::Role;
    let word = site.word();
    variable(workspace, site).or_else(|| match described.role? {
        Role::Dataset | Role::DatasetWritten => dataset(workspace, word),
        Role::DatasetsWithAlias => dataset(workspace, word.split_whitespace().next()?),
        Role::System => {
            let system = workspace.project.system(word)?;
            let about = pipewright_config::catalogue::find(Part::System, &system.kind);
            let about = about.map_or("", |description| description.about.as_str());
            Some(format!("**{word}**: {}\n\n{about}", system.kind))
        }
        _ => None,
    })
}

/// A dataset: who writes it and who reads it.
pub(crate) fn dataset(workspace: &Workspace, id: &str) -> Option<String> {
    let graph = Graph::new(&workspace.project);
    let mut text = format!("**{id}**");
    let writers = graph.writers_of(id);
    if writers.is_empty() && graph.readers_of(id).is_empty() {
        return None;
    }
    if !writers.is_empty() {
        text.push_str(&format!("\n\nWritten by {}.", names(writers.iter().map(|id| id.as_str()))));
    }
    let readers = graph.edges().iter().filter_map(|edge| match (&edge.from, &edge.to) {
        (Vertex::Dataset(from), Vertex::Pipe(pipe)) if from == id => {
            Some((pipe.as_str(), edge.relation))
        }
        _ => None,
    });
    let (hops, reads): (Vec<_>, Vec<_>) =
        readers.partition(|(_, relation)| *relation == Relation::Hops);
    for (word, pipes) in [("Read", reads), ("Looked up", hops)] {
        if !pipes.is_empty() {
            text.push_str(&format!("\n\n{word} by {}.", names(pipes.iter().map(|(id, _)| *id))));
        }
    }
    if let Some(seen) = workspace.seen.get(id).filter(|seen| !seen.is_empty()) {
        text.push_str(&format!(
            "\n\nProperties: {}.",
            names(seen.iter().map(|name| name.as_str()))
        ));
    }
    Some(text)
}

/// Names as code, cut when there are many.
fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const MOST: usize = 12;
    let all: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    match all.len() {
        0..=MOST => all.join(", "),
        len => format!("{} and {} more", all[..MOST].join(", "), len - MOST),
    }
}

fn rule(rules: &Node, name: &str) -> Option<String> {
    let member = rules.member(name)?;
    let block = member.value.items();
    let single = block.first().is_some_and(|first| first.as_str().is_some());
    let count = if single { 1 } else { block.len() };
    let plural = if count == 1 { "" } else { "s" };
    Some(format!("**{name}**: a rule of {count} transform{plural}"))
}

fn alias(site: &Site<'_>, name: &str) -> Option<String> {
    let (alias, dataset) = site.scope.aliases.iter().rev().find(|(alias, _)| alias == name)?;
    Some(format!("**{alias}**: an entity of the dataset `{dataset}`"))
}

/// A path into a variable.
fn path(workspace: &Workspace, site: &Site<'_>) -> Option<String> {
    let (head, rest) = site.word().split_once('.')?;
    let (mut text, datasets) = match alias(site, head) {
        Some(text) => {
            let aliases = site.scope.aliases.iter().rev();
            (text, aliases.filter(|(alias, _)| alias == head).map(|(_, id)| id).take(1).collect())
        }
        None => {
            let (name, about) = VARIABLES.iter().find(|(name, _)| *name == head)?;
            let datasets = match *name {
                "_S" => site.scope.source.iter().collect(),
                _ => Vec::new(),
            };
            (format!("**{name}**: {about}"), datasets)
        }
    };
    let property = rest.split('.').next().unwrap_or_default();
    for dataset in datasets {
        let seen = workspace.seen.get(dataset).into_iter().flatten();
        let found: Vec<_> = seen.filter(|name| is_same(name, property)).collect();
        if !found.is_empty() {
            let found = names(found.into_iter().map(|name| name.as_str()));
            text.push_str(&format!("\n\n{found} is in the data of `{dataset}`."));
        }
    }
    Some(text)
}

/// Whether a property is what a name in DTL stands for, with or without its
/// namespace.
pub(crate) fn is_same(property: &str, name: &str) -> bool {
    let name = name.trim_start_matches(':');
    property == name || property.rsplit(':').next() == Some(name)
}

/// `$ENV(name)` with its value.
fn variable(workspace: &Workspace, site: &Site<'_>) -> Option<String> {
    let word = site.word();
    let inside = site.before().len();
    let start = word.match_indices("$ENV(").map(|(at, _)| at).filter(|at| *at <= inside).last()?;
    let name = word[start + 5..].split(')').next()?;
    let value = workspace.project.variables().get(name)?;
    let file = workspace.project.variables().file().unwrap_or("the profile");
    Some(format!("**{name}** in {file}: `{value}`"))
}
