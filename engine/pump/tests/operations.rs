//! What people do to a pipe between its runs.
#![allow(clippy::unwrap_used)]

mod common;

use common::{TestNode, transform};
use pipewright_component::Clock;
use pipewright_entity::Value;
use pipewright_pump::{OperateError, Operation, RunKind, operate};
use serde_json::{Value as Json, json};

fn copy() -> Json {
    transform("out", "in", json!([["copy", "*"]]))
}

fn entities(count: u32) -> Vec<Json> {
    (0..count).map(|n| json!({"_id": n.to_string()})).collect()
}

fn act(node: &TestNode, operation: Operation) -> Result<(), OperateError> {
    operate(node.plan("out"), &node.store, &operation, "ada", node.clock.now())
}

#[test]
fn a_reset_reads_everything_again_and_an_offset_goes_on_from_there() {
    let node = TestNode::new([copy()]);
    node.put("in", entities(5));
    node.run("out");
    act(&node, Operation::SetLastSeen(None)).unwrap();
    let line = &node.log("out")["pump-offset-set"];
    assert_eq!((&line["is_reset"], &line["original_pipe_offset"]), (&json!(true), &json!(4)));
    assert_eq!(line["user"]["user_id"], "ada");
    let report = node.run("out");
    assert_eq!((report.kind, report.counts.read), (RunKind::Full, 5));

    act(&node, Operation::SetLastSeen(Some(Value::Int(2)))).unwrap();
    let report = node.run("out");
    assert_eq!((report.kind, report.counts.read), (RunKind::Incremental, 2));
}

#[test]
fn an_offset_set_by_hand_holds_for_another_config_and_for_a_pipe_that_never_ran() {
    let mut node = TestNode::new([copy()]);
    node.put("in", entities(5));
    act(&node, Operation::SetLastSeenToEnd).unwrap();
    assert_eq!(node.run("out").counts.read, 0);
    node.configure(transform("out", "in", json!([["copy", "*"], ["add", "x", 1]])));
    act(&node, Operation::SetLastSeen(Some(Value::Int(3)))).unwrap();
    let report = node.run("out");
    assert_eq!((report.kind, report.counts.read), (RunKind::Incremental, 1));
}

#[test]
fn what_cannot_be_set_is_refused() {
    let mut keeps = copy();
    keeps["disable_set_last_seen"] = json!(true);
    let mut node = TestNode::new([keeps]);
    node.put("in", entities(1));
    node.run("out");
    for operation in [Operation::SetLastSeen(None), Operation::SetLastSeenToEnd] {
        assert!(matches!(act(&node, operation), Err(OperateError::Refused(_))));
    }
    assert_eq!(node.run("out").counts.read, 0);
    node.configure(json!({"_id": "out", "source": {"type": "embedded", "entities": []}}));
    assert!(matches!(act(&node, Operation::SetLastSeenToEnd), Err(OperateError::Refused(_))));
}

#[test]
fn tracking_that_is_reset_passes_over_what_changed() {
    let hops = json!(["hops", {"datasets": ["other o"], "where": [["eq", "_S._id", "o._id"]],
                               "return": "o.n"}]);
    let node =
        TestNode::new([transform("out", "in", json!([["copy", "_id"], ["add", "n", hops]]))]);
    node.put("other", [json!({"_id": "0", "n": 1})]);
    node.put("in", entities(1));
    node.run("out");
    node.put("other", [json!({"_id": "0", "n": 2})]);
    act(&node, Operation::ResetTracking).unwrap();
    assert_eq!(node.run("out").counts.read, 0);
    node.put("other", [json!({"_id": "0", "n": 3})]);
    assert_eq!(node.run("out").counts.read, 1);
    assert_eq!(node.live("out")["0"]["n"], json!([3]));
}

