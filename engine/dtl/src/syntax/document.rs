//! The tree over a text.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use pipewright_entity::transit::typed_string;
use pipewright_entity::{Dict, Text, Value};

use super::{Diagnostic, Path, Severity, Step};

/// A text with the tree read from it.
#[derive(Clone, Debug)]
pub struct Document {
    /// The text, byte for byte as it was given.
    pub text: Arc<str>,
    /// The value the text holds; `None` when there is none.
    pub root: Option<Node>,
    /// All that is wrong with the JSON, in the order of the text.
    pub problems: Vec<Diagnostic>,
    /// Where each line starts; made when first asked for.
    lines: OnceLock<Arc<[usize]>>,
}

/// A value and the bytes it was read from. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The bytes of the text, with quotes or brackets.
    pub span: Range<usize>,
    /// What stands there.
    pub kind: NodeKind,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number of JSON's grammar; how it is spelled is in the span.
    Number,
    /// A string, without quotes and with escapes resolved.
    String(Text),
    /// A list.
    Array(Arc<[Node]>),
    /// An object; keys may repeat.
    Object(Arc<[Member]>),
    /// A value should stand here but does not, or what stands here cannot be
    /// read. There is a problem that says so.
    Missing,
}

/// A key of an object with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The key, without quotes.
    pub key: Text,
    /// The bytes of the key, with quotes.
    pub key_span: Range<usize>,
    /// The value.
    pub value: Node,
}

/// A place in a text as editors count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Line, counted from 1.
    pub line: usize,
    /// Column in UTF-16 code units, counted from 1.
    pub column: usize,
}

impl Document {
    /// Reads a text. Never fails: see [`Document::problems`].
    pub fn parse(text: impl Into<Arc<str>>) -> Document {
        let text = text.into();
        let (root, problems) = super::parse::parse(&text);
        Document { text, root, problems, lines: OnceLock::new() }
    }

    /// Whether the JSON itself is broken, so that the tree may lack something
    /// a person wrote.
    pub fn is_broken(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// The value at a path.
    pub fn at(&self, path: &Path) -> Option<&Node> {
        self.root.as_ref()?.at(path)
    }

    /// The bytes to point at for a path: the value there, or else the nearest
    /// value above it.
    pub fn nearest_span(&self, path: &Path) -> Range<usize> {
        let Some(mut node) = self.root.as_ref() else { return 0..0 };
        for step in path.iter() {
            match node.step(step) {
                Some(next) => node = next,
                None => break,
            }
        }
        node.span.clone()
    }

    /// The path of the innermost value that holds a byte offset, or ends there.
    /// On a key, and between a key and its value, it is the path of that
    /// member; between the items of a list, the path of the list.
    pub fn path_at(&self, offset: usize) -> Path {
        let mut path = Path::root();
        let Some(mut node) = self.root.as_ref() else { return path };
        loop {
            let next = match &node.kind {
                NodeKind::Array(items) => {
                    holding(items.len(), offset, |index| items[index].span.clone())
                        .map(|index| (Step::Index(index), &items[index]))
                }
                NodeKind::Object(members) => holding(members.len(), offset, |index| {
                    let member = &members[index];
                    member.key_span.start..member.value.span.end.max(member.key_span.end)
                })
                .map(|index| (Step::Key(members[index].key.clone()), &members[index].value)),
                _ => None,
            };
            match next {
                Some((step, below)) => {
                    path.0.push(step);
                    node = below;
                }
                None => return path,
            }
        }
    }

    /// The text of a node.
    pub fn text_of(&self, node: &Node) -> &str {
        self.text.get(node.span.clone()).unwrap_or_default()
    }

    /// Line and column of a byte offset; the end of the text for offsets
    /// beyond it.
    pub fn position(&self, offset: usize) -> Position {
        let lines = self.lines();
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = lines.partition_point(|start| *start <= offset).saturating_sub(1);
        let column = self.text[lines[line]..offset].chars().map(char::len_utf16).sum::<usize>();
        Position { line: line + 1, column: column + 1 }
    }

    /// The byte offset of a line and column; the nearest one for places the
    /// text does not have.
    pub fn offset(&self, position: Position) -> usize {
        let lines = self.lines();
        let line = position.line.saturating_sub(1).min(lines.len() - 1);
        let end = lines.get(line + 1).copied().unwrap_or(self.text.len());
        let mut left = position.column.saturating_sub(1);
        let mut offset = lines[line];
        for c in self.text[lines[line]..end].chars() {
            if left < c.len_utf16() || c == '\n' {
                break;
            }
            left -= c.len_utf16();
            offset += c.len_utf8();
        }
        offset
    }

    fn lines(&self) -> &[usize] {
        self.lines.get_or_init(|| {
            let after = self.text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
            std::iter::once(0).chain(after.map(|(at, _)| at + 1)).collect()
        })
    }
}

impl PartialEq for Document {
    /// Documents with the same text are equal.
    fn eq(&self, other: &Document) -> bool {
        self.text == other.text
    }
}

impl Eq for Document {}

/// The item whose span holds the offset. Where one ends and the next begins,
/// it is the one that begins.
fn holding(len: usize, offset: usize, span: impl Fn(usize) -> Range<usize>) -> Option<usize> {
    // Spans are ascending, so the candidate is the last that begins in time.
    let (mut low, mut high) = (0, len);
    while low < high {
        let middle = (low + high) / 2;
        if span(middle).start <= offset { low = middle + 1 } else { high = middle }
    }
    let last = low.checked_sub(1)?;
    (offset <= span(last).end).then_some(last)
}

impl Node {
    /// The value of a key, if this is an object that has it. Of a key written
    /// more than once, the last counts.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.member(key).map(|member| &member.value)
    }

