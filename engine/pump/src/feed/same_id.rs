//! Reading entities that have the same id in several datasets as one
//! (`configuration-sources-merge-datasets`).

use pipewright_config::pipe::Differences;
use pipewright_entity::{Dict, Entity, Text, Value, Version};
use pipewright_store::{Reader, Select};
use rustc_hash::FxHashSet;

use super::{Places, Portion};
use crate::RunError;
use crate::chain::Incoming;
use crate::plan::SameIdSource;

pub(crate) struct SameIdFeed<'p> {
    source: &'p SameIdSource,
    places: Places,
}

impl<'p> SameIdFeed<'p> {
    pub(crate) fn new(source: &'p SameIdSource, since: Option<&Value>) -> SameIdFeed<'p> {
        SameIdFeed { source, places: Places::new(&source.datasets, since) }
    }

    pub(super) fn next(
        &mut self,
        reader: &Reader,
        size: usize,
    ) -> Result<Option<Portion>, RunError> {
        for (place, id) in self.source.datasets.iter().enumerate() {
            let Some(end) = reader.dataset(id)?.and_then(|dataset| dataset.last_offset()) else {
                continue;
            };
            let since = self.places.get(place);
            if since.is_some_and(|since| since >= end) {
                continue;
            }
            let limit = u64::try_from(size).unwrap_or(u64::MAX);
            let mut seen: FxHashSet<Text> = FxHashSet::default();
            let mut reached = end;
            let mut count = 0;
            for version in reader.changes(id, since, Some(limit), Select::default())? {
                let version = version?;
                reached = version.updated;
                count += 1;
                seen.insert(version.entity.id().clone());
            }
            let mut entities = Vec::with_capacity(seen.len());
            for id in seen {
                entities.extend(self.combined(reader, &id)?);
            }
            self.places.set(place, if count < size { end } else { reached });
            let offset = Some(self.places.offset());
            return Ok(Some(Portion { entities, offset, state: Vec::new() }));
        }
        Ok(None)
    }

    /// What the datasets have under an id, as one entity.
    pub(crate) fn combined(&self, reader: &Reader, id: &str) -> Result<Option<Incoming>, RunError> {
        let mut versions: Vec<(&Text, Version)> = Vec::new();
        for dataset in &self.source.datasets {
            if reader.dataset(dataset)?.is_some() {
                versions.extend(reader.get(dataset, id)?.map(|version| (dataset, version)));
            }
        }
        if !self.source.keeps_all {
            // Of equally old ones the later dataset counts.
            let newest = versions.into_iter().max_by_key(|(_, version)| version.ts);
            return Ok(newest.map(|(_, version)| Incoming::entity(version.with_metadata())));
        }
        let diff = self
            .source
            .differences
            .as_ref()
            .map(|rules| diff(rules, self.source.datasets.len(), &versions));
        let live: Vec<_> =
            versions.into_iter().filter(|(_, version)| !version.entity.is_deleted()).collect();
        if live.is_empty() && diff.is_none() {
            return Ok(Some(Incoming::entity(Entity::new(id).with("_deleted", true))));
        }
        let all = live.into_iter().fold(Entity::new(id), |entity, (dataset, version)| {
            entity.with(dataset.clone(), version.entity.into_value())
        });
        Ok(Some(match diff {
            None => Incoming::entity(all),
            // What is the same everywhere leaves the sink.
            Some(diff) if diff.is_empty() => {
                Incoming { filtered: true, ..Incoming::entity(Entity::new(id)) }
            }
            Some(diff) => Incoming::entity(all.with("$diff", Value::dict(diff))),
        }))
    }
}

/// The properties that are not the same in all of `count` datasets: for each,
/// what the datasets have that have it.
fn diff(rules: &Differences, count: usize, versions: &[(&Text, Version)]) -> Dict {
    const DELETED: &str = "_deleted";
    let compared: Vec<(&Text, &Entity)> = versions
        .iter()
        .map(|(dataset, version)| (*dataset, &version.entity))
        .filter(|(_, entity)| !(rules.ignore_deletes && entity.is_deleted()))
        .collect();
    let counts = |name: &str| {
        let is_own = !name.starts_with('_');
        let is_chosen = rules.only.as_ref().is_none_or(|only| only.iter().any(|one| one == name))
            && !rules.except.iter().any(|one| one == name);
        is_own && is_chosen || name == DELETED && !rules.ignore_deletes
    };
    let value = |entity: &Entity, name: &str| match name {
        // Not deleted is the same whether it is said or not.
        DELETED => entity.is_deleted().then_some(Value::Bool(true)),
        name => entity.get(name).cloned(),
    };
    let normal = |value: &Value| if rules.lists_as_sets { as_sets(value) } else { value.clone() };
    let mut found = Dict::default();
    let names = compared.iter().flat_map(|(_, entity)| entity.dict().keys());
    for name in names.filter(|name| counts(name)) {
        if found.contains_key(name) {
            continue;
        }
        let values: Vec<(&Text, Value)> = compared
            .iter()
            .filter_map(|(dataset, entity)| Some((*dataset, value(entity, name)?)))
            .collect();
        let Some((_, first)) = values.first() else { continue };
        let first = normal(first);
        let is_everywhere = values.len() == count;
        if !is_everywhere || !values.iter().all(|(_, value)| normal(value).same(&first)) {
            let by_dataset = values.into_iter().map(|(dataset, value)| (dataset.clone(), value));
            found.insert(name.clone(), Value::dict(by_dataset.collect()));
        }
    }
    found
}

/// A value without the order of lists and what is in them twice.
fn as_sets(value: &Value) -> Value {
    match value {
        Value::List(items) => {
            let mut items: Vec<Value> = items.iter().map(as_sets).collect();
            items.sort_by_cached_key(Value::key);
            items.dedup_by(|a, b| a.same(b));
            Value::list(items)
        }
        Value::Dict(dict) => {
            Value::dict(dict.iter().map(|(name, value)| (name.clone(), as_sets(value))).collect())
        }
        other => other.clone(),
    }
}
