//! The order of values of any type, and the equality of DTL's `eq`.
//!
//! null < boolean < number < date < UUID < NI < URI < string < dict < tuple <
//! bytes (documentation page `hub/documentation/data-management/entity-data-model`);
//! lists, which have no rank of their own, are ordered as tuples. Strings order
//! by code point. Two values compare equal exactly when their [`Key`]s are the
//! same bytes: `1`, `1.0` and decimal `1` are one value, a date is one value
//! with the midnight it begins with. Joins, indexes and merges all use these keys.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::ops::Deref;

use crate::number::{self, Reading};
use crate::{Dict, Text, Value};

/// The equality class of a value as bytes: equal keys, equal values.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(Box<[u8]>);

impl Key {
    /// A key read back from where it was stored.
    pub fn from_bytes(bytes: impl Into<Box<[u8]>>) -> Key {
        Key(bytes.into())
    }
}

impl Deref for Key {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Borrow<[u8]> for Key {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl Value {
    /// The total order over values of all types.
    pub fn compare(&self, other: &Value) -> Ordering {
        match (self, other) {
            (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
            (a, b) if a.is_number() && b.is_number() => number::compare(a, b),
            (Value::DateTime(a), Value::DateTime(b)) => a.utc().cmp(&b.utc()),
            (Value::Uuid(a), Value::Uuid(b)) => a.cmp(b),
            (Value::Ni(a), Value::Ni(b))
            | (Value::Uri(a), Value::Uri(b))
            // UTF-8 bytes order as code points do.
            | (Value::String(a), Value::String(b)) => a.cmp(b),
            (Value::Dict(a), Value::Dict(b)) => compare_dicts(a, b),
            (Value::Bytes(a), Value::Bytes(b)) => a.cmp(b),
            (a, b) => match (a.as_list(), b.as_list()) {
                (Some(a), Some(b)) => compare_lists(a, b),
                _ => rank(a).cmp(&rank(b)),
            },
        }
    }

    /// Whether two values are one to DTL's `eq`.
    pub fn same(&self, other: &Value) -> bool {
        self.compare(other).is_eq()
    }

    /// The key of this value's equality class.
    pub fn key(&self) -> Key {
        let mut bytes = Vec::with_capacity(24);
        self.write_key(&mut bytes);
        Key(bytes.into_boxed_slice())
    }

    /// Appends the key of this value's equality class. No key is the beginning
    /// of another, so keys may be written one after the other.
    pub fn write_key(&self, to: &mut Vec<u8>) {
        to.push(rank(self));
        match self {
            Value::Null => {}
            Value::Bool(value) => to.push(u8::from(*value)),
            Value::Int(_) | Value::BigInt(_) | Value::Float(_) | Value::Decimal(_) => {
                if let Some(reading) = Reading::of(self) {
                    write_number(&reading, to);
                }
            }
            Value::DateTime(value) => to.extend(value.as_nanosecond().to_be_bytes()),
            Value::Uuid(value) => to.extend(value.as_bytes()),
            Value::Ni(text) | Value::Uri(text) | Value::String(text) => {
                write_bytes(text.as_bytes(), to);
            }
            Value::Bytes(bytes) => write_bytes(bytes, to),
            Value::Dict(dict) => {
                write_length(dict.len(), to);
                for (name, value) in sorted(dict) {
                    write_bytes(name.as_bytes(), to);
                    value.write_key(to);
                }
            }
            Value::List(items) | Value::Tuple(items) => {
                write_length(items.len(), to);
                for item in items.iter() {
                    item.write_key(to);
                }
            }
        }
    }
}

/// The properties of a dict ordered by name.
pub(crate) fn sorted(dict: &Dict) -> Vec<(&Text, &Value)> {
    let mut properties: Vec<_> = dict.iter().collect();
    properties.sort_unstable_by(|a, b| a.0.cmp(b.0));
    properties
}

fn rank(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Int(_) | Value::BigInt(_) | Value::Float(_) | Value::Decimal(_) => 2,
        Value::DateTime(_) => 3,
        Value::Uuid(_) => 4,
        Value::Ni(_) => 5,
        Value::Uri(_) => 6,
        Value::String(_) => 7,
        Value::Dict(_) => 8,
        Value::List(_) | Value::Tuple(_) => 9,
        Value::Bytes(_) => 10,
    }
}

fn compare_lists(a: &[Value], b: &[Value]) -> Ordering {
    a.iter()
        .zip(b)
        .map(|(a, b)| a.compare(b))
        .find(|order| order.is_ne())
        .unwrap_or_else(|| a.len().cmp(&b.len()))
}

fn compare_dicts(a: &Dict, b: &Dict) -> Ordering {
    let (a, b) = (sorted(a), sorted(b));
    a.iter()
        .zip(&b)
        .map(|(a, b)| a.0.cmp(b.0).then_with(|| a.1.compare(b.1)))
        .find(|order| order.is_ne())
        .unwrap_or_else(|| a.len().cmp(&b.len()))
}

fn write_number(reading: &Reading, to: &mut Vec<u8>) {
    match reading {
        Reading::Nan => to.push(0),
        Reading::NegativeInfinity => to.push(1),
        Reading::Infinity => to.push(2),
        Reading::Small(number) => {
            to.push(3);
            to.extend(number.to_be_bytes());
        }
        Reading::Large { negative, digits, scale } => {
            to.push(4);
            to.push(u8::from(*negative));
            to.extend(scale.to_be_bytes());
            write_bytes(digits.as_bytes(), to);
        }
    }
}

fn write_bytes(bytes: &[u8], to: &mut Vec<u8>) {
    write_length(bytes.len(), to);
    to.extend(bytes);
}

fn write_length(length: usize, to: &mut Vec<u8>) {
    crate::binary::write_varint(length as u64, to);
}
