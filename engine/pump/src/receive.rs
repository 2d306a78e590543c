//! Entities that are posted to a pipe: the receiving side of the JSON push
//! protocol (`http_endpoint` source).

use std::sync::{Mutex, PoisonError};

use pipewright_entity::{Entity, Text, Value};
use pipewright_store::names::execution_log;
use pipewright_store::{FullRun, StoreError};

use crate::Resources;
use crate::chain::{self, Incoming};
use crate::log;
use crate::luck::Luck;
use crate::plan::{Plan, SinkPlan};
use crate::report::{Counts, Ending, Report, RunKind};
use crate::world::{Missing, World};

/// The parameters of a post.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Post {
    /// Whether the sequence holds everything there is.
    pub is_full: bool,
    /// Names the sequence; needed when it is full.
    pub sequence_id: Option<Text>,
    /// Names this request within the sequence.
    pub request_id: Option<Text>,
    /// The request before this one; none for the first.
    pub previous_request_id: Option<Text>,
    /// Whether the sequence begins.
    pub is_first: bool,
    /// Whether the sequence ends: what it did not hold is deleted.
    pub is_last: bool,
    /// Microseconds since 1970 up to which the sender is complete.
    pub completeness: Option<i64>,
}

/// What a post did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Posted {
    /// Versions stored.
    pub written: u64,
    /// Entities that were there already as they are.
    pub unchanged: u64,
}

/// Why a post is refused. Nothing of it was stored.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// It does not follow what came before; the sender must begin a full
    /// sequence anew (HTTP 409).
    #[error("{0}")]
    Conflict(String),
    /// An entity has another stored version than the sender believes
    /// (`enable_optimistic_locking`).
    #[error("entity \"{id}\" has changed meanwhile")]
    Locked {
        /// The entity.
        id: Text,
    },
    /// Entities cannot be taken: id, where known, and reason.
    #[error("{}", refused(.0))]
    Refused(Vec<(Option<Text>, String)>),
    /// The pipe takes no entities, or they cannot be stored.
    #[error("{0}")]
    Failed(String),
}

fn refused(reasons: &[(Option<Text>, String)]) -> String {
    match reasons {
        [(id, reason), ..] => {
            let id = id.as_ref().map(|id| format!("entity \"{id}\": ")).unwrap_or_default();
            format!("{id}{reason} ({} refused)", reasons.len())
        }
        [] => "nothing was posted".into(),
    }
}

/// What one pipe has received so far: the full sequence that is under way. To
/// be kept for as long as the pipe's config does not change; a sequence that
/// is cut by a restart is refused and begun anew by its sender.
#[derive(Default)]
pub struct Receiver {
    active: Mutex<Option<Sequence>>,
}

struct Sequence {
    id: Text,
    last_request: Option<Text>,
    full: FullRun,
}

impl Receiver {
    /// Nothing received yet.
    pub fn new() -> Receiver {
        Receiver::default()
    }

    /// Takes posted entities through the transforms into the sink dataset, in
    /// one commit: all of them or none.
    pub fn post(
        &self,
        plan: &Plan,
        resources: &Resources<'_>,
        entities: Vec<Entity>,
        post: &Post,
    ) -> Result<Posted, PostError> {
        let SinkPlan::Dataset(sink) = &plan.sink else {
            return Err(PostError::Failed("only pipes with a dataset sink take entities".into()));
        };
        if !plan.is_receiver() {
            return Err(PostError::Failed(format!("pipe \"{}\" takes no entities", plan.id())));
        }
        // Held throughout: requests of a sequence come one after the other.
        let mut active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        let store = resources.store;
        let run = pipewright_entity::format_text!("{}", (resources.random)());
        let full = match post.is_full {
            true => Some(begin(&mut active, post, || store.full_run(&sink.dataset))?),
            false => None,
        };

        let reader = store.reader().map_err(failed)?;
        let world = World::new(&reader, resources, None, Missing::Fail);
        let incoming: Vec<Incoming> = entities.into_iter().map(Incoming::entity).collect();
        let cancel = &resources.surroundings.cancel;
        let passed = chain::pass(plan, &incoming, &world, &mut Luck::new(true, false), cancel)
            .map_err(failed)?;
        if !passed.failed.is_empty() {
            let reasons = passed.failed.into_iter().map(|(_, f)| (f.id, f.message)).collect();
            return Err(PostError::Refused(reasons));
        }

        let now = resources.surroundings.clock.now();
        let mut batch = store.batch(now);
        batch.set_run(run);
        if let Some(full) = full.as_ref().filter(|_| sink.deletion_tracking) {
            batch.mark_seen(full);
        }
        for out in passed.out {
            let expected = incoming.get(out.origin).and_then(|origin| origin.offset.clone());
            let write = crate::run::dataset_write(sink, out.entity, None, &reader, full.as_ref());
            let Some(mut write) = write.map_err(failed)? else { continue };
            if sink.optimistic_locking {
                write = write.expecting(crate::feed::place(expected.as_ref()));
            }
            batch.append(&sink.dataset, write);
        }
        let is_whole = full.is_some() && post.is_last;
        if let Some(full) = full.filter(|_| post.is_last && sink.deletion_tracking) {
            full.mark_deletions(sink.mark_deletion_tracked);
            batch.delete_unseen(full);
        }
        batch.create(&sink.dataset);
        // Otherwise it is when everything there is has been received once.
        if is_whole || plan.populated_from_start().is_some() {
            batch.set_populated(&sink.dataset);
        }
        batch.set_completeness(&sink.dataset, Some(post.completeness.unwrap_or(now)));
        let committed = store.commit(batch).map_err(|error| match error {
            StoreError::Conflict { id, .. } => PostError::Locked { id },
            other => failed(other),
        })?;
        if post.is_full {
            advance(&mut active, post);
        }
        let written = committed.dataset(&sink.dataset);
        Ok(Posted {
            written: written.map_or(0, |written| written.written),
            unchanged: written.map_or(0, |written| written.unchanged),
        })
    }
}

