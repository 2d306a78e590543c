//! The end of a run.

use pipewright_entity::{Entity, Value, Version};
use pipewright_store::Batch;

use super::begin::{FULL, RUNS, SPACE, Start};
use super::beside::{is_rescan_pending, want_rescan};
use super::process::Done;
use super::sink::Target;
use super::{Run, RunError};
use crate::log;
use crate::plan::{Populated, SinkPlan};
use crate::report::{Ending, Phase, Report, RunKind};
use pipewright_store::names::execution_log;

impl Run<'_> {
    /// What only a run that read its source to the end may do.
    pub(super) fn finish(
        &mut self,
        start: &Start,
        done: Done,
        target: Target,
    ) -> Result<(), RunError> {
        self.enter(Phase::Finishing);
        if target.is_held() {
            return Ok(());
        }
        let is_full = self.kind == RunKind::Full;
        if is_full && done.is_full && self.counts.read == 0 && self.plan.fails_when_empty {
            return Err(RunError::failed(
                "the source has no entities, which makes this pipe fail (if_source_empty)",
            ));
        }
        if is_full && self.answers.0 > 0 && self.answers.1 == 0 {
            return Err(RunError::failed(
                "the service gave no entities back, which makes this pipe fail \
                 (if_transform_empty)",
            ));
        }
        if is_full && done.is_full {
            self.check_length()?;
        }
        let pipe = self.plan.id().clone();
        let reader = self.reader()?;
        let unseen = match &target {
            Target::Dataset { full: Some(full) } if done.is_full && self.guard.is_some() => {
                reader.count_unseen(full)?
            }
            _ => 0,
        };
        self.check_breaker(unseen)?;
        let mut batch = self.batch();
        self.bring_in(&mut batch)?;
        let reader = self.reader()?;
        match target {
            Target::Dataset { full: Some(full) } if done.is_full => {
                if self.counts.failed > 0 && self.ids_differ {
                    // Under which ids the failed entities are in the dataset
                    // is not known, so nothing tells them from what is gone.
                    self.note(
                        "deletions.skipped",
                        "Entities failed whose ids in the dataset are not known, so nothing was \
                         deleted.",
                    );
                } else if self.is_rescan() {
                    self.delete_unseen_in_steps(&full)?;
                } else if reader.count_unseen(&full)? > 0 {
                    batch.delete_unseen(full);
                }
            }
            Target::Outside { mut sink, .. } => {
                let written = sink.finish()?;
                self.counts.written += written.written as u64;
                self.counts.unchanged += written.unchanged as u64;
                for failure in written.rejected {
                    self.count_failure(&failure);
                }
            }
            _ => {}
        }
        if self.is_rescan() {
            want_rescan(&pipe, false, &mut batch);
        } else if let Some(offset) = done.offset {
            batch.set_offset(&pipe, Some(offset));
        }
        if is_full && !self.is_rescan() {
            if start.must_finish {
                batch.put_state(&pipe, SPACE, FULL, None);
            }
            if self.plan.rescans_aside() && is_rescan_pending(&pipe, &reader)? {
                want_rescan(&pipe, false, &mut batch);
            }
            // What the source no longer has need not be tried again.
            let left: Vec<_> = self.waiting.difference(&self.failed_now).cloned().collect();
            if done.is_full {
                for id in left {
                    self.resolve(&mut batch, &id, &reader)?;
                }
            }
        }
        if let SinkPlan::Dataset(sink) = &self.plan.sink {
            let before = reader.dataset(&sink.dataset)?;
            let is_populated = before.as_ref().is_some_and(|dataset| dataset.is_populated());
            let now_populated = match sink.populated {
                Populated::WithSource => start.populated && done.populated != Some(false),
                Populated::Always => true,
                Populated::Never | Populated::AtStart => false,
            };
            if now_populated && !is_populated {
                batch.set_populated(&sink.dataset);
            }
            // That of the source belongs to the runs beside a rescan.
            let completeness = done.completeness.or(start.completeness);
            let completeness = completeness.filter(|_| !self.is_rescan());
            let known = before.and_then(|dataset| dataset.completeness);
            if completeness.is_some() && completeness != known {
                batch.set_completeness(&sink.dataset, completeness);
                self.completed.push(sink.dataset.clone());
            }
        }
        if let Some(number) = start.number {
            batch.put_state(&pipe, SPACE, RUNS, Some(number.to_string().as_bytes()));
        }
        self.commit(batch)?;
        self.drop_aside()
    }

    /// Puts the begin of the run into its log, once.
    pub(super) fn log_start(&mut self, batch: &mut Batch) {
        if !std::mem::replace(&mut self.log.is_started, true) {
            let pipe = self.plan.id();
            let line = log::started(pipe, self.kind, self.started);
            batch.append(&execution_log(pipe), self.log_line(line));
        }
    }

    /// A line about the run as a whole. Those of rescans in the background go by
    /// other ids: how the pipe fares is told by the runs beside them.
    fn log_line(&self, line: Entity) -> Entity {
        match line.id().strip_prefix("pump-").filter(|_| self.is_rescan()) {
            Some(what) => {
                let id = pipewright_entity::format_text!("rescan-{what}");
                line.with_id(id)
            }
            None => line,
        }
    }

    /// Whether the last completed run in the log is older than may be
    /// (`notification_granularity`).
    fn was_quiet_for_long(&self) -> Result<bool, RunError> {
        let Some(seconds) = self.plan.pump.log_interval else { return Ok(false) };
        let log = execution_log(self.plan.id());
        let reader = self.reader()?;
        let last = match reader.dataset(&log)? {
            Some(_) => reader.get(&log, "pump-completed")?,
            None => None,
        };
        let age = last.map(|last| self.now().saturating_sub(last.ts));
        let longest = i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000);
        Ok(age.is_some_and(|age| age >= longest))
    }

    /// Whether the log ends with anything but a run in which all went well: what
    /// it says would be no longer true.
    fn is_log_outdated(&self) -> Result<bool, RunError> {
        let log = execution_log(self.plan.id());
        let reader = self.reader()?;
        if reader.dataset(&log)?.is_none() {
            return Ok(false);
        }
        let place = |line: &Option<Version>| line.as_ref().map(|line| line.updated);
        let completed = reader.get(&log, "pump-completed")?;
        let failed = place(&reader.get(&log, "pump-failed")?);
        let started = place(&reader.get(&log, "pump-started")?);
        if completed.is_none() && failed.max(started).is_none() {
            // What it said was long ago, and is no longer kept.
            return Ok(false);
        }
        let went_well = completed.as_ref().is_some_and(|line| {
            let is = |name: &str, value| line.entity.get(name) == Some(&value);
            !is("stopped", Value::Bool(true)) && is("entities_failed", Value::Int(0))
        });
        Ok(!went_well || failed.max(started) > place(&completed))
    }

    /// Puts the end of the run into its log, unless there is nothing to tell.
    pub(super) fn log_end(&mut self, report: &Report) -> Result<(), RunError> {
        let pump = &self.plan.pump;
        let did_nothing = match pump.noop_by_changes {
            true => report.counts.written == 0,
            false => report.counts.read == 0,
        };
        let is_failed = matches!(report.ending, Ending::Failed { .. });
        let is_held = report.ending == Ending::Held || report.counts.held > 0;
        let is_quiet = did_nothing
            && !pump.log_noop_runs
            && !self.log.is_started
            && !self.was_quiet_for_long()?
            && !self.is_log_outdated()?;
        if !is_failed && (is_held || is_quiet) {
            return Ok(());
        }
        let pipe = self.plan.id().clone();
        let mut batch = self.batch();
        self.log_start(&mut batch);
        let retries = !self.waiting.is_empty();
        let line = log::ended(report, self.log.location, retries, &self.times);
        batch.append(&execution_log(&pipe), self.log_line(line));
        self.resources.store.commit(batch)?;
        Ok(())
    }
}
