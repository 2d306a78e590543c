//! Runs pipes.
//!
//! [`compile`] makes a [`Plan`] of a pipe's config; [`run`] runs it
//! once; a [`Flow`] says which pipe to run when. [`evaluate`] answers requests for the entities of a
//! pipe without storing anything, [`Receiver`] takes entities that are posted
//! to one, and [`preview`] shows what becomes of a single entity.
//!
//! Architecture invariants: one batch, one commit. Clock and randomness are
//! passed in. There are no threads here; a run belongs to its caller and stops
//! when its [`Cancel`](pipewright_component::Cancel) says so.

mod agenda;
mod chain;
mod children;
mod dependencies;
mod evaluate;
mod explain;
mod feed;
mod flow;
mod keep;
mod log;
mod luck;
mod operate;
mod plan;
mod receive;
mod report;
mod run;
mod service;
mod steps;
mod world;

pub use agenda::{Agenda, Remembered, Timing};
pub use evaluate::{
    EvaluateError, EvaluateRequest, Evaluated, Examined, Extent, Preview, evaluate, examine,
    preview,
};
pub use explain::{cluster_sizes, explain_cluster, merged_into};
pub use flow::{Flow, FlowPipe, MAX_RUNS, settle};
pub use keep::{Readers, compact_after, compact_daily};
pub use operate::{OperateError, Operation, operate};
pub use pipewright_store::names::execution_log;
pub use plan::{Plan, compile, compile_traced};
pub use receive::{Post, PostError, Posted, Receiver, note_request};
pub use report::{Counts, Ending, Note, Observer, Phase, Progress, Report, RunKind, Silent};
pub(crate) use run::RunError;
pub use run::{Resources, RunRequest, commit_tripped, is_tripped, roll_back_tripped, run};
pub use steps::xml;
