//! Single components, groups of them, and their history.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::place::Place;

fn pipe(id: &str, group: Option<&str>) -> Value {
    let mut pipe = json!({"_id": id, "type": "pipe",
        "source": {"type": "embedded", "entities": [{"_id": "1"}]}});
    if let Some(group) = group {
        pipe["metadata"] = json!({ "$config-group": group });
    }
    pipe
}

fn ids(config: &Value) -> Vec<&str> {
    config.as_array().unwrap().iter().map(|one| one["_id"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_is_replaced_alone() {
    let place = Place::with_files(&[("pipes/a.conf.json", pipe("a", None))]);
    let answer =
        place.put("/api/config/crm", &json!([pipe("b", None), pipe("c", Some("x"))])).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", String::from_utf8(answer.body));
    // The address says the group.
    let crm: Value = place.ask("/api/config/crm").await;
    assert_eq!(ids(&crm), ["b", "c"]);
    assert_eq!(crm[1]["metadata"]["$config-group"], "crm");
    assert_eq!(ids(&place.ask("/api/config").await), ["a"]);
    assert_eq!(ids(&place.ask("/api/config-all").await), ["a", "b", "c"]);

    // An id belongs to one group.
    let answer = place.put("/api/config", &json!([pipe("a", None), pipe("b", None)])).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let answer = place.put("/api/config", &json!([pipe("d", None)])).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(ids(&place.ask("/api/config-all").await), ["b", "c", "d"]);
    place.put("/api/config/crm", &json!([])).await;
    assert_eq!(ids(&place.ask("/api/config-all").await), ["d"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_become_part_of_a_group_is_refused() {
    let place = Place::with_files(&[("pipes/a.conf.json", pipe("a", None))]);
    let mut odd = pipe("b", None);
    odd["metadata"] = json!("not an object");
    let posted = json!([pipe("c", None), odd]);
    // Forced, so that it is not refused for its metadata already.
    let answer = place.put("/api/config/crm?force=true", &posted).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(String::from_utf8(answer.body).unwrap().contains("config group"));
    assert_eq!(ids(&place.ask("/api/config-all").await), ["a"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn components_in_one_file_change_alone() {
    let place = Place::of(|folder| {
        let text = format!("[\n  // both\n  {},\n  {}\n]\n", pipe("a", None), pipe("b", None));
        std::fs::write(folder.join("all.conf.json"), text).unwrap();
    });
    let mut changed = pipe("b", None);
    changed["source"]["entities"] = json!([{"_id": "2"}]);
    let answer = place.put("/api/pipes/b/config", &changed).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", String::from_utf8(answer.body));
    assert!(place.text("all.conf.json").contains("// both"));
    assert_eq!(place.ask::<Value>("/api/pipes/b/config").await, changed);
    assert_eq!(ids(&place.ask("/api/config").await), ["a", "b"]);
    assert_eq!(place.delete("/api/pipes/a").await.status, StatusCode::OK);
    assert_eq!(ids(&place.ask("/api/config").await), ["b"]);
    assert!(!place.folder.join("all.conf.json").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pipes_and_systems_come_and_go_one_by_one() {
    let place = Place::with_files(&[]);
    place.trust().await;
    let answer = place.post("/api/pipes", &json!([pipe("a", None)])).await;
    assert_eq!(answer.status, StatusCode::CREATED);
    assert_eq!(answer.json::<Value>()[0]["_id"], "a");
    place.post("/api/pipes", &pipe("a", None)).await.refused(StatusCode::CONFLICT, "exists");
    let system = json!({"_id": "s", "type": "system:url", "url_pattern": "http://127.0.0.1:9/%s"});
    assert_eq!(place.post("/api/systems", &system).await.status, StatusCode::CREATED);
    assert_eq!(place.post("/api/pipes", &system).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        place.put("/api/pipes/a/config", &pipe("b", None)).await.status,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(place.put("/api/systems/x/config", &system).await.status, StatusCode::NOT_FOUND);

    // A pipe takes its dataset along.
    let run = "/api/pipes/run-all-pipes?request_mode=sync";
    assert_eq!(place.post(run, &json!({})).await.json::<Value>()["status"], "success");
    assert_eq!(place.get("/api/datasets/a").await.status, StatusCode::OK);
    assert_eq!(place.delete("/api/pipes/a").await.status, StatusCode::OK);
    assert_eq!(place.get("/api/datasets/a").await.status, StatusCode::NOT_FOUND);
    assert_eq!(place.delete("/api/pipes/a").await.status, StatusCode::NOT_FOUND);
    assert_eq!(place.delete("/api/systems/s").await.status, StatusCode::OK);
    assert_eq!(place.ask::<Value>("/api/config-all").await, json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_version_says_who_and_why() {
    let place = Place::with_files(&[("pipes/a.conf.json", pipe("a", None))]);
    let mut changed = pipe("a", None);
    changed["source"]["entities"] = json!([{"_id": "2", "x": 1.0}]);
    place.put("/api/pipes/a/config", &changed).await;
    // Other components do not get a version by it, nor does the same again.
    place.put("/api/pipes/a/config", &changed).await;
    place.post("/api/pipes", &pipe("b", None)).await;
    let history = "/api/config-history/entity?entity_id=a";
    let versions: Vec<Value> = place.ask(history).await;
    assert_eq!(versions.len(), 2, "{versions:?}");
    assert_eq!(versions[0]["$audit"]["changed_by"], Value::Null);
    assert_eq!(versions[1]["$audit"]["changed_by"], "test");
    assert_eq!(versions[1]["$audit"]["change"], "Change a");
    assert_eq!(versions[1]["_previous"], versions[0]["_updated"]);
    assert!(versions[1]["_ts"].is_u64());
    let text = String::from_utf8(place.get(history).await.body).unwrap();
    assert!(text.contains(r#""x":1.0"#), "{text}");
    let last: Vec<Value> = place.ask(&format!("{history}&reverse=true&limit=1")).await;
    assert_eq!(last, versions[1..]);
    let next: Vec<Value> = place.ask(&format!("{history}&since={}", versions[0]["_updated"])).await;
    assert_eq!(next, versions[1..]);
    let none = place.get("/api/config-history/entity?entity_id=none").await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metadata_is_one_object() {
    let place = Place::with_files(&[]);
    let metadata = json!({"_id": "node", "type": "metadata", "namespaced_identifiers": true,
        "namespaces": {"default": {"crm": "http://crm.example.org/"}}});
    assert_eq!(place.put("/api/metadata", &metadata).await.status, StatusCode::OK);
    let shown: Value = place.ask("/api/metadata").await;
    assert_eq!(shown["config"]["original"], metadata);
    assert_eq!(shown["config"]["effective"]["namespaced_identifiers"], true);
    assert_eq!(ids(&place.ask("/api/config").await), ["node"]);
    let namespaces: Value = place.ask("/api/namespaces").await;
    assert_eq!(namespaces["crm"], "http://crm.example.org/");
    assert!(namespaces["rdf"].is_string());
    assert_eq!(place.delete("/api/metadata").await.status, StatusCode::OK);
    assert!(!place.folder.join("node-metadata.conf.json").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_are_set_and_named_and_never_shown() {
    let system = json!({"_id": "s", "type": "system:url", "url_pattern": "http://127.0.0.1:9/%s"});
    let place = Place::with_files(&[("systems/s.conf.json", system.clone())]);
    assert_eq!(place.ask::<Value>("/api/secrets").await, json!([]));
    let path = "/api/systems/s/secrets";
    let set =
        place.put(&format!("{path}?encrypt=true"), &json!({"key": "hush-1", "more": "x"})).await;
    assert_eq!(set.status, StatusCode::OK, "{:?}", String::from_utf8(set.body));
    assert_eq!(place.ask::<Value>(path).await, json!(["key", "more"]));
    place.post(path, &json!({"other": "hush-2"})).await;
    assert_eq!(place.ask::<Value>(path).await, json!(["key", "more", "other"]));
    place.put(path, &json!({"key": "hush-3"})).await;
    assert_eq!(place.ask::<Value>(path).await, json!(["key"]));
    place.post("/api/secrets", &json!({"own": "hush-4"})).await;
    assert_eq!(place.ask::<Value>("/api/secrets").await, json!(["own"]));
    assert_eq!(place.delete("/api/secrets/own").await.status, StatusCode::OK);
    assert_eq!(place.delete("/api/secrets/own").await.status, StatusCode::NOT_FOUND);
    assert_eq!(place.get("/api/systems/none/secrets").await.status, StatusCode::NOT_FOUND);
    let wrong = place.put(path, &json!(["hush-5"])).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert!(!String::from_utf8(wrong.body).unwrap().contains("hush"));
    // They go with their system.
    assert_eq!(place.delete("/api/systems/s").await.status, StatusCode::OK);
    assert_eq!(place.post("/api/systems", &system).await.status, StatusCode::CREATED);
    assert_eq!(place.ask::<Value>(path).await, json!([]));
}

/// Setting some variables leaves the others as they are written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn variables_keep_their_spelling() {
    let text =
        "{\n  \"b\": 1.0,\n  \"big\": 123456789012345678901234567890,\n\n  \"a\": \"\\u00e6\"\n}\n";
    let place = Place::of(|folder| std::fs::write(folder.join("test-env.json"), text).unwrap());
    let kind = Some("application/json");
    let sent = br#"{"new": 2.50, "more": {"x": 1e2}}"#.to_vec();
    let answer = place.send_as(Method::PATCH, "/api/env", kind, sent).await;
    assert_eq!(answer.status, StatusCode::OK);
    let now = place.text("test-env.json");
    for kept in ["\"b\": 1.0,\n", "\"big\": 123456789012345678901234567890,\n\n", "\"\\u00e6\""] {
        assert!(now.contains(kept), "{now}");
    }
    assert!(now.contains("\"new\": 2.50") && now.contains("1e2"), "{now}");
    place.send_as(Method::POST, "/api/env", kind, br#"{"b": 1.00}"#.to_vec()).await;
    assert_eq!(place.text("test-env.json"), now.replace("1.0,", "1.00,"));
    place.send_as(Method::POST, "/api/env", kind, br#"{"b": 1.0}"#.to_vec()).await;
    for name in ["new", "more"] {
        assert_eq!(place.delete(&format!("/api/env/{name}")).await.status, StatusCode::OK);
    }
    assert_eq!(place.text("test-env.json"), text);
    assert_eq!(place.delete("/api/env/new").await.status, StatusCode::NOT_FOUND);
    let list = place.send_as(Method::PATCH, "/api/env", kind, b"[1]".to_vec()).await;
    list.refused(StatusCode::BAD_REQUEST, "bad-request");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pipe_says_who_wrote_its_config() {
    let pipe = |text: &str| {
        json!({"_id": "a", "type": "pipe", "description": text,
            "source": {"type": "embedded", "entities": []}})
    };
    let place = Place::with_files(&[("pipes/a.conf.json", pipe("one"))]);
    let audit = async || place.ask::<Value>("/api/pipes/a").await["config"]["audit"].clone();
    let first = audit().await;
    // The file lay there.
    assert_eq!(first["created_by"], json!({"user_id": null}), "{first}");
    assert_eq!(first["created_ts"], first["last_modified_ts"]);
    assert!(first["created_ts"].as_str().unwrap().starts_with("~t2"), "{first}");

    place.put("/api/pipes/a/config", &pipe("two")).await;
    let second = audit().await;
    assert_eq!(second["created_by"], first["created_by"]);
    assert_eq!(second["created_ts"], first["created_ts"]);
    assert_eq!(second["last_modified_by"]["user_id"], "test", "{second}");
    assert_ne!(second["last_modified_ts"], first["last_modified_ts"]);

    assert_eq!(place.delete("/api/pipes/a").await.status, StatusCode::OK);
    assert_eq!(place.post("/api/pipes", &pipe("three")).await.status, StatusCode::CREATED);
    assert_eq!(audit().await["created_by"]["user_id"], "test");
}
