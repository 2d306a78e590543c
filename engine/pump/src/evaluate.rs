//! Answering requests for what a pipe gives, without running it.

use std::sync::Arc;

use pipewright_component::{Failure, ReadRequest};
use pipewright_dtl::{Diagnostic, Trace};
use pipewright_entity::{Dict, Entity, Text, Value};
use pipewright_store::StoreError;

use crate::chain::{self, Incoming};
use crate::feed::Feed;
use crate::luck::Luck;
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
    let limit = request.limit.unwrap_or(usize::MAX);
    if limit == 0 {
        return Ok(());
    }
    to.is_partial = send_through(plan, resources, request, usize::MAX, &mut |entities, passed| {
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
    })?;
    Ok(())
}

/// One thing that becomes of a source entity.
#[derive(Clone, Debug)]
pub enum Examined {
    /// It comes out; filtered entities have `_filtered: true`.
    Made(Entity),
    /// It could not be transformed.
    Failed {
        /// The source entity.
        id: Option<Text>,
        /// Why.
        why: String,
    },
}

/// How far an examination went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// Source entities that were looked at.
    pub read: u64,
    /// Whether that is all the source has.
    pub is_all: bool,
    /// Whether a lookup without an index looked through a part of a dataset
    /// only.
    pub is_partial: bool,
}

/// What a pipe makes of its source entities, of at most
/// [`EvaluateRequest::limit`] of them, one after the other. As with
/// [`evaluate`], nothing is stored or written.
pub fn examine(
    plan: &Plan,
    resources: &Resources<'_>,
    request: &EvaluateRequest,
    each: &mut dyn FnMut(Examined) -> Result<(), StoreError>,
) -> Result<Extent, EvaluateError> {
    let limit = request.limit.unwrap_or(usize::MAX);
    let mut extent = Extent { is_all: true, ..Extent::default() };
    // One more than asked for tells whether there are more.
    let most = limit.saturating_add(1);
    extent.is_partial = send_through(plan, resources, request, most, &mut |entities, passed| {
        let wanted = limit - extent.read as usize;
        extent.is_all = entities.len() <= wanted;
        extent.read += entities.len().min(wanted) as u64;
        for (_, failure) in passed.failed.into_iter().filter(|(origin, _)| *origin < wanted) {
            each(Examined::Failed { id: failure.id, why: failure.message })?;
        }
        for out in passed.out.into_iter().filter(|out| out.origin < wanted) {
            each(Examined::Made(out.entity))?;
        }
        Ok(extent.is_all)
    })?;
    Ok(extent)
}

/// Takes what became of a batch of source entities; whether more is wanted.
type Take<'a> = dyn FnMut(&[Incoming], chain::Passed) -> Result<bool, RunError> + 'a;

/// Sends what the source has, at most so many entities of it, through the
/// transforms, batch by batch, until `take` does not want any more. Whether a
/// lookup saw a part of a dataset only.
fn send_through(
    plan: &Plan,
    resources: &Resources<'_>,
    request: &EvaluateRequest,
    most: usize,
    take: &mut Take<'_>,
) -> Result<bool, RunError> {
    let reader = resources.store.reader().map_err(RunError::from)?;
    let bound = request.bound.clone().map(Arc::new);
    let world = World::new(&reader, resources, bound, Missing::Scan);
    let cancel = &resources.surroundings.cancel;
    let mut left = most;
    let mut luck = Luck::new(true, false);
    let mut add = |mut entities: Vec<Incoming>| -> Result<bool, RunError> {
        cancel.check()?;
        entities.truncate(left);
        left -= entities.len();
        let passed = chain::pass(plan, &entities, &world, &mut luck, cancel)?;
        Ok(take(&entities, passed)? && left > 0)
    };
    let until = crate::run::complete_until(plan, &reader, resources)?;
    match Feed::open_aside(plan, request.since.as_ref(), until) {
        Some(mut feed) => {
            while let Some(portion) = feed.next(&reader, plan.batch_size)? {
                if !add(portion.entities)? {
                    break;
                }
            }
        }
        None => {
            if let Some(mut source) = crate::run::outside_source(plan, resources)? {
                let read = ReadRequest {
                    since: request.since.clone(),
                    batch_size: plan.batch_size,
                    bound: request.bound.clone(),
                    ..ReadRequest::default()
                };
                for batch in source.open(&read)?.batches {
                    if !add(Incoming::batch(&mut batch?))? {
                        break;
                    }
                }
            }
        }
    }
    Ok(world.is_partial())
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
    let passed = chain::pass(plan, &incoming, &world, &mut Luck::new(true, false), cancel)
        .map_err(RunError::from)?;
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
