//! Single pipes: config and datasets in, entities out.
#![allow(clippy::unwrap_used)]

mod common;

use common::{TestNode, by_id, transform};
use pipewright_pump::{Ending, RunKind};
use serde_json::json;

#[test]
fn embedded_entities_come_through() {
    let node = TestNode::new([json!({
        "_id": "e",
        "source": {"type": "embedded", "entities": [{"_id": "a", "n": 1}, {"_id": "b"}]},
    })]);
    let report = node.run("e");
    assert_eq!(report.ending, Ending::Completed);
    assert_eq!((report.kind, report.counts.read, report.counts.written), (RunKind::Full, 2, 2));
    assert_eq!(report.changed, ["e"]);
    assert_eq!(node.live("e"), by_id([json!({"_id": "a", "n": 1}), json!({"_id": "b"})]));

    // Nothing changes, nothing is stored, nothing is logged.
    let log = node.length("system:pump:e");
    let report = node.run("e");
    assert_eq!((report.counts.written, report.counts.unchanged), (0, 2));
    assert_eq!(report.changed, Vec::<String>::new());
    assert_eq!(node.length("system:pump:e"), log);
}

#[test]
fn a_dataset_source_reads_what_changed() {
    let node = TestNode::new([transform("out", "in", json!([["copy", "*"], ["add", "x", 1]]))]);
    node.put("in", [json!({"_id": "a"}), json!({"_id": "b"})]);
    let first = node.run("out");
    assert_eq!((first.kind, first.counts.read), (RunKind::Full, 2));
    node.put("in", [json!({"_id": "b", "n": 2}), json!({"_id": "c", "_deleted": true, "n": 3})]);
    let second = node.run("out");
    assert_eq!((second.kind, second.counts.read), (RunKind::Incremental, 2));
    assert_eq!(
        node.current("out"),
        by_id([
            json!({"_id": "a", "x": 1}),
            json!({"_id": "b", "n": 2, "x": 1}),
            json!({"_id": "c", "_deleted": true, "n": 3, "x": 1}),
        ])
    );
    assert_eq!(node.run("out").counts.read, 0);
}

#[test]
fn filtered_entities_leave_the_sink_and_discarded_ones_stay() {
    let rules = json!([["copy", "*"], ["discard", ["neq", "_S.d", true]], ["filter", "_S.on"]]);
    let node = TestNode::new([transform("out", "in", rules)]);
    node.put("in", [json!({"_id": "a", "on": true}), json!({"_id": "b", "on": false})]);
    node.run("out");
    assert_eq!(node.current("out").into_keys().collect::<Vec<_>>(), ["a"]);

    node.put("in", [json!({"_id": "a", "on": false})]);
    node.run("out");
    let deleted = json!({"_id": "a", "on": true, "_deleted": true});
    assert_eq!(node.current("out"), by_id([deleted]), "the last properties are kept");

    node.put("in", [json!({"_id": "a", "on": true})]);
    node.run("out");
    node.put("in", [json!({"_id": "a", "on": true, "d": true})]);
    node.run("out");
    assert_eq!(node.live("out").len(), 1);
    node.run_full("out");
    assert_eq!(node.live("out").len(), 0, "a full run finds out");
}

#[test]
fn a_full_run_deletes_what_it_does_not_see() {
    let pipe = |entities| json!({"_id": "e", "source": {"type": "embedded", "entities": entities}});
    let mut node = TestNode::new([pipe(json!([{"_id": "a", "n": 1}, {"_id": "b"}]))]);
    node.run("e");
    node.configure(pipe(json!([{"_id": "b"}])));
    let report = node.run("e");
    assert_eq!((report.counts.written, report.counts.deleted_unseen), (1, 1));
    assert_eq!(node.current("e")["a"], json!({"_id": "a", "n": 1, "_deleted": true}));

    let mut untracked = pipe(json!([]));
    untracked["sink"] = json!({"type": "dataset", "dataset": "e", "deletion_tracking": false});
    node.configure(untracked);
    assert_eq!(node.run("e").counts.written, 0);

    let mut fails = pipe(json!([]));
    fails["source"]["if_source_empty"] = json!("fail");
    node.configure(fails);
    assert!(matches!(node.run("e").ending, Ending::Failed { .. }));
    assert_eq!(node.live("e").len(), 1);
}

#[test]
fn another_config_makes_the_source_run_in_full() {
    let mut node = TestNode::new([transform("out", "in", json!([["add", "x", 1]]))]);
    node.put("in", [json!({"_id": "a"}), json!({"_id": "b"})]);
    node.run("out");
    node.configure(transform("out", "in", json!([["comment", "nothing"], ["add", "x", 1]])));
    assert_eq!(node.run("out").kind, RunKind::Incremental, "a comment decides nothing");
    node.configure(transform("out", "in", json!([["add", "x", 2]])));
    let report = node.run("out");
    assert_eq!((report.kind, report.counts.written), (RunKind::Full, 2));
    assert_eq!(report.notes[0].code, "config.changed");
    assert_eq!(node.run("out").kind, RunKind::Incremental);
}

