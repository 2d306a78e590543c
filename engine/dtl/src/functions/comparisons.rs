//! Comparisons (`hub/dtl/dtl-functions-comparisons`).

use std::cmp::Ordering;

use pipewright_entity::Value;

use super::{Body, Example, Function, Kind, PLAIN, Param, on, one};

const TWO: &[Param] = &[one("VALUE1", Kind::Value), one("VALUE2", Kind::Value)];

const fn comparison(
    name: &'static str,
    summary: &'static str,
    examples: &'static [Example],
    body: Body,
) -> Function {
    Function { name, area: "comparisons", params: TWO, summary, examples, body, ..PLAIN }
}

pub(super) const FUNCTIONS: &[Function] = &[
    comparison(
        "eq",
        "True if both values are equal; a scalar is equal to a list that holds just it. Between two datasets of hops it joins: any overlap is enough.",
        &[
            on(r#"{"age":42}"#, r#"["eq", "_S.age", 42]"#, "true"),
            on(r#"{"h":["a","b"]}"#, r#"["eq", "_S.h", ["list", "a", "b"]]"#, "true"),
            on(r#"{"h":["b","a"]}"#, r#"["eq", "_S.h", ["list", "a", "b"]]"#, "false"),
        ],
        Body::Eager(|_, args| Ok(Value::Bool(equal(&args[0], &args[1])))),
    ),
    comparison(
        "neq",
        "True if the values are not equal.",
        &[on(r#"{"age":42}"#, r#"["neq", "_S.age", 42]"#, "false")],
        Body::Eager(|_, args| Ok(Value::Bool(!equal(&args[0], &args[1])))),
    ),
    comparison(
        "gt",
        "True if the first value is greater than the second. Never true for null.",
        &[on(r#"{"age":43}"#, r#"["gt", "_S.age", 42]"#, "true")],
        Body::Eager(|_, args| Ok(compared(args, Ordering::is_gt))),
    ),
    comparison(
        "gte",
        "True if the first value is greater than the second, or equal. Never true for null.",
        &[on(r#"{"age":42}"#, r#"["gte", "_S.age", 42]"#, "true")],
        Body::Eager(|_, args| Ok(compared(args, Ordering::is_ge))),
    ),
    comparison(
        "lt",
        "True if the first value is less than the second. Never true for null.",
        &[on(r#"{"age":42}"#, r#"["lt", "_S.age", 42]"#, "false")],
        Body::Eager(|_, args| Ok(compared(args, Ordering::is_lt))),
    ),
    comparison(
        "lte",
        "True if the first value is less than the second, or equal. Never true for null.",
        &[on(r#"{"age":42}"#, r#"["lte", "_S.age", 42]"#, "true")],
        Body::Eager(|_, args| Ok(compared(args, Ordering::is_le))),
    ),
];

/// Equality outside joins: both sides as lists, item by item and in order;
/// null equals only null.
pub(crate) fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Null, b) => b.is_null(),
        (a, Value::Null) => a.is_null(),
        (a, b) => {
            let (a, b) = (a.as_slice(), b.as_slice());
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b))
        }
    }
}

/// Compares two values; a list of one item counts as its item, and neither
/// null nor an empty list can be compared.
fn compared(args: &[Value], test: fn(Ordering) -> bool) -> Value {
    fn single(value: &Value) -> &Value {
        match value {
            Value::List(items) => match items.as_slice() {
                [only] => only,
                [] => &Value::Null,
                _ => value,
            },
            other => other,
        }
    }
    let (a, b) = (single(&args[0]), single(&args[1]));
    Value::Bool(!a.is_null() && !b.is_null() && test(a.compare(b)))
}
