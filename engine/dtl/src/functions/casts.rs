//! What the functions that turn values into another type have in common.

use pipewright_entity::Value;

use super::args::spread;
use crate::Fault;
use crate::eval::Eval;
use crate::plan::Expr;

/// Casts a value, or each item of a list. What does not convert is left out
/// or, with an expression before the values, becomes the value of that
/// expression, in which `_` is what did not convert. Nulls are never cast.
pub(super) fn cast(
    eval: &mut Eval<'_>,
    args: &[Expr],
    to: impl Fn(&Value) -> Option<Value>,
) -> Result<Value, Fault> {
    let [default, values] = args else {
        return match args {
            [values] => Ok(spread(&eval.value(values)?, to)),
            _ => Ok(Value::Null),
        };
    };
    match eval.value(values)? {
        Value::Null => Ok(Value::Null),
        Value::List(items) => {
            let mut cast = Vec::with_capacity(items.len());
            for item in items.iter().filter(|item| !item.is_null()) {
                cast.push(match to(item) {
                    Some(value) => value,
                    None => eval.each(default, item)?,
                });
            }
            Ok(Value::list(cast))
        }
        scalar => match to(&scalar) {
            Some(value) => Ok(value),
            None => eval.each(default, &scalar),
        },
    }
}