/// Puts a request into the execution log of its pipe, with what was said
/// (`trace`). `outcome` is what became of it, or why it was refused.
pub fn note_request(
    plan: &Plan,
    resources: &Resources<'_>,
    started: i64,
    outcome: Result<&Posted, &str>,
    trace: Value,
) -> Result<(), StoreError> {
    let (pipe, store) = (plan.id(), resources.store);
    let ended = resources.surroundings.clock.now();
    let run = pipewright_entity::format_text!("{}", (resources.random)());
    let mut batch = store.batch(ended);
    batch.set_run(run.clone());
    let name = execution_log(pipe);
    batch.append(&name, log::started(pipe, RunKind::Incremental, started));
    let counts = outcome.map_or_else(
        |_| Counts::default(),
        |posted| Counts {
            read: posted.written + posted.unchanged,
            written: posted.written,
            unchanged: posted.unchanged,
            ..Counts::default()
        },
    );
    let report = Report {
        pipe: pipe.clone(),
        run,
        kind: RunKind::Incremental,
        ending: match outcome {
            Ok(_) => Ending::Completed,
            Err(reason) => Ending::Failed { reason: reason.to_owned(), entity: None },
        },
        counts,
        changed: Vec::new(),
        completed: Vec::new(),
        retries: 0,
        retry_at: None,
        notes: Vec::new(),
        failures: Vec::new(),
        started,
        ended,
    };
    let line = log::ended(&report, None, false, &log::Times::default());
    batch.append(&name, line.with("trace", trace));
    store.commit(batch)?;
    Ok(())
}

fn failed(error: impl std::fmt::Display) -> PostError {
    PostError::Failed(error.to_string())
}

/// The full run that a post belongs to, after checking that it follows what
/// came before.
fn begin(
    active: &mut Option<Sequence>,
    post: &Post,
    full_run: impl FnOnce() -> Result<FullRun, StoreError>,
) -> Result<FullRun, PostError> {
    let conflict = |message: &str| Err(PostError::Conflict(message.to_owned()));
    let Some(id) = &post.sequence_id else {
        return conflict("a full sequence needs a sequence_id");
    };
    let known = active.as_ref().filter(|sequence| sequence.id == *id);
    match known {
        Some(known) if post.is_first && known.last_request.is_some() => {
            conflict("the sequence has already begun")
        }
        Some(known) if known.last_request != post.previous_request_id => {
            conflict("the request does not follow the last one of its sequence")
        }
        Some(known) => Ok(known.full.clone()),
        None if post.previous_request_id.is_some() || !post.is_first => {
            conflict("the sequence is not known; begin it anew")
        }
        None => {
            let full = full_run().map_err(failed)?;
            let sequence = Sequence { id: id.clone(), last_request: None, full: full.clone() };
            *active = Some(sequence);
            Ok(full)
        }
    }
}

/// Notes that a post of the active sequence was stored.
fn advance(active: &mut Option<Sequence>, post: &Post) {
    if post.is_last {
        *active = None;
    } else if let Some(sequence) = active {
        sequence.last_request = post.request_id.clone();
    }
}
