//! What a program tells without running: what it reads, and whether its result
//! depends on its input alone.

use std::collections::BTreeSet;
use std::fmt;

use pipewright_entity::Text;

use crate::Index;

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
