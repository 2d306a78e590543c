//! Why records were merged.

use serde::{Deserialize, Serialize};

use super::Json;

/// A pipe that merges.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MergePipe {
    /// The pipe.
    pub pipe: String,
    /// The dataset that holds its golden records.
    pub dataset: String,
    /// What it merges.
    pub sources: Vec<String>,
    /// What makes two records one, in config order.
    pub rules: Vec<MergeRule>,
    /// Number of clusters, single ones included.
    pub clusters: u64,
    /// Number of records in them.
    pub members: u64,
    /// Clusters of two and more.
    pub merged: u64,
    /// Size of the largest.
    pub largest: u64,
}

/// One equality rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MergeRule {
    /// The expressions that it makes equal, as they stand in the config, such
    /// as `crm.email = erp.email`.
    pub expression: String,
}

/// Part of the clusters of a merge pipe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClusterPage {
    /// Largest first, then by id.
    pub clusters: Vec<ClusterInfo>,
    /// Where the next page starts; `None` at the end.
    pub next: Option<String>,
}

/// One line of the list of clusters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClusterInfo {
    /// `_id` of the golden record.
    pub id: String,
    /// Its members as `(dataset, entity id)`.
    pub members: Vec<MemberId>,
    /// What deserves a look.
    pub flags: Vec<ClusterFlag>,
}

/// Names one member.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MemberId {
    /// The dataset it is read from.
    pub dataset: String,
    /// Its `_id` there.
    pub entity: String,
}

/// What deserves a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ClusterFlag {
    /// Two members come from one dataset.
    SameDataset,
    /// Far more members than usual.
    VeryLarge,
    /// Some member hangs on one link alone.
    SingleLink,
}

/// One cluster with everything that explains it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Cluster {
    /// `_id` of the golden record.
    pub id: String,
    /// The golden record as stored; `None` while the pipe has not written it.
    pub golden: Option<Json>,
    /// What it was made of.
    pub members: Vec<Member>,
    /// What holds it together.
    pub links: Vec<Link>,
    /// What deserves a look.
    pub flags: Vec<ClusterFlag>,
}

/// A record that was merged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Member {
    /// The dataset it is read from.
    pub dataset: String,
    /// Its `_id` there.
    pub entity_id: String,
    /// Its current version.
    pub entity: Json,
}

/// Two members that one rule finds equal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Link {
    /// Position in [`Cluster::members`].
    pub a: usize,
    /// Position in [`Cluster::members`].
    pub b: usize,
    /// Position in [`MergePipe::rules`].
    pub rule: usize,
    /// The value both have, as transit JSON.
    pub value: Json,
    /// Whether the cluster would fall apart without it.
    pub bridge: bool,
}
