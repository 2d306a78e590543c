//! Applying named rules (`hub/dtl/dtl-functions-dictionaries`).

use pipewright_entity::Value;

use super::{Body, Function, Kind, PLAIN, one};
use crate::Fault;
use crate::eval::Eval;
use crate::plan::{Evaluate, Expr};

pub(super) const FUNCTIONS: &[Function] = &[Function {
    name: "apply",
    area: "dictionaries",
    params: &[one("RULE_ID", Kind::Rule), one("VALUES", Kind::Value)],
    summary: "What a rule makes of each value: the value is its source, its target the result.",
    body: Body::Special(|compiler, call| {
        let rule = compiler.rule_named(&call.args[0], &call.path_of(0));
        let values = compiler.expr(&call.args[1], &call.path_of(1));
        let (rule, values) = (rule?, values?);
        compiler.applied(rule);
        Some(Expr::Special(Box::new(Apply { rule, values })))
    }),
    ..PLAIN
}];

struct Apply {
    rule: usize,
    values: Expr,
}

impl Evaluate for Apply {
    fn evaluate(&self, eval: &mut Eval<'_>) -> Result<Value, Fault> {
        match eval.value(&self.values)? {
            Value::Null => Ok(Value::Null),
            Value::List(items) => apply_each(eval, self.rule, &items),
            scalar => Ok(eval.apply(self.rule, scalar)?.unwrap_or(Value::Null)),
        }
    }
}

/// Applies a rule to each of some values; those it filters are left out.
pub(crate) fn apply_each(
    eval: &mut Eval<'_>,
    rule: usize,
    values: &[Value],
) -> Result<Value, Fault> {
    let mut applied = Vec::with_capacity(values.len());
    for value in values {
        applied.extend(eval.apply(rule, value.clone())?);
    }
    Ok(Value::list(applied))
}
