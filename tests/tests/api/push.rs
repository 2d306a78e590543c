//! The JSON push protocol.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::place::Place;

async fn place(sink: Value) -> Place {
    let mut pipe = json!({"_id": "in", "type": "pipe", "source": {"type": "http_endpoint"}});
    if !sink.is_null() {
        pipe["sink"] = sink;
    }
    let place = Place::with_files(&[
        ("pipes/in.conf.json", pipe),
        (
            "pipes/other.conf.json",
            json!({"_id": "other", "type": "pipe", "source": {"type": "embedded", "entities": []}}),
        ),
    ]);
    place.trust().await;
    place
}

const PATH: &str = "/api/receivers/in/entities";

async fn live(place: &Place) -> Vec<String> {
    let path = "/api/datasets/in/entities?history=false&deleted=false";
    let entities: Vec<Value> = place.ask(path).await;
    entities.iter().map(|entity| entity["_id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_sequence_deletes_what_it_does_not_hold() {
    let place = place(Value::Null).await;
    // Incremental: an array, or one entity.
    let answer = place.post(PATH, &json!([{"_id": "a"}, {"_id": "b"}])).await;
    assert_eq!((answer.status, answer.json::<Value>()), (StatusCode::OK, json!({})));
    place.post(PATH, &json!({"_id": "c"})).await;
    assert_eq!(live(&place).await, ["a", "b", "c"]);
    let dataset: Value = place.ask("/api/datasets/in").await;
    assert_eq!(dataset["runtime"]["populated"], true);

    let full = |query: &str| format!("{PATH}?is_full=True&{query}");
    let post =
        async |query: &str, id: &str| place.post(&full(query), &json!([{ "_id": id }])).await;
    let first = post("sequence_id=1&request_id=r1&is_first=true", "b").await;
    assert_eq!(first.status, StatusCode::OK);
    // Incremental posts do not touch the sequence.
    place.post(PATH, &json!([{"_id": "d"}])).await;
    let lost = post("sequence_id=1&request_id=r3&previous_request_id=r2", "x").await;
    lost.refused(StatusCode::CONFLICT, "sequence");
    let again = post("sequence_id=1&request_id=r2&previous_request_id=r1&is_first=true", "x").await;
    again.refused(StatusCode::CONFLICT, "sequence");
    let unknown = post("sequence_id=2&request_id=r9&previous_request_id=r8", "x").await;
    unknown.refused(StatusCode::CONFLICT, "sequence");
    assert_eq!(live(&place).await, ["a", "b", "c", "d"]);
    let last = post("sequence_id=1&request_id=r2&previous_request_id=r1&is_last=true", "e").await;
    assert_eq!(last.status, StatusCode::OK);
    // What came meanwhile is newer than the sequence.
    assert_eq!(live(&place).await, ["b", "d", "e"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_tells_what_is_stored_and_what_both_came_from() {
    let sink = json!({"type": "dataset", "dataset": "in", "enable_optimistic_locking": true});
    let place = place(sink).await;
    let answer = place.post(PATH, &json!({"_id": "a", "n": 1})).await;
    let stored = answer.json::<Value>()["updated_entity"].clone();
    assert_eq!((&stored["n"], &stored["_updated"]), (&json!(1), &json!(0)));
    let second = place.post(PATH, &json!({"_id": "a", "n": 2, "_updated": 0})).await;
    assert_eq!(second.json::<Value>()["updated_entity"]["_updated"], 1);

    let stale = place.post(PATH, &json!({"_id": "a", "n": 3, "_updated": 0})).await;
    assert_eq!(stale.status, StatusCode::CONFLICT);
    let body: Value = stale.json();
    assert_eq!(body["input_entity"]["n"], 3);
    assert_eq!(body["existing_entity"]["n"], 2);
    assert_eq!(body["common_ancestor_entity"]["n"], 1);
    let now: Value = place.ask("/api/datasets/in/entity?entity_id=a").await;
    assert_eq!(now["n"], 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_taken_is_refused_as_a_whole() {
    let place = place(Value::Null).await;
    for body in [json!([{"_id": "a"}, {"x": 1}]), json!(["a"]), json!([{"_id": 1}])] {
        assert_eq!(place.post(PATH, &body).await.status, StatusCode::BAD_REQUEST, "{body}");
    }
    let bad = format!("{PATH}?is_full=perhaps");
    assert_eq!(place.post(&bad, &json!([])).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(place.get("/api/datasets/in").await.status, StatusCode::NOT_FOUND);
    let other = place.post("/api/receivers/other/entities", &json!([])).await;
    assert_eq!(other.status, StatusCode::BAD_REQUEST);
    let none = place.post("/api/receivers/none/entities", &json!([])).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
}
