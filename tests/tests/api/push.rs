//! The JSON push protocol.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};

use crate::place::{Answer, Place};

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

/// A pipe that is posted to, with more properties of its source.
async fn receiver(more: Value) -> Place {
    let mut source = json!({"type": "http_endpoint"});
    source.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let place = Place::with_files(&[(
        "pipes/in.conf.json",
        json!({"_id": "in", "type": "pipe", "source": source}),
    )]);
    place.trust().await;
    place
}

async fn post_with(place: &Place, header: Option<(&str, &str)>, path: &str) -> Answer {
    let mut request = Request::post(path)
        .header("authorization", format!("Bearer {}", place.token))
        .header("content-type", "application/json");
    if let Some((name, value)) = header {
        request = request.header(name, value);
    }
    place.call(request.body(Body::from(r#"[{"_id": "a"}]"#)).unwrap()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_must_pass_the_check_of_its_pipe() {
    let check = "{{ '' if request_headers['X-Check'] == secret('hook') \
                 and request_params.from == 'crm' and url.startswith('/api/receivers/in') \
                 else 'you are not the CRM' }}";
    let place = receiver(json!({"validation_expression": check})).await;
    let path = format!("{PATH}?from=crm");
    // The secret is not there yet: nobody is let in.
    let unset = post_with(&place, None, &path).await;
    unset.refused(StatusCode::BAD_REQUEST, "bad-request");
    assert!(String::from_utf8_lossy(&unset.body).contains("hook"));
    let set = place.put("/api/secrets", &json!({"hook": "s3cret"})).await;
    assert!(set.status.is_success(), "{:?}", set.status);
    for (header, path) in [
        (None, path.as_str()),
        (Some(("x-check", "wrong")), path.as_str()),
        (Some(("x-check", "s3cret")), PATH),
    ] {
        let refused = post_with(&place, header, path).await;
        refused.refused(StatusCode::BAD_REQUEST, "bad-request");
        let said = String::from_utf8_lossy(&refused.body).into_owned();
        assert!(said.contains("you are not the CRM") && !said.contains("s3cret"), "{said}");
    }
    assert!(live(&place).await.is_empty());
    let taken = post_with(&place, Some(("x-check", "s3cret")), &path).await;
    assert_eq!(taken.status, StatusCode::OK);
    assert_eq!(live(&place).await, ["a"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_are_noted_in_the_log_of_their_pipe() {
    let place = receiver(json!({"trace": {"log_request_body_maxsize": 9}})).await;
    post_with(&place, Some(("x-from", "crm")), PATH).await;
    let bad = place.post(PATH, &json!([{"no": "id"}])).await;
    assert_eq!(bad.status, StatusCode::BAD_REQUEST);
    let log: Vec<Value> = place.ask("/api/datasets/system:pump:in/entities?history=true").await;
    let kinds: Vec<_> = log.iter().map(|line| line["event_type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["pump-started", "pump-completed", "pump-started", "pump-failed"]);
    let exchange = &log[1]["trace"][0];
    assert_eq!(exchange["request"]["url"], PATH);
    assert_eq!(exchange["request"]["headers"]["x-from"], "crm");
    assert_eq!(exchange["request"]["headers"]["authorization"], "***");
    assert_eq!(exchange["request"]["body"], r#"[{"_id": "#);
    assert_eq!(
        exchange["response"],
        json!({
            "status": 200, "headers": {"content-type": "application/json"}, "body": "{}",
        })
    );
    assert_eq!(log[1]["entities_succeeded"], 1);
    assert_eq!(log[3]["trace"][0]["response"]["status"], 400);
    assert!(log[3]["original_error_message"].as_str().unwrap().contains("_id"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_posted_to_counts_as_populated_from_the_start_or_once_it_is_whole() {
    let populated = async |place: &Place| -> Value {
        let dataset: Value = place.ask("/api/datasets/in").await;
        dataset["runtime"]["populated"].clone()
    };
    assert_eq!(populated(&receiver(json!({})).await).await, true);
    let place = receiver(json!({"auto_populate_dataset": false})).await;
    post_with(&place, None, PATH).await;
    assert_eq!(populated(&place).await, false);
    let whole = "is_full=true&sequence_id=1&request_id=1&is_first=true&is_last=true";
    post_with(&place, None, &format!("{PATH}?{whole}")).await;
    assert_eq!(populated(&place).await, true);
}
