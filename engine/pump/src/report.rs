//! What a run says about itself, while it runs and afterwards.

use pipewright_entity::Text;

/// How much of the source a run reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RunKind {
    /// What changed since the last run, in the source and in what it looks up.
    #[default]
    Incremental,
    /// The same, from some way further back in the source.
    Partial,
    /// Everything, with deletion tracking at the end.
    Full,
}

impl RunKind {
    /// The `sync_type` of the execution log.
    pub fn sync_type(self) -> &'static str {
        match self {
            RunKind::Incremental => "incremental",
            RunKind::Partial => "partial",
            RunKind::Full => "full",
        }
    }
}

/// What a run is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Getting ready: opening the source, building indexes.
    #[default]
    Starting,
    /// Trying again what failed before.
    Retrying,
    /// Running source entities again because what they look up has changed.
    Tracking,
    /// Reading the source and transforming what it gives.
    Reading,
    /// Writing a batch to an outside system.
    Writing,
    /// Storing what a batch changed, with where the pipe is now.
    Committing,
    /// Ending: deletion tracking, the last commit.
    Finishing,
}

/// What went through a run so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Source entities read, repeated ones among them.
    pub read: u64,
    /// Entities that changed something: versions stored in a dataset, writes
    /// that an outside system took.
    pub written: u64,
    /// Entities that were there already as they are.
    pub unchanged: u64,
    /// Of the written ones, those deleted because a full run did not see them.
    pub deleted_unseen: u64,
    /// Entities ready to go outside, where writing is held.
    pub held: u64,
    /// Source entities that could not be read, transformed or written.
    pub failed: u64,
    /// Of the failed ones, those that could not be read.
    pub unreadable: u64,
}

/// Where a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress<'a> {
    /// The pipe.
    pub pipe: &'a str,
    /// How much of the source it reads.
    pub kind: RunKind,
    /// What it is doing.
    pub phase: Phase,
    /// What went through so far.
    pub counts: Counts,
    /// The index that is being built before the run can begin.
    pub building: Option<Building<'a>>,
}

/// How far the index of a dataset is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Building<'a> {
    /// The dataset.
    pub dataset: &'a str,
    /// How much of its log is in the index.
    pub done: u64,
    /// How long the log is.
    pub total: u64,
}

/// Hears how runs go on. Called on the thread of the run, at each change of
/// phase and after each batch: it must be quick.
pub trait Observer: Send + Sync {
    /// The run is here now.
    fn progress(&self, progress: &Progress<'_>);
}

/// Hears nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn progress(&self, _: &Progress<'_>) {}
}

/// Something about a run that a user should know. Software matches the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Names the kind of note, such as `dependencies.untracked`.
    pub code: &'static str,
    /// What it means here.
    pub message: String,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The source was read to its end. Single entities may have failed.
    Completed,
    /// The run was told to stop; the next one goes on where it stood.
    Stopped,
    /// The pipe cannot run on.
    Failed {
        /// What went wrong, where, and what to do.
        reason: String,
        /// The entity that was at hand, if any.
        entity: Option<Text>,
    },
    /// Nothing was done, such as when reading from outside is held.
    Held,
}

/// What became of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The pipe.
    pub pipe: Text,
    /// Names the run; every version it stored has this name.
    pub run: Text,
    /// How much of the source it read.
    pub kind: RunKind,
    /// How it ended.
    pub ending: Ending,
    /// What went through.
    pub counts: Counts,
    /// The datasets that have new versions because of it.
    pub changed: Vec<Text>,
    /// The datasets that are complete up to a later time because of it.
    pub completed: Vec<Text>,
    /// How many entities wait to be tried again.
    pub retries: u64,
    /// When the first of them is to be tried, in microseconds since 1970, if
    /// that is after the run.
    pub retry_at: Option<i64>,
    /// Whether it is time for a rescan in the background (`rescan_run_count`).
    pub rescan_due: bool,
    /// What a user should know.
    pub notes: Vec<Note>,
    /// The first few failures of single entities: id and reason.
    pub failures: Vec<(Option<Text>, String)>,
    /// When it began, in microseconds since 1970.
    pub started: i64,
    /// When it ended, in microseconds since 1970.
    pub ended: i64,
}

impl Report {
    /// Whether everything went well.
    pub fn is_success(&self) -> bool {
        self.ending == Ending::Completed && self.counts.failed == 0
    }
}
