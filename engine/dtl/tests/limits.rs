//! No program and no entity takes all memory or runs for ever: each stops with
//! a fault that says where and what to do.
#![allow(clippy::unwrap_used)]

use pipewright_dtl::{
    Document, EvalError, FaultKind, NoContext, Options, Path, RawOutcome, compile,
};
use pipewright_entity::{Dict, Value};

fn run(rules: &str, source: &str) -> Result<RawOutcome, EvalError> {
    let document = Document::parse(rules);
    let root = document.root.clone().unwrap();
    let compiled = compile(&document, &root, &Path::root(), &Options::new("test"));
    let program = compiled.program.unwrap_or_else(|| panic!("{:?}", compiled.diagnostics));
    let source = Value::from_transit(source.as_bytes()).unwrap();
    program.run_raw(source, Dict::default(), &NoContext)
}

/// The path and message of the fault at a limit.
fn limit(rules: &str, source: &str) -> (String, String) {
    let error = run(rules, source).map(|raw| raw.target.len()).unwrap_err();
    assert_eq!(error.kind, FaultKind::Limit, "{error}");
    (error.path.to_string(), error.message)
}

#[test]
fn a_value_put_into_itself_again_and_again() {
    // Each line doubles what was there; nothing of it takes memory until it is
    // written down.
    let doubling = |step: &str| {
        let steps = vec![step; 60].join(",");
        format!(r#"{{"default": [["add", "x", "a text"], {steps}]}}"#)
    };
    let (path, message) = limit(&doubling(r#"["add", "x", ["list", "_T.x", "_T.x"]]"#), "{}");
    assert!(path.starts_with("$.default[2") || path.starts_with("$.default[1"), "{path}");
    assert!(
        message.contains("larger than 64 MiB") && message.contains("create-child"),
        "{message}"
    );
    for step in [
        r#"["add", "x", ["combine", "_T.x", "_T.x"]]"#,
        r#"["add", "x", ["concat", "_T.x", "_T.x"]]"#,
        r#"["add", "x", ["dict", "a", "_T.x", "b", "_T.x"]]"#,
        r#"["add", "x", ["map", ["list", "_.", "_."], ["list", "_T.x"]]]"#,
        r#"["add", ["concat", "p", ["string", ["count", ["keys", "_T."]]]], "_T."]"#,
        r#"["add", "x", ["apply", "twice", "_T.x"]]"#,
        r#"["merge-union", ["list", "_T."]]"#,
    ] {
        let rules = doubling(step).replacen(
            '{',
            r#"{"twice": [["add", "a", "_S."], ["add", "b", "_S."]],"#,
            1,
        );
        let (path, _) = limit(&rules, "{}");
        assert!(path.starts_with("$.default["), "{path}");
    }
    // The same within one expression.
    let mut nested = String::from(r#""_S.x""#);
    for _ in 0..60 {
        nested = format!(r#"["map", ["list", "_.", "_."], ["list", {nested}]]"#);
    }
    limit(&format!(r#"{{"default": ["add", "x", {nested}]}}"#), r#"{"x": "text"}"#);
}

#[test]
fn values_nested_too_deep() {
    let deeper = vec![r#"["add", "x", ["list", "_T.x"]]"#; 300].join(",");
    let (path, message) = limit(&format!(r#"{{"default": [{deeper}]}}"#), "{}");
    assert!(path.starts_with("$.default[20") || path.starts_with("$.default[19"), "{path}");
    assert!(message.contains("nested deeper than 200"), "{message}");
    // As deep as what can be read is fine, and can be read again.
    let deep = vec![r#"["add", "x", ["list", "_T.x"]]"#; 150].join(",");
    let outcome = run(&format!(r#"{{"default": [{deep}]}}"#), "{}").unwrap();
    let text = Value::dict(outcome.target).to_transit();
    assert!(Value::from_transit(text.as_bytes()).is_ok());
}

#[test]
fn much_text() {
    for expression in [
        r#"["ljust", 60000000, " ", ["map", ["string", "_."], ["range", 0, 1000]]]"#,
        r#"["map", ["join", "_S.less", ["split", "", "_S.many"]], ["range", 0, 1000]]"#,
        r#"["replace", "a", "_S.long", ["list", "_S.many", "_S.many", "_S.many", "_S.many", "_S.many"]]"#,
        r#"["join", "_S.long", ["split", "", "_S.many"]]"#,
    ] {
        let (long, less, many) = ("x".repeat(80_000), "x".repeat(60_000), "a".repeat(1000));
        let source = format!(r#"{{"long": "{long}", "less": "{less}", "many": "{many}"}}"#);
        limit(&format!(r#"{{"default": ["add", "x", {expression}]}}"#), &source);
    }
}

#[test]
fn rules_without_end() {
    let (_, message) = limit(r#"{"default": ["add", "x", ["apply", "default", "_S."]]}"#, "{}");
    assert!(message.contains("does a rule apply itself without end?"), "{message}");
}

#[test]
fn constants_are_computed_when_compiling_only_if_they_are_small() {
    let outcome = run(r#"{"default": ["add", "n", ["count", ["range", 0, 900000]]]}"#, "{}");
    assert_eq!(outcome.unwrap().target["n"], Value::Int(900_000));
}

#[test]
fn many_entities() {
    let (path, message) = limit(
        r#"{"default": [["create", ["map", ["dict", "_id", "a", "text", "_S.text"], ["range", 0, 500000]]]]}"#,
        &format!(r#"{{"text": "{}"}}"#, "x".repeat(10_000)),
    );
    assert!(path.starts_with("$.default[0]"), "{path}");
    assert!(message.contains("larger than 64 MiB"), "{message}");
}
