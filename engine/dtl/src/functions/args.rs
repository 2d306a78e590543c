//! How arguments are taken, decided once.
//!
//! Most functions work on one value or on each item of a list: a scalar gives
//! a scalar, a list gives a list. Values that a function has no use for give
//! null as a scalar, and are left out of a list.

use num_traits::ToPrimitive;
use pipewright_entity::Value;

use crate::{Fault, limits};

/// Applies a function to a value, or to each item of a list. `None` means that
/// the function has no use for the value.
pub(crate) fn spread(value: &Value, function: impl Fn(&Value) -> Option<Value>) -> Value {
    match value {
        Value::List(items) => Value::list(items.iter().filter_map(function)),
        scalar => function(scalar).unwrap_or(Value::Null),
    }
}

/// Like [`spread`], for functions that can fail.
pub(crate) fn try_spread(
    value: &Value,
    mut function: impl FnMut(&Value) -> Result<Option<Value>, Fault>,
) -> Result<Value, Fault> {
    match value {
        Value::List(items) => {
            let mut size = 0usize;
            let mut results = Vec::with_capacity(items.len());
            for item in items.iter() {
                if let Some(result) = function(item)? {
                    size += limits::built(&result);
                    if size > limits::SIZE {
                        return Err(limits::too_large());
                    }
                    results.push(result);
                }
            }
            Ok(Value::list(results))
        }
        scalar => Ok(function(scalar)?.unwrap_or(Value::Null)),
    }
}

/// Whether a test holds for a value, or for every item of a list (which must
/// have items). Null and empty lists never pass.
pub(crate) fn every(value: &Value, test: impl Fn(&Value) -> bool) -> Value {
    Value::Bool(match value {
        Value::List(items) => !items.is_empty() && items.iter().all(test),
        scalar => test(scalar),
    })
}

/// The items of a list, the value itself as the only one, or nothing for null.
pub(crate) fn items(value: &Value) -> &[Value] {
    match value {
        Value::Null => &[],
        other => other.as_slice(),
    }
}

/// The first item of a list (null if it has none), or the value itself: what
/// type tests and calculations with two numbers look at.
pub(crate) fn first(value: &Value) -> &Value {
    match value {
        Value::List(items) => items.first().unwrap_or(&Value::Null),
        scalar => scalar,
    }
}

/// The truth of a value: `false`, `null` and `[]` are false, everything else
/// is true (documentation page `hub/dtl/argument-types`).
pub(crate) fn truth(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::List(items) => !items.is_empty(),
        _ => true,
    }
}

/// The value as an integer of ordinary size, if it is one; a list of one item
/// counts as its item.
pub(crate) fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        Value::Float(number) if number.fract() == 0.0 => number.to_i64(),
        Value::Decimal(number) if number.is_integer() => number.to_i64(),
        Value::List(items) => match items.as_slice() {
            [only] => integer(only),
            _ => None,
        },
        _ => None,
    }
}

/// The value as text, if it is a string; a list of one item counts as its item.
pub(crate) fn string(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        Value::List(items) => match items.as_slice() {
            [only] => string(only),
            _ => None,
        },
        _ => None,
    }
}