#[test]
fn a_source_that_was_made_anew_is_read_in_full() {
    let node = TestNode::new([transform("out", "in", json!([["copy", "*"]]))]);
    node.put("in", [json!({"_id": "a"}), json!({"_id": "b"})]);
    node.run("out");
    node.store.reset_dataset("in").unwrap();
    node.put("in", [json!({"_id": "b"}), json!({"_id": "c"}), json!({"_id": "d"})]);
    let report = node.run("out");
    assert_eq!((report.kind, report.notes[0].code), (RunKind::Full, "source.replaced"));
    assert_eq!(node.live("out").into_keys().collect::<Vec<_>>(), ["b", "c", "d"]);
}

#[test]
fn a_source_that_is_not_there_leaves_everything_as_it_is() {
    let node = TestNode::new([transform("out", "in", json!([["copy", "*"]]))]);
    let report = node.run("out");
    assert_eq!((report.ending, report.notes[0].code), (Ending::Completed, "source.missing"));
    node.put("in", [json!({"_id": "a"})]);
    node.run("out");
    node.store.drop_dataset("in").unwrap();
    node.run("out");
    assert_eq!(node.live("out").len(), 1);
}

#[test]
fn what_left_a_subset_and_changed_again_is_gone_whatever_a_batch_holds() {
    let mut pipe = transform("out", "in", json!([["copy", "*"]]));
    pipe["source"]["subset"] = json!(["eq", "_S.kind", "tank"]);
    pipe["batch_size"] = json!(1);
    pipe["checkpoint_interval"] = json!(1);
    let node = TestNode::new([pipe]);
    let put = |id: &str, kind: &str| node.put("in", [json!({"_id": id, "kind": kind})]);
    put("a", "tank");
    put("b", "tank");
    node.run("out");
    assert_eq!(node.live("out").len(), 2);
    // The first batch ends behind the place where "a" left.
    put("a", "valve");
    put("b", "valve");
    put("a", "pump");
    node.run("out");
    assert_eq!(node.live("out").into_keys().collect::<Vec<_>>(), Vec::<String>::new());
}

#[test]
fn a_subset_is_followed_in_and_out() {
    let mut pipe = transform("out", "in", json!([["copy", "*"]]));
    pipe["source"]["subset"] = json!(["eq", "_S.kind", "tank"]);
    let node = TestNode::new([pipe]);
    node.put(
        "in",
        [
            json!({"_id": "1", "kind": "tank"}),
            json!({"_id": "2", "kind": ["car", "tank"]}),
            json!({"_id": "3", "kind": "car"}),
        ],
    );
    node.run("out");
    assert_eq!(node.live("out").into_keys().collect::<Vec<_>>(), ["1", "2"]);
    node.put("in", [json!({"_id": "1", "kind": "car"}), json!({"_id": "3", "kind": "tank"})]);
    let report = node.run("out");
    assert_eq!((report.kind, report.counts.read), (RunKind::Incremental, 2));
    assert_eq!(node.live("out").into_keys().collect::<Vec<_>>(), ["2", "3"]);
}

#[test]
fn replaced_entities_leave_when_they_are_not_wanted() {
    let mut pipe = transform("out", "in", json!([["copy", "*"]]));
    pipe["source"]["include_replaced"] = json!(false);
    let node = TestNode::new([pipe]);
    node.put("in", [json!({"_id": "1"}), json!({"_id": "2"})]);
    node.run("out");
    node.put("in", [json!({"_id": "2", "_deleted": true, "$replaced": true})]);
    node.run("out");
    assert_eq!(node.live("out").into_keys().collect::<Vec<_>>(), ["1"]);
}

#[test]
fn previous_versions_come_when_asked_for() {
    let mut pipe = transform("out", "in", json!([["copy", "*"]]));
    pipe["source"]["include_previous_versions"] = json!(true);
    let node = TestNode::new([pipe]);
    for n in 0..3 {
        node.put("in", [json!({"_id": "1", "n": n})]);
    }
    assert_eq!(node.run("out").counts.read, 3);
    assert_eq!(node.length("out"), 3);
}

#[test]
fn namespaces_are_added_and_removed_at_the_edges() {
    let mut inbound = json!({
        "_id": "crm",
        "namespaced_identifiers": true,
        "source": {"type": "embedded", "entities": [{"_id": "1", "name": "x"}]},
    });
    inbound["transform"] = json!({"type": "dtl", "rules": {"default": [
        ["copy", "*"], ["add", "ref", ["ni", "crm", "2"]]
    ]}});
    let node = TestNode::new([inbound]);
    node.run("crm");
    assert_eq!(
        node.live("crm"),
        by_id([json!({"_id": "crm:1", "crm:name": "x", "crm:ref": "~:crm:2"})])
    );
}

