//! Bytes of a text as lines and columns, and back: the one place where the
//! editor's way of counting meets ours.

use std::ops::Range as Span;

use pipewright_dtl::syntax::{Document, Position, TextEdit};

/// A part of a text as editors count it: lines from 1, columns from 1 in
/// UTF-16 code units, the end exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Range {
    /// Where it begins.
    pub start: Position,
    /// Where it ends.
    pub end: Position,
}

impl Range {
    /// The range of some bytes of a text.
    pub(crate) fn of(document: &Document, span: Span<usize>) -> Range {
        Range { start: document.position(span.start), end: document.position(span.end) }
    }
}

/// Replaces a part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What goes away; empty for an insertion.
    pub range: Range,
    /// What stands there afterwards.
    pub text: String,
}

impl Change {
    pub(crate) fn of(document: &Document, edit: &TextEdit) -> Change {
        let range = Range::of(document, edit.span.clone());
        Change { range, text: edit.replacement.clone() }
    }
}
