//! How changes in other datasets lead back to the source.

use std::sync::Arc;

use pipewright_dtl::namespaces::AddNamespaces;
use pipewright_dtl::{Dependency, Index, Join, Route};
use pipewright_entity::{Entity, Key, Text};
use pipewright_store::IndexKeys;

/// A dataset that the transforms look into.
#[derive(Clone)]
pub(crate) enum Tracking {
    /// Every change leads to the source entities it concerns.
    Joins { dataset: Text, routes: Vec<Vec<Step>> },
    /// A change makes the source run in full.
    Untracked { dataset: Text, why: String },
}

/// One step towards the source.
#[derive(Clone)]
pub(crate) struct Step {
    /// The keys of the entity at hand.
    pub(crate) near: Index,
    /// Where they are looked up.
    pub(crate) far: Lookup,
}

/// An index that the store keeps for tracking.
#[derive(Clone)]
pub(crate) struct Lookup {
    pub(crate) dataset: Text,
    pub(crate) expression: Text,
    pub(crate) keys: Arc<dyn IndexKeys>,
}

/// What the source of a pipe is to tracking.
pub(crate) enum Origin<'a> {
    /// One dataset, whose entities reach the first transform with these
    /// namespaces added.
    Dataset { dataset: &'a Text, added: Option<&'a AddNamespaces> },
    /// Something whose entities cannot be looked up; why.
    Other(&'static str),
}

impl Tracking {
    pub(crate) fn dataset(&self) -> &Text {
        match self {
            Tracking::Joins { dataset, .. } | Tracking::Untracked { dataset, .. } => dataset,
        }
    }

    pub(crate) fn untracked(&self) -> Option<&str> {
        match self {
            Tracking::Joins { .. } => None,
            Tracking::Untracked { why, .. } => Some(why),
        }
    }

    /// The indexes that the way back needs.
    pub(crate) fn lookups(&self) -> impl Iterator<Item = &Lookup> {
        let routes = match self {
            Tracking::Joins { routes, .. } => routes.as_slice(),
            Tracking::Untracked { .. } => &[],
        };
        routes.iter().flatten().map(|step| &step.far)
    }
}

/// Adds the dependencies of the transform at a place in the chain.
pub(crate) fn add(
    to: &mut Vec<Tracking>,
    dependencies: &[Dependency],
    place: usize,
    origin: &Origin<'_>,
) {
    for dependency in dependencies {
        let tracked = track(dependency, place, origin);
        let known = to.iter_mut().find(|known| *known.dataset() == dependency.dataset);
        match (known, tracked) {
            (None, tracked) => to.push(tracked),
            (Some(Tracking::Joins { routes, .. }), Tracking::Joins { routes: more, .. }) => {
                routes.extend(more);
            }
            (Some(known), untracked @ Tracking::Untracked { .. }) => *known = untracked,
            (Some(Tracking::Untracked { .. }), Tracking::Joins { .. }) => {}
        }
    }
}

fn track(dependency: &Dependency, place: usize, origin: &Origin<'_>) -> Tracking {
    let dataset = dependency.dataset.clone();
    let untracked = |why: String| Tracking::Untracked { dataset: dataset.clone(), why };
    let joins = match &dependency.route {
        Route::Joins(joins) => joins,
        Route::Untracked(why) => return untracked(why.clone()),
    };
    let (source, added) = match origin {
        Origin::Other(why) => return untracked((*why).into()),
        Origin::Dataset { dataset, added } => (*dataset, *added),
    };
    if place > 0 {
        return untracked(
            "the hops are in a transform after the first one, whose entities are not stored".into(),
        );
    }
    let steps = joins.iter().map(|join| step(join, source, added)).collect();
    Tracking::Joins { dataset, routes: vec![steps] }
}

fn step(join: &Join, source: &Text, added: Option<&AddNamespaces>) -> Step {
    let near = join.near.clone();
    if join.far.dataset != Dependency::SOURCE {
        return Step { near, far: lookup(&join.far) };
    }
    let index = join.far.on(source.clone());
    let far = match added {
        None => lookup(&index),
        // The expression is about entities with namespaces, the dataset has
        // them without: the index adds them before it computes the keys.
        Some(added) => Lookup {
            dataset: source.clone(),
            expression: pipewright_entity::format_text!("{added:?} {}", index.expression),
            keys: {
                let added = added.clone();
                Arc::new(move |entity: &Entity, keys: &mut Vec<Key>| {
                    if let Ok(entity) = Entity::from_dict(added.add(entity.dict())) {
                        index.keys(&entity, keys);
                    }
                })
            },
        },
    };
    Step { near, far }
}

/// The index that an expression of a dataset names, as the store keeps it.
pub(crate) fn lookup(index: &Index) -> Lookup {
    let keys = index.clone();
    Lookup {
        dataset: index.dataset.clone(),
        expression: index.expression.clone(),
        keys: Arc::new(move |entity: &Entity, to: &mut Vec<Key>| keys.keys(entity, to)),
    }
}
