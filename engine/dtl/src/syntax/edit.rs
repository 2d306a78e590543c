//! Small changes of a text that leave the rest of it alone.

use std::ops::Range;

use serde_json::{Map, Value};

use super::parse::{after_trivia, trivium};
use super::print::{print, print_flat, quoted};
use super::{Diagnostic, Document, Node, NodeKind, Path, Severity, Step, code};

/// Replaces a part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextEdit {
    /// The bytes that go away; empty for an insertion.
    pub span: Range<usize>,
    /// What stands there afterwards.
    pub replacement: String,
}

impl TextEdit {
    pub(super) fn insert(at: usize, text: impl Into<String>) -> TextEdit {
        TextEdit { span: at..at, replacement: text.into() }
    }

    pub(super) fn delete(span: Range<usize>) -> TextEdit {
        TextEdit { span, replacement: String::new() }
    }
}

/// Why a change cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The JSON is broken, so what the tree says cannot be trusted.
    #[error("mend the text first: {}", problem.message)]
    Broken {
        /// The first thing that is wrong.
        problem: Box<Diagnostic>,
    },
    /// There is no such value, and no place for it either.
    #[error("there is nothing at {path}")]
    NotFound {
        /// Where it was looked for.
        path: Path,
    },
    /// The path leads into a value that holds no such values.
    #[error("{path} is a {found}; it has no `{step}`")]
    NotInside {
        /// The value.
        path: Path,
        /// What it is.
        found: &'static str,
        /// The step that cannot be taken.
        step: String,
    },
    /// The key is taken.
    #[error("{path} is there already")]
    Exists {
        /// What is there.
        path: Path,
    },
    /// The key is written more than once, so it is not clear which is meant.
    #[error("{path} is written more than once; remove one of them first")]
    Duplicate {
        /// The path of all of them.
        path: Path,
    },
    /// An edit does not fit the text it is applied to.
    #[error("an edit of bytes {}..{} does not fit the text", span.start, span.end)]
    Misfit {
        /// The bytes it names.
        span: Range<usize>,
    },
}

/// Applies edits, whose spans all count in the text as it is given, and makes
/// the edits that take them back, whose spans count in the new text.
pub fn apply(text: &str, edits: &[TextEdit]) -> Result<(String, Vec<TextEdit>), EditError> {
    let mut edits: Vec<&TextEdit> = edits.iter().collect();
    edits.sort_by_key(|edit| (edit.span.start, edit.span.end));
    let mut new = String::with_capacity(text.len());
    let mut inverse = Vec::with_capacity(edits.len());
    let mut at = 0;
    for TextEdit { span, replacement } in edits {
        let misfit = || EditError::Misfit { span: span.clone() };
        let kept = text.get(at..span.start).ok_or_else(misfit)?;
        let old = text.get(span.clone()).ok_or_else(misfit)?;
        new.push_str(kept);
        let start = new.len();
        new.push_str(replacement);
        inverse.push(TextEdit { span: start..new.len(), replacement: old.to_owned() });
        at = span.end;
    }
    new.push_str(&text[at..]);
    Ok((new, inverse))
}

impl Document {
    /// Makes the value at a path be `value`, replacing what is there. Members
    /// and objects on the way that are missing are added; one past the end of
    /// a list appends to it.
    ///
    /// No edits when the value is there already. To keep comments and layout
    /// inside a list or object that is replaced, use [`Document::update`].
    pub fn set(&self, path: &Path, value: &Value) -> Result<Vec<TextEdit>, EditError> {
        let Some(root) = &self.root else { return self.fill(path, value) };
        self.require_whole()?;
        let mut node = root;
        for (depth, step) in path.iter().enumerate() {
            match node.step(step) {
                Some(next) => node = next,
                None => {
                    let value = nest(&path[depth + 1..], value).ok_or_else(|| not_found(path))?;
                    return self.put(node, &Path(path[..depth].to_vec()), step, &value);
                }
            }
        }
        if node.to_json(self) == *value {
            return Ok(Vec::new());
        }
        let flat = !self.text_of(node).contains('\n') && !has_object(value);
        let replacement =
            if flat { print_flat(value) } else { self.print(value, self.line_indent(node)) };
        Ok(vec![TextEdit { span: node.span.clone(), replacement }])
    }

