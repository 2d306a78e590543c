//! Reading one state of the store.

mod changes;

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use pipewright_entity::{Key, Text, Value, Version};
use rusqlite::OptionalExtension;
use rustc_hash::FxHashMap;

pub use changes::{Changes, Select, Subset};

use crate::batch::Position;
use crate::dataset::{self, Dataset};
use crate::error::Outcome;
use crate::full_run::FullRun;
use crate::index::{self, IndexInfo, Registered};
use crate::pool::Snapshot;
use crate::retry::{self, Retry, RetryCounts};
use crate::state::{self, KeyValue};
use crate::store::Inner;
use crate::versions::{self, Past};
use crate::{StoreError, schema};

/// The store as it was when the reader was made, whatever is committed since.
///
/// Any number of readers work beside each other and beside commits. One that
/// is kept for long keeps the space of what was removed since from being used
/// again, so take a reader per batch or request, not per run.
pub struct Reader {
    snapshot: Snapshot,
    inner: Arc<Inner>,
    /// Datasets looked up before: in a snapshot they do not change.
    datasets: RefCell<FxHashMap<Text, Option<Arc<Dataset>>>>,
    /// The numbers of the spaces of pipes, likewise.
    spaces: RefCell<FxHashMap<(Text, Text), Option<i64>>>,
}

/// Which run stored a version, and from where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance {
    /// The run, as [`Batch::set_run`](crate::Batch::set_run) named it.
    pub run: Option<Text>,
    /// Where in the source of the run it came from.
    pub source_offset: Option<Value>,
}

impl Reader {
    pub(crate) fn new(snapshot: Snapshot, inner: Arc<Inner>) -> Reader {
        Reader { snapshot, inner, datasets: RefCell::default(), spaces: RefCell::default() }
    }

    /// All datasets, by id.
    pub fn datasets(&self) -> Result<Vec<Dataset>, StoreError> {
        Ok(dataset::list(&self.snapshot)?)
    }

    /// One dataset, if it is there.
    pub fn dataset(&self, id: &str) -> Result<Option<Arc<Dataset>>, StoreError> {
        if let Some(known) = self.datasets.borrow().get(id) {
            return Ok(known.clone());
        }
        let found = dataset::find(&self.snapshot, id)?.map(Arc::new);
        self.datasets.borrow_mut().insert(id.into(), found.clone());
        Ok(found)
    }

    pub(crate) fn connection(&self) -> &rusqlite::Connection {
        &self.snapshot
    }

    fn known(&self, id: &str) -> Result<Arc<Dataset>, StoreError> {
        self.dataset(id)?.ok_or_else(|| StoreError::UnknownDataset(id.into()))
    }

