//! CSV: files and answers read as entities, and entities written for those who
//! ask a CSV endpoint.

mod dialect;
mod render;
mod rows;
mod source;

pub use render::{Format, Quoting};
pub(crate) use source::CsvSource;
