//! Reading one dataset.

use pipewright_entity::{Text, Value, Version};
use pipewright_store::{Reader, Select, StoreError, Subset};

use super::{Portion, offset, place};
use crate::RunError;
use crate::chain::Incoming;
use crate::plan::DatasetSource;

pub(crate) struct DatasetFeed<'p> {
    source: &'p DatasetSource,
    since: Option<u64>,
    /// Where the run began: a sink may have been told of a subset what was in
    /// it there, however far this run has come.
    told: Option<u64>,
    /// While a subset is read from the beginning: the end of the log when that
    /// began. What changes meanwhile is read as changes after it.
    first_pass: FirstPass,
    /// What is newer, in microseconds since 1970, is left for later.
    until: i64,
}

enum FirstPass {
    Ahead,
    Until(u64),
    Done,
}

impl<'p> DatasetFeed<'p> {
    pub(super) fn new(
        source: &'p DatasetSource,
        since: Option<&Value>,
        until: Option<i64>,
    ) -> DatasetFeed<'p> {
        let since = place(since);
        let first_pass = match since.is_none() && source.subset.is_some() {
            true => FirstPass::Ahead,
            false => FirstPass::Done,
        };
        DatasetFeed { source, since, told: since, first_pass, until: until.unwrap_or(i64::MAX) }
    }

    pub(super) fn next(
        &mut self,
        reader: &Reader,
        size: usize,
    ) -> Result<Option<Portion>, RunError> {
        let source = self.source;
        let Some(dataset) = reader.dataset(&source.dataset)? else { return Ok(None) };
        let Some(end) = dataset.last_offset() else { return Ok(None) };
        if self.since.is_some_and(|since| since >= end) {
            return Ok(None);
        }
        if let FirstPass::Ahead = self.first_pass {
            self.first_pass = FirstPass::Until(end);
        }
        let (is_first_pass, end) = match self.first_pass {
            FirstPass::Until(end) => (true, end),
            _ => (false, end),
        };
        let Some(complete) = complete_until(source, reader)? else { return Ok(None) };
        let complete = complete.min(self.until);
        let select = Select {
            history: source.include_previous_versions,
            // What was never in the subset need not be taken out of it.
            deleted: !is_first_pass,
            before: Some(end.saturating_add(1)),
            subset: source.subset.as_ref().map(|(index, key)| Subset {
                expression: index.expression.clone(),
                key: key.clone(),
            }),
            told: self.told,
            ..Select::default()
        };
        let mut entities = Vec::with_capacity(size);
        let mut reached = None;
        let mut held_back = false;
        let limit = u64::try_from(size).unwrap_or(u64::MAX);
        for version in reader.changes(&source.dataset, self.since, Some(limit), select)? {
            let version = version?;
            if version.ts > complete {
                held_back = true;
                break;
            }
            reached = Some(version.updated);
            entities.push(incoming(source, version));
        }
        let is_last = !held_back && (entities.len() < size || reached == Some(end));
        match reached {
            _ if is_last => {
                self.since = Some(end);
                self.told = self.since;
                self.first_pass = FirstPass::Done;
            }
            Some(reached) => self.since = Some(reached),
            None => return Ok(None),
        }
        // A run that is cut begins again where it began, for the same reason.
        let is_whole = source.subset.is_none() || is_first_pass || is_last;
        let offset = self.since.filter(|_| is_whole).map(offset);
        Ok(Some(Portion { entities, offset, state: Vec::new() }))
    }
}

/// The time up to which entities may be read, in microseconds since 1970;
/// `None`: nothing may be read yet.
fn complete_until(source: &DatasetSource, reader: &Reader) -> Result<Option<i64>, StoreError> {
    for id in &source.initial_completeness {
        if completeness(reader, id)?.is_none() {
            return Ok(None);
        }
    }
    let mut until = i64::MAX;
    for id in &source.completeness {
        match completeness(reader, id)? {
            Some(complete) => until = until.min(complete),
            None => return Ok(None),
        }
    }
    Ok(Some(until))
}

fn completeness(reader: &Reader, dataset: &Text) -> Result<Option<i64>, StoreError> {
    Ok(reader.dataset(dataset)?.and_then(|dataset| dataset.completeness))
}

/// A stored version as a source entity.
pub(crate) fn incoming(source: &DatasetSource, version: Version) -> Incoming {
    let (updated, previous) = (version.updated, version.previous);
    let entity = version.into_metadata();
    let is_replaced = || entity.get("$replaced") == Some(&Value::Bool(true));
    Incoming {
        id: Some(entity.id().clone()),
        offset: Some(offset(updated)),
        before: previous.map(|previous| (source.dataset.clone(), previous)),
        // An entity that was read before and is replaced now must leave the
        // sink again, as it would not be there after a full run.
        filtered: !source.include_replaced && is_replaced(),
        dict: entity.dict().clone(),
    }
}
