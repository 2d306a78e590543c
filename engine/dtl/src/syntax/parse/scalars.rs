//! Numbers, words and strings.

use std::ops::Range;

use pipewright_entity::Text;

use super::super::{NodeKind, TextEdit, code};
use super::Parser;

impl Parser<'_> {
    pub(super) fn number(&mut self) -> NodeKind {
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
    pub(super) fn word(&mut self) -> NodeKind {
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
    pub(super) fn string(&mut self, quote: u8) -> Text {
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

/// The character of the `\u` and four digits (or a surrogate pair of them) that a text
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
pub(super) fn quoted_end(text: &str, start: usize) -> (usize, bool) {
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
pub(super) fn word_end(text: &str, start: usize) -> usize {
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
