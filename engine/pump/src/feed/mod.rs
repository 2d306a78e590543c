//! The sources that live inside the node.
//!
//! A feed hands out one portion at a time, each from a reader of its own, so
//! that no snapshot is kept for as long as a run takes. Where it stands is in
//! the feed; the offset of a portion is committed with what became of it.

mod dataset;
mod merge;
mod same_id;
mod union;

use std::sync::Arc;

use pipewright_entity::{DateTime, Dict, Text, Value};
use pipewright_store::Reader;
use pipewright_sync::Write;

use crate::RunError;
use crate::chain::Incoming;
use crate::plan::{Plan, SourcePlan};
pub(crate) use dataset::{DatasetFeed, incoming as dataset_incoming};
pub(crate) use merge::{MergeFeed, Merged, SPACE as MERGE_SPACE, StoreState};
use same_id::SameIdFeed;
use union::UnionFeed;

/// What one step of a feed gives.
#[derive(Debug, Default)]
pub(crate) struct Portion {
    pub(crate) entities: Vec<Incoming>,
    /// Where to go on after this portion; `None`: as before.
    pub(crate) offset: Option<Value>,
    /// What the merge source must not forget.
    pub(crate) state: Vec<Write>,
}

/// A source inside the node.
pub(crate) enum Feed<'p> {
    /// What is in the config.
    Fixed {
        entities: &'p [Arc<Dict>],
        next: usize,
    },
    Dataset(DatasetFeed<'p>),
    Union(UnionFeed<'p>),
    SameId(SameIdFeed<'p>),
    Merge(Box<MergeFeed<'p>>),
}

impl<'p> Feed<'p> {
    /// The feed of a plan from an offset on, without what is newer than
    /// `until`; `None` for sources that are not inside the node.
    pub(crate) fn open(
        plan: &'p Plan,
        since: Option<&Value>,
        until: Option<i64>,
    ) -> Option<Feed<'p>> {
        Some(match &plan.source {
            SourcePlan::Empty | SourcePlan::Receiver { .. } => {
                Feed::Fixed { entities: &[], next: 0 }
            }
            SourcePlan::Embedded(entities) => Feed::Fixed { entities, next: 0 },
            SourcePlan::Dataset(source) => Feed::Dataset(DatasetFeed::new(source, since, until)),
            SourcePlan::Union(source) => Feed::Union(UnionFeed::new(source, since)),
            SourcePlan::SameId(source) => Feed::SameId(SameIdFeed::new(source, since)),
            SourcePlan::Merge(source) => {
                Feed::Merge(Box::new(MergeFeed::new(plan.id(), source, since)))
            }
            SourcePlan::Outside(_) => return None,
        })
    }

    /// The feed of a plan from an offset on that leaves no trace: clusters are
    /// computed in memory, from the beginning. All steps must be given the
    /// same reader.
    pub(crate) fn open_aside(
        plan: &'p Plan,
        since: Option<&Value>,
        until: Option<i64>,
    ) -> Option<Feed<'p>> {
        match &plan.source {
            SourcePlan::Merge(source) => {
                Some(Feed::Merge(Box::new(MergeFeed::in_memory(plan.id(), source))))
            }
            _ => Feed::open(plan, since, until),
        }
    }

    /// The next portion, with about `size` entities; `None` at the end.
    pub(crate) fn next(
        &mut self,
        reader: &Reader,
        size: usize,
    ) -> Result<Option<Portion>, RunError> {
        match self {
            Feed::Fixed { entities, next } => {
                let rest = entities.get(*next..).unwrap_or_default();
                let page = &rest[..rest.len().min(size)];
                *next += page.len();
                let entities = page.iter().cloned().map(Incoming::dict).collect::<Vec<_>>();
                Ok((!entities.is_empty()).then_some(Portion { entities, ..Portion::default() }))
            }
            Feed::Dataset(feed) => feed.next(reader, size),
            Feed::Union(feed) => feed.next(reader, size),
            Feed::SameId(feed) => feed.next(reader, size),
            Feed::Merge(feed) => feed.next(reader, size),
        }
    }
}

/// The place in a log that an offset names.
pub(crate) fn place(offset: Option<&Value>) -> Option<u64> {
    match offset {
        Some(Value::Int(place)) => u64::try_from(*place).ok(),
        Some(Value::String(text)) => text.parse().ok(),
        _ => None,
    }
}

/// A place in a log as an offset.
pub(crate) fn offset(place: u64) -> Value {
    Value::Int(i64::try_from(place).unwrap_or(i64::MAX))
}

/// An offset some way further back (`partial_rescan_delta`): numbers by so
/// many, times by so many seconds. `None`: from the beginning.
pub(crate) fn before(offset: &Value, delta: u64) -> Option<Value> {
    let nanoseconds = i128::from(delta) * 1_000_000_000;
    let earlier = |time: &DateTime| DateTime::from_nanosecond(time.as_nanosecond() - nanoseconds);
    let count = i64::try_from(delta).unwrap_or(i64::MAX);
    match offset {
        Value::Int(place) => place.checked_sub(count).filter(|place| *place >= 0).map(Value::Int),
        Value::DateTime(time) => earlier(time).map(Value::DateTime),
        Value::Dict(places) => {
            let places = places
                .iter()
                .map(|(id, place)| (id.clone(), before(place, delta).unwrap_or(Value::Null)));
            Some(Value::dict(places.collect()))
        }
        Value::String(text) => {
            if let Ok(number) = text.parse::<i64>() {
                return Some(Value::string((number.checked_sub(count)?).to_string()));
            }
            let plain = text.strip_prefix("~t").unwrap_or(text);
            match plain.parse::<jiff::Timestamp>() {
                Ok(time) => {
                    let time = earlier(&DateTime::new(time))?.to_string();
                    let prefix = if plain.len() < text.len() { "~t" } else { "" };
                    Some(Value::string(format!("{prefix}{time}")))
                }
                // Where it is further back is not known: nothing is left out.
                Err(_) => None,
            }
        }
        _ => None,
    }
}

/// Places in several logs, by dataset.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Places(Vec<(Text, Option<u64>)>);

impl Places {
    pub(crate) fn new(datasets: &[Text], since: Option<&Value>) -> Places {
        let known = since.and_then(Value::as_dict);
        let places = datasets.iter().map(|dataset| {
            let since = known.and_then(|known| known.get(dataset));
            (dataset.clone(), place(since))
        });
        Places(places.collect())
    }

    /// The same place in each.
    pub(crate) fn one(datasets: &[Text], place: Option<u64>) -> Places {
        Places(datasets.iter().map(|dataset| (dataset.clone(), place)).collect())
    }

    pub(crate) fn get(&self, dataset: usize) -> Option<u64> {
        self.0.get(dataset).and_then(|(_, place)| *place)
    }

    pub(crate) fn set(&mut self, dataset: usize, place: u64) {
        if let Some((_, there)) = self.0.get_mut(dataset) {
            *there = Some(place);
        }
    }

    pub(crate) fn offset(&self) -> Value {
        let places =
            self.0.iter().map(|(id, place)| (id.clone(), place.map_or(Value::Null, offset)));
        Value::dict(places.collect())
    }
}
