//! How pipes and datasets fare, as listeners and the service API see it.

use std::collections::BTreeMap;

use pipewright_config::pipe::Mode;
use pipewright_entity::{Entity, Value};
use pipewright_protocol::studio::{DatasetStatus, PipeState, PipeStatus, RunCounts};
use pipewright_pump::{Counts, Ending, Plan, Report};
use pipewright_store::{Dataset, FullText, Position, Reader, StoreError, names};

use crate::Node;
use crate::loaded::Loaded;

/// Tells listeners everything as it is now.
pub(crate) fn publish(node: &Node, loaded: &Loaded) {
    if let Err(error) = try_publish(node, loaded) {
        tracing::error!(%error, "the state of pipes and datasets cannot be read");
    }
}

fn try_publish(node: &Node, loaded: &Loaded) -> Result<(), StoreError> {
    let reader = node.store().reader()?;
    let datasets = reader.datasets()?;
    let shown =
        |id: &str| datasets.iter().any(|dataset| dataset.id == id && !dataset.is_internal());
    node.hub().keep(|pipe| loaded.plans.contains_key(pipe), shown);
    let texts = reader.full_texts()?;
    for dataset in datasets.iter().filter(|dataset| !dataset.is_internal()) {
        let text = texts.iter().find(|text| text.dataset == dataset.id);
        node.hub().dataset(dataset_status(dataset, text));
    }
    for (id, plan) in &loaded.plans {
        node.hub().pipe(pipe_status(
            node,
            &reader,
            id,
            plan.as_deref().map_err(ToString::to_string),
        )?);
    }
    Ok(())
}

/// How a dataset fares.
fn dataset_status(dataset: &Dataset, text: Option<&FullText>) -> DatasetStatus {
    DatasetStatus {
        id: dataset.id.to_string(),
        entities: dataset.live,
        deleted: dataset.deleted,
        versions: dataset.log_live + dataset.log_deleted,
        next_offset: dataset.length,
        bytes: dataset.bytes,
        modified: dataset.last_modified,
        populated: dataset.is_populated(),
        full_text: text.map(|text| text.built),
    }
}

/// Tells how a dataset fares, and has its full text follow.
pub(crate) fn dataset_changed(node: &Node, id: &str) -> Result<(), StoreError> {
    let reader = node.store().reader()?;
    let Some(dataset) = reader.dataset(id)?.filter(|dataset| !dataset.is_internal()) else {
        return Ok(());
    };
    let text = reader.full_text(id)?;
    if text.as_ref().is_some_and(|text| !text.is_complete()) {
        node.full_texts.wake();
    }
    node.hub().dataset(dataset_status(&dataset, text.as_ref()));
    Ok(())
}

/// How a pipe fares, from what it left in the store.
pub(crate) fn pipe_status(
    node: &Node,
    reader: &Reader,
    id: &str,
    plan: Result<&Plan, String>,
) -> Result<PipeStatus, StoreError> {
    let known = node.hub().pipe_status(id);
    let mut status = PipeStatus { id: id.to_owned(), ..PipeStatus::default() };
    let plan = match plan {
        Ok(plan) => plan,
        Err(why) => {
            status.state = PipeState::Invalid;
            status.message = Some(why);
            return Ok(status);
        }
    };
    if let Some(last) = last_run(reader, id)? {
        status.state = last.state;
        status.message = last.message;
        status.last_run = last.ended;
        status.took = last.took;
        status.processed = last.processed;
        status.counts = last.counts;
    }
    if plan.is_published() {
        status.state = PipeState::Serving;
    } else if plan.mode() == Mode::Off || node.is_disabled(id) {
        status.state = PipeState::Disabled;
    } else if node.conductor.is_running(id) {
        status.state = PipeState::Running;
        status.processed = known.as_ref().map_or(0, |known| known.processed);
        status.counts = known.map(|known| known.counts).unwrap_or_default();
    }
    if node.conductor.is_rescanning(id) {
        status.rescan = node.hub().pipe_status(id).and_then(|known| known.rescan);
    }
    status.next_run = node.conductor.due(id);
    status.queues = queues(reader, plan)?;
    let retries = reader.retry_counts(id)?;
    status.retries = retries.waiting;
    status.dead = retries.dead;
    Ok(status)
}

/// What waits for a pipe in each dataset that it reads.
pub(crate) fn queues(reader: &Reader, plan: &Plan) -> Result<BTreeMap<String, u64>, StoreError> {
    let mut queues = BTreeMap::new();
    if plan.is_published() {
        return Ok(queues);
    }
    let reached = Reached::of(reader, plan)?;
    for dataset in plan.flow_pipe().reads {
        if reader.dataset(&dataset)?.is_none() {
            continue;
        }
        let since = reached.in_dataset(&dataset);
        let waits = reader.pending(&dataset, since)?;
        if waits > 0 {
            queues.insert(dataset.to_string(), waits);
        }
    }
    Ok(queues)
}

