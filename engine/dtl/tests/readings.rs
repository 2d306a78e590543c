//! The readings of the documentation that are written down hold.
#![allow(clippy::unwrap_used)]
#![cfg(feature = "timezones")]

use pipewright_dtl::memory::MemoryDatasets;
use pipewright_dtl::{Context, Datasets, Document, Options, Path, compile};
use pipewright_entity::{Dict, Entity, Value};

const PAGE: &str = include_str!("../../../docs/dtl-readings.md");

/// What a section of the page puts around its expressions.
#[derive(Default)]
struct World {
    source: Option<Value>,
    rules: String,
    datasets: MemoryDatasets,
}

impl World {
    /// Reads the block of JSON that stands at the beginning of a section, if it
    /// has one: `source`, `rules` and `datasets`.
    fn of(section: &str) -> World {
        let mut world = World::default();
        let block = section.split_once("```json\n").and_then(|(_, rest)| rest.split_once("```"));
        let Some((block, _)) = block else { return world };
        let document = Document::parse(block);
        let root = document.root.clone().unwrap();
        let data = |node: &pipewright_dtl::Node| node.to_value(&document);
        world.source = root.get("source").map(data);
        for rule in root.get("rules").map_or(&[][..], |node| node.members()) {
            let text = document.text_of(&rule.value);
            world.rules.push_str(&format!(r#", "{}": {text}"#, rule.key));
        }
        for dataset in root.get("datasets").map_or(&[][..], |node| node.members()) {
            let entities = dataset.value.items().iter();
            let entities = entities.map(|item| Entity::from_value(data(item)).unwrap());
            world.datasets.write(&dataset.key, entities.collect::<Vec<_>>());
        }
        world
    }

    fn result(&self, expression: &str) -> String {
        let rules = format!(r#"{{"default": ["add", "r", {expression}]{}}}"#, self.rules);
        let document = Document::parse(rules);
        let rules = document.root.clone().unwrap();
        let compiled = compile(&document, &rules, &Path::root(), &Options::new("pipe"));
        let Some(program) = compiled.program else {
            panic!("{expression}: {:#?}", compiled.diagnostics)
        };
        let source = self.source.clone().unwrap_or_else(|| Value::dict(Dict::default()));
        match program.run_raw(source, Dict::default(), self) {
            Ok(outcome) => outcome.target["r"].to_transit(),
            Err(error) => error.to_string(),
        }
    }
}

impl Context for World {
    fn datasets(&self) -> &dyn Datasets {
        &self.datasets
    }
}

/// Expressions and results out of the tables of a section.
fn rows(section: &str) -> impl Iterator<Item = (&str, &str)> {
    section.lines().filter_map(|line| {
        let (expression, rest) = line.strip_prefix("| `")?.split_once("` | `")?;
        Some((expression, rest.split_once("` |")?.0))
    })
}

#[test]
fn written_readings_hold() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for section in PAGE.split("\n## ") {
        let world = World::of(section);
        for (expression, expected) in rows(section) {
            count += 1;
            let found = world.result(expression);
            if found != Value::from_transit(expected.as_bytes()).unwrap().to_transit() {
                wrong.push(format!("{expression} gives {found}, not {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(count > 100, "only {count} rows were found");
}
