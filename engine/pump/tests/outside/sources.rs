//! Reading from outside.

use std::sync::Arc;

use pipewright_component::{Access, Clock, Continuation};
use pipewright_entity::Value;
use pipewright_pump::{Ending, RunKind};
use serde_json::{Value as Json, json};

use super::{Outside, TestNode, ids, inbound, node};

#[test]
fn held_reads_do_nothing() {
    let outside = Outside::default();
    outside.with(|world| world.source = vec![json!({"_id": "a"})]);
    let mut node = node(inbound(), &outside);
    node.access = Access::HELD;
    assert_eq!(node.run("in").ending, Ending::Held);
    assert_eq!(node.length("in"), 0);
}

#[test]
fn a_source_without_a_marker_is_read_in_full_and_deletions_are_found() {
    let outside = Outside::default();
    outside.with(|world| {
        world.source = vec![json!({"_id": "a"}), json!({"_id": "b"}), json!({"_id": "c"})]
    });
    let node = node(inbound(), &outside);
    node.run("in");
    outside.with(|world| world.source.remove(1));
    let report = node.run("in");
    assert_eq!((report.kind, report.counts.deleted_unseen), (RunKind::Full, 1));
    assert_eq!(ids(&node, "in"), ["a", "c"]);

    // A stream that breaks deletes nothing.
    outside.with(|world| {
        world.source.remove(0);
        world.breaks_after = Some(0);
    });
    assert!(matches!(node.run("in").ending, Ending::Failed { .. }));
    assert_eq!(ids(&node, "in"), ["a", "c"]);
}

#[test]
fn a_chronological_source_goes_on_where_it_broke() {
    let outside = Outside::default();
    outside.with(|world| {
        world.continuation = Some(Continuation::Chronological);
        world.source = (0..5).map(|n| json!({"_id": format!("e{n}"), "_updated": n})).collect();
        world.breaks_after = Some(1);
    });
    let node = node(inbound(), &outside);
    assert!(matches!(node.run("in").ending, Ending::Failed { .. }));
    assert_eq!(ids(&node, "in"), ["e0", "e1"]);
    outside.with(|world| world.breaks_after = None);
    let report = node.run("in");
    assert_eq!((report.kind, report.counts.read), (RunKind::Incremental, 3));
    assert_eq!(ids(&node, "in").len(), 5);
}

#[test]
fn a_source_with_markers_in_any_order_keeps_the_largest_at_the_end() {
    let outside = Outside::default();
    outside.with(|world| {
        world.continuation = Some(Continuation::Max);
        world.source = [7, 3, 5].map(|n| json!({"_id": format!("e{n}"), "_updated": n})).into();
        world.breaks_after = Some(1);
    });
    let node = node(inbound(), &outside);
    assert!(matches!(node.run("in").ending, Ending::Failed { .. }));
    assert_eq!(node.store.reader().unwrap().offset("in").unwrap(), None);
    outside.with(|world| world.breaks_after = None);
    node.run("in");
    assert_eq!(node.store.reader().unwrap().offset("in").unwrap(), Some(Value::Int(7)));
    assert_eq!(node.run("in").counts.read, 0);
}

#[test]
fn a_full_run_that_was_cut_is_begun_again() {
    let outside = Outside::default();
    outside.with(|world| {
        world.continuation = Some(Continuation::Chronological);
        world.source = (0..4).map(|n| json!({"_id": format!("e{n}"), "_updated": n})).collect();
    });
    let node = node(inbound(), &outside);
    node.run("in");
    outside.with(|world| {
        world.source.remove(0);
        world.breaks_after = Some(1);
    });
    assert!(matches!(node.run_full("in").ending, Ending::Failed { .. }));
    assert_eq!(ids(&node, "in").len(), 4);
    outside.with(|world| world.breaks_after = None);
    let report = node.run("in");
    assert_eq!((report.kind, report.notes[0].code), (RunKind::Full, "full.cut"));
    assert_eq!(ids(&node, "in"), ["e1", "e2", "e3"]);
    assert_eq!(node.run("in").kind, RunKind::Incremental);
}

