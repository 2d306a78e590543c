//! From text to tree, without ever giving up.

use std::ops::Range;

use pipewright_entity::{MAX_DEPTH, Text};
use rustc_hash::FxHashSet;

use super::settle::settle;
use super::{Diagnostic, Fix, Member, Node, NodeKind, Path, Severity, Step, TextEdit, code};

/// Reads the tree and everything that is wrong.
pub(super) fn parse(text: &str) -> (Option<Node>, Vec<Diagnostic>) {
    let mut parser = Parser {
        text,
        at: if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 },
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
    let blank = rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
    if blank > 0 {
        Some(at..at + blank)
    } else if rest.starts_with("//") {
        Some(at..at + rest.find('\n').unwrap_or(rest.len()))
    } else {
        let comment = rest.strip_prefix("/*")?;
        Some(at..at + comment.find("*/").map_or(rest.len(), |end| end + 4))
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
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
        while let Some(span) = trivium(self.text, self.at) {
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
        let mut items = Vec::new();
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
                    if !self.forgive && (items.is_empty() || comma.is_some()) {
                        self.path.push(Step::Index(items.len()));
                        items.push(self.value());
                        self.path.pop();
                    }
                    self.forgive = false;
                    comma = Some(self.at);
                    self.at += 1;
                }
                Some(_) => {
                    if !items.is_empty() && comma.is_none() {
                        self.missing_comma();
                    }
                    comma = None;
                    self.forgive = false;
                    self.path.push(Step::Index(items.len()));
                    items.push(self.value());
                    self.path.pop();
                }
            }
        }
        self.open.pop();
        NodeKind::Array(items.into())
    }

    fn object(&mut self) -> NodeKind {
        let start = self.at;
        self.at += 1;
        self.open.push(b'}');
        self.forgive = false;
        let mut members: Vec<Member> = Vec::new();
        let mut seen = FxHashSet::default();
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
                    if members.is_empty() || comma.is_some() {
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
                    if !members.is_empty() && comma.is_none() {
                        self.missing_comma();
                    }
                    comma = None;
                    self.forgive = false;
                    if let Some(member) = self.member() {
                        if !seen.insert(member.key.clone()) {
                            self.duplicate(&member);
                        }
                        members.push(member);
                    }
                }
            }
        }
        self.open.pop();
        NodeKind::Object(members.into())
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

    fn number(&mut self) -> NodeKind {
        let start = self.at;
        let bytes = self.text.as_bytes();
        while matches!(
            self.peek(),
            Some(b'-' | b'+' | b'.' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z')
        ) {
            self.at += 1;
        }
        if is_number(&bytes[start..self.at]) {
            return NodeKind::Number;
        }
        let text = &self.text[start..self.at];
        self.problem(code::NUMBER, start..self.at, format!("`{text}` is not a number"));
        NodeKind::Missing
    }

    /// `true`, `false`, `null`, or something that is no value.
    fn word(&mut self) -> NodeKind {
        let start = self.at;
        let end = word_end(self.text, start);
        if end == start {
            self.unexpected();
            return NodeKind::Missing;
        }
        self.at = end;
        let word = &self.text[start..end];
        let meant = match word {
            "null" => return NodeKind::Null,
            "true" => return NodeKind::Bool(true),
            "false" => return NodeKind::Bool(false),
            "True" | "TRUE" => "true",
            "False" | "FALSE" => "false",
            "None" | "Null" | "NULL" | "nil" | "undefined" => "null",
            _ => "",
        };
        self.problem(code::QUOTES, start..end, format!("`{word}` is not a value"));
        self.suggest(match meant {
            "" => format!("write \"{word}\" if it is text"),
            meant => format!("write {meant}"),
        });
        let replacement = if meant.is_empty() { format!("\"{word}\"") } else { meant.to_owned() };
        let title = format!("Write {replacement}");
        self.fix(title, TextEdit { span: start..end, replacement });
        NodeKind::Missing
    }

    /// Reads a string. One that is not closed ends with its line.
    fn string(&mut self, quote: u8) -> Text {
        let start = self.at;
        let (end, closed) = quoted_end(self.text, start);
        self.at = end;
        let inner = start + 1..if closed { end - 1 } else { end };
        if !closed {
            self.problem(code::UNCLOSED, start..end, "the string is not closed on its line");
            self.suggest(format!("close it with `{}`", char::from(quote)));
            self.fix("Close the string", TextEdit::insert(end, char::from(quote)));
            self.forgive = true;
        } else if quote == b'\'' {
            self.problem(code::QUOTES, start..end, "a string is written in double quotes");
            self.suggest("replace the single quotes by double quotes");
            let inside = &self.text[inner.clone()];
            if !inside.contains(['"', '\\']) {
                let replacement = format!("\"{inside}\"");
                self.fix("Write double quotes", TextEdit { span: start..end, replacement });
            }
        }
        self.unescape(inner)
    }

    fn unescape(&mut self, span: Range<usize>) -> Text {
        let raw = &self.text[span.clone()];
        if !raw.bytes().any(|byte| byte == b'\\' || byte < 0x20) {
            return Text::new(raw);
        }
        let mut text = String::with_capacity(raw.len());
        let mut chars = raw.char_indices();
        while let Some((at, c)) = chars.next() {
            let from = span.start + at;
            if c < ' ' {
                self.problem(
                    code::CONTROL_CHARACTER,
                    from..from + 1,
                    format!("a control character (U+{:04X}) inside a string", u32::from(c)),
                );
                self.suggest(format!("write \\u{:04x}", u32::from(c)));
            }
            if c != '\\' {
                text.push(c);
                continue;
            }
            let escape = chars.next().map(|(_, c)| c);
            let resolved = match escape {
                Some(c @ ('"' | '\\' | '/')) => c,
                Some('b') => '\u{8}',
                Some('f') => '\u{c}',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some('u') => {
                    let (c, length) = unicode_escape(&raw[at..]);
                    // The two bytes of `\u` are already taken.
                    for _ in 2..length {
                        chars.next();
                    }
                    c.unwrap_or_else(|| {
                        self.problem(
                            code::ESCAPE,
                            from..from + length,
                            "not a character: `\\u` is followed by four hex digits",
                        );
                        char::REPLACEMENT_CHARACTER
                    })
                }
                other => {
                    let width = 1 + other.map_or(0, char::len_utf8);
                    self.problem(code::ESCAPE, from..from + width, "JSON has no such escape");
                    self.suggest("write `\\\\` for a backslash");
                    text.push('\\');
                    match other {
                        Some(other) => other,
                        None => continue,
                    }
                }
            };
            text.push(resolved);
        }
        Text::from(text)
    }
}

