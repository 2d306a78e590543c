//! Reading batches and what becomes of each.

use std::borrow::Borrow;
use std::rc::Rc;

use pipewright_component::{Continuation, Coverage, EntityFailure, Failure, ReadRequest, Source};
use pipewright_entity::{Text, Value, ni};
use pipewright_store::{Batch, Reader};

use super::begin::Start;
use super::sink::Target;
use super::{Run, RunError};
use crate::chain::{self, Incoming};
use crate::feed::{Feed, MERGE_SPACE, Portion, dataset_incoming, place};
use crate::log;
use crate::plan::{Existing, SinkPlan, SourcePlan};
use crate::report::{Phase, RunKind};
use crate::world::{Missing, World};
use pipewright_store::names::execution_log;

/// How many bytes a commit takes, roughly, and for how many microseconds it may
/// gather them: what is not committed is done again after a crash.
const COMMIT_BYTES: usize = 32 << 20;
const COMMIT_TIME: i64 = 400_000;

/// What is known once the source was read to its end.
#[derive(Default)]
pub(super) struct Done {
    /// Where to go on next time, when that is only known at the end.
    pub(super) offset: Option<Value>,
    /// Whether everything there is was read.
    pub(super) is_full: bool,
    /// What the source says about itself.
    pub(super) populated: Option<bool>,
    pub(super) completeness: Option<i64>,
}

