//! People who share a node.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use pipewright_protocol::studio::{
    self, INVITATIONS, Invited, Login, Role, USERS, User, user_invitation_path, user_path,
};
use serde_json::{Value, json};

use crate::place::{Answer, Place};

/// A call with a token, or none.
async fn call(place: &Place, token: &str, method: Method, path: &str, body: Value) -> Answer {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::CONTENT_TYPE, "application/json");
    if !token.is_empty() {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    place.call(request.body(Body::from(body.to_string())).unwrap()).await
}

async fn accept(place: &Place, invitation: &str) -> Answer {
    call(place, "", Method::POST, INVITATIONS, json!({ "invitation": invitation })).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_invited_gets_a_token_once_and_may_what_the_role_says() {
    let place = Place::with_files(&[]);
    let new = json!({"name": "Ada / L", "role": "Developer", "days": 2});
    let added = place.post(USERS, &new).await;
    assert_eq!(added.status, StatusCode::CREATED);
    let invited: Invited = added.json();
    assert_eq!((invited.user.role, invited.user.accepted), (Role::Developer, None));
    place.post(USERS, &new).await.refused(StatusCode::CONFLICT, "exists");

    accept(&place, "guessed").await.refused(StatusCode::UNAUTHORIZED, "invitation");
    let accepted = accept(&place, &invited.invitation).await;
    assert_eq!(accepted.status, StatusCode::OK);
    let login: Login = accepted.json();
    accept(&place, &invited.invitation).await.refused(StatusCode::UNAUTHORIZED, "invitation");

    let token = login.token.as_str();
    let (get, put, delete) = (Method::GET, Method::PUT, Method::DELETE);
    let run = || call(&place, token, Method::POST, studio::STOP, json!({"pipes": []}));
    assert_eq!(run().await.status, StatusCode::ACCEPTED);
    // Users are a matter of admins.
    let path = user_path("Ada / L");
    for (method, path) in [
        (get.clone(), USERS.to_owned()),
        (Method::POST, USERS.to_owned()),
        (put, path.clone()),
        (delete, path.clone()),
        (Method::POST, user_invitation_path("Ada / L")),
    ] {
        let asked = json!({"name": "x", "role": "Admin"});
        call(&place, token, method, &path, asked).await.refused(StatusCode::FORBIDDEN, "role");
    }
    let changed: User = place.put(&path, &json!({"role": "Reader"})).await.json();
    assert_eq!(changed.role, Role::Reader);
    run().await.refused(StatusCode::FORBIDDEN, "role");
    assert_eq!(call(&place, token, get.clone(), "/api/pipes", json!({})).await.status, 200);

    // A second invitation for the same user.
    let again: Invited = place.post(&user_invitation_path("Ada / L"), &json!({})).await.json();
    let second: Login = accept(&place, &again.invitation).await.json();
    assert_eq!(place.ask::<Vec<User>>(USERS).await.len(), 1);

    assert_eq!(place.delete(&path).await.status, StatusCode::NO_CONTENT);
    for token in [token, &second.token] {
        let gone = call(&place, token, get.clone(), "/api/pipes", json!({})).await;
        gone.refused(StatusCode::UNAUTHORIZED, "token");
    }
    place.delete(&path).await.refused(StatusCode::NOT_FOUND, "not-found");

    // Who accepted is written down, by name, and with the request.
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let lines = place.get("/api/datasets/system:audit/entities").await;
        let lines: Vec<Value> = serde_json::from_slice(&lines.body).unwrap_or_default();
        let accepted = lines.iter().find(|line| {
            line["who"] == "Ada / L" && line["path"] == INVITATIONS && line["status"] == 200
        });
        if let Some(line) = accepted {
            assert_eq!(line["request"].as_str().map(str::len), Some(32), "{line}");
            break;
        }
        assert!(Instant::now() < end, "{lines:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
