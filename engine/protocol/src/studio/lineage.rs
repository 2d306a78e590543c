//! One entity among all datasets: where it came from, what was made of it, what
//! it refers to, and where it waits.

use serde::{Deserialize, Serialize};

use super::Json;

/// Everything around one entity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Lineage {
    /// The version that is told of, with the run that wrote it.
    pub version: VersionOrigin,
    /// The entities it came from, those that were read first.
    pub sources: Vec<Relative>,
    /// The entities made from it.
    pub made: Vec<Relative>,
    /// What its values refer to.
    pub references: Vec<Reference>,
    /// Where it waits.
    pub waits: Vec<Wait>,
    /// What cannot be known, and why.
    pub unknown: Vec<String>,
}

/// Where a version came from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VersionOrigin {
    /// Where it stands in the log: `_updated`.
    pub offset: u64,
    /// When it was stored, microseconds.
    pub ts: i64,
    /// Whether it is a deletion.
    pub deleted: bool,
    /// The pipe that wrote it; none if something else did.
    pub pipe: Option<String>,
    /// The run that wrote it, or who did.
    pub run: Option<String>,
    /// When the run began, microseconds; unknown when the execution log no
    /// longer has it.
    pub started: Option<i64>,
    /// Where in the source it came from.
    pub source_offset: Option<Json>,
    /// Whether versions before it were removed by compaction.
    pub compacted: bool,
}

/// An entity that this one came from, or that came from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Relative {
    /// The pipe in between.
    pub pipe: String,
    /// Its dataset.
    pub dataset: String,
    /// Its `_id`.
    pub id: String,
    /// The version that took part, where that is known.
    pub offset: Option<u64>,
    /// How it took part.
    pub how: RelativeHow,
    /// Whether it is there, is deleted, or is missing.
    pub state: RelativeState,
}

/// How an entity took part in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum RelativeHow {
    /// It was read and transformed.
    Read,
    /// It was merged with others.
    Merged,
    /// It was looked up on the way.
    Lookup,
}

/// Whether an entity is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum RelativeState {
    /// It is there.
    Live,
    /// It is deleted.
    Deleted,
    /// It is not there, or not yet.
    Missing,
    /// It changed since: another version than the one that took part is
    /// current.
    Newer,
}

/// A value that names an entity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Reference {
    /// The property it stands in.
    pub property: String,
    /// The namespaced identifier, without its mark.
    pub value: String,
    /// The entities with this id, as dataset and `_id`.
    pub targets: Vec<Target>,
}

/// An entity by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Target {
    /// Its dataset.
    pub dataset: String,
    /// Its `_id`.
    pub id: String,
}

/// A pipe that has something to do with the entity yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Wait {
    /// The pipe.
    pub pipe: String,
    /// What it waits for.
    pub kind: WaitKind,
    /// Why it failed, if it did.
    pub reason: Option<String>,
    /// When it is tried again, microseconds.
    pub due: Option<i64>,
}

/// How an entity waits in a pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum WaitKind {
    /// The pipe has not read it yet.
    Unread,
    /// The pipe has not seen yet that what it looks up has changed.
    Lookup,
    /// It failed and is tried again.
    Retry,
    /// It failed and was given up.
    Dead,
}

/// Switches full text on or off for a dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FullTextSwitch {
    /// Whether its words are kept in an index.
    pub on: bool,
}
