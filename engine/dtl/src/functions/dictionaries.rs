//! Functions on dicts (documentation page `hub/dtl/dtl-functions-dictionaries`).

use pipewright_entity::{Dict, Text, Value};

use super::args::{first, items, spread, string};
use super::{Body, Function, Kind, PLAIN, Param, any, example, one};
use crate::eval::Call;
use crate::namespaces::{AddNamespaces, strip_names};

const AREA: &str = "dictionaries";

const DICTS: &[Param] = &[one("DICTS", Kind::Value)];

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "dict",
        area: AREA,
        params: &[any("KEY, VALUE", Kind::Value)],
        summary: "A dict of the given keys and values, or of the pairs in one list. Of equal keys \
                  the last one counts; what is no pair is left out.",
        examples: &[
            example(r#"["dict"]"#, "{}"),
            example(
                r#"["dict", ["list", ["list", "A", 1], ["list", "B", 2], ["list", "C", 3]]]"#,
                r#"{"A": 1, "B": 2, "C": 3}"#,
            ),
            example(r#"["dict", ["list", "X", 123, ["list", "A", 1]]]"#, r#"{"A": 1}"#),
            example(
                r#"["dict", "a", ["upper", "a"], ["lower", "B"], "B"]"#,
                r#"{"a": "A", "b": "B"}"#,
            ),
        ],
        body: Body::Eager(|_, args| {
            let mut dict = Dict::default();
            let mut insert = |key: &Value, value: &Value| {
                if let Some(key) = string(key) {
                    dict.insert(Text::new(key), value.clone());
                }
            };
            match args {
                [pairs] => {
                    for pair in items(pairs) {
                        if let Some([key, value]) = pair.as_list() {
                            insert(key, value);
                        }
                    }
                }
                args => {
                    for pair in args.chunks_exact(2) {
                        insert(&pair[0], &pair[1]);
                    }
                }
            }
            Ok(Value::dict(dict))
        }),
        ..PLAIN
    },
    Function {
        name: "has-key",
        area: AREA,
        params: &[one("KEY", Kind::Value), one("VALUES", Kind::Value)],
        summary: "Whether a dict, or the first item of a list, has the key. Null for what is no \
                  dict.",
        examples: &[
            example(r#"["has-key", "a", {"a": 1}]"#, "true"),
            example(r#"["has-key", "b", {"a": 1}]"#, "false"),
            example(r#"["has-key", "a", ["list", {"a": 1}, 123]]"#, "true"),
            example(r#"["has-key", "b", ["list", {"a": 1}, {"b": 1}]]"#, "false"),
            example(r#"["has-key", "a", ["list", 123, {"a": 1}]]"#, "null"),
        ],
        body: Body::Eager(|_, args| {
            let [key, values] = args else { return Ok(Value::Null) };
            Ok(match first(values) {
                Value::Dict(dict) => {
                    Value::Bool(string(key).is_some_and(|key| dict.contains_key(key)))
                }
                _ => Value::Null,
            })
        }),
        ..PLAIN
    },
    Function {
        name: "is-dict",
        area: AREA,
        params: &[one("VALUES", Kind::Value)],
        summary: "True if the value, or the first item of a list, is a dict.",
        examples: &[
            example(r#"["is-dict", "_S."]"#, "true"),
            example(r#"["is-dict", ["list", {"a": 1}, 123]]"#, "true"),
            example(r#"["is-dict", ["list", 123, {"a": 1}]]"#, "false"),
            example(r#"["is-dict", "abc"]"#, "false"),
        ],
        body: Body::Eager(|_, args| Ok(Value::Bool(matches!(first(&args[0]), Value::Dict(_))))),
        ..PLAIN
    },
    Function {
        name: "items",
        area: AREA,
        params: DICTS,
        summary: "A list of [key, value] for every property of the dicts.",
        examples: &[
            example(
                r#"["items", ["list", {"A": 1, "B": 2}, {"C": 3}]]"#,
                r#"[["A", 1], ["B", 2], ["C", 3]]"#,
            ),
            example(r#"["items", ["list", "X", 123, {"A": 1}]]"#, r#"[["A", 1]]"#),
        ],
        body: Body::Eager(|_, args| {
            Ok(properties(&args[0], |key, value| {
                Value::list([Value::String(key.clone()), value.clone()])
            }))
        }),
        ..PLAIN
    },
    Function {
        name: "key-values",
        area: AREA,
        params: DICTS,
        summary: "A list of dicts with \"key\" and \"value\" for every property of the dicts.",
        examples: &[
            example(
                r#"["key-values", ["list", {"A": 1, "B": 2}, 123, {"C": 3, "A": 1}]]"#,
                r#"[{"key": "A", "value": 1}, {"key": "B", "value": 2}, {"key": "C", "value": 3}, {"key": "A", "value": 1}]"#,
            ),
            example(
                r#"["key-values", {"hello": "world"}]"#,
                r#"[{"key": "hello", "value": "world"}]"#,
            ),
        ],
        body: Body::Eager(|_, args| {
            Ok(properties(&args[0], |key, value| {
                let mut dict = Dict::with_capacity(2);
                dict.insert(Text::new_static("key"), Value::String(key.clone()));
                dict.insert(Text::new_static("value"), value.clone());
                Value::dict(dict)
            }))
        }),
        ..PLAIN
    },
    Function {
        name: "keys",
        area: AREA,
        params: DICTS,
        summary: "A list of the keys of all properties of the dicts.",
        examples: &[
            example(
                r#"["keys", ["list", {"A": 1, "B": 2}, {"A": 1, "C": 3}]]"#,
                r#"["A", "B", "A", "C"]"#,
            ),
            example(r#"["keys", ["list", "X", 123, {"A": 1}]]"#, r#"["A"]"#),
        ],
        body: Body::Eager(|_, args| Ok(properties(&args[0], |key, _| Value::String(key.clone())))),
        ..PLAIN
    },
    Function {
        name: "values",
        area: AREA,
        params: DICTS,
        summary: "A list of the values of all properties of the dicts.",
        examples: &[
            example(r#"["values", ["list", {"A": 1, "B": 2}, {"A": 1, "C": 3}]]"#, "[1, 2, 1, 3]"),
            example(r#"["values", ["list", "X", 123, {"A": 1}]]"#, "[1]"),
        ],
        body: Body::Eager(|_, args| Ok(properties(&args[0], |_, value| value.clone()))),
        ..PLAIN
    },
    Function {
        name: "apply-ns",
        area: AREA,
        params: &[one("NAMESPACE_OR_CONFIGDICT", Kind::Value), one("VALUES", Kind::Value)],
        summary: "Dicts with a namespace added to their property names and to the value of _id, \
                  also in dicts inside. A dict in place of the namespace can set \
                  property_namespace and identity_namespace (by default those of the pipe; null \
                  adds none), skip_underscore, skip_dollar and recursive (all true by default).",
        examples: &[
            example(
                r#"["apply-ns", "myns", {"_id": "123", "foo": 1, "$bar": {"baz": 2}}]"#,
                r#"{"_id": "myns:123", "myns:foo": 1, "$bar": {"baz": 2}}"#,
            ),
            example(
                r#"["apply-ns", {"property_namespace": "myns", "identity_namespace": "myns", "skip_underscore": false, "skip_dollar": false, "recursive": true}, {"_id": "123", "foo": 1, "$bar": {"baz": 2}}]"#,
                r#"{"myns:_id": "myns:123", "myns:foo": 1, "myns:$bar": {"myns:baz": 2}}"#,
            ),
            example(
                r#"["apply-ns", {"property_namespace": "myns", "identity_namespace": null, "skip_underscore": false, "skip_dollar": false, "recursive": false}, {"_id": "123", "myns:foo": 1, "$bar": {"baz": 2}}]"#,
                r#"{"myns:_id": "123", "myns:foo": 1, "myns:$bar": {"baz": 2}}"#,
            ),
        ],
        namespaced: true,
        body: Body::Eager(|call, args| {
            let [config, values] = args else { return Ok(Value::Null) };
            let config = match config {
                Value::String(namespace) => {
                    AddNamespaces::new(Some(namespace.clone()), Some(namespace.clone()))
                }
                Value::Dict(dict) => configured(call, dict),
                _ => return Ok(Value::Null),
            };
            Ok(spread(values, |value| value.as_dict().map(|dict| Value::dict(config.add(dict)))))
        }),
        ..PLAIN
    },
    Function {
        name: "strip-ns",
        area: AREA,
        params: &[one("VALUES", Kind::Value)],
        summary: "Dicts without the namespaces of their property names, also in dicts inside.",
        examples: &[example(r#"["strip-ns", {"ns1:b": 1, "ns2:c": 2}]"#, r#"{"b": 1, "c": 2}"#)],
        body: Body::Eager(|_, args| {
            Ok(spread(&args[0], |value| value.as_dict().map(|_| strip_names(value))))
        }),
        ..PLAIN
    },
];

/// What `make` makes of every property of a dict, or of the dicts of a list,
/// in one list; null for another value.
fn properties(dicts: &Value, make: impl Fn(&Text, &Value) -> Value) -> Value {
    if !matches!(dicts, Value::List(_) | Value::Dict(_)) {
        return Value::Null;
    }
    let dicts = dicts.as_slice().iter().filter_map(Value::as_dict);
    Value::list(dicts.flat_map(|dict| dict.iter().map(|(key, value)| make(key, value))))
}

/// The settings of `apply-ns` in a dict; what it leaves out comes from the pipe.
fn configured(call: &Call<'_>, dict: &Dict) -> AddNamespaces {
    let namespace = |key: &str, of_pipe: &Text| match dict.get(key) {
        Some(Value::String(namespace)) => Some(namespace.clone()),
        Some(_) => None,
        None if of_pipe.is_empty() => Some(Text::new(call.pipe)),
        None => Some(of_pipe.clone()),
    };
    let flag = |key: &str| !matches!(dict.get(key), Some(Value::Bool(false)));
    AddNamespaces {
        property: namespace("property_namespace", &call.namespaces.property),
        identity: namespace("identity_namespace", &call.namespaces.identity),
        skip_underscore: flag("skip_underscore"),
        skip_dollar: flag("skip_dollar"),
        recursive: flag("recursive"),
    }
}
