//! Who may do what: roles, and permissions of pipes and systems in config.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use pipewright_protocol::studio::{self, Role};
use serde_json::{Value, json};

use crate::place::{Answer, Place};

/// Stands in config and data of what is hidden, and nowhere else.
const MARK: &str = "hush-7b1c";

fn place() -> Place {
    let hidden = json!([[
        "deny",
        ["group:Developer", "group:Reader"],
        ["read_config", "write_config", "run_pump_operation", "read_data", "write_data"]
    ],]);
    Place::with_files(&[
        (
            "pipes/hidden.conf.json",
            json!({"_id": "hidden", "type": "pipe", "permissions": hidden, "description": MARK,
                "source": {"type": "embedded", "entities": [{"_id": "1", "note": MARK}]}}),
        ),
        (
            "systems/vault.conf.json",
            json!({"_id": "vault", "type": "system:url", "permissions": hidden,
                "url_pattern": format!("http://127.0.0.1:9/{MARK}/%s")}),
        ),
        (
            "pipes/plain.conf.json",
            json!({"_id": "plain", "type": "pipe",
                "source": {"type": "embedded", "entities": [{"_id": "1"}]}}),
        ),
        (
            "pipes/letterbox.conf.json",
            json!({"_id": "letterbox", "type": "pipe", "source": {"type": "http_endpoint"},
            "permissions": [
                ["allow", ["group:Anonymous"], ["write_data"]],
                ["allow", ["group:Reader"], ["run_pump_operation"]],
            ]}),
        ),
    ])
}

fn token(place: &Place, name: &str, role: Role) -> String {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    place.node.tokens().issue(name, role, now, Some(600))
}

/// A call with another token than the place's own, or none.
async fn call(
    place: &Place,
    token: Option<&str>,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> Answer {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::CONTENT_TYPE, "application/json");
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    let body = body.map_or_else(Vec::new, |body| body.to_string().into_bytes());
    place.call(request.body(Body::from(body)).unwrap()).await
}

/// No operation of the document tells a developer of what is hidden from them,
/// and an admin sees it all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_tells_of_what_is_hidden() {
    let place = place();
    place.trust().await;
    let ran: Value = place.post("/api/pipes/run-all-pipes", &json!({})).await.json();
    assert_eq!(ran["status"], "success", "{ran}");
    let document: Value = place.ask("/api/openapi.json").await;
    let developer = token(&place, "dev", Role::Developer);
    let mut shown_to_admin = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        if item.get("get").is_none() || path == "/studio/events" {
            continue;
        }
        for name in ["hidden", "vault"] {
            let file =
                if name == "vault" { "systems/vault.conf.json" } else { "pipes/hidden.conf.json" };
            let parts = path.split('/').map(|part| match part {
                "{path}" => file,
                "{entity}" => "1",
                part if part.starts_with('{') => name,
                part => part,
            });
            let parts = parts.collect::<Vec<_>>().join("/");
            let entity = if path.contains("config-history") { name } else { "1" };
            let path = format!("/api{parts}?entity_id={entity}");
            let answer = call(&place, Some(&developer), Method::GET, &path, None).await;
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            assert!(!text.contains(MARK), "{path}: {text}");
            let whole = place.get(&path).await;
            shown_to_admin += usize::from(String::from_utf8_lossy(&whole.body).contains(MARK));
        }
    }
    assert!(shown_to_admin > 15, "{shown_to_admin}");

    let request = Request::get(studio::EVENTS)
        .header(header::AUTHORIZATION, format!("Bearer {developer}"))
        .body(Body::empty())
        .unwrap();
    let mut events = place.listen(request).await;
    let told = events.hello().await;
    assert_eq!(told.keys().collect::<Vec<_>>(), ["letterbox", "plain"]);
    place.post(studio::RUN, &json!({"pipes": ["hidden"]})).await;
    place.post(studio::RUN, &json!({"pipes": ["plain"]})).await;
    let mut seen = std::collections::BTreeSet::new();
    while !seen.contains("plain") {
        if let studio::Event::Pipes(pipes) = events.expect().await {
            seen.extend(pipes.into_iter().map(|pipe| pipe.id));
        }
    }
    assert!(!seen.contains("hidden"), "{seen:?}");
}

