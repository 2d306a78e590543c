//! Pipes that reach out of the node, with an outside made for the tests.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use common::TestNode;
use pipewright_component::{
    Access, Batch, Clock, Components, Continuation, Coverage, EntityFailure, Failure, Permission,
    ReadRequest, Reading, Sequence, Setting, Sink, Source, Surroundings, Transform, Written,
};
use pipewright_entity::{Entity, Value};
use pipewright_pump::{Ending, RunKind};
use serde_json::{Value as Json, json};

/// What is outside.
#[derive(Default)]
struct World {
    /// What the source has, in its order; `_updated` is its marker.
    source: Vec<Json>,
    continuation: Option<Continuation>,
    /// The source breaks after so many batches.
    breaks_after: Option<usize>,
    /// What the sink was given.
    target: BTreeMap<String, Json>,
    calls: Vec<Vec<String>>,
    sequences: Vec<Sequence>,
    finished: usize,
    /// Ids that the sink does not take.
    refuses: BTreeSet<String>,
    /// Refuse whole calls without saying which entity is at fault.
    refuses_calls: bool,
    is_down: bool,
    /// Ids that the sink breaks at, as if it were down.
    chokes_on: BTreeSet<String>,
    /// The source and the sink fail so many times before they work.
    fails: u32,
    /// The service that transforms gives nothing back.
    swallows: bool,
}

impl World {
    fn fails_once_more(&mut self) -> bool {
        let fails = self.fails > 0;
        self.fails = self.fails.saturating_sub(1);
        fails
    }
}

#[derive(Clone, Default)]
struct Outside(Arc<Mutex<World>>);

impl Outside {
    fn with<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        change(&mut self.0.lock().unwrap())
    }
}

impl Components for Outside {
    fn source(
        &self,
        _: &Setting<'_>,
        surroundings: &Surroundings,
    ) -> Result<Option<Box<dyn Source>>, Failure> {
        Ok(Some(Box::new(TestSource(self.clone(), surroundings.clone()))))
    }

    fn transform(
        &self,
        _: &Setting<'_>,
        _: &Surroundings,
    ) -> Result<Option<Box<dyn Transform>>, Failure> {
        Ok(Some(Box::new(TestTransform(self.clone()))))
    }

    fn sink(
        &self,
        _: &Setting<'_>,
        surroundings: &Surroundings,
    ) -> Result<Option<Box<dyn Sink>>, Failure> {
        surroundings.may_write_outside("$.sink")?;
        Ok(Some(Box::new(TestSink(self.clone()))))
    }
}

struct TestSource(Outside, Surroundings);

impl Source for TestSource {
    fn continuation(&self) -> Continuation {
        self.0.with(|world| world.continuation.unwrap_or(Continuation::None))
    }

    fn reports_deletes(&self) -> bool {
        false
    }

    fn open(&mut self, request: &ReadRequest) -> Result<Reading<'_>, Failure> {
        self.1.may_read_outside("$.source")?;
        if self.0.with(World::fails_once_more) {
            return Err(Failure::retryable("nobody answers"));
        }
        let since = match request.since {
            Some(Value::Int(since)) => since,
            _ => -1,
        };
        let coverage = if since < 0 { Coverage::Full } else { Coverage::Partial };
        let (entities, breaks_after, continuation) = self.0.with(|world| {
            let marker = |json: &Json| json["_updated"].as_i64();
            let fresh = world.source.iter().filter(|e| marker(e).is_none_or(|m| m > since));
            (fresh.cloned().collect::<Vec<_>>(), world.breaks_after, world.continuation)
        });
        let mut largest = since;
        let batches: Vec<_> = entities
            .chunks(request.batch_size)
            .enumerate()
            .map(|(number, page)| {
                if breaks_after.is_some_and(|after| number >= after) {
                    return Err(Failure::retryable("the line broke"));
                }
                let mut batch = Batch::default();
                for json in page {
                    let value = Value::from_json(json);
                    batch.push(value.as_dict().unwrap().clone());
                    largest = largest.max(json["_updated"].as_i64().unwrap_or(-1));
                }
                batch.offset = continuation.map(|_| Value::Int(largest));
                Ok(batch)
            })
            .collect();
        Ok(Reading::new(coverage, Box::new(batches.into_iter())))
    }
}

/// A service that marks what it was given, two at a time.
struct TestTransform(Outside);

impl Transform for TestTransform {
    fn is_outside(&self) -> bool {
        true
    }

    fn batch_size(&self) -> usize {
        2
    }

    fn apply(&mut self, entities: Vec<Entity>) -> Result<Vec<Entity>, Failure> {
        self.0.with(|world| {
            if world.is_down {
                return Err(Failure::retryable("nobody answers"));
            }
            let ids: Vec<String> = entities.iter().map(|entity| entity.id().to_string()).collect();
            let is_refused = ids.iter().any(|id| world.refuses.contains(id));
            world.calls.push(ids);
            if is_refused {
                return Err(Failure::entity(None, "no good"));
            }
            if world.swallows {
                return Ok(Vec::new());
            }
            Ok(entities.into_iter().map(|entity| entity.with("seen", true)).collect())
        })
    }
}

struct TestSink(Outside);

impl Sink for TestSink {
    fn is_outside(&self) -> bool {
        true
    }

    fn begin(&mut self, sequence: &Sequence) -> Result<(), Failure> {
        self.0.with(|world| world.sequences.push(sequence.clone()));
        Ok(())
    }

