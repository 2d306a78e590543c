//! Boolean logic (`hub/dtl/dtl-functions-boolean-logic`).

use pipewright_entity::Value;

use super::args::truth;
use super::{Body, Function, Kind, PLAIN, example, on, one, optional, some};
use crate::Fault;
use crate::eval::Eval;
use crate::plan::Expr;

const ARGS: &[super::Param] = &[some("VALUES", Kind::Boolean)];
const QUANTIFIED: &[super::Param] =
    &[optional("FUNCTION", Kind::Function), one("VALUES", Kind::Value)];

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "and",
        area: "boolean-logic",
        params: ARGS,
        summary: "True if all arguments are true. The first one that is not ends it.",
        examples: &[
            on(
                r#"{"age":27,"gender":"male"}"#,
                r#"["and", ["gt", "_S.age", 26], ["eq", "_S.gender", "male"]]"#,
                "true",
            ),
            example(r#"["and", true, ["list"]]"#, "false"),
        ],
        body: Body::Lazy(|eval, args| Ok(Value::Bool(all_true(eval, args)?))),
        ..PLAIN
    },
    Function {
        name: "or",
        area: "boolean-logic",
        params: ARGS,
        summary: "True if any argument is true. The first one that is ends it.",
        examples: &[on(
            r#"{"category":"B"}"#,
            r#"["or", ["eq", "_S.category", "A"], ["eq", "_S.category", "B"]]"#,
            "true",
        )],
        body: Body::Lazy(|eval, args| {
            for arg in args {
                if eval.truth(arg)? {
                    return Ok(Value::Bool(true));
                }
            }
            Ok(Value::Bool(false))
        }),
        ..PLAIN
    },
    Function {
        name: "not",
        area: "boolean-logic",
        params: ARGS,
        summary: "True unless all arguments are true.",
        examples: &[
            example(r#"["not", true]"#, "false"),
            example(r#"["not", true, false]"#, "true"),
        ],
        body: Body::Lazy(|eval, args| Ok(Value::Bool(!all_true(eval, args)?))),
        ..PLAIN
    },
    Function {
        name: "all",
        area: "boolean-logic",
        params: QUANTIFIED,
        summary: "True if all values are true, or give true when the function is applied to them.",
        examples: &[
            example(r#"["all", ["gt", "_.", 2], ["list", 4, 5, 6]]"#, "true"),
            example(r#"["all", ["list", true, false, true]]"#, "false"),
            example(r#"["all", ["list", 1, 2, 3]]"#, "true"),
            example(r#"["all", ["lt", "_.", 2], ["list", 1, 3, 5]]"#, "false"),
        ],
        body: Body::Lazy(|eval, args| quantify(eval, args, false)),
        ..PLAIN
    },
    Function {
        name: "any",
        area: "boolean-logic",
        params: QUANTIFIED,
        summary: "True if any value is true, or gives true when the function is applied to it.",
        examples: &[
            example(r#"["any", ["gt", "_.", 5], ["list", 4, 6, 8]]"#, "true"),
            example(r#"["any", ["lt", "_.", 2], ["list", 6, 7, 8]]"#, "false"),
            example(r#"["any", ["list", 1, 2, 3]]"#, "true"),
        ],
        body: Body::Lazy(|eval, args| quantify(eval, args, true)),
        ..PLAIN
    },
];

fn all_true(eval: &mut Eval<'_>, args: &[Expr]) -> Result<bool, Fault> {
    for arg in args {
        if !eval.truth(arg)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Looks for an item whose truth is `wanted`; that is then the answer.
fn quantify(eval: &mut Eval<'_>, args: &[Expr], wanted: bool) -> Result<Value, Fault> {
    let (function, values) = match args {
        [function, values] => (Some(function), values),
        _ => (None, &args[0]),
    };
    let values = eval.value(values)?;
    for item in super::args::items(&values) {
        let truth = match function {
            Some(function) => truth(&eval.each(function, item)?),
            None => truth(item),
        };
        if truth == wanted {
            return Ok(Value::Bool(wanted));
        }
    }
    Ok(Value::Bool(!wanted))
}
