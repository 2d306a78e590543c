//! Models: what people say of entities, and what those look like.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::place::Place;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_people_say_holds_beside_what_the_data_says() {
    let from = json!({"type": "embedded", "entities": [{"_id": "1", "n": 1, "name": "Ada"}]});
    let pipe = json!({"_id": "people", "type": "pipe", "source": from});
    let place = Place::with_files(&[("pipes/people.conf.json", pipe)]);
    place.run_all().await;
    assert_eq!(place.ask::<Value>("/api/models").await, json!([]));
    let implicit: Value = place.ask("/api/models?effective=true").await;
    assert_eq!(implicit[0]["_id"], "project");
    let kind = &implicit[0]["entity_types"][0];
    assert_eq!(
        (&kind["_id"], &kind["properties"]["n"]),
        (&json!("people"), &json!({"type": "integer"}))
    );

    let said = json!([{"_id": "project", "name": "Ours", "owner": "~nobody", "entity_types": [
        {"_id": "people", "name": "People", "properties": {"n": {"type": "number"}}},
        {"_id": "pets"},
    ]}]);
    let kept: Value = place.post("/api/models", &said).await.json();
    assert_eq!(kept, said);
    assert_eq!(place.ask::<Value>("/api/models").await, said);
    let kind: Value = place.ask("/api/models/project/people?effective=true").await;
    assert_eq!(
        (&kind["name"], &kind["required"]),
        (&json!("People"), &json!(["_id", "n", "name"]))
    );
    assert_eq!(kind["properties"]["n"], json!({"type": "number"}));
    assert_eq!(kind["properties"]["name"], json!({"type": "string"}));
    let short: Value = place.ask("/api/models/project?verbose=false").await;
    let types = json!([{"_id": "people", "name": "People"}, {"_id": "pets"}]);
    assert_eq!(short, json!({"_id": "project", "name": "Ours", "entity_types": types}));
    let found: Value = place.ask("/api/models?with_property=n&verbose=false").await;
    assert_eq!(found.as_array().unwrap().len(), 1);
    assert_eq!(place.ask::<Value>("/api/models?with_property=none").await, json!([]));

    let twice = json!([{"_id": "m", "entity_types": [{"_id": "a"}, {"_id": "a"}]}]);
    let refused = place.post("/api/models", &twice).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(refused.json::<Value>()["validation_errors"][0].as_str().unwrap().contains("twice"));
    assert_eq!(place.post("/api/models?force=true", &twice).await.status, StatusCode::OK);
    for id in ["m", "project"] {
        assert_eq!(place.delete(&format!("/api/models/{id}")).await.status, StatusCode::OK);
    }
    place.delete("/api/models/m").await.refused(StatusCode::NOT_FOUND, "not-found");
    place.get("/api/models/m/a").await.refused(StatusCode::NOT_FOUND, "not-found");
    assert_eq!(place.ask::<Value>("/api/models").await, json!([]));
}
