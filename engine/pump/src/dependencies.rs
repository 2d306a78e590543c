//! Which source entities must run again because of what changed elsewhere
//! (`hub/features/dependency-tracking`).
//!
//! For every version that a looked-up dataset got since the pipe was last
//! there, and for the one that was current then, the joins are walked
//! backwards to source ids. All versions count, not just the first and the
//! last: an entity may have been transformed while one in between was current.

use pipewright_config::pipe::DependencyTracking;
use pipewright_entity::{Entity, Key, Text, Value, Version};
use pipewright_store::{Position, Reader, Select, StoreError};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::plan::{Plan, Tracking, TrackingStep};
use crate::report::Note;

/// What changes elsewhere mean for a run.
#[derive(Debug, PartialEq)]
pub(crate) enum Affected {
    /// These source entities are to run again; often none. With a note when it
    /// was a lot to find out.
    Ids(Vec<Text>, Option<Note>),
    /// The source is to run in full, because of this.
    Everything(Note),
}

/// The source entities that other entities concern.
pub(crate) enum Concerned {
    /// These; often none.
    Ids(Vec<Text>),
    /// It cannot be told which, because of this.
    All(String),
}

/// The source entities whose lookups would find one of these entities of a
/// dataset.
pub(crate) fn concerned(
    plan: &Plan,
    reader: &Reader,
    dataset: &str,
    entities: &[Entity],
) -> Result<Concerned, StoreError> {
    let mut ids: FxHashSet<Text> = FxHashSet::default();
    let mut held = Held::within(plan.limits);
    for tracking in plan.tracking.iter().filter(|it| it.dataset().as_str() == dataset) {
        let routes = match tracking {
            Tracking::Joins { routes, .. } => routes,
            Tracking::Untracked { why, .. } => return Ok(Concerned::All(why.clone())),
        };
        held.clear();
        for route in routes {
            if !walk(reader, route, entities, &mut held, &mut ids)? {
                return Ok(Concerned::All(held.too_many()));
            }
        }
    }
    let mut ids: Vec<Text> = ids.into_iter().collect();
    ids.sort_unstable();
    Ok(Concerned::Ids(ids))
}

/// Where a pipe is now in all datasets that it looks into.
pub(crate) fn positions(plan: &Plan, reader: &Reader) -> Result<Vec<Position>, StoreError> {
    let mut positions = Vec::new();
    for tracking in &plan.tracking {
        if let Some(dataset) = reader.dataset(tracking.dataset())? {
            positions.push(Position {
                dataset: dataset.id.clone(),
                generation: dataset.generation.clone(),
                since: dataset.last_offset(),
            });
        }
    }
    Ok(positions)
}

/// What changed since the positions of the last run.
pub(crate) fn affected(
    plan: &Plan,
    reader: &Reader,
    known: &[Position],
) -> Result<Affected, StoreError> {
    let mut ids: FxHashSet<Text> = FxHashSet::default();
    let mut held = Held::within(plan.limits);
    for tracking in &plan.tracking {
        let id = tracking.dataset();
        let known = known.iter().find(|position| position.dataset == *id);
        let dataset = reader.dataset(id)?;
        let (since, dataset) = match (known, dataset) {
            (None, None) => continue,
            (Some(_), None) => return Ok(everything("gone", id, "was removed")),
            (Some(position), Some(dataset)) if position.generation != dataset.generation => {
                return Ok(everything("replaced", id, "was removed and made again"));
            }
            (Some(position), Some(dataset)) => (position.since, dataset),
            (None, Some(dataset)) => (None, dataset),
        };
        if dataset.last_offset() <= since {
            continue;
        }
        let routes = match tracking {
            Tracking::Joins { routes, .. } => routes,
            Tracking::Untracked { why, .. } => {
                return Ok(everything("untracked", id, &format!("changed, and {why}")));
            }
        };
        held.clear();
        let versions = match versions_since(reader, id, since, &mut held)? {
            Since::Versions(versions) => versions,
            Since::Lost => {
                return Ok(everything(
                    "compacted",
                    id,
                    "lost versions that were not looked at yet",
                ));
            }
            Since::TooMany => return Ok(everything("too-many", id, &held.too_many())),
        };
        for route in routes {
            if !walk(reader, route, &versions, &mut held, &mut ids)? {
                return Ok(everything("too-many", id, &held.too_many()));
            }
        }
    }
    let mut ids: Vec<Text> = ids.into_iter().collect();
    ids.sort_unstable();
    Ok(Affected::Ids(ids, held.warning()))
}

/// How much tracking holds at a time, within what it may
/// (`dependency_tracking`).
struct Held {
    limits: DependencyTracking,
    entities: u64,
    bytes: u64,
    /// The most so far.
    most: (u64, u64),
}

impl Held {
    fn within(limits: DependencyTracking) -> Held {
        Held { limits, entities: 0, bytes: 0, most: (0, 0) }
    }

    fn at_most(entities: usize) -> Held {
        Held::within(DependencyTracking {
            warning_entities: u64::MAX,
            error_entities: u64::try_from(entities).unwrap_or(u64::MAX),
            warning_bytes: u64::MAX,
            error_bytes: u64::MAX,
            for_hops: false,
        })
    }