    /// Adds a value that is not there: a member of an object as its last, an
    /// item of a list before the one at that index (or at its end).
    pub fn insert(&self, path: &Path, value: &Value) -> Result<Vec<TextEdit>, EditError> {
        self.require_whole()?;
        let (parent, step) =
            path.split_last().ok_or_else(|| EditError::Exists { path: path.clone() })?;
        let node = self.at(&parent).ok_or_else(|| not_found(&parent))?;
        if let Step::Key(key) = step
            && node.get(key).is_some()
        {
            return Err(EditError::Exists { path: path.clone() });
        }
        self.put(node, &parent, step, value)
    }

    /// Adds a value at the end of the list at a path.
    pub fn append(&self, path: &Path, value: &Value) -> Result<Vec<TextEdit>, EditError> {
        let node = self.at(path).ok_or_else(|| not_found(path))?;
        self.insert(&path.index(node.items().len()), value)
    }

    /// Removes the value at a path with its key, its comma and the comment at
    /// the end of its line.
    pub fn remove(&self, path: &Path) -> Result<Vec<TextEdit>, EditError> {
        self.require_whole()?;
        let (parent, step) = path.split_last().ok_or_else(|| not_found(path))?;
        let node = self.at(&parent).ok_or_else(|| not_found(&parent))?;
        node.step(step).ok_or_else(|| not_found(path))?;
        let index = match step {
            Step::Index(index) => *index,
            Step::Key(key) => {
                let mut having = node.members().iter().enumerate().filter(|(_, m)| m.key == *key);
                match (having.next(), having.next()) {
                    (Some((index, _)), None) => index,
                    _ => return Err(EditError::Duplicate { path: path.clone() }),
                }
            }
        };
        Ok(self.take(node, index))
    }

    /// Gives the member at a path another key, in its place.
    pub fn rename_key(&self, path: &Path, key: &str) -> Result<Vec<TextEdit>, EditError> {
        self.require_whole()?;
        let Some((parent, Step::Key(old))) = path.split_last() else {
            return Err(not_found(path));
        };
        let object = self.at(&parent).ok_or_else(|| not_found(&parent))?;
        let member = object.member(old).ok_or_else(|| not_found(path))?;
        if object.members().iter().filter(|member| member.key == *old).count() > 1 {
            return Err(EditError::Duplicate { path: path.clone() });
        }
        if old == key {
            return Ok(Vec::new());
        }
        if object.get(key).is_some() {
            return Err(EditError::Exists { path: parent.key(key) });
        }
        Ok(vec![TextEdit { span: member.key_span.clone(), replacement: quoted(key) }])
    }

    /// The edit for a text without a value.
    fn fill(&self, path: &Path, value: &Value) -> Result<Vec<TextEdit>, EditError> {
        if let Some(problem) = self.problems.iter().find(|p| p.code != code::VALUE_MISSING) {
            return Err(EditError::Broken { problem: Box::new(problem.clone()) });
        }
        let value = nest(path, value).ok_or_else(|| not_found(path))?;
        let text = self.print(&value, "");
        // A line comment at the end would swallow the value.
        let text = if self.text.trim().is_empty() { text } else { format!("\n{text}\n") };
        let end = self.text.len();
        Ok(vec![TextEdit::insert(end, text)])
    }

    fn require_whole(&self) -> Result<(), EditError> {
        match self.problems.iter().find(|problem| problem.severity == Severity::Error) {
            Some(problem) => Err(EditError::Broken { problem: Box::new(problem.clone()) }),
            None => Ok(()),
        }
    }

    fn print(&self, value: &Value, base: &str) -> String {
        let text = print(value, self.indent_unit(), base);
        match self.newline() {
            "\n" => text,
            newline => text.replace('\n', newline),
        }
    }