impl Run<'_> {
    pub(super) fn read_inside(
        &mut self,
        start: &Start,
        target: &mut Target,
    ) -> Result<Done, RunError> {
        // Dry runs commit nothing, so they see one state of the store and
        // compute clusters beside it.
        let feed = match target.is_held() {
            true => Feed::open_aside(self.plan, start.since.as_ref(), start.until),
            false => Feed::open(self.plan, start.since.as_ref(), start.until),
        };
        let Some(mut feed) = feed else { return Ok(Done::default()) };
        let whole = target.is_held().then(|| self.reader()).transpose()?.map(Rc::new);
        loop {
            self.check()?;
            let begun = self.now();
            let reader = match &whole {
                Some(whole) => whole.clone(),
                None => Rc::new(self.reader()?),
            };
            let portion = feed.next(&reader, start.size)?;
            self.times.source += self.now() - begun;
            let Some(portion) = portion else { break };
            self.process(reader, portion, Vec::new(), target)?;
        }
        Ok(Done { is_full: self.kind == RunKind::Full, ..Done::default() })
    }

    /// Reads a source outside the node, and again where the config says so and
    /// the failure may pass (`max_read_retries`, `read_retry_delay`).
    pub(super) fn read_again(
        &mut self,
        source: &mut dyn Source,
        start: &mut Start,
        target: &mut Target,
    ) -> Result<Done, RunError> {
        let (pump, strategy) = (&self.plan.pump, &self.plan.read_strategy);
        let mut tried = 0;
        loop {
            let failure = match self.read_outside(source, start, target) {
                Err(RunError::Read(failure)) => failure,
                other => return other,
            };
            let status = failure.status();
            if tried >= strategy.count("max_read_retries", status, pump.max_read_retries) {
                return Err(RunError::Read(failure));
            }
            tried += 1;
            self.flush()?;
            self.note_unreachable(&failure)?;
            let delay = strategy.delay("read_retry_delay", status, pump.read_retry_delay);
            let delay = delay.max(failure.wait().unwrap_or_default());
            let surroundings = self.resources.surroundings;
            surroundings.clock.wait(delay, &surroundings.cancel)?;
            // What came in order is stored and need not be read again.
            if source.continuation() == Continuation::Chronological
                && !target.is_held()
                && self.guard.is_none()
                && let Some(offset) = self.reader()?.offset(self.plan.id())?
            {
                start.since = Some(offset);
            }
        }
    }

    fn read_outside(
        &mut self,
        source: &mut dyn Source,
        start: &Start,
        target: &mut Target,
    ) -> Result<Done, RunError> {
        let continuation = source.continuation();
        let request = ReadRequest {
            since: start.since.clone(),
            batch_size: self.plan.batch_size,
            ..ReadRequest::default()
        };
        let begun = self.now();
        let mut reading = source.open(&request).map_err(reading_failed)?;
        self.times.source += self.now() - begun;
        let mut done = Done {
            is_full: reading.coverage == Coverage::Full && start.since.is_none(),
            populated: reading.populated,
            completeness: reading.completeness,
            offset: None,
        };
        let mut ended = false;
        while !ended {
            let mut portion = Portion::default();
            let mut unreadable = Vec::new();
            while portion.entities.len() + unreadable.len() < start.size {
                self.check()?;
                let begun = self.now();
                let batch = reading.batches.next();
                self.times.source += self.now() - begun;
                let mut batch = match batch {
                    Some(Ok(batch)) => batch,
                    Some(Err(failure)) if portion.offset.is_some() => {
                        // What came before can be kept: the next run goes on
                        // behind it.
                        let reader = self.reader()?;
                        self.process(reader, portion, unreadable, target)?;
                        return Err(reading_failed(failure));
                    }
                    Some(Err(failure)) => return Err(reading_failed(failure)),
                    None => {
                        ended = true;
                        break;
                    }
                };
                portion.entities.extend(Incoming::batch(&mut batch));
                unreadable.append(&mut batch.unreadable);
                match continuation {
                    Continuation::Chronological => {
                        portion.offset = batch.offset.or(portion.offset);
                    }
                    Continuation::Max => done.offset = batch.offset.or(done.offset),
                    Continuation::None => {}
                }
            }
            if portion.entities.is_empty() && unreadable.is_empty() && portion.offset.is_none() {
                continue;
            }
            let reader = self.reader()?;
            self.process(reader, portion, unreadable, target)?;
        }
        Ok(done)
    }

    /// Runs source entities again because of what they look up.
    pub(super) fn track(&mut self, start: &Start, target: &mut Target) -> Result<(), RunError> {
        if let SourcePlan::Dataset(source) = &self.plan.source
            && !start.affected.is_empty()
            // Nothing goes back to an earlier place in a copy.
            && self.copied.is_none()
        {
            self.enter(Phase::Tracking);
            let read_until = place(start.since.as_ref());
            for ids in start.affected.chunks(start.size) {
                self.check()?;
                let reader = self.reader()?;
                let mut entities = Vec::with_capacity(ids.len());
                for id in ids {
                    let Some(version) = reader.get(&source.dataset, id)? else { continue };
                    // What comes later is read anyway.
                    if Some(version.updated) > read_until {
                        continue;
                    }
                    if let Some((index, key)) = &source.subset {
                        let mut keys = Vec::new();
                        index.keys(&version.entity, &mut keys);
                        if !keys.contains(key) {
                            continue;
                        }
                    }
                    entities.push(dataset_incoming(source, version));
                }
                let portion = Portion { entities, ..Portion::default() };
                self.process(reader, portion, Vec::new(), target)?;
            }
        }
        if start.moved && !target.is_held() {
            match &mut self.guard {
                Some(guard) => guard.positions = start.positions.clone(),
                None => self.carried.positions = start.positions.clone(),
            }
        }
        Ok(())
    }

    /// Sends a portion through the transforms into the sink and commits what
    /// it changed. The reader is let go before that: what it sees would have to
    /// stay in the log of the store.
    pub(super) fn process(
        &mut self,
        snapshot: impl Borrow<Reader>,
        portion: Portion,
        unreadable: Vec<EntityFailure>,
        target: &mut Target,
    ) -> Result<(), RunError> {
        let Portion { entities, offset, state } = portion;
        self.counts.read += (entities.len() + unreadable.len()) as u64;
        let begun = self.now();
        let reader = snapshot.borrow();
        let world = World::new(reader, self.resources, None, Missing::Fail);
        let passed =
            chain::pass(self.plan, &entities, &world, &self.resources.surroundings.cancel)?;
        self.answers.0 += passed.answers.0;
        self.answers.1 += passed.answers.1;
        let transformed = self.now();
        self.times.transform += transformed - begun;
        self.check_pace(&entities, transformed - begun)?;

        let mut batch = self.pending.take().unwrap_or_else(|| self.batch());
        for out in &passed.out {
            let origin = entities.get(out.origin).and_then(|origin| origin.id.as_ref());
            if origin.map(|id| self.target_id(id)).as_ref() != Some(out.entity.id()) {
                self.ids_differ = true;
            }
        }
        let mut failed = passed.failed;
        let is_well = failed.is_empty() && unreadable.is_empty();
        let phase = self.phase;
        if target.is_outside() {
            self.enter(Phase::Writing);
        }
        self.check_copy(&failed, &unreadable)?;
        failed.extend(self.write(&mut batch, &entities, passed.out, reader, target)?);
        if target.is_held() {
            for (_, failure) in failed {
                self.count_failure(&failure);
            }
            self.tell();
            return Ok(());
        }
        self.note_unreadable(&mut batch, unreadable);
        self.settle(&mut batch, &entities, failed, reader, target)?;
        if let Some(offset) = offset {
            match &mut self.guard {
                Some(guard) => guard.offset = Some(offset),
                None => batch.set_offset(self.plan.id(), Some(offset)),
            }
        }
        for (key, value) in state {
            batch.put_state(self.plan.id(), MERGE_SPACE, &key, value.as_deref());
        }
        if is_well && self.may_wait(target) && self.has_room(&batch) {
            self.pending = Some(batch);
            self.times.sink += self.now() - transformed;
            self.tell();
            return Ok(());
        }
        drop(snapshot);
        self.enter(Phase::Committing);
        self.commit(batch)?;
        self.times.sink += self.now() - transformed;
        self.enter(phase);
        self.check_breaker(0)?;
        self.check_limits()
    }

    /// Whether what came of a portion may wait to be committed with what comes
    /// of the next: nothing outside knows of it, and nothing that the run goes
    /// on with has to be read back.
    fn may_wait(&self, target: &Target) -> bool {
        let (plan, Target::Dataset { .. }) = (self.plan, target) else { return false };
        let SinkPlan::Dataset(sink) = &plan.sink else { return false };
        let reads_sink = match &plan.source {
            SourcePlan::Dataset(source) => source.dataset == sink.dataset,
            SourcePlan::Union(_) | SourcePlan::SameId(_) | SourcePlan::Merge(_) => true,
            _ => false,
        };
        !reads_sink
            && plan.indexes.iter().all(|index| index.dataset != sink.dataset)
            && !plan.calls_outside()
            && self.guard.is_none()
            && self.copied.is_none()
            && !sink.track_children
            && sink.existing == Existing::Update
    }

    /// Whether a batch may take in one more portion before it is committed.
    fn has_room(&self, batch: &Batch) -> bool {
        batch.len() < self.plan.commit_size
            && batch.bytes() < COMMIT_BYTES
            && self.now() - batch.ts() < COMMIT_TIME
    }

    /// Commits what waits for more of its kind.
    pub(super) fn flush(&mut self) -> Result<(), RunError> {
        let Some(batch) = self.pending.take() else { return Ok(()) };
        let (phase, begun) = (self.phase, self.now());
        self.enter(Phase::Committing);
        self.commit(batch)?;
        self.times.sink += self.now() - begun;
        self.enter(phase);
        Ok(())
    }

    /// Fails when a batch took longer than it may, on average
    /// (`max_seconds_per_entity`).
    fn check_pace(&self, entities: &[Incoming], took: i64) -> Result<(), RunError> {
        let Some(limit) = self.plan.pump.max_seconds_per_entity else { return Ok(()) };
        let Some(first) = entities.first() else { return Ok(()) };
        let average = took as f64 / 1e6 / entities.len() as f64;
        if average <= limit {
            return Ok(());
        }
        let message = format!(
            "transforming took {average:.3} s per entity, more than {limit} s \
             (max_seconds_per_entity)"
        );
        Err(RunError::Failed { message, entity: first.id.clone() })
    }

    /// Puts it into the log that the source cannot be read now.
    fn note_unreachable(&mut self, failure: &Failure) -> Result<(), RunError> {
        let mut batch = self.batch();
        self.log_start(&mut batch);
        let number = self.log.unreadable;
        self.log.unreadable += 1;
        let pipe = self.plan.id();
        let line = log::unreadable(pipe, &self.id, number, self.now(), &failure.to_string());
        batch.append(&execution_log(pipe), line.with("error_code", 0));
        self.commit(batch)
    }

    /// The id under which a source entity comes out when the transforms leave
    /// it alone.
    pub(super) fn target_id(&self, id: &Text) -> Text {
        let added = self.plan.edges.add.as_ref().and_then(|added| added.identity.as_ref());
        let id = match added {
            Some(namespace) => ni::join(namespace, id),
            None => id.clone(),
        };
        if self.plan.edges.remove { Text::from(ni::identifier(&id)) } else { id }
    }

    fn note_unreadable(&mut self, batch: &mut Batch, unreadable: Vec<EntityFailure>) {
        for failure in unreadable {
            self.counts.unreadable += 1;
            self.count_failure(&failure);
            self.log_start(batch);
            let number = self.log.unreadable;
            self.log.unreadable += 1;
            let pipe = self.plan.id();
            let line = log::unreadable(pipe, &self.id, number, self.started, &failure.to_string());
            batch.append(&execution_log(pipe), line);
        }
    }
}

/// Tells a source that may be read later from one that never will.
fn reading_failed(failure: Failure) -> RunError {
    match failure {
        Failure::Retryable { .. } => RunError::Read(failure),
        other => other.into(),
    }
}
