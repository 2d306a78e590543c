//! CSV: files and answers read as entities, and entities written for those who
//! ask a CSV endpoint.

mod dialect;
mod render;
mod rows;
mod source;

pub(crate) use dialect::Dialect;
pub(crate) use render::field_text;
pub use render::{Format, Quoting};
pub(crate) use rows::Rows;
pub(crate) use source::CsvSource;
