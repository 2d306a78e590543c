//! Sinks.

use pipewright_entity::Text;
use serde_json::{Map, Value as Json};

use super::Fragment;
use crate::problem::Origin;

/// Where the entities of a pipe go.
#[derive(Clone, Debug, PartialEq)]
pub struct Sink {
    /// What kind of sink it is. A conditional sink is the alternative that was
    /// chosen.
    pub kind: SinkKind,
    /// The id of the system it writes to.
    pub system: Option<Text>,
    /// Its effective config.
    pub config: Map<String, Json>,
    /// Where it is written; the pipe, when it has no sink of its own.
    pub origin: Origin,
}

/// What kind of sink it is.
#[derive(Clone, Debug, PartialEq)]
pub enum SinkKind {
    /// Writes a dataset.
    Dataset(DatasetSink),
    /// Lets others fetch the entities. Its config is in [`Sink::config`].
    Published(Publication),
    /// Writes to a system; the type is its name. Its config is in
    /// [`Sink::config`].
    Outside(Text),
    /// Throws everything away.
    Null,
    /// Something that does not run.
    Other {
        /// Its type, empty when it has none.
        kind: Text,
        /// Why it does not run, for people.
        why: String,
        /// The dataset of this node it would write.
        dataset: Option<Text>,
    },
}

/// The form in which entities are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Publication {
    /// JSON (`http_endpoint`).
    Json,
    /// CSV (`csv_endpoint`).
    Csv,
    /// XML (`xml_endpoint`).
    Xml,
}

/// Writes a dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct DatasetSink {
    /// The dataset.
    pub dataset: Text,
    /// When the dataset counts as filled for the first time.
    pub set_initial_offset: InitialOffset,
    /// Whether an index on `$ids` is kept.
    pub index_ids: bool,
    /// Expressions to keep an index on, for subsets.
    pub indexes: Vec<Fragment>,
    /// Whether `$children` is compared with what was stored before; `None`
    /// means: when a rule creates children.
    pub track_children: Option<bool>,
    /// Refuse a write whose `_updated` is not the stored one.
    pub optimistic_locking: bool,
    /// Stop when more than this share of the entities would change.
    pub circuit_breaker_factor: Option<f64>,
    /// Stop when more than this many entities would change.
    pub circuit_breaker_count: Option<u64>,
    /// After a full run, delete what was not seen.
    pub deletion_tracking: bool,
    /// Mark what was deleted that way with `$deletion_tracked`.
    pub mark_deletion_tracked: bool,
    /// What to do with a new version of a stored entity.
    pub new_versions: NewVersions,
    /// Whether filtered entities are dropped before the sink; `None` leaves it
    /// to the kind of run.
    pub suppress_filtered: Option<bool>,
    /// How many bytes one entity may take.
    pub max_entity_bytes: u64,
    /// How it is to be a copy of what the source reads (`replicated_dataset`).
    pub replica: Option<Replica>,
}

/// A dataset that is a copy: each version stands where it stands in the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replica {
    /// Leave out versions that are the same as the one before.
    pub change_tracking: bool,
    /// Write a dataset that is no copy as others do.
    pub allow_normal: bool,
    /// Make a dataset that is no copy anew.
    pub migrate: bool,
}

/// When a dataset counts as filled for the first time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InitialOffset {
    /// When the source is filled and was read to its end.
    #[default]
    IfSourcePopulated,
    /// Never.
    Never,
    /// When a run has ended well.
    Always,
    /// When a run starts.
    Initially,
    /// When the config is loaded.
    OnLoad,
}

/// What to do with a new version of a stored entity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NewVersions {
    /// Store it.
    #[default]
    Accept,
    /// Fail.
    Fail,
    /// Leave it out.
    Ignore,
}
