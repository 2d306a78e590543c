//! Webhooks: a node that reads another one's dataset hears of what is new, and
//! runs at once.

use std::future::pending;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use pipewright_node::{Permission, listen, serve};
use pipewright_protocol::studio::Role;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::place::{Place, write_files};

fn receiver(id: &str) -> (String, Value) {
    let source = json!({"type": "http_endpoint"});
    (format!("pipes/{id}.conf.json"), json!({"_id": id, "type": "pipe", "source": source}))
}

/// A node that others reach at an address, with these files.
fn reached(listener: TcpListener, files: &[(String, Value)]) -> Place {
    let address = format!("http://{}", listener.local_addr().unwrap());
    let files: Vec<(&str, Value)> =
        files.iter().map(|(path, file)| (path.as_str(), file.clone())).collect();
    let place = Place::opened(
        |folder| write_files(folder, &files),
        |options| {
            options.webhooks = Permission::Live;
            options.public_url = Some(address);
        },
    );
    tokio::spawn(serve(listener, place.router.clone(), pending()));
    place
}

async fn subscribe(place: &Place, query: &str) -> (StatusCode, Value) {
    let path = format!("/api/datasets/data/entities?{query}");
    let answer = place.send(Method::OPTIONS, &path, None).await;
    (answer.status, serde_json::from_slice(&answer.body).unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pipe_hears_of_what_is_new_in_another_node() {
    let (one, two) = (listen(0).await.unwrap(), listen(0).await.unwrap());
    let first = format!("http://{}", one.local_addr().unwrap());
    let from = reached(one, &[receiver("data")]);
    from.trust().await;
    let token = from.node.tokens().issue("reader", Role::Reader, 4_000_000_000, None);
    let system = json!({"_id": "node", "type": "system:url", "url_pattern": format!("{first}/api/%s"),
        "authentication": "jwt", "jwt_token": token});
    let source = json!({"type": "json", "system": "node", "url": "datasets/data/entities",
        "supports_since": true, "is_chronological": true});
    let copy = json!({"_id": "copy", "type": "pipe", "source": source,
        "pump": {"schedule_interval": 86_400}});
    let files = [("systems/node.conf.json".into(), system), ("pipes/copy.conf.json".into(), copy)];
    let to = reached(two, &files);
    from.post("/api/receivers/data/entities", &json!([{"_id": "1"}])).await;
    to.trust().await;
    to.form("/api/pipes/copy/pump", "operation=start").await;

    let wait = async |id: &str| {
        for _ in 0..300 {
            let path = format!("/api/datasets/copy/entity?entity_id={id}");
            if to.get(&path).await.status == StatusCode::OK {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{id} did not come");
    };
    wait("1").await;
    // It is a day until the pipe runs by itself.
    for id in ["2", "3"] {
        from.post("/api/receivers/data/entities", &json!([{"_id": id}])).await;
        wait(id).await;
    }
    // Who does not know what the pipe said when it subscribed is not heard.
    for (pipe, token) in [("copy", "wrong"), ("none", "wrong"), ("copy", "")] {
        let path = format!("/api/pipes/{pipe}/webhook");
        let answer = to.post(&path, &json!({"token": token})).await;
        answer.refused(StatusCode::NOT_FOUND, "not-found");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_webhooks_of_pipes_are_subscribed_and_only_where_that_is_allowed() {
    let place = reached(listen(0).await.unwrap(), &[receiver("data")]);
    place.trust().await;
    let url = "webhook=https://node.example.org/api/pipes/a/webhook";
    assert_eq!(subscribe(&place, url).await.0, StatusCode::NOT_FOUND);
    place.post("/api/receivers/data/entities", &json!([{"_id": "1"}])).await;
    assert_eq!(subscribe(&place, &format!("{url}&token=t")).await.0, StatusCode::OK);
    for query in [
        url,
        "webhook=http://169.254.169.254/latest/meta-data&token=t",
        "webhook=file:///api/pipes/a/webhook&token=t",
        "webhook=https://node.example.org/api/pipes/a/webhook&token=two%20words",
    ] {
        let (status, body) = subscribe(&place, query).await;
        assert_eq!((status, &body["code"]), (StatusCode::BAD_REQUEST, &json!("bad-request")));
    }
    let log = format!("/api/pipes/data/log?{url}&token=t");
    let answer = place.send(Method::OPTIONS, &log, None).await;
    assert_eq!((answer.status, answer.header("allow")), (StatusCode::OK, "GET, HEAD, OPTIONS"));

    let (path, file) = receiver("data");
    let quiet = Place::with_files(&[(path.as_str(), file)]);
    quiet.trust().await;
    quiet.post("/api/receivers/data/entities", &json!([{"_id": "1"}])).await;
    let (status, body) = subscribe(&quiet, &format!("{url}&token=t")).await;
    assert_eq!((status, &body["code"]), (StatusCode::FORBIDDEN, &json!("held")));
    assert_eq!(subscribe(&quiet, "").await.0, StatusCode::OK);
}
