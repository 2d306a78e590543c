//! One mistake, one message.

use pipewright_language::{Finding, Workspace};

use crate::{PATH, with_rule};

fn found(text: &str) -> Vec<Finding> {
    let sources = [
        (
            "pipes/crm-person.conf.json",
            r#"{"_id": "crm-person", "type": "pipe", "source": {"type": "empty"}}"#,
        ),
        (
            "pipes/crm-order.conf.json",
            r#"{"_id": "crm-order", "type": "pipe", "source": {"type": "empty"}}"#,
        ),
    ];
    Workspace::new(sources.into_iter().chain([(PATH, text)]), None).findings(PATH)
}

#[test]
fn a_slip_of_one_key_gives_one_message() {
    let text = with_rule(
        r#"["copy", "*"],
      ["add", "name", ["concat", "_S.first", " ", ["upper", "_S.last"]]],
      ["if", ["eq", "_S.kind", "x"], [["add", "kind", 1], ["remove", "y"]]],
      ["add", "orders", ["apply-hops", "order", {"datasets": ["crm-order o"], "where": [["eq", "_S._id", "o.person"]]}]]"#,
    );
    assert_eq!(found(&text), []);
    let mut worst = Vec::new();
    for (at, c) in text.char_indices().filter(|(_, c)| "[]{},:\"".contains(*c)) {
        let broken = format!("{}{}", &text[..at], &text[at + 1..]);
        let found = found(&broken);
        if found.len() != 1 {
            let line = text[..at].matches('\n').count() + 1;
            let said: Vec<_> =
                found.iter().map(|it| (it.code, it.range.start.line, it.message.clone())).collect();
            worst.push(format!(
                "{line} {c} {:?}\n   {said:?}",
                &text[at..].chars().take(20).collect::<String>()
            ));
        }
    }
    assert!(worst.is_empty(), "{}\n{}", worst.len(), worst.join("\n"));
}

#[test]
fn a_slip_does_not_hide_those_inside_it_nor_bring_others() {
    let codes = |rules: &str| {
        let text = with_rule(rules);
        let found = found(&text);
        let said = found.iter().map(|it| (it.code, text[it.span.clone()].to_owned()));
        said.collect::<Vec<_>>()
    };
    let unknown = |name: &str| ("dtl-unknown-function", format!("{name:?}"));
    // The rule that is meant is applied, whatever the function is called.
    assert_eq!(codes(r#"["add", "a", ["aply", "order", "_S.x"]]"#), [unknown("aply")]);
    assert_eq!(
        codes(r#"["add", "a", ["nothing-like-it", "order", "_S.x"]]"#),
        [unknown("nothing-like-it")]
    );
    // Inside the one that is meant, and inside one that nobody knows.
    assert_eq!(
        codes(r#"["add", "a", ["uper", ["lowr", "_S.x"]]], ["add", "o", ["apply", "order", 1]]"#),
        [unknown("uper"), unknown("lowr")]
    );
    assert_eq!(
        codes(
            r#"["add", "a", ["what", ["upper", ["lowr", "_."]]]], ["add", "o", ["apply", "order", 1]]"#
        ),
        [unknown("what"), unknown("lowr")]
    );
    assert_eq!(
        codes(
            r#"["iff", ["eq", "_S.a", ["uper", "x"]], [["ad", "c", 1]], ["remov", "c"]], ["add", "o", ["apply", "order", 1]]"#
        ),
        [unknown("iff"), unknown("uper"), unknown("ad"), unknown("remov")]
    );
    // With too many arguments, or too few.
    assert_eq!(
        codes(
            r#"["add", "a", ["upper", ["lowr", "_S.x"], 1]], ["add", ["uper", "x"]], ["add", "o", ["apply", "order", 1]]"#
        ),
        [
            ("dtl-arity", r#"["upper", ["lowr", "_S.x"], 1]"#.to_owned()),
            unknown("lowr"),
            ("dtl-arity", r#"["add", ["uper", "x"]]"#.to_owned()),
            unknown("uper"),
        ]
    );
    // A join without its function joins nothing; that is no second mistake.
    assert_eq!(
        codes(
            r#"["add", "o", ["apply-hops", "order", {"datasets": ["crm-order o"], "where": ["eqq", "_S._id", "o.person"]}]]"#
        ),
        [unknown("eqq")]
    );
    // What an unknown function would do with these is not known.
    assert_eq!(
        codes(
            r#"["add", "a", ["what", ["list-of", "_.x"], {"datasets": ["no y"]}]], ["add", "o", ["apply", "order", 1]]"#
        ),
        [unknown("what")]
    );
}

/// A small project with mistakes in it, and what is said about each.
#[test]
fn planted_mistakes_are_found_where_they_are() {
    use std::fs;
    use std::path::Path;

    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/planted");
    let mut files = Vec::new();
    for part in ["pipes", "systems"] {
        for entry in fs::read_dir(folder.join(part)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            files.push((format!("{part}/{name}"), fs::read_to_string(&path).unwrap()));
        }
    }
    files.sort();
    let texts = files.iter().map(|(path, text)| (path.as_str(), text.as_str()));
    let workspace = Workspace::new(texts, None);
    let mut said = String::new();
    for (path, text) in &files {
        for Finding { range, code, path: place, span, .. } in workspace.findings(path) {
            let about = text[span].lines().next().unwrap();
            let at = range.start;
            let (line, column) = (at.line, at.column);
            said.push_str(&format!("{path}:{line}:{column}: {code} at {place} {about}\n"));
        }
    }
    let expected = fs::read_to_string(folder.join("expected.txt")).unwrap();
    assert_eq!(said, expected, "\n{said}");
}

#[test]
fn what_is_wrong_follows_what_changes() {
    let codes = |workspace: &Workspace, path: &str| -> Vec<&'static str> {
        workspace.findings(path).iter().map(|finding| finding.code).collect()
    };
    let (reader, source) = ("pipes/reader.conf.json", "pipes/source.conf.json");
    let pipe = r#"{"_id": "reader", "type": "pipe", "source": {"type": "dataset", "dataset": "source"},
        "transform": {"type": "dtl", "rules": {"default": [["copy", "*"]]}}}"#;
    let mut workspace = Workspace::new([(reader, pipe)], None);
    assert_eq!(codes(&workspace, reader), ["config-dataset-missing"]);
    assert_eq!(codes(&workspace, source), [""; 0]);
    assert_eq!(codes(&workspace, reader), ["config-dataset-missing"]);

    workspace.put(source, r#"{"_id": "source", "type": "pipe", "source": {"type": "empty"}}"#);
    assert_eq!(codes(&workspace, reader), [""; 0]);
    workspace.put(reader, &pipe.replace("copy", "cpy"));
    assert_eq!(codes(&workspace, reader), ["dtl-unknown-function"]);
    workspace.put_all([(reader.to_owned(), pipe.to_owned())]);
    assert_eq!(codes(&workspace, reader), [""; 0]);
    workspace.remove(source);
    assert_eq!(codes(&workspace, reader), ["config-dataset-missing"]);
}
