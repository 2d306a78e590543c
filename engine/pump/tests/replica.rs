//! Datasets that are copies: every version keeps its place.
#![allow(clippy::unwrap_used)]

mod common;

use common::{TestNode, transform};
use pipewright_pump::Ending;
use pipewright_store::Select;
use serde_json::{Value as Json, json};

fn copy(sink: Json) -> Json {
    let mut pipe = json!({"_id": "copy", "source":
        {"type": "dataset", "dataset": "from", "include_previous_versions": true}});
    pipe["sink"] = json!({"type": "replicated_dataset", "dataset": "to"});
    pipe["sink"].as_object_mut().unwrap().extend(sink.as_object().unwrap().clone());
    pipe["batch_size"] = json!(2);
    pipe
}

/// Every version with its place.
fn log(node: &TestNode, dataset: &str) -> Vec<(u64, Json)> {
    let reader = node.store.reader().unwrap();
    let select = Select { history: true, ..Select::default() };
    let versions = reader.changes(dataset, None, None, select).unwrap();
    versions
        .map(|version| version.unwrap())
        .map(|version| (version.updated, version.entity.into_value().to_json()))
        .collect()
}

fn put(node: &TestNode, ids: std::ops::Range<u32>, n: i64) {
    node.put("from", ids.map(|id| json!({"_id": id.to_string(), "n": n})));
}

#[track_caller]
fn runs(node: &TestNode) -> pipewright_pump::Report {
    let report = node.run("copy");
    assert!(report.is_success(), "{report:#?}");
    assert_eq!(log(node, "from"), log(node, "to"));
    report
}

#[test]
fn a_copy_has_every_version_at_its_place_and_goes_on_from_there() {
    let node = TestNode::new([copy(json!({}))]);
    put(&node, 0..5, 0);
    put(&node, 1..3, 1);
    node.put("from", [json!({"_id": "4", "_deleted": true})]);
    assert_eq!(runs(&node).counts.written, 8);
    put(&node, 3..7, 2);
    assert_eq!(runs(&node).counts.written, 4);
    // What stands there already is not written again.
    let report = node.run_full("copy");
    assert!(report.is_success(), "{report:#?}");
    assert_eq!((report.counts.read, report.counts.written), (12, 0));
    assert_eq!(log(&node, "from"), log(&node, "to"));
}

#[test]
fn without_previous_versions_places_are_left_out() {
    let mut pipe = copy(json!({}));
    pipe["source"]["include_previous_versions"] = json!(false);
    let node = TestNode::new([pipe]);
    put(&node, 0..4, 0);
    put(&node, 1..3, 1);
    assert!(node.run("copy").is_success());
    let places = |node: &TestNode| -> Vec<u64> {
        log(node, "to").into_iter().map(|(place, _)| place).collect()
    };
    assert_eq!(places(&node), [0, 3, 4, 5]);
    put(&node, 0..1, 1);
    assert!(node.run("copy").is_success());
    assert_eq!(places(&node), [0, 3, 4, 5, 6]);
    assert_eq!(node.current("to"), node.current("from"));
    let reader = node.store.reader().unwrap();
    let page: Vec<u64> = reader
        .page("to", 1, 2, Select::default())
        .unwrap()
        .map(|version| version.unwrap().updated)
        .collect();
    assert_eq!(page, [4, 5]);
}

#[test]
fn a_source_that_was_made_anew_is_copied_anew() {
    let node = TestNode::new([copy(json!({}))]);
    put(&node, 0..5, 0);
    runs(&node);
    let generation = |node: &TestNode| {
        node.store.reader().unwrap().dataset("to").unwrap().unwrap().generation.clone()
    };
    let before = generation(&node);
    // Another beginning.
    node.store.drop_dataset("from").unwrap();
    put(&node, 0..7, 1);
    let report = runs(&node);
    assert!(report.notes.iter().any(|note| note.code == "copy.anew"), "{report:#?}");
    assert_ne!(generation(&node), before);
    // The same beginning, and shorter.
    node.store.drop_dataset("from").unwrap();
    put(&node, 0..4, 1);
    runs(&node);
    // The same beginning, and longer: nothing to make anew.
    node.store.drop_dataset("from").unwrap();
    put(&node, 0..6, 1);
    let before = generation(&node);
    runs(&node);
    assert_eq!(generation(&node), before);
}

#[test]
fn a_dataset_that_is_no_copy_is_left_alone_unless_the_config_says_otherwise() {
    let mut node = TestNode::new([copy(json!({}))]);
    put(&node, 0..3, 0);
    node.put("to", [json!({"_id": "other"})]);
    let failed = |node: &TestNode| match node.run("copy").ending {
        Ending::Failed { reason, .. } => reason,
        other => panic!("{other:?}"),
    };
    assert!(failed(&node).contains("no copy"));
    assert_eq!(node.length("to"), 1);
    node.configure(copy(json!({"allow_normal_dataset": true})));
    assert!(node.run("copy").is_success());
    assert_eq!((node.length("to"), node.live("to").len()), (4, 4));
    node.configure(copy(json!({"auto_migrate_to_replicated_dataset": true})));
    runs(&node);
}

#[test]
fn what_has_no_place_or_fails_ends_the_run() {
    let failed = |pipe: Json| {
        let node = TestNode::new([pipe]);
        put(&node, 0..3, 0);
        match node.run("copy").ending {
            Ending::Failed { reason, .. } => (reason, node.length("to")),
            other => panic!("{other:?}"),
        }
    };
    let mut pipe = copy(json!({}));
    pipe["source"] = json!({"type": "embedded", "entities": [{"_id": "1"}]});
    assert!(failed(pipe).0.contains("no place"));
    let rules = json!([["copy", "*"], ["if", ["eq", "_S._id", "1"], ["fail!", "no"]]]);
    let dtl = transform("copy", "from", rules);
    let mut pipe = copy(json!({}));
    pipe["transform"] = dtl["transform"].clone();
    let (reason, length) = failed(pipe);
    assert!(reason.contains("leaves nothing out"), "{reason}");
    assert_eq!(length, 0);
    let mut pipe = copy(json!({}));
    pipe["transform"] = transform(
        "copy",
        "from",
        json!([["copy", "*"], ["create", ["dict", "_id", ["concat", "x", "_S._id"]]],]),
    )["transform"]
        .clone();
    assert!(failed(pipe).0.contains("several entities for one place"));
}
