//! What the official command-line client calls, in its order and with its
//! parameters, on a project like one that it would upload.

use std::io::{Cursor, Read, Write};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use serde_json::{Value, json};

use crate::place::{Answer, Place};

const FORM: &str = "multipart/form-data; boundary=PART";

/// Config in a form, as the client sends it.
fn form(kind: &str, content: &[u8]) -> Vec<u8> {
    let mut body = format!(
        "--PART\r\nContent-Disposition: form-data; name=\"file\"; filename=\"config\"\r\n\
         Content-Type: {kind}\r\n\r\n"
    )
    .into_bytes();
    body.extend_from_slice(content);
    body.extend_from_slice(b"\r\n--PART--\r\n");
    body
}

fn zip(files: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in files {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn unzip(bytes: &[u8]) -> Vec<(String, String)> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut files = Vec::new();
    for place in 0..archive.len() {
        let mut file = archive.by_index(place).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        files.push((file.name().to_owned(), text));
    }
    files
}

const METADATA: &str = r#"{
  "_id": "node",
  "type": "metadata",
  "task_manager": {"disable_user_pipes": true},
  "global_defaults": {"eager_load_microservices": false}
}"#;

/// The name of the file and the `_id` differ by case; numbers are spelled in
/// their own way.
const ORDERS: &str = r#"{
  "_id": "Orders",
  "type": "pipe",
  "metadata": {"weight": 1.0, "big": 123456789012345678901234567890, "note": "blåbær"},
  "source": {
    "type": "conditional",
    "condition": "$ENV(node-env)",
    "alternatives": {
      "prod": {"type": "http_endpoint"},
      "test": {"type": "embedded", "entities": [
        {"_id": "1", "sum": 10, "paid": "~t2024-02-01T00:00:00Z"},
        {"_id": "2", "sum": 20}
      ]}
    }
  }
}"#;

const LARGE: &str = r#"{
  "_id": "large-orders",
  "type": "pipe",
  "source": {"type": "dataset", "dataset": "Orders"},
  "transform": {"type": "dtl", "rules": {"default": [
    ["filter", ["gt", "_S.sum", 15]],
    ["copy", "*"]
  ]}}
}"#;

const PUSHED: &str = r#"{
  "_id": "pushed",
  "type": "pipe",
  "source": {"type": "http_endpoint"}
}"#;

const LIST: &str = r#"{
  "_id": "orders-csv",
  "type": "pipe",
  "source": {"type": "dataset", "dataset": "Orders"},
  "sink": {"type": "csv_endpoint", "columns": ["_id", "sum"]}
}"#;

const MEMBERS: [(&str, &str); 5] = [
    ("node-metadata.conf.json", METADATA),
    ("pipes/orders.conf.json", ORDERS),
    ("pipes/large-orders.conf.json", LARGE),
    ("pipes/pushed.conf.json", PUSHED),
    ("pipes/orders-csv.conf.json", LIST),
];

async fn upload(place: &Place, files: &[(&str, &str)]) -> Answer {
    let env = place.put("/api/env", &json!({ "node-env": "test" })).await;
    assert_eq!(env.status, StatusCode::OK);
    let body = form("application/zip", &zip(files));
    place.send_as(Method::PUT, "/api/config?force=false", Some(FORM), body).await
}

async fn uploaded() -> Place {
    let place = Place::with_files(&[]);
    place.trust().await;
    let answer = upload(&place, &MEMBERS).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", String::from_utf8(answer.body));
    assert_eq!(answer.json::<Value>()["validation_errors"], json!([]));
    place
}

const RUN: &str = "/api/pipes/run-all-pipes?extra_zero_runs=2&max_run_time=900&max_runs=100";

async fn run(place: &Place, more: &str) -> Value {
    let stop = place.send(Method::POST, "/api/pipes/stop-run-all-pipes?terminate_timeout=30", None);
    assert!(stop.await.status.is_success());
    let answer = place.send(Method::POST, &format!("{RUN}{more}"), None).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", String::from_utf8(answer.body));
    answer.json()
}

