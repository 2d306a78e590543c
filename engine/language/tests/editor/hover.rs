use crate::{hover, with_rule};

fn says(text: &str, wanted: &[&str]) {
    let hover = hover(text).unwrap_or_else(|| panic!("nothing on {text}"));
    for words in wanted {
        assert!(hover.text.contains(words), "no {words:?} in {}", hover.text);
    }
}

#[test]
fn functions_tell_what_they_do_with_results() {
    says(
        &with_rule(r#"["add", "x", ["coa‸lesce", "_S.names"]]"#),
        &[
            "[\"coalesce\", FUNCTION?, VALUES]",
            "The first of VALUES",
            "// \"b\"",
            "dtl-functions-nulls",
        ],
    );
    says(&with_rule(r#"[‸"copy", "*"]"#), &["[\"copy\", INCLUDE_PROPERTIES"]);
}

#[test]
fn components_and_properties_tell_what_they_are_for() {
    says(r#"{"_id": "p", "type": "pipe", "source": {"type": "c‸sv"}}"#, &["Reads the rows"]);
    says(
        r#"{"_id": "p", "type": "pipe", "source": {"type": "csv", "has_h‸eader": true}}"#,
        &["true or false", "Default: `true`", "names the columns"],
    );
    says(r#"{"_id": "p", "type": "pipe", "so‸urce": {"type": "csv"}}"#, &["required"]);
}

#[test]
fn names_tell_what_they_stand_for() {
    says(
        r#"{"_id": "p", "type": "pipe", "source": {"type": "dataset", "dataset": "crm-‸order"}}"#,
        &["Written by `crm-order`", "Read by `p`", "`crm-order:total`"],
    );
    says(
        r#"{"_id": "p", "type": "pipe", "source": {"type": "csv", "system": "cr‸m"}}"#,
        &["system:url"],
    );
    says(
        r#"{"_id": "p", "type": "pipe", "description": "in $ENV(crm_re‸gion)"}"#,
        &["test-env.json", "north"],
    );
    says(&with_rule(r#"["add", "x", "_S.em‸ail"]"#), &["source entity", "`crm-person:email`"]);
    says(&with_rule(r#"["add", "x", ["apply", "or‸der", "_S.x"]]"#), &["a rule of 1 transform"]);
    let hops = r#"["add", "x", ["hops", {"datasets": ["crm-order o"], "where": ["eq", "_S._id", "o.per‸son"]}]]"#;
    says(&with_rule(hops), &["`crm-order`", "`crm-order:person`"]);
}

#[test]
fn there_is_nothing_to_say_about_data_and_blanks() {
    assert_eq!(hover(&with_rule(r#"["add", "x", "pla‸in"]"#)), None);
    assert_eq!(hover(&with_rule("‸")), None);
    assert_eq!(hover(r#"{"_id": "p", "no-such-key‸": 1}"#), None);
}

#[test]
fn the_range_is_what_it_is_about() {
    let hover = hover(&with_rule(r#"["add", "😀", ["upp‸er", "x"]]"#)).unwrap();
    assert_eq!((hover.range.start.column, hover.range.end.column), (22, 29));
}
