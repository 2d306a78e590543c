use pipewright_language::{Location, Position, SymbolKind};

use crate::{PATH, changed, with_rule, workspace};

fn signature(text: &str) -> pipewright_language::Signature {
    let (workspace, at) = workspace(text);
    workspace.signature(PATH, at).unwrap_or_else(|| panic!("no call in {text}"))
}

#[test]
fn the_argument_at_the_cursor_is_told() {
    let found = signature(&with_rule(r#"["add", "x", ["coalesce-args", "_S.a", ‸]]"#));
    assert_eq!(found.label, r#"["coalesce-args", VALUES...]"#);
    assert_eq!(found.active, 0);
    let (start, end) = found.parameters[0].label;
    assert_eq!(&found.label[start..end], "VALUES...");
    let found = signature(&with_rule(r#"["rename", "a", "‸"]"#));
    assert_eq!(found.active, 1);
    assert!(found.about.starts_with("Copies a property"));
    // Of several, the one that is left out is the one in the middle.
    assert_eq!(signature(&with_rule(r#"["add-if", "a", "_S.‸b"]"#)).active, 2);
    assert_eq!(signature(&with_rule(r#"["add-if", "a", ["gt", "_.", 1], "_S.‸b"]"#)).active, 2);
    // Too many.
    assert_eq!(signature(&with_rule(r#"["add", "a", 1, ‸]"#)).active, 2);
    let (workspace, at) = workspace(&with_rule("‸"));
    assert_eq!(workspace.signature(PATH, at), None);
}

/// The file that a definition leads to, and what stands there.
fn defined(text: &str) -> Option<(String, String)> {
    let (workspace, at) = workspace(text);
    let Location { path, range } = workspace.definition(PATH, at)?;
    let plain = text.replacen('‸', "", 1);
    let found = if path == PATH {
        let line = plain.lines().nth(range.start.line - 1).unwrap();
        line[range.start.column - 1..range.end.column - 1].to_owned()
    } else {
        format!("{}:{}", range.start.line, range.start.column)
    };
    Some((path, found))
}

fn leads_to(text: &str, path: &str, place: &str) {
    assert_eq!(defined(text), Some((path.to_owned(), place.to_owned())), "{text}");
}

#[test]
fn names_lead_to_where_they_are_written() {
    leads_to(&with_rule(r#"["add", "x", ["apply", "or‸der", "_S.x"]]"#), PATH, "\"order\"");
    let source = |rest: &str| format!(r#"{{"_id": "p", "type": "pipe", "source": {{{rest}}}}}"#);
    leads_to(
        &source(r#""type": "dataset", "dataset": "crm‸-person""#),
        "pipes/crm-person.conf.json",
        "1:9",
    );
    leads_to(
        &source(r#""type": "merge", "datasets": ["crm-per‸son p"]"#),
        "pipes/crm-person.conf.json",
        "1:9",
    );
    leads_to(&source(r#""type": "csv", "system": "‸crm""#), "systems/crm.conf.json", "1:9");
    leads_to(&source(r#""type": "csv", "url": "a/$ENV(crm_re‸gion)/b""#), "test-env.json", "1:2");
    let hops = |inside: &str| {
        with_rule(&format!(r#"["add", "x", ["hops", {{"datasets": ["crm-order o"], {inside}}}]]"#))
    };
    leads_to(&hops(r#""where": ["eq", "_S._id", "o.per‸son"]"#), PATH, "\"crm-order o\"");
    leads_to(&hops(r#""return": "‸o""#), PATH, "\"crm-order o\"");
    leads_to(
        &with_rule(r#"["add", "x", ["lookup-entity", "crm-or‸der", "1"]]"#),
        "pipes/crm-order.conf.json",
        "1:9",
    );
    assert_eq!(defined(&with_rule(r#"["add", "x", "pla‸in"]"#)), None);
    assert_eq!(defined(&with_rule(r#"["add", "x", ["apply", "nob‸ody", "_S.x"]]"#)), None);
}

#[test]
fn a_rule_gets_another_name_everywhere() {
    let rules = r#"["add", "x", ["apply", "order", "_S.x"]],
      ["comment", ["apply", "order", "kept"]],
      ["add", "order", ["apply-hops", "or‸der", {"datasets": ["crm-order o"], "where": ["eq", "_S._id", "o.person"]}]]"#;
    let text = with_rule(rules);
    let (workspace, at) = workspace(&text);
    let plain = text.replacen('‸', "", 1);
    let (_, name) = workspace.renamable(PATH, at).unwrap();
    assert_eq!(name, "order");
    let changes = workspace.rename(PATH, at, "line \"1\"").unwrap();
    let new = changed(&plain, &changes);
    assert_eq!(changes.len(), 3);
    assert!(new.contains(r#"["apply", "line \"1\"", "_S.x"]"#), "{new}");
    assert!(new.contains(r#"["comment", ["apply", "order", "kept"]]"#), "{new}");
    assert!(new.contains(r#"["add", "order", ["apply-hops", "line \"1\"","#), "{new}");
    assert!(new.contains(r#""line \"1\"": [["copy", "*"]]"#), "{new}");
    assert!(workspace.rename(PATH, at, "default").is_err());
    assert!(workspace.rename(PATH, at, " ").is_err());
}

#[test]
fn only_rules_can_be_renamed() {
    for text in [
        with_rule(r#"["co‸py", "*"]"#),
        with_rule(r#"["add", "x", "or‸der"]"#),
        with_rule("").replacen("\"default\"", "\"def‸ault\"", 1),
    ] {
        let (workspace, at) = workspace(&text);
        assert_eq!(workspace.renamable(PATH, at), None, "{text}");
        assert!(workspace.rename(PATH, at, "other").is_err());
    }
}

#[test]
fn a_text_has_an_outline() {
    let text = with_rule(r#"["copy", "*"]‸"#);
    let (workspace, _) = workspace(&text);
    let symbols = workspace.symbols(PATH);
    let [pipe] = &symbols[..] else { panic!("{symbols:?}") };
    assert_eq!((&*pipe.name, &*pipe.detail), ("person-enrich", "pipe"));
    assert_eq!(pipe.range.start, Position { line: 1, column: 1 });
    let parts: Vec<_> = pipe.children.iter().map(|it| (&*it.name, &*it.detail)).collect();
    assert_eq!(parts, [("source", "dataset"), ("transform", "dtl")]);
    let rules: Vec<_> = pipe.children[1].children.iter().map(|it| &*it.name).collect();
    assert_eq!(rules, ["default", "order"]);
    for rule in &pipe.children[1].children {
        assert_eq!(rule.kind, SymbolKind::Rule);
        assert!(rule.range.start <= rule.selection.start && rule.selection.end <= rule.range.end);
    }
}
