//! What people do to a pipe between its runs.

use pipewright_entity::{Text, Value};
use pipewright_store::{Position, Retry, Store, StoreError, Write, names};

use crate::dependencies;
use crate::feed;
use crate::log;
use crate::plan::{Plan, SourcePlan};
use crate::run::{FINGERPRINT, FULL, SPACE, generation};

/// What is to be done to a pipe. It must not run meanwhile.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    /// Sets where the pipe is in its source; `None`: at the beginning, so that
    /// the next run is a full one.
    SetLastSeen(Option<Value>),
    /// Takes everything the source has as read.
    SetLastSeenToEnd,
    /// Takes every change in the datasets that the pipe looks into as followed.
    ResetTracking,
    /// Follows every change again that there is in the datasets that the pipe
    /// looks into.
    SetTrackingToStart,
    /// Says that the next rescan begins at the beginning. They all do: one that
    /// was cut is begun again.
    ResetRescan,
    /// Forgets what entities of the pipe look like. Nothing is kept of that: it
    /// is found out from the entities whenever someone asks.
    DiscardInferredSchema,
    /// Tries failed entities again in the next run, dead letters among them:
    /// those with these ids, or all if there are none.
    TryAgain(Vec<Text>),
    /// Gives failed entities up for good: those with these ids, or all if
    /// there are none.
    DiscardRetries {
        /// Which.
        ids: Vec<Text>,
        /// Why, in the words of whoever does it.
        why: Option<String>,
    },
    /// Says that the pipe runs by itself again.
    Enable,
    /// Says that the pipe does not run by itself any more, and why.
    Disable(Option<String>),
}

/// Why an operation is refused.
#[derive(Debug, thiserror::Error)]
pub enum OperateError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The pipe does not allow or support it.
    #[error("{0}")]
    Refused(String),
}

/// Does something to a pipe and puts it into its execution log. `by` is the
/// one who wants it, `now` in microseconds since 1970.
pub fn operate(
    plan: &Plan,
    store: &Store,
    operation: &Operation,
    by: &str,
    now: i64,
) -> Result<(), OperateError> {
    let pipe = plan.id();
    let reader = store.reader()?;
    let mut batch = store.batch(now);
    let line = match operation {
        Operation::SetLastSeen(_) | Operation::SetLastSeenToEnd => {
            if plan.keeps_offset {
                return Err(OperateError::Refused(format!(
                    "pipe \"{pipe}\" keeps where it is in its source (disable_set_last_seen)"
                )));
            }
            let offset = match operation {
                Operation::SetLastSeen(offset) => offset.clone(),
                _ => Some(end_of_source(plan, &reader)?),
            };
            let before = reader.offset(pipe)?;
            batch.set_offset(pipe, offset.clone());
            // The run goes on from here, whatever was before: neither a full
            // run that was cut nor another config makes it begin again.
            batch.put_state(pipe, SPACE, FULL, None);
            if offset.is_some() {
                batch.put_state(pipe, SPACE, FINGERPRINT, Some(plan.fingerprint.as_bytes()));
                for id in plan.source_datasets() {
                    let now = reader.dataset(&id)?;
                    let now = now.as_ref().map(|dataset| dataset.generation.as_bytes());
                    batch.put_state(pipe, SPACE, generation(&id).as_bytes(), now);
                }
            }
            log::offset_set(pipe, before, offset, by, now)
        }
        Operation::ResetTracking => {
            for position in dependencies::positions(plan, &reader)? {
                batch.set_position(pipe, position);
            }
            log::event("pump-tracking-reset", pipe, by, now)
        }
        Operation::SetTrackingToStart => {
            for position in dependencies::positions(plan, &reader)? {
                batch.set_position(pipe, Position { since: None, ..position });
            }
            log::event("pump-tracking-set-to-start", pipe, by, now)
        }
        Operation::ResetRescan => log::event("pump-rescan-reset", pipe, by, now),
        Operation::DiscardInferredSchema => {
            log::event("pump-discard-inferred-schema", pipe, by, now)
        }
        Operation::TryAgain(ids) => {
            let retries = chosen(pipe, ids, &reader)?;
            let count = retries.len() as i64;
            for retry in retries {
                // What is tried again is no dead letter; if it fails again it
                // becomes one again.
                if retry.dead
                    && plan.pump.track_dead_letters
                    && let Some(dataset) = &plan.pump.dead_letter_dataset
                {
                    batch.append(dataset, Write::delete(retry.id.clone()));
                }
                batch.put_retry(pipe, Retry { dead: false, due: now, ..retry });
            }
            log::event("pump-try-again", pipe, by, now).with("entities", count)
        }
        Operation::DiscardRetries { ids, why } => {
            let retries = chosen(pipe, ids, &reader)?;
            let count = retries.len() as i64;
            for retry in &retries {
                batch.remove_retry(pipe, &retry.id);
                let line = log::discarded(pipe, retry, by, why.as_deref(), now);
                batch.append(&names::execution_log(pipe), line);
            }
            let line = log::event("pump-discard-retries", pipe, by, now).with("entities", count);
            match why {
                Some(why) => line.with("comment", why.as_str()),
                None => line,
            }
        }
        Operation::Enable => log::event("pump-enabled", pipe, by, now),
        Operation::Disable(why) => {
            let line = log::event("pump-disabled", pipe, by, now);
            match why {
                Some(why) => line.with("comment", why.as_str()),
                None => line,
            }
        }
    };
    batch.append(&names::execution_log(pipe), line);
    store.commit(batch)?;
    Ok(())
}

/// The failed entities with these ids, or all if there are none.
fn chosen(
    pipe: &str,
    ids: &[Text],
    reader: &pipewright_store::Reader,
) -> Result<Vec<Retry>, OperateError> {
    let mut found = Vec::new();
    for id in ids {
        found.push(reader.retry(pipe, id)?.ok_or_else(|| {
            OperateError::Refused(format!("no entity \"{id}\" of pipe \"{pipe}\" has failed"))
        })?);
    }
    if ids.is_empty() {
        loop {
            let after = found.last().map(|retry: &Retry| retry.id.clone());
            let page = reader.retries(pipe, after.as_deref(), 1_000)?;
            if page.is_empty() {
                break;
            }
            found.extend(page);
        }
    }
    Ok(found)
}

/// Where the source of a pipe ends now.
fn end_of_source(plan: &Plan, reader: &pipewright_store::Reader) -> Result<Value, OperateError> {
    let end = |id: &Text| -> Result<Value, StoreError> {
        let last = reader.dataset(id)?.and_then(|dataset| dataset.last_offset());
        Ok(last.map_or(Value::Null, feed::offset))
    };
    match &plan.source {
        SourcePlan::Dataset(source) => match end(&source.dataset)? {
            Value::Null => Err(OperateError::Refused(format!(
                "the source of pipe \"{}\" has nothing that could be skipped",
                plan.id()
            ))),
            end => Ok(end),
        },
        SourcePlan::Union(_) | SourcePlan::SameId(_) => {
            let ends = plan.source_datasets().into_iter().map(|id| Ok((id.clone(), end(&id)?)));
            Ok(Value::dict(ends.collect::<Result<_, StoreError>>()?))
        }
        _ => Err(OperateError::Refused(format!(
            "the source of pipe \"{}\" cannot tell where it ends",
            plan.id()
        ))),
    }
}
