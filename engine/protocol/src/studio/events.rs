//! What changes while one looks.
//!
//! A stream starts with [`Event::Hello`], which holds the whole state, and then
//! sends only what changed, at most a few times a second. A reader that falls
//! behind or reconnects gets a new `Hello`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Notification, Project, Severity};

/// One line of the stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Event {
    /// The state as a whole; replaces all that was known.
    Hello(Box<Hello>),
    /// Pipes whose state changed.
    Pipes(Vec<PipeStatus>),
    /// Datasets whose content changed.
    Datasets(Vec<DatasetStatus>),
    /// Pipes and datasets that are gone.
    Removed(Removed),
    /// Config files that changed, by whoever.
    Config(Vec<FileChange>),
    /// Cards of the flow that were put somewhere else.
    Placed(BTreeMap<String, Option<[i32; 2]>>),
    /// The project itself: trust, live, profile, problems.
    Project(Box<Project>),
    /// Something worth telling.
    Notice(Notice),
    /// Alerts that began, changed or are over, and what else was told; in the
    /// order in which it happened.
    Notifications(Vec<Notification>),
}

/// The whole state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Hello {
    /// The project.
    pub project: Project,
    /// Every pipe.
    pub pipes: Vec<PipeStatus>,
    /// Every dataset that is not internal.
    pub datasets: Vec<DatasetStatus>,
    /// The alerts that are open.
    #[serde(default)]
    pub alerts: Vec<Notification>,
}

/// How a pipe fares.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PipeStatus {
    /// The pipe.
    pub id: String,
    /// In one word.
    pub state: PipeState,
    /// Entities handled in the present run, or the last one.
    pub processed: u64,
    /// What else went through in that run.
    #[serde(default)]
    pub counts: RunCounts,
    /// What waits, by dataset; empty where the source cannot tell.
    pub queues: BTreeMap<String, u64>,
    /// Entities that wait for another try.
    pub retries: u64,
    /// Entities given up.
    pub dead: u64,
    /// When the last run ended, microseconds.
    pub last_run: Option<i64>,
    /// When the next is due, microseconds.
    pub next_run: Option<i64>,
    /// Time the last run took, microseconds.
    pub took: Option<u64>,
    /// How the last run ended, in words.
    pub message: Option<String>,
    /// The rescan that goes on in the background.
    #[serde(default)]
    pub rescan: Option<RescanStatus>,
}

/// How far a rescan in the background is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RescanStatus {
    /// When it began, microseconds.
    pub since: i64,
    /// Entities read so far.
    pub processed: u64,
    /// About how many there are; `None` where the source cannot tell.
    pub total: Option<u64>,
    /// What else went through.
    pub counts: RunCounts,
}

/// What went through in a run, beside the entities read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RunCounts {
    /// Entities that changed something.
    pub written: u64,
    /// Entities that were there already as they are.
    pub unchanged: u64,
    /// Entities ready to go outside, where writing is held.
    pub held: u64,
    /// Entities that could not be read, transformed or written.
    pub failed: u64,
}

impl PipeStatus {
    /// All that waits.
    pub fn queue(&self) -> u64 {
        self.queues.values().sum()
    }
}

/// State of a pipe in one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum PipeState {
    /// Has not run yet.
    #[default]
    New,
    /// Runs now.
    Running,
    /// The last run ended well.
    Finished,
    /// The last run failed.
    Failed,
    /// The last run was stopped by a user.
    Stopped,
    /// Switched off.
    Disabled,
    /// Its config has errors.
    Invalid,
    /// Serves requests instead of running (endpoint pipes).
    Serving,
}

/// How a dataset fares.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DatasetStatus {
    /// The dataset.
    pub id: String,
    /// Entities that exist now, deleted ones left out.
    pub entities: u64,
    /// Entities whose latest version is a delete.
    pub deleted: u64,
    /// Versions in the log.
    pub versions: u64,
    /// The offset the next version gets.
    pub next_offset: u64,
    /// Bytes on disk, as good as the store knows.
    pub bytes: u64,
    /// When the last version was stored, microseconds.
    pub modified: Option<i64>,
    /// Whether it was written completely once.
    pub populated: bool,
    /// How much of the log is in the index of full text; none where that is
    /// off.
    #[serde(default)]
    pub full_text: Option<u64>,
}

/// What is gone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Removed {
    /// Pipes.
    pub pipes: Vec<String>,
    /// Datasets.
    pub datasets: Vec<String>,
}

/// A config file that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FileChange {
    /// Relative to the project folder.
    pub path: String,
    /// Hash of its text now; `None` when it is gone.
    pub hash: Option<String>,
}

/// Something worth telling, shown in the status bar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Notice {
    /// When, microseconds.
    pub ts: i64,
    /// How much it weighs.
    pub severity: Severity,
    /// The pipe it is about.
    pub pipe: Option<String>,
    /// What happened.
    pub message: String,
}
