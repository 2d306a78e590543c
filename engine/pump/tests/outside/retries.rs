//! Entities that fail, and trying them again.

use std::collections::BTreeSet;
use std::time::Duration;

use pipewright_component::Clock;
use pipewright_pump::{Agenda, Ending};
use serde_json::json;

use super::{Outside, node, outbound};

#[test]
fn bad_entities_are_queued_and_the_rest_goes_on() {
    for whole_calls in [false, true] {
        let outside = Outside::default();
        outside.with(|world| {
            world.refuses.insert("b".into());
            world.refuses_calls = whole_calls;
        });
        let node = node(outbound(), &outside);
        node.put("in", [json!({"_id": "a"}), json!({"_id": "b"}), json!({"_id": "c"})]);
        let report = node.run("out");
        assert_eq!(report.ending, Ending::Completed);
        assert_eq!((report.counts.written, report.counts.failed), (2, 1));
        assert!(!report.is_success());
        assert_eq!(report.failures.len(), 1);
        let error = &node.log("out")["write-error:b"];
        assert_eq!((&error["retryable"], &error["resolved"]), (&json!(true), &json!(false)));
        assert_eq!(node.log("out")["pump-completed"]["entities_failed"], 1);

        // It comes first in the next run, and leaves the queue when it works.
        outside.with(|world| world.refuses.clear());
        node.put("in", [json!({"_id": "d"})]);
        let report = node.run("out");
        assert_eq!((report.counts.written, report.counts.failed), (2, 0));
        outside.with(|world| {
            assert_eq!(world.calls[world.calls.len() - 2..], [vec!["b"], vec!["d"]]);
        });
        assert_eq!(node.log("out")["write-error:b"]["resolved"], json!(true));
        assert_eq!(node.run("out").counts.read, 0);
    }
}

#[test]
fn a_newer_version_stands_in_for_a_retry() {
    let outside = Outside::default();
    outside.with(|world| world.refuses = BTreeSet::from(["b".into()]));
    let node = node(outbound(), &outside);
    node.put("in", [json!({"_id": "b", "n": 1})]);
    node.run("out");
    outside.with(|world| world.refuses.clear());
    node.put("in", [json!({"_id": "b", "n": 2})]);
    let report = node.run("out");
    assert_eq!((report.counts.read, report.counts.written), (1, 1));
    assert_eq!(outside.with(|world| world.target["b"].clone()), json!({"_id": "b", "n": 2}));
    assert_eq!(node.store.reader().unwrap().retry_counts("out").unwrap().waiting, 0);
}

#[test]
fn an_entity_that_fails_too_often_is_a_dead_letter() {
    let outside = Outside::default();
    outside.with(|world| world.refuses = BTreeSet::from(["b".into()]));
    let mut pipe = outbound();
    pipe["pump"] = json!({"max_retries_per_entity": 2, "dead_letter_dataset": "dead"});
    let node = node(pipe, &outside);
    node.put("in", [json!({"_id": "b", "n": 1})]);
    for _ in 0..3 {
        assert_eq!(node.live("dead").len(), 0);
        assert_eq!(node.run("out").counts.failed, 1);
    }
    assert_eq!(node.live("dead")["b"]["n"], 1);
    assert_eq!(node.run("out").counts.read, 0, "it is not tried again");
    assert_eq!(node.log("out")["write-error:b"]["dead"], json!(true));
}

#[test]
fn documented_limits_on_failures_end_a_run() {
    let outside = Outside::default();
    outside.with(|world| world.refuses.extend(["a".into(), "b".into(), "c".into()]));
    let mut pipe = outbound();
    pipe["batch_size"] = json!(1);
    pipe["pump"] = json!({
        "max_write_errors_in_retry_dataset": 100, "max_consecutive_write_errors": 2,
    });
    let node = node(pipe, &outside);
    node.put("in", [json!({"_id": "a"}), json!({"_id": "b"}), json!({"_id": "c"})]);
    let report = node.run("out");
    assert!(matches!(report.ending, Ending::Failed { .. }), "{:?}", report.ending);
    assert_eq!(report.counts.failed, 2);
    assert!(node.log("out")["pump-failed"]["reason_why_stopped"].as_str().unwrap().contains("row"));
}

#[test]
fn an_entity_that_a_target_breaks_at_holds_nobody_up() {
    let outside = Outside::default();
    outside.with(|world| world.chokes_on = BTreeSet::from(["b".into()]));
    let node = node(outbound(), &outside);
    node.put("in", [json!({"_id": "a"}), json!({"_id": "b"}), json!({"_id": "c"})]);
    let report = node.run("out");
    assert_eq!(report.ending, Ending::Completed);
    assert_eq!((report.counts.written, report.counts.failed), (2, 1));
    let waiting = || node.store.reader().unwrap().retry_counts("out").unwrap().waiting;
    assert_eq!(waiting(), 1);

    // Alone it may be the other side that is at fault: it goes on waiting, and
    // what is new gets through.
    node.put("in", [json!({"_id": "d"})]);
    let report = node.run("out");
    assert_eq!((report.ending, report.counts.written), (Ending::Completed, 1));
    assert_eq!((report.notes[0].code, waiting()), ("retries.postponed", 1));
    outside.with(|world| world.chokes_on.clear());
    assert_eq!(node.run("out").counts.written, 1);
    assert_eq!((outside.with(|world| world.target.len()), waiting()), (4, 0));
}

