//! Entities read one by one from a stream, however long it is.

use std::io::{self, BufRead, BufReader, Read};

use crate::{Entity, NotAnEntity, TransitError, Value};

/// Why the next entity of a stream cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The stream broke. Nothing more can be read.
    #[error("the stream broke after {read} entities: {cause}")]
    Io {
        /// How many entities came before.
        read: u64,
        /// What the system says.
        cause: io::Error,
    },
    /// The text is not a JSON array of entities, an entity, or entities one
    /// after the other. Nothing more can be read.
    #[error("after {read} entities: {what}")]
    Shape {
        /// How many entities came before.
        read: u64,
        /// What was found.
        what: &'static str,
    },
    /// The text of one entity is not JSON. The next one can be read.
    #[error("entity {index} of the stream: {cause}")]
    Json {
        /// Counted from 0.
        index: u64,
        /// Where in its text, and what.
        cause: TransitError,
    },
    /// A dict of the stream is not an entity. The next one can be read.
    #[error("entity {index} of the stream: {cause}")]
    NotAnEntity {
        /// Counted from 0.
        index: u64,
        /// What it lacks.
        cause: NotAnEntity,
    },
}

/// The largest text of one entity that is taken in, in bytes.
const LARGEST: usize = 512 << 20;

/// Entities of a JSON array, of one JSON object, or of objects one after the
/// other (NDJSON), whichever the stream turns out to hold.
///
/// Only one entity's text is in memory at a time.
pub struct Entities<R> {
    from: BufReader<R>,
    state: State,
    index: u64,
    text: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    InArray,
    Loose,
    Done,
}

impl<R: Read> Entities<R> {
    /// Reads from a stream.
    pub fn new(from: R) -> Entities<R> {
        Entities { from: BufReader::new(from), state: State::Start, index: 0, text: Vec::new() }
    }

    fn shape(&mut self, what: &'static str) -> StreamError {
        self.state = State::Done;
        StreamError::Shape { read: self.index, what }
    }

    fn broke(&mut self, cause: io::Error) -> StreamError {
        self.state = State::Done;
        StreamError::Io { read: self.index, cause }
    }

    /// The next byte that is not white space, left unread.
    fn peek(&mut self) -> io::Result<Option<u8>> {
        loop {
            let buffer = self.from.fill_buf()?;
            if buffer.is_empty() {
                return Ok(None);
            }
            match buffer.iter().position(|byte| !byte.is_ascii_whitespace()) {
                Some(at) => {
                    let byte = buffer[at];
                    self.from.consume(at);
                    return Ok(Some(byte));
                }
                None => {
                    let all = buffer.len();
                    self.from.consume(all);
                }
            }
        }
    }

    /// Moves to the next entity. `false` at the end.
    fn advance(&mut self) -> Result<bool, StreamError> {
        let next = self.peek().map_err(|cause| self.broke(cause))?;
        match (self.state, next) {
            (State::Done, _) => Ok(false),
            (State::Start, Some(b'[')) => {
                self.from.consume(1);
                self.state = State::InArray;
                match self.peek().map_err(|cause| self.broke(cause))? {
                    Some(b']') => self.close(),
                    Some(_) => Ok(true),
                    None => Err(self.shape("the JSON array does not end")),
                }
            }
            (State::Start | State::Loose, None) => {
                self.state = State::Done;
                Ok(false)
            }
            (State::Start | State::Loose, Some(b'{')) => {
                self.state = State::Loose;
                Ok(true)
            }
            (State::Start | State::Loose, Some(_)) => {
                Err(self.shape("expected a JSON array of entities or an entity"))
            }
            (State::InArray, Some(b']')) => self.close(),
            (State::InArray, Some(b',')) => {
                self.from.consume(1);
                match self.peek().map_err(|cause| self.broke(cause))? {
                    Some(b']') | None => Err(self.shape("expected an entity after the comma")),
                    Some(_) => Ok(true),
                }
            }
            (State::InArray, Some(_)) => Err(self.shape("expected a comma between entities")),
            (State::InArray, None) => Err(self.shape("the JSON array does not end")),
        }
    }

