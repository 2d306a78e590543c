//! Reading clusters of entities.
//!
//! A step either takes in what changed in the datasets or, when everything is
//! taken in, hands out clusters. The place in each dataset moves with what is
//! taken in; what waits to be handed out is marked in the state of the merge,
//! so that nothing is lost when a run ends in between.

use pipewright_entity::{Entity, Text, Value};
use pipewright_store::{Reader, Select};
use pipewright_sync::merge::{Contents, Merge};
use pipewright_sync::{MemoryState, Pair, State, StateError};

use super::{Places, Portion};
use crate::RunError;
use crate::chain::Incoming;
use crate::plan::MergeSource;

/// The space of the pipe's state that clusters are kept in.
pub(crate) const SPACE: &str = "merge";

/// How many entities are taken in per step.
const TAKE: usize = 10_000;

pub(crate) struct MergeFeed<'p> {
    pipe: &'p str,
    source: &'p MergeSource,
    places: Places,
    /// In place of the store: clusters that are computed for one request.
    memory: Option<MemoryState>,
}

/// The state of a merge in the store.
pub(crate) struct StoreState<'r> {
    pub(crate) reader: &'r Reader,
    pub(crate) pipe: &'r str,
}

/// The merged datasets in the store.
pub(crate) struct Merged<'r> {
    pub(crate) reader: &'r Reader,
    pub(crate) source: &'r MergeSource,
}

impl<'p> MergeFeed<'p> {
    pub(super) fn new(
        pipe: &'p str,
        source: &'p MergeSource,
        since: Option<&Value>,
    ) -> MergeFeed<'p> {
        let places = Places::new(&source.spec.datasets, since);
        MergeFeed { pipe, source, places, memory: None }
    }

    /// From the beginning, without reading or leaving a state. All steps must
    /// be given the same reader.
    pub(crate) fn in_memory(pipe: &'p str, source: &'p MergeSource) -> MergeFeed<'p> {
        let memory = Some(MemoryState::default());
        MergeFeed { memory, ..MergeFeed::new(pipe, source, None) }
    }

    pub(super) fn next(
        &mut self,
        reader: &Reader,
        size: usize,
    ) -> Result<Option<Portion>, RunError> {
        let stored = StoreState { reader, pipe: self.pipe };
        let memory = self.memory.take();
        let state: &dyn State = match &memory {
            Some(memory) => memory,
            None => &stored,
        };
        let mut merge = Merge::new(&self.source.spec, state);
        let mut portion = Portion::default();
        let mut done = false;
        if take_in(&mut merge, &self.source.spec.datasets, &mut self.places, reader)? {
            portion.offset = Some(self.places.offset());
        } else {
            let contents = Merged { reader, source: self.source };
            let entities = merge.emit(size, &contents)?;
            done = entities.is_empty() && merge.unsaved() == 0;
            portion.entities = entities.into_iter().map(Incoming::entity).collect();
        }
        let writes = merge.take();
        match memory {
            Some(mut memory) => {
                memory.apply(writes);
                self.memory = Some(memory);
            }
            None => portion.state = writes,
        }
        Ok((!done).then_some(portion))
    }
}

/// Takes in some of what changed. Whether there was anything.
fn take_in(
    merge: &mut Merge<'_>,
    datasets: &[Text],
    places: &mut Places,
    reader: &Reader,
) -> Result<bool, RunError> {
    let mut left = TAKE;
    let mut moved = false;
    for (place, id) in datasets.iter().enumerate() {
        let Some(end) = reader.dataset(id)?.and_then(|dataset| dataset.last_offset()) else {
            continue;
        };
        let since = places.get(place);
        if since.is_some_and(|since| since >= end) {
            continue;
        }
        if left == 0 {
            break;
        }
        let limit = u64::try_from(left).unwrap_or(u64::MAX);
        let (mut count, mut reached) = (0, end);
        for version in reader.changes(id, since, Some(limit), Select::default())? {
            let version = version?;
            reached = version.updated;
            count += 1;
            merge.change(place, &version.entity)?;
        }
        moved = true;
        places.set(place, if count < left { end } else { reached });
        left -= count;
    }
    Ok(moved)
}

impl State for StoreState<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateError> {
        self.reader.state(self.pipe, SPACE, key).map_err(failed)
    }

    fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Pair>, StateError> {
        self.reader.scan_state(self.pipe, SPACE, prefix, after, limit).map_err(failed)
    }
}

impl Contents for Merged<'_> {
    fn entity(&self, dataset: usize, id: &str) -> Result<Option<Entity>, StateError> {
        let spec = &self.source.spec;
        let Some(dataset) = spec.datasets.get(dataset) else { return Ok(None) };
        let version = self.reader.get(dataset, id).map_err(failed)?;
        Ok(version.map(|version| match spec.include_internal_properties {
            true => version.with_metadata(),
            false => version.entity,
        }))
    }
}

fn failed(error: pipewright_store::StoreError) -> StateError {
    StateError(error.to_string())
}