fn ids(entities: &[Value]) -> Vec<&str> {
    entities.iter().map(|entity| entity["_id"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn upload_run_and_verify() {
    let place = uploaded().await;
    let node: Value = place.ask("/api/").await;
    assert_eq!(node["status"]["developer_mode"], true);

    let pipes: Vec<Value> = place.ask("/api/pipes").await;
    assert_eq!(pipes.len(), 4);
    for pipe in &pipes {
        let runtime = pipe["runtime"].as_object().unwrap();
        assert!(runtime.contains_key("state") && runtime["state"] != "Deploying");
        assert_eq!(runtime["is-valid-config"], true, "{pipe}");
    }
    let orders: Value = place.ask("/api/pipes/Orders").await;
    let effective = &orders["config"]["effective"];
    assert_eq!(effective["sink"]["dataset"], "Orders");
    assert_eq!(effective["source"]["type"], "embedded");
    assert_eq!(orders["config"]["original"]["source"]["type"], "conditional");

    // Test data is posted before everything runs, and survives that.
    let test_data = json!([{"_id": "p1", "share": 1.5, "whole": 2.0}]);
    let posted = place.post("/api/receivers/pushed/entities", &test_data).await;
    assert_eq!((posted.status, posted.json::<Value>()), (StatusCode::OK, json!({})));
    assert_eq!(place.get("/api/pipes/nothing").await.status, StatusCode::NOT_FOUND);

    let done = run(&place, "&request_mode=sync&delete_input_datasets=False").await;
    assert_eq!(done["status"], "success", "{done}");
    let entities: Vec<Value> = place.ask("/api/pipes/large-orders/entities").await;
    assert_eq!(ids(&entities), ["2"]);
    let kept: Vec<Value> = place.ask("/api/pipes/pushed/entities").await;
    assert_eq!(kept[0]["share"], "~f1.5");
    assert_eq!(kept[0]["whole"], 2);
    let orders: Vec<Value> = place.ask("/api/pipes/Orders/entities").await;
    assert_eq!(orders[0]["paid"], "~t2024-02-01T00:00:00Z");

    let pump: Value = place.ask("/api/pipes/orders-csv/pump").await;
    assert_eq!(pump["runtime"]["is-disabled"], false);
    let csv = place.get("/api/publishers/orders-csv/csv").await;
    assert_eq!(String::from_utf8(csv.body).unwrap(), "_id,sum\r\n1,10\r\n2,20\r\n");

    // Without the parameter what was posted goes away, too.
    let done = run(&place, "&request_mode=sync").await;
    assert_eq!(done["status"], "success", "{done}");
    assert_eq!(
        place.ask::<Vec<Value>>("/api/pipes/pushed/entities").await,
        [0; 0].map(Value::from)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_can_be_asked_about_later_and_fails_with_its_pipes() {
    let place = uploaded().await;
    let none: Value = place.ask("/api/pipes/get-pipe-runner-status?token=none").await;
    assert_eq!(none["status"], "not-running");
    assert!(place.ask::<Vec<Value>>("/api/pipes/get-run-all-pipes-log").await.is_empty());

    let begun = run(&place, "&request_mode=async&output_run_statistics=True").await;
    let token = begun["token"].as_str().unwrap();
    let path = format!("/api/pipes/get-pipe-runner-status?token={token}");
    let ended = loop {
        let status: Value = place.ask(&path).await;
        if status["status"] != "running" {
            break status;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(ended["status"], "success", "{ended}");
    let info = &ended["additional_info"];
    assert_eq!(info["passes"], 3, "one that changes something and two that do not");
    assert_eq!(info["pipes"]["Orders"]["written"], 2);

    // The log goes on behind the last line that was read.
    let log: Vec<Value> = place.ask("/api/pipes/get-run-all-pipes-log").await;
    assert!(log.len() > 3 && log.iter().all(|line| line["loglevel"].is_string()));
    let since = log[1]["timestamp"].as_str().unwrap();
    let more: Vec<Value> =
        place.ask(&format!("/api/pipes/get-run-all-pipes-log?since={since}&token={token}")).await;
    assert_eq!(more, log[2..]);

    // A pipe that fails fails the run; one that brings data in only when asked.
    let broken = LARGE.replace(r#"["copy", "*"]"#, r#"["fail!", "no"]"#);
    let answer = place.put("/api/pipes/large-orders/config", &parsed(&broken)).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", String::from_utf8(answer.body));
    let failed = run(&place, "&request_mode=sync").await;
    assert_eq!(failed["status"], "failed");
    assert!(failed["additional_info"]["failed"]["large-orders"].is_string(), "{failed}");

    let answer = place.put("/api/pipes/large-orders/config", &parsed(LARGE)).await;
    assert_eq!(answer.status, StatusCode::OK);
    let input = ORDERS.replace(r#""_id": "Orders","#, r#""_id": "Orders", "transform": {"type": "dtl", "rules": {"default": [["fail!", "no"]]}},"#);
    let answer = place.put("/api/pipes/Orders/config", &parsed(&input)).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(run(&place, "&request_mode=sync").await["status"], "success");
    let checked = run(&place, "&request_mode=sync&check_input_pipes=True").await;
    assert_eq!(checked["status"], "failed");
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_downloaded_is_what_was_uploaded() {
    let place = uploaded().await;
    let request = Request::get("/api/config")
        .header(header::AUTHORIZATION, format!("Bearer {}", place.token))
        .header(header::ACCEPT, "application/zip")
        .body(Body::empty())
        .unwrap();
    let answer = place.call(request).await;
    assert_eq!(answer.header("content-type"), "application/zip");
    let files = unzip(&answer.body);
    let mut names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    names.sort();
    assert_eq!(
        names,
        [
            "node-metadata.conf.json",
            "pipes/Orders.conf.json",
            "pipes/large-orders.conf.json",
            "pipes/orders-csv.conf.json",
            "pipes/pushed.conf.json"
        ]
    );
    let text = &files.iter().find(|(name, _)| name == "pipes/Orders.conf.json").unwrap().1;
    assert!(text.contains("\"weight\": 1.0") && text.contains("blåbær"), "{text}");
    assert!(text.contains("123456789012345678901234567890"), "{text}");
    let keys: Vec<String> = parsed(text).as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["_id", "type", "metadata", "source"]);
    // In the folder lies the text that was sent, byte for byte.
    assert_eq!(place.text("pipes/orders.conf.json"), ORDERS);
    assert_eq!(place.ask::<Value>("/api/env").await, json!({ "node-env": "test" }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_environment_resolves_config_anew() {
    let place = uploaded().await;
    let answer = place.put("/api/env", &json!({ "node-env": "prod", "n": 1.0 })).await;
    assert_eq!(String::from_utf8(answer.body).unwrap(), r#"{"node-env":"prod","n":1.0}"#);
    let orders: Value = place.ask("/api/pipes/Orders").await;
    assert_eq!(orders["config"]["effective"]["source"]["type"], "http_endpoint");
    // One more, one less; `PUT` replaces all of them.
    place.post("/api/env", &json!({ "more": true })).await;
    place.delete("/api/env/n").await;
    assert_eq!(place.ask::<Value>("/api/env").await, json!({ "node-env": "prod", "more": true }));
    place.put("/api/env", &json!({})).await;
    assert_eq!(place.ask::<Value>("/api/env").await, json!({}));
    assert_eq!(place.delete("/api/env/n").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn config_with_errors_is_reported_and_changes_nothing() {
    let place = uploaded().await;
    let wrong = LARGE.replace("\"dtl\"", "\"dtlx\"");
    let mut members = MEMBERS;
    members[2].1 = &wrong;
    let answer = upload(&place, &members).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let report: Value = answer.json();
    let [found] = report["validation_errors"].as_array().unwrap().as_slice() else {
        panic!("{report}")
    };
    assert_eq!(found["posted-config"]["_id"], "large-orders");
    let error = &found["config-errors"][0];
    assert_eq!(
        (&error["level"], &error["elements"]),
        (&json!("error"), &json!("$['transform']['type']"))
    );
    assert!(error["msg"].is_string());
    assert_eq!(place.text("pipes/large-orders.conf.json"), LARGE);

    let body = form("application/zip", &zip(&members));
    let forced = place.send_as(Method::PUT, "/api/config?force=true", Some(FORM), body).await;
    assert_eq!(forced.status, StatusCode::OK);
    let pipe: Value = place.ask("/api/pipes/large-orders").await;
    assert_eq!(pipe["runtime"]["is-valid-config"], false);
    assert!(!pipe["runtime"]["config-errors"].as_array().unwrap().is_empty());
    // What is no JSON at all is reported in the same way.
    let body = form("application/zip", &zip(&[("pipes/x.conf.json", "{")]));
    let answer = place.send_as(Method::PUT, "/api/config?force=true", Some(FORM), body).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.json::<Value>()["validation_errors"][0]["config-errors"][0]["level"] == "error");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wipe_leaves_nothing_of_the_user() {
    let place = uploaded().await;
    assert_eq!(run(&place, "&request_mode=sync").await["status"], "success");
    let users = "/api/datasets?include-internal-datasets=false";
    assert!(place.ask::<Vec<Value>>(users).await.len() >= 2);

    let metadata = json!([{"_id": "node", "type": "metadata",
        "task_manager": {"disable_user_pipes": true},
        "global_defaults": {"use_signalling_internally": false}}]);
    for config in [metadata, json!([])] {
        let body = form("application/json", config.to_string().as_bytes());
        let answer = place.send_as(Method::PUT, "/api/config?force=true", Some(FORM), body).await;
        assert_eq!(answer.status, StatusCode::OK);
    }
    place.put("/api/env", &json!({})).await;
    assert!(place.ask::<Vec<Value>>("/api/pipes").await.is_empty());
    assert!(place.ask::<Vec<Value>>(users).await.is_empty());
    assert_eq!(place.ask::<Value>("/api/config").await, json!([]));
    // What it was is still known.
    let versions: Vec<Value> = place.ask("/api/config-history/entity?entity_id=Orders").await;
    let last = versions.last().unwrap();
    assert_eq!((&last["_deleted"], &last["$audit"]["changed_by"]), (&json!(true), &json!("test")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restart_and_reset_are_seen_by_the_time_of_start() {
    let place = uploaded().await;
    assert_eq!(run(&place, "&request_mode=sync").await["status"], "success");
    let before: Value = place.ask("/api/status").await;
    let restarted = place.form("/api/admin", "operation=restart").await;
    assert_eq!(restarted.json::<Value>(), json!({ "message": "OK" }));
    let after: Value = place.ask("/api/status").await;
    assert_ne!(before["node_start_time"], after["node_start_time"]);
    assert_eq!(place.ask::<Vec<Value>>("/api/pipes/Orders/entities").await.len(), 2);

    let reset = place.form("/api/admin", "operation=reset").await;
    assert_eq!(reset.json::<Value>(), json!({ "message": "OK" }));
    assert_ne!(
        place.ask::<Value>("/api/status").await["node_start_time"],
        after["node_start_time"]
    );
    assert!(place.ask::<Vec<Value>>("/api/pipes").await.is_empty());
    let datasets: Vec<Value> = place.ask("/api/datasets").await;
    assert_eq!(ids(&datasets), ["system:audit", "system:config"]);
    let odd = place.form("/api/admin", "operation=explode").await;
    assert_eq!(odd.status, StatusCode::BAD_REQUEST);
}

/// What calls a container is left out of a run of everything, and named.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_config_that_is_wrong_fails_a_run_of_everything() {
    let nowhere = |alternative: Value| {
        json!({"type": "conditional", "condition": "nowhere",
            "alternatives": {"here": alternative}})
    };
    let place = Place::with_files(&[
        (
            "pipes/in.conf.json",
            json!({"_id": "in", "type": "pipe", "source": nowhere(json!({"type": "empty"}))}),
        ),
        (
            "pipes/out.conf.json",
            json!({"_id": "out", "type": "pipe", "source": {"type": "dataset", "dataset": "in"},
                "transform": nowhere(json!({"type": "emit_children"}))}),
        ),
    ]);
    place.trust().await;
    let run = async |query: &str| -> Value {
        place.post(&format!("/api/pipes/run-all-pipes{query}"), &json!({})).await.json()
    };
    let ran = run("").await;
    assert_eq!(ran["status"], "failed", "{ran}");
    let told = &ran["additional_info"];
    assert!(told["failed"]["out"].as_str().unwrap().contains("nowhere"), "{ran}");
    // One that brings data in counts only when asked, and is told of in any case.
    assert!(told["failed"]["in"].is_null(), "{ran}");
    assert!(told["skipped"]["in"].as_str().unwrap().contains("nowhere"), "{ran}");
    let checked = run("?check_input_pipes=true").await;
    assert!(checked["additional_info"]["failed"]["in"].is_string(), "{checked}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_run_here_does_not_fail_a_run_of_everything() {
    let place = Place::with_files(&[
        (
            "systems/boxed.conf.json",
            json!({"_id": "boxed", "type": "system:microservice",
                "docker": {"image": "x", "port": 5000}}),
        ),
        (
            "pipes/in.conf.json",
            json!({"_id": "in", "type": "pipe",
                "source": {"type": "embedded", "entities": [{"_id": "1"}]}}),
        ),
        (
            "pipes/out.conf.json",
            json!({"_id": "out", "type": "pipe", "source": {"type": "dataset", "dataset": "in"},
                "transform": {"type": "http", "system": "boxed", "url": "/"}}),
        ),
    ]);
    place.trust().await;
    let ran: Value = place.post("/api/pipes/run-all-pipes", &json!({})).await.json();
    assert_eq!(ran["status"], "success", "{ran}");
    let why = ran["additional_info"]["skipped"]["out"].as_str().unwrap();
    assert!(why.contains("boxed") && why.contains("containers"), "{why}");
}
