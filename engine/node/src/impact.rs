//! What a pipe would change: many source entities sent through it, and what
//! comes out compared with what is stored.

use std::collections::BTreeMap;
use std::time::Instant;

use pipewright_entity::{Entity, Text, Value};
use pipewright_protocol::studio::{
    DownstreamImpact, EntityImpact, Impact, ImpactKind, ImpactRequest, PropertyImpact,
};
use pipewright_pump::{Ahead, EvaluateRequest, Examined, Plan};
use pipewright_store::{Reader, StoreError};

use crate::Node;
use crate::api::Failed;
use crate::loaded::{Loaded, plan_of};
use crate::preview::{Edited, PARTIAL};
use crate::tasks::Task;
use crate::wire;

impl Node {
    /// What a pipe would change. Nothing is stored and nothing outside is
    /// called.
    pub(crate) fn impact(&self, request: ImpactRequest, task: &Task) -> Result<Impact, Failed> {
        let Edited { loaded, pipe, .. } = self.edited(&request.pipe, request.text);
        let held = |why: String| Impact { held: Some(why), ..Impact::default() };
        let Some(pipe) = pipe else { return Ok(held("The text is not a pipe yet.".into())) };
        let plan = match plan_of(&loaded.project, &pipe) {
            Ok(plan) => plan,
            Err(why) => return Ok(held(why.to_string())),
        };
        if plan.is_receiver() {
            return Ok(held("Entities are posted to this pipe: it has no source to try.".into()));
        }
        let reader = self.store().reader()?;
        let limit = request.limit.min(Impact::MOST);
        let downstream = request.downstream;
        let since = newest(&plan, &reader, limit)?;
        let skips = since.is_some();
        task.set_total(sources(&plan, &reader)?.min(u64::from(limit)));
        let request =
            EvaluateRequest { since, limit: Some(limit as usize), ..EvaluateRequest::default() };
        let begin = Instant::now();
        let mut comparison = Comparison::new(&plan, &reader, task)?;
        comparison.ahead = downstream.then(Vec::new);
        let mut surroundings = self.surroundings_of_look(&loaded);
        surroundings.cancel = task.cancel.clone();
        let extent = self.with_resources(&loaded, &surroundings, |resources| {
            pipewright_pump::examine(&plan, resources, &request, &mut |examined| {
                comparison.take(examined)
            })
        });
        let extent = match extent {
            Ok(extent) => extent,
            Err(_) if task.cancel.is_stopped() => return Err(Failed::stopped()),
            Err(error) if error.is_temporary() => {
                return Ok(held(format!("The source cannot be read: {error}")));
            }
            Err(error) => return Err(Failed::bad_request(error.to_string())),
        };
        let (mut impact, ahead) = comparison.ended()?;
        if let (Some(ahead), Some(dataset)) = (ahead, plan.sink_dataset()) {
            let ahead = Ahead::new(dataset.clone(), ahead);
            impact.downstream = self.downstream(&loaded, &pipe.id, dataset, &ahead, task)?;
        }
        impact.read = extent.read;
        impact.all = extent.is_all && !skips;
        impact.partial = extent.is_partial.then(|| PARTIAL.to_owned());
        impact.took = u64::try_from(begin.elapsed().as_micros()).unwrap_or(u64::MAX);
        Ok(impact)
    }

    /// What would follow in the pipes that read a dataset.
    fn downstream(
        &self,
        loaded: &Loaded,
        pipe: &str,
        dataset: &str,
        ahead: &Ahead,
        task: &Task,
    ) -> Result<Vec<DownstreamImpact>, Failed> {
        let mut told: Vec<DownstreamImpact> = Vec::new();
        for id in loaded.flow.readers_of(dataset).iter().map(|reader| &reader.pipe) {
            if id.as_str() == pipe || told.iter().any(|known| known.pipe == id.as_str()) {
                continue;
            }
            let one = self.downstream_of(loaded, id, ahead, task)?;
            told.push(one);
        }
        Ok(told)
    }

