//! What the tests share.
#![allow(clippy::unwrap_used, dead_code)]

use std::collections::BTreeMap;

use pipewright_entity::{Entity, Key, Text, Value, Version};
use pipewright_store::{Changes, Select, Store};
use tempfile::TempDir;

/// A store in a folder of its own, which goes with the first value.
pub(crate) fn open() -> (TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    (dir, store)
}

/// An entity from transit JSON.
pub(crate) fn entity(json: &str) -> Entity {
    Entity::from_value(Value::from_transit(json.as_bytes()).unwrap()).unwrap()
}

/// The ids of versions, in their order.
pub(crate) fn ids(changes: Changes<'_>) -> Vec<Text> {
    changes.map(|version| version.unwrap().entity.id().clone()).collect()
}

/// The keys of a property: none for null, one for each element of a list.
pub(crate) fn property(name: &'static str) -> impl Fn(&Entity, &mut Vec<Key>) + Clone {
    move |entity, keys| match entity.get(name) {
        None | Some(Value::Null) => {}
        Some(Value::List(items)) => keys.extend(items.iter().map(Value::key)),
        Some(value) => keys.push(value.key()),
    }
}

/// Everything that must hold in a store, however it was left: counts, the
/// current version of each entity, the chain of its versions, and an index on
/// `x` against a scan.
pub(crate) fn check(store: &Store, dataset: &str) {
    let index = r#"["eq","_S.x"]"#;
    store.ensure_index(dataset, index, std::sync::Arc::new(property("x"))).unwrap();
    let reader = store.reader().unwrap();
    let known = reader.dataset(dataset).unwrap().unwrap();
    let all = Select { history: true, ..Select::default() };
    let (mut log, mut latest) = (BTreeMap::new(), BTreeMap::new());
    for version in reader.changes(dataset, None, None, all).unwrap() {
        let version = version.unwrap();
        assert_eq!(version.hash, version.entity.content_hash());
        let before = latest.insert(version.entity.id().clone(), version.updated);
        if before.is_some() || known.log_live + known.log_deleted == known.length {
            assert_eq!(version.previous, before, "{version:?}");
        }
        log.insert(version.updated, version);
    }
    let deleted = |version: &&Version| version.entity.is_deleted();
    assert_eq!(known.log_deleted, log.values().filter(deleted).count() as u64);
    assert_eq!(known.log_live + known.log_deleted, log.len() as u64);
    assert!(log.keys().next_back().is_none_or(|last| last + 1 == known.length));
    let mut keys: BTreeMap<Key, Vec<u64>> = BTreeMap::new();
    let (mut live, mut scratch) = (0, Vec::new());
    for (id, place) in &latest {
        let current = reader.get(dataset, id).unwrap().unwrap();
        assert_eq!(current, log[place]);
        if !current.entity.is_deleted() {
            live += 1;
            scratch.clear();
            property("x")(&current.entity, &mut scratch);
            scratch.sort();
            scratch.dedup();
            scratch.drain(..).for_each(|key| keys.entry(key).or_default().push(*place));
        }
    }
    assert_eq!((known.live, known.deleted), (live, latest.len() as u64 - live));
    let mut places: Vec<u64> = latest.into_values().collect();
    places.sort();
    let changes = reader.changes(dataset, None, None, Select::default()).unwrap();
    assert_eq!(changes.map(|version| version.unwrap().updated).collect::<Vec<_>>(), places);
    for (key, mut places) in keys {
        places.sort();
        let found = reader.lookup(dataset, index, &key).unwrap();
        assert_eq!(found.iter().map(|version| version.updated).collect::<Vec<_>>(), places);
    }
}
