//! What DTL sees of the node while it transforms.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::sync::Arc;

use pipewright_component::Variables;
use pipewright_dtl::{Context, Datasets, Index, LookupError, Trace};
use pipewright_entity::{DateTime, Dict, Entity, Key, Text, Value, Version};
use pipewright_store::{Reader, StoreError};
use rustc_hash::FxHashMap;
use uuid::Uuid;

use crate::ahead::Ahead;

/// How many entities a lookup without an index looks through.
const SCAN_LIMIT: u64 = 10_000;
/// How many runs of traced programs are remembered.
const TRACES: usize = 20;

/// The datasets and everything else as they are for one batch. Lookups are
/// remembered: the entities of a batch often ask the same.
pub(crate) struct World<'a> {
    pub(crate) reader: &'a Reader,
    pub(crate) resources: &'a crate::Resources<'a>,
    pub(crate) now: i64,
    pub(crate) variables: &'a dyn Variables,
    pub(crate) random: &'a dyn Fn() -> Uuid,
    pub(crate) metadata: Option<&'a Value>,
    pub(crate) bound: Option<Arc<Dict>>,
    /// What happens where an index is missing.
    pub(crate) missing: Missing,
    /// What one dataset would hold besides what it does.
    pub(crate) ahead: Option<&'a Ahead>,
    /// Where the entity at hand was before, for `is-changed`.
    before: RefCell<Option<(Text, u64)>>,
    found: RefCell<FxHashMap<(Text, Text, Key), Vec<Entity>>>,
    /// What was looked up by its id.
    got: RefCell<BTreeSet<(Text, Text)>>,
    partial: Cell<bool>,
    traces: RefCell<Vec<Trace>>,
    /// How many entities lookups may find for one that is transformed
    /// (`enable_hops_thresholds`).
    pub(crate) most: Option<u64>,
    hops: Cell<Hops>,
}

/// What lookups found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hops {
    /// For the entity at hand.
    here: u64,
    /// For one entity, at most.
    pub(crate) most: u64,
    /// For all.
    pub(crate) total: u64,
}

impl Hops {
    pub(crate) fn add(&mut self, more: Hops) {
        self.most = self.most.max(more.most);
        self.total += more.total;
    }
}

/// What happens where an index is missing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// The lookup fails.
    Fail,
    /// It looks through a part of the dataset.
    Scan,
}

impl<'a> World<'a> {
    pub(crate) fn new(
        reader: &'a Reader,
        resources: &'a crate::Resources<'a>,
        bound: Option<Arc<Dict>>,
        missing: Missing,
    ) -> World<'a> {
        World {
            reader,
            resources,
            now: resources.surroundings.clock.now(),
            variables: &*resources.surroundings.variables,
            random: resources.random,
            metadata: resources.metadata,
            bound,
            missing,
            ahead: None,
            before: RefCell::default(),
            found: RefCell::default(),
            got: RefCell::default(),
            partial: Cell::new(false),
            traces: RefCell::default(),
            most: None,
            hops: Cell::default(),
        }
    }

    /// What lookups found so far.
    pub(crate) fn hops(&self) -> Hops {
        self.hops.get()
    }

    fn count(&self, found: usize) -> Result<(), LookupError> {
        let mut hops = self.hops.get();
        hops.here += found as u64;
        hops.total += found as u64;
        hops.most = hops.most.max(hops.here);
        self.hops.set(hops);
        match self.most.filter(|most| hops.here > *most) {
            Some(most) => Err(LookupError(format!(
                "the hops for this entity found more than {most} entities \
                 (dependency_error_threshold, enable_hops_thresholds)"
            ))),
            None => Ok(()),
        }
    }

    /// Says that another entity is at hand, and which version of it was
    /// processed before.
    pub(crate) fn set_before(&self, before: Option<(Text, u64)>) {
        *self.before.borrow_mut() = before;
        self.hops.set(Hops { here: 0, ..self.hops.get() });
    }

    /// Whether a lookup without an index gave up before the end of a dataset.
    pub(crate) fn is_partial(&self) -> bool {
        self.partial.get()
    }

    /// What the first runs of traced programs did.
    pub(crate) fn take_traces(&self) -> Vec<Trace> {
        self.traces.take()
    }

    /// The entities that were looked up, as dataset and id.
    pub(crate) fn looked_up(&self) -> BTreeSet<(Text, Text)> {
        let mut all = self.got.take();
        for ((dataset, ..), entities) in self.found.borrow().iter() {
            all.extend(entities.iter().map(|entity| (dataset.clone(), entity.id().clone())));
        }
        all
    }

    fn scan(&self, index: &Index, key: &Key) -> Result<Vec<Entity>, StoreError> {
        let mut keys = Vec::new();
        let mut found = Vec::new();
        for (count, version) in (0..).zip(self.reader.current(&index.dataset)?) {
            if count == SCAN_LIMIT {
                self.partial.set(true);
                break;
            }
            let version = version?;
            keys.clear();
            index.keys(&version.entity, &mut keys);
            if keys.contains(key) {
                found.push(version.with_metadata());
            }
        }
        Ok(found)
    }
}

