//! One entity among all datasets: where it came from, what was made of it, what
//! it refers to, and where it waits.

use std::collections::BTreeSet;
use std::sync::Arc;

use pipewright_component::Permission;
use pipewright_entity::{Entity, Text, Value, Version};
use pipewright_protocol::studio::{
    Lineage, Reference, Relative, RelativeHow, RelativeState, Target, VersionOrigin, Wait, WaitKind,
};
use pipewright_pump::{How, Plan};
use pipewright_store::{Reader, StoreError, names};

use crate::api::Failed;
use crate::loaded::Loaded;
use crate::permissions::{self, Act, Resource};
use crate::{Claims, Node, status, wire};

/// How many entities that look one up are told, and how many references.
const MOST: usize = 100;
/// How far back an execution log is searched for the begin of a run.
const RUNS: usize = 2_000;

struct Around<'n> {
    node: &'n Node,
    loaded: Arc<Loaded>,
    reader: Reader,
    claims: &'n Claims,
    lineage: Lineage,
}

/// Everything around the current version of an entity, or around the one at an
/// offset; of other datasets only what the caller may read.
pub(crate) fn of(
    node: &Node,
    claims: &Claims,
    dataset: &str,
    id: &str,
    offset: Option<u64>,
) -> Result<Lineage, Failed> {
    let reader = node.store().reader()?;
    let missing = || Failed::not_found(format!("the dataset {dataset:?} has no entity {id:?}"));
    if reader.dataset(dataset)?.is_none() {
        return Err(Failed::not_found(format!("there is no dataset {dataset:?}")));
    }
    let current = reader.get(dataset, id)?.ok_or_else(missing)?;
    let version = match offset {
        None => current.clone(),
        Some(offset) => {
            let there = reader.version(dataset, offset)?;
            there.filter(|version| version.entity.id() == id).ok_or_else(|| {
                let why = format!("version {offset} of {id:?} in {dataset:?} is not kept");
                Failed::not_found(why)
            })?
        }
    };
    let lineage = Lineage {
        version: VersionOrigin::default(),
        sources: Vec::new(),
        made: Vec::new(),
        references: Vec::new(),
        waits: Vec::new(),
        unknown: Vec::new(),
    };
    let mut around = Around { node, loaded: node.loaded(), reader, claims, lineage };
    around.upstream(dataset, &version)?;
    around.downstream(dataset, &current)?;
    around.refer(&version.entity)?;
    Ok(around.lineage)
}

