//! What is kept of the datasets, and for how long
//! (`hub/features/compaction-feature`).
//!
//! Old versions go after the runs of the pipe that writes the dataset
//! (`compaction.sink`), or once a day. What a pipe that depends on a dataset
//! still has to compare with stays, and so does what a pipe that reads it has
//! not read yet: a deletion nobody has heard of, and old versions where a
//! source asks for them.

use pipewright_entity::{Text, Value};
use pipewright_store::{Compacted, Compaction, Reader, Select, StoreError, names};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::feed::{self, Places};
use crate::plan::{DatasetSink, Plan, SinkPlan, SourcePlan};
use crate::{Report, Resources};

/// The space of a pipe's state for what is kept.
const SPACE: &str = "keep";
/// When versions were last removed by number, and by age.
const COMPACTED: &[u8] = b"compacted";
const AGED: &[u8] = b"aged";
/// Up to where retractions were looked for.
const RETRACTED: &[u8] = b"retracted";
/// The length of the dataset at the last daily compaction.
const LENGTH: &[u8] = b"length";
/// The space of the node's own times has this pipe.
const NODE: &str = "system:node";
const DAILY: &[u8] = b"daily";

const SECOND: f64 = 1e6;
const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;
/// Looking at every entity for its age takes a while: not more often.
const BETWEEN_AGED: i64 = HOUR;
/// Entities looked at for retraction at a time.
const STEP: u64 = 1_000;
/// Rows purged at a time.
const ROWS: usize = 10_000;

/// How far the pipes have read the datasets.
#[derive(Clone, Debug, Default)]
pub struct Readers(FxHashMap<Text, Unread>);

#[derive(Clone, Copy, Debug, Default)]
struct Unread {
    /// The first place that somebody has not read.
    entities: Option<u64>,
    /// The same of those who read old versions too.
    versions: Option<u64>,
}

impl Readers {
    /// How far these pipes have read. One that has not begun reads what there
    /// is then and holds nothing.
    pub fn of<'p>(
        plans: impl IntoIterator<Item = &'p Plan>,
        reader: &Reader,
    ) -> Result<Readers, StoreError> {
        let mut readers = Readers::default();
        for plan in plans {
            let Some(offset) = reader.offset(plan.id())? else { continue };
            let sources = plan.source_datasets();
            let places = match &offset {
                Value::Dict(_) => Places::new(&sources, Some(&offset)),
                _ => Places::one(&sources, feed::place(Some(&offset))),
            };
            let with_versions = match &plan.source {
                SourcePlan::Dataset(source) => source.include_previous_versions,
                SourcePlan::Union(source) => source.include_previous_versions,
                _ => false,
            };
            for (at, id) in sources.into_iter().enumerate() {
                let Some(place) = places.get(at) else { continue };
                let unread = readers.0.entry(id).or_default();
                let next = place.saturating_add(1);
                let least = |known: Option<u64>| Some(known.map_or(next, |known| known.min(next)));
                unread.entities = least(unread.entities);
                if with_versions {
                    unread.versions = least(unread.versions);
                }
            }
        }
        Ok(readers)
    }
}

/// Removes from the dataset of a pipe that has just run what is not to be
/// kept.
pub fn compact_after(
    plan: &Plan,
    report: &Report,
    readers: &Readers,
    resources: &Resources<'_>,
) -> Result<Compacted, StoreError> {
    let SinkPlan::Dataset(sink) = &plan.sink else { return Ok(Compacted::default()) };
    if !plan.compaction.in_sink || !report.changed.contains(&sink.dataset) {
        return Ok(Compacted::default());
    }
    let keeping = Keeping { plan, sink, readers, resources };
    let mut done = keeping.retract()?;
    if keeping.is_time(COMPACTED, (plan.compaction.interval * SECOND) as i64)? {
        add(&mut done, keeping.compact()?);
    }
    Ok(done)
}

