//! Lists (`hub/dtl/dtl-functions-lists`): functions that evaluate an expression
//! for each value.

use std::cmp::Ordering;

use pipewright_entity::{Dict, Key, Text, Value};
use rustc_hash::{FxHashMap, FxHashSet};

use super::args::{self, items};
use super::lists::list;
use super::{Body, Function, Kind, Param, example, on, one, optional};
use crate::Fault;
use crate::compute::json_text::{Marks, json};
use crate::eval::Eval;
use crate::plan::Expr;

const MAYBE_FUNCTION: &[Param] =
    &[optional("FUNCTION", Kind::Function), one("VALUES", Kind::Value)];
const FUNCTION: &[Param] = &[one("FUNCTION", Kind::Function), one("VALUES", Kind::Value)];

pub(super) const FUNCTIONS: &[Function] = &[
    list(
        "map",
        FUNCTION,
        "What the function makes of each value.",
        &[
            example(r#"["map", ["list", "_."], ["list", "A", "B"]]"#, r#"[["A"],["B"]]"#),
            example(r#"["map", ["lower", "_."], ["list", "A", "B", "C"]]"#, r#"["a", "b", "c"]"#),
            example(
                r#"["map", ["distinct", "_."], ["list", ["list", "A", "A"], ["list", "B", "C"]]]"#,
                r#"[["A"], ["B", "C"]]"#,
            ),
        ],
        Body::Lazy(|eval, args| match eval.value(&args[1])? {
            Value::List(items) => {
                let mapped: Result<Vec<_>, _> =
                    items.iter().map(|item| eval.each(&args[0], item)).collect();
                Ok(Value::list(mapped?))
            }
            Value::Null => Ok(Value::Null),
            scalar => eval.each(&args[0], &scalar),
        }),
    ),
    list(
        "filter",
        FUNCTION,
        "The values for which the function is true.",
        &[
            on(
                r#"{"orders":[{"amount":100},{"amount":101}]}"#,
                r#"["filter", ["gt", "_.amount", 100], "_S.orders"]"#,
                r#"[{"amount":101}]"#,
            ),
            example(
                r#"["filter", ["gt", "_.age", 42], ["list", {"age": 30}, {"age": 50}, {"age": 40}]]"#,
                r#"[{"age": 50}]"#,
            ),
        ],
        Body::Lazy(|eval, args| match eval.value(&args[1])? {
            Value::List(items) => {
                let mut kept = Vec::new();
                for item in items.iter() {
                    if args::truth(&eval.each(&args[0], item)?) {
                        kept.push(item.clone());
                    }
                }
                Ok(Value::list(kept))
            }
            Value::Null => Ok(Value::Null),
            scalar if args::truth(&eval.each(&args[0], &scalar)?) => Ok(scalar),
            _ => Ok(Value::Null),
        }),
    ),
    list(
        "distinct",
        MAYBE_FUNCTION,
        "The values without duplicates, the first one of each kept. With a function, its result decides.",
        &[
            example(r#"["distinct", ["list", 4, 2, 5, 4, 3]]"#, "[4,2,5,3]"),
            example(
                r#"["distinct", ["upper", "_."], ["list", "a", "A", "B", "b"]]"#,
                r#"["a", "B"]"#,
            ),
        ],
        Body::Lazy(|eval, args| {
            let (Value::List(items), keys) = keyed(eval, args)? else {
                return eval.value(&args[args.len() - 1]);
            };
            let mut seen = FxHashSet::default();
            let first = items.iter().zip(keys).filter(|(_, key)| seen.insert(key.key()));
            Ok(Value::list(first.map(|(item, _)| item.clone())))
        }),
    ),
    list(
        "sorted",
        MAYBE_FUNCTION,
        "The values in ascending order. With a function, its result decides.",
        &[
            example(r#"["sorted", ["list", 4, 2, 5, 4, 3]]"#, "[2,3,4,4,5]"),
            example(
                r#"["sorted", "_.age", ["list", {"age": 30}, {"age": 20}]]"#,
                r#"[{"age":20},{"age":30}]"#,
            ),
            example(
                r#"["sorted", ["list", "b", 2, {"x": 1}, "a", 4]]"#,
                r#"[2, 4, "a", "b", {"x": 1}]"#,
            ),
        ],
        Body::Lazy(|eval, args| sorted(eval, args, |a, b| a.compare(b))),
    ),
    list(
        "sorted-descending",
        MAYBE_FUNCTION,
        "The values in descending order. With a function, its result decides.",
        &[
            example(r#"["sorted-descending", ["list", 4, 2, 5, 4, 3]]"#, "[5,4,4,3,2]"),
            example(
                r#"["sorted-descending", ["list", "b", 2, {"x": 1}, "a", 4]]"#,
                r#"[{"x": 1}, "b", "a", 4, 2]"#,
            ),
        ],
        Body::Lazy(|eval, args| sorted(eval, args, |a, b| b.compare(a))),
    ),
    list(
        "max",
        MAYBE_FUNCTION,
        "The greatest value. With a function, its result decides.",
        &[
            example(r#"["max", ["list", "b", 2, "a", 3]]"#, r#""b""#),
            example(r#"["max", ["list", 4, 2, 5, 3]]"#, "5"),
            example(r#"["max", ["list", {"x": 1}, "b", 2, "a"]]"#, r#"{"x": 1}"#),
        ],
        Body::Lazy(|eval, args| extreme(eval, args, Ordering::is_gt)),
    ),
    list(
        "min",
        MAYBE_FUNCTION,
        "The least value. With a function, its result decides.",
        &[
            example(r#"["min", ["list", "B", "b", "A", "a"]]"#, r#""A""#),
            example(r#"["min", ["list", 4, 2, 5, 3]]"#, "2"),
            example(r#"["min", ["list", "b", 2, "a", 3]]"#, "2"),
            example(r#"["min", ["list", {"x": 1}, "b", "a"]]"#, r#""a""#),
        ],
        Body::Lazy(|eval, args| extreme(eval, args, Ordering::is_lt)),
    ),
    list(
        "group",
        &[
            one("KEY_FUNCTION", Kind::Function),
            one("VALUE_FUNCTION", Kind::Function),
            one("VALUES", Kind::Value),
        ],
        "Pairs of a key and the list of what the value function makes of the values with that key.",
        &[
            example(
                r#"["group", ["first", "_."], ["nth", 1, "_."], ["list", ["list", "x", 1], ["list", "y", 2], ["list", "x", 3]]]"#,
                r#"[["x",[1,3]],["y",[2]]]"#,
            ),
            example(
                r#"["group", ["first", "_."], ["nth", 1, "_."], ["list", ["list", "Adresse1", "A"], ["list", "Adresse2", "B"], ["list", "Adresse2", "C"]]]"#,
                r#"[["Adresse1", ["A"]], ["Adresse2", ["B", "C"]]]"#,
            ),
        ],
        Body::Lazy(|eval, args| {
            let values = eval.value(&args[2])?;
            let mut groups = Groups::default();
            for item in items(&values) {
                let key = eval.each(&args[0], item)?;
                let value = eval.each(&args[1], item)?;
                groups.add(key, value);
            }
            let pair = |(key, values)| Value::list([key, Value::list(values)]);
            Ok(Value::list(groups.0.into_iter().map(pair)))
        }),
    ),
    list(
        "group-by",
        &[
            optional("KEY_FUNCTION", Kind::Function),
            optional("STRING_FUNCTION", Kind::Function),
            one("VALUES", Kind::Value),
        ],
        "A dict of the values by key. The string function makes names of keys; without it they are transit JSON.",
        &[
            example(r#"["group-by", ["count", "_."], ["list", "a", "b"]]"#, r#"{"1":["a","b"]}"#),
            example(r#"["group-by", ["list", "a"]]"#, r#"{"\"a\"":["a"]}"#),
            example(
                r#"["group-by", ["length", "_."], ["list", "phi", "alpha", "rho"]]"#,
                r#"{"3": ["phi", "rho"], "5": ["alpha"]}"#,
            ),
            example(
                r#"["group-by", ["upper", "_."], ["list", "a", "b"]]"#,
                r#"{"\"A\"": ["a"], "\"B\"": ["b"]}"#,
            ),
            example(
                r#"["group-by", ["upper", "_."], ["string", "_."], ["list", "a", "b"]]"#,
                r#"{"A": ["a"], "B": ["b"]}"#,
            ),
        ],
        Body::Lazy(|eval, args| {
            let values = eval.value(&args[args.len() - 1])?;
            let mut groups = Groups::default();
            for item in items(&values) {
                let key = match args.len() {
                    1 => item.clone(),
                    _ => eval.each(&args[0], item)?,
                };
                groups.add(key, item.clone());
            }
            let mut dict = Dict::default();
            for (key, values) in groups.0 {
                let name = match args {
                    [_, names, _] => match eval.each(names, &key)? {
                        Value::String(name) => name,
                        other => Text::from(json(&other, Marks::Transit)),
                    },
                    _ => Text::from(json(&key, Marks::Transit)),
                };
                dict.insert(name, Value::list(values));
            }
            Ok(Value::dict(dict))
        }),
    ),
    list(
        "map-dict",
        &[
            one("KEY_FUNCTION", Kind::Function),
            one("VALUE_FUNCTION", Kind::Function),
            one("VALUES", Kind::Value),
        ],
        "Dicts with names and values replaced by what the functions make of them. Names that are no strings, and dicts without any, are left out.",
        &[
            example(
                r#"["map-dict", "_.", ["list", "_."], {"A": 1, "B": 2}]"#,
                r#"{"A":[1],"B":[2]}"#,
            ),
            example(
                r#"["map-dict", ["upper", "_."], ["plus", 1, "_."], {"A": 1, "B": 2}]"#,
                r#"{"A": 2, "B": 3}"#,
            ),
            example(
                r#"["map-dict", ["if", ["gt", ["length", "_."], 2], ["concat", "x:", "_."]], "_.", ["list", {"abc": 1, "ab": 2, "abcd": 3}, {"def": 4}, {"gh": 5}]]"#,
                r#"[{"x:abc": 1, "x:abcd": 3}, {"x:def": 4}]"#,
            ),
        ],
        Body::Lazy(|eval, args| {
            let values = eval.value(&args[2])?;
            let mut mapped = Vec::new();
            for dict in items(&values).iter().filter_map(Value::as_dict) {
                let mut new = Dict::default();
                for (name, value) in dict.iter() {
                    if let Value::String(name) =
                        eval.each(&args[0], &Value::String(name.clone()))?
                    {
                        new.insert(name, eval.each(&args[1], value)?);
                    }
                }
                if !new.is_empty() {
                    mapped.push(Value::dict(new));
                }
            }
            Ok(match values {
                Value::List(_) => Value::list(mapped),
                _ => mapped.pop().unwrap_or(Value::Null),
            })
        }),
    ),
    list(
        "map-values",
        &[one("VALUE_FUNCTION", Kind::Function), one("VALUES", Kind::Value)],
        "A list of what the function makes of the values of the dicts.",
        &[
            example(r#"["map-values", ["list", "_."], {"a": 1, "b": 2}]"#, "[[1],[2]]"),
            example(
                r#"["map-values", ["lower", "_."], {"key1": "A", "key2": "B"}]"#,
                r#"["a", "b"]"#,
            ),
            example(
                r#"["map-values", ["lower", "_."], ["list", {"key1": "A", "key2": "B"}, 100, {"key1": "B", "key2": "A", "key3": "C"}]]"#,
                r#"["a", "b", "b", "a", "c"]"#,
            ),
        ],
        Body::Lazy(|eval, args| {
            let values = eval.value(&args[1])?;
            let mut mapped = Vec::new();
            for dict in items(&values).iter().filter_map(Value::as_dict) {
                for value in dict.values() {
                    mapped.push(eval.each(&args[0], value)?);
                }
            }
            Ok(Value::list(mapped))
        }),
    ),
];

/// Values by key, in the order of the first of each key.
#[derive(Default)]
struct Groups(Vec<(Value, Vec<Value>)>, FxHashMap<Key, usize>);

impl Groups {
    fn add(&mut self, key: Value, value: Value) {
        let next = self.0.len();
        let at = *self.1.entry(key.key()).or_insert(next);
        if at == next {
            self.0.push((key, Vec::new()));
        }
        self.0[at].1.push(value);
    }
}

/// The values of `[FUNCTION?, VALUES]` and what the function makes of each.
fn keyed(eval: &mut Eval<'_>, args: &[Expr]) -> Result<(Value, Vec<Value>), Fault> {
    let values = eval.value(&args[args.len() - 1])?;
    let keys = match args {
        [function, _] => {
            let keys: Result<Vec<Value>, Fault> =
                values.as_slice().iter().map(|item| eval.each(function, item)).collect();
            keys?
        }
        _ => values.as_slice().to_vec(),
    };
    Ok((values, keys))
}

fn sorted(
    eval: &mut Eval<'_>,
    args: &[Expr],
    order: fn(&Value, &Value) -> Ordering,
) -> Result<Value, Fault> {
    let (values, keys) = keyed(eval, args)?;
    let Value::List(items) = values else { return Ok(values) };
    let mut pairs: Vec<(&Value, Value)> = items.iter().zip(keys).collect();
    pairs.sort_by(|a, b| order(&a.1, &b.1));
    Ok(Value::list(pairs.into_iter().map(|(item, _)| item.clone())))
}

fn extreme(
    eval: &mut Eval<'_>,
    args: &[Expr],
    better: fn(Ordering) -> bool,
) -> Result<Value, Fault> {
    let (values, keys) = keyed(eval, args)?;
    let mut best: Option<usize> = None;
    for (at, key) in keys.iter().enumerate() {
        if best.is_none_or(|best| better(key.compare(&keys[best]))) {
            best = Some(at);
        }
    }
    Ok(best.map_or(Value::Null, |best| values.as_slice()[best].clone()))
}
