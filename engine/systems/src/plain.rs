//! Values as plain text, for places that know no types: ids, URLs, columns.

use pipewright_entity::Value;
use pipewright_entity::number::decimal_text;

/// A single value as text, without the marks of transit JSON. `None` for what
/// has no such text: null, bytes, lists and dicts.
pub(crate) fn plain(value: &Value) -> Option<String> {
    Some(match value {
        Value::String(text) | Value::Ni(text) | Value::Uri(text) => text.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Int(number) => number.to_string(),
        Value::BigInt(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Decimal(number) => decimal_text(number),
        Value::DateTime(time) => time.to_string(),
        Value::Uuid(uuid) => uuid.to_string(),
        Value::Null | Value::Bytes(_) | Value::List(_) | Value::Tuple(_) | Value::Dict(_) => {
            return None;
        }
    })
}
