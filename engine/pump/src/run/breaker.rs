//! Circuit breakers (`hub/features/circuit-breakers`).
//!
//! While a pipe with a circuit breaker runs, what it would change is put aside
//! in a dataset of its own, and where it is in its source stays as it was. A
//! run that ends within the limit brings everything into the sink. One that
//! goes past it trips: nothing of it is in the sink, and the pipe does not run
//! until someone either commits what lies aside or rolls it back.

use pipewright_entity::{Dict, Entity, Text, Value, binary};
use pipewright_store::{Batch, Position, Reader, Select, Store, StoreError, Write, names};

use super::begin::{FULL, SPACE};
use super::{Run, RunError};
use crate::log;
use crate::plan::{DatasetSink, Plan, SinkPlan, SourcePlan};

/// What a tripped run leaves: where its pipe was.
const TRIPPED: &[u8] = b"tripped";
/// Entities brought into the sink per commit.
const STEP: u64 = 1_000;

/// What a run with a circuit breaker has put aside.
pub(super) struct Guard {
    limit: u64,
    aside: Text,
    /// Entities that would change.
    changed: u64,
    /// Where the source was read to.
    pub(super) offset: Option<Value>,
    pub(super) positions: Vec<Position>,
    /// Whether rolling back must have everything read again, as more than the
    /// sink was touched.
    pub(super) touches_state: bool,
}

/// Whether the circuit breaker of a pipe has tripped.
pub fn is_tripped(plan: &Plan, reader: &Reader) -> Result<bool, StoreError> {
    Ok(reader.state(plan.id(), SPACE, TRIPPED)?.is_some())
}

/// Brings what a tripped run has put aside into the sink; the pipe goes on
/// behind it. Whether there was anything. `by` is who wants it, `now` in
/// microseconds since 1970.
pub fn commit_tripped(plan: &Plan, store: &Store, by: &str, now: i64) -> Result<bool, StoreError> {
    let Some((sink, left)) = tripped(plan, store)? else { return Ok(false) };
    let aside = names::uncommitted(&sink.dataset);
    bring_in(
        store,
        &aside,
        &sink.dataset,
        || store.batch(now),
        |batch| store.commit(batch).map(drop),
    )?;
    let pipe = plan.id();
    let mut batch = store.batch(now);
    if let Some(offset) = left.get("offset").filter(|offset| !offset.is_null()) {
        batch.set_offset(pipe, Some(offset.clone()));
    }
    for position in left.get("positions").and_then(Value::as_list).unwrap_or_default() {
        if let Some(position) = position.as_dict().and_then(read_position) {
            batch.set_position(pipe, position);
        }
    }
    reset(plan, store, batch, "circuit-breaker-committed", by, now)
}

/// Drops what a tripped run has put aside; the pipe begins again where it was
/// before. Whether there was anything.
pub fn roll_back_tripped(
    plan: &Plan,
    store: &Store,
    by: &str,
    now: i64,
) -> Result<bool, StoreError> {
    let Some((_, left)) = tripped(plan, store)? else { return Ok(false) };
    let mut batch = store.batch(now);
    if left.get("touches_state") == Some(&Value::Bool(true)) {
        batch.put_state(plan.id(), SPACE, FULL, Some(b"1"));
    }
    reset(plan, store, batch, "circuit-breaker-rolled-back", by, now)
}

fn tripped<'p>(
    plan: &'p Plan,
    store: &Store,
) -> Result<Option<(&'p DatasetSink, Dict)>, StoreError> {
    let SinkPlan::Dataset(sink) = &plan.sink else { return Ok(None) };
    let Some(bytes) = store.reader()?.state(plan.id(), SPACE, TRIPPED)? else { return Ok(None) };
    let left = match binary::read(&bytes) {
        Ok(Value::Dict(left)) => (*left).clone(),
        // Where the pipe was is lost: it reads again what it has read.
        _ => Dict::default(),
    };
    Ok(Some((sink, left)))
}

