//! What an editor gets: a text with a cursor (`‸`) goes in, items come out.
#![allow(clippy::unwrap_used)]

mod changes;
mod completion;
mod hover;
mod lineage;
mod once;
mod places;
mod robust;

use pipewright_language::{Change, Completion, Completions, Hover, Position, Workspace};

/// The file that is written in.
pub(crate) const PATH: &str = "pipes/person-enrich.conf.json";

/// The project around it.
const AROUND: [(&str, &str); 5] = [
    (
        "pipes/crm-person.conf.json",
        r#"{"_id": "crm-person", "type": "pipe", "source": {"type": "json", "system": "crm", "url": "persons"}}"#,
    ),
    (
        "pipes/crm-order.conf.json",
        r#"{"_id": "crm-order", "type": "pipe", "source": {"type": "json", "system": "crm", "url": "orders"}}"#,
    ),
    (
        "systems/crm.conf.json",
        r#"{"_id": "crm", "type": "system:url", "url_pattern": "https://crm.example/%s"}"#,
    ),
    ("systems/files.conf.json", r#"{"_id": "files", "type": "system:mssql"}"#),
    ("test-env.json", r#"{"crm_region": "north", "crm_limit": 7}"#),
];

/// A project, and the cursor in the one file of it that has a `‸`.
pub(crate) fn workspace(text: &str) -> (Workspace, Position) {
    let offset = text.find('‸').unwrap_or_else(|| panic!("no cursor in {text}"));
    let plain = text.replacen('‸', "", 1);
    let lines = text[..offset].matches('\n').count();
    let line = text[..offset].rsplit('\n').next().unwrap();
    let at = Position { line: lines + 1, column: line.encode_utf16().count() + 1 };
    let mut workspace = Workspace::new(AROUND.into_iter().chain([(PATH, plain.as_str())]), None);
    workspace.saw("crm-person", ["crm-person:name", "crm-person:born.on", "crm-person:email"]);
    workspace.saw("crm-order", ["crm-order:person", "crm-order:total"]);
    (workspace, at)
}

/// What is offered in a text, and what is replaced by it.
pub(crate) fn offered(text: &str) -> (Vec<Completion>, String) {
    let (workspace, at) = workspace(text);
    let Some(Completions { range, items }) = workspace.completions(PATH, at) else {
        return (Vec::new(), String::new());
    };
    assert_eq!(range.start.line, range.end.line, "what is replaced is on one line");
    let plain = text.replacen('‸', "", 1);
    let line: Vec<u16> =
        plain.split('\n').nth(range.start.line - 1).unwrap().encode_utf16().collect();
    let replaced = &line[range.start.column - 1..range.end.column - 1];
    (items, String::from_utf16(replaced).unwrap())
}

pub(crate) fn labels(text: &str) -> Vec<String> {
    offered(text).0.into_iter().map(|item| item.label).collect()
}

pub(crate) fn item(text: &str, label: &str) -> Completion {
    let (items, _) = offered(text);
    let found = items.iter().find(|item| item.label == label).cloned();
    found.unwrap_or_else(|| panic!("no {label:?} among {:?}", labels(text)))
}

pub(crate) fn hover(text: &str) -> Option<Hover> {
    let (workspace, at) = workspace(text);
    workspace.hover(PATH, at)
}

/// A pipe with these transforms.
pub(crate) fn with_rule(transforms: &str) -> String {
    format!(
        r#"{{
  "_id": "person-enrich",
  "type": "pipe",
  "source": {{"type": "dataset", "dataset": "crm-person"}},
  "transform": {{"type": "dtl", "rules": {{
    "default": [
      {transforms}
    ],
    "order": [["copy", "*"]]
  }}}},
  "namespaced_identifiers": true
}}"#
    )
}

/// A text after some changes.
pub(crate) fn changed(text: &str, changes: &[Change]) -> String {
    let offset = |at: Position| {
        let start: usize = text.split_inclusive('\n').take(at.line - 1).map(str::len).sum();
        let mut units = 0;
        let line = text[start..].char_indices().find(|(_, c)| {
            let here = units == at.column - 1;
            units += c.len_utf16();
            here
        });
        line.map_or(text.len(), |(at, _)| start + at)
    };
    let mut edits: Vec<_> = changes
        .iter()
        .map(|change| (offset(change.range.start), offset(change.range.end), &change.text))
        .collect();
    edits.sort();
    let mut new = text.to_owned();
    for (start, end, with) in edits.into_iter().rev() {
        new.replace_range(start..end, with);
    }
    new
}
