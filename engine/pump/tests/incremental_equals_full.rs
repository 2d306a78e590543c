//! Whatever changes in whatever order, whenever pipes run and wherever runs are
//! cut: running on changes gives the same datasets as running everything from
//! scratch.
//!
//! `cargo test -p pipewright-pump --test incremental_equals_full -- --nocapture`
//! says how often the hard parts occurred; `PROPTEST_CASES` asks for more.
#![allow(clippy::unwrap_used)]

mod common;

use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use common::TestNode;
use pipewright_component::{Cancel, Clock};
use pipewright_pump::{Agenda, Ending, Observer, Phase, Progress, Report, RunRequest};
use pipewright_store::Select;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value as Json, json};

/// Pipes to choose from; they read the inputs `a`, `b` and `c` and each other.
fn pool() -> Vec<Json> {
    let dtl = |id: &str, dataset: &str, rules: Json| {
        json!({
            "_id": id,
            "source": {"type": "dataset", "dataset": dataset},
            "transform": {"type": "dtl", "rules": rules},
        })
    };
    let hop = |what: &str, join: Json, back: &str| json!(["hops", {"datasets": [what], "where": [join], "return": back}]);
    vec![
        dtl(
            "one-hop",
            "a",
            json!({"default": [
                ["copy", "*"],
                ["add", "ids", hop("b b", json!(["eq", "_S.x", "b.x"]), "b._id")],
                ["add", "ys", hop("b b", json!(["eq", "_S.x", "b.x"]), "b.y")],
            ]}),
        ),
        dtl(
            "two-hops",
            "a",
            json!({"default": [
                ["copy", "*"],
                ["add", "xs", ["hops", {
                    "datasets": ["b b", "c c"],
                    "where": [["eq", "_S.x", "b.x"], ["eq", "b.y", "c.y"]],
                    "return": "c.x",
                }]],
            ]}),
        ),
        dtl(
            "filtered",
            "a",
            json!({"default": [
                ["filter", ["gt", ["count", hop("b b", json!(["eq", "_S.y", "b.y"]), "b._id")], 0]],
                ["copy", "*"],
            ]}),
        ),
        dtl(
            "nested",
            "b",
            json!({
                "default": [
                    ["copy", "_id"],
                    ["add", "cs", ["apply-hops", "c", {
                        "datasets": ["c c"], "where": [["eq", "_S.x", "c.x"]],
                    }]],
                ],
                "c": [
                    ["copy", "_id"],
                    ["add", "as", hop("a a", json!(["eq", "_S.y", "a.y"]), "a._id")],
                ],
            }),
        ),
        dtl(
            "itself",
            "a",
            json!({"default": [
                ["copy", "_id"],
                ["add", "others", hop("a o", json!(["eq", "_S.ref", "o._id"]), "o.x")],
            ]}),
        ),
        {
            let mut pipe = dtl(
                "prefixed",
                "a",
                json!({"default": [
                    ["copy", "*"],
                    ["add", "ids", hop("b b", json!(["eq", "_S.x", "b.x"]), "b._id")],
                ]}),
            );
            pipe["namespaced_identifiers"] = json!(true);
            pipe["add_namespaces"] = json!(true);
            pipe
        },
        {
            let mut pipe = dtl(
                "subset",
                "a",
                json!({"default": [
                    ["copy", "*"],
                    ["add", "ids", hop("b b", json!(["eq", "_S.x", "b.x"]), "b._id")],
                ]}),
            );
            pipe["source"]["subset"] = json!(["eq", "_S.y", 1]);
            pipe
        },
        {
            // The second transform looks up by what the first one made.
            let mut pipe = dtl("late-hop", "a", json!({}));
            pipe["transform"] = json!([
                {"type": "dtl", "rules": {"default": [["copy", "*"], ["add", "z", "_S.x"]]}},
                {"type": "dtl", "rules": {"default": [
                    ["copy", "*"],
                    ["add", "ids", hop("b b", json!(["eq", "_S.z", "b.x"]), "b._id")],
                ]}},
            ]);
            pipe
        },
        json!({"_id": "first", "source": {
            "type": "merge", "version": 2, "identity": "first", "datasets": ["a a", "b b"],
            "equality": [["eq", "a.x", "b.x"]],
        }}),
        json!({"_id": "composite", "source": {
            "type": "merge", "version": 2, "strategy": "compact",
            "datasets": ["a a", "b b", "c c"], "equality_sets": [["a.x", "b.x"], ["b.y", "c.y"]],
        }}),
        {
            let mut pipe = dtl(
                "merge-and-hop",
                "",
                json!({"default": [
                    ["copy", "*"],
                    ["add", "ids", hop("c c", json!(["eq", "_S.y", "c.y"]), "c._id")],
                ]}),
            );
            pipe["source"] = json!({
                "type": "merge", "version": 2, "identity": "first", "datasets": ["a a", "b b"],
                "equality_sets": [["a.x", "b.x"], ["a._id", "b._id"]],
            });
            pipe
        },
        dtl(
            "after-merge",
            "first",
            json!({"default": [
                ["copy", "*"],
                ["add", "cs", hop("c c", json!(["eq", "_S.y", "c.y"]), "c._id")],
            ]}),
        ),
        dtl(
            "after-hop",
            "one-hop",
            json!({"default": [
                ["filter", ["is-not-empty", "_S.ids"]],
                ["copy", "*"],
                ["add", "two", hop("filtered f", json!(["eq", "_S.y", "f.y"]), "f._id")],
            ]}),
        ),
        dtl(
            "families",
            "a",
            json!({"default": [
                ["copy", "_id"],
                ["if", ["is-not-null", "_S.x"], [
                    ["create-child", ["dict", "_id", ["concat", "_S._id", "-x"], "v", "_S.x"]],
                ]],
                ["if", ["eq", "_S.y", 1], [
                    ["create-child", ["dict", "_id", ["concat", "_S._id", "-y"], "v", "_S.y"]],
                ]],
            ]}),
        ),
        {
            let mut pipe = dtl("children", "families", json!({}));
            pipe["transform"] = json!({"type": "emit_children"});
            pipe
        },
        json!({"_id": "union", "source": {"type": "union_datasets", "datasets": ["a", "b"]}}),
        json!({"_id": "same", "source":
            {"type": "merge_datasets", "datasets": ["a", "b"], "strategy": "all"}}),
    ]
}

