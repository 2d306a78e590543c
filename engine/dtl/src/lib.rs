//! The Data Transformation Language: spanned syntax, checking, compilation, evaluation.

mod compute;
pub mod namespaces;
pub mod syntax;

pub use syntax::{Diagnostic, Document, Node, Path, Severity};
