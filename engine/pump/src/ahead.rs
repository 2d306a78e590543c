//! Looking ahead: what a pipe would make of entities that a dataset it reads
//! does not hold yet. Nothing is stored.

use std::cell::RefCell;

use pipewright_dtl::Index;
use pipewright_entity::{Entity, Key, Text, Value, Version};
use pipewright_store::{Reader, StoreError};
use pipewright_sync::StateError;
use pipewright_sync::merge::{Contents, Merge};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::chain::{self, Incoming};
use crate::dependencies::{self, Concerned};
use crate::evaluate::{EvaluateError, Examined, Extent};
use crate::feed::{Merged, StoreState, dataset_incoming};
use crate::plan::{DatasetSource, MergeSource, Plan, SourcePlan};
use crate::world::{Missing, World};
use crate::{Resources, RunError};

/// Entities of one dataset as they would be, over what it holds.
pub struct Ahead {
    dataset: Text,
    entities: FxHashMap<Text, Entity>,
    /// By expression of an index: the ids of those that have a key.
    keys: RefCell<FxHashMap<Text, FxHashMap<Key, Vec<Text>>>>,
}

impl Ahead {
    /// These entities, deleted ones among them, in place of those of the
    /// dataset that have the same ids.
    pub fn new(dataset: Text, entities: impl IntoIterator<Item = Entity>) -> Ahead {
        let entities = entities.into_iter().map(|entity| (entity.id().clone(), entity)).collect();
        Ahead { dataset, entities, keys: RefCell::default() }
    }

    /// Brings what an index of the store has found up to what would be.
    pub(crate) fn correct(&self, index: &Index, key: &Key, found: &mut Vec<Entity>) {
        if index.dataset != self.dataset {
            return;
        }
        found.retain(|entity| !self.entities.contains_key(entity.id()));
        let mut keys = self.keys.borrow_mut();
        let by_key = keys.entry(index.expression.clone()).or_insert_with(|| {
            let mut by_key: FxHashMap<Key, Vec<Text>> = FxHashMap::default();
            let mut some = Vec::new();
            for entity in self.entities.values().filter(|entity| !entity.is_deleted()) {
                index.keys(entity, &mut some);
                for key in some.drain(..) {
                    by_key.entry(key).or_default().push(entity.id().clone());
                }
            }
            by_key
        });
        let ids = by_key.get(key).into_iter().flatten();
        found.extend(ids.filter_map(|id| self.entities.get(id).cloned()));
    }

    /// An entity as it would be; `None` when it stays as it is stored.
    pub(crate) fn get(&self, dataset: &str, id: &str) -> Option<&Entity> {
        if self.dataset.as_str() != dataset { None } else { self.entities.get(id) }
    }

    /// In an order that does not change from one call to the next.
    fn in_order(&self) -> Vec<&Entity> {
        let mut all: Vec<&Entity> = self.entities.values().collect();
        all.sort_unstable_by(|a, b| a.id().cmp(b.id()));
        all
    }
}

/// How far one could see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Foresight {
    /// What was looked at.
    pub extent: Extent,
    /// Why there may be more, if so.
    pub untold: Option<String>,
}

/// What a pipe would make of its source entities that these concern, of at most
/// `limit` of them: of those it reads itself, of the clusters they would be in,
/// and of those whose lookups would find them.
pub fn look_ahead(
    plan: &Plan,
    resources: &Resources<'_>,
    ahead: &Ahead,
    limit: usize,
    each: &mut dyn FnMut(Examined) -> Result<(), StoreError>,
) -> Result<Foresight, EvaluateError> {
    let reader = resources.store.reader().map_err(RunError::from)?;
    let mut foresight = Foresight::default();
    let mut incoming = concerned(plan, &reader, ahead, &mut foresight.untold)?;
    foresight.extent.is_all = incoming.len() <= limit;
    incoming.truncate(limit);
    foresight.extent.read = incoming.len() as u64;
    let mut world = World::new(&reader, resources, None, Missing::Scan);
    world.ahead = Some(ahead);
    let cancel = &resources.surroundings.cancel;
    for batch in incoming.chunks(plan.batch_size.max(1)) {
        let passed = cancel
            .check()
            .and_then(|()| chain::pass(plan, batch, &world, cancel))
            .map_err(RunError::from)?;
        for (_, failure) in passed.failed {
            each(Examined::Failed { id: failure.id, why: failure.message })
                .map_err(RunError::from)?;
        }
        for out in passed.out {
            each(Examined::Made(out.entity)).map_err(RunError::from)?;
        }
    }
    foresight.extent.is_partial = world.is_partial();
    Ok(foresight)
}

