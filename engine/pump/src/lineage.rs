//! Where an entity came from, and what was made of it.
//!
//! The log says from which place of its source each version came; what the
//! transforms looked up on the way is found by sending the source entity
//! through them again. What cannot be known any more is said, never guessed.

use std::collections::BTreeSet;

use pipewright_entity::{Entity, Text, Value, Version, format_text};
use pipewright_store::{Reader, StoreError};
use pipewright_sync::merge::Merge;

use crate::chain::{self, Incoming};
use crate::dependencies;
use crate::evaluate::EvaluateError;
use crate::feed::{self, Merged, SameIdFeed, StoreState};
use crate::plan::{Plan, SourcePlan, Tracking};
use crate::world::{Missing, World};
use crate::{Resources, RunError, explain};

/// How an entity took part in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// It was read and transformed.
    Read,
    /// It is one of those that were merged.
    Merged,
    /// The transforms looked it up.
    LookedUp,
}

/// An entity that another came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Its dataset.
    pub dataset: Text,
    /// Its `_id`.
    pub id: Text,
    /// The version that was read, where the log says so.
    pub offset: Option<u64>,
    /// How it took part.
    pub how: How,
}

/// Where an entity came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins {
    /// The entities, those that were read first.
    pub entities: Vec<Origin>,
    /// What cannot be known, and why.
    pub unknown: Vec<String>,
}

/// What one source entity is to a pipe.
struct Source {
    incoming: Incoming,
    parts: Vec<Origin>,
}

/// The entities that the version of an entity came from which a pipe wrote:
/// `offset` is what its log says of its source.
pub fn origins(
    plan: &Plan,
    resources: &Resources<'_>,
    id: &str,
    offset: Option<&Value>,
) -> Result<Origins, EvaluateError> {
    Ok(find_origins(plan, resources, id, offset)?)
}

fn find_origins(
    plan: &Plan,
    resources: &Resources<'_>,
    id: &str,
    offset: Option<&Value>,
) -> Result<Origins, RunError> {
    let reader = resources.store.reader()?;
    let mut origins = Origins::default();
    let sources = sources_of(plan, resources, &reader, id, offset, &mut origins.unknown)?;
    if sources.is_empty() {
        return Ok(origins);
    }
    if plan.calls_outside() {
        // There is no telling without calling what the pipe calls.
        origins.entities.extend(sources.into_iter().flat_map(|source| source.parts));
        origins.unknown.push(
            "The pipe calls a service in between, so what else it looked up is not known.".into(),
        );
        return Ok(origins);
    }
    let mut made = false;
    let several = sources.len() > 1;
    for source in sources {
        let through = through(plan, resources, &reader, source.incoming)?;
        let is_it = through.out.iter().any(|entity| entity.id() == id);
        made |= is_it;
        // Of several that may have been it, those that give it.
        if several && !is_it {
            continue;
        }
        origins.entities.extend(source.parts);
        for (dataset, id) in through.looked_up {
            let known = origins.entities.iter().any(|o| o.dataset == dataset && o.id == id);
            if !known {
                origins.entities.push(Origin { dataset, id, offset: None, how: How::LookedUp });
            }
        }
        if through.is_partial {
            origins.unknown.push(
                "A lookup has no index yet and looked through a part of its dataset only.".into(),
            );
        }
    }
    if !made {
        origins.unknown.push(
            "Sent through the pipe as it is now, the source gives no such entity: the config or \
             what it looks up has changed since."
                .into(),
        );
    }
    Ok(origins)
}