/// The pipes that follow changes of what they look up.
const TRACKED: [&str; 5] = ["one-hop", "two-hops", "filtered", "subset", "prefixed"];
const MERGES: [&str; 3] = ["first", "composite", "merge-and-hop"];

/// Some pipes: always some that track and one that merges, as these are what can
/// go wrong.
fn chosen() -> impl Strategy<Value = Vec<Json>> {
    let of = |is_one: fn(&str) -> bool, least: usize, most: usize| {
        let pool: Vec<Json> =
            pool().into_iter().filter(|pipe| is_one(pipe["_id"].as_str().unwrap())).collect();
        prop::sample::subsequence(pool, least..=most)
    };
    let is_other = |id: &str| !TRACKED.contains(&id) && !MERGES.contains(&id);
    let parts = (
        of(|id| TRACKED.contains(&id), 1, 3),
        of(|id| MERGES.contains(&id), 1, 2),
        of(is_other, 0, 4),
    );
    parts.prop_map(|(tracked, merges, others)| [tracked, merges, others].concat())
}

const INPUTS: [&str; 3] = ["a", "b", "c"];

#[derive(Clone, Debug)]
enum Step {
    Put(usize, Json),
    /// Runs one of the pipes, cut after so many batches.
    Run(usize, Option<u32>),
    Settle,
    /// Lets so many seconds pass, in which pipes run by themselves.
    Pass(u32),
    /// Deletes what an input has under an id.
    Delete(usize, u32),
    /// Drops an input and makes it again with these entities.
    Replace(usize, Vec<Json>),
    /// Spoils what one of the pipes wrote, and rescans it in the background
    /// while this goes on; cut after so many batches and begun again.
    Rescan(usize, Vec<Beside>, Option<u32>),
}

/// What goes on beside a rescan, one at each of its steps.
#[derive(Clone, Debug)]
enum Beside {
    Put(usize, Json),
    /// Runs the pipe on the changes.
    Run,
    Nothing,
}

fn entities() -> impl Strategy<Value = Json> {
    let value = prop_oneof![
        1 => Just(json!(null)),
        5 => (0..3).prop_map(|n| json!(n)),
        1 => prop::collection::vec(0..3, 0..3).prop_map(|list| json!(list)),
    ];
    let deleted = prop::bool::weighted(0.2);
    (0..4, value.clone(), value, 0..4, deleted).prop_map(|(id, x, y, to, deleted)| {
        let mut entity = json!({"_id": format!("e{id}"), "x": x, "y": y, "ref": format!("e{to}")});
        if deleted {
            entity["_deleted"] = json!(true);
        }
        entity
    })
}