/// A text that is not saved reads what it names: only who may save it tries it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_who_may_save_a_text_tries_it() {
    let place = place();
    place.trust().await;
    place.post("/api/pipes/run-all-pipes", &json!({})).await;
    let (reader, developer) =
        (token(&place, "r", Role::Reader), token(&place, "d", Role::Developer));
    let saved = place.text("pipes/plain.conf.json");
    let other = json!({"_id": "plain", "type": "pipe",
        "source": {"type": "dataset", "dataset": "hidden"}})
    .to_string();
    let form = |config: &str| {
        let config = studio::encode(config);
        format!("/api/pipes/plain/preview?operation=preview-pipe&pipe-config={config}")
    };
    let spaced = saved.replace(':', ": ");
    let preview = |text: &str| json!({"pipe": "plain", "text": text, "sample": "first"});
    let impact = |text: &str| json!({"pipe": "plain", "text": text, "limit": 10});
    let calls = [
        (studio::PREVIEW.to_owned(), Some(preview(&saved)), Some(preview(&other))),
        (studio::IMPACT.to_owned(), Some(impact(&saved)), Some(impact(&other))),
        (form(&spaced), None, None),
    ];
    for (path, kept, changed) in calls {
        let kept = call(&place, Some(&reader), Method::POST, &path, kept).await;
        assert_eq!(kept.status, StatusCode::OK, "{path}");
        let path = if changed.is_none() { form(&other) } else { path };
        let refused = call(&place, Some(&reader), Method::POST, &path, changed.clone()).await;
        refused.refused(StatusCode::FORBIDDEN, "permission");
        let tried = call(&place, Some(&developer), Method::POST, &path, changed).await;
        assert_eq!(tried.status, StatusCode::OK, "{path}");
    }
}

