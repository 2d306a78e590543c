//! Duplicates: why records were merged.

mod cluster;
mod list;
mod screen;

pub use screen::DuplicatesScreen;
