//! Joining other datasets (`hub/dtl/dtl-functions-hops`, `hub/dtl/joins`).

use pipewright_entity::Value;

use super::{Body, Function, Kind, PLAIN, Purity, one, some};
use crate::hops::compile_hops;

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "hops",
        area: "hops",
        params: &[some("HOPS_SPEC", Kind::Hops)],
        summary: "The entities of other datasets that join with what is at hand.",
        purity: Purity::Joins,
        body: Body::Special(|compiler, call| compile_hops(compiler, call, None)),
        ..PLAIN
    },
    Function {
        name: "apply-hops",
        area: "dictionaries",
        params: &[one("RULE_ID", Kind::Rule), some("HOPS_SPEC", Kind::Hops)],
        summary: "What a rule makes of each entity of other datasets that joins with what is at hand.",
        purity: Purity::Joins,
        body: Body::Special(|compiler, call| {
            let rule = compiler.rule_named(&call.args[0], &call.path_of(0));
            compile_hops(compiler, call, Some(rule?))
        }),
        ..PLAIN
    },
    Function {
        name: "lookup-entity",
        area: "hops",
        params: &[one("DATASET_ID", Kind::String), one("ENTITY_ID", Kind::Value)],
        summary: "The entity of a dataset with an id; null if there is none. Its changes are not tracked.",
        purity: Purity::Reads,
        body: Body::Lazy(|eval, args| {
            let (dataset, id) = (eval.value(&args[0])?, eval.value(&args[1])?);
            let (Some(dataset), Some(id)) = (dataset.as_str(), super::args::string(&id)) else {
                return Ok(Value::Null);
            };
            let entity = eval.call().context.datasets().get(dataset, id)?;
            Ok(entity.map_or(Value::Null, |entity| Value::Dict(entity.dict().clone())))
        }),
        ..PLAIN
    },
];
