//! Functions on bytes (documentation page `hub/dtl/dtl-functions-bytes`).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pipewright_entity::Value;

use super::args::{first, spread};
use super::{Body, Function, Kind, PLAIN, Param, example, one};

const AREA: &str = "bytes";

const VALUES: &[Param] = &[one("VALUES", Kind::Value)];

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "base64-decode",
        area: AREA,
        params: VALUES,
        summary: "The bytes that base64 strings stand for. What is no base64 is left out.",
        examples: &[
            example(r#"["base64-decode", "YWJj"]"#, r#""~bYWJj""#),
            example(
                r#"["base64-decode", ["list", 1, "YWJj", 2, "ZGVm", 3]]"#,
                r#"["~bYWJj", "~bZGVm"]"#,
            ),
        ],
        body: Body::Eager(|_, args| Ok(spread(&args[0], decoded))),
        ..PLAIN
    },
    Function {
        name: "base64-encode",
        area: AREA,
        params: VALUES,
        summary: "Bytes as base64 strings. Everything else is left out.",
        examples: &[
            example(r#"["base64-encode", ["bytes", "abc"]]"#, r#""YWJj""#),
            example(
                r#"["base64-encode", ["list", 1, ["bytes", "abc"], 2, ["bytes", "def"], 3]]"#,
                r#"["YWJj", "ZGVm"]"#,
            ),
        ],
        body: Body::Eager(|_, args| {
            Ok(spread(&args[0], |value| match value {
                Value::Bytes(bytes) => Some(STANDARD.encode(bytes.as_slice()).into()),
                _ => None,
            }))
        }),
        ..PLAIN
    },
    Function {
        name: "bytes",
        area: AREA,
        params: VALUES,
        summary: "Strings as bytes in UTF-8.",
        examples: &[example(r#"["bytes", "abc"]"#, r#""~bYWJj""#)],
        body: Body::Eager(|_, args| {
            Ok(spread(&args[0], |value| match value {
                Value::String(text) => Some(Value::bytes(text.as_bytes().to_vec())),
                Value::Bytes(_) => Some(value.clone()),
                _ => None,
            }))
        }),
        ..PLAIN
    },
    Function {
        name: "is-bytes",
        area: AREA,
        params: VALUES,
        summary: "True if the value, or the first item of a list, is bytes.",
        examples: &[
            example(r#"["is-bytes", ["bytes", "abc"]]"#, "true"),
            example(r#"["is-bytes", "~bYWJj"]"#, "true"),
            example(r#"["is-bytes", "some-string"]"#, "false"),
            example(r#"["is-bytes", ["list", "~bYWJj", "12345"]]"#, "true"),
            example(r#"["is-bytes", ["list", "12345", "~bYWJj"]]"#, "false"),
        ],
        body: Body::Eager(|_, args| Ok(Value::Bool(matches!(first(&args[0]), Value::Bytes(_))))),
        ..PLAIN
    },
];

fn decoded(value: &Value) -> Option<Value> {
    let text = value.as_str()?;
    // Long base64 text often comes in lines.
    let text: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    STANDARD.decode(text).ok().map(Value::bytes)
}
