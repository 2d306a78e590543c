//! Circuit breakers: what trips them, and what becomes of what they hold back.
#![allow(clippy::unwrap_used)]

mod common;

use common::{TestNode, transform};
use pipewright_component::Clock;
use pipewright_pump::{Ending, commit_tripped, roll_back_tripped};
use serde_json::{Value as Json, json};

fn guarded(limits: Json) -> Json {
    let mut pipe = transform("out", "in", json!([["copy", "*"], ["filter", ["not", "_S.off"]]]));
    pipe["batch_size"] = json!(2);
    pipe["checkpoint_interval"] = json!(1);
    let mut sink = json!({"type": "dataset", "dataset": "out"});
    sink.as_object_mut().unwrap().extend(limits.as_object().unwrap().clone());
    pipe["sink"] = sink;
    pipe
}

fn entities(ids: std::ops::Range<u32>, n: i64) -> Vec<Json> {
    ids.map(|id| json!({"_id": format!("{id:02}"), "n": n})).collect()
}

/// A node whose sink has ten entities and is populated.
fn filled(limits: Json) -> TestNode {
    let node = TestNode::new([guarded(limits)]);
    node.put("in", entities(0..10, 0));
    let mut batch = node.store.batch(node.clock.now());
    batch.set_populated("in");
    node.store.commit(batch).unwrap();
    assert!(node.run("out").is_success(), "the first run may fill the dataset");
    assert_eq!(node.live("out").len(), 10);
    node
}

fn trip(node: &TestNode) {
    let report = node.run("out");
    match &report.ending {
        Ending::Failed { reason, .. } => assert!(reason.contains("circuit breaker"), "{reason}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(report.changed, Vec::<String>::new());
    assert_eq!(node.log("out")["pump-failed"]["event_type"], "pump-failed");
}

fn ns(node: &TestNode) -> Vec<i64> {
    node.live("out").values().map(|entity| entity["n"].as_i64().unwrap()).collect()
}

#[test]
fn a_run_within_the_limit_changes_the_dataset_as_always() {
    let node = filled(json!({"circuit_breaker_threshold_count": 4}));
    node.put("in", entities(0..4, 1));
    // What is the same as before is no change.
    node.put("in", entities(4..10, 0));
    let report = node.run("out");
    assert!(report.is_success(), "{report:#?}");
    assert_eq!((report.counts.read, report.counts.written), (4, 4));
    assert_eq!(report.changed, ["out"]);
    assert_eq!(ns(&node), [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(node.run("out").counts.read, 0);
    let datasets = node.store.reader().unwrap().datasets().unwrap();
    assert!(datasets.iter().all(|dataset| !dataset.id.starts_with("system:uncommitted")));
}

#[test]
fn more_changes_than_the_limit_trip_it_and_nothing_is_seen_of_them() {
    let node = filled(json!({"circuit_breaker_threshold_count": 4}));
    node.put("in", entities(0..7, 1));
    trip(&node);
    assert_eq!(ns(&node), [0; 10]);
    // It does not run until someone decides.
    node.put("in", entities(20..21, 1));
    let report = node.run("out");
    assert_eq!((report.ending, report.notes[0].code), (Ending::Held, "breaker.tripped"));
    assert_eq!(ns(&node).len(), 10);
}

#[test]
fn committing_brings_in_what_was_held_back_and_the_pipe_goes_on_behind_it() {
    let node = filled(json!({"circuit_breaker_threshold_count": 4}));
    let mut changes = entities(0..7, 1);
    changes[1]["off"] = json!(true);
    node.put("in", changes);
    trip(&node);
    assert!(commit_tripped(node.plan("out"), &node.store, "test", node.clock.now()).unwrap());
    assert!(!commit_tripped(node.plan("out"), &node.store, "test", node.clock.now()).unwrap());
    // Three batches of two went past the limit; one of them was deleted.
    assert_eq!(ns(&node), [1, 1, 1, 1, 1, 0, 0, 0, 0]);
    assert_eq!(node.current("out")["01"]["n"], 0, "what is deleted keeps its properties");
    let report = node.run("out");
    assert!(report.is_success());
    assert_eq!((report.counts.read, report.counts.written), (1, 1));
    assert_eq!(ns(&node), [1, 1, 1, 1, 1, 1, 0, 0, 0]);
}

#[test]
fn rolling_back_leaves_everything_as_it_was_before_the_run() {
    let node = filled(json!({"circuit_breaker_threshold_count": 4}));
    node.put("in", entities(0..7, 1));
    trip(&node);
    assert!(roll_back_tripped(node.plan("out"), &node.store, "test", node.clock.now()).unwrap());
    assert_eq!(ns(&node), [0; 10]);
    // The same again trips it again; once the source is right it does not.
    trip(&node);
    assert!(roll_back_tripped(node.plan("out"), &node.store, "test", node.clock.now()).unwrap());
    node.put("in", entities(0..5, 0));
    let report = node.run("out");
    assert!(report.is_success(), "{report:#?}");
    assert_eq!(ns(&node), [0, 0, 0, 0, 0, 1, 1, 0, 0, 0]);
}

#[test]
fn deletions_by_a_full_run_count() {
    let node = filled(json!({"circuit_breaker_threshold_factor": 0.3}));
    node.store.reset_dataset("in").unwrap();
    node.put("in", entities(0..6, 0));
    trip(&node);
    assert_eq!(ns(&node).len(), 10);
    assert!(roll_back_tripped(node.plan("out"), &node.store, "test", node.clock.now()).unwrap());
    node.put("in", entities(6..7, 0));
    let report = node.run("out");
    assert!(report.is_success(), "{report:#?}");
    assert_eq!((report.counts.deleted_unseen, ns(&node).len()), (3, 7));
}

#[test]
fn the_larger_of_two_limits_holds() {
    let node = filled(json!({
        "circuit_breaker_threshold_factor": 0.1, "circuit_breaker_threshold_count": 5,
    }));
    node.put("in", entities(0..5, 1));
    assert!(node.run("out").is_success());
    node.put("in", entities(0..6, 2));
    trip(&node);
}
