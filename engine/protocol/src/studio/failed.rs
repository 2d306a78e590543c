//! Entities that failed, over all pipes: what waits for another try and what
//! was given up.

use serde::{Deserialize, Serialize};

use super::Json;

/// Those that failed, the last first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FailedPage {
    /// At most [`FailedPage::MOST`].
    pub entities: Vec<FailedInfo>,
    /// How many there are.
    pub total: u64,
}

impl FailedPage {
    /// More than these are not listed at once.
    pub const MOST: usize = 2_000;
}

/// An entity that failed, in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FailedInfo {
    /// The pipe that it failed in.
    pub pipe: String,
    /// `_id` of the entity.
    pub id: String,
    /// How often it was tried again.
    pub attempts: u32,
    /// When it failed last, microseconds.
    pub failed: i64,
    /// Given up: it is tried again only when someone says so.
    pub dead: bool,
    /// Why it failed, for people.
    pub reason: String,
}

/// Everything about an entity that failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FailedEntity {
    /// In short.
    pub info: FailedInfo,
    /// The entity as the pipe read it.
    pub entity: Json,
    /// What the sink or the transform tells beyond the reason, such as request
    /// and response; `null` if nothing.
    pub detail: Json,
}

/// What to do with entities that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SettleFailed {
    /// The pipe that they failed in.
    pub pipe: String,
    /// Their ids; all of the pipe when empty.
    pub ids: Vec<String>,
    /// What to do.
    pub act: FailedAct,
}

/// What can be done with an entity that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum FailedAct {
    /// Tries it again now.
    Retry,
    /// Gives it up for good.
    Discard {
        /// Why; it is kept in the execution log.
        why: Option<String>,
    },
}
