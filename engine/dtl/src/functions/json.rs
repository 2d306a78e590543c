//! Reading and writing JSON (documentation page `hub/dtl/dtl-functions-json`).

use pipewright_entity::{TransitError, Value};

use super::casts::cast;
use super::{Body, Function, Kind, PLAIN, Param, example, one, optional};
use crate::compute::json_text::{Marks, json};

const AREA: &str = "json";

const VALUES: &[Param] = &[one("VALUES", Kind::Value)];

const PARSE: &[Param] = &[optional("FUNCTION", Kind::Function), one("VALUES", Kind::Value)];

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "json",
        area: AREA,
        params: VALUES,
        summary: "A value, or each item of a list, as JSON text. Properties are in the order of \
                  their names.",
        examples: &[
            example(r#"["json", 1]"#, r#""1""#),
            example(r#"["json", "hello"]"#, r#""\"hello\"""#),
            example(
                r#"["json", ["list", "abc", ["list", 1, 2, 3], {"b": 2, "a": 1}, ["uri", "http://www.example.org/"], 124.4, 12345]]"#,
                r#"["\"abc\"", "[1, 2, 3]", "{\"a\": 1, \"b\": 2}", "\"http://www.example.org/\"", "124.4", "12345"]"#,
            ),
        ],
        body: Body::Eager(|_, args| Ok(written(&args[0], Marks::Plain))),
        ..PLAIN
    },
    Function {
        name: "json-parse",
        area: AREA,
        params: PARSE,
        summary: "The values that JSON texts stand for; marks of transit JSON have no meaning. \
                  What is no JSON is left out, or replaced by FUNCTION if that is given.",
        examples: &[
            example(r#"["json-parse", "1"]"#, "1"),
            example(r#"["json-parse", "\"hello\""]"#, r#""hello""#),
            example(r#"["is-uri", ["json-parse", "\"~rhttp://www.example.org/\""]]"#, "false"),
            example(r#"["json-parse", "{\"a\": 1, \"b\": 2}"]"#, r#"{"a": 1, "b": 2}"#),
            example(r#"["json-parse", "hello"]"#, "null"),
            example(
                r#"["json-parse", ["list", "hello", "123", "null", "\"abc\""]]"#,
                r#"[123, null, "abc"]"#,
            ),
            example(r#"["json-parse", "no-value", "hello"]"#, r#""no-value""#),
            example(r#"["json-parse", "no-value", "null"]"#, "null"),
            example(
                r#"["json-parse", ["list", "hello", "123", "null", "\"abc\"", "\"~rhttp://example.org/\""]]"#,
                r#"[123, null, "abc", "~rhttp://example.org/"]"#,
            ),
        ],
        body: Body::Lazy(|eval, args| {
            cast(eval, args, |value| read(value, Value::from_plain_json))
        }),
        ..PLAIN
    },
    Function {
        name: "json-transit",
        area: AREA,
        params: VALUES,
        summary: "A value, or each item of a list, as transit JSON text, which keeps the types \
                  that JSON does not have. Properties are in the order of their names.",
        examples: &[
            example(r#"["json-transit", 1]"#, r#""1""#),
            example(r#"["json-transit", "hello"]"#, r#""\"hello\"""#),
            example(
                r#"["json-transit", ["list", "abc", ["list", 1, 2, 3], {"b": 2, "a": 1}, ["uri", "http://www.example.org/"], 124.4, 12345]]"#,
                r#"["\"abc\"", "[1, 2, 3]", "{\"a\": 1, \"b\": 2}", "\"~rhttp://www.example.org/\"", "124.4", "12345"]"#,
            ),
        ],
        body: Body::Eager(|_, args| Ok(written(&args[0], Marks::Transit))),
        ..PLAIN
    },
    Function {
        name: "json-transit-parse",
        area: AREA,
        params: PARSE,
        summary: "The values that transit JSON texts stand for. What is no JSON is left out, or \
                  replaced by FUNCTION if that is given.",
        examples: &[
            example(r#"["json-transit-parse", "1"]"#, "1"),
            example(r#"["json-transit-parse", "\"hello\""]"#, r#""hello""#),
            example(
                r#"["is-uri", ["json-transit-parse", "\"~rhttp://www.example.org/\""]]"#,
                "true",
            ),
            example(r#"["json-transit-parse", "hello"]"#, "null"),
            example(
                r#"["json-transit-parse", ["list", "hello", "123", "null", "\"abc\"", "\"~rhttp://example.org/\""]]"#,
                r#"[123, null, "abc", "~rhttp://example.org/"]"#,
            ),
            example(
                r#"["json-transit-parse", "no-value", "~rhttp://example.org/"]"#,
                r#""no-value""#,
            ),
            example(
                r#"["is-uri", ["json-transit-parse", "no-value", "\"~rhttp://example.org/\""]]"#,
                "true",
            ),
        ],
        body: Body::Lazy(|eval, args| cast(eval, args, |value| read(value, Value::from_transit))),
        ..PLAIN
    },
];

fn written(values: &Value, marks: Marks) -> Value {
    super::args::spread(values, |value| Some(json(value, marks).into()))
}

fn read(value: &Value, parse: fn(&[u8]) -> Result<Value, TransitError>) -> Option<Value> {
    parse(value.as_str()?.as_bytes()).ok()
}
