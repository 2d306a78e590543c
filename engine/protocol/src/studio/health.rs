//! How the node itself fares, and how its runs went.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{PipeState, RunCounts};

/// How the node fares.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Health {
    /// When it was started, microseconds.
    pub started: i64,
    /// Bytes that can still be written where the store lies; unknown on some
    /// systems.
    pub free: Option<u64>,
    /// How it fared, the oldest first; the last is how it fares now.
    pub samples: Vec<HealthSample>,
}

/// How it fared at a time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HealthSample {
    /// When, microseconds.
    pub ts: i64,
    /// Bytes of memory; unknown on some systems.
    pub memory: Option<u64>,
    /// Bytes of the store on disk.
    pub store: u64,
    /// Pipes that ran.
    pub running: u64,
    /// What waited, by pipe; those for which something did.
    pub queues: BTreeMap<String, u64>,
}

/// A run that has ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RunInfo {
    /// The pipe.
    pub pipe: String,
    /// Where its end stands in the execution log.
    pub offset: u64,
    /// How it ended.
    pub state: PipeState,
    /// When it began, microseconds.
    pub started: Option<i64>,
    /// When it ended, microseconds.
    pub ended: i64,
    /// How long it took, microseconds.
    pub took: u64,
    /// `full`, `incremental` and the like.
    pub kind: String,
    /// Entities handled.
    pub processed: u64,
    /// What became of them.
    pub counts: RunCounts,
    /// How it ended, in words.
    pub message: Option<String>,
}
