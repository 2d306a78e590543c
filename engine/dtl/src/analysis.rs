//! What a program tells without running: what it reads, and whether its result
//! depends on its input alone.

use std::collections::BTreeSet;
use std::fmt;

use pipewright_entity::Text;
use pipewright_entity::transit::Wanted;

use crate::Index;
use crate::functions::{Body, Function, Role};
use crate::names::Name;

/// What can be told of a program without running it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Analysis {
    /// Datasets that are looked into.
    pub datasets: BTreeSet<Text>,
    /// Why running it again on the same input may give another result, in
    /// words; empty when it does not.
    pub not_deterministic: BTreeSet<String>,
    /// Effects besides the result (`sleep!`), by function.
    pub effects: BTreeSet<&'static str>,
    /// The properties of the source entity that are read.
    pub reads: Reads,
}

/// The properties of the source entity that a program reads, and of those that
/// are dicts the properties below.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reads {
    /// Whether all of them are read.
    all: bool,
    /// Those that are read, by name.
    names: Vec<(Name, Reads)>,
}

impl Reads {
    const ALL: Reads = Reads { all: true, names: Vec::new() };
    const NONE: Reads = Reads { all: false, names: Vec::new() };

    /// Whether any property may make a difference.
    pub fn is_all(&self) -> bool {
        self.all
    }

    /// Adds what a path reads that follows these names.
    pub(crate) fn add(&mut self, path: &[Name]) {
        let Some((name, below)) = path.split_first() else {
            *self = Reads::ALL;
            return;
        };
        if self.all {
            return;
        }
        let at = self.names.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
            self.names.push((name.clone(), Reads::NONE));
            self.names.len() - 1
        });
        self.names[at].1.add(below);
    }
}

impl Wanted for &Reads {
    fn below(self, name: &str) -> Option<Self> {
        const ALL: &Reads = &Reads::ALL;
        if self.all {
            return Some(ALL);
        }
        let mut matching = self.names.iter().filter(|(known, _)| known.matches(name));
        let (_, below) = matching.next()?;
        // Two names for the same property may read different parts of it.
        Some(if matching.next().is_some() { ALL } else { below })
    }
}

impl Default for Reads {
    fn default() -> Reads {
        let reserved = ["_id", "_deleted"];
        let names = reserved.map(|name| (Name::Exact(Text::new_static(name)), Reads::ALL));
        Reads { all: false, names: names.into() }
    }
}

/// Functions and transforms that see nothing of the source but what their
/// arguments name. Of all others it is not known, unless they work on the
/// values of their arguments alone ([`Body::Eager`]).
const BLIND: &[(Role, &[&str])] = &[
    (
        Role::Transform,
        &[
            "add",
            "add-if",
            "case",
            "case-eq",
            "comment",
            "create",
            "create-child",
            "default",
            "discard",
            "fail!",
            "filter",
            "if",
            "merge",
            "merge-union",
            "remove",
            "trip!",
        ],
    ),
    (
        Role::Expression,
        &[
            "and",
            "apply",
            "boolean",
            "case",
            "case-eq",
            "coalesce",
            "decimal",
            "distinct",
            "filter",
            "float",
            "group",
            "group-by",
            "if",
            "integer",
            "map",
            "map-dict",
            "map-values",
            "max",
            "min",
            "not",
            "or",
            "sorted",
            "sorted-descending",
        ],
    ),
];

/// Whether a function sees nothing of the source but what its arguments name.
pub(crate) fn is_blind(function: &Function) -> bool {
    let role = function.role();
    matches!(function.body, Body::Eager(_))
        || BLIND.iter().any(|(of, names)| *of == role && names.contains(&function.name))
}

impl Analysis {
    /// Whether the same input always gives the same result.
    pub fn is_deterministic(&self) -> bool {
        self.not_deterministic.is_empty()
    }
}

/// A dataset whose changes concern the result.
#[derive(Clone, Debug)]
pub struct Dependency {
    /// The dataset.
    pub dataset: Text,
    /// From a changed entity there to the source entities it concerns.
    pub route: Route,
}

impl Dependency {
    /// What [`Index::dataset`] of the last step of a route names: the source
    /// of the pipe, whichever that is.
    pub const SOURCE: &'static str = "";
}

/// From a changed entity to the source entities it concerns.
#[derive(Clone, Debug)]
pub enum Route {
    /// Through these joins, one after the other.
    Joins(Vec<Join>),
    /// The way back cannot be taken; why.
    Untracked(String),
}

/// One step of a route: entities with equal keys.
#[derive(Clone)]
pub struct Join {
    /// Keys of the entity at hand.
    pub near: Index,
    /// Where to look them up, one dataset closer to the source.
    pub far: Index,
}

impl fmt::Debug for Join {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} = {:?}", self.near, self.far)
    }
}
