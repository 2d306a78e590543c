//! Entities that failed: seen, tried again, given up. And what a text would
//! change before it is saved.

use axum::http::StatusCode;
use pipewright_protocol::studio::{
    self, FailedAct, FailedEntity, FailedPage, Impact, ImpactKind, ImpactRequest, SettleFailed,
};
use serde_json::{Value, json};

use crate::place::Place;

const FILE: &str = "pipes/refund.conf.json";

/// Runs all pipes, those that run by themselves and the others, until nothing
/// changes.
const RUN: &str = "/api/pipes/run-all-pipes?request_mode=sync&check_input_pipes=True\
                   &reset_pipes_and_delete_sink_datasets=False";

/// Copies all, and fails for amounts that are `test`.
fn refund(test: Value) -> Value {
    json!({
        "_id": "refund",
        "type": "pipe",
        "source": {"type": "embedded", "entities": [
            {"_id": "a", "amount": 5}, {"_id": "b", "amount": -1}, {"_id": "c", "amount": -2},
        ]},
        "transform": {"type": "dtl", "rules": {"default": [
            ["copy", "*"], ["if", test, ["fail!", "negative"]],
        ]}},
        "pump": {"mode": "manual"},
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failed_entities_are_seen_and_settled() {
    let place = Place::with_files(&[(FILE, refund(json!(["lt", "_S.amount", 0])))]);
    place.trust().await;
    place.post(RUN, &json!({})).await;

    let page: FailedPage = place.ask(studio::FAILED).await;
    let mut ids: Vec<_> = page.entities.iter().map(|failed| failed.id.as_str()).collect();
    ids.sort_unstable();
    assert_eq!((ids, page.total), (vec!["b", "c"], 2));
    let one: FailedEntity = place.ask(&studio::failed_path("refund", "b")).await;
    assert_eq!(one.info.reason, "negative (at $.transform.rules.default[1][2])");
    assert_eq!(serde_json::from_str::<Value>(one.entity.text()).unwrap()["amount"], -1);
    place
        .get(&studio::failed_path("refund", "a"))
        .await
        .refused(StatusCode::NOT_FOUND, "not-found");

    let settle = |id: &str, act: FailedAct| SettleFailed {
        pipe: "refund".into(),
        ids: vec![id.into()],
        act,
    };
    let discard = FailedAct::Discard { why: Some("Booked twice".into()) };
    let answer = place.post(studio::FAILED, &settle("b", discard.clone())).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    let page: FailedPage = place.ask(studio::FAILED).await;
    assert_eq!(page.total, 1);
    let log: Vec<Value> = place.ask("/api/pipes/refund/log?history=false").await;
    let line = log.iter().find(|line| line["_id"] == "write-error:b").unwrap();
    assert_eq!(
        (&line["comment"], &line["discarded"], &line["resolved"]),
        (&json!("Booked twice"), &json!(true), &json!(true))
    );
    // It is not there any more, and nothing else is touched.
    let again = place.post(studio::FAILED, &settle("b", discard)).await;
    assert_eq!(again.status, StatusCode::BAD_REQUEST);
    let page: FailedPage = place.ask(studio::FAILED).await;
    assert_eq!(page.total, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_text_would_change_is_known_before_it_is_saved() {
    let place = Place::with_files(&[
        (
            "pipes/in.conf.json",
            json!({"_id": "in", "type": "pipe", "pump": {"mode": "manual"},
                "source": {"type": "embedded", "entities": [
                    {"_id": "a", "n": 1}, {"_id": "b", "n": 2}, {"_id": "c", "n": 3}]}}),
        ),
        (
            "pipes/out.conf.json",
            json!({"_id": "out", "type": "pipe", "pump": {"mode": "manual"},
                "source": {"type": "dataset", "dataset": "in"},
                "transform": {"type": "dtl", "rules": {"default": [
                    ["filter", ["neq", "_S._id", "c"]], ["copy", "*"]]}}}),
        ),
    ]);
    place.trust().await;
    place.post(RUN, &json!({})).await;
    let text = |rules: Value| {
        let pipe = json!({"_id": "out", "type": "pipe", "pump": {"mode": "manual"},
            "source": {"type": "dataset", "dataset": "in"},
            "transform": {"type": "dtl", "rules": {"default": rules}}});
        Some(pipe.to_string())
    };
    let impact = async |text: Option<String>, limit: u32| -> Impact {
        let request =
            ImpactRequest { pipe: "out".into(), text, limit, downstream: false, task: None };
        place.post(studio::IMPACT, &request).await.json()
    };
    let counts = |impact: &Impact| {
        (impact.new, impact.changed, impact.deleted, impact.unchanged, impact.failed)
    };

    let saved = impact(None, 100).await;
    assert_eq!((counts(&saved), saved.read, saved.all), ((0, 0, 0, 3, 0), 3, true));

    // `a` gets a property, `b` is filtered now, `c` is not any more.
    let rules = json!([["filter", ["neq", "_S._id", "b"]], ["copy", "*"], ["add", "m", 1]]);
    let changed = impact(text(rules), 100).await;
    assert_eq!(counts(&changed), (1, 1, 1, 0, 0));
    let kinds: Vec<_> =
        changed.entities.iter().map(|entity| (entity.id.as_str(), entity.kind)).collect();
    assert_eq!(
        kinds,
        [("a", ImpactKind::Changed), ("b", ImpactKind::Deleted), ("c", ImpactKind::New)]
    );
    assert_eq!(changed.properties.len(), 1);
    assert_eq!((changed.properties[0].name.as_str(), changed.properties[0].added), ("m", 1));
    assert_eq!(changed.entities[0].properties, ["m"]);

    // The newest only, and a failure.
    let fails = json!([["copy", "*"], ["fail!", "no"]]);
    let newest = impact(text(fails), 2).await;
    assert_eq!((counts(&newest), newest.read, newest.all), ((0, 0, 0, 0, 2), 2, false));
    assert_eq!(newest.entities[0].why.as_deref(), Some("no (at $.transform.rules.default[1])"));

    let broken = impact(Some("{".into()), 100).await;
    assert!(broken.held.is_some(), "{broken:?}");
    // Nothing of it was stored.
    let stored: Vec<Value> = place.ask("/api/datasets/out/entities?deleted=false").await;
    assert_eq!(stored.len(), 2);
}
