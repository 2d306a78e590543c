//! Web services that fail.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use pipewright_node::Ending;
use serde_json::{Value as Json, json};

use crate::server::{Asked, Reply, Server};
use crate::{Place, live, put, run, things, waiting};

/// The ways in which a web server fails that has been reached.
const HTTP: [&str; 6] = ["reset", "timeout", "429", "500", "not JSON", "hung up"];

fn faulty(how: &str) -> Reply {
    match how {
        "reset" => Reply { cut: true, ..json_reply(r#"[{"_id": "t0"}, {"_id"#) },
        "timeout" => {
            std::thread::sleep(std::time::Duration::from_secs(3));
            json_reply("[]")
        }
        "429" => Reply::status(429, "slow down"),
        "500" => Reply::status(500, "something broke"),
        "not JSON" => json_reply("<html>an error page"),
        "hung up" => Reply { cut: true, ..Reply::status(200, "") },
        other => panic!("{other}"),
    }
}

fn json_reply(body: &str) -> Reply {
    Reply::ok(body).with("Content-Type", "application/json")
}

fn rest(url: &str) -> Json {
    json!({
        "_id": "web", "type": "system:rest", "url_pattern": format!("{url}/%s"),
        "connect_timeout": 1, "read_timeout": 1,
        "operations": {
            "list": {"url": "things", "method": "GET", "id_expression": "{{ _id }}"},
            "put": {"url": "things/{{ entity._id }}", "method": "PUT", "payload-type": "json",
                    "payload": {"name": "{{ entity.name }}"}},
        },
    })
}

#[test]
fn a_web_source_that_fails_costs_nothing() {
    let how = Arc::new(Mutex::new("fine"));
    let now = how.clone();
    let server = Server::start(move |_: &Asked| match *now.lock().unwrap() {
        "fine" => json_reply(&json!(things(0..3).collect::<Vec<_>>()).to_string()),
        how => faulty(how),
    });
    let pipe = json!({
        "_id": "in", "type": "pipe",
        "source": {"type": "rest", "system": "web", "operation": "list"},
    });
    let place = Place::new(&[rest(&server.url)], &[pipe]);
    let node = place.open();
    assert!(run(&node)["in"].is_success());
    for fault in HTTP {
        *how.lock().unwrap() = fault;
        let report = &run(&node)["in"];
        assert!(matches!(report.ending, Ending::Failed { .. }), "{fault}: {report:#?}");
        assert_eq!(live(&node, "in"), ["t0", "t1", "t2"], "{fault}");
        *how.lock().unwrap() = "fine";
        assert!(run(&node)["in"].is_success(), "after {fault}");
    }
    // Nobody listens there.
    drop(node);
    let place = Place { home: place.home };
    let file = place.folder().join("systems/web.conf.json");
    std::fs::write(&file, rest("http://127.0.0.1:1").to_string()).unwrap();
    let node = place.open();
    let report = &run(&node)["in"];
    assert!(matches!(report.ending, Ending::Failed { .. }), "refused: {report:#?}");
    assert_eq!(live(&node, "in"), ["t0", "t1", "t2"]);
    drop(node);
    std::fs::write(&file, rest(&server.url).to_string()).unwrap();
    assert!(run(&place.open())["in"].is_success());
}

#[test]
fn a_web_sink_that_fails_for_one_gets_the_others_and_it_later() {
    for fault in ["reset", "timeout", "429", "500", "hung up", "400"] {
        let is_bad = Arc::new(AtomicUsize::new(1));
        let (bad, got) = (is_bad.clone(), Arc::new(Mutex::new(BTreeMap::new())));
        let taken = got.clone();
        let server = Server::start(move |asked: &Asked| {
            let id = asked.path.rsplit('/').next().unwrap().to_owned();
            if id == "t1" && bad.load(Ordering::SeqCst) == 1 {
                return match fault {
                    "400" => Reply::status(400, "not like this"),
                    how => faulty(how),
                };
            }
            taken.lock().unwrap().insert(id, asked.body.clone());
            json_reply("{}")
        });
        let pipe = json!({
            "_id": "out", "type": "pipe",
            "source": {"type": "dataset", "dataset": "things"},
            "sink": {"type": "rest", "system": "web", "operation": "put"},
            "pump": {"batch_retries": 0, "write_retry_delay": 0},
        });
        let place = Place::new(&[rest(&server.url)], &[pipe]);
        let node = place.open();
        put(&node, "things", things(0..4));
        let report = &run(&node)["out"];
        assert_eq!(report.ending, Ending::Completed, "{fault}: {report:#?}");
        assert_eq!((report.counts.written, report.counts.failed), (3, 1), "{fault}");
        assert_eq!(waiting(&node, "out"), 1, "{fault}");
        put(&node, "things", things(4..5));
        run(&node);
        assert_eq!(got.lock().unwrap().len(), 4, "{fault}: what is new gets through");
        is_bad.store(0, Ordering::SeqCst);
        assert!(run(&node)["out"].is_success(), "{fault}");
        assert_eq!(got.lock().unwrap().len(), 5, "{fault}");
        assert_eq!(waiting(&node, "out"), 0, "{fault}");
    }
}
