//! Rows of CSV text, one after the other.

use std::io::Read;

use memchr::{memchr, memchr3};
use pipewright_entity::Text;

use super::dialect::Dialect;
use crate::charset::{NoText, TextReader};

/// One row.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Row {
    /// The line on which it begins, counted from 1.
    pub(crate) line: u64,
    pub(crate) fields: Vec<Text>,
}

/// Why there is no next row. Nothing more can be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoRow {
    #[error(transparent)]
    Text(#[from] NoText),
    #[error("line {line}: a quoted field begins here and does not end")]
    Unclosed { line: u64 },
    #[error("line {line}: a field is longer than 64 MiB; is a quote missing?")]
    TooLong { line: u64 },
}

/// The longest field, in bytes of UTF-8.
const LONGEST: usize = 64 << 20;

/// How much text is looked at to find out the dialect.
const SAMPLE: usize = 64 << 10;

/// Reads rows as the common spreadsheet programs do: a field in quotes may hold
/// anything, with quotes doubled; quotes elsewhere are ordinary characters; a
/// row ends with `\n`, `\r` or `\r\n`; empty lines are no rows.
pub(crate) struct Rows<R> {
    text: TextReader<R>,
    dialect: Dialect,
    buffer: String,
    at: usize,
    ended: bool,
    line: u64,
    /// How many fields the last row had.
    width: usize,
    /// Whether a null character was met.
    has_nulls: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Within {
    /// Where a field may begin.
    Start,
    Plain,
    Quoted,
    /// Behind a closing quote.
    Closed,
}

impl<R: Read> Rows<R> {
    pub(crate) fn new(text: TextReader<R>, dialect: Dialect) -> Rows<R> {
        Rows {
            text,
            dialect,
            buffer: String::new(),
            at: 0,
            ended: false,
            line: 1,
            width: 0,
            has_nulls: false,
        }
    }

    /// How fields are told apart, set or found out.
    pub(crate) fn dialect(&self) -> &Dialect {
        &self.dialect
    }

    pub(crate) fn has_replaced(&self) -> bool {
        self.text.has_replaced()
    }

    /// Sets the dialect from the beginning of the text.
    pub(crate) fn sniff(&mut self) -> Result<(), NoRow> {
        while !self.ended && self.buffer.len() < SAMPLE {
            self.more()?;
        }
        if let Some(found) = Dialect::sniff(&self.buffer, self.ended) {
            self.dialect = found;
        }
        Ok(())
    }

    /// Drops what was read and takes in more text. `false` at the end.
    fn refill(&mut self) -> Result<bool, NoRow> {
        if self.ended {
            return Ok(false);
        }
        self.buffer.drain(..self.at);
        self.at = 0;
        self.more()?;
        Ok(!self.ended)
    }

    fn more(&mut self) -> Result<(), NoRow> {
        let before = self.buffer.len();
        self.ended = !self.text.more(&mut self.buffer)?;
        self.has_nulls |= memchr(0, &self.buffer.as_bytes()[before..]).is_some();
        Ok(())
    }

    /// Whether there are null characters in the text so far.
    pub(crate) fn has_nulls(&self) -> bool {
        self.has_nulls
    }

