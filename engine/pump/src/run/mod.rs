//! One run of one pipe.
//!
//! A run reads its source in batches; each batch goes through the transforms
//! into the sink and leaves everything it changed in one commit of the store:
//! output, offsets, retry queue, execution log. A run that is stopped or dies
//! leaves whole batches, and the next one goes on after the last of them.
//!
//! A full run that was cut is begun again from the start: only one that saw
//! everything may delete what it did not see. The exception is the first run
//! into an empty dataset, which has nothing to delete and goes on where it
//! stood.
//!
//! # What only a full run finds
//!
//! Running on changes gives what running in full gives, with these exceptions,
//! all as documented: what `discard` drops stays in the sink; so does what a
//! source entity gave under an id it no longer gives (a computed `_id`, what
//! `create` made); `lookup-entity` is not tracked; and functions such as `now`
//! depend on more than their input ([`Plan::caveats`]).
//!
//! # Held writes
//!
//! While writing outside is held, a pipe with an outside sink runs dry: it
//! reads and transforms what it would write and counts it as held, but commits
//! nothing. Its offset, retries and positions stay, so that nothing is lost:
//! once the connection is live, the next run writes it all.

mod begin;
mod breaker;
mod finish;
mod process;
mod replica;
mod retry;
mod sink;

use pipewright_component::{Components, Failure, Source, Surroundings};
use pipewright_entity::{Text, Value};
use pipewright_store::{Batch, Durability, Position, Reader, Retry, Store, StoreError};
use pipewright_sync::merge::MergeError;
use rustc_hash::FxHashSet;
use uuid::Uuid;

use crate::log::Times;
use crate::plan::{Plan, SinkPlan};
use crate::report::{Counts, Ending, Note, Observer, Phase, Progress, Report, RunKind};
use begin::Start;
pub(crate) use begin::{
    FINGERPRINT, FULL, SPACE, complete_until, generation, is_behind, outside_source, unknown,
};
pub use breaker::{commit_tripped, is_tripped, roll_back_tripped};
use pipewright_store::names::execution_log;
use process::Done;
use sink::Target;
pub(crate) use sink::dataset_write;

/// What a run works with.
#[derive(Clone, Copy)]
pub struct Resources<'a> {
    /// The datasets.
    pub store: &'a Store,
    /// What builds components that reach out.
    pub components: &'a dyn Components,
    /// Clock, variables, permissions, and the switch that stops the run.
    pub surroundings: &'a Surroundings,
    /// The node's metadata, for functions that ask for it.
    pub metadata: Option<&'a Value>,
    /// New random UUIDs: for the run's name and for DTL.
    pub random: &'a dyn Fn() -> Uuid,
}

/// How a pipe is to run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunRequest {
    /// Read everything again, with deletion tracking at the end, even if the
    /// changes would do.
    pub full: bool,
}

/// Why a run cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Component(#[from] Failure),
    /// The source cannot be read now.
    #[error(transparent)]
    Read(Failure),
    #[error(transparent)]
    Merge(#[from] MergeError),
    #[error("{message}")]
    Failed { message: String, entity: Option<Text> },
}

impl RunError {
    pub(crate) fn failed(message: impl Into<String>) -> RunError {
        RunError::Failed { message: message.into(), entity: None }
    }
}

/// How many failures of single entities a report lists.
const LISTED: usize = 20;

