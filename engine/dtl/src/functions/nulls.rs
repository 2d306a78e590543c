//! Functions on missing values (documentation page `hub/dtl/dtl-functions-nulls`).

use pipewright_entity::Value;

use super::args::{first, items, truth};
use super::{Body, Function, Kind, PLAIN, example, on, one, optional, some};

const AREA: &str = "nulls";

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "coalesce",
        area: AREA,
        params: &[optional("FUNCTION", Kind::Function), one("VALUES", Kind::Value)],
        summary: "The first of VALUES that is not null or, with FUNCTION, the first for which \
                  FUNCTION is true.",
        examples: &[
            on(r#"{"tags": [null, "b", "c"]}"#, r#"["coalesce", "_S.tags"]"#, r#""b""#),
            on(
                r#"{"hobbies": [{"name": "chess", "expenses": 10}, {"name": "golf", "expenses": 2000}]}"#,
                r#"["coalesce", ["gt", "_.expenses", 1000], "_S.hobbies"]"#,
                r#"{"name": "golf", "expenses": 2000}"#,
            ),
        ],
        body: Body::Lazy(|eval, args| match args {
            [values] => {
                let values = eval.value(values)?;
                let found = items(&values).iter().find(|value| !value.is_null());
                Ok(found.cloned().unwrap_or(Value::Null))
            }
            [function, values] => {
                let values = eval.value(values)?;
                for value in items(&values) {
                    if truth(&eval.each(function, value)?) {
                        return Ok(value.clone());
                    }
                }
                Ok(Value::Null)
            }
            _ => Ok(Value::Null),
        }),
        ..PLAIN
    },
    Function {
        name: "coalesce-args",
        area: AREA,
        params: &[some("VALUES", Kind::Value)],
        summary: "The first argument that is not null. Those after it are not evaluated.",
        examples: &[
            on(
                r#"{"two": 2, "three": 3}"#,
                r#"["coalesce-args", "_S.one", "_S.two", "_S.three"]"#,
                "2",
            ),
            example(r#"["coalesce-args", null, null, 123, 236]"#, "123"),
            example(r#"["coalesce-args", null, ["list"], 123, 236]"#, "[]"),
        ],
        body: Body::Lazy(|eval, args| {
            for arg in args {
                let value = eval.value(arg)?;
                if !value.is_null() {
                    return Ok(value);
                }
            }
            Ok(Value::Null)
        }),
        ..PLAIN
    },
    Function {
        name: "if-null",
        area: AREA,
        params: &[one("VALUE", Kind::Value), one("FALLBACK-VALUE", Kind::Value)],
        summary: "VALUE or, if it is null in the sense of `is-null`, FALLBACK-VALUE.",
        examples: &[
            example(r#"["if-null", null, 2]"#, "2"),
            example(r#"["if-null", 1, 2]"#, "1"),
            example(r#"["if-null", ["list", null], 2]"#, "2"),
            example(r#"["if-null", ["list", null, 123], 2]"#, "2"),
            example(r#"["if-null", ["list", 1, "12345"], 2]"#, r#"[1, "12345"]"#),
        ],
        body: Body::Lazy(|eval, args| {
            let [value, fallback] = args else { return Ok(Value::Null) };
            let value = eval.value(value)?;
            if first(&value).is_null() { eval.value(fallback) } else { Ok(value) }
        }),
        ..PLAIN
    },
    Function {
        name: "is-not-null",
        area: AREA,
        params: &[one("VALUES", Kind::Value)],
        summary: "False for null, for an empty list and for a list that begins with null.",
        examples: &[
            example(r#"["is-not-null", null]"#, "false"),
            example(r#"["is-not-null", 1]"#, "true"),
            example(r#"["is-not-null", ["list"]]"#, "false"),
            example(r#"["is-not-null", ["list", null]]"#, "false"),
            example(r#"["is-not-null", ["list", null, 123]]"#, "false"),
            example(r#"["is-not-null", ["list", 1, "12345"]]"#, "true"),
        ],
        body: Body::Eager(|_, args| Ok(Value::Bool(!first(&args[0]).is_null()))),
        ..PLAIN
    },
    Function {
        name: "is-null",
        area: AREA,
        params: &[one("VALUES", Kind::Value)],
        summary: "True for null, for an empty list and for a list that begins with null.",
        examples: &[
            example(r#"["is-null", null]"#, "true"),
            example(r#"["is-null", 1]"#, "false"),
            example(r#"["is-null", ["list"]]"#, "true"),
            example(r#"["is-null", ["list", null]]"#, "true"),
            example(r#"["is-null", ["list", null, 123]]"#, "true"),
            example(r#"["is-null", ["list", 1, "12345"]]"#, "false"),
        ],
        body: Body::Eager(|_, args| Ok(Value::Bool(first(&args[0]).is_null()))),
        ..PLAIN
    },
];
