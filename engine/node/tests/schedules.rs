//! When pipes run by themselves: a folder in, entities and execution logs out,
//! with a clock that the test owns.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Place, live, log};
use pipewright_component::{Clock, Permission};
use pipewright_node::Node;
use serde_json::{Value as Json, json};

/// Reads a file of the project, which stands for an outside system.
fn inbound(id: &str, mut pump: Json) -> Json {
    pump["log_events_noop_runs"] = json!(true);
    json!({
        "_id": id,
        "source": {"type": "csv", "system": "files", "url": format!("{id}.csv"),
                   "primary_key": "id"},
        "pump": pump,
    })
}

fn copy(id: &str, dataset: &str, pump: Json) -> Json {
    json!({"_id": id, "source": {"type": "dataset", "dataset": dataset}, "pump": pump})
}

fn place(pipes: impl IntoIterator<Item = Json>) -> Place {
    let place = Place::new(pipes);
    let files = json!({"_id": "files", "type": "system:url", "url_pattern": "file:%s"});
    place.put("systems/files.conf.json", &files.to_string());
    place
}

/// Seconds since the start at which runs of a pipe began.
fn runs(node: &Node, pipe: &str) -> Vec<f64> {
    let lines = log(node, pipe, "pump-started");
    let at = |line: &Json| {
        let at: jiff::Timestamp = line["start_time"].as_str().unwrap().parse().unwrap();
        (at.as_microsecond() - common::START) as f64 / 1e6
    };
    lines.iter().map(at).collect()
}

