//! What a commit stores and what a reader sees of it.
#![allow(clippy::unwrap_used)]

mod common;

use common::{check, entity, ids, open};
use pipewright_entity::Value;
use pipewright_store::{Durability, Past, Position, Retry, Select, StoreError, Write};

#[test]
fn versions_are_counted_from_zero_and_chained() {
    let (_dir, store) = open();
    let mut batch = store.batch(7);
    batch.append("people", entity(r#"{"_id":"a","name":"Ada"}"#));
    batch.append("people", entity(r#"{"_id":"b","name":"Bea"}"#));
    batch.append("people", entity(r#"{"_id":"a","name":"Ada","age":3}"#));
    let committed = store.commit(batch).unwrap();
    let written = committed.dataset("people").unwrap();
    assert_eq!((written.written, written.unchanged, written.last_offset), (3, 0, Some(2)));

    let reader = store.reader().unwrap();
    let a = reader.get("people", "a").unwrap().unwrap();
    assert_eq!((a.updated, a.previous, a.ts), (2, Some(0), 7));
    assert_eq!(a.hash, a.entity.content_hash());
    assert_eq!(a.entity.get("age"), Some(&Value::Int(3)));
    let history = reader.history("people", "a", 10).unwrap();
    assert_eq!(history.iter().map(|version| version.updated).collect::<Vec<_>>(), [2, 0]);
    assert_eq!(ids(reader.changes("people", None, None, Select::default()).unwrap()), ["b", "a"]);
    let all = Select { history: true, ..Select::default() };
    assert_eq!(ids(reader.changes("people", None, None, all).unwrap()), ["a", "b", "a"]);
}

#[test]
fn only_a_difference_is_stored() {
    let (_dir, store) = open();
    let mut batch = store.batch(1);
    batch.append("d", entity(r#"{"_id":"a","x":1,"y":2}"#));
    store.commit(batch).unwrap();

    let mut batch = store.batch(2);
    // The order of properties and reserved properties do not count.
    batch.append("d", entity(r#"{"y":2,"_id":"a","x":1,"_updated":99,"_ts":1,"_other":true}"#));
    assert_eq!(store.commit(batch).unwrap().dataset("d").unwrap().unchanged, 1);

    let mut batch = store.batch(3);
    batch.append("d", Write::new(entity(r#"{"_id":"a","x":1,"y":2}"#)).forced());
    assert_eq!(store.commit(batch).unwrap().dataset("d").unwrap().written, 1);

    let mut batch = store.batch(4);
    batch.append("d", entity(r#"{"_id":"a","x":1,"y":2,"_deleted":true}"#));
    assert_eq!(store.commit(batch).unwrap().dataset("d").unwrap().written, 1);
    let dataset = store.reader().unwrap().dataset("d").unwrap().unwrap();
    assert_eq!((dataset.live, dataset.deleted), (0, 1));
    assert_eq!((dataset.log_live, dataset.log_deleted, dataset.length), (2, 1, 3));
    assert_eq!(dataset.last_modified, Some(4));
}

#[test]
fn a_copy_keeps_the_places_of_its_source() {
    let (_dir, store) = open();
    let copied = |json: &str, place| Write::new(entity(json)).standing_at(place);
    let commit = |writes: Vec<Write>| {
        let mut batch = store.batch(1);
        writes.into_iter().for_each(|write| batch.append("d", write));
        store.commit(batch).map(|done| done.dataset("d").map(|d| (d.written, d.unchanged)))
    };
    let first = || {
        vec![
            copied(r#"{"_id":"a","x":1}"#, 0),
            copied(r#"{"_id":"b","x":1}"#, 3),
            copied(r#"{"_id":"a","x":2}"#, 4),
            copied(r#"{"_id":"b","_deleted":true}"#, 7),
        ]
    };
    assert_eq!(commit(first()).unwrap(), Some((4, 0)));
    check(&store, "d");
    // The same again changes nothing, nor does what was left out.
    assert_eq!(commit(first()).unwrap(), Some((0, 4)));
    assert_eq!(commit(vec![copied(r#"{"_id":"c"}"#, 5)]).unwrap(), Some((0, 1)));
    // What is the same as before needs no place.
    assert_eq!(commit(vec![copied(r#"{"_id":"a","x":2}"#, 9)]).unwrap(), Some((0, 1)));
    for other in [r#"{"_id":"a","x":3}"#, r#"{"_id":"c","x":2}"#] {
        let writes = vec![copied(r#"{"_id":"d"}"#, 12), copied(other, 4)];
        assert!(matches!(commit(writes), Err(StoreError::Diverged { place: 4, .. })));
    }
    assert!(matches!(commit(vec![copied(r#"{"_id":"z"}"#, 1 << 60)]), Err(StoreError::Limit(_))));
    assert_eq!(commit(vec![copied(r#"{"_id":"c","x":2}"#, 20)]).unwrap(), Some((1, 0)));
    check(&store, "d");
    let reader = store.reader().unwrap();
    let page = reader.page("d", 1, 5, Select { history: true, ..Select::default() }).unwrap();
    let places: Vec<u64> = page.map(|version| version.unwrap().updated).collect();
    assert_eq!(places, [3, 4, 7, 20]);
}

#[test]
fn deleting_keeps_the_last_properties() {
    let (_dir, store) = open();
    let mut batch = store.batch(1);
    batch.append("d", entity(r#"{"_id":"a","x":1}"#));
    batch.append("d", Write::delete("a"));
    batch.append("d", Write::delete("a"));
    batch.append("d", Write::delete("unknown"));
    let committed = store.commit(batch).unwrap();
    assert_eq!(committed.dataset("d").unwrap().written, 2);
    assert_eq!(committed.dataset("d").unwrap().unchanged, 2);
    let reader = store.reader().unwrap();
    let a = reader.get("d", "a").unwrap().unwrap();
    assert!(a.entity.is_deleted());
    assert_eq!(a.entity.get("x"), Some(&Value::Int(1)));
    assert!(reader.get("d", "unknown").unwrap().is_none());
    assert_eq!(reader.current("d").unwrap().count(), 0);

    // One with properties of its own is stored as it is, even when new.
    let mut batch = store.batch(2);
    batch.append("d", entity(r#"{"_id":"b","_deleted":true,"$replaced":true}"#));
    assert_eq!(store.commit(batch).unwrap().dataset("d").unwrap().written, 1);
}

#[test]
fn a_reader_sees_one_state() {
    let (_dir, store) = open();
    store.create_dataset("d").unwrap();
    let before = store.reader().unwrap();
    let mut batch = store.batch(1);
    batch.append("d", entity(r#"{"_id":"a"}"#));
    store.commit(batch).unwrap();
    assert!(before.get("d", "a").unwrap().is_none());
    assert!(store.reader().unwrap().get("d", "a").unwrap().is_some());
}

#[test]
fn a_failed_batch_leaves_nothing_behind_and_others_go_on() {
    let (_dir, store) = open();
    let mut batch = store.batch(1);
    batch.append("d", entity(r#"{"_id":"a","x":1}"#));
    store.commit(batch).unwrap();

    let mut good = store.batch(2);
    good.append("d", entity(r#"{"_id":"b"}"#));
    good.set_offset("pipe", Some(Value::Int(5)));
    let mut bad = store.batch(2);
    bad.append("new", entity(r#"{"_id":"c"}"#));
    bad.set_offset("pipe", Some(Value::Int(6)));
    bad.append("d", Write::new(entity(r#"{"_id":"a","x":2}"#)).expecting(Some(9)));
    let mut last = store.batch(2);
    last.append("d", Write::new(entity(r#"{"_id":"a","x":3}"#)).expecting(Some(0)));
    last.append("d", Write::new(entity(r#"{"_id":"z"}"#)).expecting(None));
    last.set_durability(Durability::Normal);
    let results = store.commit_all(vec![good, bad, last]);
    assert!(results[0].is_ok() && results[2].is_ok(), "{results:?}");
    assert!(matches!(
        &results[1],
        Err(StoreError::Conflict { id, expected: Some(9), found: Some(0), .. }) if id == "a"
    ));

    let reader = store.reader().unwrap();
    assert!(reader.dataset("new").unwrap().is_none());
    assert_eq!(reader.offset("pipe").unwrap(), Some(Value::Int(5)));
    assert_eq!(reader.get("d", "a").unwrap().unwrap().updated, 2);
}

#[test]
fn a_single_conflict_leaves_nothing_behind() {
    let (_dir, store) = open();
    let mut batch = store.batch(1);
    batch.append("d", entity(r#"{"_id":"a"}"#));
    batch.append("d", Write::new(entity(r#"{"_id":"a","x":1}"#)).expecting(None));
    let error = store.commit(batch).unwrap_err();
    assert_eq!(
        error.to_string(),
        "entity \"a\" of dataset \"d\" is at version 0, the writer expected no version"
    );
    assert!(store.reader().unwrap().dataset("d").unwrap().is_none());
}

#[test]
fn the_past_of_an_entity() {
    let (_dir, store) = open();
    let mut batch = store.batch(1);
    for x in 0..4 {
        batch.append("d", entity(&format!(r#"{{"_id":"a","x":{x}}}"#)));
        batch.append("d", entity(&format!(r#"{{"_id":"b","x":{x}}}"#)));
    }
    store.commit(batch).unwrap();
    let reader = store.reader().unwrap();
    let at = |id: &str, offset| match reader.previous_version("d", id, offset).unwrap() {
        Past::Version(version) => Some(version.updated),
        Past::Absent => None,
        Past::Compacted => panic!("nothing was compacted"),
    };
    assert_eq!(at("a", None), None);
    assert_eq!(at("a", Some(0)), Some(0));
    assert_eq!(at("b", Some(0)), None);
    assert_eq!(at("b", Some(1)), Some(1));
    assert_eq!(at("a", Some(5)), Some(4));
    assert_eq!(at("a", Some(u64::MAX)), Some(6));
    assert_eq!(at("c", Some(3)), None);
}

#[test]
fn changes_go_both_ways_and_in_pages() {
    let (_dir, store) = open();
    let mut batch = store.batch(1);
    for n in 0..2_000 {
        batch.append("d", entity(&format!(r#"{{"_id":"{n}"}}"#)));
    }
    store.commit(batch).unwrap();
    let reader = store.reader().unwrap();
    let places = |since, limit, select| -> Vec<u64> {
        let changes = reader.changes("d", since, limit, select).unwrap();
        changes.map(|version| version.unwrap().updated).collect()
    };
    assert_eq!(places(None, None, Select::default()), (0..2_000).collect::<Vec<_>>());
    assert_eq!(places(Some(1_990), Some(3), Select::default()), [1_991, 1_992, 1_993]);
    let reverse = Select { reverse: true, ..Select::default() };
    assert_eq!(places(None, Some(2), reverse.clone()), [1_999, 1_998]);
    let older = Select { before: Some(1_998), ..reverse.clone() };
    assert_eq!(places(None, None, older), (0..1_998).rev().collect::<Vec<_>>());
    assert_eq!(places(Some(1_997), None, reverse), [1_999, 1_998]);
    assert_eq!(places(Some(u64::MAX), None, Select::default()), [0; 0]);
    assert_eq!(reader.pending("d", Some(1_990)).unwrap(), 9);
    assert_eq!(reader.pending("d", None).unwrap(), 2_000);
}

#[test]
fn the_state_of_a_pipe() {
    let (_dir, store) = open();
    let mut batch = store.batch(1);
    batch.set_offset("p", Some(Value::string("2024-01-01")));
    let position = Position { dataset: "dep".into(), generation: "g".into(), since: Some(4) };
    batch.set_position("p", position.clone());
    batch.put_state("p", "clusters", b"k1", Some(b"v1"));
    batch.put_state("p", "clusters", b"k2", Some(b""));
    batch.put_state("p", "clusters", b"k1", Some(b"v2"));
    batch.put_state("p", "other", b"k1", Some(b"x"));
    batch.put_state("q", "clusters", b"k1", Some(b"y"));
    store.commit(batch).unwrap();

    let reader = store.reader().unwrap();
    assert_eq!(reader.offset("p").unwrap(), Some(Value::string("2024-01-01")));
    assert_eq!(reader.positions("p").unwrap(), std::slice::from_ref(&position));
    assert_eq!(reader.positions_in("dep").unwrap(), [("p".into(), position)]);
    assert_eq!(reader.state("p", "clusters", b"k1").unwrap().unwrap(), b"v2");
    assert_eq!(reader.state("p", "clusters", b"k2").unwrap().unwrap(), b"");
    assert_eq!(
        reader.scan_state("p", "clusters", b"k", Some(b"k1"), 10).unwrap(),
        [(b"k2".to_vec(), vec![])]
    );
    assert_eq!(reader.scan_state("p", "clusters", b"k1", None, 10).unwrap().len(), 1);
    assert_eq!(reader.scan_state("p", "clusters", b"", None, 1).unwrap().len(), 1);

    let mut batch = store.batch(2);
    batch.clear_state("p", "clusters");
    batch.put_state("p", "clusters", b"k3", Some(b"new"));
    batch.put_state("p", "other", b"k1", None);
    store.commit(batch).unwrap();
    let reader = store.reader().unwrap();
    assert_eq!(reader.scan_state("p", "clusters", b"", None, 10).unwrap().len(), 1);
    assert_eq!(reader.state("p", "other", b"k1").unwrap(), None);

    let mut batch = store.batch(3);
    batch.drop_pipe("p");
    store.commit(batch).unwrap();
    let reader = store.reader().unwrap();
    assert_eq!(reader.offset("p").unwrap(), None);
    assert_eq!(reader.positions("p").unwrap(), []);
    assert_eq!(reader.state("p", "clusters", b"k3").unwrap(), None);
    assert_eq!(reader.state("q", "clusters", b"k1").unwrap().unwrap(), b"y");
}

#[test]
fn offsets_keep_their_type() {
    let (_dir, store) = open();
    let values = [
        Value::Int(-3),
        Value::string("x"),
        Value::Float(1.5),
        Value::Bool(true),
        entity(r#"{"_id":"a","since":{"x":"~t2024-01-01T00:00:00Z"}}"#).into_value(),
    ];
    for value in values {
        let mut batch = store.batch(1);
        batch.set_offset("p", Some(value.clone()));
        batch.append("d", Write::new(entity(r#"{"_id":"a"}"#)).forced().from_source(value.clone()));
        batch.set_run("p/1");
        let updated = store.commit(batch).unwrap().datasets[0].last_offset.unwrap();
        let reader = store.reader().unwrap();
        assert_eq!(reader.offset("p").unwrap(), Some(value.clone()));
        let provenance = reader.provenance("d", updated).unwrap().unwrap();
        assert_eq!(provenance.source_offset, Some(value));
        assert_eq!(provenance.run.as_deref(), Some("p/1"));
    }
    assert_eq!(store.reader().unwrap().run_versions("p/1").unwrap(), 5);
    let mut batch = store.batch(1);
    batch.set_offset("p", None);
    store.commit(batch).unwrap();
    assert_eq!(store.reader().unwrap().offset("p").unwrap(), None);
}

#[test]
fn the_retry_queue() {
    let (_dir, store) = open();
    let retry = |id: &str, due, dead| Retry {
        id: id.into(),
        entity: entity(&format!(r#"{{"_id":"{id}","x":1,"_updated":3}}"#)),
        source_offset: Some(Value::Int(3)),
        attempts: 2,
        failed: 10,
        due,
        dead,
        reason: "the target said no".into(),
        detail: Value::string("more"),
    };
    let mut batch = store.batch(1);
    batch.put_retry("p", retry("a", 30, false));
    batch.put_retry("p", retry("b", 20, false));
    batch.put_retry("p", retry("c", 20, true));
    batch.put_retry("p", retry("d", 20, false));
    batch.remove_retry("p", "d");
    batch.put_retry("q", retry("a", 0, false));
    store.commit(batch).unwrap();
    let reader = store.reader().unwrap();
    let due = |now| -> Vec<String> {
        let due = reader.due_retries("p", now, 10).unwrap();
        due.iter().map(|retry| retry.id.to_string()).collect()
    };
    assert_eq!(due(19), [""; 0]);
    assert_eq!(due(25), ["b"]);
    assert_eq!(due(30), ["b", "a"]);
    assert_eq!(reader.next_retry("p").unwrap(), Some(20));
    assert_eq!(reader.retry("p", "a").unwrap().unwrap(), retry("a", 30, false));
    assert_eq!(reader.retries("p", Some("a"), 10).unwrap().len(), 2);
    let counts = reader.retry_counts("p").unwrap();
    assert_eq!((counts.waiting, counts.dead), (2, 1));
    let mut batch = store.batch(2);
    batch.clear_retries("p");
    store.commit(batch).unwrap();
    let counts = store.reader().unwrap().retry_counts("p").unwrap();
    assert_eq!((counts.waiting, counts.dead), (0, 0));
}

#[test]
fn what_is_known_about_a_dataset() {
    let (_dir, store) = open();
    assert!(store.create_dataset("d").unwrap());
    assert!(!store.create_dataset("d").unwrap());
    let mut batch = store.batch(5);
    batch.append("d", entity(r#"{"_id":"a"}"#));
    batch.set_populated("d");
    batch.set_completeness("d", Some(4));
    store.commit(batch).unwrap();
    let mut batch = store.batch(6);
    batch.append("d", entity(r#"{"_id":"b"}"#));
    batch.set_populated("d");
    store.commit(batch).unwrap();
    let reader = store.reader().unwrap();
    let d = reader.dataset("d").unwrap().unwrap();
    assert!(d.is_populated() && !d.is_internal());
    assert_eq!((d.initial_offset, d.completeness), (Some(1), Some(4)));
    assert_eq!((d.length, d.last_offset(), d.live), (2, Some(1), 2));

    store.reset_dataset("d").unwrap();
    let reader = store.reader().unwrap();
    let again = reader.dataset("d").unwrap().unwrap();
    assert_ne!(again.generation, d.generation);
    assert_eq!((again.length, again.live, again.is_populated()), (0, 0, false));
    store.drop_dataset("d").unwrap();
    let reader = store.reader().unwrap();
    assert!(matches!(reader.get("d", "a"), Err(StoreError::UnknownDataset(id)) if id == "d"));
    assert!(matches!(store.drop_dataset("d"), Err(StoreError::UnknownDataset(_))));
    assert_eq!(reader.datasets().unwrap(), []);
}