/// Where a pipe is in what it reads and looks at.
pub(crate) struct Reached {
    offset: Option<Value>,
    positions: Vec<Position>,
}

impl Reached {
    pub(crate) fn of(reader: &Reader, plan: &Plan) -> Result<Reached, StoreError> {
        let (offset, positions) = (reader.offset(plan.id())?, reader.positions(plan.id())?);
        Ok(Reached { offset, positions })
    }

    /// The newest version of a dataset that it has seen.
    pub(crate) fn in_dataset(&self, dataset: &str) -> Option<u64> {
        let position = self.positions.iter().find(|position| position.dataset == dataset);
        if let Some(position) = position {
            return position.since;
        }
        let place = |place: &Value| match place {
            Value::Int(place) => u64::try_from(*place).ok(),
            _ => None,
        };
        match &self.offset {
            Some(Value::Dict(offsets)) => offsets.get(dataset).and_then(place),
            Some(offset) => place(offset),
            None => None,
        }
    }
}

/// How a run ended, as far as its pipe is concerned: single entities may have
/// failed in one that completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Completed,
    Failed,
    Stopped,
    /// It left no end.
    Cut,
}

/// How the last run of a pipe went, as its execution log has it.
pub(crate) struct LastRun {
    pub(crate) outcome: Outcome,
    pub(crate) state: PipeState,
    pub(crate) message: Option<String>,
    pub(crate) started: Option<i64>,
    pub(crate) ended: Option<i64>,
    pub(crate) took: Option<u64>,
    pub(crate) processed: u64,
    pub(crate) counts: RunCounts,
    /// `full`, `incremental` and the like.
    pub(crate) kind: String,
}

pub(crate) fn last_run(reader: &Reader, pipe: &str) -> Result<Option<LastRun>, StoreError> {
    let log = names::execution_log(pipe);
    if reader.dataset(&log)?.is_none() {
        return Ok(None);
    }
    let line = |id: &str| reader.get(&log, id);
    let (started, completed, failed) =
        (line("pump-started")?, line("pump-completed")?, line("pump-failed")?);
    let last = match (completed, failed) {
        (Some(a), Some(b)) => {
            if a.updated > b.updated {
                a
            } else {
                b
            }
        }
        (Some(only), None) | (None, Some(only)) => only,
        (None, None) => return Ok(None),
    };
    let mut run = run_of(&last.entity);
    // A run that began and left no end was cut off, as by a crash.
    if started.is_some_and(|started| started.updated > last.updated) {
        run.outcome = Outcome::Cut;
        run.state = PipeState::Stopped;
        run.message = Some("The last run was cut off; the next one goes on.".to_owned());
    }
    Ok(Some(run))
}

/// How a run went, from the line of the execution log that tells of its end.
pub(crate) fn run_of(entity: &Entity) -> LastRun {
    let text = |name: &str| entity.get(name).and_then(Value::as_str);
    let time = |name: &str| {
        let at: jiff::Timestamp = text(name)?.parse().ok()?;
        Some(at.as_microsecond())
    };
    let count = |name: &str| match entity.get(name) {
        Some(Value::Int(number)) => u64::try_from(*number).unwrap_or(0),
        _ => 0,
    };
    let took = match entity.get("total_time") {
        Some(Value::Float(seconds)) => Some((seconds * 1e6) as u64),
        _ => None,
    };
    let failed = count("entities_failed");
    let metrics = entity.get("metrics").and_then(Value::as_dict);
    let metrics = metrics.and_then(|metrics| metrics.get("entities")?.as_dict());
    let written = match metrics.and_then(|metrics| metrics.get("changes_last_run")) {
        Some(Value::Int(number)) => u64::try_from(*number).unwrap_or(0),
        _ => 0,
    };
    let succeeded = count("entities_succeeded");
    // What is held leaves no line.
    let counts =
        RunCounts { written, unchanged: succeeded.saturating_sub(written), held: 0, failed };
    let outcome = if entity.id() == "pump-failed" {
        Outcome::Failed
    } else if entity.get("stopped") == Some(&Value::Bool(true)) {
        Outcome::Stopped
    } else {
        Outcome::Completed
    };
    let (state, message) = match outcome {
        Outcome::Stopped | Outcome::Cut => (PipeState::Stopped, Some("Stopped.".to_owned())),
        Outcome::Failed => (PipeState::Failed, text("reason_why_stopped").map(str::to_owned)),
        Outcome::Completed if failed > 0 => {
            (PipeState::Failed, Some(format!("{failed} entities failed.")))
        }
        Outcome::Completed => {
            let words = |took: u64| format!("Completed in {:.2} s.", took as f64 / 1e6);
            (PipeState::Finished, took.map(words))
        }
    };
    LastRun {
        outcome,
        state,
        message,
        started: time("start_time"),
        ended: time("end_time"),
        took,
        processed: succeeded + failed,
        counts,
        kind: text("sync_type").unwrap_or_default().to_owned(),
    }
}

