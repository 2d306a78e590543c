//! What one commit is to store, collected beforehand.

use std::ops::Range;

use pipewright_entity::binary::Encoder;
use pipewright_entity::{Entity, Hash, Text, Value};
use rustc_hash::FxHashMap;

use crate::full_run::FullRun;
use crate::retry::Retry;

/// One entity to be written to a dataset.
#[derive(Clone, Debug)]
pub struct Write {
    /// The entity. Root properties that start with `_` are ignored, apart
    /// from `_id` and `_deleted`.
    ///
    /// A deletion that has no properties of its own keeps the last properties
    /// of the entity; it stores nothing when the entity is unknown or already
    /// deleted. A deletion with properties is stored like any other version.
    pub entity: Entity,
    /// Where in the source it came from: kept with the version.
    pub source_offset: Option<Value>,
    /// Store a version even if nothing differs from the current one.
    pub force: bool,
    /// What the writer takes the current version to be; see
    /// [`Write::expecting`].
    pub expected: Option<Option<u64>>,
    /// Where in the log the version is to stand; see [`Write::standing_at`].
    pub place: Option<u64>,
}

impl Write {
    /// Stores the entity if it is new, differs from the current version or
    /// has another delete status
    /// (documentation page `hub/features/change-tracking`).
    pub fn new(entity: Entity) -> Write {
        Write { entity, source_offset: None, force: false, expected: None, place: None }
    }

    /// Deletes the entity with this id, keeping its last properties. What is
    /// unknown or already deleted stays as it is.
    pub fn delete(id: impl Into<Text>) -> Write {
        Write::new(Entity::new(id).with("_deleted", true))
    }

    /// The write, with the place in the source that the entity came from.
    pub fn from_source(mut self, offset: impl Into<Value>) -> Write {
        self.source_offset = Some(offset.into());
        self
    }

    /// The write, stored even if nothing differs.
    pub fn forced(mut self) -> Write {
        self.force = true;
        self
    }

    /// The write, which fails the whole commit with
    /// [`StoreError::Conflict`](crate::StoreError::Conflict) unless
    /// `_updated` of the current version is this; `None` expects that there
    /// is no such entity.
    pub fn expecting(mut self, updated: Option<u64>) -> Write {
        self.expected = Some(updated);
        self
    }

    /// The write, whose version stands at this place of the log (`_updated`),
    /// as it does in the log that this one is a copy of. Places may be left
    /// out. One that the log has passed already is not written again: what
    /// stands there must be the same, or the whole commit fails with
    /// [`StoreError::Diverged`](crate::StoreError::Diverged).
    pub fn standing_at(mut self, place: u64) -> Write {
        self.place = Some(place);
        self
    }
}

impl From<Entity> for Write {
    fn from(entity: Entity) -> Write {
        Write::new(entity)
    }
}

/// How hard a commit presses the disk. Neither loses anything when the
/// process is killed, nor ever leaves half a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Durability {
    /// The last commits may be missing after a power cut. For what can be
    /// computed again.
    Normal,
    /// On disk before the commit returns. For writes to the outside and
    /// durable pipes.
    #[default]
    Full,
}

/// Where a pipe is in a dataset that it depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// The dataset.
    pub dataset: Text,
    /// The [generation](crate::Dataset::generation) the offset belongs to.
    pub generation: Text,
    /// The newest `_updated` already looked at; `None`: nothing yet.
    pub since: Option<u64>,
}

/// Everything one trip through a pipe leaves behind. Made by
/// [`Store::batch`](crate::Store::batch), stored as one by
/// [`Store::commit`](crate::Store::commit).
///
/// Entities are hashed and encoded as they are added, on the caller's thread.
#[derive(Debug)]
pub struct Batch {
    pub(crate) ts: i64,
    pub(crate) run: Option<Text>,
    pub(crate) durability: Durability,
    /// In the order in which datasets were first named.
    pub(crate) datasets: Vec<Section>,
    by_name: FxHashMap<Text, usize>,
    pub(crate) pipes: Vec<PipeChange>,
}

/// What a batch does to one dataset.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) dataset: Text,
    pub(crate) writes: Writes,
    pub(crate) full_run: Option<FullRun>,
    pub(crate) delete_unseen: bool,
    pub(crate) defer_indexes: bool,
    pub(crate) populated: bool,
    pub(crate) completeness: Option<Option<i64>>,
}