/// What the log says the entity was made of, as it stood in the source.
fn sources_of(
    plan: &Plan,
    resources: &Resources<'_>,
    reader: &Reader,
    id: &str,
    offset: Option<&Value>,
    unknown: &mut Vec<String>,
) -> Result<Vec<Source>, RunError> {
    let place = feed::place(offset);
    let not_said = || "The log does not say from which place of the source it came.".to_owned();
    let removed = |dataset: &str, place: u64| {
        format!("Compaction has removed version {place} of {dataset:?}, from which it came.")
    };
    let mut found = Vec::new();
    match &plan.source {
        SourcePlan::Dataset(source) => match place {
            None => unknown.push(not_said()),
            Some(place) => match version(reader, &source.dataset, place)? {
                Some(version) => found.push(Source {
                    parts: vec![part(&source.dataset, &version, How::Read)],
                    incoming: feed::dataset_incoming(source, version),
                }),
                None => unknown.push(removed(&source.dataset, place)),
            },
        },
        SourcePlan::Union(source) => match place {
            None => unknown.push(not_said()),
            Some(place) => {
                for dataset in &source.datasets {
                    let Some(version) = version(reader, dataset, place)? else { continue };
                    found.push(Source {
                        parts: vec![part(dataset, &version, How::Read)],
                        incoming: of_union(source.prefix_ids, dataset, &version),
                    });
                }
                if found.is_empty() {
                    let datasets = source.datasets.join("\" or \"");
                    unknown.push(removed(&datasets, place));
                }
            }
        },
        SourcePlan::SameId(source) => {
            let feed = SameIdFeed::new(source, None);
            let mut parts = Vec::new();
            for dataset in &source.datasets {
                if reader.dataset(dataset)?.is_some() {
                    let there = reader.get(dataset, id)?;
                    parts.extend(there.map(|version| part(dataset, &version, How::Read)));
                }
            }
            match feed.combined(reader, id)?.filter(|_| !parts.is_empty()) {
                Some(incoming) => found.push(Source { incoming, parts }),
                None => unknown.push(format!(
                    "No dataset of the source has an entity {id:?}: the transforms made the id."
                )),
            }
        }
        SourcePlan::Merge(source) => {
            let explained = explain::explain_cluster(plan, resources.store, id);
            let explained = explained.map_err(EvaluateError::into_inner)?;
            let state = StoreState { reader, pipe: plan.id() };
            let contents = Merged { reader, source };
            let golden = Merge::new(&source.spec, &state).golden(id, &contents)?;
            let (Some(explained), Some(golden)) = (explained, golden) else {
                unknown.push(format!(
                    "No cluster is called {id:?} now: it was merged into another one or taken \
                     apart since."
                ));
                return Ok(found);
            };
            let mut parts = Vec::new();
            for member in &explained.members {
                let Some(dataset) = source.spec.datasets.get(usize::from(member.dataset)) else {
                    continue;
                };
                let offset = reader.get(dataset, &member.id)?.map(|version| version.updated);
                let (dataset, id) = (dataset.clone(), member.id.clone());
                parts.push(Origin { dataset, id, offset, how: How::Merged });
            }
            found.push(Source { incoming: Incoming::entity(golden), parts });
        }
        SourcePlan::Embedded(_) => unknown.push("It stands in the config of the pipe.".into()),
        SourcePlan::Receiver => unknown.push("It was posted to the pipe.".into()),
        SourcePlan::Outside(part) => {
            let of = match &part.system {
                Some((system, _)) => format!("the system {system:?}"),
                None => "a system outside".to_owned(),
            };
            let at = offset.map(|offset| format!(", from {}", offset.to_transit()));
            unknown.push(format!("It was read from {of}{}.", at.unwrap_or_default()));
        }
        SourcePlan::Empty => {}
    }
    Ok(found)
}

fn version(reader: &Reader, dataset: &str, place: u64) -> Result<Option<Version>, StoreError> {
    match reader.dataset(dataset)? {
        Some(_) => reader.version(dataset, place),
        None => Ok(None),
    }
}

fn part(dataset: &Text, version: &Version, how: How) -> Origin {
    let (dataset, id) = (dataset.clone(), version.entity.id().clone());
    Origin { dataset, id, offset: Some(version.updated), how }
}

fn of_union(prefix_ids: bool, dataset: &str, version: &Version) -> Incoming {
    let entity = version.with_metadata();
    match prefix_ids {
        true => {
            let id = format_text!("{dataset}:{}", entity.id());
            Incoming::entity(entity.with_id(id))
        }
        false => Incoming::entity(entity),
    }
}

/// What one source entity became.
struct Through {
    out: Vec<Entity>,
    failed: Option<String>,
    looked_up: BTreeSet<(Text, Text)>,
    is_partial: bool,
}

fn through(
    plan: &Plan,
    resources: &Resources<'_>,
    reader: &Reader,
    incoming: Incoming,
) -> Result<Through, RunError> {
    let world = World::new(reader, resources, None, Missing::Scan);
    let passed = chain::pass(plan, &[incoming], &world, &resources.surroundings.cancel)?;
    Ok(Through {
        out: passed.out.into_iter().map(|out| out.entity).collect(),
        failed: passed.failed.into_iter().next().map(|(_, failure)| failure.message),
        looked_up: world.looked_up(),
        is_partial: world.is_partial(),
    })
}

