//! Compaction, retraction, trimming and pages.
#![allow(clippy::unwrap_used)]

mod common;

use common::{entity, ids, open};
use pipewright_store::{Compaction, Past, Position, Reader, Select, Store, Write, names};

const ALL: Select =
    Select { history: true, deleted: true, reverse: false, before: None, subset: None, told: None };

/// Versions `x` = 0, 1, … of the entities a and b, in turn, at time x.
fn fill(store: &Store, versions: i64) {
    for x in 0..versions {
        let mut batch = store.batch(x);
        batch.set_run(format!("run {x}"));
        batch.append("d", entity(&format!(r#"{{"_id":"a","x":{x}}}"#)));
        batch.append("d", entity(&format!(r#"{{"_id":"b","x":{x}}}"#)));
        store.commit(batch).unwrap();
    }
}

fn places(reader: &Reader) -> Vec<u64> {
    let changes = reader.changes("d", None, None, ALL).unwrap();
    changes.map(|version| version.unwrap().updated).collect()
}

#[test]
fn compaction_keeps_the_newest_versions() {
    let (_dir, store) = open();
    fill(&store, 5);
    let before = store.reader().unwrap().dataset("d").unwrap().unwrap().bytes;
    let done = store.compact("d", Compaction::default(), || true).unwrap();
    assert_eq!((done.versions, done.complete), (6, true));
    let reader = store.reader().unwrap();
    assert_eq!(places(&reader), [6, 7, 8, 9]);
    let d = reader.dataset("d").unwrap().unwrap();
    assert_eq!((d.log_live, d.live, d.length), (4, 2, 10));
    assert!(d.bytes * 2 < before);
    assert_eq!(reader.history("d", "a", 9).unwrap().len(), 2);
    assert_eq!(reader.previous_version("d", "a", Some(2)).unwrap(), Past::Compacted);
    assert!(matches!(reader.previous_version("d", "a", Some(6)).unwrap(), Past::Version(_)));
    assert_eq!(reader.run_versions("run 0").unwrap(), 0);
    assert_eq!(reader.run_versions("run 4").unwrap(), 2);

    // Nothing is left to do until something is written.
    assert_eq!(store.compact("d", Compaction::default(), || true).unwrap().versions, 0);
    let mut batch = store.batch(9);
    batch.append("d", Write::delete("a"));
    store.commit(batch).unwrap();
    assert_eq!(store.compact("d", Compaction::default(), || true).unwrap().versions, 1);
    assert_eq!(places(&store.reader().unwrap()), [7, 8, 9, 10]);

    let one = Compaction { keep_versions: 0, ..Compaction::default() };
    assert_eq!(store.compact("d", one, || false).unwrap().versions, 0);
    assert_eq!(store.compact("d", one, || true).unwrap().versions, 2);
    assert_eq!(places(&store.reader().unwrap()), [9, 10]);
}

#[test]
fn compaction_leaves_what_is_not_read_yet() {
    let (_dir, store) = open();
    fill(&store, 5);
    let one = Compaction { keep_versions: 1, unread_versions: Some(5), ..Compaction::default() };
    store.compact("d", one, || true).unwrap();
    assert_eq!(places(&store.reader().unwrap()), [3, 4, 5, 6, 7, 8, 9]);
    let one = Compaction { unread_versions: None, ..one };
    store.compact("d", one, || true).unwrap();
    assert_eq!(places(&store.reader().unwrap()), [8, 9], "it is caught up later");

    let mut batch = store.batch(6);
    batch.append("d", Write::delete("a"));
    store.commit(batch).unwrap();
    let forget = Compaction { forget_deleted: Some(99), unread: Some(10), ..one };
    assert_eq!(store.compact("d", forget, || true).unwrap().entities, 0);
    let forget = Compaction { unread: Some(11), ..forget };
    assert_eq!(store.compact("d", forget, || true).unwrap().entities, 1);
}

#[test]
fn compaction_leaves_what_a_tracking_pipe_compares_with() {
    let (_dir, store) = open();
    fill(&store, 5);
    let generation = store.reader().unwrap().dataset("d").unwrap().unwrap().generation.clone();
    let mut batch = store.batch(9);
    let at = |since, generation: &str| Position {
        dataset: "d".into(),
        generation: generation.into(),
        since,
    };
    batch.set_position("p", at(Some(4), &generation));
    batch.set_position("q", at(Some(7), &generation));
    batch.set_position("gone", at(None, "another"));
    store.commit(batch).unwrap();
    let one = Compaction { keep_versions: 1, ..Compaction::default() };
    store.compact("d", one, || true).unwrap();
    // The newest at or before 4: a at 4, b at 3; and all that came later.
    assert_eq!(places(&store.reader().unwrap()), [3, 4, 5, 6, 7, 8, 9]);
    let aged = Compaction { keep_since: Some(99), ..one };
    assert_eq!(store.compact("d", aged, || true).unwrap().versions, 0);

    let mut batch = store.batch(9);
    batch.drop_pipe("p");
    store.commit(batch).unwrap();
    store.compact("d", aged, || true).unwrap();
    assert_eq!(places(&store.reader().unwrap()), [6, 7, 8, 9]);
}

#[test]
fn compaction_by_time() {
    let (_dir, store) = open();
    fill(&store, 5);
    let keep = Compaction { keep_versions: 1, keep_since: Some(3), ..Compaction::default() };
    assert_eq!(store.compact("d", keep, || true).unwrap().versions, 6);
    assert_eq!(places(&store.reader().unwrap()), [6, 7, 8, 9]);

    let mut batch = store.batch(10);
    batch.append("d", Write::delete("a"));
    store.commit(batch).unwrap();
    let forget = |before| Compaction { forget_deleted: Some(before), ..keep };
    assert_eq!(store.compact("d", forget(10), || true).unwrap().entities, 0);
    let done = store.compact("d", forget(11), || true).unwrap();
    assert_eq!((done.entities, done.versions), (1, 3));
    let reader = store.reader().unwrap();
    assert!(reader.get("d", "a").unwrap().is_none());
    assert_eq!(places(&reader), [7, 9]);
    let d = reader.dataset("d").unwrap().unwrap();
    assert_eq!((d.live, d.deleted, d.log_live, d.log_deleted), (1, 0, 2, 0));

    // It comes back as a new entity.
    fill(&store, 1);
    assert_eq!(store.reader().unwrap().get("d", "a").unwrap().unwrap().previous, None);
}

#[test]
fn retracting_leaves_the_current_version() {
    let (_dir, store) = open();
    fill(&store, 3);
    assert_eq!(store.retract("d", ["a", "unknown"]).unwrap().versions, 2);
    assert_eq!(store.retract("d", ["a"]).unwrap().versions, 0);
    assert_eq!(places(&store.reader().unwrap()), [1, 3, 4, 5]);
}

#[test]
fn an_execution_log_is_trimmed_from_its_beginning() {
    let (_dir, store) = open();
    let log = names::execution_log("p");
    for ts in 0..6 {
        let mut batch = store.batch(ts);
        batch.append(&log, entity(&format!(r#"{{"_id":"pump-started","at":{ts}}}"#)));
        if ts == 1 {
            batch.append(&log, entity(r#"{"_id":"write-error:1"}"#));
        }
        store.commit(batch).unwrap();
    }
    let done = store.trim_log("p", 4, || true).unwrap();
    assert_eq!((done.versions, done.entities, done.complete), (5, 1, true));
    let reader = store.reader().unwrap();
    assert_eq!(ids(reader.changes(&log, None, None, ALL).unwrap()), ["pump-started"; 2]);
    assert!(reader.get(&log, "write-error:1").unwrap().is_none());
    assert!(store.trim_log("p", 99, || true).unwrap().complete);
    let d = store.reader().unwrap().dataset(&log).unwrap().unwrap();
    assert_eq!((d.live, d.log_live, d.length), (0, 0, 7));
}

#[test]
fn pages_are_found_by_rank() {
    let (_dir, store) = open();
    let mut batch = store.batch(1);
    for n in 0..10_000 {
        batch.append("d", entity(&format!(r#"{{"_id":"{n}","x":1}}"#)));
    }
    store.commit(batch).unwrap();
    let mut batch = store.batch(2);
    for n in (0..10_000).step_by(3) {
        if n % 2 == 0 {
            batch.append("d", Write::delete(format!("{n}")));
        } else {
            batch.append("d", entity(&format!(r#"{{"_id":"{n}","x":2}}"#)));
        }
    }
    store.commit(batch).unwrap();
    for round in 0..2 {
        let reader = store.reader().unwrap();
        for history in [false, true] {
            for deleted in [false, true] {
                for reverse in [false, true] {
                    for before in [None, Some(9_000), Some(4_096)] {
                        let select =
                            Select { history, deleted, reverse, before, ..Select::default() };
                        let all: Vec<u64> = reader
                            .changes("d", None, None, select.clone())
                            .unwrap()
                            .map(|version| version.unwrap().updated)
                            .collect();
                        for skip in [0, 1, 2_730, 4_095, 4_096, 8_000, all.len() - 1, all.len()] {
                            let page: Vec<u64> = reader
                                .page("d", skip as u64, 3, select.clone())
                                .unwrap()
                                .map(|version| version.unwrap().updated)
                                .collect();
                            let rest = &all[skip.min(all.len())..];
                            assert_eq!(
                                page,
                                rest[..rest.len().min(3)],
                                "{round} {skip} {select:?}"
                            );
                        }
                    }
                }
            }
        }
        store
            .compact("d", Compaction { keep_versions: 1, ..Compaction::default() }, || true)
            .unwrap();
    }
}

#[test]
fn a_purge_gives_the_space_back() {
    let (_dir, store) = open();
    for name in ["d", "e"] {
        let mut batch = store.batch(1);
        batch.set_run("r");
        for n in 0..5_000 {
            batch.append(name, entity(&format!(r#"{{"_id":"{n}","x":"{}"}}"#, "x".repeat(300))));
            batch.put_state(name, "s", format!("{n}").as_bytes(), Some(&[7; 100]));
        }
        store.commit(batch).unwrap();
    }
    store.drop_dataset("d").unwrap();
    let mut batch = store.batch(1);
    batch.drop_pipe("d");
    store.commit(batch).unwrap();
    let mut steps = 0;
    while store.purge(1_000).unwrap() {
        steps += 1;
    }
    assert!(steps >= 15, "{steps}");
    assert_eq!(store.reader().unwrap().run_versions("r").unwrap(), 5_000);
    assert_eq!(store.reader().unwrap().current("e").unwrap().count(), 5_000);
    store.drop_dataset("e").unwrap();
    while store.purge(1_000).unwrap() {}
    for _ in 0..5 {
        store.purge(1).unwrap();
    }
    assert_eq!(store.reader().unwrap().run_versions("r").unwrap(), 0);
    let dir = store.dir().to_path_buf();
    drop(store);
    let size = std::fs::metadata(dir.join("node.db")).unwrap().len();
    assert!(size < 3 << 20, "{size}");
}
