//! Opening stores: what is refused and what is left alone.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::{check, entity, open};
use pipewright_store::{Batch, Durability, FullRun, Reader, Select, Store, StoreError, names};

#[test]
fn a_file_of_someone_else_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("node.db");
    fs::write(&file, "not a database at all, but long enough to have a header".repeat(20)).unwrap();
    let before = fs::read(&file).unwrap();
    let error = Store::open(dir.path()).unwrap_err();
    assert!(matches!(error, StoreError::NotAStore { .. }), "{error}");
    assert_eq!(fs::read(&file).unwrap(), before);

    fs::remove_file(&file).unwrap();
    let other = rusqlite::Connection::open(&file).unwrap();
    other.execute_batch("CREATE TABLE t (x)").unwrap();
    drop(other);
    let before = fs::read(&file).unwrap();
    let error = Store::open(dir.path()).unwrap_err();
    assert!(matches!(error, StoreError::NotAStore { .. }), "{error}");
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[test]
fn a_newer_format_is_refused_with_what_to_do() {
    let (dir, store) = open();
    drop(store);
    let file = dir.path().join("node.db");
    let newer = rusqlite::Connection::open(&file).unwrap();
    newer.pragma_update(None, "user_version", 7).unwrap();
    drop(newer);
    let error = Store::open(dir.path()).unwrap_err();
    assert!(matches!(error, StoreError::NewerFormat { found: 7, known: 2, .. }), "{error}");
    assert!(error.to_string().ends_with("open it with a newer version"), "{error}");
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let error = Store::open(file.join("store")).unwrap_err();
    assert!(error.to_string().contains("file/store"), "{error}");
}

#[test]
fn a_damaged_entity_names_its_place() {
    let (dir, store) = open();
    let mut batch = store.batch(1);
    batch.append("d", entity(r#"{"_id":"a","x":"text"}"#));
    store.commit(batch).unwrap();
    drop(store);
    let damaged = rusqlite::Connection::open(dir.path().join("node.db")).unwrap();
    damaged.execute("UPDATE version SET body = x'01ff'", []).unwrap();
    drop(damaged);
    let store = Store::open(dir.path()).unwrap();
    let error = store.reader().unwrap().get("d", "a").unwrap_err();
    assert!(error.to_string().starts_with("version 0 of dataset \"d\" cannot be read"), "{error}");
    let reader = store.reader().unwrap();
    let mut changes = reader.changes("d", None, None, Select::default()).unwrap();
    assert!(changes.next().unwrap().is_err());
    assert!(changes.next().is_none());
}

#[test]
fn what_is_not_committed_is_not_there() {
    let (dir, store) = open();
    let mut batch = store.batch(1);
    batch.append("d", entity(r#"{"_id":"a"}"#));
    drop(batch);
    drop(store);
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(store.reader().unwrap().datasets().unwrap(), []);
}

#[test]
fn config_is_an_ordinary_dataset_with_all_its_versions() {
    let (_dir, store) = open();
    for version in 0..3 {
        let mut batch = store.batch(version);
        let text = format!(r#"{{ \"_id\": \"p\", \"n\": {version} }}"#);
        batch.append(
            names::CONFIG,
            entity(&format!(r#"{{"_id":"p","type":"pipe","$text":"{text}","n":{version}}}"#)),
        );
        batch.append(names::PIPE_SETTINGS, entity(r#"{"_id":"p","disabled":true}"#));
        store.commit(batch).unwrap();
    }
    let reader = store.reader().unwrap();
    assert_eq!(reader.history(names::CONFIG, "p", 9).unwrap().len(), 3);
    assert_eq!(reader.history(names::PIPE_SETTINGS, "p", 9).unwrap().len(), 1);
    assert!(reader.datasets().unwrap().iter().all(|dataset| dataset.is_internal()));
}

#[test]
fn threads_commit_and_read_beside_each_other() {
    let (_dir, store) = open();
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let store = store.clone();
            std::thread::spawn(move || {
                for n in 0..50 {
                    let mut batch = store.batch(n);
                    batch.append("shared", entity(&format!(r#"{{"_id":"{thread}-{n}","x":{n}}}"#)));
                    batch
                        .append("turns", entity(&format!(r#"{{"_id":"one","x":[{thread},{n}]}}"#)));
                    let own = format!("own-{thread}");
                    batch.append(&own, entity(&format!(r#"{{"_id":"{}","x":{n}}}"#, n % 7)));
                    let committed = store.commit(batch).unwrap();
                    assert_eq!(committed.dataset("shared").unwrap().written, 1);
                    let reader = store.reader().unwrap();
                    let shared = reader.dataset("shared").unwrap().unwrap();
                    // What was committed is seen; both datasets are of one state.
                    assert!(reader.get("shared", &format!("{thread}-{n}")).unwrap().is_some());
                    assert_eq!(reader.dataset("turns").unwrap().unwrap().length, shared.length);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    for dataset in ["shared", "turns", "own-0"] {
        check(&store, dataset);
    }
    assert_eq!(store.reader().unwrap().dataset("shared").unwrap().unwrap().length, 200);
}

#[test]
fn the_log_does_not_grow_without_end_while_readers_overlap() {
    let (dir, store) = open();
    let stop = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let (store, stop) = (store.clone(), stop.clone());
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let reader = store.reader().unwrap();
                    std::thread::sleep(Duration::from_millis(5));
                    drop(reader);
                }
            })
        })
        .collect();
    let filler = "x".repeat(1 << 20);
    let mut largest = 0;
    for n in 0..80 {
        let mut batch = store.batch(n);
        batch.set_durability(Durability::Normal);
        batch.append("d", entity(&format!(r#"{{"_id":"{}","x":"{n}{filler}"}}"#, n % 5)));
        store.commit(batch).unwrap();
        let log = fs::metadata(dir.path().join("node.db-wal")).unwrap().len();
        largest = largest.max(log);
    }
    stop.store(true, Ordering::Relaxed);
    readers.into_iter().for_each(|reader| reader.join().unwrap());
    assert!(largest < 75 << 20, "{largest}");
}

#[test]
fn handles_go_where_they_are_needed() {
    fn goes_anywhere<T: Send + Sync>() {}
    fn goes<T: Send>() {}
    goes_anywhere::<Store>();
    goes_anywhere::<FullRun>();
    goes_anywhere::<Batch>();
    goes::<Reader>();
}
