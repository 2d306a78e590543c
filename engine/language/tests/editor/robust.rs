//! Half-written text is the normal case: nothing panics on it.

use pipewright_language::{Position, Range, Workspace};
use proptest::prelude::*;

use crate::{PATH, with_rule};

const CALLS: [&str; 8] = [
    r#"["add", "å😀", ["concat", "_S.name", ["upper", "_T.x"]]]"#,
    r#"["rename", "a", "b"], ["copy", ["list", "a*", "b"], "c"]"#,
    r#"["if", ["eq", "_S.x", null], ["add", "y", 1.50], [["remove", "z"]]]"#,
    r#"["add", "o", ["apply-hops", "order", {"datasets": ["crm-order o"], "where": [["eq", "_S.$ids", "o.person"]]}]]"#,
    r#"["case-eq", "_S.a", "b", ["add", "c", {"d": [1, 2]}], ["discard"]]"#,
    r#"["add", "m", ["map", ["dict", "k", "_.v"], "_S.list"]], // why"#,
    r#"["add", "e", "$ENV(crm_region) $SECRET(x)"]"#,
    r#"["filter", ["gt", "_S.n", -2e3]], ["comment", "/* no */", '\u00e5']"#,
];

/// Asks everything there is to ask at a place.
fn ask(workspace: &Workspace, at: Position) {
    let offered = workspace.completions(PATH, at);
    if let Some(offered) = offered {
        assert!(offered.range.start <= at && at <= offered.range.end, "{at:?} {offered:?}");
    }
    workspace.hover(PATH, at);
    workspace.signature(PATH, at);
    workspace.definition(PATH, at);
    if workspace.renamable(PATH, at).is_some() {
        workspace.rename(PATH, at, "another").unwrap();
    }
    workspace.actions(PATH, Range { start: at, end: at });
    workspace.symbols(PATH);
    workspace.format(PATH);
}

fn end(text: &str) -> Position {
    let line = text.rsplit('\n').next().unwrap_or_default();
    Position { line: text.matches('\n').count() + 1, column: line.encode_utf16().count() + 1 }
}

#[test]
fn every_beginning_of_a_text_can_be_asked_about() {
    let text = with_rule(&CALLS.join(",\n"));
    let mut workspace = Workspace::new([], None);
    for (at, _) in text.char_indices() {
        workspace.put(PATH, &text[..at]);
        workspace.findings(PATH);
        ask(&workspace, end(&text[..at]));
    }
}

#[test]
fn every_place_of_a_text_can_be_asked_about() {
    let text = with_rule(&CALLS.join(",\n"));
    let workspace = Workspace::new([(PATH, text.as_str())], None);
    for (at, _) in text.char_indices() {
        ask(&workspace, end(&text[..at]));
    }
}

proptest! {
    #[test]
    fn text_with_anything_in_it_can_be_asked_about(
        calls in proptest::collection::vec(proptest::sample::select(&CALLS[..]), 1..4),
        cut in 0.0..1.0f64,
        length in 0usize..40,
        inserted in proptest::sample::select(vec!["", "\"", "[", "]", "{", "}", ",", ":", "\\", "\n", "/*", "'", "x", "é😀"]),
        cursor in 0.0..1.0f64,
    ) {
        let text = with_rule(&calls.join(",\n"));
        let boundary = |at: usize, text: &str| (at.min(text.len())..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap();
        let start = boundary((cut * text.len() as f64) as usize, &text);
        let stop = boundary(start + length, &text);
        let text = format!("{}{inserted}{}", &text[..start], &text[stop..]);
        let workspace = Workspace::new([(PATH, text.as_str())], None);
        for finding in workspace.findings(PATH) {
            prop_assert!(text.get(finding.span.clone()).is_some(), "{finding:?}");
        }
        ask(&workspace, end(&text[..start]));
        let elsewhere = boundary((cursor * text.len() as f64) as usize, &text);
        ask(&workspace, end(&text[..elsewhere]));
    }
}

/// Calls with something wrong in them, some about other rules.
const WRONG: [&str; 8] = [
    r#"["add", "å", ["uper", "_S.name"]], ["add", "n", ["plus", "x", "$ENV(number)"]]"#,
    r#"["add", "x", ["apply", "frist", "_S."]]"#,
    r#"["add", "x", ["apply", "first", "_S."]], ["add", "y", "_T.z"]"#,
    r#"["if", ["eq", "_s.x", null], ["add", "y"]]"#,
    r#"["add", "o", ["hops", {"datasets": ["crm-order o"], "where": [["eq", "_S.a", "p.b"]]}]]"#,
    r#"["add", "m", ["map", ["concat", "_.v"], "_S.list"]], ["lowr", "x"]"#,
    r#"["add", "e", "$ENV(crm_region)"], ["add", "f", ["$ENV(called)", "_S.x"]]"#,
    r#"["copy", "*", ["list", "a"], 3]"#,
];

/// The first is that of the default rule; a name stands twice.
fn with_rules(rules: &[&str]) -> String {
    let names = ["first", "second", "third", "first"];
    let more = names.iter().zip(&rules[1..]).map(|(name, calls)| format!("],\n{name:?}: [{calls}"));
    with_rule(&format!("{}{}", rules[0], more.collect::<String>()))
}

proptest! {
    /// Findings are taken over from the text before, and are those that the
    /// text has by itself.
    #[test]
    fn findings_are_the_same_however_the_text_came_about(
        calls in proptest::collection::vec(
            proptest::sample::select(CALLS.iter().chain(&WRONG).copied().collect::<Vec<_>>()), 2..6),
        edits in proptest::collection::vec((
            0.0..1.0f64,
            proptest::sample::select(vec![0, 0, 1, 2, 9]),
            proptest::sample::select(vec![
                "", "\"", "]", "{", ",", "\n", "x", "é", "a\": [], \"", "_T.q", "[\"copy\", \"*\"], "]),
            proptest::sample::select(vec![None, None, Some("{}"), Some(r#"{"called": "upper", "number": 1}"#)]),
        ), 1..12),
    ) {
        let mut text = with_rules(&calls);
        prop_assert!(text.contains("\"first\""), "{text}");
        let mut written = Workspace::new([(PATH, text.as_str())], None);
        let mut environment = None;
        written.findings(PATH);
        for (at, length, inserted, variables) in edits {
            let boundary = |at: usize| (at.min(text.len())..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap();
            let start = boundary((at * text.len() as f64) as usize);
            let stop = boundary(start + length);
            text.replace_range(start..stop, inserted);
            written.put(PATH, &text);
            if let Some(variables) = variables {
                environment = Some(variables);
                written.put("test-env.json", variables);
            }
            let files = [(PATH, text.as_str())].into_iter().chain(environment.map(|it| ("test-env.json", it)));
            let fresh = Workspace::new(files, None);
            prop_assert_eq!(written.findings(PATH), fresh.findings(PATH), "{}", text);
        }
    }
}
