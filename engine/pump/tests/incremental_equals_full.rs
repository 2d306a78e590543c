//! Whatever changes in whatever order, and wherever runs are cut: running on
//! changes gives the same datasets as running everything from scratch.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use common::TestNode;
use pipewright_component::Cancel;
use pipewright_pump::{Ending, Observer, Progress, RunRequest};
use proptest::prelude::*;
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
        json!({"_id": "union", "source": {"type": "union_datasets", "datasets": ["a", "b"]}}),
        json!({"_id": "same", "source":
            {"type": "merge_datasets", "datasets": ["a", "b"], "strategy": "all"}}),
    ]
}

const INPUTS: [&str; 3] = ["a", "b", "c"];

#[derive(Clone, Debug)]
enum Step {
    Put(usize, Json),
    /// Runs one of the pipes, cut after so many batches.
    Run(usize, Option<u32>),
    Settle,
    /// Drops an input and makes it again with these entities.
    Replace(usize, Vec<Json>),
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

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0..3usize, entities()).prop_map(|(input, entity)| Step::Put(input, entity)),
        4 => (0..8usize, prop::option::of(0..4u32)).prop_map(|(p, cut)| Step::Run(p, cut)),
        1 => Just(Step::Settle),
        1 => (0..3usize, prop::collection::vec(entities(), 0..3))
            .prop_map(|(input, entities)| Step::Replace(input, entities)),
    ];
    prop::collection::vec(step, 1..25)
}

/// Stops a run after some batches.
struct Cut {
    cancel: Cancel,
    left: AtomicU32,
}

impl Observer for Cut {
    fn progress(&self, _: &Progress<'_>) {
        if self.left.fetch_sub(1, Ordering::Relaxed) == 0 {
            self.cancel.stop();
        }
    }
}

type Contents = BTreeMap<String, BTreeMap<String, Json>>;

fn contents(node: &TestNode, pipes: &[Json]) -> Contents {
    let ids = pipes.iter().map(|pipe| pipe["_id"].as_str().unwrap());
    ids.map(|id| (id.to_owned(), node.live(id))).collect()
}

/// Each case takes a while: few unless asked for more.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(40)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: cases(), max_shrink_iters: 400, ..ProptestConfig::default()
    })]

    #[test]
    fn incremental_equals_full(
        chosen in prop::sample::subsequence(pool(), 1..6),
        batch_size in 1..4,
        steps in steps(),
    ) {
        let mut pipes = chosen;
        for pipe in &mut pipes {
            pipe["batch_size"] = json!(batch_size);
            pipe["checkpoint_interval"] = json!(1);
        }
        let mut node = TestNode::new(pipes.clone());
        for input in INPUTS {
            node.put(input, []);
        }
        for step in steps {
            match step {
                Step::Put(input, entity) => node.put(INPUTS[input], [entity]),
                Step::Run(place, cut) => {
                    let id = pipes[place % pipes.len()]["_id"].as_str().unwrap();
                    let left = cut.map_or(u32::MAX, |cut| cut + 3);
                    let cut = Cut { cancel: Cancel::new(), left: AtomicU32::new(left) };
                    node.cancel = cut.cancel.clone();
                    let report = node.run_with(id, RunRequest::default(), &cut);
                    prop_assert!(!matches!(report.ending, Ending::Failed { .. }), "{report:#?}");
                }
                Step::Settle => {
                    node.cancel = Cancel::new();
                    node.settle();
                }
                Step::Replace(input, entities) => {
                    node.store.reset_dataset(INPUTS[input]).unwrap();
                    node.put(INPUTS[input], entities);
                }
            }
        }
        node.cancel = Cancel::new();
        node.settle();

        let scratch = TestNode::new(pipes.clone());
        for input in INPUTS {
            scratch.put(input, node.current(input).into_values());
        }
        scratch.settle();
        prop_assert_eq!(contents(&node, &pipes), contents(&scratch, &pipes));

        // Stable means that another round changes nothing.
        let again = node.settle();
        prop_assert!(again.iter().all(|report| report.counts.written == 0));
    }
}
