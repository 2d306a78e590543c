//! Reading entities that have the same id in several datasets as one
//! (`configuration-sources-merge-datasets`).

use pipewright_entity::{Entity, Text, Value, Version};
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
    pub(super) fn new(source: &'p SameIdSource, since: Option<&Value>) -> SameIdFeed<'p> {
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
                entities.extend(self.combined(reader, &id)?.map(Incoming::entity));
            }
            self.places.set(place, if count < size { end } else { reached });
            let offset = Some(self.places.offset());
            return Ok(Some(Portion { entities, offset, state: Vec::new() }));
        }
        Ok(None)
    }

    /// What the datasets have under an id, as one entity.
    fn combined(&self, reader: &Reader, id: &str) -> Result<Option<Entity>, RunError> {
        let mut versions: Vec<(&Text, Version)> = Vec::new();
        for dataset in &self.source.datasets {
            if reader.dataset(dataset)?.is_some() {
                versions.extend(reader.get(dataset, id)?.map(|version| (dataset, version)));
            }
        }
        if !self.source.keeps_all {
            // Of equally old ones the later dataset counts.
            let newest = versions.into_iter().max_by_key(|(_, version)| version.ts);
            return Ok(newest.map(|(_, version)| version.with_metadata()));
        }
        let live: Vec<_> =
            versions.into_iter().filter(|(_, version)| !version.entity.is_deleted()).collect();
        if live.is_empty() {
            return Ok(Some(Entity::new(id).with("_deleted", true)));
        }
        let all = live.into_iter().fold(Entity::new(id), |entity, (dataset, version)| {
            entity.with(dataset.clone(), version.entity.into_value())
        });
        Ok(Some(all))
    }
}
