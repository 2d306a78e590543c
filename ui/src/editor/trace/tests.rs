#![allow(clippy::unwrap_used)]

use pipewright_protocol::studio::{Json, TracedChange, TracedOrigin, TracedPlace, TracedRule};

use super::*;

const TEXT: &str = r#"{"default": [
  ["add", "name", ["upper", "_S.name"]],
  ["if", ["eq", "_S.kind", 1],
    ["add", "lines",
      ["apply", "line", "_S.lines"]]]],
 "line": [["add", "n", ["plus", 1, "_S.n"]]]}"#;

fn json(text: &str) -> Shown {
    Shown { json: Json::from_text(text.into()).unwrap(), cut: false }
}

/// What the transform above does to an entity with two lines.
fn traced() -> Traced {
    let parts = [
        r#"[
  ["add", "name", ["upper", "_S.name"]],
  ["if", ["eq", "_S.kind", 1],
    ["add", "lines",
      ["apply", "line", "_S.lines"]]]]"#,
        r#"["add", "name", ["upper", "_S.name"]]"#,
        r#"["upper", "_S.name"]"#,
        r#""_S.name""#,
        r#"["if", ["eq", "_S.kind", 1],
    ["add", "lines",
      ["apply", "line", "_S.lines"]]]"#,
        r#"["eq", "_S.kind", 1]"#,
        r#"["add", "lines",
      ["apply", "line", "_S.lines"]]"#,
        r#"["apply", "line", "_S.lines"]"#,
        r#"[["add", "n", ["plus", 1, "_S.n"]]]"#,
        r#"["add", "n", ["plus", 1, "_S.n"]]"#,
        r#"["plus", 1, "_S.n"]"#,
    ];
    let times = [0, 0, 1, 1, 0, 1, 0, 1, 0, 0, 2];
    let places = parts.iter().zip(times).map(|(part, times)| {
        let start = TEXT.find(part).unwrap();
        let path = if start > TEXT.find("\"line\":").unwrap() {
            "$.rules['line']"
        } else {
            "$.rules.default"
        };
        TracedPlace { path: path.into(), start, end: start + part.len(), times }
    });
    let rule =
        |place, parent, call, source: &str, target: &str, origins: &[(&str, usize)]| TracedRule {
            place,
            parent,
            call,
            source: json(source),
            target: json(target),
            ended: Ended::Done,
            origins: origins
                .iter()
                .map(|(property, step)| TracedOrigin {
                    property: (*property).into(),
                    step: Some(*step),
                    reads: vec![],
                })
                .collect(),
        };
    let value = |place, rule, value: &str| TracedValue {
        place,
        rule,
        row: vec![],
        item: None,
        value: Some(json(value)),
        failed: None,
    };
    let step = |place, rule, property: Option<(&str, &str)>| TracedStep {
        place,
        rule,
        changes: property
            .map(|(property, after)| TracedChange {
                property: property.into(),
                before: None,
                after: Some(json(after)),
            })
            .into_iter()
            .collect(),
        emitted: 0,
        ended: Ended::Done,
        failed: None,
    };
    let run = TracedRun {
        places: places.collect(),
        rules: vec![
            rule(0, None, None, r#"{"_id":"7"}"#, r#"{"_id":"7"}"#, &[("name", 1), ("lines", 6)]),
            rule(8, Some(0), Some(7), r#"{"n":1}"#, r#"{"n":2}"#, &[("n", 9)]),
            rule(8, Some(0), Some(7), r#"{"n":2}"#, r#"{"n":3}"#, &[("n", 9)]),
        ],
        values: vec![
            value(3, 0, "\"ann\""),
            value(2, 0, "\"ANN\""),
            value(5, 0, "true"),
            value(10, 1, "2"),
            value(10, 2, "3"),
            value(7, 0, r#"[{"n":2},{"n":3}]"#),
        ],
        steps: vec![
            step(1, 0, Some(("name", "\"ANN\""))),
            step(9, 1, Some(("n", "2"))),
            step(9, 2, Some(("n", "3"))),
            step(6, 0, Some(("lines", r#"[{"n":2},{"n":3}]"#))),
            step(4, 0, None),
        ],
        cut: false,
    };
    Traced::new(Trace { file: "a.conf.json".into(), runs: vec![run] }, TEXT.into())
}

#[test]
fn each_line_tells_what_begins_there() {
    let notes: Vec<(usize, String)> = traced()
        .notes()
        .into_iter()
        .map(|note| (TEXT[..note.at].matches('\n').count() + 1, note.text))
        .collect();
    let expected = [
        (2, r#""ANN""#),
        (3, "true"),
        (4, r#"[{"n": 2}, {"n": 3}]"#),
        (5, r#"[{"n": 2}, {"n": 3}]"#),
        (6, "2 · 3  ×2"),
    ];
    assert_eq!(notes, expected.map(|(line, text)| (line, text.to_owned())));
}

#[test]
fn the_smallest_part_around_the_cursor_tells_each_time_it_was_asked() {
    let at = TEXT.find("_S.n\"]]]").unwrap();
    let told = traced().at(&(at..at)).unwrap();
    assert_eq!(told.code, r#"["plus", 1, "_S.n"]"#);
    let times: Vec<(&str, &Came)> =
        told.times.iter().map(|time| (time.rule.as_str(), &time.came)).collect();
    assert_eq!(
        times,
        [
            (r#"line · {"n": 1}"#, &Came::Value("2".into())),
            (r#"line · {"n": 2}"#, &Came::Value("3".into()))
        ]
    );
    let at = TEXT.find("add").unwrap();
    let told = traced().at(&(at..at)).unwrap();
    assert_eq!(told.times[0].rule, "default · 7");
    let change = ("name".to_owned(), None, Some("\"ANN\"".to_owned()));
    assert_eq!(told.times[0].came, Came::Changes(vec![change]));
    assert_eq!(traced().at(&(0..0)), None);
}

#[test]
fn a_property_leads_to_the_expression_that_made_it() {
    let entity = Tree::parse(r#"{"_id":"7"}"#).unwrap();
    let origin = |keys: &[&str]| {
        let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        traced().origin(&entity, &keys).map(|bytes| &TEXT[bytes])
    };
    assert_eq!(origin(&["name"]), Some(r#"["upper", "_S.name"]"#));
    assert_eq!(origin(&["lines"]), Some(r#"["apply", "line", "_S.lines"]"#));
    assert_eq!(origin(&["lines", "n"]), Some(r#"["plus", 1, "_S.n"]"#));
    assert_eq!(origin(&["other"]), None);
}

#[test]
fn a_trace_of_another_text_tells_nothing_wrong() {
    let traced = Traced::new(traced().trace, "{}".into());
    assert_eq!(traced.notes().len(), 0);
    assert_eq!(traced.at(&(0..0)), None);
}

#[test]
fn the_transforms_come_one_after_the_other_with_what_is_made_so_far() {
    let traced = traced();
    let steps = traced.steps();
    // `if` leaves what it does to what is in it.
    let codes: Vec<&str> = steps.iter().map(|step| &step.code[..12]).collect();
    let expected = [r#"["add", "nam"#, r#"["add", "n","#, r#"["add", "n","#, r#"["add", "lin"#];
    assert_eq!(codes, expected);
    assert_eq!(steps[3].lines, (4, 5));
    let so_far = |nth: usize| {
        let kept = traced.so_far(&steps[nth]).into_iter();
        kept.map(|it| format!("{}={}{}", it.name, it.value, if it.is_new { "*" } else { "" }))
            .collect::<Vec<_>>()
    };
    assert_eq!(so_far(0), [r#"name="ANN"*"#]);
    assert_eq!(so_far(2), ["n=3*"]);
    assert_eq!(so_far(3), [r#"name="ANN""#, r#"lines=[{"n": 2}, {"n": 3}]*"#]);
    let (inside, more) = traced.inside(&steps[0]);
    let codes: Vec<&str> = inside.iter().map(|(code, _)| code.as_str()).collect();
    assert_eq!((codes, more), (vec![r#""_S.name""#, r#"["upper", "_S.name"]"#], 0));
}

#[test]
fn the_way_stops_at_lines_and_where_a_property_is_set() {
    let steps = traced().steps();
    let halt = |lines: &[usize], property| Halt::new(lines.iter().copied().collect(), property);
    assert_eq!(halt(&[6], "").next(&steps, 0, false), 1);
    assert_eq!(halt(&[6], "").next(&steps, 1, false), 2);
    assert_eq!(halt(&[], "lines").next(&steps, 0, false), 3);
    assert_eq!(halt(&[], "n = 3").next(&steps, 0, false), 2);
    assert_eq!(halt(&[], "name = ANN").next(&steps, 3, true), 0);
    // Without a place to stop it goes to the end, or back to the start.
    assert_eq!(halt(&[], "other").next(&steps, 0, false), 3);
    assert_eq!(halt(&[], "").next(&steps, 2, true), 0);
    assert!(halt(&[], " ").is_none());
}