    /// The member with a key, if this is an object that has it.
    pub fn member(&self, key: &str) -> Option<&Member> {
        self.members().iter().rev().find(|member| member.key == key)
    }

    /// The members, if this is an object, and else none.
    pub fn members(&self) -> &[Member] {
        match &self.kind {
            NodeKind::Object(members) => members,
            _ => &[],
        }
    }

    /// The items, if this is a list, and else none.
    pub fn items(&self) -> &[Node] {
        match &self.kind {
            NodeKind::Array(items) => items,
            _ => &[],
        }
    }

    /// The text, if this is a string.
    pub fn as_str(&self) -> Option<&str> {
        self.as_text().map(Text::as_str)
    }

    /// The text, if this is a string, to be shared.
    pub fn as_text(&self) -> Option<&Text> {
        match &self.kind {
            NodeKind::String(text) => Some(text),
            _ => None,
        }
    }

    /// The value, if this is `true` or `false`.
    pub fn as_bool(&self) -> Option<bool> {
        match self.kind {
            NodeKind::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// Whether this is an object.
    pub fn is_object(&self) -> bool {
        matches!(self.kind, NodeKind::Object(_))
    }

    /// Whether this is a list.
    pub fn is_array(&self) -> bool {
        matches!(self.kind, NodeKind::Array(_))
    }

    /// Whether a value should stand here and does not.
    pub fn is_missing(&self) -> bool {
        matches!(self.kind, NodeKind::Missing)
    }

    /// The value one step down.
    pub fn step(&self, step: &Step) -> Option<&Node> {
        match step {
            Step::Key(key) => self.get(key),
            Step::Index(index) => self.items().get(*index),
        }
    }

    /// The value at some steps down.
    pub fn at(&self, steps: &[Step]) -> Option<&Node> {
        steps.iter().try_fold(self, Node::step)
    }

    /// What kind of value this is, in JSON's words.
    pub fn type_name(&self) -> &'static str {
        match &self.kind {
            NodeKind::Null => "null",
            NodeKind::Bool(_) => "boolean",
            NodeKind::Number => "number",
            NodeKind::String(_) => "string",
            NodeKind::Array(_) => "list",
            NodeKind::Object(_) => "object",
            NodeKind::Missing => "nothing",
        }
    }

    /// The same in a sentence: `an object`, `null`.
    pub fn described(&self) -> &'static str {
        match &self.kind {
            NodeKind::Null => "null",
            NodeKind::Bool(_) => "a boolean",
            NodeKind::Number => "a number",
            NodeKind::String(_) => "a string",
            NodeKind::Array(_) => "a list",
            NodeKind::Object(_) => "an object",
            NodeKind::Missing => "nothing",
        }
    }

    /// The value as data: strings with transit marks become typed values, a
    /// missing value becomes null. `document` must be the one the node is of.
    pub fn to_value(&self, document: &Document) -> Value {
        match &self.kind {
            NodeKind::Null | NodeKind::Missing => Value::Null,
            NodeKind::Bool(value) => Value::Bool(*value),
            NodeKind::Number => {
                Value::from_transit(document.text_of(self).as_bytes()).unwrap_or(Value::Null)
            }
            NodeKind::String(text) if text.starts_with('~') => typed_string(text),
            NodeKind::String(text) => Value::String(text.clone()),
            NodeKind::Array(items) => Value::list(items.iter().map(|item| item.to_value(document))),
            NodeKind::Object(members) => Value::dict(
                members
                    .iter()
                    .map(|member| (member.key.clone(), member.value.to_value(document)))
                    .collect::<Dict>(),
            ),
        }
    }

    /// The value as plain JSON; a missing value becomes null. `document` must
    /// be the one the node is of.
    pub fn to_json(&self, document: &Document) -> serde_json::Value {
        match &self.kind {
            NodeKind::Null | NodeKind::Missing => serde_json::Value::Null,
            NodeKind::Bool(value) => (*value).into(),
            NodeKind::Number => serde_json::from_str(document.text_of(self)).unwrap_or_default(),
            NodeKind::String(text) => text.as_str().into(),
            NodeKind::Array(items) => items.iter().map(|item| item.to_json(document)).collect(),
            NodeKind::Object(members) => members
                .iter()
                .map(|member| (member.key.to_string(), member.value.to_json(document)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }
}
