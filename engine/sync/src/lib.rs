//! Two-way sync: clusters of entities that are one thing, and their golden
//! records.
//!
//! [`merge`] is the merge source: entities of several datasets that share a
//! value under an equality rule form a cluster, and each cluster is handed out
//! as one entity. It works on changes: what a change touches is recomputed,
//! nothing else.
//!
//! Architecture invariant: this crate keeps its state through the small
//! [`State`] trait and reads entities through [`merge::Contents`]; it knows
//! neither the store nor a config format.

pub mod merge;
mod state;

pub use state::{MemoryState, Overlay, Pair, State, StateError, Write};
