//! Template transforms: a system that is read and written, with what came of it
//! kept.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use common::TestNode;
use pipewright_component::{Components, Failure, Setting, Sink, Source, Surroundings, Transform};
use pipewright_entity::{Entity, Value};
use serde_json::{Map, Value as Json, json};

/// A system with things by number, behind operations that answer as REST ones
/// do.
#[derive(Default)]
struct System {
    things: BTreeMap<i64, Json>,
    calls: Vec<String>,
    /// What the next changes are answered with, instead of being made.
    status: Option<i64>,
    /// Whether inserts do not say which number a thing got.
    keeps_numbers_secret: bool,
}

#[derive(Clone, Default)]
struct Outside(Arc<Mutex<System>>);

impl Outside {
    fn with<T>(&self, change: impl FnOnce(&mut System) -> T) -> T {
        change(&mut self.0.lock().unwrap())
    }

    fn calls(&self) -> Vec<String> {
        self.with(|system| std::mem::take(&mut system.calls))
    }
}

impl Components for Outside {
    fn source(
        &self,
        _: &Setting<'_>,
        _: &Surroundings,
    ) -> Result<Option<Box<dyn Source>>, Failure> {
        Ok(None)
    }

    fn transform(
        &self,
        setting: &Setting<'_>,
        _: &Surroundings,
    ) -> Result<Option<Box<dyn Transform>>, Failure> {
        assert_eq!(setting.system.unwrap().0, "crm");
        Ok(Some(Box::new(Call(self.clone(), setting.config.clone()))))
    }

    fn sink(&self, _: &Setting<'_>, _: &Surroundings) -> Result<Option<Box<dyn Sink>>, Failure> {
        Ok(None)
    }
}

struct Call(Outside, Map<String, Json>);

impl System {
    fn answer(&mut self, operation: &str, entity: &Json) -> (i64, Json) {
        let id = entity["id"].as_i64().unwrap_or(-1);
        self.calls.push(format!("{operation} {id}"));
        if operation != "thing-lookup"
            && let Some(status) = self.status
        {
            return (status, json!({"error": "no"}));
        }
        match operation {
            "thing-lookup" | "thing-defaults" => match self.things.get(&id) {
                Some(thing) => (200, thing.clone()),
                None => (404, json!({})),
            },
            "thing-insert" => {
                let id = self.things.keys().last().map_or(1, |last| last + 1);
                let mut thing = entity["payload"].clone();
                thing["id"] = json!(id);
                self.things.insert(id, thing.clone());
                if self.keeps_numbers_secret { (201, json!({})) } else { (201, thing) }
            }
            "thing-update" => {
                self.things.insert(id, entity["payload"].clone());
                (200, entity["payload"].clone())
            }
            "thing-delete" => match self.things.remove(&id) {
                Some(_) => (204, Json::Null),
                None => (404, Json::Null),
            },
            other => panic!("{other}"),
        }
    }
}

impl Transform for Call {
    fn is_outside(&self) -> bool {
        true
    }

    fn apply(&mut self, entities: Vec<Entity>) -> Result<Vec<Entity>, Failure> {
        let text = |name: &str| self.1[name].as_str().unwrap();
        Ok(entities
            .into_iter()
            .map(|entity| {
                let json = entity.clone().into_value().to_json();
                let (status, body) = self.0.with(|system| system.answer(text("operation"), &json));
                let mut dict = entity.dict().as_ref().clone();
                dict.insert(text("response_status_property").into(), Value::Int(status));
                dict.insert(text("response_property").into(), Value::from_json(&body));
                Entity::from_dict(dict).unwrap()
            })
            .collect())
    }
}

fn share(properties: Json) -> Json {
    let mut all = json!({
        "rest_system": "crm", "primary_key": "id", "share_dataset": "thing-share",
        "operation_lookup": "thing-lookup", "operation_insert": "thing-insert",
        "operation_update": "thing-update", "operation_delete": "thing-delete",
    });
    all.as_object_mut().unwrap().extend(properties.as_object().unwrap().clone());
    json!({
        "_id": "thing-share", "batch_size": 1,
        "source": {"type": "dataset", "dataset": "thing-transform"},
        "sink": {"deletion_tracking": false, "set_initial_offset": "onload"},
        "transform": {"type": "template", "template": "transform-share-rest", "properties": all},
    })
}

fn collect(properties: Json) -> Json {
    let mut all = json!({
        "rest_system": "crm", "primary_key": "id", "share_dataset": "thing-share",
    });
    all.as_object_mut().unwrap().extend(properties.as_object().unwrap().clone());
    json!({
        "_id": "thing-collect",
        "source": {"type": "dataset", "dataset": "thing-all"},
        "transform": {"type": "template", "template": "transform-collect-rest", "properties": all},
    })
}

fn node(pipes: impl IntoIterator<Item = Json>) -> (TestNode, Outside) {
    let outside = Outside::default();
    let crm = json!({"_id": "crm", "type": "system:rest", "url_pattern": "http://x/%s",
        "operations": {}});
    let mut node = TestNode::with_systems(pipes, [crm]);
    node.components = Arc::new(outside.clone());
    (node, outside)
}

