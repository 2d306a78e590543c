//! From transit JSON to values.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiter::{Jiter, JiterError, NumberAny, NumberInt, Peek};
use uuid::Uuid;

use crate::{Dict, MAX_DEPTH, Text, Value, number};

/// The text is not JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not JSON at line {line}, column {column}: {what}")]
pub struct TransitError {
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1.
    pub column: usize,
    /// What is wrong there.
    pub what: String,
}

impl Value {
    /// Reads one value in transit JSON, which must be all there is.
    pub fn from_transit(text: &[u8]) -> Result<Value, TransitError> {
        read(text, typed_string)
    }

    /// Reads one value in plain JSON, which must be all there is. Strings are
    /// strings, whatever they look like.
    pub fn from_plain_json(text: &[u8]) -> Result<Value, TransitError> {
        read(text, |text| Value::String(Text::new(text)))
    }

    /// Reads a JSON value whose strings may carry transit marks.
    pub fn from_json(json: &serde_json::Value) -> Value {
        match json {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(value) => Value::Bool(*value),
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(small) => Value::Int(small),
                None => match number.as_u64() {
                    Some(large) => Value::integer(large.into()),
                    None => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
                },
            },
            serde_json::Value::String(text) => typed_string(text),
            serde_json::Value::Array(items) => Value::list(items.iter().map(Value::from_json)),
            serde_json::Value::Object(members) => Value::dict(
                members
                    .iter()
                    .map(|(name, value)| (Text::new(name), Value::from_json(value)))
                    .collect(),
            ),
        }
    }
}

/// What a JSON string stands for: the typed value its mark names, or itself.
pub fn typed_string(text: &str) -> Value {
    let typed = || {
        let rest = text.strip_prefix('~')?;
        let mark = rest.chars().next()?;
        let body = &rest[mark.len_utf8()..];
        Some(match mark {
            'f' => Value::decimal(number::parse_decimal(body)?),
            't' => Value::DateTime(body.parse().ok()?),
            'r' => Value::Uri(Text::new(body)),
            'u' if body.len() == 36 => Value::Uuid(Uuid::try_parse(body).ok()?),
            'b' => Value::bytes(STANDARD.decode(body).ok()?),
            ':' => Value::Ni(Text::new(body)),
            _ => return None,
        })
    };
    typed().unwrap_or_else(|| Value::String(Text::new(text)))
}

/// Reads objects that are alike, such as the lines of a file, and of each only
/// the properties that somebody wants.
#[derive(Debug, Default)]
pub struct Objects {
    /// How many properties the last one had.
    size: usize,
}

impl Objects {
    /// Reads one value in transit JSON, which must be all there is. Of an
    /// object the properties that are not wanted are left out.
    pub fn read(&mut self, text: &[u8], wanted: impl Wanted) -> Result<Value, TransitError> {
        let value = located(text, |reader| {
            let first = reader.peek()?;
            let value = read_value(reader, first, 0, self.size, typed_string, wanted)?;
            reader.finish()?;
            Ok(value)
        })?;
        // More is taken for the next one than most need only if this one was
        // large for no reason.
        self.size = value.as_dict().map_or(0, |dict| dict.len().min(256));
        Ok(value)
    }
}

/// Says which properties of an object are to be read.
pub trait Wanted: Copy {
    /// What is wanted of the value of a property; `None` if nothing is, and
    /// the property is to be left out.
    fn below(self, name: &str) -> Option<Self>;
}

/// All properties are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Everything;

impl Wanted for Everything {
    fn below(self, _: &str) -> Option<Everything> {
        Some(Everything)
    }
}

enum Fault {
    Json(jiter::JsonError),
    TooDeep,
    TooLarge,
}

impl From<JiterError> for Fault {
    fn from(error: JiterError) -> Fault {
        let error_type = match error.error_type {
            jiter::JiterErrorType::JsonError(error_type) => error_type,
            // Only asked-for types can mismatch, and every type is peeked at first.
            jiter::JiterErrorType::WrongType { .. } => jiter::JsonErrorType::ExpectedSomeValue,
        };
        Fault::Json(jiter::JsonError { error_type, index: error.index })
    }
}

fn read(text: &[u8], string: impl Fn(&str) -> Value + Copy) -> Result<Value, TransitError> {
    located(text, |reader| read_all(reader, string))
}

/// Reads from a text, and says of what is wrong with it where that is.
fn located(
    text: &[u8],
    read: impl FnOnce(&mut Jiter<'_>) -> Result<Value, Fault>,
) -> Result<Value, TransitError> {
    let mut reader = Jiter::new(text);
    read(&mut reader).map_err(|fault| {
        let (index, what) = match fault {
            Fault::Json(error) => (error.index, error.error_type.to_string()),
            Fault::TooDeep => (reader.current_index(), "nested too deep".to_owned()),
            Fault::TooLarge => (reader.current_index(), "a number is too large".to_owned()),
        };
        let at = reader.error_position(index);
        TransitError { line: at.line, column: at.column, what }
    })
}

fn read_all(reader: &mut Jiter<'_>, string: impl Fn(&str) -> Value + Copy) -> Result<Value, Fault> {
    let first = reader.peek()?;
    let value = read_value(reader, first, 0, 0, string, Everything)?;
    reader.finish()?;
    Ok(value)
}

/// `string` says what a JSON string becomes, `size` how many properties an
/// object is expected to have.
fn read_value(
    reader: &mut Jiter<'_>,
    next: Peek,
    depth: usize,
    size: usize,
    string: impl Fn(&str) -> Value + Copy,
    wanted: impl Wanted,
) -> Result<Value, Fault> {
    if depth > MAX_DEPTH {
        return Err(Fault::TooDeep);
    }
    Ok(match next {
        Peek::Null => {
            reader.known_null()?;
            Value::Null
        }
        Peek::True | Peek::False => Value::Bool(reader.known_bool(next)?),
        Peek::String => string(reader.known_str()?),
        Peek::Array => {
            let mut items = Vec::new();
            let mut item = reader.known_array()?;
            while let Some(next) = item {
                items.push(read_value(reader, next, depth + 1, 0, string, wanted)?);
                item = reader.array_step()?;
            }
            Value::List(Arc::new(items))
        }
        Peek::Object => {
            let mut dict = Dict::with_capacity(size);
            let mut name = reader.known_object()?;
            while let Some(this) = name {
                match wanted.below(this) {
                    Some(wanted) => {
                        let this = Text::new(this);
                        let next = reader.peek()?;
                        let value = read_value(reader, next, depth + 1, 0, string, wanted)?;
                        dict.insert(this, value);
                    }
                    None => reader.next_skip()?,
                }
                name = reader.next_key()?;
            }
            Value::Dict(Arc::new(dict))
        }
        _ => {
            let start = reader.current_index();
            match reader.known_number(next)? {
                NumberAny::Int(NumberInt::Int(number)) => Value::Int(number),
                NumberAny::Int(NumberInt::BigInt(number)) => Value::integer(number),
                NumberAny::Float(number) if number.is_finite() => Value::Float(number),
                // No float is that large: nothing of it is to be lost.
                NumberAny::Float(_) => {
                    let text = std::str::from_utf8(reader.slice_to_current(start)).ok();
                    let decimal = text.and_then(number::parse_decimal);
                    Value::decimal(decimal.ok_or(Fault::TooLarge)?)
                }
            }
        }
    })
}
