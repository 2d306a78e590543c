//! Which source entities must run again because of what changed elsewhere
//! (`hub/features/dependency-tracking`).
//!
//! For every version that a looked-up dataset got since the pipe was last
//! there, and for the one that was current then, the joins are walked
//! backwards to source ids. All versions count, not just the first and the
//! last: an entity may have been transformed while one in between was current.

use pipewright_entity::{Entity, Key, Text, Version};
use pipewright_store::{Position, Reader, Select, StoreError};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::plan::{Plan, Tracking, TrackingStep};
use crate::report::Note;

/// What changes elsewhere mean for a run.
#[derive(Debug, PartialEq)]
pub(crate) enum Affected {
    /// These source entities are to run again; often none.
    Ids(Vec<Text>),
    /// The source is to run in full, because of this.
    Everything(Note),
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
        let Some(versions) = versions_since(reader, id, since)? else {
            return Ok(everything("compacted", id, "lost versions that were not looked at yet"));
        };
        for route in routes {
            let limit = plan.tracking_limit;
            if !walk(reader, route, &versions, limit, &mut ids)? {
                let what = format!("changed in a way that concerns more than {limit} entities");
                return Ok(everything("too-many", id, &what));
            }
        }
    }
    let mut ids: Vec<Text> = ids.into_iter().collect();
    ids.sort_unstable();
    Ok(Affected::Ids(ids))
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

/// The live versions of changed entities, those that were current at `since`
/// among them; `None` when some are no longer there.
fn versions_since(
    reader: &Reader,
    dataset: &str,
    since: Option<u64>,
) -> Result<Option<Vec<Entity>>, StoreError> {
    let mut found = Vec::new();
    for current in reader.changes(dataset, since, None, Select::default())? {
        let mut version: Version = current?;
        loop {
            let is_old = since.is_some_and(|since| version.updated <= since);
            let previous = version.previous;
            if !version.entity.is_deleted() {
                found.push(version.entity);
            }
            let Some(previous) = previous.filter(|_| !is_old) else { break };
            match reader.version(dataset, previous)? {
                Some(older) => version = older,
                None => return Ok(None),
            }
        }
    }
    Ok(Some(found))
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
    for route in routes {
        if !walk(reader, route, std::slice::from_ref(entity), limit, &mut ids)? {
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
    limit: usize,
    to: &mut FxHashSet<Text>,
) -> Result<bool, StoreError> {
    let mut here: Vec<Entity> = changed.to_vec();
    for (place, step) in route.iter().enumerate() {
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
                next.insert(version.entity.id().clone(), version.entity);
            }
            if next.len() > limit {
                return Ok(false);
            }
        }
        if place + 1 == route.len() {
            to.extend(next.into_keys());
            return Ok(to.len() <= limit);
        }
        here = next.into_values().collect();
    }
    Ok(true)
}
