//! What is done to pipes between their runs, and pipes that publish.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::place::Place;

fn embedded(id: &str, count: usize, more: Value) -> Value {
    let entities: Vec<Value> = (0..count).map(|n| json!({"_id": n.to_string(), "n": n})).collect();
    let mut pipe = json!({"_id": id, "type": "pipe", "pump": {"mode": "manual"},
        "source": {"type": "embedded", "entities": entities}});
    pipe.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    pipe
}

async fn run(place: &Place) -> Value {
    let path = "/api/pipes/run-all-pipes?request_mode=sync&check_input_pipes=True\
                &reset_pipes_and_delete_sink_datasets=False";
    place.post(path, &json!({})).await.json()
}

async fn log(place: &Place, pipe: &str) -> Vec<String> {
    let lines: Vec<Value> = place.ask(&format!("/api/pipes/{pipe}/log?history=true")).await;
    lines.iter().map(|line| line["_id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pump_is_reset_moved_and_switched_off() {
    let place = Place::with_files(&[
        ("pipes/all.conf.json", embedded("all", 5, json!({}))),
        (
            "pipes/copy.conf.json",
            json!({"_id": "copy", "type": "pipe", "pump": {"mode": "manual"},
                "source": {"type": "dataset", "dataset": "all"}}),
        ),
    ]);
    place.trust().await;
    assert_eq!(run(&place).await["status"], "success");
    let pump = "/api/pipes/copy/pump";
    let seen = async || place.ask::<Value>(pump).await["runtime"]["last-seen"].clone();
    assert_eq!(seen().await, json!(4));

    let moved = place.form(pump, "operation=update-last-seen&last-seen=2").await;
    assert_eq!(
        (moved.status, &moved.json::<Value>()["runtime"]["last-seen"]),
        (StatusCode::OK, &json!(2))
    );
    place.form(pump, "operation=update-last-seen&last-seen=").await;
    assert_eq!(seen().await, Value::Null);
    place.form(pump, "operation=set-last-seen-to-end").await;
    assert_eq!(seen().await, json!(4));
    for operation in [
        "reset-tracking",
        "set-tracking-to-start",
        "reset-rescan",
        "discard-retries",
        "discard-inferred-schema",
    ] {
        let answer = place.form(pump, &format!("operation={operation}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{operation}");
    }
    let disabled = place.form(pump, "operation=disable&comment=wait+for+it").await;
    assert_eq!(disabled.json::<Value>()["runtime"]["is-disabled"], true);
    let enabled = place.form(pump, "operation=enable").await;
    assert_eq!(enabled.json::<Value>()["runtime"]["is-disabled"], false);
    let lines = log(&place, "copy").await;
    for line in [
        "pump-offset-set",
        "pump-tracking-set-to-start",
        "pump-rescan-reset",
        "pump-discard-retries",
        "pump-discard-inferred-schema",
        "pump-disabled",
        "pump-enabled",
    ] {
        assert!(lines.iter().any(|id| id == line), "{line}: {lines:?}");
    }
    assert_eq!(place.form(pump, "operation=explode").await.status, StatusCode::BAD_REQUEST);

    // From the beginning again: everything is read, nothing is new.
    let started = place.form(pump, "operation=start-rescan").await;
    assert_eq!(started.status, StatusCode::OK);
    let mut waited = 0;
    loop {
        let lines: Vec<Value> = place.ask("/api/pipes/copy/log?history=false").await;
        let last = lines.iter().find(|line| line["_id"] == "pump-completed").unwrap();
        if last["sync_type"] == "full" && last["entities_succeeded"] == 5 {
            break;
        }
        waited += 1;
        assert!(waited < 600, "{last}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(place.ask::<Value>("/api/datasets/copy").await["runtime"]["count-offset"], 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pipe_is_looked_at_by_stage_and_from_a_place_on() {
    let place = Place::with_files(&[
        ("pipes/all.conf.json", embedded("all", 3, json!({}))),
        (
            "pipes/more.conf.json",
            json!({"_id": "more", "type": "pipe", "pump": {"mode": "manual"},
            "source": {"type": "dataset", "dataset": "all"},
            "transform": {"type": "dtl", "rules": {"default": [
                ["copy", "_id"], ["add", "n", ["+", "_S.n", 10]]
            ]}}}),
        ),
    ]);
    place.trust().await;
    assert_eq!(run(&place).await["status"], "success");
    let path = "/api/pipes/more/entities";
    let numbers = async |query: &str| -> Vec<Value> {
        let entities: Vec<Value> = place.ask(&format!("{path}?{query}")).await;
        entities.iter().map(|entity| entity["n"].clone()).collect()
    };
    for stage in ["source", "before-transform", "before-transforms"] {
        assert_eq!(numbers(&format!("stage={stage}")).await, [0, 1, 2], "{stage}");
    }
    for stage in ["after-transform", "after-transforms", "sink"] {
        assert_eq!(numbers(&format!("stage={stage}")).await, [10, 11, 12], "{stage}");
    }
    assert_eq!(numbers("stage=source&since=1").await, [2]);
    assert_eq!(numbers("stage=after-transforms&since=0&limit=1").await, [11]);
    assert_eq!(numbers("since=0").await, [11, 12]);
    assert_eq!(numbers("since=").await, [10, 11, 12]);
    for query in ["stage=sinc", "since=yesterday"] {
        let answer = place.get(&format!("{path}?{query}")).await;
        answer.refused(StatusCode::BAD_REQUEST, "bad-request");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_circuit_breaker_is_committed_or_rolled_back() {
    let pipe = |add: u64| {
        let entities: Vec<Value> =
            (0..10).map(|n| json!({"_id": n.to_string(), "n": n + add})).collect();
        json!({"_id": "all", "type": "pipe", "pump": {"mode": "manual"},
            "source": {"type": "embedded", "entities": entities},
            "sink": {"type": "dataset", "dataset": "all", "circuit_breaker_threshold_count": 3}})
    };
    for (operation, first) in [("commit-circuit-breaker", 100), ("rollback-circuit-breaker", 0)] {
        let place = Place::with_files(&[("pipes/all.conf.json", pipe(0))]);
        place.trust().await;
        run(&place).await;
        place.put("/api/pipes/all/config", &pipe(100)).await;
        assert_eq!(run(&place).await["status"], "failed");
        let dataset: Value = place.ask("/api/datasets/all").await;
        assert_eq!(dataset["runtime"]["has-circuit-breaker"], true, "{dataset}");
        what_is_held_back_can_be_read(&place).await;
        let answer = place.form("/api/datasets/all", &format!("operation={operation}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{:?}", String::from_utf8(answer.body));
        assert_eq!(answer.json::<Value>()["runtime"]["has-circuit-breaker"], false);
        let entity: Value = place.ask("/api/datasets/all/entity?entity_id=0").await;
        assert_eq!(entity["n"], first, "{operation}");
        let again = place.form("/api/datasets/all", &format!("operation={operation}")).await;
        assert_eq!(again.status, StatusCode::BAD_REQUEST);
    }
}

/// What a circuit breaker holds back stands behind the rest when it is asked
/// for, and nowhere else.
async fn what_is_held_back_can_be_read(place: &Place) {
    let read = async |query: &str| -> Vec<(u64, String, u64)> {
        let path = format!("/api/datasets/all/entities?{query}");
        let entities: Vec<Value> = place.ask(&path).await;
        let of = |entity: &Value| {
            let number = |name: &str| entity[name].as_u64().unwrap();
            (number("_updated"), entity["_id"].as_str().unwrap().to_owned(), number("n"))
        };
        entities.iter().map(of).collect()
    };
    let stored = read("").await;
    assert!(stored.len() == 10 && stored.iter().all(|(.., n)| *n < 10), "{stored:?}");
    let all = read("uncommitted=true").await;
    let (first, held) = all.split_at(10);
    assert_eq!((first, held.is_empty()), (&stored[..], false));
    assert!(held.iter().all(|(at, _, n)| *at >= 10 && *n >= 100), "{held:?}");
    assert_eq!(read("uncommitted=true&since=9").await, held);
    assert_eq!(read("uncommitted=true&since=10").await, held[1..]);
    let mut back = read("uncommitted=true&reverse=true").await;
    back.reverse();
    assert_eq!(back, all);
    assert_eq!(read("uncommitted=true&start=9&limit=2").await, all[9..11]);
    let latest = read("uncommitted=true&history=false").await;
    assert_eq!(latest.len(), 10);
    let entity: Value = place.ask("/api/datasets/all/entity?entity_id=0&uncommitted=true").await;
    assert_eq!(entity["n"], 100);
    let entity: Value = place.ask("/api/datasets/all/entity?entity_id=0").await;
    assert_eq!(entity["n"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pipe_publishes_in_the_form_of_its_sink() {
    let published = |id: &str, sink: Value| {
        json!({"_id": id, "type": "pipe", "source": {"type": "dataset", "dataset": "all"},
            "transform": {"type": "dtl", "rules": {"default": [
                ["filter", ["gte", "_S.n", ["if", ["is-not-null", "_B.least"], ["integer", "_B.least"], 0]]],
                ["copy", "*"]
            ]}},
            "sink": sink})
    };
    let place = Place::with_files(&[
        ("pipes/all.conf.json", embedded("all", 3, json!({}))),
        ("pipes/json.conf.json", published("json", json!({"type": "http_endpoint"}))),
        (
            "pipes/xml.conf.json",
            json!({"_id": "xml", "type": "pipe", "source": {"type": "dataset", "dataset": "all"},
                "transform": {"type": "dtl", "rules": {"default": [["add", "<n>", "_S.n"]]}},
                "sink": {"type": "xml_endpoint", "wrapper": "all"}}),
        ),
    ]);
    place.trust().await;
    assert_eq!(run(&place).await["status"], "success");
    let path = "/api/publishers/json/entities";
    let numbers = async |query: &str| -> Vec<Value> {
        let entities: Vec<Value> = place.ask(&format!("{path}{query}")).await;
        entities.iter().map(|entity| entity["n"].clone()).collect()
    };
    assert_eq!(numbers("").await, [0, 1, 2]);
    assert_eq!(numbers("?limit=1").await, [0]);
    assert_eq!(numbers("?since=1").await, [2]);
    // What the protocol does not know is for the transform.
    assert_eq!(numbers("?least=2").await, [2]);
    assert_eq!(place.get(&format!("{path}?limit=x")).await.status, StatusCode::BAD_REQUEST);

    let answer = place.get("/api/publishers/xml/xml/all.xml?limit=1").await;
    assert!(answer.header("content-type").starts_with("application/xml"));
    assert_eq!(answer.header("content-disposition"), "attachment; filename=\"all.xml\"");
    let text = String::from_utf8(answer.body).unwrap();
    assert!(text.contains("<all>") && text.contains("<n>0</n>"), "{text}");
    assert_eq!(place.get("/api/publishers/all/entities").await.status, StatusCode::NOT_FOUND);
    assert_eq!(place.get("/api/publishers/json/pdf").await.status, StatusCode::NOT_FOUND);
}
