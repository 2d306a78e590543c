//! Where the properties of a pipe's entities come from, and what is made of
//! them further down, told from the config alone.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range as Span;

use pipewright_config::Pipe;
use pipewright_config::pipe::SourceKind;
use pipewright_dtl::making::{Made, Making, makings};
use pipewright_dtl::properties::{identifier, readings};
use pipewright_dtl::syntax::Node;

use crate::Workspace;

/// Where the properties of one pipe come from and go to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lineage {
    /// Each property that is known, in order.
    pub properties: Vec<PropertyLineage>,
    /// Whether it may make others, which only running it tells.
    pub may_make_more: bool,
}

/// Where one property comes from and goes to. Names are without namespaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PropertyLineage {
    /// The property.
    pub name: String,
    /// What makes it, in the order of the rules.
    pub made: Vec<MadeBy>,
    /// The pipes that read it, and how.
    pub used: Vec<UsedBy>,
}

/// What makes a property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeBy {
    /// The name of the transform; empty where the source gives it as it is.
    pub what: String,
    /// The transform in the file of the pipe.
    pub span: Span<usize>,
    /// What it is made of.
    pub from: Vec<Property>,
}

/// A property that something is made of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Property {
    /// The datasets it may be read from; none for a property of the pipe's own.
    pub datasets: Vec<String>,
    /// The pipes that write those.
    pub pipes: Vec<String>,
    /// Its name.
    pub name: String,
}

/// A pipe that reads a property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsedBy {
    /// The pipe.
    pub pipe: String,
    /// Its file.
    pub file: String,
    /// Where it is read.
    pub span: Span<usize>,
    /// What for.
    pub what: ReadFor,
    /// The properties that it makes of it.
    pub makes: Vec<String>,
}

/// What a property is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadFor {
    /// The rules read it of the source.
    Source,
    /// The rules look it up.
    Lookup,
    /// Everything of this form is copied.
    Copy,
    /// Entities are merged by it.
    Merge,
}

impl Workspace {
    /// Where the properties of a pipe come from and go to; `None` when there is
    /// no such pipe.
    pub fn lineage(&self, pipe: &str) -> Option<Lineage> {
        let pipe = self.project.pipe(pipe)?;
        let mut lineage = Lineage::default();
        let mut properties: BTreeMap<String, PropertyLineage> = BTreeMap::new();
        let made = self.makes(pipe);
        let named = made.iter().flat_map(|making| match making.made {
            Made::Named(name) | Made::Renamed(_, name) => vec![name.to_owned()],
            Made::Copied(_) => Vec::new(),
            Made::Unknown => Vec::new(),
        });
        let mut names: BTreeSet<String> = named.collect();
        // What comes through as it is has the names that the source has.
        let given = self.given(pipe);
        let passes = pipe.dtl().next().is_none();
        let copied = given.iter().filter(|name| {
            passes || made.iter().any(|it| matches!(it.made, Made::Copied(_)) && it.made.is(name))
        });
        names.extend(copied.cloned());
        if let Some(sink) = pipe.sink_dataset() {
            names.extend(self.seen_in(sink));
        }
        lineage.may_make_more = made.iter().any(|it| it.made == Made::Unknown)
            || pipe.transforms.len() > pipe.dtl().count();
        for name in names {
            let known = PropertyLineage { name: name.clone(), ..PropertyLineage::default() };
            let property = properties.entry(name.clone()).or_insert(known);
            // A copy of everything makes what the source is known to have, or
            // what nothing else makes.
            let is_named =
                made.iter().any(|it| it.made.is(&name) && !matches!(it.made, Made::Copied(_)));
            let may_be_copied = !is_named || given.contains(&name);
            property.made = made
                .iter()
                .filter(|making| making.made.is(&name))
                .filter(|making| may_be_copied || !matches!(making.made, Made::Copied(_)))
                .map(|making| self.made_by(pipe, making, &name))
                .collect();
            if property.made.is_empty() && passes {
                let span = pipe.origin.file.document.nearest_span(&pipe.origin.at.key("source"));
                let from = vec![self.property(pipe, None, &name)];
                property.made.push(MadeBy { what: String::new(), span, from });
            }
            property.used = self.readers_of(pipe, &name);
        }
        lineage.properties = properties.into_values().collect();
        Some(lineage)
    }