fn run(node: &TestNode, pipe: &str) {
    let report = node.run(pipe);
    assert!(report.is_success(), "{report:#?}");
}

#[test]
fn what_is_new_is_inserted_once_and_what_it_is_called_is_kept() {
    let (node, outside) = node([share(json!({})), collect(json!({}))]);
    let ada = |name: &str| json!({"_id": "bar:1", "$ids": ["~:bar:1"], "$origin": "~:bar:1", "name": name});
    node.put("thing-transform", [ada("Ada")]);
    run(&node, "thing-share");
    assert_eq!(outside.calls(), ["thing-insert -1"]);
    let kept = node.live("thing-share").remove("bar:1").unwrap();
    assert_eq!(kept["$generated_id"], json!(1));
    assert_eq!((&kept["$operation"], &kept["$success"]), (&json!("insert"), &json!(true)));
    assert_eq!(outside.with(|system| system.things[&1].clone()), json!({"name": "Ada", "id": 1}));

    // A change before the new thing was read back inserts nothing more.
    node.put("thing-transform", [ada("Ada L.")]);
    run(&node, "thing-share");
    assert!(outside.calls().is_empty());
    let kept = node.live("thing-share").remove("bar:1").unwrap();
    assert_eq!(kept["$operation"], json!("discard-already-inserted"));
    assert_eq!(kept["$generated_id"], json!(1));

    // It comes back with its origin.
    node.put("thing-all", [json!({"_id": "1", "id": 1, "name": "Ada"})]);
    run(&node, "thing-collect");
    let expected = json!({"_id": "1", "id": 1, "name": "Ada", "$origin": "~:bar:1"});
    assert_eq!(node.live("thing-collect")["1"], expected);

    // Now it is known by its number, and the old id is no more.
    node.put("thing-transform", [json!({"_id": "bar:1", "_deleted": true, "$replaced": true})]);
    run(&node, "thing-share");
    assert!(outside.calls().is_empty());
    assert_eq!(node.live("thing-share")["bar:1"]["$generated_id"], json!(1));
}

#[test]
fn an_update_overwrites_nothing_that_was_changed_in_the_system() {
    let (node, outside) = node([share(json!({}))]);
    outside.with(|system| {
        system.things.insert(7, json!({"id": 7, "name": "old", "city": "Oslo"}));
    });
    let thing = |name: &str, based_on: &str, more: Json| {
        let mut thing = json!({"_id": "foo:7", "id": 7, "name": name, "city": "Oslo",
            "$based_on": {"id": 7, "name": based_on, "city": "Oslo"}});
        thing.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        thing
    };
    let put = |thing: Json| {
        node.put("thing-transform", [thing]);
        run(&node, "thing-share");
        let kept = node.live("thing-share").remove("foo:7").unwrap_or_default();
        (kept["$operation"].as_str().unwrap_or_default().to_owned(), outside.calls())
    };
    let (operation, calls) = put(thing("new", "old", json!({})));
    assert_eq!((operation.as_str(), calls.len()), ("update", 2), "{calls:?}");
    assert_eq!(outside.with(|system| system.things[&7]["name"].clone()), json!("new"));

    let (operation, calls) = put(thing("new", "new", json!({"note": null})));
    assert_eq!(
        (operation.as_str(), calls),
        ("discard-entity-not-changed", vec!["thing-lookup 7".into()])
    );

    outside.with(|system| system.things.get_mut(&7).unwrap()["city"] = json!("Bergen"));
    let (operation, calls) = put(thing("newer", "new", json!({})));
    assert_eq!((operation.as_str(), calls.len()), ("discard-modified-in-system", 1));
    assert_eq!(outside.with(|system| system.things[&7]["name"].clone()), json!("new"));

    let forced = thing("newer", "new", json!({"$unsafe_skip_optimistic_locking": true}));
    assert_eq!(put(forced).0, "update");

    // Only what is said to count is compared.
    outside.with(|system| system.things.get_mut(&7).unwrap()["city"] = json!("Bergen"));
    let some = thing("newest", "newer", json!({"$based_on_properties": ["name"]}));
    assert_eq!(put(some).0, "update");

    let (operation, calls) = put(json!({"_id": "foo:7", "id": 7, "name": "", "_deleted": true}));
    assert!(calls.contains(&"thing-delete 7".to_owned()), "{calls:?}");
    assert_eq!(operation, "", "what is deleted there is deleted here");
    assert!(outside.with(|system| system.things.is_empty()));
}