impl Around<'_> {
    fn may_read(&self, dataset: &str) -> bool {
        permissions::may(&self.loaded, self.claims, Resource::Dataset(dataset), Act::ReadData)
    }

    /// With what pipes run, but for anything outside.
    fn resources<T>(&self, work: impl FnOnce(&pipewright_pump::Resources<'_>) -> T) -> T {
        let mut surroundings = self.node.surroundings_of_look(&self.loaded);
        surroundings.access.read_outside = Permission::Held;
        self.node.with_resources(&self.loaded, &surroundings, work)
    }

    /// The pipe that wrote a version: one of those that write the dataset, and
    /// the one whose log has the run where there are several.
    fn writer(&self, dataset: &str, run: Option<&str>, ts: i64) -> Result<Writer, StoreError> {
        let writers = self.loaded.flow.writers_of(dataset);
        let mut only = match writers {
            [only] => Some(only.to_string()),
            _ => None,
        };
        let mut started = None;
        if let Some(run) = run {
            for pipe in writers {
                if let Some(begun) = begun(&self.reader, pipe, run, ts)? {
                    (only, started) = (Some(pipe.to_string()), Some(begun));
                    break;
                }
            }
        }
        Ok(Writer { pipe: only, started })
    }

    fn upstream(&mut self, dataset: &str, version: &Version) -> Result<(), Failed> {
        let from = self.reader.provenance(dataset, version.updated)?.unwrap_or_default();
        let written = from.run.as_deref();
        // Who wrote past the pipes says so.
        let by_hand = written.is_some_and(|run| run.starts_with("written by "));
        let writer = match by_hand {
            true => Writer { pipe: None, started: None },
            false => self.writer(dataset, written, version.ts)?,
        };
        let oldest = self.reader.history(dataset, version.entity.id(), RUNS)?;
        let compacted =
            oldest.len() < RUNS && oldest.last().is_some_and(|oldest| oldest.previous.is_some());
        self.lineage.version = VersionOrigin {
            offset: version.updated,
            ts: version.ts,
            deleted: version.entity.is_deleted(),
            pipe: writer.pipe.clone(),
            run: from.run.as_ref().map(ToString::to_string),
            started: writer.started,
            source_offset: from.source_offset.as_ref().map(wire::value).transpose()?,
            compacted,
        };
        if by_hand {
            self.say(format!("It was {} past the pipes.", written.unwrap_or_default()));
            return Ok(());
        }
        let Some(pipe) = writer.pipe else {
            self.say(match self.loaded.flow.writers_of(dataset) {
                [] => "No pipe of the project writes this dataset now.".to_owned(),
                _ => "Several pipes write this dataset, and no execution log has the run.".into(),
            });
            return Ok(());
        };
        let plan = match self.loaded.plan(&pipe) {
            Ok(plan) => plan,
            Err(why) => {
                self.say(format!("The pipe {pipe:?} cannot be followed back: {why}"));
                return Ok(());
            }
        };
        if version.entity.is_deleted() && from.source_offset.is_none() {
            self.say("It was deleted because a full run did not find it in the source any more.");
            return Ok(());
        }
        let id = version.entity.id();
        let origins = self.resources(|resources| {
            pipewright_pump::origins(&plan, resources, id, from.source_offset.as_ref())
        });
        let origins = origins.map_err(|error| Failed::internal(error.to_string()))?;
        self.lineage.unknown.extend(origins.unknown);
        for origin in origins.entities {
            let how = match origin.how {
                How::Read => RelativeHow::Read,
                How::Merged => RelativeHow::Merged,
                How::LookedUp => RelativeHow::Lookup,
            };
            if let Some(relative) =
                self.relative(&pipe, &origin.dataset, &origin.id, origin.offset, how)?
            {
                self.lineage.sources.push(relative);
            }
        }
        Ok(())
    }

    fn say(&mut self, what: impl Into<String>) {
        let what = what.into();
        if !self.lineage.unknown.contains(&what) {
            self.lineage.unknown.push(what);
        }
    }

    /// An entity as the caller sees it; `None` when they may not read it.
    fn relative(
        &mut self,
        pipe: &str,
        dataset: &str,
        id: &str,
        offset: Option<u64>,
        how: RelativeHow,
    ) -> Result<Option<Relative>, Failed> {
        if !self.may_read(dataset) {
            self.say(format!(
                "Something of it is in the dataset {dataset:?}, which is not yours to read."
            ));
            return Ok(None);
        }
        let current = match self.reader.dataset(dataset)? {
            Some(_) => self.reader.get(dataset, id)?,
            None => None,
        };
        let state = match current {
            None => RelativeState::Missing,
            Some(current) if current.entity.is_deleted() => RelativeState::Deleted,
            Some(current) if offset.is_some_and(|offset| offset != current.updated) => {
                RelativeState::Newer
            }
            Some(_) => RelativeState::Live,
        };
        let (pipe, dataset, id) = (pipe.to_owned(), dataset.to_owned(), id.to_owned());
        Ok(Some(Relative { pipe, dataset, id, offset, how, state }))
    }

    /// What pipes made of an entity, and in which it waits.
    fn downstream(&mut self, dataset: &str, version: &Version) -> Result<(), Failed> {
        let loaded = self.loaded.clone();
        for (pipe, plan) in &loaded.plans {
            let Ok(plan) = plan else { continue };
            let reads = plan.source_datasets().iter().any(|source| source == dataset);
            let looks = plan.dependencies().any(|(other, _)| other == dataset);
            let seen = permissions::may(&loaded, self.claims, Resource::Pipe(pipe), Act::ReadData);
            if !(reads || looks) || !seen {
                continue;
            }
            if reads {
                self.made(plan, dataset, version, RelativeHow::Read)?;
                self.waits(plan, dataset, version)?;
            }
            if looks {
                self.looked_up(plan, dataset, version)?;
            }
        }
        Ok(())
    }

    fn made(
        &mut self,
        plan: &Plan,
        dataset: &str,
        version: &Version,
        how: RelativeHow,
    ) -> Result<(), Failed> {
        let made = self
            .resources(|resources| pipewright_pump::made_from(plan, resources, dataset, version));
        let made = made.map_err(|error| Failed::internal(error.to_string()))?;
        let Some(made) = made else { return Ok(()) };
        if let Some(why) = made.why {
            self.say(format!("{}: {why}", plan.id()));
        }
        let how = if made.merged && how == RelativeHow::Read { RelativeHow::Merged } else { how };
        let Some(sink) = plan.sink_dataset().cloned() else {
            if !made.ids.is_empty() {
                self.say(format!(
                    "The pipe {:?} hands it on, out of the node.",
                    plan.id().as_str()
                ));
            }
            return Ok(());
        };
        for id in made.ids.iter().take(MOST) {
            let known = |other: &Relative| {
                other.pipe == plan.id().as_str() && other.dataset == sink && other.id == id.as_str()
            };
            if self.lineage.made.iter().any(known) {
                continue;
            }
            if let Some(relative) = self.relative(plan.id(), &sink, id, None, how)? {
                self.lineage.made.push(relative);
            }
        }
        Ok(())
    }

    /// What came of those that look it up.
    fn looked_up(&mut self, plan: &Plan, dataset: &str, version: &Version) -> Result<(), Failed> {
        let by = pipewright_pump::looked_up_by(plan, &self.reader, dataset, version, MOST)?;
        match by {
            None => {}
            Some(Err(why)) => self.say(format!(
                "The pipe {:?} looks it up; for which of its entities is not known: {why}.",
                plan.id().as_str()
            )),
            Some(Ok((source, ids))) => {
                for id in ids {
                    if let Some(reader) = self.reader.get(&source, &id)? {
                        self.made(plan, &source, &reader, RelativeHow::Lookup)?;
                    }
                }
                let positions = self.reader.positions(plan.id())?;
                let at = positions.iter().find(|position| position.dataset == dataset);
                if at.is_none_or(|at| at.since < Some(version.updated)) {
                    self.wait(plan.id(), WaitKind::Lookup, None, None);
                }
            }
        }
        Ok(())
    }

    fn wait(&mut self, pipe: &str, kind: WaitKind, reason: Option<String>, due: Option<i64>) {
        self.lineage.waits.push(Wait { pipe: pipe.to_owned(), kind, reason, due });
    }

    fn waits(&mut self, plan: &Plan, dataset: &str, version: &Version) -> Result<(), Failed> {
        if let Some(retry) = self.reader.retry(plan.id(), version.entity.id())? {
            let kind = if retry.dead { WaitKind::Dead } else { WaitKind::Retry };
            let due = (!retry.dead).then_some(retry.due);
            self.wait(plan.id(), kind, Some(retry.reason), due);
        }
        if !plan.is_published() {
            let since = status::Reached::of(&self.reader, plan)?.in_dataset(dataset);
            if since < Some(version.updated) {
                self.wait(plan.id(), WaitKind::Unread, None, None);
            }
        }
        Ok(())
    }

    /// The entities that values name.
    fn refer(&mut self, entity: &Entity) -> Result<(), Failed> {
        let mut found: BTreeSet<(Text, Text)> = BTreeSet::new();
        for (name, value) in entity.dict().iter().filter(|(name, _)| *name != "rdf:type") {
            identifiers(value, &mut |identifier| {
                if found.len() < MOST {
                    found.insert((name.clone(), identifier.clone()));
                }
            });
        }
        if found.is_empty() {
            return Ok(());
        }
        let datasets = self.reader.datasets()?;
        let datasets: Vec<Text> = datasets
            .into_iter()
            .filter(|dataset| !dataset.is_internal() && self.may_read(&dataset.id))
            .map(|dataset| dataset.id)
            .collect();
        for (property, identifier) in found {
            let mut targets = Vec::new();
            let local = identifier.split_once(':');
            for dataset in &datasets {
                // Without namespaces in ids the namespace is the dataset.
                let short = local.filter(|(space, _)| *space == dataset.as_str()).map(|(_, id)| id);
                for id in [Some(identifier.as_str()), short].into_iter().flatten() {
                    let there = self.reader.get(dataset, id)?;
                    if there.is_some_and(|version| !version.entity.is_deleted()) {
                        targets.push(Target { dataset: dataset.to_string(), id: id.to_owned() });
                    }
                }
            }
            self.lineage.references.push(Reference {
                property: property.to_string(),
                value: identifier.to_string(),
                targets,
            });
        }
        Ok(())
    }
}

struct Writer {
    pipe: Option<String>,
    started: Option<i64>,
}

/// When a run of a pipe began that was under way at a time.
fn begun(reader: &Reader, pipe: &str, run: &str, ts: i64) -> Result<Option<i64>, StoreError> {
    let log = names::execution_log(pipe);
    if reader.dataset(&log)?.is_none() {
        return Ok(None);
    }
    for line in reader.history(&log, "pump-started", RUNS)? {
        // A short run writes that it began together with how it ended.
        let Some(began) = status::run_of(&line.entity).started.filter(|began| *began <= ts) else {
            continue;
        };
        let from = reader.provenance(&log, line.updated)?.unwrap_or_default();
        // Runs of a pipe come one after the other.
        return Ok((from.run.as_deref() == Some(run)).then_some(began));
    }
    Ok(None)
}

fn identifiers(value: &Value, each: &mut impl FnMut(&Text)) {
    match value {
        Value::Ni(identifier) => each(identifier),
        Value::List(items) => items.iter().for_each(|item| identifiers(item, each)),
        Value::Dict(members) => members.iter().for_each(|(_, value)| identifiers(value, each)),
        _ => {}
    }
}