    /// What the rules of a pipe make. Of several transforms all count: the
    /// later ones go on with what the earlier ones made.
    fn makes<'p>(&self, pipe: &'p Pipe) -> Vec<Making<'p>> {
        pipe.dtl().flat_map(|(_, dtl)| makings(&dtl.rules.node, &dtl.rules.at)).collect()
    }

    fn made_by(&self, pipe: &Pipe, making: &Making<'_>, name: &str) -> MadeBy {
        let mut from: Vec<Property> = match making.made {
            Made::Copied(_) => vec![self.property(pipe, None, name)],
            Made::Renamed(before, _) => vec![own(before)],
            _ => Vec::new(),
        };
        from.extend(making.reads.iter().map(|it| self.property(pipe, it.dataset, it.property)));
        from.extend(making.reads_own.iter().map(|name| own(name)));
        from.sort();
        from.dedup();
        let what = making.node.items().first().and_then(Node::as_str).unwrap_or_default();
        MadeBy { what: what.to_owned(), span: making.node.span.clone(), from }
    }

    /// A property of a dataset, or of the source of a pipe: of those datasets
    /// there that are known to have it, or of all when none is.
    fn property(&self, pipe: &Pipe, dataset: Option<&str>, name: &str) -> Property {
        let datasets: Vec<String> = match dataset {
            Some(dataset) => vec![dataset.to_owned()],
            None => pipe.source_datasets().iter().map(|dataset| dataset.to_string()).collect(),
        };
        let has = |dataset: &&String| self.seen_in(dataset).contains(name);
        let known: Vec<String> = datasets.iter().filter(has).cloned().collect();
        let datasets = if known.is_empty() { datasets } else { known };
        let all = self.datasets();
        let mut pipes: Vec<String> = datasets
            .iter()
            .filter_map(|dataset| all.get(dataset.as_str()).map(|pipe| (*pipe).to_owned()))
            .collect();
        pipes.dedup();
        Property { datasets, pipes, name: name.to_owned() }
    }

    /// The properties seen in a dataset, without namespaces.
    fn seen_in(&self, dataset: &str) -> BTreeSet<String> {
        let seen = self.seen.get(dataset).into_iter().flatten();
        let names = seen.map(|name| identifier(name)).filter(|name| !name.starts_with(['_', '$']));
        names.map(str::to_owned).collect()
    }

    /// The properties that the source of a pipe gives, as far as they are seen
    /// in data or made by the rules of who writes it.
    fn given(&self, pipe: &Pipe) -> BTreeSet<String> {
        let mut given = BTreeSet::new();
        let writers = self.datasets();
        for dataset in pipe.source_datasets() {
            given.extend(self.seen_in(dataset));
            let writer = writers.get(dataset.as_str()).and_then(|id| self.project.pipe(id));
            for making in writer.map(|pipe| self.makes(pipe)).unwrap_or_default() {
                if let Made::Named(name) | Made::Renamed(_, name) = making.made {
                    given.insert(name.to_owned());
                }
            }
        }
        given
    }

    /// The pipes that read a property of what a pipe writes.
    fn readers_of(&self, pipe: &Pipe, name: &str) -> Vec<UsedBy> {
        let Some(dataset) = pipe.sink_dataset() else { return Vec::new() };
        let mut used = Vec::new();
        for reader in self.project.pipes() {
            let is_source = reader.source_datasets().contains(&dataset);
            let mut add = |span: Span<usize>, what: ReadFor, makes: Vec<String>| {
                used.push(UsedBy {
                    pipe: reader.id.to_string(),
                    file: reader.origin.file.path.to_string(),
                    span,
                    what,
                    makes,
                });
            };
            if let SourceKind::Merge(merge) = &reader.source.kind
                && is_source
            {
                let aliases: Vec<&str> = merge
                    .datasets
                    .iter()
                    .filter(|one| one.dataset == *dataset)
                    .map(|one| one.alias.as_str())
                    .collect();
                let rules = merge.equality.iter().chain(merge.equality_sets.iter().flatten());
                for rule in rules {
                    if let Some(node) = named(&rule.node, &aliases, name) {
                        add(node.span.clone(), ReadFor::Merge, Vec::new());
                    }
                }
            }
            for (_, dtl) in reader.dtl() {
                let made = makings(&dtl.rules.node, &dtl.rules.at);
                for reading in readings(&dtl.rules.node, &dtl.rules.at) {
                    let what = match reading.dataset {
                        None if is_source => ReadFor::Source,
                        Some(found) if *found == **dataset => ReadFor::Lookup,
                        _ => continue,
                    };
                    if reading.property == name {
                        let of = |making: &&Making<'_>| {
                            making.reads.iter().any(|it| it.node.span == reading.node.span)
                        };
                        let makes = made.iter().filter(of).filter_map(|it| match it.made {
                            Made::Named(name) | Made::Renamed(_, name) => Some(name.to_owned()),
                            _ => None,
                        });
                        add(reading.node.span.clone(), what, makes.collect());
                    }
                }
                for making in made.iter().filter(|_| is_source) {
                    if matches!(making.made, Made::Copied(_)) && making.made.is(name) {
                        add(making.node.span.clone(), ReadFor::Copy, vec![name.to_owned()]);
                    }
                }
            }
        }
        used
    }
}

/// A property that the pipe itself has made before.
fn own(name: &str) -> Property {
    Property { datasets: Vec::new(), pipes: Vec::new(), name: name.to_owned() }
}

/// The path `alias.name` somewhere in an expression.
fn named<'n>(node: &'n Node, aliases: &[&str], name: &str) -> Option<&'n Node> {
    let is = |text: &str| {
        let (alias, rest) = text.split_once('.')?;
        let property = rest.split('.').next().map(identifier)?;
        Some(aliases.contains(&alias) && property == name)
    };
    if node.as_str().and_then(is) == Some(true) {
        return Some(node);
    }
    node.items().iter().find_map(|item| named(item, aliases, name))
}