    /// Reads the next row. `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Row>, NoRow> {
        // Enough to see a whole delimiter, or what follows a quote or `\r`.
        let look = self.dialect.delimiter.len().max(2);
        let quote = self.dialect.quote;
        let mut row = Row { line: self.line, fields: Vec::with_capacity(self.width) };
        // What was read of a field that does not lie in the text as it is.
        let mut field = String::new();
        let mut within = Within::Start;
        let mut opened_at = self.line;
        loop {
            while self.buffer.len() - self.at < look && self.refill()? {}
            let rest = &self.buffer[self.at..];
            let bytes = rest.as_bytes();
            let Some(&first) = bytes.first() else {
                if within == Within::Quoted {
                    return Err(NoRow::Unclosed { line: opened_at });
                }
                let nothing = within == Within::Start && row.fields.is_empty();
                row.fields.push(Text::new(&field));
                return Ok((!nothing).then_some(row));
            };
            if field.len() > LONGEST {
                return Err(NoRow::TooLong { line: opened_at });
            }
            let line_end = match first {
                b'\r' if bytes.get(1) == Some(&b'\n') => 2,
                b'\r' | b'\n' => 1,
                _ => 0,
            };
            if within == Within::Quoted {
                if first == quote && bytes.get(1) == Some(&quote) {
                    field.push(char::from(quote));
                    self.at += 2;
                } else if first == quote {
                    within = Within::Closed;
                    self.at += 1;
                } else if line_end > 0 {
                    field.push_str(&rest[..line_end]);
                    self.line += 1;
                    self.at += line_end;
                } else {
                    let plain =
                        bytes.iter().position(|b| *b == quote || matches!(b, b'\r' | b'\n'));
                    let taken = plain.unwrap_or(bytes.len());
                    field.push_str(&rest[..taken]);
                    self.at += taken;
                }
            } else if line_end > 0 {
                self.at += line_end;
                self.line += 1;
                if within == Within::Start && row.fields.is_empty() {
                    row.line = self.line;
                    opened_at = self.line;
                } else {
                    row.fields.push(Text::new(&field));
                    self.width = row.fields.len();
                    return Ok(Some(row));
                }
            } else if rest.starts_with(&*self.dialect.delimiter) {
                self.at += self.dialect.delimiter.len();
                row.fields.push(Text::new(&field));
                field.clear();
                within = Within::Start;
            } else if within == Within::Start && first == quote {
                within = Within::Quoted;
                opened_at = self.line;
                self.at += 1;
            } else {
                // At least one character, then up to what may mean something.
                let delimiter = self.dialect.delimiter.as_bytes();
                let end = memchr3(delimiter[0], b'\r', b'\n', &bytes[1..])
                    .map_or(bytes.len(), |at| at + 1);
                if within == Within::Start && bytes[end..].starts_with(delimiter) {
                    row.fields.push(Text::new(&rest[..end]));
                    self.at += end + delimiter.len();
                } else {
                    field.push_str(&rest[..end]);
                    self.at += end;
                    within = Within::Plain;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::charset::Charset;

    /// Hands out one byte at a time, so that every border is met.
    struct Slow<'a>(&'a [u8]);
    impl Read for Slow<'_> {
        fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
            let n = usize::from(!self.0.is_empty());
            to[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    fn rows(text: &str, delimiter: &str) -> Result<Vec<(u64, Vec<String>)>, NoRow> {
        let utf8 = Charset::named("utf-8").unwrap();
        let read = |slow: bool| {
            let from: Box<dyn Read> =
                if slow { Box::new(Slow(text.as_bytes())) } else { Box::new(text.as_bytes()) };
            let reader = TextReader::new(from, utf8, true);
            let mut rows = Rows::new(reader, Dialect::with_delimiter(delimiter));
            let mut all = Vec::new();
            while let Some(row) = rows.next()? {
                all.push((row.line, row.fields.iter().map(ToString::to_string).collect()));
            }
            Ok(all)
        };
        let (fast, slow) = (read(false), read(true));
        if let (Ok(fast), Ok(slow)) = (&fast, &slow) {
            assert_eq!(fast, slow);
        }
        fast
    }

    fn row(line: u64, fields: &[&str]) -> (u64, Vec<String>) {
        (line, fields.iter().map(|field| (*field).to_owned()).collect())
    }

    #[test]
    fn quotes_hold_delimiters_quotes_and_lines() {
        let text = "a,\"b,c\",\"d \"\"e\"\"\"\r\n\"f\r\ng\",,\r\nh";
        let expected =
            [row(1, &["a", "b,c", "d \"e\""]), row(2, &["f\r\ng", "", ""]), row(4, &["h"])];
        assert_eq!(rows(text, ",").unwrap(), expected);
    }

    #[test]
    fn a_quote_inside_a_field_is_a_character() {
        assert_eq!(rows("5\" nail,\"a\"b\n", ",").unwrap(), [row(1, &["5\" nail", "ab"])]);
    }

    #[test]
    fn empty_lines_are_no_rows_but_count() {
        assert_eq!(rows("\n\r\na\r\rb\n\n", ",").unwrap(), [row(3, &["a"]), row(5, &["b"])]);
        assert_eq!(rows("", ",").unwrap(), []);
        assert_eq!(rows("\"\"\n", ",").unwrap(), [row(1, &[""])]);
    }

    #[test]
    fn a_delimiter_may_be_longer_than_a_character() {
        assert_eq!(rows("a||b|c||\nd", "||").unwrap(), [row(1, &["a", "b|c", ""]), row(2, &["d"])]);
        assert_eq!(rows("a→b", "→").unwrap(), [row(1, &["a", "b"])]);
    }

    #[test]
    fn a_quote_that_never_ends_is_told_where_it_begins() {
        let error = rows("a,b\nc,\"d\ne,f\n", ",").unwrap_err();
        assert!(matches!(error, NoRow::Unclosed { line: 2 }), "{error}");
    }
}