#[test]
fn entities_that_a_target_breaks_at_become_dead_letters_once_others_get_through() {
    let outside = Outside::default();
    let mut pipe = outbound();
    pipe["pump"] = json!({"max_retries_per_entity": 2});
    let node = node(pipe, &outside);
    let id = node.plan("out").id().clone();
    let counts = || node.store.reader().unwrap().retry_counts(&id).unwrap();
    node.put("in", ["a", "b"].map(|id| json!({"_id": id})));
    outside.with(|world| world.chokes_on.insert("a".to_owned()));
    assert_eq!(node.run("out").ending, Ending::Completed);
    assert_eq!((counts().waiting, counts().dead), (1, 0));
    // While nothing else is sent nobody knows whether it is the target.
    for _ in 0..5 {
        node.run("out");
    }
    assert_eq!((counts().waiting, counts().dead), (1, 0));
    for n in 0..3 {
        node.put("in", [json!({"_id": format!("c{n}")})]);
        assert_eq!(node.run("out").ending, Ending::Completed);
    }
    assert_eq!((counts().waiting, counts().dead), (0, 1));
    // A newer version is a new chance.
    outside.with(|world| world.chokes_on.clear());
    node.put("in", [json!({"_id": "a", "x": 1})]);
    assert!(node.run("out").is_success());
    assert_eq!((counts().waiting, counts().dead), (0, 0));
}

#[test]
fn what_a_target_answers_with_an_error_is_given_up_without_others() {
    let outside = Outside::default();
    let mut pipe = outbound();
    pipe["pump"] = json!({"max_retries_per_entity": 2, "batch_retries": 0});
    let node = node(pipe, &outside);
    outside.with(|world| (world.chokes_on, world.status) = (["a".into()].into(), Some(500)));
    node.put("in", ["a", "b"].map(|id| json!({"_id": id})));
    node.run("out");
    let counts = || node.store.reader().unwrap().retry_counts("out").unwrap();
    assert_eq!((counts().waiting, counts().dead), (1, 0));
    // Nobody there is no answer.
    outside.with(|world| world.is_down = true);
    for _ in 0..5 {
        assert_eq!(node.run("out").notes[0].code, "retries.postponed");
    }
    outside.with(|world| world.is_down = false);
    node.run("out");
    assert_eq!((counts().waiting, counts().dead), (1, 0));
    node.run("out");
    assert_eq!((counts().waiting, counts().dead), (0, 1));
    assert_eq!(node.run("out").counts.read, 0);
}

#[test]
fn the_next_try_is_when_its_delay_is_over() {
    let outside = Outside::default();
    let mut pipe = outbound();
    pipe["pump"] = json!({"write_retry_delay": 60, "batch_retries": 0, "schedule_interval": 900});
    let node = node(pipe, &outside);
    outside.with(|world| {
        world.chokes_on.insert("a".to_owned());
        world.status = Some(503);
        world.asks_to_wait = Some(Duration::from_secs(100));
    });
    node.put("in", ["a", "b"].map(|id| json!({"_id": id})));
    let mut agenda = Agenda::new(|| 0.5);
    let plan = node.plan("out");
    let remembered = plan.remembered(&node.store.reader().unwrap()).unwrap();
    agenda.set_pipes(vec![(plan.flow_pipe(), plan.timing(), remembered)], node.clock.now());
    agenda.open(node.clock.now());
    node.clock.advance(Duration::from_secs(900));
    assert_eq!(agenda.next(node.clock.now()).unwrap().0, "out");
    let report = node.run("out");
    agenda.finished("out", Some(&report), node.clock.now());
    // Longer than the pipe's own delay, shorter than its interval.
    assert_eq!(report.retry_at, Some(report.started + 100_000_000));
    assert_eq!(agenda.next_due(), report.retry_at);

    outside.with(|world| world.chokes_on.clear());
    assert_eq!(node.run("out").counts.read, 0, "not yet");
    node.clock.advance(Duration::from_secs(101));
    assert_eq!(agenda.next(node.clock.now()).unwrap().0, "out");
    let report = node.run("out");
    assert_eq!((report.counts.written, report.retry_at), (1, None));
    agenda.finished("out", Some(&report), node.clock.now());
    assert_eq!(agenda.next_due(), None);
}

#[test]
fn as_many_may_fail_as_the_pipe_says_and_the_next_run_goes_on_behind_them() {
    let outside = Outside::default();
    outside.with(|world| (world.chokes_on, world.status) = (["a".into()].into(), Some(500)));
    let mut pipe = outbound();
    pipe["pump"] = json!({"max_write_errors_in_retry_dataset": 10, "batch_retries": 0,
                          "max_consecutive_write_errors": 1});
    let node = node(pipe, &outside);
    node.put("in", [json!({"_id": "a"})]);
    let report = node.run("out");
    assert!(matches!(report.ending, Ending::Failed { .. }), "{report:#?}");
    node.put("in", [json!({"_id": "b"})]);
    node.run("out");
    assert_eq!(outside.with(|world| world.target.keys().cloned().collect::<Vec<_>>()), ["b"]);
    assert_eq!(node.store.reader().unwrap().retry_counts("out").unwrap().waiting, 1);
}
