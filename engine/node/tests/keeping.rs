//! How long versions are kept, seen from a project folder.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Place, live, log, write};
use pipewright_component::Clock;
use pipewright_node::{Node, Select};
use pipewright_store::Past;
use serde_json::{Value as Json, json};

const HOUR: f64 = 3_600.0;

fn copy(id: &str, dataset: &str, compaction: Json) -> Json {
    json!({
        "_id": id, "source": {"type": "dataset", "dataset": dataset},
        "pump": {"schedule_interval": 600, "rescan_run_count": 1_000_000},
        "compaction": compaction,
    })
}

/// What is left in the log: id and `n` of each version.
fn versions(node: &Node, dataset: &str) -> Vec<(String, i64)> {
    let reader = node.store().reader().unwrap();
    let select = Select { history: true, ..Select::default() };
    let changes = reader.changes(dataset, None, None, select).unwrap();
    changes
        .map(|version| {
            let entity = version.unwrap().entity;
            let n = entity.clone().into_value().to_json()["n"].as_i64().unwrap();
            (entity.id().to_string(), n)
        })
        .collect()
}

/// Writes a version of "1" into the input and lets it go through.
fn step(place: &Place, node: &std::sync::Arc<Node>, n: i64) {
    write(node, "in", place.clock.now(), [json!({"_id": "1", "n": n})]);
    place.pass(node, 600.0);
}

#[test]
fn two_versions_are_kept_unless_the_pipe_says_otherwise() {
    let place = Place::new([
        copy("two", "in", json!({})),
        copy("three", "in", json!({"keep_versions": 3})),
        copy("all", "in", json!({"automatic": false, "sink": false})),
    ]);
    let node = place.open();
    for n in 0..5 {
        step(&place, &node, n);
    }
    let kept = |dataset| versions(&node, dataset).into_iter().map(|(_, n)| n).collect::<Vec<_>>();
    assert_eq!(kept("two"), [3, 4]);
    assert_eq!(kept("three"), [2, 3, 4]);
    assert_eq!(kept("all"), [0, 1, 2, 3, 4]);
    let past = node.store().reader().unwrap().previous_version("two", "1", Some(0)).unwrap();
    assert_eq!(past, Past::Compacted, "what is gone is said to be gone");
}

#[test]
fn young_versions_are_kept_by_age() {
    let place = Place::new([copy("out", "in", json!({"time_threshold_hours": 2}))]);
    let node = place.open();
    for n in 0..6 {
        step(&place, &node, n);
        place.pass(&node, HOUR - 600.0);
    }
    let kept: Vec<i64> = versions(&node, "out").into_iter().map(|(_, n)| n).collect();
    assert_eq!(kept, [3, 4, 5]);
}

#[test]
fn deletions_go_for_good_once_everybody_has_read_them() {
    let mut reader = copy("reader", "out", json!({}));
    reader["pump"] = json!({"cron_expression": "0 12 * * ?"});
    let place = Place::new([copy("out", "in", json!({"ttl_deletes_hours": 1})), reader]);
    let node = place.open();
    step(&place, &node, 0);
    place.pass(&node, 24.0 * HOUR);
    assert_eq!(live(&node, "reader").len(), 1);
    write(&node, "in", place.clock.now(), [json!({"_id": "1", "n": 1, "_deleted": true})]);
    place.pass(&node, 3.0 * HOUR);
    let other = |n| json!({"_id": "2", "n": n});
    write(&node, "in", place.clock.now(), [other(0)]);
    place.pass(&node, HOUR);
    assert!(versions(&node, "out").iter().any(|(id, _)| id == "1"), "the reader has not heard");

    place.pass(&node, 24.0 * HOUR);
    assert!(live(&node, "reader").keys().all(|id| id != "1"));
    write(&node, "in", place.clock.now(), [other(1)]);
    place.pass(&node, HOUR);
    assert!(versions(&node, "out").iter().all(|(id, _)| id != "1"));
}

#[test]
fn versions_stay_for_a_source_that_asks_for_them() {
    let mut history = copy("history", "out", json!({"automatic": false, "sink": false}));
    history["source"]["include_previous_versions"] = json!(true);
    history["pump"] = json!({"cron_expression": "0 0 * * ?"});
    let place = Place::new([copy("out", "in", json!({"keep_versions": 1})), history]);
    let node = place.open();
    step(&place, &node, 0);
    place.pass(&node, 24.0 * HOUR);
    for n in 1..4 {
        step(&place, &node, n);
    }
    place.pass(&node, 24.0 * HOUR);
    let read: Vec<i64> = versions(&node, "history").into_iter().map(|(_, n)| n).collect();
    assert_eq!(read, [0, 1, 2, 3]);
    step(&place, &node, 4);
    let kept: Vec<i64> = versions(&node, "out").into_iter().map(|(_, n)| n).collect();
    assert_eq!(kept, [3, 4], "it has not read what is current");
}

#[test]
fn a_retraction_takes_the_past_along() {
    let place = Place::new([
        copy("out", "in", json!({"keep_versions": 10, "retract": true})),
        copy("keeps", "in", json!({"keep_versions": 10})),
    ]);
    let node = place.open();
    step(&place, &node, 0);
    step(&place, &node, 1);
    let retraction = json!({"_id": "1", "n": 2, "$retract": true});
    write(&node, "in", place.clock.now(), [retraction]);
    place.pass(&node, 600.0);
    assert_eq!(versions(&node, "out"), [("1".to_owned(), 2)]);
    assert_eq!(versions(&node, "keeps").len(), 3);
}

#[test]
fn execution_logs_lose_what_is_older_than_a_month() {
    let mut out = copy("out", "in", json!({}));
    out["pump"]["schedule_interval"] = json!(6.0 * HOUR);
    let place = Place::new([out]);
    let node = place.open();
    let step = |n| {
        write(&node, "in", place.clock.now(), [json!({"_id": "1", "n": n})]);
        place.pass(&node, 6.0 * HOUR);
    };
    step(0);
    assert_eq!(log(&node, "out", "pump-completed").len(), 1);
    place.pass(&node, 40.0 * 24.0 * HOUR);
    step(1);
    let lines = log(&node, "out", "pump-completed");
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["sync_type"], "incremental");
}
