//! What outside systems do wrong, one class after the other: nothing stops for
//! good, nothing disappears, nothing is taken to be deleted.
#![allow(clippy::unwrap_used)]

#[path = "../../engine/systems/tests/outside/server.rs"]
#[allow(dead_code)]
mod server;
#[path = "../../engine/systems/tests/outside/sql/servers.rs"]
#[allow(dead_code)]
mod servers;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use pipewright_entity::{Entity, Value};
use pipewright_node::{
    Cancel, Ending, Node, Observer, Options, Permission, Progress, Report, Settings,
};
use serde_json::{Value as Json, json};
use server::{Asked, Reply, Server};
use tempfile::TempDir;

struct Silent;

impl Observer for Silent {
    fn progress(&self, _: &Progress<'_>) {}
}

/// A project folder with a node on it.
struct Place {
    home: TempDir,
}

impl Place {
    fn new(systems: &[Json], pipes: &[Json]) -> Place {
        let place = Place { home: tempfile::tempdir().unwrap() };
        for (folder, parts) in [("systems", systems), ("pipes", pipes)] {
            for part in parts {
                let file = place.folder().join(folder);
                std::fs::create_dir_all(&file).unwrap();
                let name = format!("{}.conf.json", part["_id"].as_str().unwrap());
                std::fs::write(file.join(name), part.to_string()).unwrap();
            }
        }
        place
    }

    fn folder(&self) -> PathBuf {
        self.home.path().join("project")
    }

    fn open(&self) -> Arc<Node> {
        let mut options = Options::new(self.folder());
        options.store = Some(self.home.path().join("store"));
        options.settings = Some(Settings::in_folder(&self.home.path().join("settings")));
        options.read_outside = Permission::Live;
        options.write_outside = Permission::Live;
        Node::open(options).unwrap()
    }
}

/// Runs everything until it is stable; the last report of each pipe.
fn run(node: &Arc<Node>) -> BTreeMap<String, Report> {
    let settled = node.run_until_stable(false, &Cancel::new(), &Silent, &mut |_| {});
    assert!(settled.skipped.is_empty(), "{:?}", settled.skipped);
    settled.reports.into_iter().map(|report| (report.pipe.to_string(), report)).collect()
}

fn live(node: &Arc<Node>, dataset: &str) -> Vec<String> {
    let reader = node.store().reader().unwrap();
    if reader.dataset(dataset).unwrap().is_none() {
        return Vec::new();
    }
    let current = reader.current(dataset).unwrap();
    let mut ids: Vec<String> = current.map(|v| v.unwrap().entity.id().to_string()).collect();
    ids.sort();
    ids
}

fn waiting(node: &Arc<Node>, pipe: &str) -> u64 {
    node.store().reader().unwrap().retry_counts(pipe).unwrap().waiting
}

fn put(node: &Arc<Node>, dataset: &str, entities: impl IntoIterator<Item = Json>) {
    let mut batch = node.store().batch(1);
    for json in entities {
        batch.append(dataset, Entity::from_value(Value::from_json(&json)).unwrap());
    }
    node.store().commit(batch).unwrap();
}

fn things(range: std::ops::Range<usize>) -> impl Iterator<Item = Json> {
    range.map(|n| json!({"_id": format!("t{n}"), "id": n, "name": format!("thing {n}")}))
}

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

fn postgres(name: &str, port: u16) -> Json {
    json!({
        "_id": "db", "type": "system:postgresql", "host": "127.0.0.1", "port": port,
        "database": name, "username": "tester", "password": "pass;word'1",
    })
}

fn into_table() -> Json {
    json!({
        "_id": "out", "type": "pipe",
        "source": {"type": "dataset", "dataset": "things"},
        "sink": {"type": "sql", "system": "db", "table": "thing", "primary_key": ["id"]},
        "pump": {"batch_retries": 0, "write_retry_delay": 0},
    })
}

#[test]
fn a_row_that_a_database_refuses_waits_and_the_others_are_written() {
    let server = servers::postgresql_server();
    server.client("postgres", "CREATE DATABASE refusing");
    server.client(
        "refusing",
        "CREATE TABLE thing (id integer PRIMARY KEY, name text CHECK (name <> 'thing 2'))",
    );
    let place = Place::new(&[postgres("refusing", server.port)], &[into_table()]);
    let node = place.open();
    put(&node, "things", things(0..5));
    let report = &run(&node)["out"];
    assert_eq!(report.ending, Ending::Completed, "{report:#?}");
    assert_eq!((report.counts.written, report.counts.failed), (4, 1));
    assert_eq!(waiting(&node, "out"), 1);
    let rows = || server.client("refusing", "SELECT id FROM thing ORDER BY id");
    assert_eq!(rows(), ["0", "1", "3", "4"]);
    server.client("refusing", "ALTER TABLE thing DROP CONSTRAINT thing_name_check");
    assert!(run(&node)["out"].is_success());
    assert_eq!(rows(), ["0", "1", "2", "3", "4"]);
}

/// Every write into the table fails as a deadlock does, until it is told not to.
#[test]
fn a_deadlock_and_a_server_that_is_gone_are_tried_again() {
    let server = servers::postgresql_server();
    server.client("postgres", "CREATE DATABASE locked");
    server.client(
        "locked",
        "CREATE TABLE thing (id integer PRIMARY KEY, name text); \
         CREATE FUNCTION victim() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         RAISE EXCEPTION 'deadlock detected' USING ERRCODE = '40P01'; END $$; \
         CREATE TRIGGER victim BEFORE INSERT ON thing FOR EACH ROW EXECUTE FUNCTION victim()",
    );
    let place = Place::new(&[postgres("locked", server.port)], &[into_table()]);
    let node = place.open();
    put(&node, "things", things(0..5));
    let report = &run(&node)["out"];
    assert!(matches!(report.ending, Ending::Failed { .. }), "{report:#?}");
    assert_eq!(waiting(&node, "out"), 0, "nothing is wrong with the entities");
    server.client("locked", "DROP TRIGGER victim ON thing");
    assert!(run(&node)["out"].is_success());
    let rows = || server.client("locked", "SELECT count(*) FROM thing");
    assert_eq!(rows(), ["5"]);

    // The server closes the connection that the node keeps.
    server.client(
        "locked",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE datname = 'locked' AND pid <> pg_backend_pid()",
    );
    put(&node, "things", things(5..7));
    run(&node);
    assert!(run(&node)["out"].is_success());
    assert_eq!(rows(), ["7"]);
    drop(node);

    // Nobody listens there.
    let file = place.folder().join("systems/db.conf.json");
    std::fs::write(&file, postgres("locked", 1).to_string()).unwrap();
    let node = place.open();
    put(&node, "things", things(7..8));
    let report = &run(&node)["out"];
    assert!(matches!(report.ending, Ending::Failed { .. }), "{report:#?}");
    assert_eq!(waiting(&node, "out"), 0);
    drop(node);
    std::fs::write(&file, postgres("locked", server.port).to_string()).unwrap();
    assert!(run(&place.open())["out"].is_success());
    assert_eq!(rows(), ["8"]);
}