    /// The versions of a dataset after `since` (from the beginning when
    /// `None`), in the order they were stored, at most `limit` of them.
    ///
    /// The cost follows what is returned: without history it does not matter
    /// how many superseded versions lie in between.
    pub fn changes(
        &self,
        dataset: &str,
        since: Option<u64>,
        limit: Option<u64>,
        select: Select,
    ) -> Result<Changes<'_>, StoreError> {
        Changes::new(self, self.known(dataset)?, since, limit, select)
    }

    /// [`Reader::changes`] from the beginning (or, in reverse, from the end)
    /// without the first `skip`: page N of a table costs as much as page 1,
    /// unless it is of a subset.
    pub fn page(
        &self,
        dataset: &str,
        skip: u64,
        limit: u64,
        select: Select,
    ) -> Result<Changes<'_>, StoreError> {
        self.changes(dataset, None, None, select)?.page(skip, limit)
    }

    /// All entities of a dataset that are not deleted, by the order of their
    /// last change.
    pub fn current(&self, dataset: &str) -> Result<Changes<'_>, StoreError> {
        let select = Select { deleted: false, ..Select::default() };
        self.changes(dataset, None, None, select)
    }

    /// How many entities changed after `since`, deletions included.
    pub fn pending(&self, dataset: &str, since: Option<u64>) -> Result<u64, StoreError> {
        let dataset = self.known(dataset)?;
        let Some(since) = since else { return Ok(dataset.live + dataset.deleted) };
        let count = |dataset: &Dataset| -> Outcome<i64> {
            Ok(self
                .snapshot
                .prepare_cached("SELECT count(*) FROM latest WHERE at >= ? AND at < ?")?
                .query_row(
                    [dataset.at(since.saturating_add(1)), dataset.at(schema::MAX_LENGTH)],
                    |row| row.get(0),
                )?)
        };
        Ok(count(&dataset)? as u64)
    }

    /// The current version of an entity, deleted or not.
    pub fn get(&self, dataset: &str, id: &str) -> Result<Option<Version>, StoreError> {
        let dataset = self.known(dataset)?;
        let Some(updated) = versions::current(&self.snapshot, &dataset, id)? else {
            return Ok(None);
        };
        Ok(versions::version(&self.snapshot, &dataset, updated)?)
    }

    /// The version at a place in the log, if compaction left it.
    pub fn version(&self, dataset: &str, updated: u64) -> Result<Option<Version>, StoreError> {
        let dataset = self.known(dataset)?;
        if updated >= dataset.length {
            return Ok(None);
        }
        Ok(versions::version(&self.snapshot, &dataset, updated)?)
    }

    /// The versions of an entity that are left, the newest first, at most
    /// `limit`. When the last one has a `previous`, compaction removed that.
    pub fn history(
        &self,
        dataset: &str,
        id: &str,
        limit: usize,
    ) -> Result<Vec<Version>, StoreError> {
        let dataset = self.known(dataset)?;
        let mut history = Vec::new();
        let mut next = versions::current(&self.snapshot, &dataset, id)?;
        while let Some(updated) = next.filter(|_| history.len() < limit) {
            let Some(version) = versions::version(&self.snapshot, &dataset, updated)? else {
                break;
            };
            next = version.previous.filter(|previous| *previous < updated);
            history.push(version);
        }
        Ok(history)
    }

    /// What an entity was when the log ended at `offset`: its newest version
    /// at or before it. `None` asks for the time before the first version.
    pub fn previous_version(
        &self,
        dataset: &str,
        id: &str,
        offset: Option<u64>,
    ) -> Result<Past, StoreError> {
        let dataset = self.known(dataset)?;
        let Some(offset) = offset else { return Ok(Past::Absent) };
        let Some(current) = versions::current(&self.snapshot, &dataset, id)? else {
            return Ok(Past::Absent);
        };
        Ok(versions::as_of(&self.snapshot, &dataset, current, offset.saturating_add(1))?)
    }

    /// Which run stored the version at a place in the log, and from where in
    /// its source.
    pub fn provenance(
        &self,
        dataset: &str,
        updated: u64,
    ) -> Result<Option<Provenance>, StoreError> {
        let dataset = self.known(dataset)?;
        let read = || -> Outcome<Option<Provenance>> {
            let mut statement = self.snapshot.prepare_cached(
                "SELECT run.id, version.source FROM version \
                 LEFT JOIN run ON run.number = version.run WHERE version.at = ?",
            )?;
            let mut rows = statement.query([dataset.at(updated)])?;
            let Some(row) = rows.next()? else { return Ok(None) };
            let run = row.get::<_, Option<String>>(0)?.map(Text::from);
            Ok(Some(Provenance { run, source_offset: state::value(row, 1)? }))
        };
        Ok(read()?)
    }

    /// The current versions of the entities that have this key, in log order;
    /// deleted ones are not indexed.
    pub fn lookup(
        &self,
        dataset: &str,
        expression: &str,
        key: &Key,
    ) -> Result<Vec<Version>, StoreError> {
        let found = self.lookup_many(dataset, expression, std::slice::from_ref(key))?;
        Ok(found.into_iter().next().unwrap_or_default())
    }

    /// [`Reader::lookup`] for many keys, in their order.
    pub fn lookup_many(
        &self,
        dataset: &str,
        expression: &str,
        keys: &[Key],
    ) -> Result<Vec<Vec<Version>>, StoreError> {
        let dataset = self.known(dataset)?;
        let registered = self.registered(&dataset, expression)?;
        Ok(index::lookup::many(&self.snapshot, &dataset, &registered, keys)?)
    }

    fn registered(&self, dataset: &Dataset, expression: &str) -> Result<Registered, StoreError> {
        self.inner.registry().find(&dataset.id, expression).cloned().ok_or_else(|| {
            StoreError::NoIndex { dataset: dataset.id.clone(), expression: expression.into() }
        })
    }

    /// The indexes of a dataset and how far they are, by expression.
    pub fn indexes(&self, dataset: &str) -> Result<Vec<IndexInfo>, StoreError> {
        let dataset = self.known(dataset)?;
        let read = || -> Outcome<Vec<IndexInfo>> {
            Ok(self
                .snapshot
                .prepare_cached(
                    "SELECT expression, built, maintained, number FROM lookup WHERE dataset = ? \
                     ORDER BY expression",
                )?
                .query_map([dataset.number], |row| {
                    let built = row.get::<_, i64>(1)? as u64;
                    let maintained = row.get::<_, i64>(2)? as u64;
                    Ok(IndexInfo {
                        number: row.get(3)?,
                        expression: dataset::text(row, 0)?,
                        built,
                        length: dataset.length,
                        ready: built == dataset.length && maintained == dataset.length,
                    })
                })?
                .collect::<rusqlite::Result<_>>()?)
        };
        Ok(read()?)
    }

    /// How many entities a full run would delete if it ended now.
    pub fn count_unseen(&self, run: &FullRun) -> Result<u64, StoreError> {
        let Some(dataset) = self.dataset(run.dataset())? else { return Ok(0) };
        run.check(&dataset)?;
        run.settle()?;
        let read = || -> Outcome<u64> {
            let mut statement = self
                .snapshot
                .prepare_cached("SELECT at FROM latest WHERE at >= ? AND at < ? AND deleted = 0")?;
            let mut rows = statement.query([dataset.at(0), dataset.at(run.end())])?;
            let (mut count, mut places) = (0, Vec::with_capacity(1_024));
            while let Some(row) = rows.next()? {
                places.push(schema::place(row.get(0)?));
                if places.len() == 1_024 {
                    run.retain_unseen(&mut places);
                    count += places.len() as u64;
                    places.clear();
                }
            }
            run.retain_unseen(&mut places);
            Ok(count + places.len() as u64)
        };
        Ok(read()?)
    }

    /// Where a pipe is in its source.
    pub fn offset(&self, pipe: &str) -> Result<Option<Value>, StoreError> {
        Ok(state::offset(&self.snapshot, pipe)?)
    }

    /// Where a pipe is in the datasets it depends on, by dataset.
    pub fn positions(&self, pipe: &str) -> Result<Vec<Position>, StoreError> {
        Ok(state::positions(&self.snapshot, pipe)?)
    }

    /// Where all pipes that depend on a dataset are in it, by pipe.
    pub fn positions_in(&self, dataset: &str) -> Result<Vec<(Text, Position)>, StoreError> {
        Ok(state::positions_in(&self.snapshot, dataset)?)
    }

    /// The bytes a component of the pipe keeps under a key.
    pub fn state(
        &self,
        pipe: &str,
        space: &str,
        key: &[u8],
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(space) = self.space(pipe, space)? else { return Ok(None) };
        Ok(state::get(&self.snapshot, space, key)?)
    }

    /// Keys of a space that begin with `prefix` and come after `after`, with
    /// their bytes, in the order of the keys, at most `limit`.
    pub fn scan_state(
        &self,
        pipe: &str,
        space: &str,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<KeyValue>, StoreError> {
        let Some(space) = self.space(pipe, space)? else { return Ok(Vec::new()) };
        Ok(state::scan(&self.snapshot, space, prefix, after, limit)?)
    }

    fn space(&self, pipe: &str, name: &str) -> Result<Option<i64>, StoreError> {
        let key = (Text::new(pipe), Text::new(name));
        if let Some(known) = self.spaces.borrow().get(&key) {
            return Ok(*known);
        }
        let found = state::space(&self.snapshot, pipe, name)?;
        self.spaces.borrow_mut().insert(key, found);
        Ok(found)
    }

    /// One entity of a pipe's retry queue.
    pub fn retry(&self, pipe: &str, id: &str) -> Result<Option<Retry>, StoreError> {
        Ok(retry::get(&self.snapshot, pipe, id)?)
    }

    /// What is to be tried again by `now` (microseconds since 1970), the
    /// longest due first, dead letters excepted.
    pub fn due_retries(
        &self,
        pipe: &str,
        now: i64,
        limit: usize,
    ) -> Result<Vec<Retry>, StoreError> {
        Ok(retry::due(&self.snapshot, pipe, now, limit)?)
    }

    /// When the first retry of a pipe is due.
    pub fn next_retry(&self, pipe: &str) -> Result<Option<i64>, StoreError> {
        Ok(retry::next_due(&self.snapshot, pipe)?)
    }

    /// A pipe's retry queue by id, dead letters included, from after an id on.
    pub fn retries(
        &self,
        pipe: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Retry>, StoreError> {
        Ok(retry::page(&self.snapshot, pipe, after, limit)?)
    }

    /// How many retries a pipe has.
    pub fn retry_counts(&self, pipe: &str) -> Result<RetryCounts, StoreError> {
        Ok(retry::counts(&self.snapshot, pipe)?)
    }

    /// Every run that still has a version in the store, with how many.
    pub fn run_versions(&self, run: &str) -> Result<u64, StoreError> {
        let read = || -> Outcome<Option<i64>> {
            Ok(self
                .snapshot
                .prepare_cached("SELECT versions FROM run WHERE id = ?")?
                .query_row([run], |row| row.get(0))
                .optional()?)
        };
        Ok(read()?.unwrap_or(0) as u64)
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("dir", &self.inner.dir).finish_non_exhaustive()
    }
}
