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
            "change": {"url": "things/{{ entity._id }}", "method": "POST"},
            "put": {"url": "things/{{ entity._id }}", "method": "PUT", "payload-type": "json",
                    "payload": {"name": "{{ entity.name }}"}},
        },
    })
}

#[test]
fn a_web_source_that_fails_costs_nothing() {
    for kind in ["rest", "json", "csv"] {
        fails_and_costs_nothing(kind);
    }
}

fn fails_and_costs_nothing(kind: &'static str) {
    let how = Arc::new(Mutex::new("fine"));
    let now = how.clone();
    let server = Server::start(move |_: &Asked| match (*now.lock().unwrap(), kind) {
        ("fine", "csv") => Reply::ok("_id;name\nt0;a\nt1;b\nt2;c\n"),
        ("reset", "csv") => Reply { cut: true, ..Reply::ok("_id;name\nt0;a\nt1") },
        ("fine", _) => json_reply(&json!(things(0..3).collect::<Vec<_>>()).to_string()),
        (how, _) => faulty(how),
    });
    let source = match kind {
        "rest" => json!({"type": "rest", "system": "web", "operation": "list"}),
        "csv" => json!({"type": "csv", "system": "web", "url": "things", "primary_key": "_id",
                        "delimiter": ";", "auto_dialect": false}),
        _ => json!({"type": "json", "system": "web", "url": "things"}),
    };
    let pipe = json!({"_id": "in", "type": "pipe", "source": source, "remove_namespaces": true});
    let place = Place::new(&[rest(&server.url)], &[pipe]);
    let node = place.open();
    assert!(run(&node)["in"].is_success());
    // Any text is CSV.
    for fault in HTTP.into_iter().filter(|fault| (kind, *fault) != ("csv", "not JSON")) {
        *how.lock().unwrap() = fault;
        let report = &run(&node)["in"];
        assert!(matches!(report.ending, Ending::Failed { .. }), "{kind} {fault}: {report:#?}");
        assert_eq!(live(&node, "in"), ["t0", "t1", "t2"], "{kind} {fault}");
        *how.lock().unwrap() = "fine";
        assert!(run(&node)["in"].is_success(), "{kind} after {fault}");
    }
    // Nobody listens there.
    drop(node);
    let place = Place { home: place.home };
    let file = place.folder().join("systems/web.conf.json");
    std::fs::write(&file, rest("http://127.0.0.1:1").to_string()).unwrap();
    let node = place.open();
    let report = &run(&node)["in"];
    assert!(matches!(report.ending, Ending::Failed { .. }), "{kind} refused: {report:#?}");
    assert_eq!(live(&node, "in"), ["t0", "t1", "t2"]);
    drop(node);
    std::fs::write(&file, rest(&server.url).to_string()).unwrap();
    assert!(run(&place.open())["in"].is_success());
}

