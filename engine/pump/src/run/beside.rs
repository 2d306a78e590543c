//! Rescans in the background: reading everything again beside runs that follow
//! the changes (`enable_background_rescan`).
//!
//! The two share a [`Rescan`]. A run that follows the changes says there what
//! it writes, and the rescan leaves that alone: what it read may be older. Each
//! holds a lock from there to its commit. The place of the pipe in its source
//! belongs to the runs beside it; what failed before is tried again once the
//! rescan is over.
//!
//! A rescan that is cut, as by a crash, is begun again: only one that saw
//! everything may delete what it did not see.

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pipewright_component::{Continuation, Source};
use pipewright_store::{Batch, FullRun, Reader, StoreError};

use super::begin::{Memo, SPACE, Start};
use super::{Resources, Run, RunError, RunRequest};
use crate::agenda::NEEDLESS;
use crate::chain::Outgoing;
use crate::plan::{Plan, SinkPlan, SourcePlan};
use crate::report::{Counts, Observer, Report, RunKind};
use pipewright_store::names::execution_log;

/// Set while a rescan is wanted or on its way.
const RESCAN: &[u8] = b"rescan";

/// How many entities a commit deletes, so that others have their turn.
pub(super) const DELETIONS: u64 = 10_000;

/// What a rescan of a pipe in the background and the runs beside it know of
/// each other. There is one for each pipe; it serves rescan after rescan.
#[derive(Debug, Default)]
pub struct Rescan {
    touched: Mutex<Touched>,
}

#[derive(Debug, Default)]
struct Touched {
    /// Whether a rescan is on its way.
    is_active: bool,
    /// What the runs beside it wrote since it began, as hashes: two ids that
    /// share one cost no more than an entity that the rescan leaves as it is.
    ids: HashSet<u64>,
    keys: RandomState,
    full: Option<FullRun>,
}

impl Rescan {
    fn lock(&self) -> MutexGuard<'_, Touched> {
        // The set is whole after every step.
        self.touched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a run has to do with a rescan of its pipe.
#[derive(Clone, Copy)]
pub(super) enum Part<'r> {
    /// There is never one.
    Alone,
    /// There may be one beside it.
    Beside(&'r Rescan),
    /// It is one.
    Rescan(&'r Rescan),
}

/// Keeps the others of a rescan and the runs beside it from writing.
pub(super) struct Gate<'r>(MutexGuard<'r, Touched>);

impl Gate<'_> {
    /// What is about to be written beside a rescan.
    fn touch(&mut self, out: &[Outgoing]) -> Result<(), StoreError> {
        if !self.0.is_active {
            return Ok(());
        }
        for out in out {
            let hash = self.0.keys.hash_one(out.entity.id().as_str());
            self.0.ids.insert(hash);
            if let Some(full) = &self.0.full {
                full.seen(out.entity.id())?;
            }
        }
        Ok(())
    }

    /// Whether a run beside the rescan wrote the entity.
    fn is_touched(&self, out: &Outgoing) -> bool {
        self.0.ids.contains(&self.0.keys.hash_one(out.entity.id().as_str()))
    }
}

/// Runs a pipe once, be there a rescan of it or not; see [`run`](super::run).
pub fn run_beside(
    plan: &Plan,
    resources: &Resources<'_>,
    request: RunRequest,
    observer: &dyn Observer,
    rescan: &Rescan,
) -> Report {
    super::run_as(Part::Beside(rescan), plan, resources, request, observer)
}

/// Reads everything again while the pipe may be [run](run_beside) with the same
/// `rescan`; for plans that [allow](Plan::rescans_aside) it. The report is that
/// of a full run.
pub fn rescan(
    plan: &Plan,
    resources: &Resources<'_>,
    observer: &dyn Observer,
    rescan: &Rescan,
) -> Report {
    /// However it ends, it is over.
    struct Over<'r>(&'r Rescan);
    impl Drop for Over<'_> {
        fn drop(&mut self) {
            *self.0.lock() = Touched::default();
        }
    }
    let _over = Over(rescan);
    super::run_as(Part::Rescan(rescan), plan, resources, RunRequest { full: true }, observer)
}

/// Whether a rescan of a pipe is wanted, or was cut.
pub(crate) fn is_rescan_pending(pipe: &str, reader: &Reader) -> Result<bool, StoreError> {
    Ok(reader.state(pipe, SPACE, RESCAN)?.is_some())
}

/// Notes that a rescan of a pipe is wanted, so that it outlives the process, or
/// that none is.
pub fn want_rescan(pipe: &str, is_wanted: bool, batch: &mut Batch) {
    batch.put_state(pipe, SPACE, RESCAN, is_wanted.then_some(&b"1"[..]));
}