/// Runs a pipe once and says what became of it. Errors are part of the
/// report; whatever happens, the store holds whole batches.
pub fn run(
    plan: &Plan,
    resources: &Resources<'_>,
    request: RunRequest,
    observer: &dyn Observer,
) -> Report {
    let started = resources.surroundings.clock.now();
    let mut run = Run {
        plan,
        resources,
        observer,
        id: pipewright_entity::format_text!("{}", (resources.random)()),
        started,
        kind: RunKind::Incremental,
        phase: Phase::Starting,
        counts: Counts::default(),
        times: Times::default(),
        changed: Vec::new(),
        completed: Vec::new(),
        notes: Vec::new(),
        failures: Vec::new(),
        log: LogState::default(),
        carried: Carried::default(),
        waiting: FxHashSet::default(),
        failed_now: FxHashSet::default(),
        answers: (0, 0),
        postponed: Vec::new(),
        got_through: false,
        unlucky: 0,
        is_retrying: false,
        insists: false,
        status: None,
        consecutive: 0,
        ids_differ: false,
        guard: None,
        aside: None,
        copied: None,
        pending: None,
    };
    let ending = match run.go_or_copy_anew(request) {
        Ok(ending) => ending,
        Err(RunError::Component(Failure::Stopped)) => Ending::Stopped,
        Err(RunError::Component(Failure::Held { .. })) => Ending::Held,
        Err(RunError::Failed { message, entity }) => Ending::Failed { reason: message, entity },
        Err(RunError::Component(Failure::Entity(failure))) => {
            Ending::Failed { reason: failure.to_string(), entity: failure.id }
        }
        Err(other) => Ending::Failed { reason: other.to_string(), entity: None },
    };
    run.end(ending)
}

/// A run on its way.
struct Run<'r> {
    plan: &'r Plan,
    resources: &'r Resources<'r>,
    observer: &'r dyn Observer,
    id: Text,
    started: i64,
    kind: RunKind,
    phase: Phase,
    counts: Counts,
    times: Times,
    changed: Vec<Text>,
    completed: Vec<Text>,
    notes: Vec<Note>,
    failures: Vec<(Option<Text>, String)>,
    log: LogState,
    carried: Carried,
    /// Ids in the retry queue when the run began.
    waiting: FxHashSet<Text>,
    /// Ids that failed in this run.
    failed_now: FxHashSet<Text>,
    /// What services were sent, and what they gave back (`if_transform_empty`).
    answers: (usize, usize),
    /// What was to be tried again and could not be, perhaps because the other
    /// side is down.
    postponed: Vec<Retry>,
    /// Whether the other side has taken something in this run.
    got_through: bool,
    /// How many in a row failed in a way that may pass.
    unlucky: usize,
    /// Whether what is tried now has failed before.
    is_retrying: bool,
    /// Whether what fails now fails by itself.
    insists: bool,
    /// The HTTP status that the last failure of an entity came with.
    status: Option<u16>,
    /// Failures since the last success.
    consecutive: u64,
    /// Whether an entity came out under another id than it went in.
    ids_differ: bool,
    /// What the circuit breaker of the sink watches.
    guard: Option<breaker::Guard>,
    /// What lay aside and is in the sink now.
    aside: Option<Text>,
    /// Where the copy of the source's log stands that the run writes, if it
    /// writes one: behind the last version that was read.
    copied: Option<u64>,
    /// What waits to be committed with more of its kind.
    pending: Option<Batch>,
}

/// What the run has put into the execution log.
#[derive(Default)]
struct LogState {
    /// Where its first line is or will be.
    location: Option<u64>,
    is_started: bool,
    /// Numbers the unreadable.
    unreadable: u64,
}

/// What goes into the store with the next commit.
#[derive(Default)]
struct Carried {
    positions: Vec<Position>,
}

