//! The Data Transformation Language: spanned syntax, checking, compilation, evaluation.

pub mod syntax;

pub use syntax::{Diagnostic, Document, Node, Path, Severity};
