//! Datasets in memory, for tests, previews, streams and the conformance cases.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use pipewright_entity::{Entity, Key, Text};
use rustc_hash::FxHashMap;

use crate::{Datasets, Index, LookupError};

/// Datasets in memory. An index is made when it is first looked into.
#[derive(Debug, Default)]
pub struct MemoryDatasets {
    datasets: BTreeMap<Text, BTreeMap<Text, Entity>>,
    indexes: RwLock<FxHashMap<(Text, Text), Arc<Entries>>>,
}

/// The entities of a dataset by the keys of an expression.
type Entries = FxHashMap<Key, Vec<Entity>>;

impl MemoryDatasets {
    /// No datasets.
    pub fn new() -> MemoryDatasets {
        MemoryDatasets::default()
    }

    /// Writes entities in order; the last one of an id is the current one.
    pub fn write(&mut self, dataset: &str, entities: impl IntoIterator<Item = Entity>) {
        let current = self.datasets.entry(Text::new(dataset)).or_default();
        for entity in entities {
            current.insert(entity.id().clone(), entity);
        }
        let indexes = self.indexes.get_mut().unwrap_or_else(PoisonError::into_inner);
        indexes.retain(|(of, _), _| of != dataset);
    }

    /// The current entities of a dataset, deleted ones left out, by id.
    pub fn current(&self, dataset: &str) -> impl Iterator<Item = &Entity> {
        let entities = self.datasets.get(dataset);
        entities.into_iter().flat_map(BTreeMap::values).filter(|e| !e.is_deleted())
    }

    fn entries(&self, index: &Index) -> Arc<Entries> {
        let name = (index.dataset.clone(), index.expression.clone());
        let known = self.indexes.read().unwrap_or_else(PoisonError::into_inner).get(&name).cloned();
        known.unwrap_or_else(|| {
            let mut entries = Entries::default();
            let mut keys = Vec::new();
            for entity in self.current(&index.dataset) {
                index.keys(entity, &mut keys);
                for key in keys.drain(..) {
                    entries.entry(key).or_default().push(entity.clone());
                }
            }
            let mut indexes = self.indexes.write().unwrap_or_else(PoisonError::into_inner);
            indexes.entry(name).or_insert_with(|| Arc::new(entries)).clone()
        })
    }
}

impl Clone for MemoryDatasets {
    fn clone(&self) -> MemoryDatasets {
        MemoryDatasets { datasets: self.datasets.clone(), indexes: RwLock::default() }
    }
}

impl Datasets for MemoryDatasets {
    fn matching(&self, index: &Index, key: &Key) -> Result<Vec<Entity>, LookupError> {
        Ok(self.entries(index).get(key).cloned().unwrap_or_default())
    }

    fn get(&self, dataset: &str, id: &str) -> Result<Option<Entity>, LookupError> {
        let entity = self.datasets.get(dataset).and_then(|entities| entities.get(id));
        Ok(entity.filter(|entity| !entity.is_deleted()).cloned())
    }
}