    fn write(&mut self, entities: &[Entity]) -> Result<Written, Failure> {
        self.0.with(|world| {
            if world.is_down || world.fails_once_more() {
                return Err(Failure::retryable("nobody answers"));
            }
            if entities.iter().any(|e| world.chokes_on.contains(e.id().as_str())) {
                return Err(Failure::retryable("an error in there"));
            }
            let refused = |e: &&Entity| world.refuses.contains(e.id().as_str());
            if world.refuses_calls && entities.iter().any(|e| refused(&e)) {
                return Err(Failure::entity(None, "bad request"));
            }
            let mut written = Written::default();
            for entity in entities {
                if world.refuses.contains(entity.id().as_str()) {
                    let failure = EntityFailure::new(Some(entity.id().clone()), "not wanted");
                    written.rejected.push(failure);
                } else {
                    let json = entity.clone().content().into_value().to_json();
                    world.target.insert(entity.id().to_string(), json);
                    written.written += 1;
                }
            }
            world.calls.push(entities.iter().map(|e| e.id().to_string()).collect());
            Ok(written)
        })
    }

    fn finish(&mut self) -> Result<Written, Failure> {
        self.0.with(|world| world.finished += 1);
        Ok(Written::default())
    }
}

fn outbound() -> Json {
    json!({
        "_id": "out",
        "batch_size": 2,
        "source": {"type": "dataset", "dataset": "in"},
        "sink": {"type": "json", "system": "web", "url": "things"},
    })
}

fn inbound() -> Json {
    json!({
        "_id": "in",
        "batch_size": 2,
        "source": {"type": "json", "system": "web", "url": "things"},
    })
}

fn node(pipe: Json, outside: &Outside) -> TestNode {
    let mut node = TestNode::new([pipe]);
    node.components = Arc::new(outside.clone());
    node
}

fn ids(node: &TestNode, dataset: &str) -> Vec<String> {
    node.live(dataset).into_keys().collect()
}

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
fn held_reads_do_nothing() {
    let outside = Outside::default();
    outside.with(|world| world.source = vec![json!({"_id": "a"})]);
    let mut node = node(inbound(), &outside);
    node.access = Access::HELD;
    assert_eq!(node.run("in").ending, Ending::Held);
    assert_eq!(node.length("in"), 0);
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
    assert_eq!(node.run("out").counts.failed, 1);
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

fn served(config: Json) -> Json {
    let mut transform = json!({"type": "rest", "system": "web", "operation": "get"});
    transform.as_object_mut().unwrap().extend(config.as_object().unwrap().clone());
    json!({
        "_id": "served",
        "source": {"type": "dataset", "dataset": "in"},
        "transform": [
            {"type": "dtl", "rules": {"default": [["copy", "*"], ["filter", ["neq", "_S.x", "out"]]]}},
            transform,
        ],
    })
}

#[test]
fn a_service_on_the_way_gets_calls_of_its_size_and_only_what_it_is_for() {
    let outside = Outside::default();
    let node = node(served(json!({"trigger_on": {"key": "way", "value": "go*"}})), &outside);
    node.put("in", (0..3).map(|n| json!({"_id": n.to_string(), "way": "x"})));
    node.put("in", ["a", "b", "c"].map(|id| json!({"_id": id, "way": "go on"})));
    node.put("in", [json!({"_id": "d", "way": "go", "x": "out"})]);
    let report = node.run("served");
    assert!(report.is_success(), "{report:#?}");
    assert_eq!(outside.with(|world| world.calls.clone()), [vec!["a", "b"], vec!["c"]]);
    let seen = |id: &str| node.live("served")[id].get("seen") == Some(&json!(true));
    assert!(seen("a") && seen("b") && seen("c") && !seen("0"));
    assert!(!node.live("served").contains_key("d"));
    assert!(node.plan("served").caveats().iter().any(|caveat| caveat.contains("answers")));
}

#[test]
fn what_a_service_refuses_is_queued_and_the_rest_goes_on() {
    let outside = Outside::default();
    let node = node(served(json!({})), &outside);
    outside.with(|world| world.refuses.insert("b".to_owned()));
    node.put("in", ["a", "b", "c"].map(|id| json!({"_id": id})));
    let report = node.run("served");
    assert_eq!((&report.ending, report.counts.failed), (&Ending::Completed, 1), "{report:#?}");
    assert_eq!(ids(&node, "served"), ["a", "c"]);
    outside.with(|world| world.refuses.clear());
    node.run("served");
    assert_eq!(ids(&node, "served"), ["a", "b", "c"]);
}

#[test]
fn a_service_that_is_down_ends_the_run_and_costs_nothing() {
    let outside = Outside::default();
    let node = node(served(json!({})), &outside);
    node.put("in", ["a", "b"].map(|id| json!({"_id": id})));
    outside.with(|world| world.is_down = true);
    assert!(matches!(node.run("served").ending, Ending::Failed { .. }));
    outside.with(|world| world.is_down = false);
    assert!(node.run("served").is_success());
    assert_eq!(ids(&node, "served"), ["a", "b"]);
}

#[test]
fn a_service_that_gives_nothing_back_deletes_nothing_where_that_must_not_be() {
    let outside = Outside::default();
    let node = node(served(json!({"if_transform_empty": "fail"})), &outside);
    node.put("in", ["a", "b"].map(|id| json!({"_id": id})));
    assert!(node.run("served").is_success());
    outside.with(|world| world.swallows = true);
    let report = node.run_full("served");
    assert!(matches!(report.ending, Ending::Failed { .. }), "{report:#?}");
    assert_eq!(ids(&node, "served"), ["a", "b"]);
    let allowed = Outside::default();
    let node = self::node(served(json!({})), &allowed);
    node.put("in", [json!({"_id": "a"})]);
    node.run("served");
    allowed.with(|world| world.swallows = true);
    assert!(node.run_full("served").is_success());
    assert!(ids(&node, "served").is_empty());
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