    fn downstream_of(
        &self,
        loaded: &Loaded,
        pipe: &str,
        ahead: &Ahead,
        task: &Task,
    ) -> Result<DownstreamImpact, Failed> {
        let pipe = pipe.to_owned();
        let held = |why: String| Impact { held: Some(why), ..Impact::default() };
        let plan = match loaded.plan(&pipe) {
            Ok(plan) => plan,
            Err(why) => return Ok(DownstreamImpact { pipe, impact: held(why), untold: None }),
        };
        let begin = Instant::now();
        let reader = self.store().reader()?;
        let mut comparison = Comparison::new(&plan, &reader, task)?;
        let mut surroundings = self.surroundings_of_look(loaded);
        surroundings.cancel = task.cancel.clone();
        let seen = self.with_resources(loaded, &surroundings, |resources| {
            let limit = Impact::MOST as usize;
            pipewright_pump::look_ahead(&plan, resources, ahead, limit, &mut |examined| {
                comparison.take(examined)
            })
        });
        let seen = match seen {
            Ok(seen) => seen,
            Err(_) if task.cancel.is_stopped() => return Err(Failed::stopped()),
            Err(error) => {
                let impact = held(error.to_string());
                return Ok(DownstreamImpact { pipe, impact, untold: None });
            }
        };
        let (mut impact, _) = comparison.ended()?;
        impact.read = seen.extent.read;
        impact.all = seen.extent.is_all;
        impact.partial = seen.extent.is_partial.then(|| PARTIAL.to_owned());
        impact.took = u64::try_from(begin.elapsed().as_micros()).unwrap_or(u64::MAX);
        Ok(DownstreamImpact { pipe, impact, untold: seen.untold })
    }
}

/// How many entities the datasets hold that a pipe reads.
fn sources(plan: &Plan, reader: &Reader) -> Result<u64, StoreError> {
    let mut all = 0;
    for dataset in plan.source_datasets() {
        all += reader.dataset(&dataset)?.map_or(0, |dataset| dataset.length);
    }
    Ok(all)
}

/// Where the newest entities of a source begin; `None`: at its beginning.
fn newest(plan: &Plan, reader: &Reader, limit: u32) -> Result<Option<Value>, StoreError> {
    let [dataset] = &plan.source_datasets()[..] else { return Ok(None) };
    let length = reader.dataset(dataset)?.map_or(0, |dataset| dataset.length);
    let before = length.checked_sub(u64::from(limit) + 1);
    Ok(before.and_then(|offset| i64::try_from(offset).ok()).map(Value::Int))
}

/// What comes out, beside what is stored.
struct Comparison<'a> {
    reader: &'a Reader,
    sink: Option<Text>,
    /// Whether the sink's dataset is there yet.
    exists: bool,
    impact: Impact,
    shown: BTreeMap<ImpactKind, Vec<Shown>>,
    properties: BTreeMap<Text, PropertyImpact>,
    /// All that would be written, where that is asked.
    ahead: Option<Vec<Entity>>,
    task: &'a Task,
    /// How many were taken.
    taken: u64,
}

struct Shown {
    id: Text,
    before: Option<Entity>,
    after: Option<Entity>,
    properties: Vec<Text>,
    why: Option<String>,
}

