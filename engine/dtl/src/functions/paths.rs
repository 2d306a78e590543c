//! Following properties (`hub/dtl/paths`, `hub/dtl/dtl-functions-dictionaries`).

use pipewright_entity::Value;

use super::{Body, Function, Kind, PLAIN, example, on, one};
use crate::eval::follow;
use crate::names::Name;

pub(super) const FUNCTIONS: &[Function] = &[Function {
    name: "path",
    area: "dictionaries",
    params: &[one("PROPERTY_PATH", Kind::Value), one("VALUES", Kind::Value)],
    summary: "What is found by following property names from the values.",
    examples: &[
        on(
            r#"{"orders":[{"lines":[{"name":"nut"},{"name":"bolt"}]},{"lines":[{"name":"washer"}]}]}"#,
            r#"["path", ["list", "lines", "name"], "_S.orders"]"#,
            r#"["nut","bolt","washer"]"#,
        ),
        example(r#"["path", "age", {"age": 24}]"#, "24"),
        example(r#"["path", ["list", 1], {"age": 24}]"#, r#"{"age": 24}"#),
        example(r#"["path", ["list"], {"age": 24}]"#, r#"{"age": 24}"#),
        example(r#"["path", "foo", {"bar": 123}]"#, "null"),
        example(
            r#"["path", ["list", "a", "b"], ["list", {"a": {"b": 1}}, {"a": [{"b": 2}, {"b": 3}]}]]"#,
            "[1, 2, 3]",
        ),
    ],
    namespaced: true,
    body: Body::Eager(|call, args| {
        // Names that are no strings are left out.
        let names = args[0].as_slice().iter().filter_map(Value::as_str);
        let steps: Vec<Name> = names.map(|name| call.namespaces.reading(name)).collect();
        Ok(follow(&args[1], &steps))
    }),
    ..PLAIN
}];
