//! Pumps.

use pipewright_entity::Text;
use serde_json::{Map, Value as Json};

use crate::problem::Origin;

/// When a pipe runs and what it does about failures (documentation:
/// configuration-pump). Times are in seconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Pump {
    /// Whether it runs by itself, by hand, or not at all.
    pub mode: Mode,
    /// When it runs by itself.
    pub schedule: Schedule,
    /// When it reads everything.
    pub rescan: Option<Rescan>,
    /// Every how many runs one goes back a way in the source, and how far.
    pub partial_rescan: Option<(u64, u64)>,
    /// Also run when the node starts.
    pub run_at_startup: bool,
    /// Also run when the node starts if the dataset was never filled.
    pub run_at_startup_if_not_populated: bool,
    /// Where entities go that failed too often.
    pub dead_letter_dataset: Option<Text>,
    /// Take an entity out of there when a later version succeeds.
    pub track_dead_letters: bool,
    /// How often reading is tried again.
    pub max_read_retries: u64,
    /// Wait before reading again.
    pub read_retry_delay: f64,
    /// Wait before writing again.
    pub write_retry_delay: f64,
    /// How often a failed entity is tried again in later runs.
    pub max_retries_per_entity: u64,
    /// How many write errors in a row end the run.
    pub max_consecutive_write_errors: u64,
    /// How many failed entities may wait; 0 means that none is tried again.
    pub max_write_errors_in_retry_dataset: u64,
    /// How often a failed batch is tried again.
    pub batch_retries: u64,
    /// Try the entities of a failed batch one by one.
    pub fallback_to_single_entities: bool,
    /// Fail when transforming takes longer per entity.
    pub max_seconds_per_entity: Option<f64>,
    /// Log runs that changed nothing.
    pub log_noop_runs: bool,
    /// Whether a run has changed nothing is said by the sink rather than by
    /// the source.
    pub noop_by_changes: bool,
    /// Log a run in any case when the last logged one is older.
    pub log_interval: Option<u64>,
    /// Its effective config.
    pub config: Map<String, Json>,
    /// Where it is written; the pipe, when it has no pump of its own.
    pub origin: Origin,
}

/// Whether a pipe runs by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// It follows its schedule.
    #[default]
    Scheduled,
    /// It runs when started by hand.
    Manual,
    /// It cannot be started.
    Off,
}

/// When a pipe runs by itself.
#[derive(Clone, Debug, PartialEq)]
pub enum Schedule {
    /// Again and again.
    Interval {
        /// From one run to the next.
        seconds: f64,
        /// How much earlier or later each may be. Zero for intervals that the
        /// config gives.
        jitter: f64,
    },
    /// By a cron expression in UTC.
    Cron(Text),
    /// Never: others fetch from the pipe.
    Never,
}

/// When everything is read again.
#[derive(Clone, Debug, PartialEq)]
pub enum Rescan {
    /// Every so many runs.
    Runs(u64),
    /// By a cron expression in UTC.
    Cron(Text),
}