impl Run<'_> {
    fn go(&mut self, request: RunRequest) -> Result<Ending, RunError> {
        if self.plan.is_receiver() || self.plan.is_published() {
            return Ok(Ending::Completed);
        }
        self.enter(Phase::Starting);
        if self.is_tripped()? {
            return Ok(Ending::Held);
        }
        let source = outside_source(self.plan, self.resources)?;
        self.begin_copy()?;
        let mut start = match self.begin(request, source.as_deref())? {
            Some(start) => start,
            None => return Ok(Ending::Completed),
        };
        let mut target = self.target()?;
        self.commit_begin(&mut start, &target)?;
        self.arm()?;

        let done = self.read(source, &mut start, &mut target);
        // What came before a failure is good all the same.
        self.flush()?;
        let done = done?;
        self.finish(&start, done, target)?;
        Ok(Ending::Completed)
    }

    /// Takes everything that there is to be done from the source to the sink.
    fn read(
        &mut self,
        source: Option<Box<dyn Source>>,
        start: &mut Start,
        target: &mut Target,
    ) -> Result<Done, RunError> {
        if self.kind != RunKind::Full {
            self.retry(start, target)?;
            self.track(start, target)?;
        }
        self.enter(Phase::Reading);
        let done = match source {
            Some(mut source) => self.read_again(&mut *source, start, target)?,
            None => self.read_inside(start, target)?,
        };
        self.insist(start, target)?;
        Ok(done)
    }

    /// A batch of this run.
    fn batch(&self) -> Batch {
        let mut batch = self.resources.store.batch(self.resources.surroundings.clock.now());
        batch.set_run(self.id.clone());
        batch.set_durability(match self.plan.sink {
            SinkPlan::Outside(_) => Durability::Full,
            _ if self.plan.calls_outside() => Durability::Full,
            _ => Durability::Normal,
        });
        batch
    }

    /// Stores a batch with what is carried along, and counts what it changed.
    fn commit(&mut self, mut batch: Batch) -> Result<(), RunError> {
        for position in std::mem::take(&mut self.carried.positions) {
            batch.set_position(self.plan.id(), position);
        }
        if batch.is_empty() {
            return Ok(());
        }
        let committed = self.resources.store.commit(batch)?;
        let own_log = execution_log(self.plan.id());
        let sink = self.plan.sink_dataset();
        for written in committed.datasets {
            if Some(&written.dataset) == sink {
                self.counts.written += written.written;
                self.counts.unchanged += written.unchanged;
                self.counts.deleted_unseen += written.unseen_deleted;
            }
            let is_news = written.written > 0
                && written.dataset != own_log
                && !self.is_aside(&written.dataset);
            if is_news && !self.changed.contains(&written.dataset) {
                self.changed.push(written.dataset);
            }
        }
        Ok(())
    }

    /// How many entities later runs have to try again, and when the first of
    /// them. Not known counts as none: the store says so elsewhere.
    fn retries_left(&self) -> (u64, Option<i64>) {
        if self.waiting.is_empty() {
            return (0, None);
        }
        let left = self.reader().and_then(|reader| {
            let pipe = self.plan.id();
            Ok((reader.retry_counts(pipe)?.waiting, reader.next_retry(pipe)?))
        });
        left.unwrap_or_default()
    }

    fn reader(&self) -> Result<Reader, RunError> {
        Ok(self.resources.store.reader()?)
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.tell();
    }

    /// Tells the observer where the run is.
    fn tell(&self) {
        self.observer.progress(&Progress {
            pipe: self.plan.id(),
            kind: self.kind,
            phase: self.phase,
            counts: self.counts,
        });
    }

    fn note(&mut self, code: &'static str, message: impl Into<String>) {
        self.notes.push(Note { code, message: message.into() });
    }

    fn now(&self) -> i64 {
        self.resources.surroundings.clock.now()
    }

    fn check(&self) -> Result<(), Failure> {
        self.resources.surroundings.cancel.check()
    }

    fn end(mut self, ending: Ending) -> Report {
        let ended = self.now();
        let (retries, retry_at) = self.retries_left();
        let report = Report {
            pipe: self.plan.id().clone(),
            run: self.id.clone(),
            kind: self.kind,
            ending,
            counts: self.counts,
            changed: std::mem::take(&mut self.changed),
            completed: std::mem::take(&mut self.completed),
            retries,
            retry_at: retry_at.filter(|at| *at > ended),
            notes: std::mem::take(&mut self.notes),
            failures: std::mem::take(&mut self.failures),
            started: self.started,
            ended,
        };
        match self.log_end(&report) {
            Ok(()) => report,
            // The disk is full or worse: the report is all that is left.
            Err(error) => match report.ending {
                Ending::Failed { .. } => report,
                _ => Report {
                    ending: Ending::Failed { reason: error.to_string(), entity: None },
                    ..report
                },
            },
        }
    }
}
