//! No arguments make a function panic, run for ever or take all memory.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use pipewright_dtl::functions::{Body, Function, Role, all};
use pipewright_dtl::{Document, NoContext, Options, Path, Program, compile};
use pipewright_entity::{Dict, Text, Value};
use proptest::prelude::*;
use proptest::sample::select;

/// Values at the borders of what types can hold, and texts that mean something
/// to some function.
fn scalar() -> impl Strategy<Value = Value> {
    const KNOWN: &[&str] = &[
        "null",
        "true",
        "false",
        "0",
        "-1",
        "3",
        "9223372036854775807",
        "-9223372036854775808",
        "123456789012345678901234567890",
        "0.5",
        "-0.0",
        "1e308",
        "5e-324",
        r#""~f0""#,
        r#""~f1E100000""#,
        r#""~f-1E-100000""#,
        r#""~f12345.678900""#,
        r#""~t0001-01-01""#,
        r#""~t9999-12-31T23:59:59.999999999Z""#,
        r#""~u9f598f65-eea5-4906-a8f5-82f6d8e69726""#,
        r#""~:a:b""#,
        r#""~rhttp://example.org/x#y""#,
        r#""~b/w==""#,
        r#""""#,
        r#""é\u0000\uD83D\uDE00""#,
        r#""*a?""#,
        r#""%Y-%m-%d %z""#,
        r#""year""#,
        r#""Europe/Oslo""#,
        r#""murmur3""#,
        r#""0xff""#,
        r#""1e400""#,
        r#""[[[[1""#,
        r#""9999-12-31T23:59:59+23:59""#,
        r#""+4722222222""#,
        "{}",
        r#"{"a": "aa", "": 1, "_id": "x"}"#,
        "[]",
    ];
    prop_oneof![
        4 => select(KNOWN).prop_map(|text| Value::from_transit(text.as_bytes()).unwrap()),
        1 => any::<i64>().prop_map(Value::Int),
        1 => any::<f64>().prop_map(Value::Float),
        1 => "\\PC{0,8}".prop_map(Value::from),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(2, 8, 4, |inner| {
        let pairs = prop::collection::vec(("[a-c]", inner.clone()), 0..3);
        prop_oneof![
            3 => prop::collection::vec(inner, 0..4).prop_map(Value::list),
            1 => pairs.prop_map(|pairs| {
                Value::dict(pairs.into_iter().map(|(k, v)| (Text::from(k), v)).collect())
            }),
        ]
    })
}

/// Programs that call a function with paths as arguments, one for every
/// number of arguments worth trying.
fn programs(function: &Function) -> Vec<Arc<Program>> {
    let (least, most) = function.arity();
    (least..=most.unwrap_or(least + 2))
        .filter_map(|count| {
            let args: String = (0..count).map(|at| format!(r#", "_S.p{at}""#)).collect();
            let text = format!(r#"{{"default": ["add", "r", [{:?}{args}]]}}"#, function.name);
            let document = Document::parse(text);
            let rules = document.root.clone().unwrap();
            compile(&document, &rules, &Path::root(), &Options::new("pipe")).program
        })
        .collect()
}

#[test]
fn any_arguments_are_survived() {
    let takes_values = |function: &&Function| {
        function.role() == Role::Expression
            && matches!(function.body, Body::Eager(_) | Body::Lazy(_))
    };
    let programs: Vec<_> = all()
        .filter(takes_values)
        .flat_map(|function| programs(function).into_iter().map(|program| (function.name, program)))
        .collect();
    assert!(programs.len() > 150, "most functions compile with paths as arguments");
    proptest!(ProptestConfig::with_cases(200), |(values in prop::collection::vec(value(), 5))| {
        let properties = values.iter().enumerate();
        let source: Dict =
            properties.map(|(at, value)| (format!("p{at}").into(), value.clone())).collect();
        let source = Value::dict(source);
        for (name, program) in &programs {
            let start = Instant::now();
            let _ = program.run_raw(source.clone(), Dict::default(), &NoContext);
            let taken = start.elapsed();
            prop_assert!(taken < Duration::from_secs(5), "{} took {:?}", name, taken);
        }
    });
}