/// Writes to one dataset, in the order in which they are to happen. Of each
/// entity only its bytes are kept, all of them in one piece of memory.
#[derive(Debug, Default)]
pub(crate) struct Writes {
    pub(crate) all: Vec<Prepared>,
    bytes: Vec<u8>,
    encoder: Encoder,
}

/// A write, encoded.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) id: Text,
    pub(crate) deleted: bool,
    /// Hash and place of the bytes; none for a deletion that keeps the last
    /// properties.
    pub(crate) encoded: Option<(Hash, Range<usize>)>,
    pub(crate) source: Option<Value>,
    pub(crate) force: bool,
    pub(crate) expected: Option<Option<u64>>,
    pub(crate) place: Option<u64>,
}

impl Writes {
    pub(crate) fn push(&mut self, write: Write) {
        let Write { entity, source_offset, force, expected, place } = write;
        let deleted = entity.is_deleted();
        let bare = deleted && entity.dict().keys().all(|name| name.starts_with('_'));
        let encoded = (!bare).then(|| {
            let start = self.bytes.len();
            let hash = self.encoder.content(&entity, &mut self.bytes);
            (hash, start..self.bytes.len())
        });
        self.all.push(Prepared {
            id: entity.id().clone(),
            deleted,
            encoded,
            source: source_offset.filter(|offset| !matches!(offset, Value::Null)),
            force,
            expected,
            place,
        });
    }

    /// The bytes of an entity.
    pub(crate) fn body(&self, place: &Range<usize>) -> &[u8] {
        self.bytes.get(place.clone()).unwrap_or_default()
    }
}

/// What a batch does to the state of a pipe.
#[derive(Debug)]
pub(crate) enum PipeChange {
    Offset { pipe: Text, value: Option<Value> },
    Position { pipe: Text, position: Position },
    ForgetPosition { pipe: Text, dataset: Text },
    Put { pipe: Text, space: Text, key: Box<[u8]>, value: Option<Box<[u8]>> },
    Clear { pipe: Text, space: Text },
    Retry { pipe: Text, retry: Box<Retry> },
    Resolve { pipe: Text, id: Text },
    ResolveAll { pipe: Text },
    DropPipe { pipe: Text },
}

impl Batch {
    pub(crate) fn new(ts: i64) -> Batch {
        Batch {
            ts,
            run: None,
            durability: Durability::default(),
            datasets: Vec::new(),
            by_name: FxHashMap::default(),
            pipes: Vec::new(),
        }
    }

    /// The run that everything in this batch belongs to. Each version keeps it.
    pub fn set_run(&mut self, run: impl Into<Text>) {
        self.run = Some(run.into());
    }

    /// How durable the commit must be; [`Durability::Full`] unless said
    /// otherwise. Commits made together take the strictest.
    pub fn set_durability(&mut self, durability: Durability) {
        self.durability = durability;
    }

    /// Adds a version to a dataset, which is made when it is not there.
    /// Writes to one dataset happen in the order they were added.
    pub fn append(&mut self, dataset: &str, write: impl Into<Write>) {
        self.section(dataset).writes.push(write.into());
    }

    /// Makes the dataset if it is not there.
    pub fn create(&mut self, dataset: &str) {
        self.section(dataset);
    }

    /// Counts every entity this batch appends to the run's dataset as seen by
    /// the full run, whether it differs or not.
    pub fn mark_seen(&mut self, run: &FullRun) {
        self.section(run.dataset()).full_run = Some(run.clone());
    }

    /// At the end of a full run: deletes what the dataset holds and the run
    /// did not see, after the other writes of this batch. Counts this batch's
    /// own writes as seen, like [`Batch::mark_seen`]. A run that never gets
    /// here deletes nothing
    /// (documentation page `hub/features/deletion-tracking`).
    pub fn delete_unseen(&mut self, run: FullRun) {
        let section = self.section(&run.dataset().clone());
        section.full_run = Some(run);
        section.delete_unseen = true;
    }

    /// Leaves the indexes of this dataset behind, to be caught up at once by
    /// [`Store::ensure_index`](crate::Store::ensure_index): much faster while
    /// a dataset is being filled. Lookups fail with
    /// [`StoreError::IndexBehind`](crate::StoreError::IndexBehind) until then.
    pub fn defer_indexes(&mut self, dataset: &str) {
        self.section(dataset).defer_indexes = true;
    }

    /// Says that the dataset is populated; its initial offset becomes the
    /// length of its log after this batch, unless it has one already.
    pub fn set_populated(&mut self, dataset: &str) {
        self.section(dataset).populated = true;
    }

