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
mod ahead;
mod chain;
mod children;
mod dependencies;
mod evaluate;
mod explain;
mod feed;
mod flow;
mod keep;
mod lineage;
mod log;
mod operate;
mod plan;
pub mod rdf;
mod receive;
mod report;
mod run;
mod steps;
mod world;

pub use agenda::{Agenda, Remembered, Timing};
pub use ahead::{Ahead, Foresight, look_ahead};
pub use evaluate::{
    EvaluateError, EvaluateRequest, Evaluated, Examined, Extent, Preview, evaluate, examine,
    preview,
};
pub use explain::{cluster_sizes, explain_cluster, merged_into};
pub use flow::{Flow, FlowPipe, MAX_RUNS, settle};
pub use keep::{Readers, compact_after, compact_daily};
pub use lineage::{How, Made, Origin, Origins, looked_up_by, made_from, origins};
pub use operate::{OperateError, Operation, operate};
pub use pipewright_store::names::execution_log;
pub use plan::{Plan, compile, compile_traced};
pub use receive::{Post, PostError, Posted, Receiver};
pub use report::{
    Building, Counts, Ending, Note, Observer, Phase, Progress, Report, RunKind, Silent,
};
pub(crate) use run::RunError;
pub use run::{
    Rescan, Resources, RunRequest, commit_tripped, is_tripped, rescan, roll_back_tripped, run,
    run_beside, want_rescan,
};
pub use steps::xml;
