//! What outside systems do wrong, one class after the other: nothing stops for
//! good, nothing disappears, nothing is taken to be deleted.
#![allow(clippy::unwrap_used)]

mod databases;
mod proxy;
#[path = "../../../engine/systems/tests/outside/server.rs"]
#[allow(dead_code)]
mod server;
#[path = "../../../engine/systems/tests/outside/sql/servers.rs"]
#[allow(dead_code)]
mod servers;
mod web;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use pipewright_entity::{Entity, Value};
use pipewright_node::{Cancel, Node, Observer, Options, Permission, Progress, Report, Settings};
use serde_json::{Value as Json, json};
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