    fn close(&mut self) -> Result<bool, StreamError> {
        self.from.consume(1);
        let rest = self.peek().map_err(|cause| self.broke(cause))?;
        if rest.is_some() {
            return Err(self.shape("more text follows the JSON array"));
        }
        self.state = State::Done;
        Ok(false)
    }

    /// Takes the text of one value into `self.text`.
    fn take_value(&mut self) -> Result<(), StreamError> {
        self.text.clear();
        let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
        loop {
            let buffer = match self.from.fill_buf() {
                Ok(buffer) => buffer,
                Err(cause) => return Err(self.broke(cause)),
            };
            if buffer.is_empty() {
                return match depth {
                    0 if !in_string && !self.text.is_empty() => Ok(()),
                    _ => Err(self.shape("the text ends inside an entity")),
                };
            }
            let mut end = None;
            for (at, byte) in buffer.iter().enumerate() {
                match byte {
                    _ if escaped => escaped = false,
                    b'\\' if in_string => escaped = true,
                    b'"' => in_string = !in_string,
                    _ if in_string => {}
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' if depth > 0 => {
                        depth -= 1;
                        if depth == 0 {
                            end = Some(at + 1);
                            break;
                        }
                    }
                    // A scalar where an entity is expected ends here.
                    b',' | b']' | b'}' if depth == 0 => {
                        end = Some(at);
                        break;
                    }
                    _ => {}
                }
            }
            let taken = end.unwrap_or(buffer.len());
            self.text.extend_from_slice(&buffer[..taken]);
            self.from.consume(taken);
            if end.is_some() {
                return Ok(());
            }
            if self.text.len() > LARGEST {
                return Err(self.shape("one entity is larger than 512 MiB"));
            }
        }
    }
}

impl<R: Read> Iterator for Entities<R> {
    type Item = Result<Entity, StreamError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.advance() {
            Ok(true) => {}
            Ok(false) => return None,
            Err(error) => return Some(Err(error)),
        }
        if let Err(error) = self.take_value() {
            return Some(Err(error));
        }
        let index = self.index;
        self.index += 1;
        Some(match Value::from_transit(&self.text) {
            Ok(value) => {
                Entity::from_value(value).map_err(|cause| StreamError::NotAnEntity { index, cause })
            }
            Err(cause) => Err(StreamError::Json { index, cause }),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn ids(text: &str) -> Vec<Result<String, String>> {
        // One byte at a time, so that every border inside the text is met.
        struct Slow<'a>(&'a [u8]);
        impl Read for Slow<'_> {
            fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
                let n = usize::from(!self.0.is_empty());
                to[..n].copy_from_slice(&self.0[..n]);
                self.0 = &self.0[n..];
                Ok(n)
            }
        }
        Entities::new(Slow(text.as_bytes()))
            .map(|entity| entity.map(|e| e.id().to_string()).map_err(|e| e.to_string()))
            .collect()
    }

    #[test]
    fn arrays_single_entities_and_lines() {
        let two = vec![Ok("a".to_owned()), Ok("b".to_owned())];
        assert_eq!(ids(r#" [ {"_id":"a","x":"]}\""} , {"_id":"b"} ] "#), two);
        assert_eq!(ids("{\"_id\":\"a\"}\n{\"_id\":\"b\"}\n"), two);
        assert_eq!(ids(r#"{"_id":"a"}"#).len(), 1);
        assert_eq!(ids("[]").len(), 0);
        assert_eq!(ids("").len(), 0);
    }

    #[test]
    fn one_bad_entity_does_not_hide_the_next() {
        let read = ids(r#"[{"x":1},{"_id":1},7,{"_id":"ok"}]"#);
        assert_eq!(read.len(), 4);
        assert!(read[..3].iter().all(Result::is_err));
        assert_eq!(read[3], Ok("ok".to_owned()));
    }

    #[test]
    fn a_cut_stream_is_an_error() {
        for text in ["[", r#"[{"_id":"a"}"#, r#"[{"_id":"a"},"#, r#"[{"_id":"#, "nope"] {
            assert!(ids(text).last().unwrap().is_err(), "{text}");
        }
        assert!(ids(r#"[{"_id":"a"}] x"#)[1].is_err());
    }
}