fn beside() -> impl Strategy<Value = Beside> {
    prop_oneof![
        3 => (0..3usize, entities()).prop_map(|(input, entity)| Beside::Put(input, entity)),
        3 => Just(Beside::Run),
        1 => Just(Beside::Nothing),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0..3usize, entities()).prop_map(|(input, entity)| Step::Put(input, entity)),
        4 => (0..9usize, prop::option::of(0..4u32)).prop_map(|(p, cut)| Step::Run(p, cut)),
        1 => Just(Step::Settle),
        3 => (1..90u32).prop_map(Step::Pass),
        2 => (0..3usize, 0..4u32).prop_map(|(input, id)| Step::Delete(input, id)),
        1 => (0..3usize, prop::collection::vec(entities(), 0..3))
            .prop_map(|(input, entities)| Step::Replace(input, entities)),
        2 => (0..9usize, prop::collection::vec(beside(), 0..12), prop::option::of(0..6u32))
            .prop_map(|(pipe, beside, cut)| Step::Rescan(pipe, beside, cut)),
    ];
    prop::collection::vec(step, 5..35)
}

/// How often what makes this hard occurred.
#[derive(Debug, Default)]
struct Seen {
    runs: Cell<u64>,
    cut: Cell<u64>,
    /// Runs that ran entities again because of what they look up.
    tracked: Cell<u64>,
    /// Versions with another value to join by than the one before.
    rekeyed: Cell<u64>,
    deleted: Cell<u64>,
    /// Merged entities that lost a member.
    split: Cell<u64>,
    /// Runs that nobody asked for.
    by_time: Cell<u64>,
    replaced: Cell<u64>,
    /// Rescans in the background that were completed.
    rescanned: Cell<u64>,
    /// Runs on the changes in the midst of one.
    beside: Cell<u64>,
}

fn count(what: &Cell<u64>, more: u64) {
    what.set(what.get() + more);
}

impl Seen {
    /// Counts what the logs of a node's datasets tell.
    fn look_at(&self, node: &TestNode) {
        let reader = node.store.reader().unwrap();
        let all = Select { history: true, ..Select::default() };
        let history = |id: &str| -> Vec<(Json, Option<Json>)> {
            let Some(_) = reader.dataset(id).unwrap() else { return Vec::new() };
            let changes = reader.changes(id, None, None, all.clone()).unwrap();
            changes
                .map(|version| {
                    let version = version.unwrap();
                    let before = version.previous.and_then(|at| reader.version(id, at).unwrap());
                    let json = |entity: pipewright_entity::Entity| entity.into_value().to_json();
                    (json(version.entity), before.map(|before| json(before.entity)))
                })
                .collect()
        };
        for input in INPUTS {
            for (now, before) in history(input) {
                count(&self.deleted, u64::from(now["_deleted"] == json!(true)));
                let rekeyed = before.is_some_and(|b| b["x"] != now["x"] || b["y"] != now["y"]);
                count(&self.rekeyed, u64::from(rekeyed));
            }
        }
        let members = |json: &Json| json["$ids"].as_array().map_or(0, Vec::len);
        for merge in MERGES {
            for (now, before) in history(merge) {
                let lost = before.is_some_and(|before| members(&now) < members(&before));
                let gone = now["$replaced"] == json!(true);
                count(&self.split, u64::from(lost || gone));
            }
        }
    }

    fn report(&self, report: &Report, observer: &Cut) {
        count(&self.runs, 1);
        count(&self.cut, u64::from(report.ending == Ending::Stopped));
        count(&self.tracked, u64::from(observer.tracked.load(Ordering::Relaxed)));
    }
}

/// Stops a run after some batches.
struct Cut {
    cancel: Cancel,
    left: AtomicU32,
    tracked: AtomicBool,
}

impl Cut {
    fn after(left: u32) -> Cut {
        let tracked = AtomicBool::new(false);
        Cut { cancel: Cancel::new(), left: AtomicU32::new(left), tracked }
    }
}

impl Observer for Cut {
    fn progress(&self, progress: &Progress<'_>) {
        if progress.phase == Phase::Tracking {
            self.tracked.store(true, Ordering::Relaxed);
        }
        if self.left.fetch_sub(1, Ordering::Relaxed) == 0 {
            self.cancel.stop();
        }
    }
}

/// Does something at each step of a rescan.
struct Between<'n> {
    node: &'n TestNode,
    pipe: &'n str,
    steps: Mutex<VecDeque<Beside>>,
    left: AtomicU32,
    ran: AtomicU32,
}