/// The source entities of a plan that these concern.
fn concerned(
    plan: &Plan,
    reader: &Reader,
    ahead: &Ahead,
    untold: &mut Option<String>,
) -> Result<Vec<Incoming>, RunError> {
    let reads = plan.source_datasets().contains(&ahead.dataset);
    let mut incoming = match &plan.source {
        SourcePlan::Dataset(source) if reads => of_dataset(source, reader, ahead)?,
        SourcePlan::Merge(source) if reads => of_clusters(plan, source, reader, ahead)?,
        _ if reads => {
            *untold = Some("it reads several datasets together, which only a run does".into());
            Vec::new()
        }
        _ => Vec::new(),
    };
    let mut changed = Vec::new();
    for entity in ahead.entities.values() {
        let stored = match reader.dataset(&ahead.dataset)? {
            Some(_) => reader.get(&ahead.dataset, entity.id())?,
            None => None,
        };
        let stored = stored.map(|version| version.entity);
        let both = [stored, Some(entity.clone())].into_iter().flatten();
        changed.extend(both.filter(|entity| !entity.is_deleted()));
    }
    let found = match dependencies::concerned(plan, reader, &ahead.dataset, &changed) {
        Ok(Concerned::Ids(ids)) if ids.is_empty() => return Ok(incoming),
        Ok(Concerned::Ids(ids)) => ids,
        Ok(Concerned::All(why)) => {
            *untold = Some(format!("it looks the dataset up, and {why}"));
            return Ok(incoming);
        }
        Err(StoreError::NoIndex { .. } | StoreError::IndexBehind { .. }) => {
            *untold = Some("it looks the dataset up, and has no index to go back by yet".into());
            return Ok(incoming);
        }
        Err(error) => return Err(error.into()),
    };
    let SourcePlan::Dataset(source) = &plan.source else {
        *untold = Some("it looks the dataset up, too".into());
        return Ok(incoming);
    };
    let known: FxHashSet<Text> = incoming.iter().filter_map(|it| it.id.clone()).collect();
    for id in found.into_iter().filter(|id| !known.contains(id)) {
        // What would be there itself was looked at above.
        let version = reader.get(&source.dataset, &id)?;
        let live = version.filter(|version| !version.entity.is_deleted());
        incoming.extend(live.map(|version| dataset_incoming(source, &version)));
    }
    Ok(incoming)
}

/// The entities themselves, as the pipe would read them.
fn of_dataset(
    source: &DatasetSource,
    reader: &Reader,
    ahead: &Ahead,
) -> Result<Vec<Incoming>, RunError> {
    let exists = reader.dataset(&source.dataset)?.is_some();
    let mut incoming = Vec::with_capacity(ahead.entities.len());
    let is_in = |entity: &Entity| {
        source.subset.as_ref().is_none_or(|(index, key)| {
            let mut keys = Vec::new();
            index.keys(entity, &mut keys);
            keys.contains(key)
        })
    };
    for entity in ahead.in_order() {
        let stored = match exists {
            true => reader.get(&source.dataset, entity.id())?,
            false => None,
        };
        let was_read = stored.as_ref().is_some_and(|version: &Version| {
            !version.entity.is_deleted() && is_in(&version.entity)
        });
        let entity = match !entity.is_deleted() && is_in(entity) {
            true => entity.clone(),
            // What leaves a subset is read as deleted.
            false if was_read => entity.clone().with("_deleted", true),
            false => continue,
        };
        let replaced = entity.get("$replaced") == Some(&Value::Bool(true));
        incoming.push(Incoming {
            filtered: !source.include_replaced && replaced,
            before: stored.map(|version| (source.dataset.clone(), version.updated)),
            ..Incoming::entity(entity)
        });
    }
    Ok(incoming)
}

/// The clusters that the entities would be in, and those they would leave.
fn of_clusters(
    plan: &Plan,
    source: &MergeSource,
    reader: &Reader,
    ahead: &Ahead,
) -> Result<Vec<Incoming>, RunError> {
    let state = StoreState { reader, pipe: plan.id() };
    let contents = WouldBe { merged: Merged { reader, source }, ahead };
    let mut merge = Merge::new(&source.spec, &state);
    for (place, dataset) in source.spec.datasets.iter().enumerate() {
        if *dataset == ahead.dataset {
            for entity in ahead.in_order() {
                merge.change(place, entity)?;
            }
        }
    }
    let mut incoming = Vec::new();
    loop {
        let entities = merge.emit(plan.batch_size.max(1), &contents)?;
        if entities.is_empty() {
            return Ok(incoming);
        }
        incoming.extend(entities.into_iter().map(Incoming::entity));
    }
}

/// The merged datasets as they would be.
struct WouldBe<'r> {
    merged: Merged<'r>,
    ahead: &'r Ahead,
}

impl Contents for WouldBe<'_> {
    fn entity(&self, dataset: usize, id: &str) -> Result<Option<Entity>, StateError> {
        let name = self.merged.source.spec.datasets.get(dataset);
        match name.and_then(|name| self.ahead.get(name, id)) {
            Some(entity) => Ok(Some(entity.clone())),
            None => self.merged.entity(dataset, id),
        }
    }
}
