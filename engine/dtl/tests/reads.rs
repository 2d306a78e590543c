//! What a program says it reads of the source is enough to run it on.
#![allow(clippy::unwrap_used)]

use pipewright_dtl::functions::{Example, Role, all};
use pipewright_dtl::{
    Document, Namespaces, NoContext, Options, Path, Program, RawOutcome, compile,
};
use pipewright_entity::transit::Objects;
use pipewright_entity::{Dict, Value};

fn program(rules: &str, options: &Options) -> std::sync::Arc<Program> {
    let document = Document::parse(rules);
    let root = document.root.clone().unwrap();
    let compiled = compile(&document, &root, &Path::root(), options);
    compiled.program.unwrap_or_else(|| panic!("{rules}: {:?}", compiled.diagnostics))
}

fn reduced(program: &Program, source: &str) -> Value {
    Objects::default().read(source.as_bytes(), &program.analysis().reads).unwrap()
}

fn run(program: &Program, source: Value) -> Result<RawOutcome, String> {
    program.run_raw(source, Dict::default(), &NoContext).map_err(|error| error.to_string())
}

fn same(program: &Program, source: &str) {
    let whole = run(program, Value::from_transit(source.as_bytes()).unwrap());
    assert_eq!(run(program, reduced(program, source)), whole, "{source}");
}

#[test]
fn documented_examples() {
    for function in all() {
        for Example { text, source, .. } in function.examples {
            let step = match function.role() {
                Role::Expression => format!(r#"["add", "result", {text}]"#),
                Role::Transform => (*text).to_owned(),
            };
            let rules = format!(r#"{{"default": [{step}]}}"#);
            let source = if source.is_empty() { "{}" } else { source };
            same(&program(&rules, &Options::new("test")), source);
        }
    }
}

const SOURCE: &str = r#"{"_id":"1","_deleted":false,"a":{"b":{"c":1,"d":2},"e":[{"f":1,"g":2},{"f":3}]},
    "h":[{"i":{"j":1,"k":2}},3],"x:a":{"b":{"c":5},"m":6},"n":7,"$ids":["~:x:1"]}"#;

#[test]
fn only_what_paths_follow_is_read() {
    for (rules, read) in [
        (r#"{"default": [["add", "x", "_S.n"]]}"#, r#"{"_id":"1","_deleted":false,"n":7}"#),
        (
            r#"{"default": [["add", "x", "_S.a.b.c"], ["add", "y", "_S.a.e.f"]]}"#,
            r#"{"_id":"1","_deleted":false,"a":{"b":{"c":1},"e":[{"f":1},{"f":3}]}}"#,
        ),
        (
            r#"{"default": [["add", "x", "_S.h.i.k"], ["copy", "n"], ["add", "y", "_T.x"]]}"#,
            r#"{"_id":"1","_deleted":false,"h":[{"i":{"k":2}},3],"n":7}"#,
        ),
        (
            r#"{"default": [["add", "x", "_S.a.b.c"], ["add", "y", "_S.a.b"]]}"#,
            r#"{"_id":"1","_deleted":false,"a":{"b":{"c":1,"d":2}}}"#,
        ),
        // What a rule reads of its source may be a part of the entity, or it.
        (
            r#"{"default": [["add", "x", ["apply", "r", "_S.h"]]], "r": [["add", "y", ["list", "_S.", "_R._S.n"]]]}"#,
            r#"{"_id":"1","_deleted":false,"h":[{"i":{"j":1,"k":2}},3],"n":7}"#,
        ),
    ] {
        let program = program(rules, &Options::new("test"));
        assert_eq!(reduced(&program, SOURCE).to_transit(), read, "{rules}");
        same(&program, SOURCE);
    }
}

#[test]
fn what_looks_at_the_whole_source_reads_all_of_it() {
    for rules in [
        r#"{"default": [["copy", "*"]]}"#,
        r#"{"default": [["copy", "a", "b"]]}"#,
        r#"{"default": [["copy", "_S.n"]]}"#,
        r#"{"default": [["rename", "n", "m"]]}"#,
        r#"{"default": [["add", "x", ["keys", "_S."]]]}"#,
        r#"{"default": [["add", "x", ["apply", "r", 1]]], "r": [["add", "y", "_P."]]}"#,
        r#"{"default": [["add", "x", ["apply", "r", 1]]], "r": [["add", "y", "_P._S."]]}"#,
        r#"{"default": [["add", "x", ["apply", "r", 1]]], "r": [["add", "y", "_R."]]}"#,
        r#"{"default": [["add", "x", ["is-changed", "_.n"]]]}"#,
        r#"{"default": [["add", "x", ["hops", {"datasets": ["d d"], "where": ["eq", "d.a", "_S.n"]}]]]}"#,
    ] {
        let program = program(rules, &Options::new("test"));
        assert!(program.analysis().reads.is_all(), "{rules}");
    }
}

#[test]
fn names_stand_for_properties_of_every_namespace() {
    let namespaces = Namespaces { enabled: true, identity: "p".into(), property: "p".into() };
    let options = Options { namespaces, ..Options::new("p") };
    for rules in [
        r#"{"default": [["add", "x", "_S.a.b.c"]]}"#,
        r#"{"default": [["add", "x", "_S.a.b"], ["add", "y", "_S.x:a.m"]]}"#,
        r#"{"default": [["add", "x", "_S.$ids"], ["add", "y", "_S.::n"]]}"#,
        r#"{"default": [["copy", "n"]]}"#,
    ] {
        let program = program(rules, &options);
        same(&program, SOURCE);
        same(&program, r#"{"_id":"1","x:a":{"b":1},"p:n":2}"#);
    }
}