impl Observer for Between<'_> {
    fn progress(&self, progress: &Progress<'_>) {
        // A step begins with reading; it has read when it is about to write.
        if !matches!(progress.phase, Phase::Reading | Phase::Writing) {
            return;
        }
        if self.left.fetch_sub(1, Ordering::Relaxed) == 0 {
            self.node.cancel.stop();
            return;
        }
        let step = self.steps.lock().unwrap().pop_front();
        match step {
            Some(Beside::Put(input, entity)) => self.node.put(INPUTS[input], [entity]),
            Some(Beside::Run) => {
                let report = self.node.run(self.pipe);
                assert!(!matches!(report.ending, Ending::Failed { .. }), "{report:#?}");
                self.ran.fetch_add(1, Ordering::Relaxed);
            }
            Some(Beside::Nothing) | None => {}
        }
    }
}

/// Makes what a pipe wrote differ from what it would write.
fn spoil(node: &TestNode, pipe: &str) {
    let mut spoilt = node.live(pipe).into_values().next();
    if let Some(entity) = &mut spoilt {
        entity["spoilt"] = json!(true);
    }
    node.put(pipe, spoilt.into_iter().chain([json!({"_id": "ghost"})]));
}

/// Rescans a pipe while other things go on. Whether it was one in the
/// background.
fn rescan(node: &mut TestNode, pipe: &str, beside: &[Beside], cut: Option<u32>, seen: &Seen) {
    node.cancel = Cancel::new();
    // Only what was filled before is rescanned, and only that can be spoilt.
    if !node.plan(pipe).rescans_aside() || !node.run(pipe).is_success() {
        return;
    }
    // Without a source there was nothing to run on, and is nothing to rescan.
    if node.store.reader().unwrap().dataset(pipe).unwrap().is_none() {
        return;
    }
    spoil(node, pipe);
    for cut in cut.into_iter().chain([u32::MAX]) {
        node.cancel = Cancel::new();
        let between = Between {
            node,
            pipe,
            steps: Mutex::new(beside.iter().cloned().collect()),
            left: AtomicU32::new(cut),
            ran: AtomicU32::new(0),
        };
        let report = node.rescan(pipe, &between);
        assert!(!matches!(report.ending, Ending::Failed { .. }), "{report:#?}");
        count(&seen.beside, between.ran.load(Ordering::Relaxed).into());
        if report.notes.iter().any(|note| note.code == "rescan.needless") {
            node.run_full(pipe);
        }
        count(&seen.rescanned, u64::from(report.ending == Ending::Completed));
    }
}

type Contents = BTreeMap<String, BTreeMap<String, Json>>;

fn contents(node: &TestNode, pipes: &[Json]) -> Contents {
    let ids = pipes.iter().map(|pipe| pipe["_id"].as_str().unwrap());
    let mut contents: Contents = ids.map(|id| (id.to_owned(), node.live(id))).collect();
    // A parent remembers the children it lost, so that they can be deleted
    // elsewhere: its memory is all that may differ.
    for parent in contents.get_mut("families").into_iter().flat_map(BTreeMap::values_mut) {
        let parent = parent.as_object_mut().unwrap();
        if let Some(Json::Array(children)) = parent.get_mut("$children") {
            children.retain(|child| child["_deleted"] != json!(true));
            if children.is_empty() {
                parent.remove("$children");
            }
        }
    }
    contents
}

/// Each case takes a while: few unless asked for more.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(40)
}

/// The pipes by time.
fn agenda(node: &TestNode) -> Agenda {
    let mut agenda = Agenda::new(|| 0.5);
    let reader = node.store.reader().unwrap();
    let plans = node.flow_pipes().into_iter().map(|pipe| {
        let plan = node.plan(&pipe.id);
        (pipe, plan.timing(), plan.remembered(&reader).unwrap())
    });
    agenda.set_pipes(plans.collect(), node.clock.now());
    agenda.open(node.clock.now());
    agenda
}

/// Runs what is due until so many seconds later.
fn pass(node: &mut TestNode, agenda: &mut Agenda, seconds: u32, seen: &Seen) {
    let end = node.clock.now() + i64::from(seconds) * 1_000_000;
    loop {
        while let Some((pipe, request)) = agenda.next(node.clock.now()) {
            let whole = Cut::after(u32::MAX);
            node.cancel = whole.cancel.clone();
            let report = node.run_with(&pipe, request, &whole);
            assert!(report.is_success(), "{report:#?}");
            agenda.finished(&pipe, Some(&report), node.clock.now());
            seen.report(&report, &whole);
            count(&seen.by_time, 1);
        }
        let Some(due) = agenda.next_due().filter(|due| *due < end) else { break };
        let left = u64::try_from(due - node.clock.now()).unwrap_or(0);
        node.clock.advance(Duration::from_micros(left));
    }
    let left = u64::try_from(end - node.clock.now()).unwrap_or(0);
    node.clock.advance(Duration::from_micros(left));
}

