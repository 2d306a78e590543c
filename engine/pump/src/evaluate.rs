//! Answering requests for what a pipe gives, without running it.

use std::sync::Arc;

use pipewright_component::{Failure, ReadRequest};
use pipewright_dtl::{Diagnostic, Trace};
use pipewright_entity::{Dict, Entity, Text, Value};

use crate::chain::{self, Incoming};
use crate::feed::Feed;
use crate::plan::Plan;
use crate::world::{Missing, World};
use crate::{Resources, RunError};

/// What is asked of a pipe.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EvaluateRequest {
    /// Only what the source has after this offset.
    pub since: Option<Value>,
    /// At most so many entities.
    pub limit: Option<usize>,
    /// Other parameters of the request (`_B` in DTL).
    pub bound: Option<Dict>,
}

/// What a pipe gives.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evaluated {
    /// The entities, after all transforms; filtered ones left out. Each has
    /// the offset of its source entity as `_updated`, where the source has
    /// offsets, to go on from.
    pub entities: Vec<Entity>,
    /// Source entities that could not be transformed, and why.
    pub failed: Vec<(Option<Text>, String)>,
    /// Whether a lookup without an index looked through a part of a dataset
    /// only.
    pub is_partial: bool,
}

/// Why a pipe cannot be evaluated.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct EvaluateError(#[from] RunError);

impl EvaluateError {
    /// Whether it may work later or elsewhere: reading from outside is held,
    /// the other side cannot be reached, or the request was stopped.
    pub fn is_temporary(&self) -> bool {
        matches!(
            self.0,
            RunError::Component(
                Failure::Retryable { .. } | Failure::Held { .. } | Failure::Stopped
            )
        )
    }
}

/// What a pipe gives for a request, computed from its source on. Nothing is
/// stored and nothing is written; a source outside the node is read if that is
/// allowed.
pub fn evaluate(
    plan: &Plan,
    resources: &Resources<'_>,
    request: &EvaluateRequest,
) -> Result<Evaluated, EvaluateError> {
    let mut found = Evaluated::default();
    evaluate_into(plan, resources, request, &mut found)?;
    Ok(found)
}

fn evaluate_into(
    plan: &Plan,
    resources: &Resources<'_>,
    request: &EvaluateRequest,
    to: &mut Evaluated,
) -> Result<(), RunError> {
    let reader = resources.store.reader().map_err(RunError::from)?;
    let bound = request.bound.clone().map(Arc::new);
    let limit = request.limit.unwrap_or(usize::MAX);
    let world = World::new(&reader, resources, bound.clone(), Missing::Scan);
    let cancel = &resources.surroundings.cancel;

    let mut add = |entities: Vec<Incoming>| -> Result<bool, RunError> {
        let passed = chain::pass(plan, &entities, &world, cancel)?;
        for (_, failure) in passed.failed {
            to.failed.push((failure.id.clone(), failure.message));
        }
        for out in passed.out {
            if out.entity.get("_filtered") == Some(&Value::Bool(true)) {
                continue;
            }
            if to.entities.len() == limit {
                return Ok(false);
            }
            let offset = entities.get(out.origin).and_then(|origin| origin.offset.clone());
            to.entities.push(match offset {
                Some(offset) => out.entity.with("_updated", offset),
                None => out.entity,
            });
        }
        Ok(to.entities.len() < limit)
    };
    if limit > 0 {
        let until = crate::run::complete_until(plan, &reader, resources)?;
        match Feed::open_aside(plan, request.since.as_ref(), until) {
            Some(mut feed) => {
                while let Some(portion) = feed.next(&reader, plan.batch_size)? {
                    cancel.check()?;
                    if !add(portion.entities)? {
                        break;
                    }
                }
            }
            None => {
                let Some(mut source) = crate::run::outside_source(plan, resources)? else {
                    return Ok(());
                };
                let read = ReadRequest {
                    since: request.since.clone(),
                    batch_size: plan.batch_size,
                    bound: request.bound.clone(),
                    ..ReadRequest::default()
                };
                for batch in source.open(&read)?.batches {
                    cancel.check()?;
                    if !add(Incoming::batch(&mut batch?))? {
                        break;
                    }
                }
            }
        }
    }
    to.is_partial = world.is_partial();
    Ok(())
}

/// What becomes of one entity.
#[derive(Clone, Debug, PartialEq)]
pub struct Preview {
    /// What comes out, in order; filtered entities have `_filtered: true`.
    pub entities: Vec<Entity>,
    /// Why the entity could not be transformed, and the JSON path of the
    /// expression.
    pub failure: Option<(String, Option<String>)>,
    /// Whether a lookup without an index looked through a part of a dataset
    /// only.
    pub is_partial: bool,
    /// What the compiler warns about.
    pub warnings: Vec<Diagnostic>,
    /// What the first runs of DTL transforms did, if the plan is a traced one.
    pub traces: Vec<Trace>,
}

/// What the transforms of a pipe make of one source entity, with the datasets
/// as they are now. Rules that were just edited may look something up that has
/// no index yet: a part of the dataset is looked through then.
pub fn preview(
    plan: &Plan,
    resources: &Resources<'_>,
    entity: Entity,
) -> Result<Preview, EvaluateError> {
    let reader = resources.store.reader().map_err(RunError::from)?;
    let world = World::new(&reader, resources, None, Missing::Scan);
    let incoming = [Incoming::entity(entity)];
    let cancel = &resources.surroundings.cancel;
    let passed = chain::pass(plan, &incoming, &world, cancel).map_err(RunError::from)?;
    let failure = passed.failed.into_iter().next().map(|(_, failure)| {
        let path = failure.detail.as_ref().and_then(Value::as_str).map(str::to_owned);
        (failure.message, path)
    });
    Ok(Preview {
        entities: passed.out.into_iter().map(|out| out.entity).collect(),
        failure,
        is_partial: world.is_partial(),
        warnings: plan.warnings.clone(),
        traces: world.take_traces(),
    })
}
