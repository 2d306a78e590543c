//! Nothing runs in a folder that its user does not trust.

use std::net::TcpListener;
use std::time::Duration;

use axum::http::StatusCode;
use pipewright_protocol::studio::{self, Preview, PreviewRequest, Project, Run, Sample};
use serde_json::{Value, json};

use crate::place::Place;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_trust_nothing_runs_and_nothing_outside_is_called() {
    let outside = TcpListener::bind("127.0.0.1:0").unwrap();
    outside.set_nonblocking(true).unwrap();
    let address = outside.local_addr().unwrap();
    let place = Place::of(|folder| {
        let put = |path: &str, value: Value| {
            let file = folder.join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, value.to_string()).unwrap();
        };
        put(
            "systems/out.conf.json",
            json!({"_id": "out", "type": "system:url", "url_pattern": format!("http://{address}/%s")}),
        );
        put(
            "pipes/in.conf.json",
            json!({"_id": "in", "type": "pipe", "pump": {"schedule_interval": 0.1},
                "source": {"type": "json", "system": "out", "url": "all"}}),
        );
        put(
            "pipes/own.conf.json",
            json!({"_id": "own", "type": "pipe",
                "source": {"type": "embedded", "entities": [{"_id": "1"}]}}),
        );
    });
    assert!(!place.ask::<Project>(studio::PROJECT).await.trusted);
    let forbidden = StatusCode::FORBIDDEN;
    place.post(studio::RUN, &Run::default()).await.refused(forbidden, "not-trusted");
    let one = Run { pipes: vec!["own".into()] };
    place.post(studio::RUN, &one).await.refused(forbidden, "not-trusted");
    place.post(studio::LIVE, &json!({"live": true})).await.refused(forbidden, "not-trusted");
    for operation in ["start", "start-rescan"] {
        let path = format!("/api/pipes/in/pump?operation={operation}");
        place.post(&path, &json!({})).await.refused(forbidden, "not-trusted");
    }
    // Looking at it calls nobody either.
    let request =
        PreviewRequest { pipe: "in".into(), text: None, sample: Sample::First, trace: false };
    let preview: Preview = place.post(studio::PREVIEW, &request).await.json();
    assert!(preview.no_sample.is_some() && preview.produced.is_empty(), "{preview:?}");
    let _ = place.get("/api/pipes/in/entities?stage=source").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let datasets: Vec<Value> = place.ask("/api/datasets?include-internal-datasets=false").await;
    assert!(datasets.is_empty(), "{datasets:?}");
    let called = outside.accept();
    assert_eq!(called.unwrap_err().kind(), std::io::ErrorKind::WouldBlock);

    // With trust both happens, so the above says something.
    place.trust().await;
    let answer = place.post(studio::RUN, &Run::default()).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let mut waited = 0;
    while outside.accept().is_err() {
        waited += 1;
        assert!(waited < 600, "the outside system is never called");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
