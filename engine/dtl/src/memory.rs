//! Datasets in memory, for tests, previews and the conformance cases.

use std::collections::BTreeMap;

use pipewright_entity::{Entity, Key, Text};

use crate::{Datasets, Index, LookupError};

/// Datasets in memory. Lookups scan: nothing is indexed.
#[derive(Clone, Debug, Default)]
pub struct MemoryDatasets(BTreeMap<Text, BTreeMap<Text, Entity>>);

impl MemoryDatasets {
    /// No datasets.
    pub fn new() -> MemoryDatasets {
        MemoryDatasets::default()
    }

    /// Writes entities in order; the last one of an id is the current one.
    pub fn write(&mut self, dataset: &str, entities: impl IntoIterator<Item = Entity>) {
        let current = self.0.entry(Text::new(dataset)).or_default();
        for entity in entities {
            current.insert(entity.id().clone(), entity);
        }
    }

    /// The current entities of a dataset, deleted ones left out, by id.
    pub fn current(&self, dataset: &str) -> impl Iterator<Item = &Entity> {
        self.0.get(dataset).into_iter().flat_map(BTreeMap::values).filter(|e| !e.is_deleted())
    }
}

impl Datasets for MemoryDatasets {
    fn matching(&self, index: &Index, key: &Key) -> Result<Vec<Entity>, LookupError> {
        let mut keys = Vec::new();
        let has_key = |entity: &&Entity| {
            keys.clear();
            index.keys(entity, &mut keys);
            keys.contains(key)
        };
        Ok(self.current(&index.dataset).filter(has_key).cloned().collect())
    }

    fn get(&self, dataset: &str, id: &str) -> Result<Option<Entity>, LookupError> {
        let entity = self.0.get(dataset).and_then(|entities| entities.get(id));
        Ok(entity.filter(|entity| !entity.is_deleted()).cloned())
    }
}
