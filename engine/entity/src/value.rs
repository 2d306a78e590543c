//! The value type.

use std::sync::Arc;

use bigdecimal::BigDecimal;
use num_bigint::BigInt;
use num_traits::ToPrimitive;
use uuid::Uuid;

use crate::{DateTime, Dict, Text};

/// Anything an entity can hold.
///
/// Cloning is cheap: strings are inline or shared, lists and dicts are shared.
/// `==` is exact identity of type and content (`1` is not `1.0`); the equality
/// of DTL, joins and indexes is [`Value::same`].
#[derive(Clone, Debug)]
pub enum Value {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number of 64 bits.
    Int(i64),
    /// A whole number that 64 bits cannot hold. Build it with
    /// [`Value::integer`], which keeps the two forms apart.
    BigInt(Arc<BigInt>),
    /// A binary floating point number.
    Float(f64),
    /// A decimal number of any precision (`~f`).
    Decimal(Arc<BigDecimal>),
    /// A point in time (`~t`).
    DateTime(DateTime),
    /// A UUID (`~u`).
    Uuid(Uuid),
    /// A namespaced identifier (`~:`), without the mark.
    Ni(Text),
    /// A URI (`~r`), without the mark.
    Uri(Text),
    /// Text.
    String(Text),
    /// Properties by name.
    Dict(Arc<Dict>),
    /// Values in order.
    List(Arc<Vec<Value>>),
    /// A composite key, made by the DTL function `tuples`; written as a list.
    Tuple(Arc<Vec<Value>>),
    /// Raw bytes (`~b`).
    Bytes(Arc<Vec<u8>>),
}

impl Value {
    /// A string.
    pub fn string(text: impl Into<Text>) -> Value {
        Value::String(text.into())
    }

    /// A list.
    pub fn list(items: impl IntoIterator<Item = Value>) -> Value {
        Value::List(Arc::new(items.into_iter().collect()))
    }

    /// A dict.
    pub fn dict(dict: Dict) -> Value {
        Value::Dict(Arc::new(dict))
    }

    /// A whole number of any size, in the smaller form where it fits.
    pub fn integer(number: BigInt) -> Value {
        match number.to_i64() {
            Some(small) => Value::Int(small),
            None => Value::BigInt(Arc::new(number)),
        }
    }

    /// A decimal number.
    pub fn decimal(number: BigDecimal) -> Value {
        Value::Decimal(Arc::new(number))
    }

    /// Raw bytes.
    pub fn bytes(bytes: Vec<u8>) -> Value {
        Value::Bytes(Arc::new(bytes))
    }

    /// Whether this is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// Whether this is neither a list nor a dict.
    pub fn is_scalar(&self) -> bool {
        !matches!(self, Value::Dict(_) | Value::List(_) | Value::Tuple(_))
    }

    /// Whether this is a number of any type.
    pub fn is_number(&self) -> bool {
        matches!(self, Value::Int(_) | Value::BigInt(_) | Value::Float(_) | Value::Decimal(_))
    }

    /// The text, if this is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The items, if this is a list or a tuple.
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Value::List(items) | Value::Tuple(items) => Some(items),
            _ => None,
        }
    }

    /// The properties, if this is a dict.
    pub fn as_dict(&self) -> Option<&Arc<Dict>> {
        match self {
            Value::Dict(dict) => Some(dict),
            _ => None,
        }
    }

    /// The items of a list, or the value itself as the only one. `null` is one
    /// value here: callers that skip missing values say so themselves.
    pub fn as_slice(&self) -> &[Value] {
        match self {
            Value::List(items) => items,
            other => std::slice::from_ref(other),
        }
    }

    /// What kind of value this is, in the words a user knows.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Int(_) | Value::BigInt(_) => "integer",
            Value::Float(_) => "float",
            Value::Decimal(_) => "decimal",
            Value::DateTime(_) => "datetime",
            Value::Uuid(_) => "UUID",
            Value::Ni(_) => "namespaced identifier",
            Value::Uri(_) => "URI",
            Value::String(_) => "string",
            Value::Dict(_) => "dict",
            Value::List(_) => "list",
            Value::Tuple(_) => "tuple",
            Value::Bytes(_) => "bytes",
        }
    }

    /// The same in a sentence: `an integer`, `null`.
    pub fn described(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Int(_) | Value::BigInt(_) => "an integer",
            Value::Float(_) => "a float",
            Value::Decimal(_) => "a decimal",
            Value::DateTime(_) => "a datetime",
            Value::Uuid(_) => "a UUID",
            Value::Ni(_) => "a namespaced identifier",
            Value::Uri(_) => "a URI",
            Value::String(_) => "a string",
            Value::Dict(_) => "a dict",
            Value::List(_) => "a list",
            Value::Tuple(_) => "a tuple",
            Value::Bytes(_) => "bytes",
        }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Int(a), Value::Int(b)) => a == b,
            (Value::BigInt(a), Value::BigInt(b)) => a == b,
            (Value::Float(a), Value::Float(b)) => {
                a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
            }
            (Value::Decimal(a), Value::Decimal(b)) => {
                a.as_bigint_and_scale() == b.as_bigint_and_scale()
            }
            (Value::DateTime(a), Value::DateTime(b)) => a == b,
            (Value::Uuid(a), Value::Uuid(b)) => a == b,
            (Value::Ni(a), Value::Ni(b))
            | (Value::Uri(a), Value::Uri(b))
            | (Value::String(a), Value::String(b)) => a == b,
            (Value::Dict(a), Value::Dict(b)) => Arc::ptr_eq(a, b) || a == b,
            (Value::List(a), Value::List(b)) | (Value::Tuple(a), Value::Tuple(b)) => {
                Arc::ptr_eq(a, b) || a == b
            }
            (Value::Bytes(a), Value::Bytes(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Value {}

macro_rules! from {
    ($($type:ty => $make:expr;)*) => { $(
        impl From<$type> for Value {
            fn from(from: $type) -> Value {
                #[allow(clippy::redundant_closure_call)]
                ($make)(from)
            }
        }
    )* };
}

from! {
    bool => Value::Bool;
    i64 => Value::Int;
    f64 => Value::Float;
    BigInt => Value::integer;
    BigDecimal => Value::decimal;
    DateTime => Value::DateTime;
    Uuid => Value::Uuid;
    Text => Value::String;
    &str => |text: &str| Value::String(Text::new(text));
    String => |text: String| Value::String(Text::from(text));
    Vec<Value> => Value::list;
    Dict => Value::dict;
}