    fn clear(&mut self) {
        (self.entities, self.bytes) = (0, 0);
    }

    /// One more. Whether that is still not too much.
    fn add(&mut self, entity: &Entity) -> bool {
        self.entities += 1;
        self.bytes += entity.dict().iter().map(|(name, v)| weight(name, v)).sum::<u64>();
        self.most = (self.most.0.max(self.entities), self.most.1.max(self.bytes));
        self.entities <= self.limits.error_entities && self.bytes <= self.limits.error_bytes
    }

    fn too_many(&self) -> String {
        let DependencyTracking { error_entities, error_bytes, .. } = self.limits;
        match self.entities > error_entities {
            true => format!("changed in a way that concerns more than {error_entities} entities"),
            false => format!("changed in a way that takes more than {error_bytes} bytes to follow"),
        }
    }

    fn warning(&self) -> Option<Note> {
        let (entities, bytes) = self.most;
        let limits = &self.limits;
        (entities > limits.warning_entities || bytes > limits.warning_bytes).then(|| Note {
            code: "dependencies.many",
            message: format!(
                "Following the changes in other datasets took {entities} entities of about {bytes} \
                 bytes at a time (dependency_warning_threshold)."
            ),
        })
    }
}

/// About how many bytes a property takes.
fn weight(name: &str, value: &Value) -> u64 {
    const PLAIN: u64 = 16;
    let below = match value {
        Value::String(text) => text.len() as u64,
        Value::List(items) => items.iter().map(|item| weight("", item)).sum(),
        Value::Dict(members) => members.iter().map(|(name, v)| weight(name, v)).sum(),
        _ => 0,
    };
    PLAIN + name.len() as u64 + below
}

fn everything(code: &'static str, dataset: &str, what: &str) -> Affected {
    let code = match code {
        "untracked" => "dependencies.untracked",
        "gone" | "replaced" => "dependencies.replaced",
        "compacted" => "dependencies.compacted",
        _ => "dependencies.too-many",
    };
    let message = format!("The source runs in full: dataset \"{dataset}\" {what}.");
    Affected::Everything(Note { code, message })
}

/// What became of a dataset since a place in its log.
enum Since {
    /// The live versions of changed entities, those that were current then
    /// among them.
    Versions(Vec<Entity>),
    /// Some are no longer there.
    Lost,
    TooMany,
}

fn versions_since(
    reader: &Reader,
    dataset: &str,
    since: Option<u64>,
    held: &mut Held,
) -> Result<Since, StoreError> {
    let mut found = Vec::new();
    for current in reader.changes(dataset, since, None, Select::default())? {
        let mut version: Version = current?;
        loop {
            let is_old = since.is_some_and(|since| version.updated <= since);
            let previous = version.previous;
            if !version.entity.is_deleted() {
                if !held.add(&version.entity) {
                    return Ok(Since::TooMany);
                }
                found.push(version.entity);
            }
            let Some(previous) = previous.filter(|_| !is_old) else { break };
            match reader.version(dataset, previous)? {
                Some(older) => version = older,
                None => return Ok(Since::Lost),
            }
        }
    }
    Ok(Since::Versions(found))
}

/// The source entities that look up an entity, by these routes; `None` when
/// there are more than `limit`.
pub(crate) fn sources_of(
    reader: &Reader,
    routes: &[Vec<TrackingStep>],
    entity: &Entity,
    limit: usize,
) -> Result<Option<Vec<Text>>, StoreError> {
    let mut ids: FxHashSet<Text> = FxHashSet::default();
    let mut held = Held::at_most(limit);
    for route in routes {
        if !walk(reader, route, std::slice::from_ref(entity), &mut held, &mut ids)? {
            return Ok(None);
        }
    }
    let mut ids: Vec<Text> = ids.into_iter().collect();
    ids.sort_unstable();
    Ok(Some(ids))
}

/// Walks one route from changed entities to source ids. `false`: too many.
fn walk(
    reader: &Reader,
    route: &[TrackingStep],
    changed: &[Entity],
    held: &mut Held,
    to: &mut FxHashSet<Text>,
) -> Result<bool, StoreError> {
    let mut here: Vec<Entity> = changed.to_vec();
    for (place, step) in route.iter().enumerate() {
        held.clear();
        let mut keys: FxHashSet<Key> = FxHashSet::default();
        let mut some = Vec::new();
        for entity in &here {
            step.near.keys(entity, &mut some);
            keys.extend(some.drain(..));
        }
        if reader.dataset(&step.far.dataset)?.is_none() {
            return Ok(true);
        }
        let keys: Vec<Key> = keys.into_iter().collect();
        let mut next: FxHashMap<Text, Entity> = FxHashMap::default();
        for page in keys.chunks(1_000) {
            let found = reader.lookup_many(&step.far.dataset, &step.far.expression, page)?;
            for version in found.into_iter().flatten() {
                let id = version.entity.id();
                if !next.contains_key(id) && !held.add(&version.entity) {
                    return Ok(false);
                }
                next.insert(id.clone(), version.entity);
            }
        }
        if place + 1 == route.len() {
            to.extend(next.into_keys());
            return Ok(to.len() as u64 <= held.limits.error_entities);
        }
        here = next.into_values().collect();
    }
    Ok(true)
}
