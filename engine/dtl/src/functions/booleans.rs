//! Functions on booleans (documentation page `hub/dtl/dtl-functions-booleans`).

use pipewright_entity::Value;

use super::args::first;
use super::casts::cast;
use super::{Body, Function, Kind, PLAIN, example, one, optional};

const AREA: &str = "booleans";

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "boolean",
        area: AREA,
        params: &[optional("FUNCTION", Kind::Function), one("VALUES", Kind::Value)],
        summary: "Values as booleans: the strings \"true\" and \"false\", in upper or lower case. \
                  What does not convert is left out, or replaced by FUNCTION if that is given.",
        examples: &[
            example(r#"["boolean", "false"]"#, "false"),
            example(r#"["boolean", null]"#, "null"),
            example(
                r#"["boolean", ["list", "true", "~rhttp://www.example.org/", "True", false, 1234]]"#,
                "[true, true, false]",
            ),
            example(
                r#"["boolean", ["boolean", false], ["list", "true", "~rhttp://www.example.org/", "124.4", "FALSE"]]"#,
                "[true, false, false, false]",
            ),
            example(
                r#"["boolean", ["string", "n/a"], ["list", "true", "~rhttp://www.example.org/", "124.4"]]"#,
                r#"[true, "n/a", "n/a"]"#,
            ),
            example(
                r#"["boolean", ["string", "_."], ["list", "true", "~rhttp://www.example.org/", "False"]]"#,
                r#"[true, "http://www.example.org/", false]"#,
            ),
        ],
        body: Body::Lazy(|eval, args| cast(eval, args, boolean)),
        ..PLAIN
    },
    Function {
        name: "is-boolean",
        area: AREA,
        params: &[one("VALUES", Kind::Value)],
        summary: "True if the value, or the first item of a list, is a boolean.",
        examples: &[
            example(r#"["is-boolean", false]"#, "true"),
            example(r#"["is-boolean", "True"]"#, "false"),
            example(r#"["is-boolean", ["list", true, "12345"]]"#, "true"),
            example(r#"["is-boolean", ["list", "12345", true]]"#, "false"),
            example(r#"["is-boolean", ["list", ["boolean", "FALSE"], 1234]]"#, "true"),
        ],
        body: Body::Eager(|_, args| Ok(Value::Bool(matches!(first(&args[0]), Value::Bool(_))))),
        ..PLAIN
    },
];

fn boolean(value: &Value) -> Option<Value> {
    match value {
        Value::Bool(_) => Some(value.clone()),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(Value::Bool(true)),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(Value::Bool(false)),
        _ => None,
    }
}