impl Datasets for World<'_> {
    fn matching(&self, index: &Index, key: &Key) -> Result<Vec<Entity>, LookupError> {
        let place = (index.dataset.clone(), index.expression.clone(), key.clone());
        if let Some(known) = self.found.borrow().get(&place) {
            self.count(known.len())?;
            return Ok(known.clone());
        }
        let mut found: Vec<Entity> =
            match self.reader.lookup(&index.dataset, &index.expression, key) {
                Ok(versions) => versions.iter().map(Version::with_metadata).collect(),
                // A dataset that is not there yet is an empty one.
                Err(StoreError::UnknownDataset(_)) => Vec::new(),
                Err(StoreError::NoIndex { .. } | StoreError::IndexBehind { .. })
                    if self.missing == Missing::Scan =>
                {
                    self.scan(index, key).map_err(failed)?
                }
                Err(error) => return Err(failed(error)),
            };
        if let Some(ahead) = self.ahead {
            ahead.correct(index, key, &mut found);
        }
        // Not in the order of the log: what comes out must not depend on the
        // order in which things happened to arrive.
        found.sort_unstable_by(|a, b| a.id().cmp(b.id()));
        self.count(found.len())?;
        self.found.borrow_mut().insert(place, found.clone());
        Ok(found)
    }

    fn get(&self, dataset: &str, id: &str) -> Result<Option<Entity>, LookupError> {
        if let Some(entity) = self.ahead.and_then(|ahead| ahead.get(dataset, id)) {
            return Ok((!entity.is_deleted()).then(|| entity.clone()));
        }
        match self.reader.get(dataset, id) {
            Ok(version) => {
                let live = version.filter(|version| !version.entity.is_deleted());
                // Nobody asks what runs have looked up.
                if live.is_some() && self.missing == Missing::Scan {
                    self.got.borrow_mut().insert((dataset.into(), id.into()));
                }
                Ok(live.map(|version| version.with_metadata()))
            }
            Err(StoreError::UnknownDataset(_)) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }
}

fn failed(error: StoreError) -> LookupError {
    LookupError(error.to_string())
}

impl Context for World<'_> {
    fn datasets(&self) -> &dyn Datasets {
        self
    }

    fn now(&self) -> DateTime {
        micros(self.now)
    }

    fn uuid(&self) -> Uuid {
        (self.random)()
    }

    fn bound(&self) -> Option<&Arc<Dict>> {
        self.bound.as_ref()
    }

    fn env(&self, name: &str) -> Option<Value> {
        self.variables.env(name)
    }

    fn secret(&self, name: &str) -> Option<Value> {
        self.variables.secret(None, name)
    }

    fn previous(&self) -> Option<Entity> {
        let (dataset, place) = self.before.borrow().clone()?;
        let version = self.reader.version(&dataset, place).ok().flatten()?;
        Some(version.with_metadata())
    }

    fn metadata(&self) -> Option<&Value> {
        self.metadata
    }

    fn traced(&self, trace: Trace) {
        let mut traces = self.traces.borrow_mut();
        if traces.len() < TRACES {
            traces.push(trace);
        }
    }
}

fn micros(at: i64) -> DateTime {
    DateTime::from_nanosecond(i128::from(at) * 1000)
        .unwrap_or_else(|| DateTime::new(jiff::Timestamp::UNIX_EPOCH))
}
