//! Requests to pipes: publishing, receiving, previews, explanations.
#![allow(clippy::unwrap_used)]

mod common;

use common::{TestNode, entity, transform};
use pipewright_entity::{Entity, Value};
use pipewright_pump::{
    EvaluateRequest, Post, PostError, Receiver, cluster_sizes, evaluate, explain_cluster,
    merged_into, preview,
};
use serde_json::{Value as Json, json};

fn published(id: &str, source: Json, rules: Json) -> Json {
    json!({
        "_id": id,
        "source": source,
        "transform": {"type": "dtl", "rules": {"default": rules}},
        "sink": {"type": "http_endpoint"},
    })
}

fn ids(entities: &[Entity]) -> Vec<&str> {
    entities.iter().map(|entity| entity.id().as_str()).collect()
}

#[test]
fn a_published_pipe_is_evaluated_on_request() {
    let rules = json!([["copy", "*"], ["filter", ["neq", "_S.n", 1]], ["add", "who", "_B.who"]]);
    let node = TestNode::new([published("p", json!({"type": "dataset", "dataset": "in"}), rules)]);
    node.put("in", (0..5).map(|n| json!({"_id": format!("e{n}"), "n": n})));
    assert!(node.plan("p").is_published());
    let ask = |request: EvaluateRequest| {
        node.with_resources(|resources| evaluate(node.plan("p"), resources, &request).unwrap())
    };
    let all = ask(EvaluateRequest::default());
    assert_eq!(ids(&all.entities), ["e0", "e2", "e3", "e4"]);
    assert_eq!(all.entities[1].get("_updated"), Some(&Value::Int(2)));

    let mut bound = pipewright_entity::Dict::default();
    bound.insert("who".into(), Value::string("me"));
    let some =
        ask(EvaluateRequest { since: Some(Value::Int(2)), limit: Some(1), bound: Some(bound) });
    assert_eq!(ids(&some.entities), ["e3"]);
    assert_eq!(some.entities[0].get("who"), Some(&Value::string("me")));

    // Nothing was left behind, and running it does nothing.
    assert_eq!(node.store.reader().unwrap().offset("p").unwrap(), None);
    assert_eq!(node.run("p").counts.read, 0);
}

#[test]
fn clusters_are_published_without_a_run() {
    let source = json!({
        "type": "merge", "version": 2, "identity": "first", "datasets": ["a a", "b b"],
        "equality_sets": [["a.x", "b.x"]],
    });
    let node = TestNode::new([published("p", source, json!([["copy", "*"]]))]);
    node.put("a", [json!({"_id": "a1", "x": 1}), json!({"_id": "a2", "x": 2})]);
    node.put("b", [json!({"_id": "b1", "x": 1})]);
    let found =
        node.with_resources(|r| evaluate(node.plan("p"), r, &EvaluateRequest::default()).unwrap());
    assert_eq!(ids(&found.entities), ["a1", "a2"]);
}

#[test]
fn clusters_explain_themselves() {
    let node = TestNode::new([json!({
        "_id": "m",
        "source": {
            "type": "merge", "version": 2, "identity": "first", "datasets": ["a a", "b b"],
            "equality_sets": [["a.mail", ["lower", "b.mail"]]],
        },
    })]);
    node.put("a", [json!({"_id": "a1", "mail": "x@y.example"})]);
    node.put("b", [json!({"_id": "b1", "mail": "X@Y.example"})]);
    node.run("m");
    let why = explain_cluster(node.plan("m"), &node.store, "a1").unwrap().unwrap();
    assert_eq!(why.members.len(), 2);
    assert_eq!(why.links[0].value, Value::string("x@y.example"));
    let reader = node.store.reader().unwrap();
    let into = merged_into(node.plan("m"), &reader, "b", "b1").unwrap();
    assert_eq!(into.as_deref(), Some("a1"));
    assert_eq!(explain_cluster(node.plan("m"), &node.store, "b1").unwrap(), None);
}

#[test]
fn clusters_are_counted_by_their_members_whatever_the_transform_keeps() {
    let node = TestNode::new([json!({
        "_id": "m",
        "source": {
            "type": "merge", "version": 2, "identity": "first", "datasets": ["a a", "b b"],
            "equality_sets": [["a.x", "b.x"]],
        },
        "transform": {"type": "dtl", "rules": {"default": [["copy", "x"]]}},
    })]);
    let sizes = || {
        let reader = node.store.reader().unwrap();
        let sizes = cluster_sizes(node.plan("m"), &reader).unwrap();
        sizes.iter().map(|(id, size)| (id.to_string(), *size)).collect::<Vec<_>>()
    };
    assert_eq!(sizes(), []);
    node.put("a", [json!({"_id": "a1", "x": 1}), json!({"_id": "a2", "x": 2})]);
    node.put("b", [json!({"_id": "b1", "x": 1})]);
    node.run("m");
    assert_eq!(sizes(), [("a1".to_owned(), 2), ("a2".to_owned(), 1)]);
    node.put("a", [json!({"_id": "a1", "x": 1, "_deleted": true})]);
    node.run("m");
    assert_eq!(sizes(), [("a2".to_owned(), 1), ("b1".to_owned(), 1)]);
}

