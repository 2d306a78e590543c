//! The entity data model: what flows through pipes and lies in datasets.
//!
//! A [`Value`] is anything an entity can hold; an [`Entity`] is a dict with an
//! `_id`. Everything that must mean the same to every room is decided here
//! once: the transit JSON encoding ([`transit`]), the order of values of any
//! type and the equality of DTL's `eq` ([`order`]), the content hash, and the
//! binary form ([`binary`]) that the store keeps.
//!
//! Architecture invariant: this crate is pure. It reads no clock, no disk and
//! no network, and builds to WebAssembly.

pub mod binary;
mod datetime;
mod dict;
mod entity;
pub mod ni;
pub mod number;
pub mod order;
pub mod transit;
mod value;

pub use datetime::{DateTime, InvalidDateTime};
pub use dict::Dict;
pub use entity::{Entity, Hash, NotAnEntity, Version};
pub use order::Key;
pub use smol_str::{SmolStr as Text, format_smolstr as format_text};
pub use transit::TransitError;
pub use value::Value;

/// How deep lists and dicts may nest, in every encoding. Deeper input is an
/// error, so that no input can exhaust the stack.
pub const MAX_DEPTH: usize = 200;
