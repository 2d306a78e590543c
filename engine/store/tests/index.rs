//! Indexes: complete whenever they are ready, however they came to be.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;

use common::{entity, ids, open, property};
use pipewright_entity::{Entity, Key, Text, Value};
use pipewright_store::{IndexKeys, Reader, Select, Store, StoreError, Subset, Write};

const ON_X: &str = r#"["eq","_S.x"]"#;

fn found(reader: &Reader, key: impl Into<Value>) -> Vec<Text> {
    let found = reader.lookup("d", ON_X, &key.into().key()).unwrap();
    found.iter().map(|version| version.entity.id().clone()).collect()
}

fn put(store: &Store, json: &[&str]) {
    let mut batch = store.batch(1);
    json.iter().for_each(|json| batch.append("d", entity(json)));
    store.commit(batch).unwrap();
}

#[test]
fn a_lookup_finds_current_versions_only() {
    let (_dir, store) = open();
    store.ensure_index("d", ON_X, Arc::new(property("x"))).unwrap();
    assert!(matches!(
        store.reader().unwrap().lookup("d", ON_X, &Value::Int(1).key()),
        Err(StoreError::UnknownDataset(_))
    ));
    put(
        &store,
        &[
            r#"{"_id":"a","x":1}"#,
            r#"{"_id":"b","x":[1,2,1]}"#,
            r#"{"_id":"c"}"#,
            r#"{"_id":"e","x":"~f1.0"}"#,
        ],
    );
    let reader = store.reader().unwrap();
    assert_eq!(found(&reader, 1), ["a", "b", "e"]);
    assert_eq!(found(&reader, 2), ["b"]);
    assert_eq!(found(&reader, 3), [""; 0]);

    put(&store, &[r#"{"_id":"a","x":2}"#, r#"{"_id":"b","x":2}"#, r#"{"_id":"b","x":[2,3]}"#]);
    let mut batch = store.batch(1);
    batch.append("d", Write::delete("e"));
    store.commit(batch).unwrap();
    let reader = store.reader().unwrap();
    assert_eq!(found(&reader, 1), [""; 0]);
    assert_eq!(found(&reader, 2), ["a", "b"]);
    assert_eq!(found(&reader, 3), ["b"]);
    let keys = [3, 9, 2, 3].map(|n| Value::Int(n).key());
    let many = reader.lookup_many("d", ON_X, &keys).unwrap();
    assert_eq!(many.iter().map(Vec::len).collect::<Vec<_>>(), [1, 0, 2, 1]);
}

#[test]
fn an_index_is_built_later_and_caught_up_after_a_restart() {
    let (dir, store) = open();
    for n in 0..50 {
        let batch: Vec<String> =
            (0..100).map(|m| format!(r#"{{"_id":"{}","x":{}}}"#, n * 100 + m, m)).collect();
        put(&store, &batch.iter().map(String::as_str).collect::<Vec<_>>());
    }
    store.ensure_index("d", ON_X, Arc::new(property("x"))).unwrap();
    assert_eq!(found(&store.reader().unwrap(), 7).len(), 50);
    drop(store);

    let store = Store::open(dir.path()).unwrap();
    // Nobody maintains the index here.
    put(&store, &[r#"{"_id":"7","x":8}"#, r#"{"_id":"8","x":7}"#, r#"{"_id":"new","x":7}"#]);
    put(&store, &[r#"{"_id":"8","x":9}"#]);
    let info = store.reader().unwrap().indexes("d").unwrap();
    assert_eq!((info[0].built, info[0].length, info[0].ready), (5_000, 5_004, false));
    store.ensure_index("d", ON_X, Arc::new(property("x"))).unwrap();
    let reader = store.reader().unwrap();
    assert!(reader.indexes("d").unwrap()[0].ready);
    assert_eq!(found(&reader, 7).len(), 50);
    assert_eq!(found(&reader, 8).len(), 50);
    assert_eq!(found(&reader, 9).len(), 51);
    assert!(found(&reader, 7).contains(&"new".into()));
}

#[test]
fn an_entity_that_changed_twice_behind_the_index_leaves_no_entry() {
    let (dir, store) = open();
    store.ensure_index("d", ON_X, Arc::new(property("x"))).unwrap();
    put(&store, &[r#"{"_id":"a","x":1}"#]);
    drop(store);
    let store = Store::open(dir.path()).unwrap();
    put(&store, &[r#"{"_id":"a","x":2}"#]);
    // More than is caught up in one step.
    let mut batch = store.batch(1);
    for n in 0..5_000 {
        batch.append("d", entity(&format!(r#"{{"_id":"{n}","x":9}}"#)));
    }
    store.commit(batch).unwrap();
    put(&store, &[r#"{"_id":"a","x":3}"#]);
    store.ensure_index("d", ON_X, Arc::new(property("x"))).unwrap();
    let reader = store.reader().unwrap();
    assert_eq!(found(&reader, 1), [""; 0]);
    assert_eq!(found(&reader, 2), [""; 0]);
    assert_eq!(found(&reader, 3), ["a"]);
    assert_eq!(found(&reader, 9).len(), 5_000);
}

#[test]
fn a_crash_of_a_key_function_spoils_nothing() {
    let (_dir, store) = open();
    let keys = |entity: &Entity, keys: &mut Vec<Key>| {
        assert!(entity.id() != "bad", "a fault in the key function");
        property("x")(entity, keys);
    };
    store.ensure_index("d", ON_X, Arc::new(keys)).unwrap();
    put(&store, &[r#"{"_id":"a","x":1}"#]);
    let bad = || put(&store, &[r#"{"_id":"b","x":1}"#, r#"{"_id":"bad","x":1}"#]);
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(bad)).is_err());
    assert_eq!(found(&store.reader().unwrap(), 1), ["a"]);
    put(&store, &[r#"{"_id":"c","x":1}"#]);
    assert_eq!(found(&store.reader().unwrap(), 1), ["a", "c"]);
}

#[test]
fn deferred_indexes_are_behind_until_caught_up() {
    let (_dir, store) = open();
    store.ensure_index("d", ON_X, Arc::new(property("x"))).unwrap();
    put(&store, &[r#"{"_id":"a","x":1}"#]);
    let mut batch = store.batch(1);
    batch.defer_indexes("d");
    batch.append("d", entity(r#"{"_id":"a","x":2}"#));
    batch.append("d", entity(r#"{"_id":"b","x":2}"#));
    store.commit(batch).unwrap();
    let error = store.reader().unwrap().lookup("d", ON_X, &Value::Int(1).key()).unwrap_err();
    assert!(matches!(error, StoreError::IndexBehind { built: 1, length: 3, .. }), "{error}");
    store.catch_up_indexes("d").unwrap();
    let reader = store.reader().unwrap();
    assert_eq!(found(&reader, 1), [""; 0]);
    assert_eq!(found(&reader, 2), ["a", "b"]);
}

#[test]
fn an_unknown_index_is_an_error() {
    let (_dir, store) = open();
    put(&store, &[r#"{"_id":"a","x":1}"#]);
    let error = store.reader().unwrap().lookup("d", ON_X, &Value::Int(1).key()).unwrap_err();
    assert_eq!(error.to_string(), "dataset \"d\" has no index on [\"eq\",\"_S.x\"]");
    store.ensure_index("d", ON_X, Arc::new(property("x"))).unwrap();
    store.retain_indexes(|dataset, expression| dataset == "d" && expression != ON_X).unwrap();
    assert_eq!(store.reader().unwrap().indexes("d").unwrap(), []);
    assert!(store.reader().unwrap().lookup("d", ON_X, &Value::Int(1).key()).is_err());
}

#[test]
fn long_keys_are_told_apart() {
    let (_dir, store) = open();
    store.ensure_index("d", ON_X, Arc::new(property("x"))).unwrap();
    let long = "k".repeat(100_000);
    let longer = format!("{long}!");
    put(
        &store,
        &[&format!(r#"{{"_id":"a","x":"{long}"}}"#), &format!(r#"{{"_id":"b","x":"{longer}"}}"#)],
    );
    let reader = store.reader().unwrap();
    assert_eq!(found(&reader, Value::string(&long)), ["a"]);
    assert_eq!(found(&reader, Value::string(&longer)), ["b"]);
}

/// Keys by the lower-case text of `x`, which an older program took as it is.
struct Lower;

impl IndexKeys for Lower {
    fn keys(&self, entity: &Entity, keys: &mut Vec<Key>) {
        if let Some(Value::String(text)) = entity.get("x") {
            keys.push(Value::string(text.to_lowercase()).key());
        }
    }
    fn revision(&self) -> u32 {
        1
    }
}

#[test]
fn another_revision_is_built_anew() {
    let (_dir, store) = open();
    store.ensure_index("d", ON_X, Arc::new(property("x"))).unwrap();
    put(&store, &[r#"{"_id":"a","x":"ABC"}"#]);
    store.ensure_index("d", ON_X, Arc::new(Lower)).unwrap();
    let reader = store.reader().unwrap();
    assert_eq!(found(&reader, Value::string("abc")), ["a"]);
    assert_eq!(found(&reader, Value::string("ABC")), [""; 0]);
}

#[test]
fn a_reset_empties_the_index() {
    let (_dir, store) = open();
    store.ensure_index("d", ON_X, Arc::new(property("x"))).unwrap();
    put(&store, &[r#"{"_id":"a","x":1}"#]);
    store.reset_dataset("d").unwrap();
    assert_eq!(found(&store.reader().unwrap(), 1), [""; 0]);
    put(&store, &[r#"{"_id":"b","x":1}"#]);
    assert_eq!(found(&store.reader().unwrap(), 1), ["b"]);
    while store.purge(1).unwrap() {}
    assert_eq!(found(&store.reader().unwrap(), 1), ["b"]);
}

#[test]
fn an_index_is_built_while_others_write() {
    let (_dir, store) = open();
    for n in 0..20 {
        let batch: Vec<String> =
            (0..500).map(|m| format!(r#"{{"_id":"{}","x":{}}}"#, n * 500 + m, m % 10)).collect();
        put(&store, &batch.iter().map(String::as_str).collect::<Vec<_>>());
    }
    let writer = std::thread::spawn({
        let store = store.clone();
        move || {
            for n in 0..200 {
                put(&store, &[&format!(r#"{{"_id":"{}","x":"moved"}}"#, n * 37)]);
            }
        }
    });
    store.ensure_index("d", ON_X, Arc::new(property("x"))).unwrap();
    writer.join().unwrap();
    let reader = store.reader().unwrap();
    assert_eq!(found(&reader, Value::string("moved")).len(), 200);
    let others: usize = (0..10).map(|x| found(&reader, x).len()).sum();
    assert_eq!(others, 9_800);
}

#[test]
fn a_subset_read_by_its_changes_leads_to_the_subset() {
    let (_dir, store) = open();
    store.ensure_index("d", ON_X, Arc::new(property("x"))).unwrap();
    put(&store, &[r#"{"_id":"a","x":1}"#, r#"{"_id":"b","x":1}"#, r#"{"_id":"c","x":2}"#]);
    let subset = |key: i64| Select {
        subset: Some(Subset { expression: ON_X.into(), key: Value::Int(key).key() }),
        ..Select::default()
    };
    let reader = store.reader().unwrap();
    assert_eq!(ids(reader.changes("d", None, None, subset(1)).unwrap()), ["a", "b"]);

    put(&store, &[r#"{"_id":"a","x":2}"#, r#"{"_id":"c","x":1}"#, r#"{"_id":"e","x":3}"#]);
    let mut batch = store.batch(1);
    batch.append("d", Write::delete("b"));
    store.commit(batch).unwrap();
    let reader = store.reader().unwrap();
    let since: Vec<(Text, bool)> = reader
        .changes("d", Some(2), None, subset(1))
        .unwrap()
        .map(|version| version.unwrap().entity)
        .map(|entity| (entity.id().clone(), entity.is_deleted()))
        .collect();
    // "a" left, "c" came, "e" was never in it, "b" is deleted.
    assert_eq!(since, [("a".into(), true), ("c".into(), false), ("b".into(), true)]);
    assert_eq!(ids(reader.changes("d", None, None, subset(1)).unwrap()), ["c"]);
    let live = Select { deleted: false, ..subset(1) };
    assert_eq!(ids(reader.changes("d", Some(2), None, live).unwrap()), ["c"]);
    let history = Select { history: true, ..subset(1) };
    assert_eq!(ids(reader.changes("d", None, None, history).unwrap()), ["a", "b", "c", "b"]);
    let reverse = Select { reverse: true, ..subset(2) };
    assert_eq!(ids(reader.changes("d", None, Some(1), reverse).unwrap()), ["a"]);
}
