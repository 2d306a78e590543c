//! Spanned JSON that keeps what a person wrote.
//!
//! The text is the truth and the tree lies over it: every [`Node`] knows the
//! bytes it was read from, so a finding can point at them and an edit can
//! change just them. Key order, comments (`//`, `/* */`), number spelling and
//! layout stay because nothing is ever printed back from the tree.
//!
//! Reading never fails. Text that is half written gives the tree that could be
//! read, with [`NodeKind::Missing`] where a value is missing, and all that is
//! wrong with it as [`Diagnostic`]s.
//!
//! ```
//! use pipewright_dtl::syntax::{Document, NodeKind, Path, apply};
//!
//! let document = Document::parse(r#"{"_id": "a", "limit": }"#);
//! let limit = document.at(&"$.limit".parse::<Path>()?).ok_or("no limit")?;
//! assert!(matches!(limit.kind, NodeKind::Missing));
//! assert_eq!(document.problems.len(), 1);
//!
//! let document = Document::parse("{\"_id\": \"a\" /* mine */}\n");
//! let edits = document.set(&Path::root().key("_id"), &"b".into())?;
//! let (text, inverse) = apply(&document.text, &edits)?;
//! assert_eq!(text, "{\"_id\": \"b\" /* mine */}\n");
//! assert_eq!(apply(&text, &inverse)?.0, &*document.text);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod diagnostic;
mod document;
mod edit;
mod parse;
mod path;
mod print;
mod settle;
#[cfg(test)]
mod tests;
mod text;
mod update;

pub use diagnostic::{Diagnostic, Fix, Severity, code};
pub use document::{Document, Member, Node, NodeKind, Position};
pub use edit::{EditError, TextEdit, apply};
pub use path::{InvalidPath, Path, Step, Trail};
pub use print::print;