/// Once a day: removes what is not to be kept where that does not happen after
/// runs, the beginnings of the execution logs, indexes that no pipe needs, and
/// what pipes that are no longer there hold on to. `plans` are all pipes that
/// can run, `is_pipe` says which pipes there are. Whether it was time.
pub fn compact_daily<'p>(
    plans: impl IntoIterator<Item = &'p Plan>,
    is_pipe: &dyn Fn(&str) -> bool,
    resources: &Resources<'_>,
) -> Result<bool, StoreError> {
    let (store, now) = (resources.store, resources.surroundings.clock.now());
    let cancel = &resources.surroundings.cancel;
    let reader = store.reader()?;
    let last = number(&reader, NODE, DAILY)?;
    if last.is_some_and(|last| now < last.saturating_add(DAY)) {
        return Ok(false);
    }
    let plans: Vec<&Plan> = plans.into_iter().collect();
    let mut batch = store.batch(now);
    for dataset in reader.datasets()? {
        for (pipe, _) in reader.positions_in(&dataset.id)? {
            if !is_pipe(&pipe) {
                batch.forget_position(&pipe, &dataset.id);
            }
        }
    }
    batch.put_state(NODE, SPACE, DAILY, Some(now.to_string().as_bytes()));
    store.commit(batch)?;
    if last.is_none() {
        // The first day has nothing that is a day old.
        return Ok(true);
    }

    let needed: FxHashSet<(Text, Text)> = plans.iter().flat_map(|plan| plan.indexes()).collect();
    store.retain_indexes(|dataset, expression| {
        needed.contains(&(Text::new(dataset), Text::new(expression)))
    })?;
    let readers = Readers::of(plans.iter().copied(), &reader)?;
    for plan in &plans {
        if cancel.is_stopped() {
            return Ok(true);
        }
        let log_hours = i64::try_from(plan.compaction.log_hours).unwrap_or(i64::MAX);
        let before = now.saturating_sub(log_hours.saturating_mul(HOUR));
        if reader.dataset(&names::execution_log(plan.id()))?.is_some() {
            store.trim_log(plan.id(), before, || !cancel.is_stopped())?;
        }
        let SinkPlan::Dataset(sink) = &plan.sink else { continue };
        let keeping = Keeping { plan, sink, readers: &readers, resources };
        if !plan.compaction.in_sink && plan.compaction.automatic && keeping.has_grown()? {
            keeping.compact()?;
        }
    }
    while !cancel.is_stopped() && store.purge(ROWS)? {}
    Ok(true)
}

struct Keeping<'k> {
    plan: &'k Plan,
    sink: &'k DatasetSink,
    readers: &'k Readers,
    resources: &'k Resources<'k>,
}