/// Why the last rescan in the background failed, if it did.
pub(crate) fn failed_rescan(reader: &Reader, pipe: &str) -> Result<Option<String>, StoreError> {
    let log = names::execution_log(pipe);
    if reader.dataset(&log)?.is_none() {
        return Ok(None);
    }
    let Some(failed) = reader.get(&log, "rescan-failed")? else { return Ok(None) };
    let completed = reader.get(&log, "rescan-completed")?;
    if completed.is_some_and(|completed| completed.updated > failed.updated) {
        return Ok(None);
    }
    let why = failed.entity.get("reason_why_stopped").and_then(Value::as_str);
    Ok(Some(why.unwrap_or("it is not known why").to_owned()))
}

/// Takes what a run reports into what listeners see.
pub(crate) fn after_run(node: &Node, loaded: &Loaded, report: &Report) {
    node.counters.add(report);
    node.ran(&report.pipe);
    refresh(node, loaded, report, true);
}

/// The same of a rescan in the background: how the pipe fares is told by the
/// runs beside it.
pub(crate) fn after_rescan(node: &Node, loaded: &Loaded, report: &Report) {
    node.counters.add(report);
    refresh(node, loaded, report, false);
}

fn refresh(node: &Node, loaded: &Loaded, report: &Report, settles: bool) {
    for dataset in &report.changed {
        node.webhooks.changed(dataset, node.now());
    }
    let update = || -> Result<(), StoreError> {
        let reader = node.store().reader()?;
        for dataset in &report.changed {
            dataset_changed(node, dataset)?;
        }
        for (id, plan) in &loaded.plans {
            let Ok(plan) = plan else { continue };
            let reads = plan.flow_pipe().reads;
            if *id == report.pipe || report.changed.iter().any(|dataset| reads.contains(dataset)) {
                let mut status = pipe_status(node, &reader, id, Ok(plan))?;
                if *id == report.pipe && settles {
                    settle_state(&mut status, report);
                }
                node.hub().pipe(status);
            }
        }
        Ok(())
    };
    if let Err(error) = update() {
        tracing::error!(%error, "the state of pipes and datasets cannot be read");
    }
}

/// A report knows more than the log: what was held, and why nothing ran.
fn settle_state(status: &mut PipeStatus, report: &Report) {
    status.processed = report.counts.read;
    status.counts = run_counts(&report.counts);
    status.last_run = Some(report.ended);
    status.took = u64::try_from(report.ended - report.started).ok();
    status.state = match &report.ending {
        Ending::Completed if report.counts.failed == 0 => PipeState::Finished,
        Ending::Completed | Ending::Failed { .. } => PipeState::Failed,
        Ending::Stopped | Ending::Held => PipeState::Stopped,
    };
    status.message = Some(message(report));
}

/// What listeners see of the counts of a run, beside the entities read.
pub(crate) fn run_counts(counts: &Counts) -> RunCounts {
    let Counts { written, unchanged, held, failed, .. } = *counts;
    RunCounts { written, unchanged, held, failed }
}

/// How a run ended, in a sentence.
pub(crate) fn message(report: &Report) -> String {
    let counts = &report.counts;
    match &report.ending {
        Ending::Failed { reason, entity: Some(id) } => format!("{reason} (entity {id:?})"),
        Ending::Failed { reason, entity: None } => reason.clone(),
        Ending::Stopped => "Stopped; the next run goes on from here.".into(),
        Ending::Held => match report.notes.first() {
            Some(note) => note.message.clone(),
            None => "Not run: reading from outside is held.".into(),
        },
        Ending::Completed if counts.failed > 0 => match report.failures.first() {
            Some((Some(id), why)) => format!("{} failed, such as {id:?}: {why}", counts.failed),
            Some((None, why)) => format!("{} failed: {why}", counts.failed),
            None => format!("{} failed.", counts.failed),
        },
        Ending::Completed if counts.held > 0 => {
            format!("{} writes are held until the node is set live.", counts.held)
        }
        Ending::Completed => format!(
            "Read {}, wrote {}, {} unchanged.",
            counts.read, counts.written, counts.unchanged
        ),
    }
}