impl<'a> Comparison<'a> {
    fn new(plan: &Plan, reader: &'a Reader, task: &'a Task) -> Result<Comparison<'a>, StoreError> {
        let sink = plan.sink_dataset().cloned();
        let exists = match &sink {
            Some(sink) => reader.dataset(sink)?.is_some(),
            None => false,
        };
        let dataset = sink.as_ref().map(ToString::to_string);
        Ok(Comparison {
            reader,
            sink,
            exists,
            impact: Impact { dataset, ..Impact::default() },
            shown: BTreeMap::new(),
            properties: BTreeMap::new(),
            ahead: None,
            task,
            taken: 0,
        })
    }

    fn take(&mut self, examined: Examined) -> Result<(), StoreError> {
        self.taken += 1;
        self.task.set_done(self.taken);
        let entity = match examined {
            Examined::Made(entity) => entity,
            Examined::Failed { id, why } => {
                self.impact.failed += 1;
                let id = id.unwrap_or_default();
                let shown =
                    Shown { id, before: None, after: None, properties: Vec::new(), why: Some(why) };
                self.show(ImpactKind::Failed, shown);
                return Ok(());
            }
        };
        let stored = match &self.sink {
            Some(sink) if self.exists => self.reader.get(sink, entity.id())?,
            _ => None,
        };
        let before = stored.map(|version| version.entity.content());
        let before = before.filter(|entity| !entity.is_deleted());
        let gone = entity.is_deleted() || entity.get("_filtered") == Some(&Value::Bool(true));
        let after = (!gone).then(|| entity.content());
        let (kind, properties) = match (&before, &after) {
            (None, None) => (None, Vec::new()),
            (None, Some(_)) => (Some(ImpactKind::New), Vec::new()),
            (Some(_), None) => (Some(ImpactKind::Deleted), Vec::new()),
            (Some(before), Some(after)) if before.content_hash() == after.content_hash() => {
                (None, Vec::new())
            }
            (Some(before), Some(after)) => {
                (Some(ImpactKind::Changed), self.properties(before, after))
            }
        };
        let count = match kind {
            None => &mut self.impact.unchanged,
            Some(ImpactKind::Failed) => &mut self.impact.failed,
            Some(ImpactKind::New) => &mut self.impact.new,
            Some(ImpactKind::Changed) => &mut self.impact.changed,
            Some(ImpactKind::Deleted) => &mut self.impact.deleted,
        };
        *count += 1;
        if let Some(kind) = kind {
            if let Some(ahead) = &mut self.ahead {
                let gone = || Entity::new(entity.id().clone()).with("_deleted", true);
                ahead.push(after.clone().unwrap_or_else(gone));
            }
            let id = entity.id().clone();
            self.show(kind, Shown { id, before, after, properties, why: None });
        }
        Ok(())
    }

    /// Counts which properties differ, and gives their names.
    fn properties(&mut self, before: &Entity, after: &Entity) -> Vec<Text> {
        let mut differ = Vec::new();
        let new_ones = after.dict().keys().filter(|name| before.get(name).is_none());
        for name in before.dict().keys().chain(new_ones) {
            let (old, new) = (before.get(name), after.get(name));
            if old == new {
                continue;
            }
            differ.push(name.clone());
            let counts = self.properties.entry(name.clone()).or_default();
            *match (old, new) {
                (None, _) => &mut counts.added,
                (_, None) => &mut counts.removed,
                _ => &mut counts.changed,
            } += 1;
        }
        differ
    }

    fn show(&mut self, kind: ImpactKind, shown: Shown) {
        let all = self.shown.entry(kind).or_default();
        if all.len() < Impact::SHOWN {
            all.push(shown);
        }
    }

    fn ended(self) -> Result<(Impact, Option<Vec<Entity>>), Failed> {
        let ahead = self.ahead;
        let mut impact = self.impact;
        impact.properties = self
            .properties
            .into_iter()
            .map(|(name, counts)| PropertyImpact { name: name.to_string(), ..counts })
            .collect();
        let touched =
            |property: &PropertyImpact| property.added + property.changed + property.removed;
        impact.properties.sort_by_key(|property| std::cmp::Reverse(touched(property)));
        let json = |entity: Option<Entity>| entity.as_ref().map(wire::json).transpose();
        for (kind, all) in self.shown {
            for Shown { id, before, after, properties, why } in all {
                impact.entities.push(EntityImpact {
                    id: id.to_string(),
                    kind,
                    before: json(before)?,
                    after: json(after)?,
                    properties: properties.iter().map(ToString::to_string).collect(),
                    why,
                });
            }
        }
        Ok((impact, ahead))
    }
}
