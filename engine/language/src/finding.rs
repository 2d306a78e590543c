//! What is wrong with a text.

use std::ops::Range as Span;

use pipewright_config::Problem;
use pipewright_dtl::{Document, Severity};

use crate::{Action, Change, Range};

/// Something that is wrong, or worth knowing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Stable name of the rule that was broken.
    pub code: &'static str,
    /// How much it weighs.
    pub severity: Severity,
    /// The JSON path of the value it is about.
    pub path: String,
    /// The bytes it is about.
    pub span: Span<usize>,
    /// The same as lines and columns.
    pub range: Range,
    /// For people.
    pub message: String,
    /// What to do about it, where that is known.
    pub suggestion: Option<String>,
    /// A change of the text that mends it, where there is one.
    pub fix: Option<Action>,
}

impl Finding {
    pub(crate) fn of(document: &Document, problem: &Problem) -> Finding {
        let found = &problem.diagnostic;
        Finding {
            code: found.code,
            severity: found.severity,
            path: found.path.to_string(),
            span: found.span.clone(),
            range: Range::of(document, found.span.clone()),
            message: found.message.clone(),
            suggestion: found.suggestion.clone(),
            fix: found.fix.as_ref().map(|fix| Action {
                title: fix.title.clone(),
                changes: fix.edits.iter().map(|edit| Change::of(document, edit)).collect(),
                mends: Some(found.code),
            }),
        }
    }
}
