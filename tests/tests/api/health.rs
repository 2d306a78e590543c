//! How the node fares: what it says of itself is true, and the metrics have the
//! documented names.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::place::Place;

/// The documented metrics, by what they are of.
#[rustfmt::skip]
const METRICS: &[(&str, &[&str])] = &[
    ("sesam_", &["health", "backup_health", "service_restarts"]),
    ("sesam_pipe_", &[
        "enabled", "config", "usage", "queue_source", "queue_tracking", "queue_replicas",
        "sink_dataset_count_index_exists", "sink_dataset_count_index_deleted",
        "sink_dataset_count_log_exists", "sink_dataset_count_log_deleted",
        "dead_letter_dataset_count_index_exists", "dead_letter_dataset_count_index_deleted",
        "dead_letter_dataset_count_log_exists", "dead_letter_dataset_count_log_deleted",
        "circuit_breaker_tripped",
    ]),
    ("sesam_pump_", &[
        "total_time", "successful", "started_total", "completed_total", "failed_total",
        "interrupted_total", "entities_changes_total", "entities_seen_total",
        "entities_retryable", "entities_compacted_total", "entities_deletion_tracked_total",
        "scrape_time", "last_completed_time", "scheduled_time", "previous_scheduled_time",
    ]),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_documented_metric_is_there() {
    let from = json!({"type": "json", "url": "file:data/a.json"});
    let place = Place::with_files(&[
        ("data/a.json", json!([{"_id": "1"}])),
        (
            "pipes/a.conf.json",
            json!({"_id": "a", "type": "pipe", "source": from,
            "pump": {"schedule_interval": 3600}, "metadata": {"$config-group": "mine"}}),
        ),
        (
            "pipes/b.conf.json",
            json!({"_id": "b", "type": "pipe",
            "source": {"type": "dataset", "dataset": "a"}}),
        ),
    ]);
    place.run_all().await;
    let text = String::from_utf8(place.get("/api/metrics").await.body).unwrap();
    for (of, names) in METRICS {
        for name in *names {
            let name = format!("{of}{name}");
            let has_sample = text.lines().any(|line| {
                let rest = line.strip_prefix(&name);
                rest.is_some_and(|rest| rest.starts_with('{') || rest.starts_with(' '))
            });
            assert!(has_sample && text.contains(&format!("# TYPE {name} ")), "{name}\n{text}");
            if let Some(counter) = name.strip_suffix("_total") {
                assert!(text.contains(&format!("\n{counter}_created{{")), "{counter}");
            }
        }
    }
    for line in [
        "sesam_health{sesam_health=\"healthy\"} 1",
        "sesam_health{sesam_health=\"unknown\"} 0",
        "sesam_backup_health{sesam_backup_health=\"unknown\"} 1",
        "sesam_service_restarts 0",
        "sesam_pipe_config{pipe=\"a\",config_group=\"mine\",leaf=\"0\"} 1",
        "sesam_pipe_config{pipe=\"b\",config_group=\"default\",leaf=\"1\"} 1",
        "sesam_pipe_queue_source{pipe=\"b\"} 0",
    ] {
        assert!(text.lines().any(|known| known == line), "{line}\n{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_cannot_work_says_so() {
    let place = Place::with_files(&[]);
    std::fs::rename(&place.folder, place.folder.with_extension("gone")).unwrap();
    let answer = place.get("/api/health").await;
    answer.refused(StatusCode::SERVICE_UNAVAILABLE, "unhealthy");
    let why: Value = answer.json();
    assert!(why["message"].as_str().unwrap().contains("the project folder cannot be read"));
    let text = String::from_utf8(place.get("/api/metrics").await.body).unwrap();
    assert!(text.contains("sesam_health{sesam_health=\"unhealthy\"} 1\n"), "{text}");

    let place = Place::with_files(&[]);
    let file = std::fs::read_dir(place.node.store().dir()).unwrap();
    let file = file.map(|file| file.unwrap().path());
    let file = file.into_iter().find(|file| file.extension().is_some_and(|kind| kind == "db"));
    // What is not there cannot be written.
    let broken = rusqlite::Connection::open(file.unwrap()).unwrap();
    broken.execute_batch("ALTER TABLE state RENAME TO elsewhere").unwrap();
    let answer = place.get("/api/health").await;
    answer.refused(StatusCode::SERVICE_UNAVAILABLE, "unhealthy");
    let why: Value = answer.json();
    assert!(why["message"].as_str().unwrap().contains("cannot be written"), "{why}");
    assert_eq!(place.get("/api/license").await.json::<Value>()["key_required"], false);
}
