//! DTL as a filter in a shell.

use std::process::Command;

use serde_json::json;

use crate::{Called, Place};

const RULES: &str = r#"{
  "default": [
    ["copy", "_id"],
    ["add", "name", ["upper", "_S.name"]],
    ["add", "orders", ["apply-hops", "order", {
      "datasets": ["orders o"],
      "where": ["eq", "_S._id", "o.person"]
    }]]
  ],
  "order": [["add", "sum", ["*", "_S.price", "_S.count"]]]
}"#;

/// A folder with rules and datasets.
fn place() -> Place {
    let place = Place::empty();
    place.write("rules.json", RULES);
    let order = r#"{"_id": "o1", "person": "p1", "price": 3, "count": 2}"#;
    place.write("data/orders.ndjson", order);
    place.write("data/others.json", r#"[{"_id": "x"}]"#);
    place.write("data/notes.txt", "not data");
    place
}

/// `pipewright transform` with words of which `@` begins a file's path.
fn transform(place: &Place, words: &[&str], input: &str) -> Called {
    let words = words.iter().map(|word| match word.strip_prefix('@') {
        Some(path) => place.project().join(path).display().to_string(),
        None => (*word).to_owned(),
    });
    let mut command = Command::new(env!("CARGO_BIN_EXE_pipewright"));
    Called::fed(command.arg("transform").args(words), input)
}

const PEOPLE: &str = "{\"_id\": \"p1\", \"name\": \"Jo\"}\n{\"_id\": \"p2\", \"name\": \"Bo\"}\n";

#[test]
fn hops_look_into_the_files_of_a_folder() {
    let place = place();
    let made = transform(&place, &["@rules.json", "--datasets", "@data"], PEOPLE).well();
    assert_eq!(
        made.lines(),
        [
            json!({"_id": "p1", "name": "JO", "orders": [{"sum": 6}]}),
            json!({"_id": "p2", "name": "BO", "orders": []}),
        ]
    );
    assert_eq!(made.err, "");
    let file = place.project().join("data/orders.ndjson");
    let one = format!("orders={}", file.display());
    assert_eq!(transform(&place, &["@rules.json", "--dataset", &one], PEOPLE).well().out, made.out);

    place.write("data/broken.jsonl", "{\"_id\": ");
    let broken = transform(&place, &["@rules.json", "--datasets", "@data"], PEOPLE);
    assert!(broken.code != Some(0) && broken.err.contains("broken.jsonl"), "{broken:?}");
    let missing = transform(&place, &["@rules.json", "--datasets", "@nowhere"], PEOPLE);
    assert!(missing.code != Some(0) && missing.err.contains("nowhere"), "{missing:?}");
}

#[test]
fn a_trace_tells_of_the_first_entity_what_each_line_did() {
    let place = place();
    let words = ["@rules.json", "--datasets", "@data", "--trace"];
    let traced = transform(&place, &words, &format!("\n{PEOPLE}")).well();
    assert_eq!(
        traced.lines(),
        [json!({"_id": "p1", "name": "JO", "orders": [{"sum": 6}]})],
        "the first alone"
    );
    let told = |line: &str| {
        assert!(traced.err.lines().any(|it| it.trim() == line.trim()), "{line}\n{}", traced.err);
    };
    told(r#"4    ["add", "name", ["upper", "_S.name"]]  name := "JO""#);
    told(r#"4        "_S.name"  = "Jo""#);
    told(r#"10      ["*", "_S.price", "_S.count"]  = 6"#);

    let empty = transform(&place, &words, "\n");
    assert!(empty.code != Some(0) && empty.err.contains("no entity"), "{empty:?}");
}

#[test]
fn a_trace_of_a_pipe_counts_the_lines_of_its_file() {
    let place = Place::empty();
    place.write(
        "pipe.json",
        r#"{
  "_id": "p", "type": "pipe", "source": {"type": "empty"},
  "transform": [
    {"type": "dtl", "rules": {"default": [["add", "a", ["+", "_S.n", 1]]]}},
    {"type": "dtl", "rules": {"default": [
      ["add", "b", ["+", "_S.a", 1]],
      ["if", ["gt", "_T.b", 5], ["fail!", "too much"]]]}}
  ]
}"#,
    );
    let traced = transform(&place, &["@pipe.json", "--trace"], r#"{"_id": "1", "n": 1}"#).well();
    assert_eq!(traced.lines(), [json!({"_id": "1", "b": 3})]);
    for line in [r#"4    ["add", "a", ["+", "_S.n", 1]]  a := 2"#, "b := 3"] {
        assert!(traced.err.contains(line), "{line}\n{}", traced.err);
    }
    let failed = transform(&place, &["@pipe.json", "--trace"], r#"{"_id": "1", "n": 5}"#);
    assert_eq!((failed.code, failed.out.as_str()), (Some(1), ""));
    assert!(failed.err.contains("b := 7") && failed.err.contains("failed: too much"), "{failed:?}");
}
