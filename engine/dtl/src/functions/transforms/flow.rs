//! Transforms that decide how a rule goes on.

use pipewright_entity::Value;

use super::TRANSFORM;
use crate::Fault;
use crate::compile::action;
use crate::functions::args::{integer, truth};
use crate::functions::comparisons::equal;
use crate::functions::{Body, Function, Kind, Param, Purity, any, on, one, optional};
use crate::plan::{Block, Expr, Flow};

const UNLESS: &[Param] = &[optional("UNLESS_CONDITION", Kind::Boolean)];
const MESSAGE: &[Param] = &[one("MESSAGE", Kind::Value)];

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "if",
        params: &[
            one("CONDITION", Kind::Boolean),
            one("THEN", Kind::Transforms),
            optional("ELSE", Kind::Transforms),
        ],
        summary: "Some transforms if the condition is true, others (or none) if not.",
        examples: &[on(
            r#"{"age":20}"#,
            r#"["if", ["gt", "_S.age", 18], ["add", "type", "adult"], ["add", "type", "child"]]"#,
            r#"{"type":"adult"}"#,
        )],
        body: Body::Transform(|compiler, call| {
            let condition = compiler.expr(&call.args[0], &call.path_of(0));
            let then = compiler.block(&call.args[1], &call.path_of(1));
            let otherwise = call.args.get(2).map(|node| compiler.block(node, &call.path_of(2)));
            let (condition, otherwise) = (condition?, otherwise.unwrap_or_default());
            action(
                move |eval| {
                    if eval.truth(&condition)? { then.run(eval) } else { otherwise.run(eval) }
                },
            )
        }),
        ..TRANSFORM
    },
    Function {
        name: "case",
        params: &[
            one("CONDITION", Kind::Boolean),
            one("THEN", Kind::Transforms),
            any("CONDITION, THEN", Kind::Value),
            optional("ELSE", Kind::Transforms),
        ],
        summary: "The transforms behind the first condition that is true, or else the last ones.",
        examples: &[on(
            r#"{"age":1}"#,
            r#"["case", ["gte", "_S.age", 18], ["add", "group", "adult"], ["add", "group", "child"]]"#,
            r#"{"group":"child"}"#,
        )],
        body: Body::Transform(|compiler, call| {
            let (cases, otherwise) = cases(compiler, call, 0)?;
            action(move |eval| {
                for (condition, block) in &cases {
                    if eval.truth(condition)? {
                        return block.run(eval);
                    }
                }
                otherwise.run(eval)
            })
        }),
        ..TRANSFORM
    },
    Function {
        name: "case-eq",
        params: &[
            one("VALUE", Kind::Value),
            one("VALUE_1", Kind::Value),
            one("THEN", Kind::Transforms),
            any("VALUE_N, THEN", Kind::Value),
            optional("ELSE", Kind::Transforms),
        ],
        summary: "The transforms behind the first value that equals the given one, or else the last ones.",
        examples: &[on(
            r#"{"country":"SE"}"#,
            r#"["case-eq", "_S.country", "NO", ["add", "c", "Norway"], "SE", ["add", "c", "Sweden"]]"#,
            r#"{"c":"Sweden"}"#,
        )],
        body: Body::Transform(|compiler, call| {
            let value = compiler.expr(&call.args[0], &call.path_of(0));
            let (cases, otherwise) = cases(compiler, call, 1)?;
            let value = value?;
            action(move |eval| {
                let value = eval.value(&value)?;
                for (candidate, block) in &cases {
                    if equal(&value, &eval.value(candidate)?) {
                        return block.run(eval);
                    }
                }
                otherwise.run(eval)
            })
        }),
        ..TRANSFORM
    },
    Function {
        name: "comment",
        params: &[any("COMMENTS", Kind::Literal)],
        summary: "Nothing: its arguments are for people.",
        examples: &[on("{}", r#"["comment", "one line", ["not", "run"]]"#, "{}")],
        body: Body::Transform(|_, _| action(|_| Ok(Flow::Next))),
        ..TRANSFORM
    },
    Function {
        name: "filter",
        params: UNLESS,
        summary: "Ends the rule unless the condition is true; the entity is then deleted from a dataset sink that has it.",
        body: Body::Transform(|compiler, call| unless(compiler, call, Flow::Filter)),
        ..TRANSFORM
    },
    Function {
        name: "discard",
        params: UNLESS,
        summary: "Ends the rule unless the condition is true; the entity is left out.",
        body: Body::Transform(|compiler, call| unless(compiler, call, Flow::Discard)),
        ..TRANSFORM
    },
    Function {
        name: "fail!",
        params: MESSAGE,
        summary: "Makes the pump fail.",
        body: Body::Transform(|compiler, call| stop(compiler, call, Fault::failed)),
        ..TRANSFORM
    },
    Function {
        name: "trip!",
        params: MESSAGE,
        summary: "Makes the pump fail and trips the circuit breaker of the sink dataset.",
        body: Body::Transform(|compiler, call| stop(compiler, call, Fault::tripped)),
        ..TRANSFORM
    },
    Function {
        name: "sleep!",
        params: &[one("PERIOD", Kind::Integer)],
        summary: "Pauses for so many seconds.",
        purity: Purity::Effect,
        body: Body::Transform(|compiler, call| {
            let period = compiler.expr(&call.args[0], &call.path_of(0))?;
            action(move |eval| {
                let seconds = integer(&eval.value(&period)?).unwrap_or(0);
                eval.call().context.sleep(u64::try_from(seconds).unwrap_or(0));
                Ok(Flow::Next)
            })
        }),
        ..TRANSFORM
    },
];

/// Pairs of a condition and transforms from an argument on, and what is left.
fn cases(
    compiler: &mut crate::compile::Compiler<'_>,
    call: &crate::functions::CallNode<'_>,
    from: usize,
) -> Option<(Vec<(Expr, Block)>, Block)> {
    let mut cases = Vec::new();
    let mut whole = true;
    let mut at = from;
    while at + 1 < call.args.len() {
        let condition = compiler.expr(&call.args[at], &call.path_of(at));
        let block = compiler.block(&call.args[at + 1], &call.path_of(at + 1));
        match condition {
            Some(condition) => cases.push((condition, block)),
            None => whole = false,
        }
        at += 2;
    }
    let otherwise = call.args.get(at).map(|node| compiler.block(node, &call.path_of(at)));
    whole.then_some((cases, otherwise.unwrap_or_default()))
}

fn unless(
    compiler: &mut crate::compile::Compiler<'_>,
    call: &crate::functions::CallNode<'_>,
    flow: Flow,
) -> Option<Box<dyn crate::plan::Action>> {
    match call.args.first() {
        None => action(move |_| Ok(flow)),
        Some(node) => {
            let condition = compiler.expr(node, &call.path_of(0))?;
            action(move |eval| Ok(if truth(&eval.value(&condition)?) { Flow::Next } else { flow }))
        }
    }
}

fn stop(
    compiler: &mut crate::compile::Compiler<'_>,
    call: &crate::functions::CallNode<'_>,
    fault: fn(String) -> Fault,
) -> Option<Box<dyn crate::plan::Action>> {
    let message = compiler.expr(&call.args[0], &call.path_of(0))?;
    action(move |eval| {
        let message = eval.value(&message)?;
        Err(fault(match &message {
            Value::String(text) => text.to_string(),
            other => other.to_transit(),
        }))
    })
}
