//! The conformance cases hold, and so does the program that tries them.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use pipewright_tests::conformance::{Report, Verdict};

/// How many of the cases in `public.jsonl` pass. Raise it when more do.
const LEAST: usize = 692;

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/conformance"))
}

#[test]
fn as_many_cases_pass_as_before() {
    let text = std::fs::read_to_string(folder().join("public.jsonl")).unwrap();
    let report = Report::of(&text, folder());
    assert_eq!(report.cases.len(), 692);
    assert!(report.passed() >= LEAST, "{report}");
}

/// What becomes of one case.
fn verdict(line: &str) -> Verdict {
    let mut report = Report::of(line, folder());
    assert_eq!(report.cases.len(), 1);
    report.cases.remove(0).verdict
}

fn passes(line: &str) -> bool {
    verdict(line) == Verdict::Passed
}

#[test]
fn what_differs_fails() {
    let case = |rest: &str| format!(r#"{{"id":"x","kind":"expr",{rest}}}"#);
    assert!(passes(&case(r#""expr":["list",1,"a"],"expect":[1,"a"]"#)));
    assert!(!passes(&case(r#""expr":["list",1,"a"],"expect":["a",1]"#)));
    assert!(passes(&case(r#""expr":["list",1,"a"],"expect":["a",1],"compare":"unordered""#)));
    assert!(!passes(&case(r#""expr":["list",1,1],"expect":[1,2],"compare":"unordered""#)));
    assert!(!passes(&case(r#""expr":1,"expect":1.0"#)));
    assert!(passes(&case(r#""expr":1,"expect":1.0,"compare":"numeric""#)));
    assert!(passes(&case(r#""expr":"~f1.10","expect":"~f1.1""#)));
    assert!(!passes(&case(r#""expr":1,"expect":1.2,"compare":"approx","tol":0.1"#)));
    assert!(passes(&case(r#""expr":1,"expect":1.2,"compare":"approx","tol":0.3"#)));
    let ignoring = r#""expr":{"a":[{"b":1,"c":2}]},"expect":{"a":[{"b":1}]},"ignore":["c"]"#;
    assert!(passes(&case(ignoring)));
    assert!(passes(&case(r#""expr":"~t2015-07-28T00:00:00Z","expect_type":"datetime""#)));
    assert!(!passes(&case(r#""expr":"2015","expect_type":"datetime""#)));
    assert!(passes(&case(r#""expr":["no-such-function"],"expect_error":true"#)));
    assert!(!passes(&case(r#""expr":["list"],"expect_error":true"#)));
    assert!(!passes(&case(r#""expr":["list"]"#)), "a case that expects nothing");
    assert!(!passes(&case(r#""expr":1,"expect":1,"expect_more":2"#)));
    assert!(!passes("{"));
}

#[test]
fn what_a_case_gives_is_seen() {
    let case = |kind: &str, rest: &str| format!(r#"{{"id":"x","kind":"{kind}",{rest}}}"#);
    assert!(passes(&case("expr", r#""expr":"_B.a","vars":{"_B":{"a":1}},"expect":1"#)));
    assert!(passes(&case("expr", r#""expr":"_T.a","target":{"a":1},"expect":1"#)));
    let applied = r#""expr":["apply","r","_S."],"source":{"a":1},"rules":{"default":["fail!",""],"r":["copy","*"]},"expect":{"a":1}"#;
    assert!(passes(&case("expr", applied)));
    let hops = r#""expr":["hops",{"datasets":["d d"],"where":["eq","_S._id","d._id"],"return":"d.n"}],"source":{"_id":"1"},"datasets":{"d":[{"_id":"1","n":1},{"_id":"1","n":2}]},"expect":[2]"#;
    assert!(passes(&case("expr", hops)), "the last entity of an id counts");
    let named = r#""config":{"namespaced_identifiers":true,"pipe_id":"p"}"#;
    let add = r#""expr":["add","a",1],"source":{},"expect":{"p:a":1}"#;
    assert!(passes(&case("transform", &format!("{add},{named}"))));
    assert!(!passes(&case("transform", add)));
    let path = r#""expr":"_S.a","source":{"p:a":1},"expect":1"#;
    assert!(passes(&case("expr", &format!("{path},{named}"))));
}

#[test]
fn outcomes_are_seen() {
    let case = |rest: &str| format!(r#"{{"id":"x","kind":"transform","source":{{}},{rest}}}"#);
    for (transform, outcome) in [
        (r#"["comment"]"#, "kept"),
        (r#"["filter"]"#, "filtered"),
        (r#"["discard"]"#, "discarded"),
        (r#"["fail!", "x"]"#, "failed"),
        (r#"["trip!", "x"]"#, "tripped"),
    ] {
        for wanted in ["kept", "filtered", "discarded", "failed", "tripped"] {
            let line = case(&format!(r#""expr":{transform},"expect_outcome":"{wanted}""#));
            assert_eq!(passes(&line), wanted == outcome, "{line}");
        }
    }
    let create = r#""expr":["create",{"_id":"1"}],"expect":{}"#;
    assert!(passes(&case(&format!(r#"{create},"expect_emitted":[{{"_id":"1"}}]"#))));
    assert!(!passes(&case(&format!(r#"{create},"expect_emitted":[]"#))));
    assert!(!passes(&case(&format!(r#"{create},"expect_none":true"#))));
}

#[test]
fn pipes_are_run() {
    let case = |rest: &str| format!(r#"{{"id":"x","kind":"pipe",{rest}}}"#);
    let made = r#""source":[{"_id":"1","n":1},{"_id":"2","n":2}],"rules":{"default":[["copy","*"],["filter",["gt","_S.n",1]]]}"#;
    assert!(passes(&case(&format!(r#"{made},"expect":[{{"_id":"2","n":2}}]"#))));
    assert!(!passes(&case(&format!(r#"{made},"expect":[{{"_id":"1","n":1}}]"#))));
    assert!(!passes(&case(&format!(r#"{made},"expect_error":true"#))));
    let served = r#""sink":{"type":"http_endpoint"},"expect":[{"_id":"2","n":2}]"#;
    assert!(passes(&case(&format!("{made},{served}"))));
    let csv = r#""sink":{"type":"csv_endpoint","columns":["n"]},"compare":"csv","expect":"n\n2\n""#;
    assert!(passes(&case(&format!("{made},{csv}"))));
    let fails = r#""source":[{"_id":"1"}],"rules":{"default":["fail!","no"]},"expect_error":true"#;
    assert!(passes(&case(fails)));
    let several = r#""pipes":[{"_id":"a","source":{"type":"embedded","entities":[{"_id":"1"}]}},{"_id":"b","source":{"type":"dataset","dataset":"a"}}],"#;
    assert!(passes(&case(&format!(r#"{several}"expect_datasets":{{"b":[{{"_id":"1"}}]}}"#))));
    assert!(!passes(&case(&format!(r#"{several}"expect_datasets":{{"b":[]}}"#))));
    let given = r#""pipe":{"_id":"p","source":{"type":"dataset","dataset":"d"}},"datasets":{"d":[{"_id":"1","_deleted":true,"n":1}]},"#;
    assert!(passes(&case(&format!(r#"{given}"expect":[{{"_id":"1","n":1,"_deleted":true}}]"#))));
}

#[test]
fn documents_are_compared_as_what_they_say() {
    let served = |mode: &str, config: &str, source: &str, wanted: &str| {
        let wanted = serde_json::Value::from(wanted);
        passes(&format!(
            r#"{{"id":"x","kind":"pipe","source":[{source}],"sink":{{{config}}},"compare":"{mode}","expect":{wanted}}}"#
        ))
    };
    let xml = |wanted: &str| {
        let config = r#""type":"xml_endpoint","root-attributes":{"xmlns:n":"urn:n","z":"1"}"#;
        served(
            "xml",
            config,
            r#"{"_id":"1","a":"x & y","<n:t>":[{"<c>":"2"},{"<d>":null}]}"#,
            wanted,
        )
    };
    assert!(xml(r#"<n:t xmlns:n="urn:n" z="1" a="x &amp; y"><c>2</c><d/></n:t>"#));
    assert!(xml("<m:t a='x &#38; y' z='1' xmlns:m='urn:n'>\n  <c>2</c>\n  <d></d>\n</m:t>"));
    assert!(!xml(r#"<n:t xmlns:n="urn:n" z="1" a="x y"><c>2</c><d/></n:t>"#));
    assert!(!xml(r#"<n:t xmlns:n="urn:o" z="1" a="x &amp; y"><c>2</c><d/></n:t>"#));
    assert!(!xml(r#"<n:t xmlns:n="urn:n" z="1" a="x &amp; y"><d/><c>2</c></n:t>"#));
    assert!(!xml(r#"<n:t xmlns:n="urn:n" z="1" a="x &amp; y"><c> 2</c><d/></n:t>"#));
    assert!(!xml("no document"));
    let csv = |wanted: &str| {
        let config = r#""type":"csv_endpoint","columns":["a","b"],"quoting":"all""#;
        served("csv", config, r#"{"_id":"1","a":"x","b":"y,z"}"#, wanted)
    };
    assert!(csv("a,b\nx,\"y,z\"\n"));
    assert!(!csv("a,b\nx,y,z\n"));
    assert!(!csv("b,a\n\"y,z\",x\n"));
}

#[test]
fn every_documented_function_is_described() {
    use pipewright_dtl::functions::{Role, find};
    let listed = std::fs::read_to_string(folder().join("functions.txt")).unwrap();
    let mut wrong = Vec::new();
    for line in listed.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [role, name, least, most] = fields[..] else { panic!("{line}") };
        let role = if role == "transform" { Role::Transform } else { Role::Expression };
        let wanted = (least.parse::<usize>().unwrap(), most.parse::<usize>().ok());
        match find(role, name) {
            None => wrong.push(format!("{name} is missing")),
            Some(function) if function.arity() != wanted => {
                wrong.push(format!("{name} takes {:?}, not {wanted:?}", function.arity()));
            }
            Some(_) => {}
        }
    }
    assert_eq!(listed.lines().count(), 175);
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_numbers_come_last() {
    let text = "{\"id\":\"a\",\"kind\":\"expr\",\"expr\":1,\"expect\":1}\n\n{}\n\
                {\"id\":\"b\",\"kind\":\"expr\",\"expr\":1,\"expect\":1,\"secrets_from\":{\"k\":\"none.pem\"}}";
    let shown = Report::of(text, folder()).to_string();
    assert_eq!(shown.lines().last(), Some("1 passed, 1 failed, 1 skipped"));
    assert!(shown.starts_with("line 3: "), "{shown}");
}