#[test]
fn a_failing_entity_of_a_full_run_is_not_taken_for_gone() {
    let outside = Outside::default();
    outside.with(|world| world.source = vec![json!({"_id": "a"}), json!({"_id": "b"})]);
    let mut pipe = inbound();
    pipe["transform"] = json!({"type": "dtl", "rules": {"default": [
        ["copy", "*"], ["if", ["eq", "_S.bad", true], ["fail!", "bad"]],
    ]}});
    let mut node = node(pipe.clone(), &outside);
    node.run("in");
    outside.with(|world| world.source = vec![json!({"_id": "a", "bad": true})]);
    let report = node.run("in");
    assert_eq!((report.counts.failed, report.counts.deleted_unseen), (1, 1));
    assert_eq!(ids(&node, "in"), ["a"]);

    // Under another id nobody knows which one is gone.
    let rules = pipe["transform"]["rules"]["default"].as_array_mut().unwrap();
    rules.push(json!(["add", "_id", ["concat", "x-", "_S._id"]]));
    node.configure(pipe);
    outside.with(|world| world.source = vec![json!({"_id": "a"}), json!({"_id": "b"})]);
    node.run("in");
    outside
        .with(|world| world.source = vec![json!({"_id": "a"}), json!({"_id": "b", "bad": true})]);
    let report = node.run("in");
    assert_eq!(report.counts.deleted_unseen, 0);
    assert_eq!(report.notes[0].code, "deletions.skipped");
    assert_eq!(ids(&node, "in"), ["x-a", "x-b"]);
}

#[test]
fn an_unknown_kind_is_named() {
    let mut node = TestNode::new([inbound()]);
    node.components = Arc::new(pipewright_component::NoComponents);
    let Ending::Failed { reason, .. } = node.run("in").ending else { panic!() };
    assert!(reason.contains("json") && reason.contains("$.source.type"), "{reason}");
}

#[test]
fn a_source_is_read_again_as_often_as_the_pipe_says() {
    let outside = Outside::default();
    let mut pipe = inbound();
    pipe["pump"] = json!({"max_read_retries": 2, "read_retry_delay": 30});
    let node = node(pipe, &outside);
    outside.with(|world| {
        world.source = vec![json!({"_id": "a"})];
        world.fails = 2;
    });
    let begun = node.clock.now();
    assert!(node.run("in").is_success());
    assert!(node.clock.now() - begun >= 60_000_000, "it waits in between");
    assert_eq!(ids(&node, "in"), ["a"]);
    let log = node.log("in");
    let errors: Vec<_> = log.values().filter(|line| line["event_type"] == "read-error").collect();
    assert_eq!(errors.len(), 2);
    assert!(errors.iter().all(|line| line["error_code"] == 0));

    outside.with(|world| world.fails = 3);
    assert!(matches!(node.run("in").ending, Ending::Failed { .. }));
}

#[test]
fn a_broken_line_is_taken_up_where_it_broke() {
    let outside = Outside::default();
    let mut pipe = inbound();
    pipe["checkpoint_interval"] = json!(1);
    pipe["pump"] = json!({"max_read_retries": 1});
    let node = node(pipe, &outside);
    outside.with(|world| {
        world.continuation = Some(Continuation::Chronological);
        world.source = (0..6).map(|n| json!({"_id": n.to_string(), "_updated": n})).collect();
        world.breaks_after = Some(2);
    });
    let report = node.run("in");
    assert!(report.is_success(), "{report:#?}");
    assert_eq!((report.counts.read, ids(&node, "in").len()), (6, 6));
}

#[test]
fn a_system_says_by_status_how_often_its_source_is_read_again() {
    let strategy = json!({
        "429": {"max_read_retries": 3, "read_retry_delay": 7},
        "500-599": {"max_read_retries": 1},
        "default": {"max_read_retries": 2},
    });
    let tries = |status: Option<u16>, pump: Json| {
        let outside = Outside::default();
        outside.with(|world| (world.fails, world.status) = (100, status));
        let mut pipe = inbound();
        pipe["pump"] = pump;
        let mut node = TestNode::with_systems(
            [pipe],
            [json!({
                "_id": "web", "type": "system:url", "url_pattern": "http://x/%s",
                "retry_strategy": strategy,
            })],
        );
        node.components = Arc::new(outside.clone());
        let before = node.clock.now();
        assert!(!node.run("in").is_success());
        let seconds = (node.clock.now() - before) / 1_000_000;
        (100 - outside.with(|world| world.fails), seconds)
    };
    assert_eq!(tries(Some(429), json!({})), (4, 21));
    assert_eq!(tries(Some(503), json!({})).0, 2);
    assert_eq!(tries(Some(408), json!({})).0, 3);
    assert_eq!(tries(None, json!({})).0, 1);
    assert_eq!(tries(Some(429), json!({"max_read_retries": 5})).0, 6);
}
