//! A project to measure with, and what it reads.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use pipewright_component::Cancel;
use pipewright_entity::Text;
use pipewright_node::{Ending, Node, Options, Permission, Settings};
use pipewright_pump::Silent;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::measure::{Took, cpu};

/// The places of a sequence in an order that looks like chance.
pub(crate) fn shuffle<T>(list: &mut [T]) {
    let mut seed = 1u64;
    for place in (1..list.len()).rev() {
        // Knuth's constants for a 64-bit linear congruential generator.
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        list.swap(place, (seed >> 33) as usize % (place + 1));
    }
}

pub(crate) fn numbers(count: usize, shuffled: bool) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..count).collect();
    if shuffled {
        shuffle(&mut numbers);
    }
    numbers
}

pub(crate) fn csv(numbers: &[usize]) -> String {
    let mut text = String::from("id,name,email,street,city,age,created,score,note,group\n");
    for n in numbers {
        let _ = writeln!(
            text,
            "person-{n:08},First{} Last{n},person{n}@example.org,Storgata {},City{},{},2024-01-{:02}T10:20:30Z,{}.{},a note of some length that says {n},{}",
            n % 97,
            n % 200,
            n % 50,
            18 + n % 70,
            1 + n % 28,
            n % 1000,
            n % 10,
            n % 1000,
        );
    }
    text
}

/// A project folder with a store.
pub(crate) struct Place {
    home: TempDir,
}

impl Place {
    pub(crate) fn new(pipes: &[Json]) -> Place {
        let place = Place { home: tempfile::tempdir().unwrap() };
        let files = json!({"_id": "files", "type": "system:url", "url_pattern": "file:%s"});
        place.put("systems/files.conf.json", &files.to_string());
        for pipe in pipes {
            place.pipe(pipe);
        }
        place
    }

    pub(crate) fn pipe(&self, pipe: &Json) {
        let mut pipe = pipe.clone();
        pipe["type"] = json!("pipe");
        let id = pipe["_id"].as_str().unwrap();
        self.put(&format!("pipes/{id}.conf.json"), &pipe.to_string());
    }

    pub(crate) fn put(&self, path: &str, text: &str) {
        let file = self.home.path().join("project").join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }

    pub(crate) fn open(&self) -> Arc<Node> {
        let mut options = Options::new(self.home.path().join("project"));
        options.store = Some(self.home.path().join("store"));
        options.settings = Some(Settings::in_folder(&self.home.path().join("settings")));
        options.read_outside = Permission::Live;
        Node::open(options).unwrap()
    }
}

pub(crate) fn people() -> Json {
    json!({"_id": "people", "source": {
        "type": "csv", "system": "files", "url": "people.csv", "primary_key": "id",
    }})
}

pub(crate) fn copy_and_add() -> Json {
    json!({
        "_id": "added",
        "source": {"type": "dataset", "dataset": "people"},
        "transform": {"type": "dtl", "rules": {"default": [
            ["copy", "*"],
            ["add", "upper", ["upper", "_S.name"]],
            ["add", "label", ["concat", "_S.street", ", ", "_S.city"]],
            ["add", "next", ["plus", 1, ["integer", "_S.age"]]],
            ["add", "first", ["first", ["split", " ", "_S.name"]]],
            ["add", "old", ["gt", ["integer", "_S.age"], 60]],
        ]}},
    })
}

/// Runs everything until it is stable; processor time and time passed by pipe.
pub(crate) fn run_all(node: &Arc<Node>) -> Vec<(Text, Took)> {
    let mut times = Vec::new();
    let mut before = (Instant::now(), cpu());
    let settled = node.run_until_stable(false, &Cancel::new(), &Silent, &mut |report| {
        assert!(report.ending == Ending::Completed && report.counts.failed == 0, "{report:#?}");
        let now = (Instant::now(), cpu());
        times.push((report.pipe.clone(), Took { cpu: now.1 - before.1, wall: now.0 - before.0 }));
        before = now;
    });
    assert!(settled.skipped.is_empty() && settled.restless.is_empty());
    times
}

pub(crate) fn of(times: &[(Text, Took)], pipe: &str) -> Took {
    times.iter().find(|(id, _)| id == pipe).unwrap().1
}