impl Keeping<'_> {
    fn now(&self) -> i64 {
        self.resources.surroundings.clock.now()
    }

    /// Whether something was last done so long ago; it counts as done now.
    fn is_time(&self, key: &[u8], between: i64) -> Result<bool, StoreError> {
        let (store, now) = (self.resources.store, self.now());
        if between <= 0 {
            return Ok(true);
        }
        let last = number(&store.reader()?, self.plan.id(), key)?;
        if last.is_some_and(|last| now < last.saturating_add(between)) {
            return Ok(false);
        }
        self.note(key, now.to_string())?;
        Ok(true)
    }

    fn note(&self, key: &[u8], value: String) -> Result<(), StoreError> {
        let mut batch = self.resources.store.batch(self.now());
        batch.set_durability(pipewright_store::Durability::Normal);
        batch.put_state(self.plan.id(), SPACE, key, Some(value.as_bytes()));
        self.resources.store.commit(batch).map(drop)
    }

    /// Whether enough was written since the last daily compaction.
    fn has_grown(&self) -> Result<bool, StoreError> {
        let reader = self.resources.store.reader()?;
        let Some(dataset) = reader.dataset(&self.sink.dataset)? else { return Ok(false) };
        let last = number(&reader, self.plan.id(), LENGTH)?.and_then(|n| u64::try_from(n).ok());
        let has_grown = match last {
            Some(last) => {
                let enough = last as f64 * self.plan.compaction.growth.max(1.0);
                dataset.length > last && dataset.length as f64 >= enough
            }
            None => dataset.length > 0,
        };
        if has_grown {
            self.note(LENGTH, dataset.length.to_string())?;
        }
        Ok(has_grown)
    }

    fn compact(&self) -> Result<Compacted, StoreError> {
        let (store, dataset) = (self.resources.store, &*self.sink.dataset);
        let reader = store.reader()?;
        if reader.dataset(dataset)?.is_none() || crate::is_tripped(self.plan, &reader)? {
            return Ok(Compacted::default());
        }
        let settings = &self.plan.compaction;
        let cancel = &self.resources.surroundings.cancel;
        let ago = |hours: f64| self.now().saturating_sub((hours * HOUR as f64) as i64);
        let unread = self.readers.0.get(&self.sink.dataset).copied().unwrap_or_default();
        let by_number = Compaction {
            keep_versions: u32::try_from(settings.keep_versions).unwrap_or(u32::MAX),
            unread_versions: unread.versions,
            unread: unread.entities,
            ..Compaction::default()
        };
        let mut done = Compacted::default();
        if settings.hours.is_none() {
            done = store.compact(dataset, by_number, || !cancel.is_stopped())?;
        }
        let ages = settings.hours.is_some() || settings.ttl_hours.is_some();
        if ages && self.is_time(AGED, BETWEEN_AGED)? {
            let by_age = Compaction {
                keep_since: settings.hours.map(|hours| ago(hours as f64)),
                forget_deleted: settings.ttl_hours.map(ago),
                ..by_number
            };
            let end = self.now().saturating_add((settings.ttl_timeout * SECOND) as i64);
            let in_time = || !cancel.is_stopped() && self.now() <= end;
            add(&mut done, store.compact(dataset, by_age, in_time)?);
        }
        if done.versions > 0 {
            store.purge(ROWS)?;
        }
        Ok(done)
    }

    /// Removes all but the current version of what says so (`$retract`).
    fn retract(&self) -> Result<Compacted, StoreError> {
        let mut done = Compacted::default();
        let (store, settings) = (self.resources.store, &self.plan.compaction);
        if !settings.retract {
            return Ok(done);
        }
        let end = self.now().saturating_add((settings.retract_timeout * SECOND) as i64);
        let dataset = &*self.sink.dataset;
        while !self.resources.surroundings.cancel.is_stopped() && self.now() <= end {
            let reader = store.reader()?;
            if reader.dataset(dataset)?.is_none() {
                break;
            }
            let since = number(&reader, self.plan.id(), RETRACTED)?;
            let since = since.and_then(|since| u64::try_from(since).ok());
            let (mut ids, mut reached) = (Vec::new(), None);
            for version in reader.changes(dataset, since, Some(STEP), Select::default())? {
                let version = version?;
                reached = Some(version.updated);
                if version.entity.get("$retract") == Some(&Value::Bool(true)) {
                    ids.push(version.entity.id().clone());
                }
            }
            let Some(reached) = reached else { break };
            if !ids.is_empty() {
                add(&mut done, store.retract(dataset, ids.iter().map(Text::as_str))?);
            }
            self.note(RETRACTED, reached.to_string())?;
        }
        Ok(done)
    }
}

fn add(to: &mut Compacted, more: Compacted) {
    to.versions += more.versions;
    to.entities += more.entities;
    to.complete = more.complete;
}

fn number(reader: &Reader, pipe: &str, key: &[u8]) -> Result<Option<i64>, StoreError> {
    let bytes = reader.state(pipe, SPACE, key)?;
    let text = bytes.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok());
    Ok(text.and_then(|text| text.parse().ok()))
}
