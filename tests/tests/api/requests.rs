//! Requests have ids: in their answers, and in what an error says.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use pipewright_protocol::studio::ApiError;
use serde_json::{Value, json};

use crate::place::{Answer, Place};

const HEADER: &str = "x-request-id";

async fn with_id(place: &Place, path: &str, id: &str) -> Answer {
    let request = Request::get(path)
        .header(header::AUTHORIZATION, format!("Bearer {}", place.token))
        .header(HEADER, id);
    place.call(request.body(Body::empty()).unwrap()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_carries_one_and_every_error_names_it() {
    let place = Place::with_files(&[]);
    let mut seen = std::collections::BTreeSet::new();
    for path in ["/api/ping", "/api/health", "/api/openapi.json", "/api/datasets", "/api/"] {
        let answer = place.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert!(seen.insert(answer.header(HEADER).to_owned()), "{path}");
    }
    assert!(seen.iter().all(|id| id.len() == 32), "{seen:?}");

    let anonymous = Request::get("/api/pipes").body(Body::empty()).unwrap();
    let mut large = Request::post("/api/studio/check").header(header::CONTENT_LENGTH, 1_u64 << 40);
    large = large.header(header::AUTHORIZATION, format!("Bearer {}", place.token));
    let errors = [
        (place.get("/api/pipes/none").await, StatusCode::NOT_FOUND),
        (place.get("/api/no/such/thing").await, StatusCode::NOT_FOUND),
        (place.put("/api/license", &json!({})).await, StatusCode::NOT_FOUND),
        (place.delete("/api/ping").await, StatusCode::METHOD_NOT_ALLOWED),
        (place.post("/api/studio/run", &json!(7)).await, StatusCode::UNPROCESSABLE_ENTITY),
        (place.get("/api/datasets/x/entities?limit=x").await, StatusCode::BAD_REQUEST),
        (place.call(anonymous).await, StatusCode::UNAUTHORIZED),
        (place.call(large.body(Body::empty()).unwrap()).await, StatusCode::PAYLOAD_TOO_LARGE),
    ];
    for (answer, status) in errors {
        assert_eq!(answer.status, status);
        let id = answer.header(HEADER);
        if status != StatusCode::METHOD_NOT_ALLOWED || !answer.body.is_empty() {
            assert_eq!(answer.json::<ApiError>().request_id.as_deref(), Some(id), "{status}");
        }
    }
    // Shapes that the service API documents stay as they are.
    let report: Value = place.post("/api/pipes", &json!([{"type": "pipe"}])).await.json();
    assert!(report.get("request_id").is_none() || report.get("code").is_some(), "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_the_caller_gives_is_kept_if_a_log_can_hold_it() {
    let place = Place::with_files(&[]);
    for id in ["a", "7f3c-11.b_2:x/y+z=", &"x".repeat(128)] {
        let answer = with_id(&place, "/api/pipes/none", id).await;
        assert_eq!(answer.header(HEADER), id);
        assert_eq!(answer.json::<ApiError>().request_id.as_deref(), Some(id));
    }
    for id in ["", "two words", "a\tb", "<b>", "\"", &"x".repeat(129)] {
        let answer = with_id(&place, "/api/ping", id).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header(HEADER).len(), 32, "{id:?}");
    }
}