    /// Sets or removes the completeness of a dataset, in microseconds since
    /// 1970.
    pub fn set_completeness(&mut self, dataset: &str, completeness: Option<i64>) {
        self.section(dataset).completeness = Some(completeness);
    }

    /// Sets or forgets where the pipe is in its source.
    pub fn set_offset(&mut self, pipe: &str, offset: Option<Value>) {
        self.pipes.push(PipeChange::Offset { pipe: pipe.into(), value: offset });
    }

    /// Sets where the pipe is in a dataset that it depends on.
    pub fn set_position(&mut self, pipe: &str, position: Position) {
        self.pipes.push(PipeChange::Position { pipe: pipe.into(), position });
    }

    /// Forgets where the pipe was in a dataset that it no longer depends on.
    pub fn forget_position(&mut self, pipe: &str, dataset: &str) {
        let (pipe, dataset) = (pipe.into(), dataset.into());
        self.pipes.push(PipeChange::ForgetPosition { pipe, dataset });
    }

    /// Keeps bytes for a component of the pipe, under a key in a space of its
    /// own; `None` removes them.
    pub fn put_state(&mut self, pipe: &str, space: &str, key: &[u8], value: Option<&[u8]>) {
        self.pipes.push(PipeChange::Put {
            pipe: pipe.into(),
            space: space.into(),
            key: key.into(),
            value: value.map(Into::into),
        });
    }

    /// Empties a space of the pipe, however large, at once.
    pub fn clear_state(&mut self, pipe: &str, space: &str) {
        self.pipes.push(PipeChange::Clear { pipe: pipe.into(), space: space.into() });
    }

    /// Puts an entity into the pipe's retry queue, in place of the one with
    /// the same id.
    pub fn put_retry(&mut self, pipe: &str, retry: Retry) {
        self.pipes.push(PipeChange::Retry { pipe: pipe.into(), retry: Box::new(retry) });
    }

    /// Takes an entity out of the pipe's retry queue, if it is there.
    pub fn remove_retry(&mut self, pipe: &str, id: &str) {
        self.pipes.push(PipeChange::Resolve { pipe: pipe.into(), id: id.into() });
    }

    /// Empties the pipe's retry queue.
    pub fn clear_retries(&mut self, pipe: &str) {
        self.pipes.push(PipeChange::ResolveAll { pipe: pipe.into() });
    }

    /// Forgets everything the store keeps for a pipe: offsets, retry queue and
    /// state. Its datasets, the execution log among them, stay.
    pub fn drop_pipe(&mut self, pipe: &str) {
        self.pipes.push(PipeChange::DropPipe { pipe: pipe.into() });
    }

    /// Whether committing would change nothing.
    pub fn is_empty(&self) -> bool {
        self.datasets.is_empty() && self.pipes.is_empty()
    }

    /// How many entities wait to be written.
    pub fn len(&self) -> usize {
        self.datasets.iter().map(|section| section.writes.all.len()).sum()
    }

    /// How many bytes those have.
    pub fn bytes(&self) -> usize {
        self.datasets.iter().map(|section| section.writes.bytes.len()).sum()
    }

    /// What its versions get as their `_ts`.
    pub fn ts(&self) -> i64 {
        self.ts
    }

    fn section(&mut self, dataset: &str) -> &mut Section {
        let next = self.datasets.len();
        let index = match self.by_name.get(dataset) {
            Some(index) => *index,
            None => {
                let dataset = Text::new(dataset);
                self.by_name.insert(dataset.clone(), next);
                self.datasets.push(Section {
                    dataset,
                    writes: Writes::default(),
                    full_run: None,
                    delete_unseen: false,
                    defer_indexes: false,
                    populated: false,
                    completeness: None,
                });
                next
            }
        };
        &mut self.datasets[index]
    }
}

/// What a commit did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// By dataset, in the order in which the batch named them.
    pub datasets: Vec<Written>,
}

impl Committed {
    /// What happened to one dataset, if the batch touched it.
    pub fn dataset(&self, id: &str) -> Option<&Written> {
        self.datasets.iter().find(|written| written.dataset == id)
    }
}

/// What a commit did to one dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The dataset.
    pub dataset: Text,
    /// Versions stored, those of `unseen_deleted` among them.
    pub written: u64,
    /// Writes that stored nothing because nothing differs.
    pub unchanged: u64,
    /// Versions stored because a full run did not see the entity.
    pub unseen_deleted: u64,
    /// `_updated` of the newest version in the log, new or old; `None` while
    /// the log is empty.
    pub last_offset: Option<u64>,
}
