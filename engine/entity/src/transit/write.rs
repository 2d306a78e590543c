//! From values to transit JSON.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::ser::{Error, SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::{Dict, Text, Value, number};

impl Value {
    /// The value in transit JSON. Numbers that are none (`NaN`, infinity) are
    /// written as null.
    pub fn to_transit(&self) -> String {
        let mut text = Vec::new();
        write(self, &mut text);
        // What is written consists of whole strings.
        String::from_utf8(text).unwrap_or_default()
    }

    /// The value as JSON with transit marks. A whole number beyond 64 bits has
    /// no place in [`serde_json::Value`] and becomes the decimal of the same value.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Value::BigInt(number) => serde_json::Value::String(format!("~f{number}")),
            Value::List(items) | Value::Tuple(items) => {
                serde_json::Value::Array(items.iter().map(Value::to_json).collect())
            }
            Value::Dict(dict) => serde_json::Value::Object(
                dict.iter().map(|(name, value)| (name.to_string(), value.to_json())).collect(),
            ),
            scalar => serde_json::to_value(scalar).unwrap_or_default(),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => to.serialize_unit(),
            Value::Bool(value) => to.serialize_bool(*value),
            Value::Int(number) => to.serialize_i64(*number),
            Value::BigInt(number) => {
                RawValue::from_string(number.to_string()).map_err(S::Error::custom)?.serialize(to)
            }
            Value::Float(number) => to.serialize_f64(*number),
            Value::Decimal(number) => {
                to.collect_str(&format_args!("~f{}", number::decimal_text(number)))
            }
            Value::DateTime(value) => to.collect_str(&format_args!("~t{value}")),
            Value::Uuid(value) => to.collect_str(&format_args!("~u{value}")),
            Value::Ni(text) => to.collect_str(&format_args!("~:{text}")),
            Value::Uri(text) => to.collect_str(&format_args!("~r{text}")),
            Value::String(text) => to.serialize_str(text),
            Value::Bytes(bytes) => {
                to.collect_str(&format_args!("~b{}", STANDARD.encode(bytes.as_slice())))
            }
            Value::Dict(dict) => serialize_dict(dict, to),
            Value::List(items) | Value::Tuple(items) => {
                let mut list = to.serialize_seq(Some(items.len()))?;
                for item in items.iter() {
                    list.serialize_element(item)?;
                }
                list.end()
            }
        }
    }
}

pub(crate) fn serialize_dict<S: Serializer>(dict: &Dict, to: S) -> Result<S::Ok, S::Error> {
    let mut map = to.serialize_map(Some(dict.len()))?;
    for (name, value) in dict {
        map.serialize_entry(name.as_str(), value)?;
    }
    map.end()
}

/// Appends a value in transit JSON, without white space. The text is the same
/// as that of its `Serialize`, and quicker had.
pub fn write(value: &Value, to: &mut Vec<u8>) {
    match value {
        Value::Null => to.extend_from_slice(b"null"),
        Value::Bool(true) => to.extend_from_slice(b"true"),
        Value::Bool(false) => to.extend_from_slice(b"false"),
        Value::Int(number) => write_integer(*number, to),
        Value::String(text) => {
            to.push(b'"');
            write_escaped(text, to);
            to.push(b'"');
        }
        Value::Ni(text) => write_marked(b':', text, to),
        Value::Uri(text) => write_marked(b'r', text, to),
        Value::Dict(dict) => write_dict(dict, to),
        Value::List(items) | Value::Tuple(items) => {
            to.push(b'[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    to.push(b',');
                }
                write(item, to);
            }
            to.push(b']');
        }
        Value::BigInt(number) => {
            // A vector takes whatever is written to it.
            let _ = write!(to, "{number}");
        }
        Value::Decimal(number) => {
            let _ = write!(to, "\"~f{}\"", number::decimal_text(number));
        }
        Value::DateTime(value) => {
            let _ = write!(to, "\"~t{value}\"");
        }
        Value::Uuid(value) => {
            let _ = write!(to, "\"~u{value}\"");
        }
        Value::Bytes(bytes) => {
            let _ = write!(to, "\"~b{}\"", STANDARD.encode(bytes.as_slice()));
        }
        Value::Float(number) => {
            let _ = serde_json::to_writer(to, number);
        }
    }
}

/// Appends properties as an object in transit JSON, see [`write`].
pub fn write_dict(dict: &Dict, to: &mut Vec<u8>) {
    to.push(b'{');
    for (at, (name, value)) in dict.iter().enumerate() {
        to.extend_from_slice(if at > 0 { b",\"" } else { b"\"" });
        write_escaped(name, to);
        to.extend_from_slice(b"\":");
        write(value, to);
    }
    to.push(b'}');
}

fn write_marked(mark: u8, text: &Text, to: &mut Vec<u8>) {
    to.extend_from_slice(&[b'"', b'~', mark]);
    write_escaped(text, to);
    to.push(b'"');
}

fn write_integer(number: i64, to: &mut Vec<u8>) {
    // The longest is -9223372036854775808.
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = number.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        to.push(b'-');
    }
    to.extend_from_slice(&digits[at..]);
}

/// How a byte stands in a JSON string: 0 as it is, `u` as `\u00XX`, anything
/// else behind a backslash.
static ESCAPES: [u8; 256] = {
    let mut escapes = [0; 256];
    let mut control = 0;
    while control < 0x20 {
        escapes[control] = b'u';
        control += 1;
    }
    escapes[0x08] = b'b';
    escapes[0x09] = b't';
    escapes[0x0a] = b'n';
    escapes[0x0c] = b'f';
    escapes[0x0d] = b'r';
    escapes[b'"' as usize] = b'"';
    escapes[b'\\' as usize] = b'\\';
    escapes
};

fn write_escaped(text: &str, to: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let mut done = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let escape = ESCAPES[usize::from(*byte)];
        if escape == 0 {
            continue;
        }
        to.extend_from_slice(&bytes[done..at]);
        done = at + 1;
        if escape == b'u' {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            let digits = [HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]];
            to.extend_from_slice(b"\\u00");
            to.extend_from_slice(&digits);
        } else {
            to.extend_from_slice(&[b'\\', escape]);
        }
    }
    to.extend_from_slice(&bytes[done..]);
}