#[test]
fn tracking_that_is_set_to_the_start_follows_everything_again() {
    let hops = json!(["hops", {"datasets": ["other o"], "where": [["eq", "_S._id", "o._id"]],
                               "return": "o.n"}]);
    let node =
        TestNode::new([transform("out", "in", json!([["copy", "_id"], ["add", "n", hops]]))]);
    node.put("other", [json!({"_id": "0", "n": 1}), json!({"_id": "1", "n": 1})]);
    node.put("in", entities(3));
    node.run("out");
    assert_eq!(node.run("out").counts.read, 0);
    act(&node, Operation::SetTrackingToStart).unwrap();
    // The third looks up nothing.
    assert_eq!(node.run("out").counts.read, 2);
    assert_eq!(node.run("out").counts.read, 0);
    assert_eq!(node.log("out")["pump-tracking-set-to-start"]["user"]["user_id"], "ada");
}

#[test]
fn what_nothing_is_kept_of_is_discarded_by_a_line_in_the_log() {
    let node = TestNode::new([copy()]);
    node.put("in", entities(2));
    node.run("out");
    for (operation, line) in [
        (Operation::ResetRescan, "pump-rescan-reset"),
        (Operation::DiscardInferredSchema, "pump-discard-inferred-schema"),
    ] {
        act(&node, operation).unwrap();
        assert_eq!(node.log("out")[line]["user"]["user_id"], "ada", "{line}");
        assert_eq!(node.run("out").counts.read, 0, "{line}");
    }
}

#[test]
fn discarded_retries_are_not_tried_again() {
    let fails = json!([["copy", "*"], ["if", ["eq", "_S._id", "1"], [["fail!", "no"]]]]);
    let node = TestNode::new([transform("out", "in", fails)]);
    node.put("in", entities(3));
    assert_eq!(node.run("out").counts.failed, 1);
    assert_eq!(node.run("out").counts.failed, 1, "it is tried again");
    let why = Some("The record is gone in the source.".to_owned());
    act(&node, Operation::DiscardRetries { ids: vec!["1".into()], why }).unwrap();
    let report = node.run("out");
    assert_eq!((report.counts.read, report.retries), (0, 0));
    let log = node.log("out");
    assert_eq!(log["pump-discard-retries"]["comment"], "The record is gone in the source.");
    let error = &log["write-error:1"];
    assert_eq!((&error["resolved"], &error["discarded"]), (&json!(true), &json!(true)));
    let unknown = Operation::DiscardRetries { ids: vec!["1".into()], why: None };
    assert!(matches!(act(&node, unknown), Err(OperateError::Refused(_))));
}

#[test]
fn a_dead_letter_is_tried_again_when_someone_says_so() {
    let fails = json!([["copy", "*"], ["if", ["eq", "_S.n", 1], [["fail!", "no"]]]]);
    let mut pipe = transform("out", "in", fails);
    pipe["pump"] = json!({
        "max_retries_per_entity": 0, "dead_letter_dataset": "dead", "track_dead_letters": true,
    });
    let mut node = TestNode::new([pipe.clone()]);
    node.put("in", [json!({"_id": "a", "n": 1}), json!({"_id": "b", "n": 1})]);
    node.run("out");
    node.run("out");
    let dead = |node: &TestNode| node.store.reader().unwrap().retry_counts("out").unwrap().dead;
    assert_eq!((dead(&node), node.live("dead").len()), (2, 2));
    assert_eq!(node.run("out").counts.read, 0, "it is given up");

    act(&node, Operation::TryAgain(vec!["a".into()])).unwrap();
    assert_eq!(node.live("dead").len(), 1);
    assert_eq!(node.run("out").counts.failed, 1);
    assert_eq!((dead(&node), node.live("dead").len()), (2, 2), "once more in vain");

    pipe["transform"]["rules"]["default"] = json!([["copy", "*"]]);
    node.configure(pipe);
    act(&node, Operation::SetLastSeenToEnd).unwrap();
    act(&node, Operation::TryAgain(Vec::new())).unwrap();
    assert_eq!(node.run("out").counts.written, 2);
    assert_eq!((dead(&node), node.live("dead").len()), (0, 0));
}
