//! One running node: assembles the engine, owns its threads, serves its API.

mod access;
mod events;
pub mod folder;
mod layout;
pub mod specs;

pub use access::{Claims, KeyError, Refused, Tokens};