/// The character of the `\uXXXX` (or a surrogate pair of them) that a text
/// begins with, and how many bytes it takes; all of them ASCII.
fn unicode_escape(text: &str) -> (Option<char>, usize) {
    let unit = |at: usize| {
        let hex = text.get(at..at + 6)?.strip_prefix("\\u")?;
        hex.bytes()
            .all(|byte| byte.is_ascii_hexdigit())
            .then(|| u32::from_str_radix(hex, 16).ok())?
    };
    match unit(0) {
        None => {
            let digits = text.bytes().skip(2).take(4).take_while(u8::is_ascii_hexdigit).count();
            (None, 2 + digits)
        }
        Some(high @ 0xD800..=0xDBFF) => match unit(6) {
            Some(low @ 0xDC00..=0xDFFF) => {
                (char::from_u32(0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00)), 12)
            }
            _ => (None, 6),
        },
        Some(unit) => (char::from_u32(unit), 6),
    }
}

/// The offset after the quoted text that begins at `start`, and whether its
/// closing quote was there; without one, the text ends with its line.
fn quoted_end(text: &str, start: usize) -> (usize, bool) {
    let bytes = text.as_bytes();
    let quote = bytes[start];
    let mut at = start + 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'\\' if matches!(bytes.get(at + 1), Some(next) if *next != b'\n' && *next != b'\r') => {
                at += 1;
            }
            b'\n' => break,
            _ if byte == quote => return (at + 1, true),
            _ => {}
        }
        at += 1;
    }
    let line = text[start..at].strip_suffix('\r').unwrap_or(&text[start..at]);
    (start + line.len(), false)
}

/// The offset after the bare word at `start`.
fn word_end(text: &str, start: usize) -> usize {
    let word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '$' | '.');
    start + (text.len() - start - text[start..].trim_start_matches(word).len())
}

/// JSON's grammar of numbers.
fn is_number(text: &[u8]) -> bool {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let whole = digits(text);
    if whole == 0 || (whole > 1 && text[0] == b'0') {
        return false;
    }
    let mut rest = &text[whole..];
    if let Some(fraction) = rest.strip_prefix(b".") {
        let length = digits(fraction);
        if length == 0 {
            return false;
        }
        rest = &fraction[length..];
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent =
            exponent.strip_prefix(b"-").or_else(|| exponent.strip_prefix(b"+")).unwrap_or(exponent);
        let length = digits(exponent);
        return length > 0 && length == exponent.len();
    }
    rest.is_empty()
}