fn check(pipes: Vec<Json>, steps: Vec<Step>, seen: &Seen) -> Result<(), TestCaseError> {
    let mut node = TestNode::new(pipes.clone());
    for input in INPUTS {
        node.put(input, []);
    }
    // Half of the cases begin with everything in place: changes are what leads
    // back to what is there.
    if steps.len().is_multiple_of(2) {
        for input in INPUTS {
            node.put(input, (0..4).map(|n| {
                let to = (n + 1) % 4;
                json!({"_id": format!("e{n}"), "x": n % 3, "y": to % 3, "ref": format!("e{to}")})
            }));
        }
        node.settle();
    }
    let mut agenda = agenda(&node);
    for step in steps {
        match step {
            Step::Put(input, entity) => {
                node.put(INPUTS[input], [entity]);
                agenda.changed(INPUTS[input], node.clock.now());
            }
            Step::Delete(input, id) => {
                node.put(INPUTS[input], [json!({"_id": format!("e{id}"), "_deleted": true})]);
                agenda.changed(INPUTS[input], node.clock.now());
            }
            Step::Run(place, cut) => {
                let id = pipes[place % pipes.len()]["_id"].as_str().unwrap();
                let cut = Cut::after(cut.map_or(u32::MAX, |cut| cut + 3));
                node.cancel = cut.cancel.clone();
                let report = node.run_with(id, RunRequest::default(), &cut);
                prop_assert!(!matches!(report.ending, Ending::Failed { .. }), "{report:#?}");
                agenda.finished(id, Some(&report), node.clock.now());
                seen.report(&report, &cut);
            }
            Step::Pass(seconds) => pass(&mut node, &mut agenda, seconds, seen),
            Step::Settle => {
                node.cancel = Cancel::new();
                node.settle();
            }
            Step::Rescan(place, beside, cut) => {
                let id = pipes[place % pipes.len()]["_id"].as_str().unwrap();
                rescan(&mut node, id, &beside, cut, seen);
                for dataset in INPUTS.into_iter().chain([id]) {
                    agenda.changed(dataset, node.clock.now());
                }
            }
            Step::Replace(input, entities) => {
                seen.look_at(&node);
                node.store.reset_dataset(INPUTS[input]).unwrap();
                node.put(INPUTS[input], entities);
                agenda.changed(INPUTS[input], node.clock.now());
                count(&seen.replaced, 1);
            }
        }
    }
    node.cancel = Cancel::new();
    node.settle();
    seen.look_at(&node);

    let scratch = TestNode::new(pipes.clone());
    for input in INPUTS {
        scratch.put(input, node.current(input).into_values());
    }
    scratch.settle();
    prop_assert_eq!(contents(&node, &pipes), contents(&scratch, &pipes));

    // Stable means that another round changes nothing.
    let again = node.settle();
    prop_assert!(again.iter().all(|report| report.counts.written == 0));
    Ok(())
}

#[test]
fn incremental_equals_full() {
    let config = ProptestConfig {
        cases: cases(),
        max_shrink_iters: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let seen = Seen::default();
    // Some pipes follow changes at once, others come by from time to time.
    let interval = prop::option::of(5..60u32);
    let intervals = prop::collection::vec(interval, 9);
    let case = (chosen(), intervals, 1..4u32, steps());
    let tried = TestRunner::new(config).run(&case, |(mut pipes, intervals, size, steps)| {
        for (pipe, interval) in pipes.iter_mut().zip(intervals) {
            pipe["batch_size"] = json!(size);
            pipe["checkpoint_interval"] = json!(1);
            pipe["enable_background_rescan"] = json!(true);
            if let Some(seconds) = interval {
                pipe["pump"] = json!({"schedule_interval": seconds});
            }
        }
        check(pipes, steps, &seen)
    });
    if let Err(failure) = tried {
        panic!("{failure}");
    }
    println!("{seen:?}");
    if cases() >= 40 {
        let hard = [&seen.tracked, &seen.rekeyed, &seen.deleted, &seen.split, &seen.by_time];
        for what in hard.into_iter().chain([&seen.rescanned, &seen.beside]) {
            assert!(what.get() >= 20, "{seen:?}");
        }
    }
}
