//! Where a run writes.

use pipewright_component::{EntityFailure, Failure, Permission, Sequence, Sink, Written};
use pipewright_entity::{Entity, Text, Value};
use pipewright_store::{Batch, FullRun, Reader, Write};
use rustc_hash::FxHashMap;

use super::begin::unknown;
use super::{Run, RunError};
use crate::chain::{Incoming, Outgoing};
use crate::children;
use crate::luck::Unlucky;
use crate::plan::{DatasetSink, Existing, SinkPlan};
use crate::report::RunKind;

/// Where a run writes.
pub(super) enum Target {
    Dataset {
        full: Option<FullRun>,
    },
    Outside {
        sink: Box<dyn Sink>,
        size: usize,
    },
    Nothing,
    /// It may not write: what it would write is counted.
    Held,
}

impl Target {
    pub(super) fn is_held(&self) -> bool {
        matches!(self, Target::Held)
    }

    /// Whether what is written leaves the node.
    pub(super) fn is_outside(&self) -> bool {
        matches!(self, Target::Outside { .. })
    }
}

impl Run<'_> {
    /// Opens the sink.
    pub(super) fn target(&self) -> Result<Target, RunError> {
        match &self.plan.sink {
            SinkPlan::Dataset(sink) => {
                let tracks = self.kind == RunKind::Full && sink.deletion_tracking;
                let full = match tracks {
                    true => Some(self.resources.store.full_run(&sink.dataset)?),
                    false => None,
                };
                if let Some(full) = &full {
                    full.mark_deletions(sink.mark_deletion_tracked);
                }
                Ok(Target::Dataset { full })
            }
            SinkPlan::Null | SinkPlan::Published => Ok(Target::Nothing),
            SinkPlan::Outside(part) => {
                let surroundings = self.resources.surroundings;
                if surroundings.access.write_outside == Permission::Held {
                    return Ok(Target::Held);
                }
                let setting = part.setting(self.plan.id());
                let built = self.resources.components.sink(&setting, surroundings)?;
                let Some(mut sink) = built else { return Err(unknown(part, "sink").into()) };
                let is_full = self.kind == RunKind::Full;
                sink.begin(&Sequence { id: self.id.clone(), is_full })?;
                let size = part.batch_size().unwrap_or_else(|| sink.batch_size()).max(1);
                Ok(Target::Outside { sink, size })
            }
        }
    }

    /// Writes what came out of a batch. Returns what the sink refused, by
    /// the place of the source entity in the batch.
    pub(super) fn write(
        &mut self,
        batch: &mut Batch,
        incoming: &[Incoming],
        out: Vec<Outgoing>,
        reader: &Reader,
        target: &mut Target,
    ) -> Result<Vec<(usize, EntityFailure)>, RunError> {
        match (target, &self.plan.sink) {
            (Target::Dataset { full }, SinkPlan::Dataset(sink)) => {
                if let Some(full) = full.as_ref().filter(|_| self.guard.is_none()) {
                    batch.mark_seen(full);
                }
                for Outgoing { entity, origin } in out {
                    let from = incoming.get(origin);
                    let offset = from.and_then(|incoming| incoming.offset.clone());
                    let write = dataset_write(sink, entity, offset, reader, full.as_ref())?;
                    let Some(write) = write else { continue };
                    let write = self.place(write, from)?;
                    match &mut self.guard {
                        None => batch.append(&sink.dataset, write),
                        Some(guard) => {
                            if let Some(full) = full {
                                full.seen(write.entity.id())?;
                            }
                            if !Run::put_aside(guard, sink, write, reader, batch)? {
                                self.counts.unchanged += 1;
                            }
                        }
                    }
                }
                Ok(Vec::new())
            }
            (Target::Outside { sink, size }, _) => {
                let out: Vec<_> = out.into_iter().filter(|out| !is_filtered(&out.entity)).collect();
                // What is out there cannot be taken back: what it was made of must
                // not be, either.
                if !out.is_empty() {
                    self.resources.store.make_durable()?;
                }
                let mut luck = std::mem::take(&mut self.luck);
                let unlucky = luck.of(self.plan.transforms.len());
                let refused = self.send_all(sink.as_mut(), &out, *size, unlucky);
                self.luck = luck;
                refused
            }
            (Target::Held, _) => {
                let held = out.iter().filter(|out| !is_filtered(&out.entity)).count();
                self.counts.held += held as u64;
                Ok(Vec::new())
            }
            (Target::Nothing | Target::Dataset { .. }, _) => Ok(Vec::new()),
        }
    }
}