/// What a pipe makes of an entity that it reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Made {
    /// The ids of what comes out; filtered entities are left out.
    pub ids: Vec<Text>,
    /// Whether it is merged with others on the way.
    pub merged: bool,
    /// Why it is not known, or nothing comes out.
    pub why: Option<String>,
}

/// What a pipe makes of the current version of an entity of one of its source
/// datasets. `None` when the pipe does not read the dataset as its source, or
/// leaves this entity out.
pub fn made_from(
    plan: &Plan,
    resources: &Resources<'_>,
    dataset: &str,
    version: &Version,
) -> Result<Option<Made>, EvaluateError> {
    Ok(find_made(plan, resources, dataset, version)?)
}

fn find_made(
    plan: &Plan,
    resources: &Resources<'_>,
    dataset: &str,
    version: &Version,
) -> Result<Option<Made>, RunError> {
    if !plan.source_datasets().iter().any(|source| source == dataset) {
        return Ok(None);
    }
    let reader = resources.store.reader()?;
    let id = version.entity.id();
    let mut made = Made::default();
    let incoming = match &plan.source {
        SourcePlan::Dataset(source) => {
            if let Some((index, key)) = &source.subset {
                let mut keys = Vec::new();
                index.keys(&version.entity, &mut keys);
                if !keys.contains(key) {
                    return Ok(None);
                }
            }
            feed::dataset_incoming(source, version.clone())
        }
        SourcePlan::Union(source) => of_union(source.prefix_ids, dataset, version),
        SourcePlan::SameId(source) => match SameIdFeed::new(source, None).combined(&reader, id)? {
            Some(incoming) => incoming,
            None => return Ok(None),
        },
        SourcePlan::Merge(source) => {
            made.merged = true;
            let cluster = explain::merged_into(plan, &reader, dataset, id);
            let cluster = cluster.map_err(EvaluateError::into_inner)?;
            let state = StoreState { reader: &reader, pipe: plan.id() };
            let contents = Merged { reader: &reader, source };
            let golden = match &cluster {
                Some(cluster) => Merge::new(&source.spec, &state).golden(cluster, &contents)?,
                None => None,
            };
            match golden {
                Some(golden) => Incoming::entity(golden),
                None => {
                    made.why = Some("It is in no cluster yet.".into());
                    return Ok(Some(made));
                }
            }
        }
        _ => return Ok(None),
    };
    if plan.calls_outside() {
        made.why =
            Some("The pipe calls a service in between, so what it made is not known.".into());
        return Ok(Some(made));
    }
    let through = through(plan, resources, &reader, incoming)?;
    made.why = through.failed;
    let is_kept = |entity: &&Entity| entity.get("_filtered") != Some(&Value::Bool(true));
    made.ids = through.out.iter().filter(is_kept).map(|entity| entity.id().clone()).collect();
    Ok(Some(made))
}

/// The source entities of a pipe that look up this version of an entity, at
/// most `limit` of them: as dataset and ids. `None` when its transforms look
/// nothing up in the dataset; an error text where it cannot be known.
#[expect(clippy::type_complexity, reason = "three ways to end, each a plain type")]
pub fn looked_up_by(
    plan: &Plan,
    reader: &Reader,
    dataset: &str,
    version: &Version,
    limit: usize,
) -> Result<Option<Result<(Text, Vec<Text>), String>>, StoreError> {
    let Some(tracking) = plan.tracking.iter().find(|tracking| tracking.dataset() == dataset) else {
        return Ok(None);
    };
    let routes = match tracking {
        Tracking::Untracked { why, .. } => return Ok(Some(Err(why.clone()))),
        Tracking::Joins { routes, .. } => routes,
    };
    let SourcePlan::Dataset(source) = &plan.source else {
        return Ok(Some(Err("its source is not one dataset".into())));
    };
    if version.entity.is_deleted() {
        return Ok(Some(Ok((source.dataset.clone(), Vec::new()))));
    }
    match dependencies::sources_of(reader, routes, &version.entity, limit) {
        Ok(Some(ids)) => Ok(Some(Ok((source.dataset.clone(), ids)))),
        Ok(None) => Ok(Some(Err(format!("more than {limit} entities look it up")))),
        Err(StoreError::NoIndex { .. } | StoreError::IndexBehind { .. }) => {
            Ok(Some(Err("the pipe has not run yet, so an index is missing".into())))
        }
        Err(other) => Err(other),
    }
}