#[test]
fn a_preview_shows_what_becomes_of_an_entity() {
    let node = TestNode::new([transform(
        "p",
        "in",
        json!([
            ["copy", "_id"],
            ["add", "n", ["plus", "_S.n", 1]],
            ["add", "xs", ["hops", {
                "datasets": ["other o"], "where": [["eq", "_S.n", "o.n"]], "return": "o._id",
            }]],
            ["if", ["eq", "_S.n", 7], ["fail!", "seven"]],
        ]),
    )]);
    node.put("other", (0..10).map(|n| json!({"_id": format!("o{n}"), "n": n % 3})));
    let ask = |json| {
        node.with_resources(|resources| preview(node.plan("p"), resources, entity(json)).unwrap())
    };
    // No run has made the index yet: the dataset is looked through.
    let shown = ask(json!({"_id": "x", "n": 2}));
    let expected = json!({"_id": "x", "n": 3, "xs": ["o2", "o5", "o8"]});
    assert_eq!(shown.entities, [entity(expected)]);
    assert!(!shown.is_partial && shown.failure.is_none());

    let (reason, path) = ask(json!({"_id": "x", "n": 7})).failure.unwrap();
    assert!(reason.contains("seven"), "{reason}");
    assert_eq!(path.as_deref(), Some("$.transform.rules.default[3][2]"));
}

fn receiver() -> TestNode {
    TestNode::new([json!({
        "_id": "r",
        "source": {"type": "http_endpoint"},
        "transform": {"type": "dtl", "rules": {"default": [
            ["copy", "*"], ["if", ["eq", "_S.bad", true], ["fail!", "bad"]],
        ]}},
    })])
}

fn post(
    node: &TestNode,
    receiver: &Receiver,
    entities: Json,
    post: &Post,
) -> Result<u64, PostError> {
    let entities = entities.as_array().unwrap().iter().cloned().map(entity).collect();
    node.with_resources(|resources| {
        receiver.post(node.plan("r"), resources, entities, post).map(|posted| posted.written)
    })
}

#[test]
fn posted_entities_are_added() {
    let (node, receiver) = (receiver(), Receiver::new());
    let plain = Post::default();
    assert_eq!(post(&node, &receiver, json!([{"_id": "a"}, {"_id": "b"}]), &plain).unwrap(), 2);
    assert_eq!(post(&node, &receiver, json!([{"_id": "a", "n": 1}]), &plain).unwrap(), 1);
    assert_eq!(node.live("r").len(), 2);

    let refused = post(&node, &receiver, json!([{"_id": "c"}, {"_id": "d", "bad": true}]), &plain);
    let Err(PostError::Refused(reasons)) = refused else { panic!() };
    assert_eq!(reasons[0].0.as_deref(), Some("d"));
    assert_eq!(node.live("r").len(), 2, "all or nothing");
}

#[test]
fn a_full_sequence_deletes_what_it_did_not_hold() {
    let (node, receiver) = (receiver(), Receiver::new());
    post(&node, &receiver, json!([{"_id": "a"}, {"_id": "b"}]), &Post::default()).unwrap();
    let first = Post {
        is_full: true,
        sequence_id: Some("s".into()),
        request_id: Some("1".into()),
        is_first: true,
        ..Post::default()
    };
    post(&node, &receiver, json!([{"_id": "b"}]), &first).unwrap();
    // Others may add something meanwhile.
    post(&node, &receiver, json!([{"_id": "d"}]), &Post::default()).unwrap();
    let last = Post {
        request_id: Some("2".into()),
        previous_request_id: Some("1".into()),
        is_first: false,
        is_last: true,
        ..first.clone()
    };
    let stray = Post { previous_request_id: Some("0".into()), ..last.clone() };
    let conflict = |result| assert!(matches!(result, Err(PostError::Conflict(_))), "{result:?}");
    conflict(post(&node, &receiver, json!([]), &stray));
    conflict(post(&node, &receiver, json!([]), &first));
    post(&node, &receiver, json!([{"_id": "c"}]), &last).unwrap();
    assert_eq!(node.live("r").into_keys().collect::<Vec<_>>(), ["b", "c", "d"]);
    conflict(post(&node, &receiver, json!([]), &last));
}

#[test]
fn optimistic_locks_hold() {
    let mut node = receiver();
    node.configure(json!({
        "_id": "r",
        "source": {"type": "http_endpoint"},
        "sink": {"type": "dataset", "dataset": "r", "enable_optimistic_locking": true},
    }));
    let receiver = Receiver::new();
    let plain = Post::default();
    post(&node, &receiver, json!([{"_id": "a", "n": 1}]), &plain).unwrap();
    let locked = post(&node, &receiver, json!([{"_id": "a", "n": 2}]), &plain);
    assert!(matches!(locked, Err(PostError::Locked { .. })), "{locked:?}");
    post(&node, &receiver, json!([{"_id": "a", "n": 2, "_updated": 0}]), &plain).unwrap();
    assert_eq!(node.live("r")["a"]["n"], 2);
}