impl Plan {
    /// Whether rescans of the pipe go on in the background: it says so, writes
    /// a dataset, and reads a source whose changes can be followed meanwhile.
    pub fn rescans_aside(&self) -> bool {
        let writes_dataset = match &self.sink {
            SinkPlan::Dataset(sink) => {
                let has_breaker = sink.breaker_factor.is_some() || sink.breaker_count.is_some();
                !has_breaker && sink.replica.is_none()
            }
            _ => false,
        };
        let follows = matches!(self.source, SourcePlan::Outside(_)) || self.continues();
        self.enable_background_rescan && writes_dataset && follows && !self.is_receiver()
    }
}

impl<'r> Run<'r> {
    pub(super) fn is_rescan(&self) -> bool {
        matches!(self.part, Part::Rescan(_))
    }

    /// Whether a rescan is on its way beside the run.
    pub(super) fn is_beside_rescan(&self) -> bool {
        matches!(self.part, Part::Beside(rescan) if rescan.lock().is_active)
    }

    /// Decides whether a rescan can go on beside other runs. `None`: why not is
    /// noted.
    pub(super) fn begin_rescan(
        &mut self,
        source: Option<&dyn Source>,
    ) -> Result<Option<Start>, RunError> {
        self.build_indexes()?;
        let reader = self.reader()?;
        let pipe = self.plan.id();
        let memo = Memo::load(pipe, &reader)?;
        let is_filled = memo.fingerprint.as_ref() == Some(&self.plan.fingerprint)
            && !memo.is_full_pending
            && reader.offset(pipe)?.is_some();
        let follows = source.is_none_or(|source| source.continuation() != Continuation::None);
        if !is_filled || !follows {
            // The next run reads everything.
            self.note(NEEDLESS, "The next run of the pipe is a full one anyway.");
            return Ok(None);
        }
        let log = reader.dataset(&execution_log(pipe))?;
        self.log.location = Some(log.map_or(0, |log| log.length));
        let mut datasets = Vec::new();
        for id in self.plan.source_datasets() {
            datasets.extend(reader.dataset(&id)?);
        }
        self.kind = RunKind::Full;
        Ok(Some(Start {
            since: None,
            affected: Vec::new(),
            positions: memo.positions.clone(),
            moved: false,
            completeness: None,
            populated: self.is_source_populated(&reader)?,
            must_finish: false,
            size: self.commit_size(&datasets),
            until: super::begin::complete_until(self.plan, &reader, self.resources)?,
            number: None,
            memo,
            generations: Vec::new(),
        }))
    }

    /// Notes that a rescan began, and who has to know what it has seen.
    pub(super) fn commit_rescan_begin(&mut self, full: Option<&FullRun>) -> Result<(), RunError> {
        let Part::Rescan(rescan) = self.part else { return Ok(()) };
        let (is_active, full) = (true, full.cloned());
        *rescan.lock() = Touched { is_active, full, ..Touched::default() };
        let mut batch = self.batch();
        want_rescan(self.plan.id(), true, &mut batch);
        self.log_start(&mut batch);
        self.commit(batch)
    }

    /// What a run must know and say about a rescan before it writes: one beside
    /// a rescan says what it writes, the rescan leaves out what others wrote.
    /// The gate is to be held until what was written is committed.
    pub(super) fn part_with_rescan(
        &mut self,
        out: &mut Vec<Outgoing>,
    ) -> Result<Option<Gate<'r>>, RunError> {
        match self.part {
            Part::Alone => Ok(None),
            Part::Beside(rescan) => {
                let mut gate = Gate(rescan.lock());
                gate.touch(out)?;
                Ok(Some(gate))
            }
            Part::Rescan(rescan) => {
                let gate = Gate(rescan.lock());
                let (written, left): (Vec<_>, Vec<_>) =
                    std::mem::take(out).into_iter().partition(|out| gate.is_touched(out));
                *out = left;
                self.counts.unchanged += written.len() as u64;
                if let Some(full) = &gate.0.full {
                    for out in &written {
                        full.seen(out.entity.id())?;
                    }
                }
                Ok(Some(gate))
            }
        }
    }

    /// Deletes what a rescan did not see, some at a time.
    pub(super) fn delete_unseen_in_steps(&mut self, full: &FullRun) -> Result<(), RunError> {
        full.delete_at_most(DELETIONS);
        loop {
            self.check()?;
            let Counts { deleted_unseen: before, .. } = self.counts;
            let mut batch = self.batch();
            batch.delete_unseen(full.clone());
            self.commit(batch)?;
            self.tell();
            if self.counts.deleted_unseen - before < DELETIONS {
                return Ok(());
            }
        }
    }
}