/// Whether a request is about the one that fails.
fn speaks_of_the_bad(asked: &Asked) -> bool {
    asked.path.ends_with("/t1") || asked.body.contains(r#""_id":"t1""#)
}

/// Pipes that send each of their entities through a service.
fn services() -> [Json; 2] {
    let pipe = |name: &str, transform: Json| {
        json!({
            "_id": name, "type": "pipe",
            "source": {"type": "dataset", "dataset": "things"},
            "transform": transform,
            "pump": {"write_retry_delay": 0, "max_retries_per_entity": 2,
                     "dead_letter_dataset": format!("{name}-dead")},
        })
    };
    [
        pipe("http", json!({"type": "http", "system": "web", "url": "change"})),
        pipe("rest", json!({"type": "rest", "system": "web", "operation": "change"})),
    ]
}

/// Answers as both kinds of service do.
fn served(asked: &Asked) -> Reply {
    if asked.path.ends_with("/change") { json_reply(&asked.body) } else { json_reply("{}") }
}

#[test]
fn a_service_that_fails_for_one_lets_the_others_through_and_it_later() {
    for fault in ["reset", "timeout", "429", "500", "not JSON", "hung up", "400"] {
        let is_bad = Arc::new(AtomicUsize::new(1));
        let bad = is_bad.clone();
        let server = Server::start(move |asked: &Asked| {
            match speaks_of_the_bad(asked) && bad.load(Ordering::SeqCst) == 1 {
                true if fault == "400" => Reply::status(400, "not like this"),
                true => faulty(fault),
                false => served(asked),
            }
        });
        let place = Place::new(&[rest(&server.url)], &services());
        let node = place.open();
        put(&node, "things", things(0..4));
        let reports = run(&node);
        for pipe in ["http", "rest"] {
            let (report, all) = (&reports[pipe], live(&node, pipe));
            assert_eq!(report.ending, Ending::Completed, "{pipe} {fault}: {report:#?}");
            assert_eq!(report.counts.failed, 1, "{pipe} {fault}: {report:#?}");
            assert_eq!(all, ["t0", "t2", "t3"], "{pipe} {fault}");
            assert_eq!(waiting(&node, pipe), 1, "{pipe} {fault}");
        }
        put(&node, "things", things(4..5));
        run(&node);
        is_bad.store(0, Ordering::SeqCst);
        let reports = run(&node);
        for pipe in ["http", "rest"] {
            assert!(reports[pipe].is_success(), "{pipe} {fault}: {:#?}", reports[pipe]);
            assert_eq!(live(&node, pipe), ["t0", "t1", "t2", "t3", "t4"], "{pipe} {fault}");
            assert_eq!(waiting(&node, pipe), 0, "{pipe} {fault}");
            assert!(live(&node, &format!("{pipe}-dead")).is_empty(), "{pipe} {fault}");
        }
    }
}

#[test]
fn what_a_service_fails_at_for_good_is_a_dead_letter() {
    let server = Server::start(|asked: &Asked| match speaks_of_the_bad(asked) {
        true => Reply::status(500, "something broke"),
        false => served(asked),
    });
    let place = Place::new(&[rest(&server.url)], &services());
    let node = place.open();
    for n in 0..5 {
        put(&node, "things", things(n..n + 2));
        run(&node);
    }
    for pipe in ["http", "rest"] {
        assert_eq!(live(&node, pipe), ["t0", "t2", "t3", "t4", "t5"], "{pipe}");
        assert_eq!(live(&node, &format!("{pipe}-dead")), ["t1"], "{pipe}");
        assert_eq!(waiting(&node, pipe), 0, "{pipe}");
    }
}

#[test]
fn a_service_that_is_down_ends_the_run_and_nothing_is_lost() {
    for fault in ["refused", "500", "429"] {
        let server = Server::start(move |_: &Asked| faulty(fault));
        let url = if fault == "refused" { "http://127.0.0.1:1" } else { &server.url };
        let place = Place::new(&[rest(url)], &services());
        let node = place.open();
        put(&node, "things", things(0..5));
        let reports = run(&node);
        for pipe in ["http", "rest"] {
            let report = &reports[pipe];
            assert!(matches!(report.ending, Ending::Failed { .. }), "{pipe} {fault}: {report:#?}");
            assert_eq!((waiting(&node, pipe), live(&node, pipe).len()), (0, 0), "{pipe} {fault}");
        }
        drop(node);
        let well = Server::start(served);
        let place = Place { home: place.home };
        let file = place.folder().join("systems/web.conf.json");
        std::fs::write(file, rest(&well.url).to_string()).unwrap();
        let node = place.open();
        run(&node);
        for pipe in ["http", "rest"] {
            assert_eq!(live(&node, pipe).len(), 5, "{pipe} {fault}");
        }
    }
}

#[test]
fn a_receiver_of_entities_that_fails_for_one_gets_the_others_and_it_later() {
    for fault in ["reset", "timeout", "429", "500", "hung up", "400"] {
        let is_bad = Arc::new(AtomicUsize::new(1));
        let (bad, got) = (is_bad.clone(), Arc::new(Mutex::new(Vec::new())));
        let taken = got.clone();
        let server = Server::start(move |asked: &Asked| {
            match speaks_of_the_bad(asked) && bad.load(Ordering::SeqCst) == 1 {
                true if fault == "400" => return Reply::status(400, "not like this"),
                true => return faulty(fault),
                false => {}
            }
            let posted: Vec<Json> = serde_json::from_str(&asked.body).unwrap();
            let ids = posted.iter().map(|one| one["_id"].as_str().unwrap().to_owned());
            taken.lock().unwrap().extend(ids);
            json_reply("{}")
        });
        let pipe = json!({
            "_id": "out", "type": "pipe",
            "source": {"type": "dataset", "dataset": "things"},
            "sink": {"type": "json", "system": "web", "url": "take"},
            "pump": {"batch_retries": 0, "write_retry_delay": 0},
        });
        let place = Place::new(&[rest(&server.url)], &[pipe]);
        let node = place.open();
        put(&node, "things", things(0..4));
        let report = &run(&node)["out"];
        assert_eq!(report.ending, Ending::Completed, "{fault}: {report:#?}");
        assert_eq!((report.counts.written, report.counts.failed), (3, 1), "{fault}");
        assert_eq!(waiting(&node, "out"), 1, "{fault}");
        is_bad.store(0, Ordering::SeqCst);
        put(&node, "things", things(4..5));
        assert!(run(&node)["out"].is_success(), "{fault}");
        let mut all = got.lock().unwrap().clone();
        all.sort();
        all.dedup();
        assert_eq!(all, ["t0", "t1", "t2", "t3", "t4"], "{fault}");
        assert_eq!(waiting(&node, "out"), 0, "{fault}");
    }
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
