//! Changes of a text that an editor can offer.

use pipewright_dtl::code;
use pipewright_dtl::syntax::{Document, Path, TextEdit, apply};

use crate::{Change, Finding, Range};

/// A change of one text, to be offered by its title.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// What it does, for people.
    pub title: String,
    /// The change. All ranges count in the text as it is.
    pub changes: Vec<Change>,
    /// The code of the finding it mends, if it does.
    pub mends: Option<&'static str>,
}

impl Action {
    fn new(document: &Document, title: String, edits: &[TextEdit], mends: &'static str) -> Action {
        let changes = edits.iter().map(|edit| Change::of(document, edit)).collect();
        Action { title, changes, mends: Some(mends) }
    }
}

/// What can be done about findings that touch a range.
pub(crate) fn actions(document: &Document, findings: &[Finding], range: Range) -> Vec<Action> {
    let mut actions = Vec::new();
    for finding in findings {
        if finding.range.start > range.end || range.start > finding.range.end {
            continue;
        }
        actions.extend(finding.fix.clone());
        actions.extend(more(document, finding));
    }
    // The text may be broken in a way that only one place shows: an action
    // that cannot be applied is none.
    actions.dedup();
    actions
}

/// What else can be done: what is missing is made, what nothing uses goes.
fn more(document: &Document, finding: &Finding) -> Option<Action> {
    let path: Path = finding.path.parse().ok()?;
    match finding.code {
        code::UNKNOWN_RULE => {
            let rules = rules_above(document, &path)?;
            let name = document.at(&path)?.as_text()?.clone();
            let new = serde_json::json!([["copy", "*"]]);
            let edits = document.insert(&rules.key(name.clone()), &new).ok()?;
            Some(Action::new(document, format!("Add a rule {name:?}"), &edits, finding.code))
        }
        code::UNUSED_RULE => {
            let edits = document.remove(&path).ok()?;
            Some(Action::new(document, "Remove the rule".into(), &edits, finding.code))
        }
        _ => None,
    }
}

/// The path of the rules that a path leads through.
fn rules_above(document: &Document, path: &Path) -> Option<Path> {
    use pipewright_dtl::syntax::Step;
    let at = path.iter().position(|step| matches!(step, Step::Key(key) if key == "rules"))?;
    let rules = Path(path[..=at].to_vec());
    document.at(&rules)?.is_object().then_some(rules)
}

/// The change of a whole text to another, leaving out what is the same at the
/// beginning and the end.
pub(crate) fn difference(document: &Document, new: &str) -> Option<Change> {
    edit_between(&document.text, new).map(|edit| Change::of(document, &edit))
}

/// The same as an edit.
pub(crate) fn edit_between(old: &str, new: &str) -> Option<TextEdit> {
    let same = |(a, b): &(&u8, &u8)| a == b;
    let alike = old.as_bytes().iter().zip(new.as_bytes()).take_while(same).count();
    let start = old.floor_char_boundary(alike);
    let (rest, new_rest) = (&old[start..], &new[start..]);
    let backwards = rest.as_bytes().iter().rev().zip(new_rest.as_bytes().iter().rev());
    let alike = backwards.take_while(same).count();
    let end = rest.len() - rest.ceil_char_boundary(rest.len() - alike);
    let edit = TextEdit {
        span: start..old.len() - end,
        replacement: new_rest[..new_rest.len() - end].to_owned(),
    };
    debug_assert!(apply(old, std::slice::from_ref(&edit)).is_ok_and(|(text, _)| text == new));
    (old != new).then_some(edit)
}
