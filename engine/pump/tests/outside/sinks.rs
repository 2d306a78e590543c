//! Writing outside.

use pipewright_component::{Access, Permission};
use pipewright_pump::Ending;
use serde_json::json;

use super::{Outside, node, outbound};

#[test]
fn held_writes_are_counted_and_nothing_is_lost() {
    let outside = Outside::default();
    let mut node = node(outbound(), &outside);
    node.access = Access { write_outside: Permission::Held, ..Access::LIVE };
    node.put("in", [json!({"_id": "a"}), json!({"_id": "b"}), json!({"_id": "c"})]);
    for _ in 0..2 {
        let report = node.run("out");
        assert_eq!(
            (report.ending, report.counts.held, report.counts.written),
            (Ending::Completed, 3, 0)
        );
    }
    assert!(outside.with(|world| world.calls.is_empty()));
    assert_eq!(node.store.reader().unwrap().offset("out").unwrap(), None);

    node.access = Access::LIVE;
    let report = node.run("out");
    assert_eq!((report.counts.held, report.counts.written), (0, 3));
    assert_eq!(outside.with(|world| world.target.len()), 3);
    assert_eq!(node.run("out").counts.read, 0);
}

#[test]
fn a_first_run_out_is_a_full_sequence_and_later_ones_are_not() {
    let outside = Outside::default();
    let node = node(outbound(), &outside);
    node.put("in", [json!({"_id": "a"}), json!({"_id": "b"}), json!({"_id": "c"})]);
    let report = node.run("out");
    node.put("in", [json!({"_id": "b", "n": 1})]);
    node.run("out");
    outside.with(|world| {
        assert_eq!(world.calls, [vec!["a", "b"], vec!["c"], vec!["b"]]);
        assert_eq!(world.sequences.iter().map(|s| s.is_full).collect::<Vec<_>>(), [true, false]);
        assert_eq!((&world.sequences[0].id, world.finished), (&report.run, 2));
    });
}

#[test]
fn another_config_does_not_send_everything_again_unless_told_to() {
    let outside = Outside::default();
    let mut node = node(outbound(), &outside);
    node.put("in", [json!({"_id": "a"})]);
    node.run("out");
    let mut changed = outbound();
    changed["transform"] = json!({"type": "dtl", "rules": {"default": [["add", "x", 1]]}});
    node.configure(changed.clone());
    let report = node.run("out");
    assert_eq!((report.counts.written, report.notes[0].code), (0, "config.changed"));
    assert!(node.run("out").notes.is_empty());
    changed["transform"]["rules"]["default"] = json!([["add", "x", 2]]);
    changed["rescan_when_config_changes"] = json!(true);
    node.configure(changed);
    assert_eq!(node.run("out").counts.written, 1);
}

#[test]
fn a_batch_is_sent_again_as_often_as_the_pipe_says() {
    let outside = Outside::default();
    let mut pipe = outbound();
    pipe["pump"] = json!({"batch_retries": 2});
    let node = node(pipe, &outside);
    node.put("in", [json!({"_id": "a"})]);
    outside.with(|world| world.fails = 3);
    assert!(matches!(node.run("out").ending, Ending::Failed { .. }));
    outside.with(|world| world.fails = 2);
    let report = node.run("out");
    assert!(report.is_success(), "{report:#?}");
    assert_eq!(outside.with(|world| world.target.len()), 1);
}

#[test]
fn entities_of_a_refused_batch_are_not_tried_singly_where_that_costs_too_much() {
    let outside = Outside::default();
    outside.with(|world| {
        world.refuses.insert("b".into());
        world.refuses_calls = true;
    });
    let mut pipe = outbound();
    pipe["pump"] = json!({"fallback_to_single_entities_on_batch_fail": false});
    let node = node(pipe, &outside);
    node.put("in", [json!({"_id": "a"}), json!({"_id": "b"}), json!({"_id": "c"})]);
    let report = node.run("out");
    assert_eq!((report.counts.written, report.counts.failed), (1, 2));
    assert_eq!(outside.with(|world| world.calls.clone()), [vec!["c"]]);
}

#[test]
fn a_target_that_does_not_answer_ends_the_run_and_costs_nothing() {
    let outside = Outside::default();
    outside.with(|world| world.is_down = true);
    let node = node(outbound(), &outside);
    node.put("in", [json!({"_id": "a"}), json!({"_id": "b"}), json!({"_id": "c"})]);
    let report = node.run("out");
    assert!(matches!(&report.ending, Ending::Failed { reason, .. } if reason.contains("nobody")));
    assert_eq!(node.store.reader().unwrap().retry_counts("out").unwrap().waiting, 0);
    outside.with(|world| world.is_down = false);
    assert_eq!(node.run("out").counts.written, 3);
}
