//! From text to tree, without ever giving up.

mod scalars;

use std::ops::Range;

use pipewright_entity::{MAX_DEPTH, Text};
use rustc_hash::FxHashSet;

use self::scalars::{quoted_end, word_end};
use super::settle::settle;
use super::{Diagnostic, Fix, Member, Node, NodeKind, Path, Severity, Step, TextEdit, code};

/// Reads the tree and everything that is wrong.
pub(super) fn parse(text: &str) -> (Option<Node>, Vec<Diagnostic>) {
    let mut parser = Parser {
        text,
        at: if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 },
        items: Vec::new(),
        members: Vec::new(),
        path: Vec::new(),
        open: Vec::new(),
        forgive: false,
        ended: false,
        problems: Vec::new(),
    };
    parser.skip_trivia();
    if parser.peek().is_none() {
        let end = text.len();
        parser.problem(code::VALUE_MISSING, end..end, "there is nothing here");
        return (None, parser.problems);
    }
    let root = parser.value();
    parser.skip_trivia();
    if parser.peek().is_some() && !parser.forgive && !root.is_missing() {
        parser.problem(
            code::UNEXPECTED,
            parser.at..text.trim_end().len().max(parser.at),
            "the value has ended before this",
        );
    }
    (Some(root), settle(text, parser.problems))
}

/// The offset after the whitespace and comments that begin at `at`.
pub(super) fn after_trivia(text: &str, at: usize) -> usize {
    let mut at = at;
    while let Some(end) = trivium(text, at) {
        at = end.end;
    }
    at
}

/// The whitespace run or comment at `at`.
pub(super) fn trivium(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = text.get(at..)?;
    let blank = blanks(rest);
    if blank > 0 {
        Some(at..at + blank)
    } else if rest.starts_with("//") {
        Some(at..at + rest.find('\n').unwrap_or(rest.len()))
    } else {
        let comment = rest.strip_prefix("/*")?;
        Some(at..at + comment.find("*/").map_or(rest.len(), |end| end + 4))
    }
}

