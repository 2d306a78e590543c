//! The Data Transformation Language.
//!
//! A config text is read as spanned JSON ([`syntax`]), compiled once into a
//! [`Program`] ([`compile`]), and the program runs on many entities. What it
//! asks of the world around (other datasets, the time) comes through
//! [`Context`]. Every function is described once in [`functions`].
//!
//! Architecture invariant: this crate is pure and builds to WebAssembly.
//! Evaluating an entity reads no JSON text and looks up no function or rule by
//! name.

mod analysis;
mod compile;
mod compute;
mod context;
mod eval;
mod fault;
pub mod functions;
mod hops;
mod index;
mod limits;
pub mod making;
pub mod memory;
pub mod names;
pub mod namespaces;
mod plan;
mod program;
pub mod properties;
mod reach;
pub mod syntax;
pub mod trace;

pub use analysis::{Analysis, Dependency, Join, Reads, Route};
pub use compile::{Checked, Compiled, Compiler, check, code, compile};
pub use compute::wildcard::matches as matches_wildcards;
pub use context::{Context, Datasets, NoContext};
pub use eval::{Call, Eval};
pub use fault::{EvalError, Fault, FaultKind, LookupError};
pub use hops::KEYS as HOPS_KEYS;
pub use index::Index;
pub use names::Namespaces;
pub use plan::{Action, CallExpr, Evaluate, Expr, Flow, PathExpr};
pub use program::{Options, Outcome, Program, RawOutcome, Target};
pub use syntax::{Diagnostic, Document, Node, Path, Severity};
pub use trace::Trace;
