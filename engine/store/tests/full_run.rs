//! Deletion tracking: a full run that ends deletes what it did not see.
#![allow(clippy::unwrap_used)]

mod common;

use common::{entity, ids, open};
use pipewright_entity::Value;
use pipewright_store::{Select, Store, StoreError, Write};

fn fill(store: &Store, count: usize) {
    let mut batch = store.batch(1);
    for n in 0..count {
        batch.append("d", entity(&format!(r#"{{"_id":"{n:05}","x":1}}"#)));
    }
    store.commit(batch).unwrap();
}

#[test]
fn what_a_full_run_did_not_see_is_deleted() {
    let (_dir, store) = open();
    fill(&store, 5_000);
    let run = store.full_run("d").unwrap();
    run.mark_deletions(true);
    let mut batch = store.batch(2);
    batch.mark_seen(&run);
    for n in (0..3_000).step_by(2) {
        let x = if n % 4 == 0 { 1 } else { 2 };
        batch.append("d", entity(&format!(r#"{{"_id":"{n:05}","x":{x}}}"#)));
    }
    store.commit(batch).unwrap();
    // Failed in the source, but still there.
    for n in (1..3_000).step_by(2) {
        run.seen(&format!("{n:05}")).unwrap();
    }
    run.seen("unknown").unwrap();
    assert_eq!(store.reader().unwrap().count_unseen(&run).unwrap(), 2_000);

    let mut batch = store.batch(3);
    batch.append("d", entity(r#"{"_id":"04999","x":1}"#));
    batch.append("d", entity(r#"{"_id":"new","x":1}"#));
    batch.delete_unseen(run);
    let written = store.commit(batch).unwrap().datasets.remove(0);
    assert_eq!((written.written, written.unseen_deleted, written.unchanged), (2_000, 1_999, 1));

    let reader = store.reader().unwrap();
    let dataset = reader.dataset("d").unwrap().unwrap();
    assert_eq!((dataset.live, dataset.deleted), (3_002, 1_999));
    let gone = reader.get("d", "04000").unwrap().unwrap();
    assert!(gone.entity.is_deleted());
    assert_eq!(gone.entity.get("x"), Some(&Value::Int(1)));
    assert_eq!(gone.entity.get("$deletion_tracked"), Some(&Value::Bool(true)));
    assert_eq!(gone.ts, 3);
}

#[test]
fn a_run_that_is_cut_deletes_nothing() {
    let (_dir, store) = open();
    fill(&store, 10);
    let run = store.full_run("d").unwrap();
    let mut batch = store.batch(2);
    batch.mark_seen(&run);
    batch.append("d", entity(r#"{"_id":"00001","x":1}"#));
    store.commit(batch).unwrap();
    drop(run);
    assert_eq!(store.reader().unwrap().dataset("d").unwrap().unwrap().live, 10);
}

#[test]
fn a_first_run_deletes_nothing_and_deleted_ones_stay() {
    let (_dir, store) = open();
    let run = store.full_run("d").unwrap();
    fill(&store, 2);
    let mut batch = store.batch(2);
    batch.delete_unseen(run);
    store.commit(batch).unwrap();
    assert_eq!(store.reader().unwrap().dataset("d").unwrap().unwrap().live, 2);

    let mut batch = store.batch(3);
    batch.append("d", Write::delete("00000"));
    store.commit(batch).unwrap();
    let run = store.full_run("d").unwrap();
    let mut batch = store.batch(4);
    batch.append("d", Write::delete("00001"));
    batch.delete_unseen(run);
    store.commit(batch).unwrap();
    let reader = store.reader().unwrap();
    let all = Select { history: true, ..Select::default() };
    assert_eq!(
        ids(reader.changes("d", None, None, all).unwrap()),
        ["00000", "00001", "00000", "00001"]
    );
}

#[test]
fn a_run_over_a_dataset_that_was_reset_deletes_nothing() {
    let (_dir, store) = open();
    fill(&store, 2);
    let run = store.full_run("d").unwrap();
    store.reset_dataset("d").unwrap();
    fill(&store, 2);
    let mut batch = store.batch(2);
    batch.delete_unseen(run);
    assert!(matches!(store.commit(batch), Err(StoreError::DatasetReplaced(id)) if id == "d"));
    assert_eq!(store.reader().unwrap().dataset("d").unwrap().unwrap().live, 2);
}
