//! What the pumps did since the node was started, counted up for `/metrics`.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pipewright_entity::Text;
use pipewright_pump::{Ending, Report};

/// Sums over the runs of one pipe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PumpCounts {
    /// Runs that ended in any way.
    pub(crate) ended: u64,
    pub(crate) started: u64,
    pub(crate) completed: u64,
    pub(crate) failed: u64,
    pub(crate) interrupted: u64,
    pub(crate) changes: u64,
    pub(crate) seen: u64,
    pub(crate) deletion_tracked: u64,
    pub(crate) compacted: u64,
}

/// The sums of all pipes.
#[derive(Default)]
pub(crate) struct Counters(Mutex<BTreeMap<Text, PumpCounts>>);

impl Counters {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Text, PumpCounts>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A run has ended. One that was held never began.
    pub(crate) fn add(&self, report: &Report) {
        let mut all = self.lock();
        let counts = all.entry(report.pipe.clone()).or_default();
        counts.ended += 1;
        match report.ending {
            Ending::Held => return,
            Ending::Completed => counts.completed += 1,
            Ending::Stopped => counts.interrupted += 1,
            Ending::Failed { .. } => counts.failed += 1,
        }
        counts.started += 1;
        counts.changes += report.counts.written;
        counts.seen += report.counts.read;
        counts.deletion_tracked += report.counts.deleted_unseen;
    }

    /// Versions of the datasets of a pipe were compacted away.
    pub(crate) fn compacted(&self, pipe: &Text, versions: u64) {
        self.lock().entry(pipe.clone()).or_default().compacted += versions;
    }

    /// The sums of a pipe so far.
    pub(crate) fn of(&self, pipe: &str) -> PumpCounts {
        self.lock().get(pipe).copied().unwrap_or_default()
    }
}
