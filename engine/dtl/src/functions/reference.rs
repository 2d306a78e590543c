//! The reference of the language, written from the descriptions.

use std::fmt::Write;

use super::{Example, Function, Kind, Many, Param, Purity, Role, all};
use crate::HOPS_KEYS;
use crate::names::VARIABLES;

/// The reference as Markdown: every function and transform, area by area, and
/// the words that are no functions.
pub fn markdown() -> String {
    let mut text = String::from(
        "# DTL reference\n\n\
         Every function and transform of the Data Transformation Language as Pipewright runs it. \
         This page is written by `cargo xtask docs` from the descriptions that also check, \
         complete and run the language; do not edit it. What we read where the documentation of \
         Sesam is silent is in [dtl-readings.md](dtl-readings.md).\n\n\
         In a signature, `?` is an argument that may be left out and `...` one that may be given \
         several times. An example gives what follows the `//` beside it.\n",
    );
    for (role, title) in [(Role::Transform, "Transforms"), (Role::Expression, "Functions")] {
        let _ = write!(text, "\n## {title}\n");
        let mut areas: Vec<&str> = Vec::new();
        for function in all().filter(|function| function.role() == role) {
            if !areas.contains(&function.area) {
                areas.push(function.area);
            }
        }
        for area in areas {
            let of_area = || all().filter(|it| it.role() == role && it.area == area);
            if role == Role::Expression {
                let _ = write!(text, "\n### {}\n", titled(area));
            }
            let names: Vec<String> = of_area().map(|it| format!("`{}`", it.name)).collect();
            let _ = write!(text, "\n{}\n", names.join(", "));
            for function in of_area() {
                entry(&mut text, function);
            }
        }
    }
    text.push_str("\n## Variables\n\n| variable | what it stands for |\n| --- | --- |\n");
    for (name, about) in VARIABLES {
        let _ = writeln!(text, "| `{name}` | {} |", cell(about));
    }
    text.push_str("\n## Hops\n\n| property | what it is for |\n| --- | --- |\n");
    for (name, about) in HOPS_KEYS {
        let _ = writeln!(text, "| `{name}` | {} |", cell(about));
    }
    text
}

fn entry(text: &mut String, function: &Function) {
    let _ = write!(text, "\n#### {}\n\n", function.name);
    let _ = write!(text, "```json\n{}\n```\n\n", function.signature());
    let _ = writeln!(text, "{}", escaped(function.summary));
    if !function.params.is_empty() {
        text.push_str("\n| argument | takes | given |\n| --- | --- | --- |\n");
        for Param { name, kind, many } in function.params {
            let _ = writeln!(text, "| {name} | {} | {} |", takes(*kind), given(*many));
        }
    }
    let notes = notes(function);
    if !notes.is_empty() {
        text.push('\n');
        notes.iter().for_each(|note| text.push_str(&format!("- {note}\n")));
    }
    if !function.examples.is_empty() {
        text.push_str("\n```json\n");
        function.examples.iter().for_each(|example| used(text, example));
        text.push_str("```\n");
    }
}

fn notes(function: &Function) -> Vec<String> {
    let mut notes = Vec::new();
    if !function.also.is_empty() {
        let also: Vec<String> = function.also.iter().map(|name| format!("`{name}`")).collect();
        notes.push(format!("Also written {}.", also.join(", ")));
    }
    if let Some(instead) = function.deprecated {
        notes.push(format!("Kept for old configurations only: {}.", escaped(instead)));
    }
    if function.namespaced {
        notes.push("Depends on the namespaces of the pipe.".into());
    }
    let depends = match function.purity {
        Purity::Pure => None,
        Purity::Time => Some("Its result depends on the time."),
        Purity::Random => Some("Its result depends on chance."),
        Purity::Joins => Some("Looks into other datasets; their changes are tracked."),
        Purity::Reads => {
            Some("Its result depends on more than its arguments; changes there are not tracked.")
        }
        Purity::Effect => Some("Has an effect besides its result."),
    };
    notes.extend(depends.map(str::to_owned));
    let feature = |name: &str| format!("the feature `{name}` of the build, which a node has");
    if let Some(needed) = function.feature {
        notes.push(format!("Needs {}.", feature(needed.name())));
    }
    let mut examples = function.examples.iter();
    if let Some(needed) = examples.find_map(|example| example.feature) {
        notes.push(format!("Needs {}, for some of its uses.", feature(needed.name())));
    }
    notes
}

fn used(text: &mut String, example: &Example) {
    let result = match example.result.contains('\n') {
        true => example.result.split_whitespace().collect::<Vec<_>>().join(" "),
        false => example.result.to_owned(),
    };
    if !example.source.is_empty() && example.source != "{}" {
        let _ = writeln!(text, "// with _S = {}", example.source);
    }
    let _ = writeln!(text, "{}  // {result}", example.text);
}

fn takes(kind: Kind) -> &'static str {
    match kind {
        Kind::Value => "any value",
        Kind::Boolean => "a condition",
        Kind::Integer => "an integer",
        Kind::String => "a string",
        Kind::Wildcard => "patterns of names",
        Kind::Function => "an expression on `_`",
        Kind::Transforms => "transforms",
        Kind::Rule => "the name of a rule",
        Kind::Hops => "a specification of hops",
        Kind::Literal => "anything, as it stands",
    }
}

fn given(many: Many) -> &'static str {
    match many {
        Many::One => "once",
        Many::Optional => "once or not at all",
        Many::Any => "any number of times",
        Many::Some => "at least once",
    }
}

/// `boolean-logic` as `Boolean logic`.
fn titled(area: &str) -> String {
    let words = area.replace('-', " ");
    let first = words.chars().next().map(|first| first.to_uppercase().to_string());
    format!("{}{}", first.unwrap_or_default(), words.get(1..).unwrap_or_default())
}

/// Text in which Markdown sees no marks.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut is_code = false;
    for c in text.chars() {
        is_code ^= c == '`';
        if !is_code && matches!(c, '*' | '_' | '<' | '[' | ']') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

fn cell(text: &str) -> String {
    escaped(text).replace('|', "\\|")
}
