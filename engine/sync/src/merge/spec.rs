//! What a merge source is told to do.

use std::sync::Arc;

use pipewright_entity::{Entity, Key, Text, Value};
use rustc_hash::{FxHashMap, FxHashSet};

use super::record::SetKey;

/// How the `_id` of a cluster is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Identity {
    /// `0|one1|1|two1`: the place of each member's dataset and its id.
    #[default]
    Composite,
    /// The id of the first member. Clusters whose first members come from
    /// different datasets but have the same id would collide; the first of
    /// them in the order of the datasets gets the id, the others a composite
    /// one.
    First,
}

/// How the properties of the members are put together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// All values of all members, in order, duplicates among them.
    #[default]
    Default,
    /// As the default, without duplicates and empty lists; a single value is
    /// not a list.
    Compact,
    /// The members themselves, as a list in `$merged`.
    List,
}

/// A side of an equality rule: an expression over the entities of a dataset.
pub trait Expression: Send + Sync {
    /// The canonical text; two expressions with the same text are one.
    fn text(&self) -> &str;

    /// The keys of the values for an entity; nulls have none.
    fn keys(&self, entity: &Entity, to: &mut Vec<Key>);

    /// The values themselves, for explanations.
    fn values(&self, entity: &Entity, to: &mut Vec<Value>);
}

/// One expression of an equality set.
#[derive(Clone)]
pub struct Term {
    /// The place of the dataset in [`Spec::datasets`].
    pub dataset: usize,
    /// What is compared.
    pub expression: Arc<dyn Expression>,
}

/// What a merge source is told to do.
#[derive(Clone)]
pub struct Spec {
    /// The datasets, in the order that ids and values are put together.
    pub datasets: Vec<Text>,
    /// Equality sets: entities that share a value under one set are the same.
    /// See [`unify`].
    pub sets: Vec<Vec<Term>>,
    /// How ids are made.
    pub identity: Identity,
    /// How properties are put together.
    pub strategy: Strategy,
    /// Whether `$ids` holds namespaced identifiers rather than strings.
    pub namespaced_ids: bool,
    /// Whether the members in `$merged` keep `_ts` and its like.
    pub include_internal_properties: bool,
    /// How many entities may be one; more is an error.
    pub max_merged: usize,
    /// Whether, with [`Identity::First`], clusters of different datasets may
    /// begin with the same id; otherwise that is an error.
    pub ids_overlap: bool,
}

impl Spec {
    /// The keys of an entity under all sets, without duplicates; a deleted
    /// entity has none.
    pub(super) fn keys(&self, dataset: usize, entity: &Entity) -> Vec<SetKey> {
        let mut keys = Vec::new();
        if entity.is_deleted() {
            return keys;
        }
        let mut found = Vec::new();
        for (set, terms) in self.sets.iter().enumerate() {
            for term in terms.iter().filter(|term| term.dataset == dataset) {
                term.expression.keys(entity, &mut found);
            }
            let set = u16::try_from(set).unwrap_or(u16::MAX);
            keys.extend(found.drain(..).map(|key| SetKey { set, key: key.to_vec() }));
        }
        keys.sort();
        keys.dedup();
        keys
    }
}

/// Joins rules that have an expression of a dataset in common into one
/// equality set, as documented for `equality` and `equality_sets`: `a.x = b.x`
/// and `b.x = c.y` are the set `a.x, b.x, c.y`.
pub fn unify(rules: Vec<Vec<Term>>) -> Vec<Vec<Term>> {
    let mut sets: Vec<Vec<Term>> = Vec::new();
    let mut place: FxHashMap<(usize, Text), usize> = FxHashMap::default();
    for rule in rules {
        let mut into = sets.len();
        for term in &rule {
            let known = place.get(&(term.dataset, term.expression.text().into())).copied();
            into = into.min(known.unwrap_or(into));
        }
        if into == sets.len() {
            sets.push(Vec::new());
        }
        for term in rule {
            let name = (term.dataset, Text::from(term.expression.text()));
            match place.get(&name).copied() {
                Some(other) if other == into => {}
                Some(other) => {
                    let moved = std::mem::take(&mut sets[other]);
                    sets[into].extend(moved);
                    place.values_mut().filter(|set| **set == other).for_each(|set| *set = into);
                }
                None => {
                    place.insert(name, into);
                    sets[into].push(term);
                }
            }
        }
    }
    sets.retain(|set| !set.is_empty());
    debug_assert!({
        let mut seen = FxHashSet::default();
        sets.iter().flatten().all(|t| seen.insert((t.dataset, t.expression.text().to_owned())))
    });
    sets
}