#[test]
fn what_goes_wrong_is_kept_and_said() {
    let (node, outside) = node([share(json!({}))]);
    let new = |id: &str| json!({"_id": id, "$ids": [format!("~:{id}")], "$origin": "x", "n": 1});
    outside.with(|system| system.status = Some(500));
    node.put("thing-transform", [new("bar:1")]);
    run(&node, "thing-share");
    let kept = node.live("thing-share").remove("bar:1").unwrap();
    assert_eq!((&kept["$error"], &kept["$success"]), (&json!("error-insert"), &json!(false)));
    assert_eq!(kept["response_status"], json!(500));

    // What was inserted without saying how it is called is not inserted again.
    outside.calls();
    outside.with(|system| (system.status, system.keeps_numbers_secret) = (None, true));
    for n in 2..4 {
        let mut again = new("bar:2");
        again["n"] = json!(n);
        node.put("thing-transform", [again]);
        run(&node, "thing-share");
        let kept = node.live("thing-share").remove("bar:2").unwrap();
        assert_eq!(kept["$error"], json!("error-generated-id"));
    }
    assert_eq!(outside.calls(), ["thing-insert -1"]);

    // What is not there can neither be found nor deleted.
    node.put("thing-transform", [json!({"_id": "foo:9", "id": 9, "n": 1, "$based_on": {"n": 0}})]);
    run(&node, "thing-share");
    assert_eq!(node.live("thing-share")["foo:9"]["$error"], json!("error-lookup"));
}

#[test]
fn payloads_and_answers_are_rewritten_where_the_config_says_so() {
    let (node, outside) = node([share(json!({
        "client_side_patching": true,
        "rules": {"lookup_rewrite_based_on": [["copy", "*", "stamp"]]},
        "rewrite_rules_payload": {
            "rewrite_insert_payload": [
                ["add", "$payload", ["dict", "title", ["upper", "_S.$source.name"]]],
            ],
            "rewrite_update_payload_after_patch": [
                ["add", "$payload", ["apply", "stamped", "_S._payload"]],
            ],
            "stamped": [["copy", "*"], ["add", "stamp", "new"]],
        },
        "rewrite_rules_mutation": {
            "rewrite_insert": [["add", "id", ["concat", "t-", ["string", "_S.id"]]]],
        },
    }))]);
    node.put(
        "thing-transform",
        [json!({"_id": "b:1", "$ids": ["~:b:1"], "$origin": "x", "name": "a"})],
    );
    run(&node, "thing-share");
    assert_eq!(outside.with(|system| system.things[&1].clone()), json!({"title": "A", "id": 1}));
    assert_eq!(node.live("thing-share")["b:1"]["$generated_id"], json!("t-1"));

    outside.with(|system| {
        let thing = json!({"id": 7, "a": {"x": 1, "y": 1}, "other": true, "stamp": "old"});
        system.things.insert(7, thing);
    });
    node.put("thing-transform", [json!({"_id": "f:7", "id": 7, "a": {"x": 2}, "stamp": null,
        "$based_on": {"id": 7, "a": {"x": 1, "y": 1}}, "$based_on_properties": ["id", "a"], "more": 1})]);
    run(&node, "thing-share");
    assert_eq!(node.live("thing-share")["f:7"]["$operation"], json!("update"));
    let expected =
        json!({"id": 7, "a": {"x": 2, "y": 1}, "other": true, "stamp": "new", "more": 1});
    assert_eq!(outside.with(|system| system.things[&7].clone()), expected);
}

#[test]
fn a_collect_pipe_looks_up_and_verifies() {
    let (node, outside) = node([
        collect(json!({"operation_lookup": "thing-lookup", "original_property": "_original"})),
        {
            let mut verified = collect(json!({"operation_lookup_delete": "thing-lookup"}));
            verified["_id"] = json!("verified");
            verified
        },
    ]);
    outside.with(|system| {
        system.things.insert(1, json!({"id": 1, "name": "whole"}));
    });
    node.put("thing-all", [json!({"_id": "1", "id": 1, "short": true})]);
    run(&node, "thing-collect");
    let expected = json!({"_id": "1", "id": 1, "name": "whole"});
    let mut found = node.live("thing-collect").remove("1").unwrap();
    found.as_object_mut().unwrap().remove("_original");
    assert_eq!(found, expected);

    run(&node, "verified");
    node.put("thing-all", [json!({"_id": "1", "id": 1, "short": true, "_deleted": true})]);
    run(&node, "verified");
    assert!(node.live("verified").contains_key("1"), "it is still there");
    outside.with(|system| system.things.clear());
    node.put("thing-all", [json!({"_id": "1", "id": 1, "_deleted": true, "again": 1})]);
    run(&node, "verified");
    assert!(!node.live("verified").contains_key("1"));
}

#[test]
fn defaults_fill_in_what_an_entity_lacks() {
    let (node, outside) = node([json!({
        "_id": "filled",
        "source": {"type": "dataset", "dataset": "in"},
        "transform": {"type": "template", "template": "transform-defaults-rest", "properties": {
            "rest_system": "crm", "primary_key": "id", "operation": "thing-defaults",
        }},
    })]);
    outside.with(|system| {
        system.things.insert(1, json!({"id": 0, "kind": "plain", "name": "?"}));
    });
    node.put("in", [json!({"_id": "1", "id": 1, "name": "mine"})]);
    run(&node, "filled");
    let expected = json!({"_id": "1", "id": 1, "kind": "plain", "name": "mine"});
    assert_eq!(node.live("filled")["1"], expected);
}
