//! What a pipe would change, before anything is saved or run.

use serde::{Deserialize, Serialize};

use super::Json;

/// Sends many source entities through a pipe and compares what comes out with
/// what its dataset holds. Nothing is written and nothing outside is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ImpactRequest {
    /// The pipe; it need not be saved yet.
    pub pipe: String,
    /// Config text to use instead of the saved one.
    pub text: Option<String>,
    /// How many source entities: the newest where the source is one dataset,
    /// else the first. At most [`Impact::MOST`].
    pub limit: u32,
    /// Whether to go on with the pipes that read what would be written.
    #[serde(default)]
    pub downstream: bool,
    /// A name of the caller's choice, by which it can be followed and stopped
    /// while it lasts ([`task_path`]).
    ///
    /// [`task_path`]: super::task_path
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
}

/// What a pipe would change.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Impact {
    /// Source entities that were looked at.
    pub read: u64,
    /// Whether that is all the source has.
    pub all: bool,
    /// The dataset that was compared with; `None` where the pipe writes to
    /// the outside, of which nothing is known.
    pub dataset: Option<String>,
    /// How many entities would be new.
    pub new: u64,
    /// How many would become others.
    pub changed: u64,
    /// How many would be deleted.
    pub deleted: u64,
    /// How many would stay as they are.
    pub unchanged: u64,
    /// How many source entities could not be transformed.
    pub failed: u64,
    /// What changes by property, the most touched first. Of changed entities
    /// only.
    pub properties: Vec<PropertyImpact>,
    /// Some of the entities, at most [`Impact::SHOWN`] of each kind.
    pub entities: Vec<EntityImpact>,
    /// Why the result may be incomplete.
    pub partial: Option<String>,
    /// Why nothing was tried.
    pub held: Option<String>,
    /// What would follow in the pipes that read the dataset, if that was asked,
    /// in their order. Of those nothing is said of what follows from them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub downstream: Vec<DownstreamImpact>,
    /// Time it took, microseconds.
    pub took: u64,
}

/// What would follow in one pipe that reads what another would write.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DownstreamImpact {
    /// The pipe.
    pub pipe: String,
    /// What would change in what it writes.
    #[cfg_attr(feature = "openapi", schema(no_recursion))]
    pub impact: Impact,
    /// Why there may be more, if so.
    pub untold: Option<String>,
}

impl Impact {
    /// More source entities are not looked at in one call.
    pub const MOST: u32 = 100_000;
    /// More entities of a kind are not told.
    pub const SHOWN: usize = 200;
}

/// How often one property of changed entities changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PropertyImpact {
    /// The property.
    pub name: String,
    /// Entities that get it.
    pub added: u64,
    /// Entities in which its value becomes another.
    pub changed: u64,
    /// Entities that lose it.
    pub removed: u64,
}

/// What becomes of one entity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EntityImpact {
    /// Its `_id`, of the source entity if it failed.
    pub id: String,
    /// What becomes of it.
    pub kind: ImpactKind,
    /// What is stored now, if anything.
    pub before: Option<Json>,
    /// What would be stored, if anything.
    pub after: Option<Json>,
    /// Properties that change, where it changes.
    pub properties: Vec<String>,
    /// Why it failed, if so.
    pub why: Option<String>,
}

/// What becomes of an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum ImpactKind {
    /// It could not be transformed.
    Failed,
    /// It would become another.
    Changed,
    /// It would be deleted.
    Deleted,
    /// It would be new.
    New,
}