    fn newline(&self) -> &'static str {
        match self.text.find('\n') {
            Some(at) if self.text[..at].ends_with('\r') => "\r\n",
            _ => "\n",
        }
    }

    /// What one level is indented by, judged by the first child on a line of
    /// its own; two spaces where there is none.
    fn indent_unit(&self) -> &str {
        fn find<'a>(document: &'a Document, node: &Node) -> Option<&'a str> {
            let children = children(node);
            let first = children.first()?;
            if document.begins_line(first.start) {
                let unit = document.indent_at(first.start).strip_prefix(document.line_indent(node));
                if let Some(unit) = unit.filter(|unit| !unit.is_empty()) {
                    return Some(unit);
                }
            }
            (0..children.len()).find_map(|index| find(document, child(node, index)))
        }
        self.root.as_ref().and_then(|root| find(self, root)).unwrap_or("  ")
    }

    /// The whitespace that the line of a node begins with.
    fn line_indent(&self, node: &Node) -> &str {
        self.indent_at(node.span.start)
    }

    fn indent_at(&self, offset: usize) -> &str {
        let line = &self.text[line_start(&self.text, offset)..];
        let rest = line.trim_start_matches([' ', '\t']);
        &line[..line.len() - rest.len()]
    }

    /// Whether nothing stands before the offset on its line.
    fn begins_line(&self, offset: usize) -> bool {
        let start = line_start(&self.text, offset);
        start > 0 && self.text[start..offset].bytes().all(|byte| matches!(byte, b' ' | b'\t'))
    }

    /// The offset after the comments that follow on the same line.
    fn after_comments(&self, offset: usize) -> usize {
        let mut end = offset;
        let mut at = offset;
        while let Some(span) = trivium(&self.text, at) {
            let comment = self.text[span.clone()].starts_with('/');
            if self.text[span.clone()].contains('\n') {
                break;
            }
            at = span.end;
            if comment {
                end = span.end;
            }
        }
        end
    }

    /// The offset of the comma that follows a child, if one does.
    fn comma_after(&self, end: usize) -> Option<usize> {
        let at = after_trivia(&self.text, end);
        self.text[at..].starts_with(',').then_some(at)
    }

    /// Adds a child to a container.
    fn put(
        &self,
        node: &Node,
        path: &Path,
        step: &Step,
        value: &Value,
    ) -> Result<Vec<TextEdit>, EditError> {
        let not_inside = |step: String| EditError::NotInside {
            path: path.clone(),
            found: node.type_name(),
            step,
        };
        let (key, at) = match (step, &node.kind) {
            (Step::Key(key), NodeKind::Object(members)) => (Some(key.as_str()), members.len()),
            (Step::Index(index), NodeKind::Array(items)) if *index <= items.len() => (None, *index),
            (Step::Index(_), NodeKind::Array(_)) => {
                return Err(not_found(&path.step(step.clone())));
            }
            (Step::Key(key), _) => return Err(not_inside(key.to_string())),
            (Step::Index(index), _) => return Err(not_inside(index.to_string())),
        };
        let key = key.map(|key| format!("{}: ", quoted(key))).unwrap_or_default();
        let children = children(node);
        if children.is_empty() {
            return Ok(vec![self.put_first(node, &key, value)]);
        }
        let neighbour = &children[at.min(children.len() - 1)];
        let indent = self.indent_at(neighbour.start).to_owned();
        let one_line = !self.text_of(node).contains('\n');
        let item = match one_line {
            true => print_flat(value),
            false => self.print(value, &indent),
        };
        let newline = self.newline();
        let own_line = self.begins_line(neighbour.start);
        if at == children.len() {
            let mut edits = Vec::new();
            let mut after = neighbour.end;
            let mut comma = "";
            match self.comma_after(neighbour.end) {
                Some(at) => {
                    after = at + 1;
                    // The style here is to end with a comma.
                    comma = ",";
                }
                None => edits.push(TextEdit::insert(neighbour.end, ",")),
            }
            let place = self.after_comments(after);
            let before =
                if own_line || place > after { format!("{newline}{indent}") } else { " ".into() };
            edits.push(TextEdit::insert(place, format!("{before}{key}{item}{comma}")));
            return Ok(edits);
        }
        if own_line {
            let after = match at {
                0 => node.span.start + 1,
                _ => {
                    let previous = children[at - 1].end;
                    self.comma_after(previous).map_or(previous, |comma| comma + 1)
                }
            };
            let place = self.after_comments(after);
            return Ok(vec![TextEdit::insert(place, format!("{newline}{indent}{key}{item},"))]);
        }
        Ok(vec![TextEdit::insert(neighbour.start, format!("{key}{item}, "))])
    }

    /// Adds the first child to a container.
    fn put_first(&self, node: &Node, key: &str, value: &Value) -> TextEdit {
        let (open, close) = (node.span.start + 1, node.span.end - 1);
        let inner = &self.text[open..close];
        let base = self.line_indent(node).to_owned();
        let below = format!("{base}{}", self.indent_unit());
        let newline = self.newline();
        let blank = inner.trim().is_empty();
        let lines =
            !blank || inner.contains('\n') || (!key.is_empty() && self.text.trim().contains('\n'));
        if lines {
            let item = self.print(value, &below);
            let last = open + inner.trim_end().len();
            return TextEdit {
                span: last..close,
                replacement: format!("{newline}{below}{key}{item}{newline}{base}"),
            };
        }
        let item = match self.text.trim().contains('\n') {
            true => self.print(value, &base),
            false => print_flat(value),
        };
        TextEdit { span: open..close, replacement: format!("{key}{item}") }
    }

    /// Removes a child from a container.
    fn take(&self, node: &Node, index: usize) -> Vec<TextEdit> {
        let children = children(node);
        let gone = children[index].clone();
        let own_comma = self.comma_after(gone.end);
        let end = own_comma.map_or(gone.end, |comma| comma + 1);
        let last = index + 1 == children.len();
        let commented = |span: Range<usize>| self.text[span].contains('/');
        if children.len() == 1 {
            let (open, close) = (node.span.start + 1, node.span.end - 1);
            if !commented(open..gone.start) && !commented(gone.end..close) {
                return vec![TextEdit::delete(open..close)];
            }
        }
        let mut edits = Vec::new();
        if last && index > 0 {
            let previous = children[index - 1].end;
            if let Some(comma) = self.comma_after(previous) {
                if !self.begins_line(gone.start) && !commented(comma..gone.start) {
                    return vec![TextEdit::delete(comma..gone.end)];
                }
                if own_comma.is_none() {
                    edits.push(TextEdit::delete(comma..comma + 1));
                }
            }
        }
        let line_end = self.after_comments(end);
        let rest = self.text[line_end..].trim_start_matches([' ', '\t']);
        if self.begins_line(gone.start) && (rest.starts_with('\n') || rest.starts_with("\r\n")) {
            // The whole line goes, with the line break before it.
            let start = line_start(&self.text, gone.start) - 1;
            let start = if self.text[..start].ends_with('\r') { start - 1 } else { start };
            let blank = self.text.len() - line_end - rest.len();
            // Comments between the value and its comma go with the line.
            edits.push(TextEdit::delete(start..line_end + blank));
        } else {
            let next = after_trivia(&self.text, end);
            let end = if !last && !commented(end..next) { next } else { end };
            edits.push(TextEdit::delete(gone.start..end));
        }
        edits
    }
}