impl Run<'_> {
    /// Sends what came out of a batch; gives what was refused.
    fn send_all(
        &mut self,
        sink: &mut dyn Sink,
        out: &[Outgoing],
        size: usize,
        mut unlucky: Unlucky<'_>,
    ) -> Result<Vec<(usize, EntityFailure)>, RunError> {
        let mut refused = Vec::new();
        let id = |one: &Outgoing| Some(one.entity.id().clone());
        for chunk in out.chunks(size) {
            self.check()?;
            match (self.send_again(sink, chunk), chunk) {
                (Ok(sent), _) => {
                    unlucky.passed();
                    refused.extend(self.count_sent(sent));
                }
                (Err(failure), [one]) => unlucky.failed(one.origin, id(one), failure)?,
                (Err(Failure::Retryable { .. }), _)
                    if self.plan.pump.fallback_to_single_entities =>
                {
                    for one in chunk {
                        self.check()?;
                        match send(sink, std::slice::from_ref(one), true) {
                            Ok(sent) => {
                                unlucky.passed();
                                refused.extend(self.count_sent(sent));
                            }
                            Err(failure) => unlucky.failed(one.origin, id(one), failure)?,
                        }
                    }
                }
                (Err(failure), _) => return Err(failure.into()),
            }
        }
        refused.extend(unlucky.settle()?);
        Ok(refused)
    }

    /// Counts what was written; gives what was refused.
    fn count_sent(
        &mut self,
        (written, refused): (Written, Vec<(usize, EntityFailure)>),
    ) -> Vec<(usize, EntityFailure)> {
        self.counts.written += written.written as u64;
        self.counts.unchanged += written.unchanged as u64;
        refused
    }

    /// Sends some entities, and again where the failure may pass
    /// (`batch_retries`, `write_retry_delay`).
    fn send_again(&self, sink: &mut dyn Sink, out: &[Outgoing]) -> Sent {
        let pump = &self.plan.pump;
        let surroundings = self.resources.surroundings;
        let strategy = &self.plan.write_strategy;
        let mut tried = 0;
        loop {
            match send(sink, out, pump.fallback_to_single_entities) {
                Err(Failure::Retryable { wait, status, .. })
                    if tried < strategy.count("batch_retries", status, pump.batch_retries) =>
                {
                    tried += 1;
                    let delay = strategy.delay("write_retry_delay", status, pump.write_retry_delay);
                    let delay = delay.max(wait.unwrap_or_default());
                    surroundings.clock.wait(delay, &surroundings.cancel)?;
                }
                other => return other,
            }
        }
    }
}

/// An entity as it is written to a dataset; `None` when it is not.
pub(crate) fn dataset_write(
    sink: &DatasetSink,
    entity: Entity,
    offset: Option<Value>,
    reader: &Reader,
    full: Option<&FullRun>,
) -> Result<Option<Write>, RunError> {
    let with_offset = |write: Write| match offset {
        Some(offset) => write.from_source(offset),
        None => write,
    };
    if is_filtered(&entity) {
        return Ok(Some(with_offset(Write::delete(entity.id().clone()))));
    }
    let needs_previous = sink.track_children || sink.existing != Existing::Update;
    let previous = match needs_previous && reader.dataset(&sink.dataset)?.is_some() {
        true => reader.get(&sink.dataset, entity.id())?,
        false => None,
    };
    match sink.existing {
        Existing::Ignore if previous.is_some() => {
            if let Some(full) = full {
                full.seen(entity.id())?;
            }
            return Ok(None);
        }
        Existing::Fail if previous.as_ref().is_some_and(|p| p.hash != entity.content_hash()) => {
            return Err(RunError::Failed {
                message: format!(
                    "entity \"{}\" is already in dataset \"{}\", which takes no second version \
                     (prevent_multiple_versions)",
                    entity.id(),
                    sink.dataset
                ),
                entity: Some(entity.id().clone()),
            });
        }
        _ => {}
    }
    let entity = match sink.track_children {
        true => children::track(entity, previous.as_ref().map(|version| &version.entity)),
        false => entity,
    };
    Ok(Some(with_offset(Write::new(entity))))
}

pub(super) fn is_filtered(entity: &Entity) -> bool {
    entity.get("_filtered") == Some(&Value::Bool(true))
}

/// What became of entities that were sent, and those that were refused by the
/// place of their source entity in the batch.
type Sent = Result<(Written, Vec<(usize, EntityFailure)>), Failure>;

/// Sends some entities; `singly` one by one when they are refused together.
fn send(sink: &mut dyn Sink, out: &[Outgoing], singly: bool) -> Sent {
    let entities: Vec<Entity> = out.iter().map(|out| out.entity.clone()).collect();
    let origins: FxHashMap<&Text, usize> =
        out.iter().map(|out| (out.entity.id(), out.origin)).collect();
    match sink.write(&entities) {
        Ok(mut written) => {
            let first = out.first().map_or(0, |out| out.origin);
            let refused = std::mem::take(&mut written.rejected)
                .into_iter()
                .map(|failure| {
                    let origin = failure.id.as_ref().and_then(|id| origins.get(id)).copied();
                    (origin.unwrap_or(first), failure)
                })
                .collect();
            Ok((written, refused))
        }
        Err(Failure::Entity(failure)) if out.len() == 1 => {
            Ok((Written::default(), vec![(out[0].origin, failure)]))
        }
        Err(Failure::Entity(failure)) if !singly => {
            let refused = out.iter().map(|out| {
                let id = Some(out.entity.id().clone());
                (out.origin, EntityFailure { id, ..failure.clone() })
            });
            Ok((Written::default(), refused.collect()))
        }
        Err(Failure::Entity(_)) => {
            let (mut all, mut refused) = (Written::default(), Vec::new());
            for one in out {
                let (written, more) = send(sink, std::slice::from_ref(one), singly)?;
                all.add(written);
                refused.extend(more);
            }
            Ok((all, refused))
        }
        Err(other) => Err(other),
    }
}