fn reset(
    plan: &Plan,
    store: &Store,
    mut batch: Batch,
    event: &'static str,
    by: &str,
    now: i64,
) -> Result<bool, StoreError> {
    let pipe = plan.id();
    batch.put_state(pipe, SPACE, TRIPPED, None);
    batch.append(&names::execution_log(pipe), log::event(event, pipe, by, now));
    store.commit(batch)?;
    if let Some(sink) = plan.sink_dataset() {
        drop_aside(store, &names::uncommitted(sink))?;
    }
    Ok(true)
}

fn drop_aside(store: &Store, aside: &str) -> Result<(), StoreError> {
    match store.reader()?.dataset(aside)? {
        Some(_) => store.drop_dataset(aside),
        None => Ok(()),
    }
}

/// Copies what lies aside into the sink, in the order in which it came.
fn bring_in<E: From<StoreError>>(
    store: &Store,
    aside: &str,
    sink: &str,
    batch: impl Fn() -> Batch,
    mut commit: impl FnMut(Batch) -> Result<(), E>,
) -> Result<(), E> {
    let reader = store.reader()?;
    if reader.dataset(aside)?.is_none() {
        return Ok(());
    }
    let mut since = None;
    loop {
        let mut batch = batch();
        let mut reached = None;
        for version in reader.changes(aside, since, Some(STEP), Select::default())? {
            let version = version.map_err(E::from)?;
            reached = Some(version.updated);
            let from = reader.provenance(aside, version.updated)?;
            let write = Write::new(version.entity);
            let write = match from.and_then(|from| from.source_offset) {
                Some(offset) => write.from_source(offset),
                None => write,
            };
            batch.append(sink, write);
        }
        if reached.is_none() {
            return Ok(());
        }
        commit(batch)?;
        since = reached;
    }
}

fn position_value(position: &Position) -> Value {
    let since = position.since.map_or(Value::Null, crate::feed::offset);
    Value::dict(
        [
            (Text::new_static("dataset"), Value::String(position.dataset.clone())),
            (Text::new_static("generation"), Value::String(position.generation.clone())),
            (Text::new_static("since"), since),
        ]
        .into_iter()
        .collect(),
    )
}

fn read_position(dict: &std::sync::Arc<Dict>) -> Option<Position> {
    let text = |name: &str| dict.get(name).and_then(Value::as_str).map(Text::new);
    let since = crate::feed::place(dict.get("since"));
    Some(Position { dataset: text("dataset")?, generation: text("generation")?, since })
}

