//! Services between source and sink.

use pipewright_pump::Ending;
use serde_json::{Value as Json, json};

use super::{Outside, ids, node};

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
    let node = super::node(served(json!({})), &allowed);
    node.put("in", [json!({"_id": "a"})]);
    node.run("served");
    allowed.with(|world| world.swallows = true);
    assert!(node.run_full("served").is_success());
    assert!(ids(&node, "served").is_empty());
}