/// How many bytes of whitespace a text begins with.
fn blanks(text: &str) -> usize {
    let blank = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    text.as_bytes().iter().take_while(blank).count()
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    /// The values of the lists that are open, the innermost last: what belongs
    /// to one is taken off when it is closed.
    items: Vec<Node>,
    /// The same for objects.
    members: Vec<Member>,
    /// Where the value being read stands.
    path: Vec<Step>,
    /// The closing brackets that are waited for, innermost last.
    open: Vec<u8>,
    /// What was just read was broken, so that a missing comma or colon right
    /// after it is the same mistake.
    forgive: bool,
    /// That the text ends too early has been said.
    ended: bool,
    problems: Vec<Diagnostic>,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn problem(&mut self, code: &'static str, span: Range<usize>, message: impl Into<String>) {
        self.problems.push(Diagnostic::error(code, Path(self.path.clone()), span, message));
    }

    /// Adds what to do about the last problem.
    fn suggest(&mut self, suggestion: impl Into<String>) {
        if let Some(last) = self.problems.last_mut() {
            last.suggestion = Some(suggestion.into());
        }
    }

    /// Adds a change that mends the last problem.
    fn fix(&mut self, title: impl Into<String>, edit: TextEdit) {
        if let Some(last) = self.problems.last_mut() {
            last.fix = Some(Box::new(Fix { title: title.into(), edits: vec![edit] }));
        }
    }

    fn skip_trivia(&mut self) {
        loop {
            self.at += self.text.get(self.at..).map_or(0, blanks);
            if self.peek() != Some(b'/') {
                return;
            }
            let Some(span) = trivium(self.text, self.at) else { return };
            self.at = span.end;
            let skipped = &self.text[span.clone()];
            if skipped.starts_with("/*") && (skipped.len() < 4 || !skipped.ends_with("*/")) {
                self.problem(code::UNCLOSED, span.start..span.start + 2, "the comment never ends");
                self.suggest("close it with `*/`");
                self.ended = true;
            }
        }
    }

    /// Reads a value, or says that there is none. Consumes at least one byte
    /// unless a `,`, `:`, closing bracket or the end stands here.
    fn value(&mut self) -> Node {
        let start = self.at;
        let kind = match self.peek() {
            Some(b'[') => return self.nested(Self::array),
            Some(b'{') => return self.nested(Self::object),
            Some(quote @ (b'"' | b'\'')) => NodeKind::String(self.string(quote)),
            Some(b'-' | b'+' | b'.' | b'0'..=b'9') => self.number(),
            None | Some(b',' | b':' | b']' | b'}') => {
                self.problem(code::VALUE_MISSING, start..start, "a value is missing here");
                NodeKind::Missing
            }
            Some(_) => self.word(),
        };
        Node { span: start..self.at, kind }
    }

    fn nested(&mut self, read: fn(&mut Self) -> NodeKind) -> Node {
        let start = self.at;
        let kind = if self.open.len() < MAX_DEPTH {
            read(self)
        } else {
            self.problem(
                code::TOO_DEEP,
                start..start + 1,
                format!("nested deeper than {MAX_DEPTH} levels"),
            );
            self.skip_nested();
            self.forgive = true;
            NodeKind::Missing
        };
        Node { span: start..self.at, kind }
    }

    /// Goes past a bracketed value without reading it.
    fn skip_nested(&mut self) {
        let mut depth = 0usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => {
                    self.at = quoted_end(self.text, self.at).0;
                    continue;
                }
                b'/' => {
                    if let Some(comment) = trivium(self.text, self.at) {
                        self.at = comment.end;
                        continue;
                    }
                }
                b'[' | b'{' => depth += 1,
                b']' | b'}' => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return;
            }
        }
    }

    fn array(&mut self) -> NodeKind {
        let start = self.at;
        self.at += 1;
        self.open.push(b']');
        self.forgive = false;
        let first = self.items.len();
        // Where the last comma stands, when nothing has followed it yet.
        let mut comma = None;
        loop {
            self.skip_trivia();
            match self.peek() {
                None => {
                    self.unclosed(start, "list", ']');
                    break;
                }
                Some(b']') => {
                    self.at += 1;
                    self.trailing(comma);
                    self.forgive = false;
                    break;
                }
                Some(b'}') if self.open.contains(&b'}') => {
                    self.unclosed(start, "list", ']');
                    break;
                }
                Some(b'}' | b':') => self.unexpected(),
                Some(b',') => {
                    // A comma where a value should be: the place is kept, so
                    // that what follows counts from where it was meant.
                    if !self.forgive && (self.items.len() == first || comma.is_some()) {
                        self.item(first);
                    }
                    self.forgive = false;
                    comma = Some(self.at);
                    self.at += 1;
                }
                Some(_) => {
                    if self.items.len() > first && comma.is_none() {
                        self.missing_comma();
                    }
                    comma = None;
                    self.forgive = false;
                    self.item(first);
                }
            }
        }
        self.open.pop();
        NodeKind::Array(self.items.drain(first..).collect())
    }

    /// Reads a value of the list whose values begin at `first`.
    fn item(&mut self, first: usize) {
        self.path.push(Step::Index(self.items.len() - first));
        let value = self.value();
        self.items.push(value);
        self.path.pop();
    }

    fn object(&mut self) -> NodeKind {
        let start = self.at;
        self.at += 1;
        self.open.push(b'}');
        self.forgive = false;
        let first = self.members.len();
        let mut seen = Seen::default();
        let mut comma = None;
        loop {
            self.skip_trivia();
            match self.peek() {
                None => {
                    self.unclosed(start, "object", '}');
                    break;
                }
                Some(b'}') => {
                    self.at += 1;
                    self.trailing(comma);
                    self.forgive = false;
                    break;
                }
                Some(b']') if self.open.contains(&b']') => {
                    self.unclosed(start, "object", '}');
                    break;
                }
                Some(b']') => self.unexpected(),
                Some(b',') => {
                    if self.members.len() == first || comma.is_some() {
                        self.unexpected();
                    } else {
                        comma = Some(self.at);
                        self.at += 1;
                    }
                    self.forgive = false;
                }
                Some(b':' | b'[' | b'{') => {
                    let colon = self.peek() == Some(b':');
                    if !self.forgive {
                        self.problem(
                            code::KEY_MISSING,
                            self.at..self.at + 1,
                            "a value in an object needs a key before it",
                        );
                    }
                    if colon {
                        self.at += 1;
                        self.skip_trivia();
                    }
                    if !matches!(self.peek(), None | Some(b',' | b':' | b'}' | b']')) {
                        self.value();
                    }
                    comma = None;
                    self.forgive = true;
                }
                Some(_) => {
                    if self.members.len() > first && comma.is_none() {
                        self.missing_comma();
                    }
                    comma = None;
                    self.forgive = false;
                    if let Some(member) = self.member() {
                        if seen.has(&self.members[first..], &member.key) {
                            self.duplicate(&member);
                        }
                        self.members.push(member);
                    }
                }
            }
        }
        self.open.pop();
        NodeKind::Object(self.members.drain(first..).collect())
    }

    /// Reads a key and its value.
    fn member(&mut self) -> Option<Member> {
        let start = self.at;
        let key = match self.peek() {
            Some(quote @ (b'"' | b'\'')) => self.string(quote),
            _ => {
                let end = word_end(self.text, start);
                let word = &self.text[start..end];
                if word.is_empty() {
                    self.unexpected();
                    return None;
                }
                self.at = end;
                self.problem(code::QUOTES, start..end, "a key is written in double quotes");
                self.suggest(format!("write \"{word}\""));
                let quoted = format!("\"{word}\"");
                let title = format!("Write {quoted}");
                self.fix(title, TextEdit { span: start..end, replacement: quoted });
                Text::new(word)
            }
        };
        let key_span = start..self.at;
        let broken = std::mem::take(&mut self.forgive);
        self.skip_trivia();
        self.path.push(Step::Key(key.clone()));
        let value = if self.peek() == Some(b':') {
            self.at += 1;
            let after_colon = self.at;
            self.skip_trivia();
            if self.at_key() { self.no_value(after_colon, true) } else { self.value() }
        } else if matches!(self.peek(), None | Some(b',' | b'}' | b']')) || self.at_key() {
            self.no_value(key_span.end, !broken)
        } else {
            if !broken {
                let end = key_span.end;
                self.problem(code::COLON_MISSING, end..end, "a colon is missing after the key");
                self.fix("Add a colon", TextEdit::insert(end, ":"));
            }
            self.value()
        };
        self.path.pop();
        Some(Member { key, key_span, value })
    }

    /// A member without a value.
    fn no_value(&mut self, at: usize, say: bool) -> Node {
        if say {
            self.problem(code::VALUE_MISSING, at..at, "a value is missing here");
        }
        // What comes next starts a member of its own; that no comma stands
        // before it is part of the same mistake.
        self.forgive = true;
        Node { span: at..at, kind: NodeKind::Missing }
    }

    /// Whether a string with a colon after it stands here.
    fn at_key(&self) -> bool {
        self.peek() == Some(b'"') && {
            let (end, closed) = quoted_end(self.text, self.at);
            closed && self.text[after_trivia(self.text, end)..].starts_with(':')
        }
    }

    fn duplicate(&mut self, member: &Member) {
        self.path.push(Step::Key(member.key.clone()));
        self.problems.push(
            Diagnostic::warning(
                code::KEY_DUPLICATE,
                Path(self.path.clone()),
                member.key_span.clone(),
                format!("`{}` is written twice in this object; only the last counts", member.key),
            )
            .suggest("remove one of them"),
        );
        self.path.pop();
    }

    fn unclosed(&mut self, start: usize, what: &str, bracket: char) {
        // At the end of the text everything open is unclosed; once is enough.
        if self.peek().is_some() || !self.ended {
            self.problem(code::UNCLOSED, start..start + 1, format!("the {what} is not closed"));
            self.suggest(format!("close it with `{bracket}`"));
            let end = self.text[..self.at].trim_end().len();
            self.fix(format!("Add `{bracket}`"), TextEdit::insert(end, bracket));
        }
        self.ended |= self.peek().is_none();
    }

    fn unexpected(&mut self) {
        let c = self.text[self.at..].chars().next().unwrap_or_default();
        let start = self.at;
        self.at += c.len_utf8();
        if !self.forgive {
            self.problem(code::UNEXPECTED, start..self.at, format!("`{c}` does not belong here"));
        }
        self.forgive = true;
    }

    fn trailing(&mut self, comma: Option<usize>) {
        if let Some(at) = comma {
            self.problems.push(Diagnostic {
                severity: Severity::Warning,
                ..Diagnostic::error(
                    code::COMMA_TRAILING,
                    Path(self.path.clone()),
                    at..at + 1,
                    "nothing follows this comma",
                )
                .suggest("remove it: strict JSON does not allow it")
                .fix("Remove the comma", vec![TextEdit::delete(at..at + 1)])
            });
        }
    }

    fn missing_comma(&mut self) {
        if !self.forgive {
            let end = self.text[..self.at].trim_end().len();
            self.problem(code::COMMA_MISSING, end..end, "a comma is missing before the next value");
            self.fix("Add a comma", TextEdit::insert(end, ","));
        }
    }
}

/// The keys of an object so far: few are compared one by one.
#[derive(Default)]
struct Seen(FxHashSet<Text>);

impl Seen {
    const FEW: usize = 12;

    /// Whether one of the members, which are those since the last time and one
    /// more, has a key.
    fn has(&mut self, members: &[Member], key: &Text) -> bool {
        if members.len() < Seen::FEW {
            return members.iter().any(|member| member.key == *key);
        }
        if self.0.is_empty() {
            self.0.extend(members.iter().map(|member| member.key.clone()));
        }
        !self.0.insert(key.clone())
    }
}
