//! What the tests share.
#![allow(clippy::unwrap_used, dead_code)]

use pipewright_entity::{Entity, Key, Text, Value};
use pipewright_store::{Changes, Store};
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
