//! A trace as lines beside the config text.

use std::collections::BTreeMap;
use std::io::{Result, Write};

use pipewright_protocol::studio::{Ended, Shown, Trace, TracedRun, TracedStep};

/// Values shown of one expression.
const VALUES: usize = 3;
/// Characters shown of a piece of config.
const TEXT: usize = 60;

/// Writes a trace: the expressions and transforms in the order of the text,
/// each with its line, what it is and what it did. `text` is the pipe's file.
pub(crate) fn write(trace: &Trace, text: &str, to: &mut impl Write) -> Result<()> {
    for run in &trace.runs {
        if let Some(rule) = run.rules.first() {
            writeln!(to, "{} on {}", trace.file, shown(&rule.source))?;
        }
        write_run(run, text, to)?;
        if run.cut {
            writeln!(to, "  … more happened than is told here")?;
        }
    }
    Ok(())
}

/// What happened at one place.
#[derive(Default)]
struct Happened {
    is_rule: bool,
    values: Vec<String>,
    times: u64,
    did: Vec<String>,
}

fn write_run(run: &TracedRun, text: &str, to: &mut impl Write) -> Result<()> {
    // By where they start, the outer ones first.
    let mut places: BTreeMap<(usize, std::cmp::Reverse<usize>), Happened> = BTreeMap::new();
    let key = |place: usize| {
        let place = run.places.get(place);
        place.map_or((0, std::cmp::Reverse(0)), |at| (at.start, std::cmp::Reverse(at.end)))
    };
    for rule in &run.rules {
        places.entry(key(rule.place)).or_default().is_rule = true;
    }
    for value in &run.values {
        let happened = places.entry(key(value.place)).or_default();
        happened.times = run.places.get(value.place).map_or(0, |place| place.times);
        if happened.values.len() < VALUES {
            happened.values.push(match (&value.value, &value.failed) {
                (Some(value), _) => shown(value),
                (None, why) => format!("failed: {}", why.as_deref().unwrap_or_default()),
            });
        }
    }
    for step in &run.steps {
        places.entry(key(step.place)).or_default().did.extend(did(step));
    }
    let mut around: Vec<usize> = Vec::new();
    for ((start, std::cmp::Reverse(end)), happened) in places {
        around.retain(|outer| *outer > start);
        let indent = "  ".repeat(around.len() + 1);
        around.push(end);
        if happened.is_rule {
            continue;
        }
        let before = text.get(..start).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let piece = piece(text.get(start..end).unwrap_or_default());
        let mut result = happened.did;
        if !happened.values.is_empty() {
            let more = happened.times.saturating_sub(happened.values.len() as u64);
            let more = if more > 0 { format!(" … and {more} more") } else { String::new() };
            result.push(format!("= {}{more}", happened.values.join(", ")));
        }
        writeln!(to, "{line:>5}{indent}{piece}  {}", result.join("; "))?;
    }
    Ok(())
}

/// What a transform did, in words.
fn did(step: &TracedStep) -> Vec<String> {
    let mut did: Vec<String> = Vec::new();
    for change in &step.changes {
        let property = &change.property;
        did.push(match (&change.before, &change.after) {
            (Some(before), Some(after)) => {
                format!("{property}: {} -> {}", shown(before), shown(after))
            }
            (None, Some(after)) => format!("{property} := {}", shown(after)),
            (_, None) => format!("{property} removed"),
        });
    }
    if step.emitted > 0 {
        did.push(format!("emitted {}", step.emitted));
    }
    match (step.ended, &step.failed) {
        (Ended::Done, _) => {}
        (Ended::Filtered, _) => did.push("filtered".into()),
        (Ended::Discarded, _) => did.push("discarded".into()),
        (Ended::Failed, why) => {
            did.push(format!("failed {}", why.as_deref().unwrap_or_default()).trim_end().into());
        }
    }
    did
}

fn shown(value: &Shown) -> String {
    value.json.text().to_owned()
}

/// A piece of config on one line.
fn piece(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(TEXT) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn lines_follow_the_text() {
        let text = "[\n  [\"add\", \"n\",\n    [\"upper\", \"_S.n\"]]\n]";
        let at = |piece: &str| (text.find(piece).unwrap(), text.find(piece).unwrap() + piece.len());
        let place = |piece: &str, times: u64| {
            let (start, end) = at(piece);
            format!(r#"{{"path": "$", "start": {start}, "end": {end}, "times": {times}}}"#)
        };
        let places = [
            place(text, 0),
            place("\"_S.n\"", 5),
            place("[\"upper\", \"_S.n\"]", 1),
            place("[\"add\", \"n\",\n    [\"upper\", \"_S.n\"]]", 0),
        ];
        let trace = format!(
            r#"{{"file": "x.json", "runs": [{{"places": [{}], "cut": true,
            "rules": [{{"place": 0, "parent": null, "call": null, "source": {{"json": {{"n": "a"}}}},
                "target": {{"json": {{}}}}, "ended": "done", "origins": []}}],
            "values": [{{"place": 1, "rule": 0, "value": {{"json": "a"}}}},
                       {{"place": 2, "rule": 0, "value": null, "failed": "no"}}],
            "steps": [{{"place": 3, "rule": 0, "emitted": 2, "ended": "filtered",
                "changes": [{{"property": "n", "before": null, "after": {{"json": "A"}}}}]}}]}}]}}"#,
            places.join(",")
        );
        let mut out = Vec::new();
        write(&serde_json::from_str(&trace).unwrap(), text, &mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            [
                r#"x.json on {"n": "a"}"#,
                r#"    2    ["add", "n", ["upper", "_S.n"]]  n := "A"; emitted 2; filtered"#,
                r#"    3      ["upper", "_S.n"]  = failed: no"#,
                r#"    3        "_S.n"  = "a" … and 4 more"#,
                "  … more happened than is told here\n",
            ]
            .join("\n")
        );
    }
}
