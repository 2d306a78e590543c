//! The smallest change that makes a value be another one.

use std::ops::Range;

use serde_json::Value;

use super::{Document, EditError, NodeKind, Path, TextEdit, apply};

/// A list that differs in more places than this is replaced as a whole: each
/// place costs a reading of the text.
const MOST_PLACES: usize = 64;

impl Document {
    /// Makes the value at a path be `value` by changing only what differs:
    /// members and items that are equal keep their text, with the comments and
    /// the layout in and around them. New members come last.
    pub fn update(&self, path: &Path, value: &Value) -> Result<Vec<TextEdit>, EditError> {
        let mut draft = Draft {
            document: self.clone(),
            pieces: vec![Piece::Old(0..self.text.len())],
            before: self.text.len(),
        };
        draft.update(path, value)?;
        Ok(draft.edits())
    }
}

/// A stretch of the text being made.
#[derive(Clone)]
enum Piece {
    /// Unchanged bytes of the text that was begun with.
    Old(Range<usize>),
    /// New text.
    New(String),
}

impl Piece {
    fn len(&self) -> usize {
        match self {
            Piece::Old(span) => span.len(),
            Piece::New(text) => text.len(),
        }
    }

    fn part(&self, span: Range<usize>) -> Piece {
        match self {
            Piece::Old(old) => Piece::Old(old.start + span.start..old.start + span.end),
            Piece::New(text) => Piece::New(text[span].to_owned()),
        }
    }
}

/// A document that is changed step by step and remembers what it came from.
struct Draft {
    document: Document,
    pieces: Vec<Piece>,
    /// How long the text was that was begun with.
    before: usize,
}

impl Draft {
    fn update(&mut self, path: &Path, value: &Value) -> Result<(), EditError> {
        let Some(node) = self.document.at(path) else {
            return self.edit(|document| document.set(path, value));
        };
        let old = node.to_json(&self.document);
        if old == *value {
            return Ok(());
        }
        match (&node.kind, &old, value) {
            (NodeKind::Object(members), Value::Object(old), Value::Object(new))
                // A key written twice has no place of its own to change.
                if members.len() == old.len() =>
            {
                for key in old.keys().filter(|key| !new.contains_key(*key)) {
                    self.edit(|document| document.remove(&path.key(key.as_str())))?;
                }
                for (key, value) in new {
                    self.update(&path.key(key.as_str()), value)?;
                }
                Ok(())
            }
            (NodeKind::Array(_), Value::Array(old), Value::Array(new)) => {
                let same = old.iter().zip(new).take_while(|(a, b)| a == b).count();
                let (old_rest, new_rest) = (&old[same..], &new[same..]);
                let tail = old_rest.iter().rev().zip(new_rest.iter().rev());
                let tail = tail.take_while(|(a, b)| a == b).count();
                let old_rest = &old_rest[..old_rest.len() - tail];
                let new_rest = &new_rest[..new_rest.len() - tail];
                if old_rest.len().max(new_rest.len()) > MOST_PLACES {
                    return self.edit(|document| document.set(path, value));
                }
                for index in (new_rest.len()..old_rest.len()).rev() {
                    self.edit(|document| document.remove(&path.index(same + index)))?;
                }
                for (index, value) in new_rest.iter().enumerate() {
                    let path = path.index(same + index);
                    if index < old_rest.len() {
                        self.update(&path, value)?;
                    } else {
                        self.edit(|document| document.insert(&path, value))?;
                    }
                }
                Ok(())
            }
            _ => self.edit(|document| document.set(path, value)),
        }
    }

    fn edit(
        &mut self,
        make: impl FnOnce(&Document) -> Result<Vec<TextEdit>, EditError>,
    ) -> Result<(), EditError> {
        let edits = make(&self.document)?;
        if edits.is_empty() {
            return Ok(());
        }
        let (text, _) = apply(&self.document.text, &edits)?;
        // From the back, so that the spans before keep counting right.
        for edit in edits.iter().rev() {
            self.replace(&edit.span, &edit.replacement);
        }
        self.document = Document::parse(text);
        Ok(())
    }

    fn replace(&mut self, span: &Range<usize>, replacement: &str) {
        let mut pieces = Vec::with_capacity(self.pieces.len() + 2);
        let mut start = 0;
        let mut placed = false;
        for piece in &self.pieces {
            let end = start + piece.len();
            if start < span.start {
                pieces.push(piece.part(0..span.start.min(end) - start));
            }
            if !placed && end >= span.start {
                pieces.push(Piece::New(replacement.to_owned()));
                placed = true;
            }
            if end > span.end {
                pieces.push(piece.part(span.end.max(start) - start..end - start));
            }
            start = end;
        }
        pieces.retain(|piece| piece.len() > 0);
        self.pieces = pieces;
    }

    /// What lies between the unchanged stretches.
    fn edits(&self) -> Vec<TextEdit> {
        let mut edits = Vec::new();
        let mut at = 0;
        let mut new = String::new();
        let mut close = |upto: usize, from: usize, new: &mut String| {
            if upto > from || !new.is_empty() {
                edits.push(TextEdit { span: from..upto, replacement: std::mem::take(new) });
            }
        };
        for piece in &self.pieces {
            match piece {
                Piece::New(text) => new.push_str(text),
                Piece::Old(span) => {
                    close(span.start, at, &mut new);
                    at = span.end;
                }
            }
        }
        close(self.before, at, &mut new);
        edits
    }
}
