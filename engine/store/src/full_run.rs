//! Which entities a full run has seen, in little memory.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pipewright_entity::Text;

use crate::StoreError;
use crate::dataset::Dataset;
use crate::error::Outcome;
use crate::store::Inner;

/// Bits per block of the map: blocks nobody marks cost nothing.
const BLOCK: usize = 1 << 16;

/// Ids looked up at once by [`FullRun::seen`].
const PENDING: usize = 1_024;

/// A full run over a dataset, from [`Store::full_run`](crate::Store::full_run)
/// to [`Batch::delete_unseen`](crate::Batch::delete_unseen). Clones are the
/// same run.
///
/// Only what was in the dataset when the run began can end up deleted, and of
/// that only what is still at the same version and was not seen: an entity
/// that gets a new version meanwhile counts as seen. So one bit per place in
/// the log is enough.
#[derive(Clone)]
pub struct FullRun {
    shared: Arc<Shared>,
}

struct Shared {
    inner: Arc<Inner>,
    dataset: Text,
    /// The dataset as it was when the run began, if it was there.
    before: Option<Dataset>,
    mark: AtomicBool,
    /// How many a commit deletes at most.
    most: AtomicU64,
    /// What lies before this place needs no look any more.
    looked_at: AtomicU64,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    blocks: Vec<Option<Box<[u64; BLOCK / 64]>>>,
    pending: Vec<Text>,
}

impl FullRun {
    pub(crate) fn begin(inner: Arc<Inner>, dataset: &str, before: Option<Dataset>) -> FullRun {
        FullRun {
            shared: Arc::new(Shared {
                inner,
                dataset: dataset.into(),
                before,
                mark: AtomicBool::new(false),
                most: AtomicU64::new(u64::MAX),
                looked_at: AtomicU64::new(0),
                seen: Mutex::default(),
            }),
        }
    }

    /// The dataset the run is over.
    pub fn dataset(&self) -> &Text {
        &self.shared.dataset
    }

    /// Whether deletions by this run get the property `$deletion_tracked`
    /// (property `mark_deletion_tracked` of the dataset sink). Not unless
    /// said so.
    pub fn mark_deletions(&self, mark: bool) {
        self.shared.mark.store(mark, Ordering::Relaxed);
    }

    /// Lets a commit delete about so many at most: the rest is for those that
    /// follow, until one deletes fewer.
    pub fn delete_at_most(&self, most: u64) {
        self.shared.most.store(most, Ordering::Relaxed);
    }

    /// Says that the source still has this entity although it is not written,
    /// because it failed or was held back.
    pub fn seen(&self, id: &str) -> Result<(), StoreError> {
        let mut seen = self.lock();
        seen.pending.push(id.into());
        if seen.pending.len() < PENDING {
            return Ok(());
        }
        let pending = std::mem::take(&mut seen.pending);
        drop(seen);
        self.look_up(pending)
    }

    /// Marks the committed versions of these ids. What is not committed yet
    /// lies after the beginning of the run and needs no mark.
    fn look_up(&self, mut ids: Vec<Text>) -> Result<(), StoreError> {
        let Some(before) = &self.shared.before else { return Ok(()) };
        ids.sort_unstable();
        let places = self.shared.inner.pool.with(|connection| -> Outcome<Vec<u64>> {
            let mut statement = connection
                .prepare_cached("SELECT updated FROM name WHERE dataset = ? AND id = ?")?;
            let mut places = Vec::with_capacity(ids.len());
            for id in &ids {
                let mut rows = statement.query((before.number, id.as_str()))?;
                if let Some(row) = rows.next()? {
                    places.push(row.get::<_, i64>(0)? as u64);
                }
            }
            Ok(places)
        })?;
        self.mark(places);
        Ok(())
    }

    /// Brings what is pending into the map; before unseen entities are
    /// counted or deleted.
    pub(crate) fn settle(&self) -> Result<(), StoreError> {
        let pending = std::mem::take(&mut self.lock().pending);
        if pending.is_empty() { Ok(()) } else { self.look_up(pending) }
    }

    /// Marks places in the log; those after the beginning of the run do not
    /// matter.
    pub(crate) fn mark(&self, places: impl IntoIterator<Item = u64>) {
        let (end, mut seen) = (self.end(), self.lock());
        for place in places {
            if place < end {
                let (block, bit) = (place as usize / BLOCK, place as usize % BLOCK);
                if seen.blocks.len() <= block {
                    seen.blocks.resize_with(block + 1, || None);
                }
                let words = seen.blocks[block].get_or_insert_with(|| Box::new([0; BLOCK / 64]));
                words[bit / 64] |= 1 << (bit % 64);
            }
        }
    }

    /// Keeps of these places those that were not seen.
    pub(crate) fn retain_unseen(&self, places: &mut Vec<u64>) {
        let seen = self.lock();
        places.retain(|place| {
            let (block, bit) = (*place as usize / BLOCK, *place as usize % BLOCK);
            match seen.blocks.get(block) {
                Some(Some(words)) => words[bit / 64] & (1 << (bit % 64)) == 0,
                _ => true,
            }
        });
    }

    /// The length of the log when the run began.
    pub(crate) fn end(&self) -> u64 {
        self.shared.before.as_ref().map_or(0, |before| before.length)
    }

    pub(crate) fn most(&self) -> u64 {
        self.shared.most.load(Ordering::Relaxed)
    }

    /// Where to go on looking for what was not seen.
    pub(crate) fn looked_at(&self) -> u64 {
        self.shared.looked_at.load(Ordering::Relaxed)
    }

    pub(crate) fn set_looked_at(&self, place: u64) {
        self.shared.looked_at.store(place, Ordering::Relaxed);
    }

    /// Whether deletions get `$deletion_tracked`.
    pub(crate) fn marks_deletions(&self) -> bool {
        self.shared.mark.load(Ordering::Relaxed)
    }

    /// Whether the dataset is still the one the run began on.
    pub(crate) fn check(&self, dataset: &Dataset) -> Result<(), StoreError> {
        match &self.shared.before {
            Some(before) if before.generation != dataset.generation => {
                Err(StoreError::DatasetReplaced(dataset.id.clone()))
            }
            _ => Ok(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        // The map is whole after every step, so a panic elsewhere is no harm.
        self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for FullRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FullRun")
            .field("dataset", self.dataset())
            .field("end", &self.end())
            .finish()
    }
}
