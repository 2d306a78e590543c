//! Dependency tracking: which source entities run again.
#![allow(clippy::unwrap_used)]

mod common;

use common::{TestNode, transform};
use pipewright_pump::RunKind;
use serde_json::{Value as Json, json};

fn orders() -> Json {
    transform(
        "out",
        "customers",
        json!([
            ["copy", "*"],
            ["add", "orders", ["hops", {
                "datasets": ["orders o"], "where": [["eq", "_S._id", "o.customer"]],
                "return": "o._id",
            }]],
        ]),
    )
}

#[test]
fn exactly_the_concerned_entities_run_again() {
    let node = TestNode::new([orders()]);
    node.put("customers", (0..50).map(|n| json!({"_id": format!("c{n}")})));
    node.put("orders", [json!({"_id": "o1", "customer": "c1"})]);
    node.run("out");
    assert_eq!(node.live("out")["c1"]["orders"], json!(["o1"]));

    // The order moves: its old and its new customer run again, nobody else.
    node.put("orders", [json!({"_id": "o1", "customer": "c2"})]);
    let report = node.run("out");
    assert_eq!(
        (report.kind, report.counts.read, report.counts.written),
        (RunKind::Incremental, 2, 2)
    );
    assert_eq!(node.live("out")["c1"]["orders"], json!([]));
    assert_eq!(node.live("out")["c2"]["orders"], json!(["o1"]));
    assert_eq!(node.run("out").counts.read, 0, "the new place is remembered");

    // A deleted order concerns the customer it had.
    node.put("orders", [json!({"_id": "o1", "customer": "c2", "_deleted": true})]);
    assert_eq!(node.run("out").counts.read, 1);
    assert_eq!(node.live("out")["c2"]["orders"], json!([]));
}

#[test]
fn a_version_in_between_counts() {
    let node = TestNode::new([orders()]);
    node.put("customers", [json!({"_id": "c1"}), json!({"_id": "c2"}), json!({"_id": "c3"})]);
    node.put("orders", [json!({"_id": "o1", "customer": "c1"})]);
    node.run("out");
    // Nobody knows whether something ran while the order was with c2.
    node.put("orders", [json!({"_id": "o1", "customer": "c2"})]);
    node.put("orders", [json!({"_id": "o1", "customer": "c3"})]);
    assert_eq!(node.run("out").counts.read, 3);
}

#[test]
fn entities_ahead_of_the_offset_run_once() {
    let node = TestNode::new([orders()]);
    node.put("customers", [json!({"_id": "c1"})]);
    node.put("orders", []);
    node.run("out");
    node.put("customers", [json!({"_id": "c1", "n": 1})]);
    node.put("orders", [json!({"_id": "o1", "customer": "c1"})]);
    assert_eq!(node.run("out").counts.read, 1);
}

#[test]
fn what_cannot_be_tracked_makes_the_source_run_in_full() {
    let mut pipe = orders();
    pipe["source"] = json!({
        "type": "merge", "version": 2, "identity": "first", "datasets": ["customers c"],
    });
    let node = TestNode::new([pipe]);
    node.put("customers", [json!({"_id": "c1"}), json!({"_id": "c2"})]);
    node.put("orders", []);
    node.run("out");
    assert_eq!(node.run("out").kind, RunKind::Incremental);
    node.put("orders", [json!({"_id": "o1", "customer": "c1"})]);
    let report = node.run("out");
    assert_eq!((report.kind, report.counts.written), (RunKind::Full, 1));
    assert_eq!(report.notes[0].code, "dependencies.untracked");
    let why = node.plan("out").dependencies().next().unwrap().1.unwrap();
    assert!(why.contains("dataset source"), "{why}");
}

#[test]
fn a_looked_up_dataset_that_was_made_anew_makes_the_source_run_in_full() {
    let node = TestNode::new([orders()]);
    node.put("customers", [json!({"_id": "c1"}), json!({"_id": "c2"})]);
    node.put("orders", [json!({"_id": "o1", "customer": "c1"})]);
    node.run("out");
    node.store.reset_dataset("orders").unwrap();
    let report = node.run("out");
    assert_eq!((report.kind, report.notes[0].code), (RunKind::Full, "dependencies.replaced"));
    assert_eq!(node.live("out")["c1"]["orders"], json!([]));
}

#[test]
fn too_many_concerned_entities_are_a_full_run() {
    let mut pipe = orders();
    pipe["dependency_tracking"] = json!({"dependency_error_threshold": 10});
    pipe["transform"]["rules"]["default"][1][2][1]["where"] = json!([["eq", "_S.k", "o.k"]]);
    let node = TestNode::new([pipe]);
    node.put("customers", (0..20).map(|n| json!({"_id": format!("c{n}"), "k": 1})));
    node.put("orders", []);
    node.run("out");
    node.put("orders", [json!({"_id": "o1", "k": 1})]);
    let report = node.run("out");
    assert_eq!((report.kind, report.notes[0].code), (RunKind::Full, "dependencies.too-many"));
}

#[test]
fn a_pipe_that_looks_into_what_it_writes_settles() {
    let pipe = transform(
        "out",
        "in",
        json!([
            ["copy", "*"],
            ["add", "seen", ["count", ["hops", {
                "datasets": ["out o"], "where": [["eq", "_S.k", "o.k"]],
            }]]],
        ]),
    );
    let node = TestNode::new([pipe]);
    node.put("in", (0..5).map(|n| json!({"_id": format!("e{n}"), "k": n % 2})));
    node.settle();
    assert_eq!(node.live("out")["e0"]["seen"], json!(3));
}
