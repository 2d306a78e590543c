//! The readings of the documentation that are written down hold.
#![allow(clippy::unwrap_used)]
#![cfg(feature = "timezones")]

use pipewright_dtl::{Document, NoContext, Options, Path, compile};
use pipewright_entity::{Dict, Value};

/// Expressions and results out of the tables of the page.
fn rows() -> impl Iterator<Item = (&'static str, &'static str)> {
    include_str!("../../../docs/dtl-readings.md").lines().filter_map(|line| {
        let (expression, rest) = line.strip_prefix("| `")?.split_once("` | `")?;
        Some((expression, rest.split_once("` |")?.0))
    })
}

#[test]
fn written_readings_hold() {
    let mut wrong = Vec::new();
    for (expression, expected) in rows() {
        let document = Document::parse(format!(r#"{{"default": ["add", "r", {expression}]}}"#));
        let rules = document.root.clone().unwrap();
        let compiled = compile(&document, &rules, &Path::root(), &Options::new("pipe"));
        let Some(program) = compiled.program else {
            panic!("{expression}: {:#?}", compiled.diagnostics)
        };
        let found = program.run_raw(Value::dict(Dict::default()), Dict::default(), &NoContext);
        let found = match found {
            Ok(outcome) => outcome.target["r"].to_transit(),
            Err(error) => error.to_string(),
        };
        if found != Value::from_transit(expected.as_bytes()).unwrap().to_transit() {
            wrong.push(format!("{expression} gives {found}, not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(rows().count() > 50);
}
