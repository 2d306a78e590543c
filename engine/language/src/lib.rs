//! What an editor asks about a config text while it is written.
//!
//! A [`Workspace`] holds the files of a project, as a person has them now. It
//! answers for one file and one place in it: what is wrong, what may stand
//! here, what this is, where it comes from. It has no opinion of its own:
//! findings are those of [`pipewright_config::validate_file`], functions those
//! of [`pipewright_dtl::functions`], and components those of
//! [`pipewright_config::catalogue`]. What only a running node knows, such as
//! the properties that its data has, is handed in.
//!
//! Places are lines and columns as editors count them ([`Position`]); they
//! become byte offsets, and back, in [`Range`] alone.
//!
//! ```
//! use pipewright_language::{Position, Workspace};
//!
//! let text = r#"{"_id": "a", "type": "pipe",
//!   "source": {"type": "embedded", "entities": []},
//!   "transform": {"type": "dtl", "rules": {"default": [["ad", "x", 1]]}}}"#;
//! let workspace = Workspace::new([("pipes/a.conf.json", text)], None);
//! let found = workspace.findings("pipes/a.conf.json");
//! assert_eq!(found.len(), 1);
//! assert_eq!(found[0].code, "dtl-unknown-function");
//! let at = Position { line: 3, column: 57 };
//! let offered = workspace.completions("pipes/a.conf.json", at).ok_or("nothing")?;
//! assert!(offered.items.iter().any(|item| item.label == "add"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Architecture invariant: this crate is pure and builds to WebAssembly. Text
//! that is half written is the normal case; nothing here panics on it.

mod action;
mod complete;
mod component;
mod describe;
mod finding;
mod flow;
mod form;
mod format;
mod lineage;
mod name;
mod range;
mod signature;
mod site;
mod workspace;

pub use action::Action;
pub use complete::{Completion, CompletionKind, Completions};
pub use component::{FileChange, Use};
pub use describe::Hover;
pub use finding::Finding;
pub use flow::Reading;
pub use form::{Control, Form, FormField, FormKind, FormPart, blank};
pub use lineage::{Lineage, MadeBy, Property, PropertyLineage, ReadFor, UsedBy};
pub use name::{Location, Symbol, SymbolKind};
pub use pipewright_config::catalogue::Part;
pub use pipewright_config::difference;
pub use pipewright_dtl::Severity;
pub use pipewright_dtl::syntax::{Path, Position, TextEdit};
pub use range::{Change, Range};
pub use signature::{Parameter, Signature};
pub use workspace::Workspace;
