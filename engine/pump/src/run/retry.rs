//! What fails, and trying it again.
//!
//! An entity that cannot be transformed or written goes into the pipe's retry
//! queue with the reason; the rest of its batch goes on. The queue comes first
//! in the next run, unless the source has a newer version, and is left when
//! the entity or a newer version succeeds. After `max_retries_per_entity`
//! attempts an entity is given up: a dead letter.
//!
//! By the documentation a pipe stops at the first write error unless
//! `max_write_errors_in_retry_dataset` is set. Here one bad entity never stops
//! the others: without that property up to [`QUEUE`] entities may wait. With
//! it, it is the limit, and `max_consecutive_write_errors` holds as documented.
//!
//! A try counts when the other side answered, or when others got through: an
//! entity is not given up because nobody was there. The next try is not before
//! `write_retry_delay` is over, or what the other side asks to wait. Systems
//! may say other numbers for some answers (`retry_strategy`).

use pipewright_component::{EntityFailure, Failure};
use pipewright_entity::{Entity, Text, Value};
use pipewright_store::{Batch, Reader, Retry, Write};
use rustc_hash::FxHashSet;

use super::begin::Start;
use super::sink::Target;
use super::{LISTED, Run, RunError};
use crate::chain::Incoming;
use crate::feed::{Portion, dataset_incoming, place};
use crate::log;
use crate::plan::SourcePlan;
use crate::report::Phase;
use pipewright_store::names::execution_log;

/// How many entities may wait for another try when the pipe does not say.
const QUEUE: u64 = 1_000;
/// How many retries a run takes up.
const DUE: usize = 10_000;
/// How many of those that the other side seems to break at are tried again
/// within a run.
const INSISTED: usize = 20;

