//! From values to transit JSON.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::ser::{Error, SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::{Dict, Value, number};

impl Value {
    /// The value in transit JSON. Numbers that are none (`NaN`, infinity) are
    /// written as null.
    pub fn to_transit(&self) -> String {
        // Names are strings and no value refuses to be written.
        serde_json::to_string(self).unwrap_or_else(|_| "null".to_owned())
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
