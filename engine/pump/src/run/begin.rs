//! Deciding how much to read, and noting that it began.

use std::sync::Arc;

use pipewright_component::{Continuation, Failure, Source};
use pipewright_config::pipe::Rescan;
use pipewright_entity::{Dict, Text, Value};
use pipewright_store::{Dataset, Position, Reader, StoreError};

use super::sink::Target;
use super::{Resources, Run, RunError, RunRequest};
use crate::dependencies::{self, Affected};
use crate::feed::{self, MERGE_SPACE, Places};
use crate::plan::{DatasetSource, OutsidePart, Plan, Populated, SinkPlan, SourcePlan, UNTIL};
use crate::report::{Note, RunKind};
use crate::world::{Missing, World};
use pipewright_store::names::execution_log;

/// The space of the pipe's state for the runs themselves.
pub(crate) const SPACE: &str = "run";
/// The fingerprint of the config that the sink was filled by.
pub(crate) const FINGERPRINT: &[u8] = b"fingerprint";
/// Set while a full run is not finished that must be begun again when cut.
pub(crate) const FULL: &[u8] = b"full";
/// How many runs were completed, where some of them are special.
pub(super) const RUNS: &[u8] = b"runs";
/// Goes before the id of a source dataset; its generation follows.
const GENERATION: &str = "generation:";

/// How many source entities go through the transforms together at most, and
/// about how many bytes they may have: few, so that they stay near the
/// processor; of clusters more, as the store keeps them.
const PORTION: usize = 1_000;
const CLUSTERS: usize = 5_000;
const PORTION_BYTES: u64 = 16 << 20;

/// What a run starts from.
pub(super) struct Start {
    /// Where the source was left.
    pub(super) since: Option<Value>,
    /// Source entities to run again because of what they look up.
    pub(super) affected: Vec<Text>,
    /// Where the looked-up datasets were when `affected` was found.
    pub(super) positions: Vec<Position>,
    /// Whether `positions` differ from what is stored.
    pub(super) moved: bool,
    /// The completeness that the sink gets in the end.
    pub(super) completeness: Option<i64>,
    /// Whether the source counts as populated.
    pub(super) populated: bool,
    /// Whether a cut full run must be begun again.
    pub(super) must_finish: bool,
    /// How many source entities go through the transforms together.
    pub(super) size: usize,
    /// What is newer, in microseconds since 1970, is not read.
    pub(super) until: Option<i64>,
    /// The number of this run, where runs are counted.
    pub(super) number: Option<u64>,
    memo: Memo,
    generations: Vec<(Text, Text)>,
}

/// What earlier runs left.
#[derive(Default)]
struct Memo {
    fingerprint: Option<Text>,
    is_full_pending: bool,
    positions: Vec<Position>,
}

/// Builds the source when it reaches out.
pub(crate) fn outside_source(
    plan: &Plan,
    resources: &Resources<'_>,
) -> Result<Option<Box<dyn Source>>, Failure> {
    let SourcePlan::Outside(part) = &plan.source else { return Ok(None) };
    let setting = part.setting(plan.id());
    match resources.components.source(&setting, resources.surroundings)? {
        Some(source) => Ok(Some(source)),
        None => Err(unknown(part, "source")),
    }
}

