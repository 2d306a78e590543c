#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use pipewright_entity::{Dict, Value};

use super::*;
use crate::memory::MemoryDatasets;
use crate::syntax::{Document, Path};
use crate::{Context, Datasets, Options, compile};

struct World(MemoryDatasets);

impl Context for World {
    fn datasets(&self) -> &dyn Datasets {
        &self.0
    }
}

fn value(text: &str) -> Value {
    Value::from_transit(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Runs one expression or transform and gives the value, or the target.
fn run(role: Role, text: &str, source: &str) -> Value {
    let step = match role {
        Role::Expression => format!(r#"["add", "result", {text}]"#),
        Role::Transform => text.to_owned(),
    };
    let document = Document::parse(format!(r#"{{"default": [{step}]}}"#));
    let rules = document.root.clone().unwrap();
    let compiled = compile(&document, &rules, &Path::root(), &Options::new("test"));
    let Some(program) = compiled.program else { panic!("{text}: {:#?}", compiled.diagnostics) };
    let source = if source.is_empty() { Value::dict(Dict::default()) } else { value(source) };
    let world = World(MemoryDatasets::new());
    match program.run_raw(source, Dict::default(), &world) {
        Ok(outcome) if role == Role::Expression => outcome.target["result"].clone(),
        Ok(outcome) => Value::dict(outcome.target),
        Err(error) => panic!("{text}: {error}"),
    }
}

fn run_steps(steps: &str) -> Value {
    let document = Document::parse(format!(r#"{{"default": {steps}}}"#));
    let rules = document.root.clone().unwrap();
    let compiled = compile(&document, &rules, &Path::root(), &Options::new("test"));
    let world = World(MemoryDatasets::new());
    let outcome = compiled.program.unwrap().run_raw(value("{}"), Dict::default(), &world);
    Value::dict(outcome.unwrap().target)
}

#[test]
fn documented_examples() {
    for function in all() {
        for Example { text, source, result, .. } in function.examples_here() {
            let found = run(function.role(), text, source);
            assert_eq!(found.to_transit(), value(result).to_transit(), "{text} on {source}");
        }
    }
}

#[test]
fn a_range_reaches_from_one_end_of_the_integers_to_the_other() {
    let ends = r#"[["add", "up", ["range", -9223372036854775807, 9223372036854775807, 9223372036854775807]],
                   ["add", "down", ["range", 9223372036854775807, -9223372036854775807, -9223372036854775807]]]"#;
    let target = run_steps(ends);
    assert_eq!(
        target.to_transit(),
        value(r#"{"up": [-9223372036854775807, 0], "down": [9223372036854775807, 0]}"#)
            .to_transit()
    );
}

#[test]
fn many_children_are_added_at_once() {
    // Where each looked at all before it, this would take minutes.
    let text =
        r#"["create-child", ["map", ["dict", "_id", ["string", "_."]], ["range", 0, 100000]]]"#;
    let again = format!(r#"[{text}, {text}, ["create-child", ["dict", "_id", "1.0"]]]"#);
    let target = run_steps(&again);
    let children = target.as_dict().unwrap()["$children"].as_slice();
    assert_eq!(children.len(), 100_001);
}

#[test]
fn faults_say_what_was_there() {
    let why = |step: &str| {
        let document = Document::parse(format!(r#"{{"default": [{step}]}}"#));
        let rules = document.root.clone().unwrap();
        let compiled = compile(&document, &rules, &Path::root(), &Options::new("test"));
        match compiled.program {
            None => compiled.diagnostics[0].message.clone(),
            Some(program) => {
                let world = World(MemoryDatasets::new());
                let source = value(r#"{"n": 1, "d": {}}"#);
                program.run_raw(source, Dict::default(), &world).unwrap_err().message
            }
        }
    };
    let name = "the name of a property must be a string, not";
    assert_eq!(why(r#"["add", null, 1]"#), format!("{name} null"));
    assert_eq!(why(r#"["add", "_S.n", 1]"#), format!("{name} an integer"));
    assert_eq!(why(r#"["add", "_S.d", 1]"#), format!("{name} a dict"));
    let created = "what is created is not an entity:";
    assert_eq!(
        why(r#"["create", "_S.n"]"#),
        format!("{created} an entity is a dict, not an integer")
    );
    assert_eq!(why(r#"["create", "_S.d"]"#), format!("{created} the entity has no \"_id\""));
    assert_eq!(
        why(r#"["create", {"_id": 1}]"#),
        format!("{created} the \"_id\" of an entity must be a string, not an integer")
    );
    let zone = r#"["add", "x", ["datetime-format", "_S.n", "%Y", "~t2015-07-28"]]"#;
    assert_eq!(why(zone), "an integer is no time zone");
    assert_eq!(why("[1, 2]"), "expected the name of a transform, not a number");
    assert_eq!(why("null"), "expected a transform, not null");
}

#[test]
fn names_are_taken_once() {
    let mut seen = BTreeSet::new();
    for function in all() {
        for name in std::iter::once(&function.name).chain(function.also) {
            let role = function.role() == Role::Transform;
            assert!(seen.insert((role, *name)), "{name} is described twice");
        }
        assert!(!function.summary.is_empty(), "{} has no summary", function.name);
    }
}

#[test]
fn parameters_of_calls() {
    let slice = find(Role::Expression, "slice").unwrap();
    assert_eq!(slice.arity(), (2, Some(4)));
    let names =
        |count| (0..count).map(|at| slice.param(at, count).unwrap().name).collect::<Vec<_>>();
    assert_eq!(names(2), ["START", "VALUES"]);
    assert_eq!(names(3), ["START", "END", "VALUES"]);
    assert_eq!(names(4), ["START", "END", "STRIDE", "VALUES"]);
    assert_eq!(slice.signature(), r#"["slice", START, END?, STRIDE?, VALUES]"#);
    let case = find(Role::Transform, "case").unwrap();
    let named = |count| (0..count).map(|at| case.argument(at, count).unwrap()).collect::<Vec<_>>();
    let (when, then) = (("CONDITION", Kind::Boolean), ("THEN", Kind::Transforms));
    let again = ("CONDITION", Kind::Value);
    assert_eq!(named(4), [when, then, again, then]);
    assert_eq!(named(5), [when, then, again, then, ("ELSE", Kind::Transforms)]);
    let and = find(Role::Expression, "and").unwrap();
    assert_eq!(and.arity(), (1, None));
    assert_eq!(and.param(5, 6).unwrap().name, "VALUES");
}
