use pipewright_language::CompletionKind;

use crate::{item, labels, offered, with_rule};

fn has(labels: &[String], wanted: &[&str]) {
    for label in wanted {
        assert!(labels.iter().any(|found| found == label), "no {label:?} among {labels:?}");
    }
}

#[test]
fn a_call_is_filled_in_with_its_arguments() {
    let text = with_rule(r#"["add", "name", ‸]"#);
    let concat = item(&text, "concat");
    assert_eq!(concat.kind, CompletionKind::Function);
    assert_eq!(concat.snippet, r#"["concat", ${1:values}]"#);
    assert!(concat.detail.starts_with("[\"concat\""), "{}", concat.detail);
    assert!(concat.about.contains("```json"), "{}", concat.about);
    let rename = item(&with_rule("‸"), "rename");
    assert_eq!(rename.snippet, r#"["rename", "${1:property1}", "${2:property2}"]"#);
    assert_eq!(rename.kind, CompletionKind::Transform);
}

#[test]
fn the_name_of_a_function_replaces_the_string_it_is_in() {
    let (items, replaced) = offered(&with_rule(r#"["add", "name", ["conc‸"]]"#));
    assert_eq!(replaced, r#""conc""#);
    let concat = items.iter().find(|item| item.label == "concat").unwrap();
    assert_eq!(concat.filter, r#""concat""#);
    assert_eq!(concat.snippet, r#""concat", ${1:values}"#);
    // What has its arguments keeps them.
    let concat = item(&with_rule(r#"["add", "name", ["con‸", "a"]]"#), "concat");
    assert_eq!(concat.snippet, r#""concat""#);
}

#[test]
fn transforms_and_functions_keep_to_their_places() {
    let transforms = labels(&with_rule(r#"["‸"]"#));
    has(&transforms, &["add", "copy", "filter"]);
    assert!(!transforms.contains(&"upper".to_owned()));
    let functions = labels(&with_rule(r#"["add", "x", ["‸"]]"#));
    has(&functions, &["upper", "hops", "plus", "+"]);
    assert!(!functions.contains(&"copy".to_owned()));
    let then = labels(&with_rule(r#"["if", true, ["‸"]]"#));
    has(&then, &["add"]);
    let case = labels(&with_rule(r#"["case", true, ["add", "a", 1], ["‸"], ["add", "b", 1]]"#));
    has(&case, &["eq", "gt"]);
    let case = labels(&with_rule(r#"["case", true, ["add", "a", 1], true, ["‸"]]"#));
    has(&case, &["add"]);
}

#[test]
fn properties_that_were_seen_are_offered_behind_variables() {
    let (items, replaced) = offered(&with_rule(r#"["add", "name", "_S.na‸"]"#));
    assert_eq!(replaced, r#""_S.na""#);
    let name = items.iter().find(|item| item.label == "_S.name").unwrap();
    assert_eq!(name.kind, CompletionKind::Property);
    assert_eq!(name.detail, "crm-person:name of crm-person");
    has(&labels(&with_rule(r#"["add", "name", "‸"]"#)), &["_S.", "_T.", "_S.email"]);
    assert_eq!(
        item(&with_rule(r#"["add", "n", "‸"]"#), "_S.'born.on'").snippet,
        r#""_S.'born.on'""#
    );
    has(&labels(&with_rule(r#"["copy", "‸"]"#)), &["name", "*"]);
    has(&labels(&with_rule(r#"["rename", "‸", "x"]"#)), &["name"]);
}

#[test]
fn the_item_is_offered_where_it_is_bound() {
    assert!(!labels(&with_rule(r#"["add", "x", ["upper", "‸"]]"#)).contains(&"_.".to_owned()));
    has(&labels(&with_rule(r#"["add", "x", ["map", ["upper", "‸"], "_S.name"]]"#)), &["_."]);
}

#[test]
fn hops_know_their_datasets_and_aliases() {
    let hops = |rest: &str| with_rule(&format!(r#"["add", "orders", ["hops", {{{rest}}}]]"#));
    has(&labels(&hops("‸")), &["datasets", "where", "return"]);
    let order = item(&hops(r#""datasets": ["‸"]"#), "crm-order");
    assert_eq!(order.snippet, r#""crm-order ${1:co}""#);
    let inside = hops(r#""datasets": ["crm-order o"], "where": [["eq", "_S.$ids", "o.‸"]]"#);
    assert_eq!(labels(&inside), ["o.person", "o.total"]);
    has(&labels(&hops(r#""datasets": ["crm-order o"], "return": "‸""#)), &["o", "o.total"]);
    assert_eq!(labels(&hops(r#""datasets": ["crm-order o"], "subsets": {"‸"}"#)), ["o"]);
}

#[test]
fn rules_that_are_there_and_rules_that_are_missing() {
    assert_eq!(labels(&with_rule(r#"["add", "o", ["apply", "‸", "_S.orders"]]"#)), ["order"]);
    let text = r#"{"_id": "p", "type": "pipe", "transform": {"type": "dtl", "rules": {
        "default": [["add", "x", ["apply", "part", "_S."]]], "‸"}}}"#;
    assert_eq!(labels(text), ["part"]);
}

#[test]
fn the_source_of_an_applied_rule_is_what_the_hops_return() {
    let text = r#"{"_id": "p", "type": "pipe", "source": {"type": "dataset", "dataset": "crm-person"},
        "transform": {"type": "dtl", "rules": {
        "default": [["add", "x", ["apply-hops", "order",
            {"datasets": ["crm-order o"], "where": ["eq", "_S._id", "o.crm-order:person"]}]]],
        "order": [["add", "total", "_S.‸"]]}}}"#;
    assert_eq!(labels(text), ["_S.crm-order:person", "_S.crm-order:total"]);
}

#[test]
fn keys_come_with_values_to_fill_in() {
    let text = r#"{"_id": "p", "type": "pipe", "source": {"type": "csv", ‸}}"#;
    let (items, _) = offered(text);
    // What must be there comes first.
    let first: Vec<_> = items.iter().take(3).map(|item| item.label.as_str()).collect();
    assert_eq!(first, ["url", "system", "primary_key"]);
    assert!(!items.iter().any(|item| item.label == "type"), "it is there");
    assert_eq!(item(text, "has_header").snippet, r#""has_header": ${1|false,true|}"#);
    assert_eq!(
        item(text, "dialect").snippet,
        r#""dialect": ${1|"excel","excel_tab","unix_dialect"|}"#
    );
    // Before another member, the comma is written too; a value stays.
    assert_eq!(
        item(r#"{"_id": "p", "type": "pipe", "so‸" "sink": {}}"#, "source").snippet,
        r#""source": {$1},"#
    );
    let (items, replaced) = offered(r#"{"_id": "p", "type": "pipe", "‸": {"type": "csv"}}"#);
    assert_eq!(replaced, r#""""#);
    assert!(items.iter().any(|item| item.snippet == r#""source""#));
}

#[test]
fn values_come_from_the_catalogue_and_the_project() {
    let source = |rest: &str| format!(r#"{{"_id": "p", "type": "pipe", "source": {{{rest}}}}}"#);
    has(&labels(&source(r#""type": "‸""#)), &["dataset", "json", "merge"]);
    assert_eq!(labels(&source(r#""type": "csv", "system": ‸"#)), ["crm", "files"]);
    assert_eq!(
        item(&source(r#""type": "csv", "system": "‸""#), "files").detail,
        "system:mssql, does not fit"
    );
    assert_eq!(labels(&source(r#""type": "csv", "has_header": ‸"#)), ["true", "false"]);
    let datasets = ["crm-order", "crm-person"];
    has(&labels(&source(r#""type": "dataset", "dataset": "‸""#)), &datasets);
    // Before the next member, where no value is yet.
    has(&labels(&source("\"type\": \"dataset\", \"dataset\": ‸\n \"subset\": []")), &datasets);
    assert_eq!(
        item(&source(r#""type": "merge", "datasets": ["‸"]"#), "crm-order").snippet,
        r#""crm-order ${1:co}""#
    );
    let types = labels(r#"{"_id": "p", "type": "pipe", "transform": [{"type": "‸"}]}"#);
    has(&types, &["dtl", "http", "chained"]);
    has(&labels(r#"{"_id": "p", "type": "pipe", "source": ‸}"#), &["dataset", "csv"]);
}

#[test]
fn variables_of_the_node_are_offered_inside_their_brackets() {
    let (items, replaced) = offered(r#"{"_id": "p", "type": "pipe", "description": "$ENV(crm‸"}"#);
    assert_eq!(replaced, "crm");
    let labels: Vec<_> = items.iter().map(|item| (&*item.label, &*item.snippet)).collect();
    assert_eq!(labels, [("crm_region", "crm_region)"), ("crm_limit", "crm_limit)")]);
}

#[test]
fn unclosed_text_is_replaced_up_to_the_cursor_alone() {
    let (_, replaced) = offered(&with_rule("[\"add\", \"x\", [\"conc‸, more\n]]"));
    assert_eq!(replaced, "\"conc");
    let (items, replaced) = offered(&with_rule("[\"add\", \"x\", [conc‸"));
    assert_eq!(replaced, "conc");
    assert!(items.iter().any(|item| item.filter == "concat"));
}

#[test]
fn columns_are_utf_16() {
    let (items, replaced) = offered(&with_rule("[\"add\", \"😀å\", [\"conc‸\"]]"));
    assert_eq!(replaced, "\"conc\"");
    assert!(!items.is_empty());
}