impl Run<'_> {
    /// Decides what the run is to do. `None`: nothing, and why is noted.
    pub(super) fn begin(
        &mut self,
        request: RunRequest,
        source: Option<&dyn Source>,
    ) -> Result<Option<Start>, RunError> {
        self.build_indexes()?;
        let reader = self.reader()?;
        let pipe = self.plan.id();
        let memo = Memo::load(pipe, &reader)?;
        let since = reader.offset(pipe)?;
        let log = reader.dataset(&execution_log(pipe))?;
        self.log.location = Some(log.map_or(0, |log| log.length));
        let mut after = None;
        loop {
            let page = reader.retries(pipe, after.as_deref(), 1_000)?;
            after = page.last().map(|retry| retry.id.clone());
            self.waiting.extend(page.iter().map(|retry| retry.id.clone()));
            if page.len() < 1_000 {
                break;
            }
        }

        let mut generations = Vec::new();
        let mut datasets: Vec<Arc<Dataset>> = Vec::new();
        for id in self.plan.source_datasets() {
            if let Some(dataset) = reader.dataset(&id)? {
                generations.push((id, dataset.generation.clone()));
                datasets.push(dataset);
            }
        }
        if datasets.is_empty() && !self.plan.source_datasets().is_empty() {
            self.note("source.missing", "The dataset that the source reads is not there yet.");
            return Ok(None);
        }
        let populated = self.is_source_populated(&reader)?;
        if self.plan.waits_for_input && !populated {
            self.note("source.not-populated", "The run waits until its source is populated.");
            return Ok(None);
        }

        let positions = dependencies::positions(self.plan, &reader)?;
        let mut affected = Vec::new();
        let continues = match source {
            Some(source) => source.continuation() != Continuation::None,
            None => self.plan.continues(),
        };
        let number = match self.counts_runs() {
            true => Some(runs(pipe, &reader)? + 1),
            false => None,
        };
        let (pump, every) = (&self.plan.pump, |runs: u64| number.is_some_and(|n| n % runs == 0));
        let is_rescan = matches!(pump.rescan, Some(Rescan::Runs(runs)) if runs > 0 && every(runs));
        let back = pump.partial_rescan.filter(|(runs, _)| *runs > 0 && every(*runs));
        let request = RunRequest { full: request.full || is_rescan };
        let reason = match self.why_full(request, continues, since.as_ref(), &memo, &reader)? {
            Some(reason) => Some(reason),
            None => match dependencies::affected(self.plan, &reader, &memo.positions)? {
                Affected::Ids(ids) => {
                    affected = ids;
                    None
                }
                // Reading a whole outside system again is for a person to ask
                // for.
                Affected::Everything(note) if source.is_some() => {
                    let message =
                        format!("{} As it is outside the node, it does not.", note.message);
                    self.notes.push(Note { message, ..note });
                    None
                }
                Affected::Everything(note) => Some(Some(note)),
            },
        };
        let is_fresh = match self.plan.sink_dataset() {
            Some(sink) => reader.dataset(sink)?.is_none_or(|dataset| dataset.length == 0),
            None => memo.fingerprint.is_none(),
        };
        if let Some(note) = reason {
            self.kind = RunKind::Full;
            self.notes.extend(note);
        }
        let is_full = self.kind == RunKind::Full;
        let mut since = since.filter(|_| !is_full);
        if let Some((_, delta)) = back.filter(|_| !is_full) {
            self.kind = RunKind::Partial;
            since = since.and_then(|since| feed::before(&since, delta));
        }
        Ok(Some(Start {
            since,
            affected,
            moved: positions != memo.positions,
            positions,
            completeness: self.completeness(&reader)?,
            populated,
            must_finish: is_full && continues && !is_fresh,
            size: self.portion_size(&datasets),
            until: complete_until(self.plan, &reader, self.resources)?,
            number,
            memo,
            generations,
        }))
    }

    /// How many source entities go through the transforms together: as many as
    /// the config allows and memory bears where only the store is written, a
    /// batch where each batch leaves the node.
    fn portion_size(&self, datasets: &[Arc<Dataset>]) -> usize {
        if matches!(self.plan.sink, SinkPlan::Outside(_)) || self.plan.calls_outside() {
            return self.plan.batch_size;
        }
        let bytes: u64 = datasets.iter().map(|dataset| dataset.bytes).sum();
        let versions: u64 = datasets.iter().map(|d| d.log_live + d.log_deleted).sum();
        let average = (bytes / versions.max(1)).max(1);
        let bearable = usize::try_from(PORTION_BYTES / average).unwrap_or(usize::MAX);
        let most = match self.plan.source {
            SourcePlan::Merge(_) => CLUSTERS,
            _ => PORTION,
        };
        self.plan.commit_size.min(most).min(bearable).max(1)
    }

    /// Why everything must be read, if it must; with a note where that is not
    /// plain.
    fn why_full(
        &mut self,
        request: RunRequest,
        continues: bool,
        since: Option<&Value>,
        memo: &Memo,
        reader: &Reader,
    ) -> Result<Option<Option<Note>>, RunError> {
        if request.full || !continues || since.is_none() {
            return Ok(Some(None));
        }
        let because =
            |code, message: &str| Ok(Some(Some(Note { code, message: message.to_owned() })));
        if memo.is_full_pending {
            return because("full.cut", "The last full run was cut, so it begins again.");
        }
        let is_other = memo.fingerprint.as_ref().is_some_and(|old| *old != self.plan.fingerprint);
        if is_other {
            if matches!(self.plan.sink, SinkPlan::Outside(_)) && !self.plan.resends {
                self.note(
                    "config.changed",
                    "The config has changed. What was sent before is not sent again; \
                     reset the pipe for that.",
                );
            } else {
                return because(
                    "config.changed",
                    "The config has changed: the source runs in full.",
                );
            }
        }
        for id in self.plan.source_datasets() {
            let known = reader.state(self.plan.id(), SPACE, generation(&id).as_bytes())?;
            let now = reader.dataset(&id)?;
            let is_same = match (&known, &now) {
                (Some(known), Some(now)) => known == now.generation.as_bytes(),
                // It came later: all of it is new.
                (None, _) => true,
                (Some(_), None) => false,
            };
            if !is_same {
                return because("source.replaced", "A source dataset was removed or made again.");
            }
        }
        Ok(None)
    }

    /// Notes that the run began, where that must not be forgotten.
    pub(super) fn commit_begin(
        &mut self,
        start: &mut Start,
        target: &Target,
    ) -> Result<(), RunError> {
        if target.is_held() {
            return Ok(());
        }
        let pipe = self.plan.id();
        let mut batch = self.batch();
        if start.memo.fingerprint.as_ref() != Some(&self.plan.fingerprint) {
            let fingerprint = self.plan.fingerprint.as_bytes();
            batch.put_state(pipe, SPACE, FINGERPRINT, Some(fingerprint));
        }
        let reader = self.reader()?;
        for (id, now) in &start.generations {
            let key = generation(id);
            let known = reader.state(pipe, SPACE, key.as_bytes())?;
            if known.as_deref() != Some(now.as_bytes()) {
                batch.put_state(pipe, SPACE, key.as_bytes(), Some(now.as_bytes()));
            }
        }
        if self.kind == RunKind::Full {
            if reader.offset(pipe)?.is_some() {
                batch.set_offset(pipe, None);
            }
            if start.must_finish && !start.memo.is_full_pending {
                batch.put_state(pipe, SPACE, FULL, Some(b"1"));
            }
            if matches!(self.plan.source, SourcePlan::Merge(_)) {
                batch.clear_state(pipe, MERGE_SPACE);
            }
            for known in &start.memo.positions {
                if !start.positions.iter().any(|now| now.dataset == known.dataset) {
                    batch.forget_position(pipe, &known.dataset);
                }
            }
            if start.moved {
                self.carried.positions = start.positions.clone();
            }
        }
        if let SinkPlan::Dataset(sink) = &self.plan.sink
            && sink.populated == Populated::AtStart
            && !reader.dataset(&sink.dataset)?.is_some_and(|dataset| dataset.is_populated())
        {
            batch.set_populated(&sink.dataset);
        }
        self.commit(batch)
    }

    /// Makes the store keep the indexes that the run needs.
    fn build_indexes(&self) -> Result<(), RunError> {
        for lookup in self.plan.lookups() {
            self.check()?;
            self.resources.store.ensure_index(&lookup.dataset, &lookup.expression, lookup.keys)?;
        }
        Ok(())
    }

    /// Whether some runs are special by their number.
    fn counts_runs(&self) -> bool {
        let pump = &self.plan.pump;
        matches!(pump.rescan, Some(Rescan::Runs(_))) || pump.partial_rescan.is_some()
    }

    fn is_source_populated(&self, reader: &Reader) -> Result<bool, RunError> {
        let datasets = match &self.plan.populated_by {
            Some(datasets) => datasets.clone(),
            None => self.plan.source_datasets(),
        };
        for id in datasets {
            if !reader.dataset(&id)?.is_some_and(|dataset| dataset.is_populated()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The smallest completeness of what feeds the sink; now for what comes
    /// from outside or from the config. `None`: not known.
    fn completeness(&self, reader: &Reader) -> Result<Option<i64>, RunError> {
        let mut smallest = self.started;
        for id in self.plan.completeness_datasets() {
            match reader.dataset(&id)?.and_then(|dataset| dataset.completeness) {
                Some(completeness) => smallest = smallest.min(completeness),
                None => return Ok(None),
            }
        }
        Ok(Some(smallest))
    }
}

impl Memo {
    fn load(pipe: &str, reader: &Reader) -> Result<Memo, StoreError> {
        let fingerprint = reader.state(pipe, SPACE, FINGERPRINT)?;
        Ok(Memo {
            fingerprint: fingerprint
                .and_then(|bytes| Some(std::str::from_utf8(&bytes).ok()?.into())),
            is_full_pending: reader.state(pipe, SPACE, FULL)?.is_some(),
            positions: reader.positions(pipe)?,
        })
    }
}

/// The key of the generation of a source dataset.
pub(crate) fn generation(dataset: &str) -> String {
    format!("{GENERATION}{dataset}")
}

/// How many runs of a pipe were completed.
fn runs(pipe: &str, reader: &Reader) -> Result<u64, RunError> {
    let bytes = reader.state(pipe, SPACE, RUNS)?;
    let text = bytes.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok());
    Ok(text.and_then(|text| text.parse().ok()).unwrap_or(0))
}

/// The time up to which the source may be read by its completeness
/// expression, in microseconds since 1970. What is no time reads nothing.
pub(crate) fn complete_until(
    plan: &Plan,
    reader: &Reader,
    resources: &Resources<'_>,
) -> Result<Option<i64>, RunError> {
    let SourcePlan::Dataset(DatasetSource { until: Some(program), .. }) = &plan.source else {
        return Ok(None);
    };
    let world = World::new(reader, resources, None, Missing::Fail);
    let nothing = Value::Dict(Arc::default());
    let found = program
        .run_raw(nothing, Dict::default(), &world)
        .map_err(|error| RunError::failed(format!("the completeness cannot be told: {error}")))?;
    Ok(Some(match found.target.get(UNTIL) {
        Some(Value::DateTime(time)) => {
            i64::try_from(time.as_nanosecond().div_euclid(1000)).unwrap_or(i64::MAX)
        }
        _ => 0,
    }))
}

/// Whether there may be something that a pipe has not done yet.
pub(crate) fn is_behind(plan: &Plan, reader: &Reader) -> Result<bool, StoreError> {
    let pipe = plan.id();
    let memo = Memo::load(pipe, reader)?;
    if memo.fingerprint.as_ref() != Some(&plan.fingerprint)
        || memo.is_full_pending
        || reader.retry_counts(pipe)?.waiting > 0
    {
        return Ok(true);
    }
    let since = reader.offset(pipe)?;
    let sources = plan.source_datasets();
    let places = match &since {
        Some(Value::Dict(_)) | None => Places::new(&sources, since.as_ref()),
        Some(_) => Places::one(&sources, feed::place(since.as_ref())),
    };
    for (at, id) in sources.iter().enumerate() {
        if reader.dataset(id)?.is_some_and(|dataset| dataset.last_offset() > places.get(at)) {
            return Ok(true);
        }
    }
    let positions = dependencies::positions(plan, reader)?;
    Ok(positions.iter().any(|now| {
        let known = memo.positions.iter().find(|known| known.dataset == now.dataset);
        known.is_none_or(|known| known.generation != now.generation || known.since < now.since)
    }))
}

/// No component of this kind is built here.
pub(crate) fn unknown(part: &OutsidePart, what: &str) -> Failure {
    let kind = part.config.get("type").and_then(|kind| kind.as_str()).unwrap_or_default();
    Failure::config(
        format!("{}.type", part.path),
        format!("the {what} type {kind:?} does not run here"),
    )
}
