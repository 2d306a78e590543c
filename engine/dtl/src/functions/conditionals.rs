//! Conditionals (`hub/dtl/dtl-functions-conditionals`).

use pipewright_entity::Value;

use super::comparisons::equal;
use super::{Body, Function, Kind, PLAIN, any, example, on, one, optional};
use crate::Fault;
use crate::eval::Eval;
use crate::plan::Expr;

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "if",
        area: "conditionals",
        params: &[
            one("CONDITION", Kind::Boolean),
            one("THEN", Kind::Value),
            optional("ELSE", Kind::Value),
        ],
        summary: "One value if the condition is true, another (or null) if not.",
        examples: &[
            on(r#"{"age":43}"#, r#"["if", ["gt", "_S.age", 42], 1, 2]"#, "1"),
            example(r#"["if", false, 1]"#, "null"),
        ],
        body: Body::Lazy(|eval, args| {
            if eval.truth(&args[0])? { eval.value(&args[1]) } else { otherwise(eval, args.get(2)) }
        }),
        ..PLAIN
    },
    Function {
        name: "case",
        area: "conditionals",
        params: &[
            one("CONDITION", Kind::Boolean),
            one("THEN", Kind::Value),
            any("CONDITION, THEN", Kind::Value),
            optional("ELSE", Kind::Value),
        ],
        summary: "The value behind the first condition that is true, or else the last one.",
        examples: &[
            on(
                r#"{"age":15}"#,
                r#"["case", ["gte", "_S.age", 18], "adult", ["gte", "_S.age", 13], "teenager", "child"]"#,
                r#""teenager""#,
            ),
            example(r#"["case", false, 1]"#, "null"),
        ],
        body: Body::Lazy(|eval, args| {
            let mut pairs = args.chunks_exact(2);
            for pair in pairs.by_ref() {
                if eval.truth(&pair[0])? {
                    return eval.value(&pair[1]);
                }
            }
            otherwise(eval, pairs.remainder().first())
        }),
        ..PLAIN
    },
    Function {
        name: "case-eq",
        area: "conditionals",
        params: &[
            one("VALUE", Kind::Value),
            one("VALUE_1", Kind::Value),
            one("THEN", Kind::Value),
            any("VALUE_N, THEN", Kind::Value),
            optional("ELSE", Kind::Value),
        ],
        summary: "The value behind the first value that equals the given one, or else the last one.",
        examples: &[
            on(
                r#"{"country":"SE"}"#,
                r#"["case-eq", "_S.country", "NO", "Norway", "SE", "Sweden", "Other"]"#,
                r#""Sweden""#,
            ),
            on(r#"{}"#, r#"["case-eq", "_S.country", "NO", "Norway", "Other"]"#, r#""Other""#),
        ],
        body: Body::Lazy(|eval, args| {
            let value = eval.value(&args[0])?;
            let mut pairs = args[1..].chunks_exact(2);
            for pair in pairs.by_ref() {
                if equal(&value, &eval.value(&pair[0])?) {
                    return eval.value(&pair[1]);
                }
            }
            otherwise(eval, pairs.remainder().first())
        }),
        ..PLAIN
    },
];

fn otherwise(eval: &mut Eval<'_>, expr: Option<&Expr>) -> Result<Value, Fault> {
    expr.map_or(Ok(Value::Null), |expr| eval.value(expr))
}