#[test]
fn children_are_tracked_and_emitted() {
    let node = TestNode::new([
        transform("parents", "in", json!([["copy", "_id"], ["create-child", "_S.rows"]])),
        json!({
            "_id": "rows",
            "source": {"type": "dataset", "dataset": "parents"},
            "transform": {"type": "emit_children"},
        }),
    ]);
    node.put("in", [json!({"_id": "p", "rows": [{"_id": "r1", "n": 1}, {"_id": "r2"}]})]);
    node.settle();
    assert_eq!(node.live("rows").into_keys().collect::<Vec<_>>(), ["r1", "r2"]);
    node.put("in", [json!({"_id": "p", "rows": [{"_id": "r2"}]})]);
    node.settle();
    assert_eq!(node.live("rows").into_keys().collect::<Vec<_>>(), ["r2"]);
}

#[test]
fn several_datasets_are_read_as_one() {
    let node = TestNode::new([
        json!({"_id": "u", "source": {"type": "union_datasets", "datasets": ["men", "women"]}}),
        json!({"_id": "l", "source": {"type": "merge_datasets", "datasets": ["men", "women"]}}),
        json!({"_id": "all", "source":
            {"type": "merge_datasets", "datasets": ["men", "women"], "strategy": "all"}}),
    ]);
    node.put("men", [json!({"_id": "dave", "n": 1}), json!({"_id": "kim", "n": 1})]);
    node.put("women", [json!({"_id": "kim", "n": 2})]);
    node.settle();
    assert_eq!(
        node.live("u").into_keys().collect::<Vec<_>>(),
        ["men:dave", "men:kim", "women:kim"]
    );
    assert_eq!(node.live("l")["kim"], json!({"_id": "kim", "n": 2}));
    assert_eq!(
        node.live("all")["kim"],
        json!({"_id": "kim", "men": {"_id": "kim", "n": 1}, "women": {"_id": "kim", "n": 2}})
    );
    node.put("men", [json!({"_id": "kim", "n": 3})]);
    let settled = node.settle();
    assert!(settled.iter().all(|report| report.kind == RunKind::Incremental));
    assert_eq!(node.live("l")["kim"], json!({"_id": "kim", "n": 3}));
    assert_eq!(node.live("u").len(), 3);
}

#[test]
fn entities_without_an_id_get_one_or_fail() {
    let pipe = |rules| {
        json!({
            "_id": "e",
            "source": {"type": "embedded", "entities": [{"n": 7}, {"_id": "8", "n": 8}]},
            "transform": {"type": "dtl", "rules": {"default": rules}},
        })
    };
    let mut node = TestNode::new([pipe(json!([["add", "_id", ["string", "_S.n"]]]))]);
    assert!(node.run("e").is_success());
    assert_eq!(node.live("e").into_keys().collect::<Vec<_>>(), ["7", "8"]);

    node.configure(pipe(json!([["copy", "n"]])));
    let report = node.run("e");
    assert_eq!((report.counts.failed, report.counts.read), (1, 2));
    assert!(report.failures[0].1.contains("_id"), "{:?}", report.failures);
    assert_eq!(node.live("e")["8"], json!({"_id": "8", "n": 8}));
}

#[test]
fn the_log_tells_how_a_run_went() {
    let node = TestNode::new([transform("out", "in", json!([["copy", "*"]]))]);
    node.put("in", [json!({"_id": "a"}), json!({"_id": "b"})]);
    node.run("out");
    let log = node.log("out");
    assert_eq!(log["pump-started"]["sync_type"], "full");
    let end = &log["pump-completed"];
    assert_eq!(end["entities_succeeded"], 2);
    assert_eq!(end["entities_failed"], 0);
    assert_eq!(end["pump_started_location"], 0);
    assert_eq!(end["metrics"]["entities"]["changes_last_run"], 2);
    assert_eq!(end["pipe"], "out");
}

#[test]
fn completeness_and_populated_go_down_the_flow() {
    let node = TestNode::new([
        json!({"_id": "in", "source": {"type": "embedded", "entities": [{"_id": "a"}]}}),
        transform("mid", "in", json!([["copy", "*"]])),
        {
            let mut pipe = transform("end", "mid", json!([["copy", "*"]]));
            pipe["source"]["completeness"] = json!(true);
            pipe
        },
    ]);
    node.settle();
    let reader = node.store.reader().unwrap();
    let dataset = |id| reader.dataset(id).unwrap().unwrap();
    assert!(dataset("in").is_populated() && dataset("end").is_populated());
    assert!(dataset("in").completeness.is_some());
    assert_eq!(dataset("mid").completeness, dataset("in").completeness);
    // What is newer than what "mid" is complete for waits.
    assert_eq!(node.live("end").len(), 0);
    for pipe in ["in", "mid", "end"] {
        node.run(pipe);
    }
    assert_eq!(node.live("end").len(), 1);
}