impl Run<'_> {
    /// Whether the pipe's circuit breaker has tripped, which keeps it from
    /// running.
    pub(super) fn is_tripped(&mut self) -> Result<bool, RunError> {
        let SinkPlan::Dataset(sink) = &self.plan.sink else { return Ok(false) };
        let reader = self.reader()?;
        if is_tripped(self.plan, &reader)? {
            let message = format!(
                "Not run: the circuit breaker of dataset \"{}\" has tripped. Commit what lies \
                 aside, or roll it back.",
                sink.dataset
            );
            self.note("breaker.tripped", message);
            return Ok(true);
        }
        Ok(false)
    }

    /// Makes the circuit breaker ready, if the sink has one and is populated.
    pub(super) fn arm(&mut self) -> Result<(), RunError> {
        let SinkPlan::Dataset(sink) = &self.plan.sink else { return Ok(()) };
        let aside = names::uncommitted(&sink.dataset);
        let reader = self.reader()?;
        let Some(dataset) = reader.dataset(&sink.dataset)?.filter(|d| d.is_populated()) else {
            return Ok(());
        };
        let entities = dataset.live + dataset.deleted;
        let by_factor = sink.breaker_factor.map(|factor| (factor * entities as f64) as u64);
        let Some(limit) = by_factor.max(sink.breaker_count) else { return Ok(()) };
        // What a run left that was cut.
        drop_aside(self.resources.store, &aside)?;
        self.guard = Some(Guard {
            limit,
            aside,
            changed: 0,
            offset: None,
            positions: Vec::new(),
            touches_state: matches!(self.plan.source, SourcePlan::Merge(_)),
        });
        Ok(())
    }

    /// Puts a write aside if it would change the sink.
    pub(super) fn put_aside(
        guard: &mut Guard,
        sink: &DatasetSink,
        write: Write,
        reader: &Reader,
        batch: &mut Batch,
    ) -> Result<bool, RunError> {
        let id = write.entity.id();
        let current = reader.get(&sink.dataset, id)?;
        let earlier = match reader.dataset(&guard.aside)? {
            Some(_) => reader.get(&guard.aside, id)?,
            None => None,
        };
        let is_bare = write.entity.is_deleted()
            && write.entity.dict().keys().all(|name| name.starts_with('_'));
        let write = match (is_bare, earlier.as_ref().or(current.as_ref())) {
            (true, None) => return Ok(false),
            // What is deleted keeps its last properties.
            (true, Some(last)) => {
                let deleted: Entity = last.entity.clone().with("_deleted", true);
                Write { entity: deleted, ..write }
            }
            (false, _) => write,
        };
        let hash = write.entity.content().content_hash();
        if earlier.is_none() && current.is_some_and(|current| current.hash == hash) {
            return Ok(false);
        }
        guard.changed += 1;
        batch.append(&guard.aside, write);
        Ok(true)
    }

    /// Ends the run if more would change than may; `more` on top of what was
    /// put aside.
    pub(super) fn check_breaker(&mut self, more: u64) -> Result<(), RunError> {
        let Some(guard) = &self.guard else { return Ok(()) };
        let changed = guard.changed + more;
        if changed <= guard.limit {
            return Ok(());
        }
        let message = format!(
            "the circuit breaker has tripped: {changed} entities or more would change, and {} may; \
             nothing of this run is in the dataset, and the pipe does not run until that is \
             committed or rolled back",
            guard.limit
        );
        let positions = guard.positions.iter().map(position_value);
        let left = Value::dict(
            [
                (Text::new_static("offset"), guard.offset.clone().unwrap_or(Value::Null)),
                (Text::new_static("positions"), Value::list(positions)),
                (Text::new_static("touches_state"), Value::Bool(guard.touches_state)),
            ]
            .into_iter()
            .collect(),
        );
        let mut bytes = Vec::new();
        binary::write(&left, &mut bytes);
        let mut batch = self.batch();
        batch.put_state(self.plan.id(), SPACE, TRIPPED, Some(&bytes));
        self.commit(batch)?;
        Err(RunError::failed(message))
    }

    /// Brings what was put aside into the sink, at the end of a run within the
    /// limit. What the run was to leave besides goes into `last`.
    pub(super) fn bring_in(&mut self, last: &mut Batch) -> Result<(), RunError> {
        let Some(guard) = self.guard.take() else { return Ok(()) };
        let SinkPlan::Dataset(sink) = &self.plan.sink else { return Ok(()) };
        let (store, run, now) = (self.resources.store, self.id.clone(), self.now());
        let batch = || {
            let mut batch = store.batch(now);
            batch.set_run(run.clone());
            batch
        };
        bring_in(store, &guard.aside, &sink.dataset, batch, |batch| self.commit(batch))?;
        if let Some(offset) = guard.offset {
            last.set_offset(self.plan.id(), Some(offset));
        }
        for position in guard.positions {
            last.set_position(self.plan.id(), position);
        }
        self.aside = Some(guard.aside);
        Ok(())
    }

    /// Drops what lay aside once it is in the sink.
    pub(super) fn drop_aside(&mut self) -> Result<(), RunError> {
        match self.aside.take() {
            Some(aside) => Ok(drop_aside(self.resources.store, &aside)?),
            None => Ok(()),
        }
    }

    /// Whether a dataset is where a run puts things aside.
    pub(super) fn is_aside(&self, dataset: &str) -> bool {
        self.guard.as_ref().is_some_and(|guard| guard.aside == dataset)
    }
}