/// Numbers and logs about all pipes leave out those that are hidden.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_tells_of_all_pipes_names_no_hidden_one() {
    let place = place();
    place.trust().await;
    place.post("/api/pipes/run-all-pipes?output_run_statistics=true", &json!({})).await;
    let developer = token(&place, "dev", Role::Developer);
    for path in
        ["/api/metrics", "/api/pipes/get-run-all-pipes-log", "/api/pipes/get-pipe-runner-status"]
    {
        let all = String::from_utf8(place.get(path).await.body).unwrap();
        assert!(all.contains("hidden") && all.contains("plain"), "{path}: {all}");
        let told = call(&place, Some(&developer), Method::GET, path, None).await;
        let told = String::from_utf8(told.body).unwrap();
        assert!(!told.contains("hidden") && told.contains("plain"), "{path}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_changes_what_they_may_not() {
    let place = place();
    place.trust().await;
    let developer = token(&place, "dev", Role::Developer);
    let (put, post) = (Method::PUT, Method::POST);
    let hash: Value = place.ask(&studio::file_path("pipes/hidden.conf.json")).await;
    let edits = json!({"label": "x", "files": [{"path": "pipes/hidden.conf.json",
        "change": {"delete": {"base": hash["hash"]}}}]});
    let calls = [
        (put.clone(), "/api/config?force=true", json!([])),
        (put.clone(), "/api/pipes/hidden/config?force=true", json!({"_id": "hidden"})),
        (post.clone(), "/api/pipes/hidden/pump?operation=start", Value::Null),
        (post.clone(), "/api/datasets/hidden/entities", json!([])),
        (post.clone(), "/api/systems/vault/secrets", json!({"a": "b"})),
        (post.clone(), "/api/pipes/run-all-pipes", Value::Null),
        (post.clone(), "/api/pipes/delete-all-sink-datasets", Value::Null),
        (post.clone(), studio::RUN, json!({"pipes": []})),
        (post.clone(), studio::EDITS, edits),
        (post.clone(), studio::PREVIEW, json!({"pipe": "hidden", "text": null, "sample": "first"})),
        (Method::DELETE, "/api/pipes/hidden", Value::Null),
    ];
    for (method, path, body) in calls {
        let answer = call(&place, Some(&developer), method, path, Some(body)).await;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}: {text}");
    }
    assert!(place.text("pipes/hidden.conf.json").contains(MARK));
    let own = call(
        &place,
        Some(&developer),
        post.clone(),
        studio::RUN,
        Some(json!({"pipes": ["plain"]})),
    );
    assert_eq!(own.await.status, StatusCode::ACCEPTED);

    // What is allowed beyond the role, to those without a token, too.
    let reader = token(&place, "guest", Role::Reader);
    let pump = "/api/pipes/letterbox/pump?operation=disable";
    let answer = call(&place, Some(&reader), post.clone(), pump, None).await;
    assert_eq!(answer.status, StatusCode::OK);
    let other =
        call(&place, Some(&reader), post.clone(), "/api/pipes/plain/pump?operation=stop", None);
    other.await.refused(StatusCode::FORBIDDEN, "role");
    let letter = Some(json!([{"_id": "a"}]));
    let box_of = "/api/receivers/letterbox/entities";
    let answer = call(&place, None, post.clone(), box_of, letter.clone()).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(place.ask::<Vec<Value>>("/api/datasets/letterbox/entities").await.len(), 1);
    for path in ["/api/receivers/plain/entities", "/api/datasets/letterbox/entities"] {
        call(&place, None, post.clone(), path, letter.clone())
            .await
            .refused(StatusCode::UNAUTHORIZED, "token");
    }
    let unseen = call(&place, None, Method::GET, "/api/datasets/letterbox/entities", None).await;
    unseen.refused(StatusCode::UNAUTHORIZED, "token");

    // Who tried and who did is written down, for admins to read.
    let audit = "/api/datasets/system:audit/entities";
    call(&place, Some(&developer), Method::GET, audit, None)
        .await
        .refused(StatusCode::FORBIDDEN, "role");
    let wanted = [("dev", "/api/pipes/hidden", 403), ("guest", "/api/pipes/letterbox/pump", 200)];
    let end = std::time::Instant::now() + Duration::from_secs(60);
    loop {
        let answer = place.get(audit).await;
        let lines: Vec<Value> = serde_json::from_slice(&answer.body).unwrap_or_default();
        let is = |line: &Value, (who, path, status): (&str, &str, u16)| {
            line["who"] == who && line["path"] == path && line["status"] == status
        };
        if wanted.iter().all(|wanted| lines.iter().any(|line| is(line, *wanted))) {
            break;
        }
        assert!(std::time::Instant::now() < end, "{lines:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What a call does is told by where a word stands in its path: a pipe may be
/// called like a place that data is brought to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_look_like_data_are_written_down() {
    let place = Place::with_files(&[(
        "pipes/entities.conf.json",
        json!({"_id": "entities", "type": "pipe", "source": {"type": "http_endpoint"}}),
    )]);
    place.trust().await;
    let pushed = place.post("/api/receivers/entities/entities", &json!([{"_id": "1"}])).await;
    assert_eq!(pushed.status, StatusCode::OK);
    for path in ["/api/config/webhook", "/api/config/entities"] {
        place.put(path, &json!([])).await;
    }
    assert_eq!(place.delete("/api/pipes/entities").await.status, StatusCode::OK);

    let wanted = [
        ("PUT", "/api/config/webhook"),
        ("PUT", "/api/config/entities"),
        ("DELETE", "/api/pipes/entities"),
    ];
    let end = std::time::Instant::now() + Duration::from_secs(60);
    loop {
        let answer = place.get("/api/datasets/system:audit/entities").await;
        let lines: Vec<Value> = serde_json::from_slice(&answer.body).unwrap_or_default();
        let has = |(method, path): (&str, &str)| {
            lines.iter().any(|line| line["method"] == method && line["path"] == path)
        };
        if wanted.iter().all(|wanted| has(*wanted)) {
            assert!(!has(("POST", "/api/receivers/entities/entities")), "{lines:?}");
            break;
        }
        assert!(std::time::Instant::now() < end, "{lines:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_are_too_large_are_refused() {
    let place = place();
    let mut request = Request::post("/api/datasets/plain/entities")
        .header(header::AUTHORIZATION, format!("Bearer {}", place.token));
    request = request.header(header::CONTENT_LENGTH, (1_u64 << 40).to_string());
    let answer = place.call(request.body(Body::from("[]")).unwrap()).await;
    answer.refused(StatusCode::PAYLOAD_TOO_LARGE, "too-large");
}
