//! Lists (`hub/dtl/dtl-functions-lists`).

use pipewright_entity::{Key, Value};
use rustc_hash::FxHashSet;

use super::args::{integer, items};
use super::{
    Body, Example, Function, Kind, Many, PLAIN, Param, any, example, on, one, optional, some,
};
use crate::Fault;
use crate::compile::dict_of;
use crate::compute::arithmetic::{Operation, calculate};

const VALUES: &[Param] = &[one("VALUES", Kind::Value)];
/// The longest list that `range` makes.
const LONGEST_RANGE: u64 = 1_000_000;

pub(super) const fn list(
    name: &'static str,
    params: &'static [Param],
    summary: &'static str,
    examples: &'static [Example],
    body: Body,
) -> Function {
    Function { name, area: "lists", params, summary, examples, body, ..PLAIN }
}

pub(super) const FUNCTIONS: &[Function] = &[
    list(
        "list",
        &[any("VALUES", Kind::Value)],
        "A list of the values.",
        &[
            example(r#"["list", "a", ["list", "b"], "c"]"#, r#"["a",["b"],"c"]"#),
            example(r#"["list"]"#, "[]"),
            example(r#"["list", "a", "b", "c"]"#, r#"["a", "b", "c"]"#),
        ],
        Body::Eager(|_, args| Ok(Value::list(args.iter().cloned()))),
    ),
    list(
        "combine",
        &[some("VALUES", Kind::Value)],
        "One list of all values; lists among them are taken apart, nulls left out.",
        &[
            example(r#"["combine", 1, ["list", 2, 3, ["list", 4]]]"#, "[1,2,3,[4]]"),
            example(r#"["combine", null]"#, "[]"),
        ],
        Body::Eager(|_, args| Ok(Value::list(args.iter().flat_map(items).cloned()))),
    ),
    list(
        "count",
        VALUES,
        "The number of values: 0 for null, 1 for a scalar.",
        &[
            example(r#"["count", ["list", 2, 4, 6]]"#, "3"),
            example(r#"["count", null]"#, "0"),
            example(r#"["count", 123]"#, "1"),
        ],
        Body::Eager(|_, args| Ok(Value::Int(items(&args[0]).len() as i64))),
    ),
    list(
        "is-empty",
        VALUES,
        "True if there are no values.",
        &[on(r#"{"hobbies":[]}"#, r#"["is-empty", "_S.hobbies"]"#, "true")],
        Body::Eager(|_, args| Ok(Value::Bool(items(&args[0]).is_empty()))),
    ),
    list(
        "is-not-empty",
        VALUES,
        "True if there are values.",
        &[on(r#"{"hobbies":["a"]}"#, r#"["is-not-empty", "_S.hobbies"]"#, "true")],
        Body::Eager(|_, args| Ok(Value::Bool(!items(&args[0]).is_empty()))),
    ),
    list(
        "is-list",
        VALUES,
        "True if the value is a list.",
        &[
            example(r#"["is-list", ["list", "a"]]"#, "true"),
            example(r#"["is-list", "a"]"#, "false"),
            example(r#"["is-list", ["list", "foo:bar"]]"#, "true"),
            example(r#"["is-list", "foo:bar"]"#, "false"),
            example(r#"["is-list", ["list", ["uri", "foo:bar"], 12345]]"#, "true"),
            example(r#"["is-list", ["dict", "1", 2]]"#, "false"),
            example(r#"["is-list", ["items", ["dict", "1", 2]]]"#, "true"),
        ],
        Body::Eager(|_, args| Ok(Value::Bool(matches!(args[0], Value::List(_))))),
    ),
    list(
        "first",
        VALUES,
        "The first value; null if there is none.",
        &[
            example(r#"["first", ["list", "a", "b"]]"#, r#""a""#),
            example(r#"["first", 123]"#, "123"),
            example(r#"["first", ["list", "a", "b", "c"]]"#, r#""a""#),
        ],
        Body::Eager(|_, args| Ok(items(&args[0]).first().cloned().unwrap_or(Value::Null))),
    ),
    list(
        "last",
        VALUES,
        "The last value; null if there is none.",
        &[
            example(r#"["last", ["list", "a", "b"]]"#, r#""b""#),
            example(r#"["last", ["list", "a", "b", "c"]]"#, r#""c""#),
        ],
        Body::Eager(|_, args| Ok(items(&args[0]).last().cloned().unwrap_or(Value::Null))),
    ),
    list(
        "nth",
        &[one("INDEX", Kind::Integer), one("VALUES", Kind::Value)],
        "The value at a place, counted from 0; null if there is none.",
        &[
            example(r#"["nth", 1, ["list", "a", "b", "c"]]"#, r#""b""#),
            example(r#"["nth", 5, ["list", "a", "b", "c"]]"#, "null"),
        ],
        Body::Eager(|_, args| {
            let index = integer(&args[0]).and_then(|index| usize::try_from(index).ok());
            let value = index.and_then(|index| items(&args[1]).get(index));
            Ok(value.cloned().unwrap_or(Value::Null))
        }),
    ),
    list(
        "slice",
        &[
            one("START", Kind::Integer),
            optional("END", Kind::Integer),
            optional("STRIDE", Kind::Integer),
            one("VALUES", Kind::Value),
        ],
        "The values from START up to END, in steps of STRIDE. Negative places count from the end.",
        &[
            example(r#"["slice", 2, -2, 2, ["list", 0, 1, 2, 3, 4, 5, 6]]"#, "[2,4]"),
            example(r#"["slice", 1, 3, ["list", 0, 1, 2, 3]]"#, "[1,2]"),
        ],
        Body::Eager(|_, args| slice(args)),
    ),
    list(
        "insert",
        &[one("INDEX", Kind::Integer), one("VALUES", Kind::Value), one("OBJECT", Kind::Value)],
        "The values with one more at a place. Negative places count from the end.",
        &[
            example(r#"["insert", 1, ["list", 1, 2], ["list", 3, 4]]"#, "[1,[3,4],2]"),
            example(r#"["insert", -2, ["list", 1, 2, 3], 4]"#, "[1,4,2,3]"),
        ],
        Body::Eager(|_, args| {
            let Some(index) = integer(&args[0]) else { return Ok(Value::Null) };
            let mut values = items(&args[1]).to_vec();
            let at = place(index, values.len());
            values.insert(at, args[2].clone());
            Ok(Value::list(values))
        }),
    ),
    list(
        "range",
        &[one("START", Kind::Integer), one("STOP", Kind::Integer), optional("STEP", Kind::Integer)],
        "The integers from START up to, and without, STOP in steps of STEP.",
        &[
            example(r#"["range", 0, 4]"#, "[0,1,2,3]"),
            example(r#"["range", 4, 0, -1]"#, "[4,3,2,1]"),
        ],
        Body::Eager(|_, args| range(args)),
    ),
    list(
        "reversed",
        VALUES,
        "The values in the opposite order.",
        &[example(r#"["reversed", ["list", 1, 3, 2]]"#, "[2,3,1]")],
        Body::Eager(|_, args| {
            Ok(match &args[0] {
                Value::List(items) => Value::list(items.iter().rev().cloned()),
                scalar => scalar.clone(),
            })
        }),
    ),
    list(
        "flatten",
        VALUES,
        "One list of all values; lists among them are taken apart, one level deep.",
        &[
            example(
                r#"["flatten", ["list", ["list", 1, 2], ["list", 3, ["list", 4], 5]]]"#,
                "[1,2,3,[4],5]",
            ),
            example(r#"["flatten", ["list", 1, 2, ["list", 3, 4]]]"#, "[1, 2, 3, 4]"),
        ],
        Body::Eager(|_, args| {
            Ok(Value::list(items(&args[0]).iter().flat_map(Value::as_slice).cloned()))
        }),
    ),
    list(
        "in",
        &[one("VALUES", Kind::Value), one("ITEMS", Kind::Value)],
        "True if all values are among the items, and there are any.",
        &[
            example(r#"["in", "a", ["list", "a", "b", "c"]]"#, "true"),
            example(r#"["in", ["list"], 10]"#, "false"),
            example(r#"["in", null, ["list", null]]"#, "false"),
            example(r#"["in", ["list", null], ["list", 1, null, 2]]"#, "true"),
            example(r#"["in", "d", ["list", "a", "b", "c"]]"#, "false"),
            example(r#"["in", ["list", 10], 10]"#, "true"),
            example(r#"["in", ["list", "a", "c"], ["list", "a", "b", "c"]]"#, "true"),
            example(r#"["in", ["list", "a", "c", "d"], ["list", "a", "b", "c"]]"#, "false"),
        ],
        Body::Eager(|_, args| {
            let values = items(&args[0]);
            let among: FxHashSet<Key> = args[1].as_slice().iter().map(Value::key).collect();
            Ok(Value::Bool(!values.is_empty() && values.iter().all(|v| among.contains(&v.key()))))
        }),
    ),
    list(
        "enumerate",
        &[optional("START", Kind::Integer), one("VALUES", Kind::Value)],
        "Each value with its number, as dicts with \"key\" and \"value\".",
        &[
            example(r#"["enumerate", "a"]"#, r#"{"key":0,"value":"a"}"#),
            example(
                r#"["enumerate", 2, ["list", 17, 32]]"#,
                r#"[{"key":2,"value":17},{"key":3,"value":32}]"#,
            ),
            example(r#"["enumerate", 1, "a"]"#, r#"{"key": 1, "value": "a"}"#),
            example(
                r#"["enumerate", ["list", 17, 32, 21]]"#,
                r#"[{"key": 0, "value": 17}, {"key": 1, "value": 32}, {"key": 2, "value": 21}]"#,
            ),
            example(
                r#"["enumerate", 2, ["list", 17, 32, 21]]"#,
                r#"[{"key": 2, "value": 17}, {"key": 3, "value": 32}, {"key": 4, "value": 21}]"#,
            ),
        ],
        Body::Eager(|_, args| {
            let (start, values) = match args {
                [start, values] => (integer(start).unwrap_or(0), values),
                _ => (0, &args[0]),
            };
            let entry = |(number, value): (usize, &Value)| {
                let number = start.saturating_add(number as i64);
                dict_of([("key", Value::Int(number)), ("value", value.clone())])
            };
            Ok(match values {
                Value::List(items) => Value::list(items.iter().enumerate().map(entry)),
                Value::Null => Value::Null,
                scalar => entry((0, scalar)),
            })
        }),
    ),
    list(
        "sum",
        VALUES,
        "The sum of the numbers among the values.",
        &[example(r#"["sum", ["list", 2, 4, 6]]"#, "12")],
        Body::Eager(|_, args| {
            let mut sum = Value::Int(0);
            for number in items(&args[0]).iter().filter(|item| item.is_number()) {
                sum = calculate(Operation::Add, &sum, number)
                    .map_err(|error| Fault::failed(error.to_string()))?;
            }
            Ok(sum)
        }),
    ),
    Function {
        name: "tuples",
        area: "misc",
        params: &[Param { name: "VALUES", kind: Kind::Value, many: Many::Any }],
        summary: "All combinations of the values of each argument, as composite keys for joins. Nulls are left out.",
        examples: &[
            example(r#"["tuples", ["list", 1, 2], 3]"#, "[[1,3],[2,3]]"),
            example(r#"["tuples", "a", "b", "c"]"#, r#"[["a", "b", "c"]]"#),
            example(
                r#"["tuples", ["list", 1, 2], ["list", 3, null, 4, 5]]"#,
                "[[1, 3], [1, 4], [1, 5], [2, 3], [2, 4], [2, 5]]",
            ),
            example(r#"["tuples"]"#, "[]"),
        ],
        body: Body::Eager(|_, args| tuples(args)),
        ..PLAIN
    },
];

/// The most tuples one call makes.
const MOST_TUPLES: usize = 100_000;

fn tuples(args: &[Value]) -> Result<Value, Fault> {
    if args.is_empty() {
        return Ok(Value::list([]));
    }
    let mut rows: Vec<Vec<Value>> = vec![Vec::new()];
    for arg in args {
        let values: Vec<&Value> = arg.as_slice().iter().filter(|item| !item.is_null()).collect();
        if rows.len().saturating_mul(values.len()) > MOST_TUPLES {
            return Err(Fault::limit(format!("more than {MOST_TUPLES} tuples")));
        }
        rows = rows
            .iter()
            .flat_map(|row| {
                values.iter().map(|value| {
                    let mut longer = row.clone();
                    longer.push((*value).clone());
                    longer
                })
            })
            .collect();
    }
    Ok(Value::list(rows.into_iter().map(|row| Value::Tuple(row.into()))))
}

/// A place that may count from the end, held within the list.
fn place(index: i64, length: usize) -> usize {
    let length = length as i64;
    let index = if index < 0 { index.saturating_add(length) } else { index };
    index.clamp(0, length) as usize
}

fn slice(args: &[Value]) -> Result<Value, Fault> {
    let Some((values, numbers)) = args.split_last() else { return Ok(Value::Null) };
    let (text, values) = match values {
        Value::Null => return Ok(Value::Null),
        other => (!matches!(other, Value::List(_)), other.as_slice()),
    };
    let number = |at: usize| numbers.get(at).and_then(integer);
    let stride = number(2).unwrap_or(1);
    if stride < 1 {
        return Err(Fault::failed("the stride of \"slice\" must be at least 1"));
    }
    let start = place(number(0).unwrap_or(0), values.len());
    let end = number(1).map_or(values.len(), |end| place(end, values.len()));
    let taken = values.get(start..end.max(start)).unwrap_or_default();
    let mut taken = taken.iter().step_by(stride as usize).cloned();
    Ok(if text { taken.next().unwrap_or(Value::Null) } else { Value::list(taken) })
}

fn range(args: &[Value]) -> Result<Value, Fault> {
    let (Some(start), Some(stop)) = (integer(&args[0]), integer(&args[1])) else {
        return Ok(Value::Null);
    };
    let step = args.get(2).map_or(Some(1), integer).unwrap_or(0);
    if step == 0 {
        return Err(Fault::failed("the step of \"range\" must be an integer other than 0"));
    }
    let span = if step > 0 { stop.abs_diff(start) } else { start.abs_diff(stop) };
    let ahead = if step > 0 { stop > start } else { stop < start };
    let count = if ahead { span.div_ceil(step.unsigned_abs()) } else { 0 };
    if count > LONGEST_RANGE {
        return Err(Fault::limit(format!("\"range\" would make {count} integers")));
    }
    // What is in the range fits, whatever the steps on the way to it do.
    let at = |n: i64| start.wrapping_add(n.wrapping_mul(step));
    Ok(Value::list((0..count as i64).map(|n| Value::Int(at(n)))))
}