impl Run<'_> {
    /// Tries again what failed before.
    pub(super) fn retry(&mut self, start: &Start, target: &mut Target) -> Result<(), RunError> {
        if self.waiting.is_empty() || target.is_held() {
            return Ok(());
        }
        let pipe = self.plan.id();
        let due = self.reader()?.due_retries(pipe, self.started, DUE)?;
        if due.is_empty() {
            return Ok(());
        }
        self.enter(Phase::Retrying);
        if let Some(guard) = &mut self.guard {
            guard.touches_state = true;
        }
        let size = match target.is_outside() {
            true => start.size.min(self.plan.batch_size),
            false => start.size,
        };
        for retries in due.chunks(size) {
            self.check()?;
            let failed = self.counts.failed;
            match self.try_again(retries, start, target) {
                // The longest due come first, so that the others have their
                // turn in the next run.
                Ok(())
                    if target.is_outside()
                        && self.counts.failed - failed == retries.len() as u64 =>
                {
                    break;
                }
                // Be it the other side or these entities alone: they must not
                // keep what is new from being tried.
                Err(RunError::Component(failure @ Failure::Retryable { .. })) => {
                    let message =
                        format!("What failed before cannot be tried again now: {failure}");
                    self.note("retries.postponed", message);
                    self.postponed = retries.iter().take(INSISTED).cloned().collect();
                    break;
                }
                other => other?,
            }
        }
        Ok(())
    }

    /// Tries once more what was put off, now that others have got through: the
    /// other side is well, so it is these entities that it breaks at, and each
    /// try counts.
    pub(super) fn insist(&mut self, start: &Start, target: &mut Target) -> Result<(), RunError> {
        let postponed = std::mem::take(&mut self.postponed);
        if postponed.is_empty() || !self.got_through {
            return Ok(());
        }
        self.enter(Phase::Retrying);
        self.insists = true;
        let tried = self.try_again(&postponed, start, target);
        self.insists = false;
        match tried {
            // Not well after all.
            Err(RunError::Component(Failure::Retryable { .. })) => Ok(()),
            other => other,
        }
    }

    fn try_again(
        &mut self,
        retries: &[Retry],
        start: &Start,
        target: &mut Target,
    ) -> Result<(), RunError> {
        let read_until = place(start.since.as_ref());
        let reader = self.reader()?;
        let mut entities = Vec::with_capacity(retries.len());
        for retry in retries {
            match &self.plan.source {
                SourcePlan::Dataset(source) => {
                    // A newer version comes with the changes.
                    let version = match reader.dataset(&source.dataset)? {
                        Some(_) => reader.get(&source.dataset, &retry.id)?,
                        None => None,
                    };
                    let version = version.filter(|v| Some(v.updated) <= read_until);
                    entities.extend(version.map(|version| dataset_incoming(source, version)));
                }
                _ => entities.push(Incoming {
                    offset: retry.source_offset.clone(),
                    ..Incoming::entity(retry.entity.clone())
                }),
            }
        }
        let portion = Portion { entities, ..Portion::default() };
        self.is_retrying = true;
        let processed = self.process(reader, portion, Vec::new(), target);
        self.is_retrying = false;
        processed
    }

    /// Queues what failed of a batch, and takes out of the queue what did not.
    pub(super) fn settle(
        &mut self,
        batch: &mut Batch,
        incoming: &[Incoming],
        failed: Vec<(usize, EntityFailure)>,
        reader: &Reader,
        target: &Target,
    ) -> Result<(), RunError> {
        let pipe = self.plan.id();
        let mut bad: FxHashSet<usize> = FxHashSet::default();
        for (origin, failure) in failed {
            if !bad.insert(origin) {
                continue;
            }
            self.count_failure(&failure);
            // What is known to fail must not keep what is new from being tried.
            self.consecutive += u64::from(!self.is_retrying);
            self.status = failure.status;
            let Some(source) = incoming.get(origin) else { continue };
            if let Target::Dataset { full: Some(full) } = target
                && let Some(id) = &source.id
            {
                full.seen(&self.target_id(id))?;
            }
            self.log_start(batch);
            let Some(entity) = Entity::from_dict(source.dict.clone()).ok() else {
                let number = self.log.unreadable;
                self.log.unreadable += 1;
                let reason = failure.to_string();
                let line = log::unreadable(pipe, &self.id, number, self.started, &reason);
                batch.append(&execution_log(pipe), line);
                continue;
            };
            let attempts = reader.retry(pipe, entity.id())?.map_or(0, |retry| retry.attempts + 1);
            let (pump, strategy) = (&self.plan.pump, &self.plan.write_strategy);
            let limit = strategy.count(
                "max_retries_per_entity",
                failure.status,
                pump.max_retries_per_entity,
            );
            let delay = strategy
                .delay("write_retry_delay", failure.status, pump.write_retry_delay)
                .max(failure.wait.unwrap_or_default());
            let delay = i64::try_from(delay.as_micros()).unwrap_or(i64::MAX);
            let retry = Retry {
                id: entity.id().clone(),
                source_offset: source.offset.clone(),
                attempts,
                failed: self.started,
                due: self.started.saturating_add(delay),
                dead: u64::from(attempts) >= limit,
                reason: failure.message.clone(),
                detail: failure.detail.unwrap_or(Value::Null),
                entity,
            };
            batch.append(&execution_log(pipe), log::write_error(pipe, &retry));
            if retry.dead
                && let Some(dataset) = &self.plan.pump.dead_letter_dataset
            {
                batch.append(dataset, retry.entity.clone());
            }
            self.waiting.insert(retry.id.clone());
            self.failed_now.insert(retry.id.clone());
            batch.put_retry(pipe, retry);
        }
        if bad.len() < incoming.len() {
            self.consecutive = 0;
        }
        if self.waiting.is_empty() {
            return Ok(());
        }
        let good = incoming.iter().enumerate().filter(|(place, _)| !bad.contains(place));
        for id in good.filter_map(|(_, source)| source.id.as_ref()) {
            self.resolve(batch, id, reader)?;
        }
        Ok(())
    }

    /// Takes an entity out of the retry queue.
    pub(super) fn resolve(
        &mut self,
        batch: &mut Batch,
        id: &Text,
        reader: &Reader,
    ) -> Result<(), RunError> {
        if !self.waiting.remove(id) {
            return Ok(());
        }
        let pipe = self.plan.id();
        batch.remove_retry(pipe, id);
        if let Some(retry) = reader.retry(pipe, id)? {
            self.log_start(batch);
            batch.append(&execution_log(pipe), log::resolved(pipe, &retry, self.started));
            let pump = &self.plan.pump;
            if let Some(dataset) = &pump.dead_letter_dataset
                && retry.dead
                && pump.track_dead_letters
            {
                batch.append(dataset, Write::delete(id.clone()));
            }
        }
        Ok(())
    }

    /// Ends the run when too much failed.
    pub(super) fn check_limits(&self) -> Result<(), RunError> {
        if self.failed_now.is_empty() {
            return Ok(());
        }
        let pump = &self.plan.pump;
        let strategy = &self.plan.write_strategy;
        let documented = strategy.count(
            "max_write_errors_in_retry_dataset",
            self.status,
            pump.max_write_errors_in_retry_dataset,
        );
        let in_a_row = strategy.count(
            "max_consecutive_write_errors",
            self.status,
            pump.max_consecutive_write_errors,
        );
        let limit = if documented > 0 { documented } else { QUEUE };
        let waiting = self.waiting.len() as u64;
        let last = self.failures.last();
        let reason = last.map(|(_, reason)| reason.as_str()).unwrap_or_default();
        let entity = last.and_then(|(id, _)| id.clone());
        if waiting > limit {
            let dead = self.reader()?.retry_counts(self.plan.id())?.dead;
            let message = format!(
                "{waiting} entities have failed, {dead} of them for good; more than {limit} may \
                 not wait. The last one failed because: {reason}"
            );
            return Err(RunError::Failed { message, entity });
        }
        if documented > 0 && self.consecutive >= in_a_row {
            let message = format!("{} entities failed in a row: {reason}", self.consecutive);
            return Err(RunError::Failed { message, entity });
        }
        Ok(())
    }

    pub(super) fn count_failure(&mut self, failure: &EntityFailure) {
        self.counts.failed += 1;
        if self.failures.len() < LISTED {
            self.failures.push((failure.id.clone(), failure.message.clone()));
        }
    }
}
