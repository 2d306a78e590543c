//! The flow as a picture: what stands where and what feeds what.
//!
//! The graph says how things are wired and placed, which changes with the
//! config only. How they fare (state, queue, counts) comes with the events,
//! under the same pipe and dataset ids.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The file, beside the config and kept in version control, that holds where
/// people put cards of the flow.
pub const LAYOUT: &str = ".pipewright/layout.json";

/// Left and upper edge of a card, in whole pixels at 100 %.
pub type Spot = [i32; 2];

/// Where cards shall stand, by [`GraphNode::id`]; `None` leaves one to the
/// automatic layout.
pub type Spots = BTreeMap<String, Option<Spot>>;

/// Cards to lay out on their own, by [`GraphNode::id`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Arrange {
    /// The cards; those that are not there are left out.
    pub cards: Vec<String>,
}

/// Where they would stand beside each other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Arranged {
    /// Their corners; the whole begins at `0, 0`.
    pub cards: BTreeMap<String, [i32; 2]>,
}

/// Systems, pipes and datasets, laid out left to right.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Graph {
    /// What is drawn as a card.
    pub nodes: Vec<GraphNode>,
    /// What is drawn as a line, by the ids of [`GraphNode::id`].
    pub edges: Vec<GraphEdge>,
    /// Extent of the layout, in pixels at 100 %.
    pub width: f32,
    /// Extent of the layout, in pixels at 100 %.
    pub height: f32,
}

/// A card.
///
/// A dataset that exactly one pipe writes is shown on that pipe's card
/// ([`GraphNode::dataset`]) and has no card of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GraphNode {
    /// Unique in the graph: `pipe:…`, `dataset:…` or `system:…`.
    pub id: String,
    /// What it is.
    pub kind: NodeKind,
    /// Id of the pipe, dataset or system.
    pub name: String,
    /// What to call the sort: source type of a pipe (`dataset`, `merge`,
    /// `sql`, …), type of a system; empty for a dataset.
    pub flavour: String,
    /// Kind of outside sink of a pipe (`json`, `sql`, …); empty when it writes
    /// a dataset.
    #[serde(default)]
    pub sink: String,
    /// The dataset of this card: a pipe's own output, or the dataset itself.
    pub dataset: Option<String>,
    /// Whether the dataset holds merged (global) records.
    pub global: bool,
    /// The namespaces of a pipe's ids and property names.
    #[serde(default)]
    pub namespaces: Vec<String>,
    /// The file that holds its config.
    pub file: Option<String>,
    /// Left edge, in pixels at 100 %.
    pub x: f32,
    /// Upper edge.
    pub y: f32,
    /// Width of the card.
    pub width: f32,
    /// Height of the card.
    pub height: f32,
    /// Where somebody put it instead; its lines then go straight.
    #[serde(default)]
    pub placed: Option<[i32; 2]>,
    /// Column, counted from the left.
    pub layer: u32,
    /// Number of errors in its config.
    pub errors: u32,
    /// Number of warnings in its config.
    pub warnings: u32,
}

/// What a card stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum NodeKind {
    /// A pipe with its output dataset.
    Pipe,
    /// A dataset nobody or more than one pipe writes.
    Dataset,
    /// An outside system.
    System,
}

/// A line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GraphEdge {
    /// [`GraphNode::id`] the data comes from.
    pub from: String,
    /// [`GraphNode::id`] the data goes to.
    pub to: String,
    /// What kind of flow.
    pub kind: EdgeKind,
    /// The dataset that flows, `None` for outside systems. The backlog of the
    /// line is the reading pipe's queue for it.
    pub dataset: Option<String>,
    /// The line's way in pixels at 100 %, from card to card: corners of a
    /// polyline that the drawing rounds. At least two points.
    pub points: Vec<[f32; 2]>,
}

/// What a line means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum EdgeKind {
    /// A pipe's source reads it.
    Read,
    /// One of several sources that are merged.
    Merge,
    /// Looked up by a transform (hops, lookups).
    Hop,
    /// A pipe's sink writes it.
    Write,
}