fn kinds(node: &Node, pipe: &str) -> Vec<String> {
    let lines = log(node, pipe, "pump-completed");
    lines.iter().map(|line| line["sync_type"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_interval_runs_again_and_again_and_changes_go_through_the_flow_at_once() {
    let place = place([
        inbound("in", json!({"schedule_interval": 60})),
        copy("mid", "in", json!({})),
        copy("out", "mid", json!({})),
    ]);
    place.put("in.csv", "id,n\n1,a\n");
    let node = place.open();
    place.pass(&node, 59.0);
    assert!(live(&node, "in").is_empty(), "nothing runs before its time");
    place.pass(&node, 2.0);
    assert_eq!(live(&node, "out"), live(&node, "in"));
    assert_eq!(live(&node, "out")["1"]["n"], "a");

    place.put("in.csv", "id,n\n1,b\n");
    place.pass(&node, 299.0);
    assert_eq!(live(&node, "out")["1"]["n"], "b");
    assert_eq!(runs(&node, "in"), [60.0, 120.0, 180.0, 240.0, 300.0, 360.0]);
    // Those inside ran when there was something to do, and at no other time.
    assert_eq!(runs(&node, "out"), [60.0, 120.0]);
}

#[test]
fn intervals_that_nobody_gave_vary() {
    let place = place([inbound("in", json!({}))]);
    place.put("in.csv", "id\n1\n");
    let node = place.open();
    place.pass(&node, 100_000.0);
    let runs = runs(&node, "in");
    let gaps: Vec<f64> = runs.windows(2).map(|two| two[1] - two[0]).collect();
    assert!(gaps.len() > 100);
    assert!(gaps.iter().all(|gap| (855.0..=945.0).contains(gap)), "{gaps:?}");
    assert!(gaps.windows(2).any(|two| (two[0] - two[1]).abs() > 1.0), "{gaps:?}");
}

#[test]
fn nothing_is_due_while_nothing_changes() {
    let place = place([
        json!({"_id": "in", "source": {"type": "embedded", "entities": [{"_id": "1"}]}}),
        copy("mid", "in", json!({"schedule_interval": 5})),
        copy("out", "mid", json!({})),
    ]);
    let node = place.open();
    place.pass(&node, 2_000.0);
    assert_eq!(live(&node, "out").len(), 1);
    assert_eq!(node.next_due(), None);
}

#[test]
fn a_cron_expression_is_kept_whatever_changes() {
    // It is 22:13:20.
    let place = place([
        inbound("in", json!({"schedule_interval": 600})),
        copy("out", "in", json!({"cron_expression": "0 * * * ?"})),
    ]);
    place.put("in.csv", "id\n1\n");
    let node = place.open();
    place.pass(&node, 2_799.0);
    assert_eq!(runs(&node, "out"), [0.0; 0]);
    place.pass(&node, 2.0);
    assert_eq!(runs(&node, "out"), [2_800.0]);
    place.pass(&node, 10_000.0);
    assert_eq!(runs(&node, "out"), [2_800.0], "nothing has changed");
    place.put("in.csv", "id\n1\n2\n");
    place.pass(&node, 3_600.0);
    assert_eq!(runs(&node, "out"), [2_800.0, 13_600.0]);
}

#[test]
fn a_cron_time_that_passed_while_the_node_was_closed_is_caught_up() {
    let place = place([inbound("in", json!({"cron_expression": "0 0 * * ?"}))]);
    place.put("in.csv", "id\n1\n");
    let node = place.open();
    place.pass(&node, 86_400.0);
    assert_eq!(runs(&node, "in"), [6_400.0]);
    drop(node);
    place.clock.advance(std::time::Duration::from_secs(2 * 86_400));
    let node = place.open();
    place.pass(&node, 0.0);
    assert_eq!(runs(&node, "in"), [6_400.0, 259_200.0]);
    place.pass(&node, 1_000.0);
    assert_eq!(runs(&node, "in").len(), 2);
}

#[test]
fn some_runs_read_everything_again() {
    let place = place([
        copy(
            "counted",
            "in",
            json!({"schedule_interval": 10, "rescan_run_count": 3,
                                     "log_events_noop_runs": true}),
        ),
        copy(
            "cron",
            "in",
            json!({"rescan_cron_expression": "0 * * * ?",
                                  "log_events_noop_runs": true}),
        ),
        copy(
            "partial",
            "in",
            json!({"schedule_interval": 10, "log_events_noop_runs": true,
            "partial_rescan_run_count": 2, "partial_rescan_delta": 1}),
        ),
    ]);
    let node = place.open();
    common::write(
        &node,
        "in",
        common::START,
        [json!({"_id": "1"}), json!({"_id": "2"}), json!({"_id": "3"})],
    );
    place.pass(&node, 61.0);
    let (full, incremental, partial) = ("full", "incremental", "partial");
    assert_eq!(
        kinds(&node, "counted"),
        [full, incremental, full, incremental, incremental, full],
        "the first run has nothing to go on from"
    );
    assert_eq!(
        kinds(&node, "partial"),
        [full, partial, incremental, partial, incremental, partial]
    );
    let read = |line: &Json| line["metrics"]["entities"]["entities_last_run"].as_u64().unwrap();
    let lines = log(&node, "partial", "pump-completed");
    assert_eq!(lines.iter().map(read).collect::<Vec<_>>(), [3, 1, 0, 1, 0, 1]);

    place.pass(&node, 3_000.0);
    assert_eq!(kinds(&node, "cron"), [full, full]);
}

#[test]
fn manual_pipes_off_pipes_and_disabled_pipes_do_not_run_by_themselves() {
    let place = place([
        inbound("manual", json!({"schedule_interval": 5, "mode": "manual"})),
        inbound("off", json!({"schedule_interval": 5, "mode": "off"})),
        copy("quiet", "other", json!({"schedule_interval": 5, "mode": "manual"})),
        inbound("other", json!({"schedule_interval": 5})),
    ]);
    for file in ["manual.csv", "off.csv", "other.csv"] {
        place.put(file, "id\n1\n");
    }
    let node = place.open();
    place.pass(&node, 20.0);
    for (pipe, count) in [("manual", 0), ("off", 0), ("quiet", 0), ("other", 4)] {
        assert_eq!(runs(&node, pipe).len(), count, "{pipe}");
    }
}

#[test]
fn an_untrusted_folder_schedules_nothing() {
    let mut place = place([inbound("in", json!({"schedule_interval": 5, "run_at_startup": true}))]);
    place.put("in.csv", "id\n1\n");
    place.trusted = false;
    let node = place.open();
    place.pass(&node, 1_000.0);
    assert_eq!((runs(&node, "in"), node.next_due()), (vec![], None));
    node.set_trusted(true).unwrap();
    place.pass(&node, 9.0);
    assert_eq!(runs(&node, "in"), [1_000.0, 1_005.0]);
    node.set_trusted(false).unwrap();
    place.pass(&node, 1_000.0);
    assert_eq!((runs(&node, "in").len(), node.next_due()), (2, None));
}

#[test]
fn held_writes_are_not_computed_again_and_again_and_go_out_once_live() {
    let out = json!({
        "_id": "out",
        "source": {"type": "dataset", "dataset": "in"},
        "sink": {"type": "json", "system": "files", "url": "nowhere"},
        "pump": {"schedule_interval": 10},
    });
    let mut place = place([out]);
    place.live = Permission::Held;
    let node = place.open();
    common::write(&node, "in", common::START, [json!({"_id": "1"})]);
    place.pass(&node, 10.0);
    assert_eq!(node.next_due(), None, "it has done what it can");
    node.set_live(true);
    assert_eq!(node.next_due(), Some(place.clock.now()));
}

#[test]
fn a_failing_pipe_is_tried_again_at_its_time() {
    let place = place([inbound("in", json!({"schedule_interval": 10}))]);
    let node = place.open();
    place.pass(&node, 35.0);
    assert_eq!(log(&node, "in", "pump-failed").len(), 3);
    place.put("in.csv", "id\n1\n");
    place.pass(&node, 10.0);
    assert_eq!(live(&node, "in").len(), 1);
}

#[test]
fn pipes_may_run_when_the_node_starts() {
    let place = place([
        inbound("always", json!({"run_at_startup": true})),
        inbound("once", json!({"run_at_startup_if_not_populated": true})),
        inbound("never", json!({})),
    ]);
    for file in ["always.csv", "once.csv", "never.csv"] {
        place.put(file, "id\n1\n");
    }
    for expected in [[1, 1, 0], [2, 1, 0]] {
        let node = place.open();
        place.pass(&node, 1.0);
        let count = ["always", "once", "never"].map(|pipe| runs(&node, pipe).len());
        assert_eq!(count, expected);
    }
}

#[test]
fn what_waits_for_completeness_is_read_when_its_time_comes() {
    let input = |entities| {
        json!({"_id": "in", "source": {"type": "embedded", "entities": entities},
                                  "pump": {"schedule_interval": 100}})
    };
    let mut held = copy("held", "mid", json!({}));
    held["source"]["completeness"] = json!(["slow"]);
    let mut week = copy("week", "in", json!({"schedule_interval": 3600}));
    week["source"]["completeness"] = json!({"expression": ["datetime-plus", "day", -7, ["now"]]});
    let place = place([
        input(json!([{"_id": "1"}])),
        json!({"_id": "slow", "source": {"type": "embedded", "entities": []},
               "pump": {"schedule_interval": 1000}}),
        copy("mid", "in", json!({})),
        held,
        week,
    ]);
    let node = place.open();
    let count = |pipe| live(&node, pipe).len();
    place.pass(&node, 999.0);
    assert_eq!((count("mid"), count("held")), (1, 0));
    place.pass(&node, 2.0);
    assert_eq!((count("mid"), count("held")), (1, 1));
    place.pipe(input(json!([{"_id": "1"}, {"_id": "2"}])));
    node.reload("another entity").unwrap();
    place.pass(&node, 990.0);
    assert_eq!((count("mid"), count("held")), (2, 1));
    // "slow" has nothing new, but somebody waits for it to say so.
    place.pass(&node, 10.0);
    assert_eq!((count("mid"), count("held")), (2, 2));
    assert_eq!(count("week"), 0);
    place.pass(&node, 7.0 * 86_400.0 + 3_600.0);
    assert_eq!(count("week"), 2);
}
