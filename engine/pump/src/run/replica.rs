//! Datasets that are copies: every version stands where it stands in the log
//! that the source reads (sink `replicated_dataset`).
//!
//! The copy only grows. What the source gives again has to be what stands there
//! already; when it is something else, or the copy is longer than its source,
//! that has become another log, and the copy is made anew within the same run.
//! Since an entity that is left out could never be put in its place later, one
//! that fails ends the run.

use pipewright_component::EntityFailure;
use pipewright_config::pipe::Replica;
use pipewright_entity::{Text, Value};
use pipewright_store::{StoreError, Write};

use super::begin::SPACE;
use super::{Run, RunError, RunRequest};
use crate::chain::Incoming;
use crate::plan::{DatasetSink, Plan, SinkPlan};
use crate::report::{Counts, Ending, RunKind};

/// The generation of the sink's dataset that is a copy.
const COPY: &[u8] = b"copy";

impl<'r> Run<'r> {
    /// The sink, if it is to be a copy.
    fn replica(&self) -> Option<(&'r DatasetSink, Replica)> {
        let plan: &'r Plan = self.plan;
        match &plan.sink {
            SinkPlan::Dataset(sink) => Some((sink, sink.replica?)),
            _ => None,
        }
    }

    /// Runs; when the source has become another log than the one that was
    /// copied, once more into an empty dataset.
    pub(super) fn go_or_copy_anew(&mut self, request: RunRequest) -> Result<Ending, RunError> {
        match (self.go(request), self.replica()) {
            (Err(RunError::Store(StoreError::Diverged { .. })), Some((sink, _))) => {
                self.resources.store.reset_dataset(&sink.dataset)?;
                self.counts = Counts::default();
                self.kind = RunKind::Incremental;
                self.note(
                    "copy.anew",
                    "The source is not the log any more that was copied: it is copied anew.",
                );
                self.go(RunRequest { full: true })
            }
            (ended, _) => ended,
        }
    }

    /// Makes sure that the sink's dataset is a copy, or may be one.
    pub(super) fn begin_copy(&mut self) -> Result<(), RunError> {
        let Some((sink, replica)) = self.replica() else { return Ok(()) };
        let (store, pipe) = (self.resources.store, self.plan.id());
        store.create_dataset(&sink.dataset)?;
        let known = self.reader()?.state(pipe, SPACE, COPY)?;
        let dataset = self.reader()?.dataset(&sink.dataset)?;
        let Some(dataset) = dataset else { return Ok(()) };
        if known.as_deref() != Some(dataset.generation.as_bytes()) {
            match dataset.length {
                0 => {}
                _ if replica.migrate => store.reset_dataset(&sink.dataset)?,
                _ if replica.allow_normal => return Ok(()),
                _ => {
                    return Err(RunError::failed(format!(
                        "the dataset \"{}\" is there and no copy: drop it, or set \
                         auto_migrate_to_replicated_dataset or allow_normal_dataset",
                        sink.dataset
                    )));
                }
            }
            let made = self.reader()?.dataset(&sink.dataset)?;
            let mut batch = self.batch();
            let generation = made.as_ref().map(|made| made.generation.as_bytes());
            batch.put_state(pipe, SPACE, COPY, generation);
            // What an earlier sink took is not in the copy.
            batch.set_offset(pipe, None);
            self.commit(batch)?;
        }
        self.copied = Some(0);
        Ok(())
    }

    /// Gives what came out of a batch its places.
    pub(super) fn place(
        &mut self,
        write: Write,
        incoming: Option<&Incoming>,
    ) -> Result<Write, RunError> {
        let (Some(behind), Some((_, replica))) = (self.copied, self.replica()) else {
            return Ok(write);
        };
        let offset = incoming.and_then(|incoming| incoming.offset.as_ref());
        let place = match offset {
            Some(Value::Int(place)) => u64::try_from(*place).ok(),
            _ => None,
        };
        let failed = |message: &str| {
            let entity = Some(write.entity.id().clone());
            Err(RunError::Failed { message: message.to_owned(), entity })
        };
        let Some(place) = place else {
            return failed(
                "the entity has no place in its source (_updated), so that it cannot be copied: \
                 a copy is made of a dataset",
            );
        };
        if place < behind {
            return failed(
                "the source gave several entities for one place, or not in order: a copy holds \
                 one at each",
            );
        }
        self.copied = Some(place + 1);
        let write = if replica.change_tracking { write } else { write.forced() };
        Ok(write.standing_at(place))
    }

    /// Nothing may fail in a copy.
    pub(super) fn check_copy(
        &self,
        failed: &[(usize, EntityFailure)],
        unreadable: &[EntityFailure],
    ) -> Result<(), RunError> {
        if self.copied.is_none() {
            return Ok(());
        }
        let first = failed.first().map(|(_, failure)| failure).or_else(|| unreadable.first());
        let Some(failure) = first else { return Ok(()) };
        let message = format!("{failure}. A copy leaves nothing out, so the run ends here");
        Err(RunError::Failed { message, entity: failure.id.clone() })
    }

    /// Checks at the end of a full run that the copy is no longer than its
    /// source.
    pub(super) fn check_length(&self) -> Result<(), RunError> {
        let (Some(behind), Some((sink, _))) = (self.copied, self.replica()) else {
            return Ok(());
        };
        match self.reader()?.dataset(&sink.dataset)? {
            Some(dataset) if dataset.length > behind => Err(StoreError::Diverged {
                dataset: sink.dataset.clone(),
                place: behind,
                id: Text::new_static(""),
            }
            .into()),
            _ => Ok(()),
        }
    }
}
