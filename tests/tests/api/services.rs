//! Services that the node runs: what they say, beginning anew, talking to them.

use std::time::{Duration, Instant};

use axum::http::{Method, StatusCode};
use pipewright_protocol::studio::{self, Live};
use serde_json::{Value, json};

use crate::place::Place;

/// Answers with what it was called with.
const SERVICE: &str = r#"
import json, os, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        told = {"pid": os.getpid(), "method": self.command, "path": self.path, "body": body,
                "authorization": self.headers.get("Authorization"), "x": self.headers.get("X-Own")}
        print("called", self.path, flush=True)
        text = json.dumps(told).encode()
        self.send_response(404 if "gone" in self.path else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Service", "it")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_DELETE = answer

    def log_message(self, *arguments):
        pass

HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_is_talked_to_heard_and_begun_anew() {
    let place = Place::of(|folder| {
        std::fs::create_dir_all(folder.join("systems")).unwrap();
        let system = json!({"_id": "own", "type": "system:microservice",
            "process": {"command": ["python3", "service.py", "{port}"]}});
        std::fs::write(folder.join("systems/own.conf.json"), system.to_string()).unwrap();
        let other = json!({"_id": "web", "type": "system:url", "url_pattern": "http://x/%s"});
        std::fs::write(folder.join("systems/web.conf.json"), other.to_string()).unwrap();
        std::fs::write(folder.join("service.py"), SERVICE).unwrap();
    });
    let base = "/api/systems/own";
    // Nothing is started before the folder is trusted.
    let untrusted = place.get(&format!("{base}/proxy/a")).await;
    untrusted.refused(StatusCode::FORBIDDEN, "not-trusted");
    assert_eq!(place.get(&format!("{base}/logs")).await.body, b"");
    place.trust().await;

    let answer = place.get(&format!("{base}/proxy/a/b%20c?d=1&e=%2F")).await;
    assert_eq!((answer.status, answer.header("x-service")), (StatusCode::OK, "it"));
    let told: Value = answer.json();
    assert_eq!((&told["method"], &told["path"]), (&json!("GET"), &json!("/a/b%20c?d=1&e=%2F")));
    // The token is the node's.
    assert_eq!(told["authorization"], Value::Null);
    assert_eq!(place.get(&format!("{base}/proxy/gone")).await.status, StatusCode::NOT_FOUND);

    // What changes something waits until the node is live.
    let post = format!("{base}/proxy/new");
    place.post(&post, &json!({"n": 1})).await.refused(StatusCode::FORBIDDEN, "held");
    place.post(studio::LIVE, &Live { live: true }).await;
    let made: Value = place.post(&post, &json!({"n": 1})).await.json();
    assert_eq!((&made["method"], &made["body"]), (&json!("POST"), &json!("{\"n\":1}")));

    // An address in the place of a path leads nowhere else.
    let away = place.get(&format!("{base}/proxy/http:%2F%2F127.0.0.1:9%2F")).await;
    assert!(away.status == StatusCode::BAD_REQUEST || away.header("x-service") == "it");

    let logs = async |since: &str| {
        let logs = place.get(&format!("{base}/logs{since}")).await;
        String::from_utf8(logs.body).unwrap()
    };
    // What it says arrives in its own time.
    let end = Instant::now() + Duration::from_secs(60);
    let line = loop {
        let log = logs("").await;
        if let Some(line) = log.lines().find(|line| line.ends_with("called /new")) {
            break line.to_owned();
        }
        assert!(Instant::now() < end, "{log}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let (time, _) = line.split_once(' ').unwrap();
    assert!(!logs(&format!("?since={time}")).await.contains("called /new"));
    let never = place.get(&format!("{base}/logs?since=yesterday")).await;
    never.refused(StatusCode::BAD_REQUEST, "bad-request");

    let again = place.send(Method::POST, &format!("{base}/reload"), None).await;
    assert_eq!(again.status, StatusCode::ACCEPTED);
    let other: Value = place.ask(&format!("{base}/proxy/a")).await;
    assert_ne!(other["pid"], told["pid"]);

    for path in ["logs", "proxy/x"] {
        let no = place.get(&format!("/api/systems/web/{path}")).await;
        no.refused(StatusCode::BAD_REQUEST, "bad-request");
        let none = place.get(&format!("/api/systems/none/{path}")).await;
        none.refused(StatusCode::NOT_FOUND, "not-found");
    }
}
