//! The config of a node: pipes, systems and node metadata as types, read from
//! the folder layout that Sesam projects have.
//!
//! ```
//! use pipewright_config::{Project, SourceFile, validate};
//!
//! let project = Project::load(
//!     [SourceFile::new(
//!         "pipes/country.conf.json",
//!         r#"{"_id": "country", "type": "pipe",
//!             "source": {"type": "embedded", "entities": [{"_id": "NO"}]}}"#,
//!     )],
//!     None,
//! );
//! let pipe = project.pipe("country").ok_or("no pipe")?;
//! assert_eq!(pipe.sink_dataset().map(|id| id.as_str()), Some("country"));
//! assert!(validate(&project).is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! - [`catalogue`]: what is known about every kind of component.
//! - [`Project`]: files, components, variables, tests, and what is wrong.
//! - [`pipe`]: pipes as types with their defaults filled in.
//! - [`flow`]: who feeds whom.
//! - [`difference`]: where the configs of two nodes differ.
//!
//! Architecture invariant: this crate is pure and builds to WebAssembly;
//! only [`Project::open`] touches the disk, and it is not there in the browser.

mod cascade;
pub mod catalogue;
mod check;
pub mod cron;
pub mod difference;
pub mod flow;
mod metadata;
pub mod notifications;
pub mod pipe;
mod problem;
mod project;
mod resolve;
pub mod spec;
mod system;
mod unwritten;
mod validate;
pub mod variables;

pub use metadata::Metadata;
pub use pipe::Pipe;
pub use problem::{Origin, Problem, code};
pub use project::{Change, File, FileKind, Project, SourceFile};
#[cfg(not(target_arch = "wasm32"))]
pub use project::{OpenError, read_folder};
pub use spec::Spec;
pub use system::System;
pub use validate::{validate, validate_file};
pub use variables::Variables;
