//! Functions on UUIDs (documentation page `hub/dtl/dtl-functions-uuids`).

use pipewright_entity::Value;
use uuid::Uuid;

use super::args::{first, spread};
use super::{Body, Function, Kind, PLAIN, Purity, example, one, optional};

const AREA: &str = "uuids";

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "is-uuid",
        area: AREA,
        params: &[one("VALUES", Kind::Value)],
        summary: "True if the value, or the first item of a list, is a UUID.",
        examples: &[
            example(r#"["is-uuid", ["uuid"]]"#, "true"),
            example(r#"["is-uuid", "~u9f598f65-eea5-4906-a8f5-82f6d8e69726"]"#, "true"),
            example(r#"["is-uuid", "some-string"]"#, "false"),
            example(r#"["is-uuid", ["list", ["uuid"], "12345"]]"#, "true"),
            example(r#"["is-uuid", ["list", "12345", ["uuid"]]]"#, "false"),
        ],
        body: Body::Eager(|_, args| Ok(Value::Bool(matches!(first(&args[0]), Value::Uuid(_))))),
        ..PLAIN
    },
    Function {
        name: "uuid",
        area: AREA,
        params: &[optional("VALUES", Kind::Value)],
        summary: "A new random UUID or, with VALUES, strings as UUIDs. What is none is left out. \
                  Without VALUES the result is another one each time an entity is processed.",
        examples: &[
            example(
                r#"["uuid", "abc98f65-ddf5-1234-a8f5-82f6d8e69726"]"#,
                r#""~uabc98f65-ddf5-1234-a8f5-82f6d8e69726""#,
            ),
            example(
                r#"["uuid", ["list", "abc98f65-ddf5-1234-a8f5-82f6d8e601a8", 2, "9f598f65-eea5-4906-a8f5-82f6d8e69726"]]"#,
                r#"["~uabc98f65-ddf5-1234-a8f5-82f6d8e601a8", "~u9f598f65-eea5-4906-a8f5-82f6d8e69726"]"#,
            ),
        ],
        purity: Purity::Random,
        body: Body::Eager(|call, args| {
            Ok(match args {
                [values] => spread(values, |value| match value {
                    Value::Uuid(_) => Some(value.clone()),
                    Value::String(text) => Uuid::try_parse(text).ok().map(Value::Uuid),
                    _ => None,
                }),
                _ => Value::Uuid(call.context.uuid()),
            })
        }),
        ..PLAIN
    },
];
