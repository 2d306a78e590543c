//! A folder with a node on it whose clock the test owns.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pipewright_entity::{Entity, Value};
use pipewright_node::{Clock as _, FixedClock, Node, Options, Permission, Select, Settings};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

/// 2023-11-14T22:13:20Z in microseconds.
pub const START: i64 = 1_700_000_000_000_000;

pub struct Place {
    pub clock: FixedClock,
    pub folder: PathBuf,
    pub home: TempDir,
    pub trusted: bool,
    pub live: Permission,
}

impl Place {
    pub fn new(pipes: impl IntoIterator<Item = Json>) -> Place {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("project");
        let place = Place {
            clock: FixedClock::at(START),
            folder,
            home,
            trusted: true,
            live: Permission::Held,
        };
        for pipe in pipes {
            place.pipe(pipe);
        }
        place
    }

    /// Writes a file of the project.
    pub fn put(&self, path: &str, text: &str) {
        let file = self.folder.join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }

    /// Writes the config of a pipe.
    pub fn pipe(&self, mut pipe: Json) {
        pipe["type"] = json!("pipe");
        let id = pipe["_id"].as_str().unwrap();
        self.put(&format!("pipes/{id}.conf.json"), &pipe.to_string());
    }

    pub fn open(&self) -> Arc<Node> {
        let mut options = Options::new(&self.folder);
        options.store = Some(self.home.path().join("store"));
        options.read_outside = Permission::Live;
        options.write_outside = self.live;
        options.settings = Some(Settings::in_folder(&self.home.path().join("settings")));
        options.clock = Arc::new(self.clock.clone());
        let node = Node::open(options).unwrap();
        if node.is_trusted() != self.trusted {
            node.set_trusted(self.trusted).unwrap();
        }
        node
    }

    /// Lets time go by until so many seconds later, running what is due when
    /// it is due.
    pub fn pass(&self, node: &Arc<Node>, seconds: f64) {
        let end = self.clock.now() + (seconds * 1e6) as i64;
        node.run_due();
        while let Some(due) = node.next_due().filter(|due| *due <= end) {
            self.until(due);
            node.run_due();
        }
        self.until(end);
    }

    fn until(&self, time: i64) {
        let left = u64::try_from(time - self.clock.now()).unwrap_or(0);
        self.clock.advance(Duration::from_micros(left));
    }

    /// Seconds since the start.
    pub fn seconds(&self) -> f64 {
        (self.clock.now() - START) as f64 / 1e6
    }
}

/// The live entities of a dataset by id, without reserved properties.
pub fn live(node: &Node, dataset: &str) -> BTreeMap<String, Json> {
    let reader = node.store().reader().unwrap();
    if reader.dataset(dataset).unwrap().is_none() {
        return BTreeMap::new();
    }
    let current = reader.current(dataset).unwrap();
    current
        .map(|version| {
            let entity = version.unwrap().entity;
            (entity.id().to_string(), entity.into_value().to_json())
        })
        .collect()
}

/// Writes entities into a dataset, as the API does for those who post.
pub fn write(node: &Node, dataset: &str, at: i64, entities: impl IntoIterator<Item = Json>) {
    let mut batch = node.store().batch(at);
    for json in entities {
        batch.append(dataset, Entity::from_value(Value::from_json(&json)).unwrap());
    }
    node.store().commit(batch).unwrap();
}

/// The lines of one kind in the execution log of a pipe, the oldest first.
pub fn log(node: &Node, pipe: &str, kind: &str) -> Vec<Json> {
    let reader = node.store().reader().unwrap();
    let log = format!("system:pump:{pipe}");
    if reader.dataset(&log).unwrap().is_none() {
        return Vec::new();
    }
    let select = Select { history: true, ..Select::default() };
    let lines = reader.changes(&log, None, None, select).unwrap();
    let lines = lines.map(|version| version.unwrap().entity.into_value().to_json());
    lines.filter(|line| line["event_type"] == kind).collect()
}