fn not_found(path: &Path) -> EditError {
    EditError::NotFound { path: path.clone() }
}

/// The value in the lists and objects that the steps lead through.
fn nest(steps: &[Step], value: &Value) -> Option<Value> {
    steps.iter().rev().try_fold(value.clone(), |value, step| match step {
        Step::Key(key) => Some(Value::Object(Map::from_iter([(key.to_string(), value)]))),
        Step::Index(0) => Some(Value::Array(vec![value])),
        Step::Index(_) => None,
    })
}

fn has_object(value: &Value) -> bool {
    match value {
        Value::Object(members) => !members.is_empty(),
        Value::Array(items) => items.iter().any(has_object),
        _ => false,
    }
}

/// The offset where the line of an offset begins.
fn line_start(text: &str, offset: usize) -> usize {
    text[..offset].rfind('\n').map_or(0, |at| at + 1)
}

/// The spans of the items, or of the members with their keys.
fn children(node: &Node) -> Vec<Range<usize>> {
    match &node.kind {
        NodeKind::Array(items) => items.iter().map(|item| item.span.clone()).collect(),
        NodeKind::Object(members) => {
            members.iter().map(|member| member.key_span.start..member.value.span.end).collect()
        }
        _ => Vec::new(),
    }
}

fn child(node: &Node, index: usize) -> &Node {
    match &node.kind {
        NodeKind::Object(members) => &members[index].value,
        _ => &node.items()[index],
    }
}
