//! The way of entities through the transforms of a pipe.

use std::sync::Arc;

use pipewright_component::{Batch, Cancel, EntityFailure, Failure};
use pipewright_dtl::namespaces::remove_namespaces;
use pipewright_dtl::{EvalError, FaultKind, Flow, Program, Target};
use pipewright_entity::{Dict, Entity, Text, Value};
use rustc_hash::FxHashMap;

use crate::Resources;
use crate::children;
use crate::luck::Luck;
use crate::plan::{Plan, TransformPlan, Trigger};
use crate::run::unknown;
use crate::service::Service;
use crate::world::World;

/// A source entity on its way in.
#[derive(Clone, Debug)]
pub(crate) struct Incoming {
    /// The entity; without an `_id` when the source gives none.
    pub(crate) dict: Arc<Dict>,
    /// Its id in the source.
    pub(crate) id: Option<Text>,
    /// Where in the source it stands, if the source says.
    pub(crate) offset: Option<Value>,
    /// The dataset version of it that was read before this one.
    pub(crate) before: Option<(Text, u64)>,
    /// It goes straight to the sink as filtered.
    pub(crate) filtered: bool,
}

impl Incoming {
    pub(crate) fn entity(entity: Entity) -> Incoming {
        let id = Some(entity.id().clone());
        let offset = entity.get("_updated").filter(|offset| !offset.is_null()).cloned();
        Incoming { dict: entity.dict().clone(), id, offset, before: None, filtered: false }
    }

    /// The readable entities of a batch from outside, taken out of it.
    pub(crate) fn batch(batch: &mut Batch) -> Vec<Incoming> {
        let mut entities: Vec<Incoming> =
            std::mem::take(&mut batch.entities).into_iter().map(Incoming::entity).collect();
        let without_id = std::mem::take(&mut batch.without_id);
        entities.extend(without_id.into_iter().map(Incoming::dict));
        entities
    }

    /// A dict that may lack an `_id`.
    pub(crate) fn dict(dict: Arc<Dict>) -> Incoming {
        let id = dict.get("_id").and_then(Value::as_str).map(Text::from);
        Incoming { dict, id, offset: None, before: None, filtered: false }
    }
}

/// An entity on its way out.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    pub(crate) entity: Entity,
    /// The source entity it was made from, by its place in the batch.
    pub(crate) origin: usize,
}

/// What came of a batch.
#[derive(Debug, Default)]
pub(crate) struct Passed {
    pub(crate) out: Vec<Outgoing>,
    /// Source entities that failed, by their place in the batch. Nothing made
    /// from them is among `out`.
    pub(crate) failed: Vec<(usize, EntityFailure)>,
    /// How many entities went to services that must answer with some
    /// (`if_transform_empty`), and how many came back.
    pub(crate) answers: (usize, usize),
}

/// An entity between two steps.
pub(crate) struct Flowing {
    pub(crate) dict: Arc<Dict>,
    pub(crate) origin: usize,
}

/// Sends a batch through all transforms of a pipe. `Err` is about more than
/// single entities.
pub(crate) fn pass(
    plan: &Plan,
    batch: &[Incoming],
    world: &World<'_>,
    luck: &mut Luck,
    cancel: &Cancel,
) -> Result<Passed, Failure> {
    let mut failed: FxHashMap<usize, EntityFailure> = FxHashMap::default();
    let mut flowing = Vec::with_capacity(batch.len());
    let mut straight = Vec::new();
    let mut answers = (0, 0);
    for (origin, incoming) in batch.iter().enumerate() {
        let dict = match &plan.edges.add {
            Some(added) => Arc::new(added.add(&incoming.dict)),
            None => incoming.dict.clone(),
        };
        let flow = Flowing { dict, origin };
        if incoming.filtered { straight.push(flow) } else { flowing.push(flow) }
    }
    for (place, step) in plan.transforms.iter().enumerate() {
        flowing = match step {
            TransformPlan::Dtl { program, trigger } => {
                let mut next = Vec::with_capacity(flowing.len());
                for flow in flowing {
                    cancel.check()?;
                    if failed.contains_key(&flow.origin) {
                        continue;
                    }
                    if trigger.as_ref().is_some_and(|trigger| !trigger.is_met(&flow.dict)) {
                        next.push(flow);
                        continue;
                    }
                    world.set_before(batch[flow.origin].before.clone());
                    let origin = flow.origin;
                    if let Err(error) = apply(program, &flow, world, &mut next) {
                        let id = batch[origin].id.clone();
                        failed.insert(origin, judge(error, id)?);
                    }
                }
                next
            }
            TransformPlan::Plain { step, trigger } => {
                let mut next = Vec::with_capacity(flowing.len());
                let mut made = Vec::new();
                for flow in flowing {
                    cancel.check()?;
                    let origin = flow.origin;
                    if trigger.as_ref().is_some_and(|trigger| !trigger.is_met(&flow.dict)) {
                        next.push(flow);
                    } else if let Err(why) = step.apply(&flow.dict, &mut made) {
                        let id = batch[origin].id.clone();
                        failed.insert(origin, EntityFailure::new(id, why));
                    }
                    next.extend(made.drain(..).map(|dict| Flowing { dict, origin }));
                }
                next
            }
            TransformPlan::Outside { part, trigger, fails_when_empty } => {
                let Resources { components, surroundings, .. } = *world.resources;
                let built = components.transform(&part.setting(plan.id()), surroundings)?;
                let mut transform = built.ok_or_else(|| unknown(part, "transform"))?;
                let (mut next, mut sent) = (Vec::with_capacity(flowing.len()), Vec::new());
                for flow in flowing {
                    if failed.contains_key(&flow.origin) {
                        continue;
                    }
                    // What is filtered is only to be deleted.
                    let passes = is_filtered(&flow.dict)
                        || trigger.as_ref().is_some_and(|trigger| !trigger.is_met(&flow.dict));
                    if passes { next.push(flow) } else { sent.push(flow) }
                }
                let before = next.len();
                let mut service = Service {
                    singly: luck.singly,
                    transform: transform.as_mut(),
                    unlucky: luck.of(place),
                    batch,
                    cancel,
                    failed: &mut failed,
                };
                for some in sent.chunks(service.transform.batch_size().max(1)) {
                    next.extend(service.send(some)?);
                }
                service.settle()?;
                if *fails_when_empty {
                    answers.0 += sent.len();
                    answers.1 += next.len() - before;
                }
                next
            }
            TransformPlan::EmitChildren => {
                let mut next = Vec::with_capacity(flowing.len());
                let mut emitted = Vec::new();
                for flow in flowing {
                    if let Ok(parent) = Entity::from_dict(flow.dict) {
                        children::emit(&parent, &mut emitted);
                    }
                    let origin = flow.origin;
                    let flows = emitted.drain(..);
                    next.extend(flows.map(|e| Flowing { dict: e.dict().clone(), origin }));
                }
                next
            }
        };
    }

    let straight = straight.into_iter().map(|flow| {
        let mut dict = Arc::unwrap_or_clone(flow.dict);
        dict.insert(Text::new_static("_filtered"), Value::Bool(true));
        Flowing { dict: Arc::new(dict), origin: flow.origin }
    });
    flowing.extend(straight);
    let mut out = Vec::with_capacity(flowing.len());
    for flow in flowing {
        let dict = match plan.edges.remove {
            true => Arc::new(remove_namespaces(&flow.dict)),
            false => flow.dict,
        };
        match Entity::from_dict(dict) {
            Ok(entity) => out.push(Outgoing { entity, origin: flow.origin }),
            Err(error) => {
                let id = batch[flow.origin].id.clone();
                let message = match id {
                    Some(_) => format!("after the transforms {error}"),
                    None => format!("{error}; add one in the source or in a DTL transform"),
                };
                failed.insert(flow.origin, EntityFailure::new(id, message));
            }
        }
    }
    out.retain(|out| !failed.contains_key(&out.origin));
    let mut failed: Vec<_> = failed.into_iter().collect();
    failed.sort_unstable_by_key(|(origin, _)| *origin);
    Ok(Passed { out, failed, answers })
}

/// One entity through one DTL transform.
fn apply(
    program: &Program,
    flow: &Flowing,
    world: &World<'_>,
    to: &mut Vec<Flowing>,
) -> Result<(), EvalError> {
    let was_filtered = is_filtered(&flow.dict);
    let origin = flow.origin;
    let mut push = |dict: Arc<Dict>| {
        // What was filtered before stays so: the sink is to delete it,
        // whatever later transforms make of its id.
        let dict = match was_filtered && !is_filtered(&dict) {
            true => {
                let mut dict = Arc::unwrap_or_clone(dict);
                dict.insert(Text::new_static("_filtered"), Value::Bool(true));
                Arc::new(dict)
            }
            false => dict,
        };
        to.push(Flowing { dict, origin });
    };
    let (target, emitted) = match Entity::from_dict(flow.dict.clone()) {
        Ok(entity) => {
            let outcome = program.run(&entity, world)?;
            let target = match outcome.target {
                Target::Kept(entity) | Target::Filtered(entity) => Some(entity),
                Target::Discarded => None,
            };
            (target.map(|entity| entity.dict().clone()), outcome.emitted)
        }
        Err(_) => {
            // The transform gives it an `_id`, or it fails at the end.
            let source = Value::Dict(flow.dict.clone());
            let outcome = program.run_raw(source, Dict::default(), world)?;
            let mut target = outcome.target;
            let target = match outcome.flow {
                Flow::Next => Some(target),
                Flow::Filter => {
                    target.insert(Text::new_static("_filtered"), Value::Bool(true));
                    Some(target)
                }
                Flow::Discard => None,
            };
            (target.map(Arc::new), outcome.emitted)
        }
    };
    // Created entities come first: they were made before the target was done.
    emitted.into_iter().for_each(|entity| push(entity.dict().clone()));
    target.into_iter().for_each(push);
    Ok(())
}

fn is_filtered(dict: &Dict) -> bool {
    dict.get("_filtered") == Some(&Value::Bool(true))
}

/// Whether an error is about the entity or about more.
fn judge(error: EvalError, id: Option<Text>) -> Result<EntityFailure, Failure> {
    match error.kind {
        FaultKind::Failed | FaultKind::Limit => {
            let mut failure = EntityFailure::new(id, error.to_string());
            failure.detail = Some(Value::string(error.path.to_string()));
            Ok(failure)
        }
        FaultKind::Tripped => Err(Failure::StartOver { message: error.to_string() }),
        FaultKind::Lookup => Err(Failure::retryable(error.to_string())),
    }
}

impl Trigger {
    /// Whether the entity has the value that the transform is for.
    fn is_met(&self, dict: &Dict) -> bool {
        let mut steps = self.path.iter();
        let mut value = steps.next().and_then(|name| dict.get(name));
        for name in steps {
            value = value.and_then(|value| value.as_dict()?.get(name));
        }
        value.is_some_and(|value| {
            value
                .as_slice()
                .iter()
                .filter_map(Value::as_str)
                .any(|text| matches(&self.pattern, text))
        })
    }
}

/// Whether a text has the form of a pattern in which `*` stands for any text.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut left) = text.strip_prefix(head) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    // `split` gives at least one part.
    let tail = parts.pop().unwrap_or_default();
    for part in parts {
        match left.find(part) {
            Some(place) => left = &left[place + part.len()..],
            None => return false,
        }
    }
    left.len() >= tail.len() && left.ends_with(tail)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_stand_for_any_text() {
        for (pattern, text, expected) in [
            ("some-value*", "some-value-9", true),
            ("some-value*", "other", false),
            ("*", "", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxcyyb", false),
            ("ab*ba", "aba", false),
            ("plain", "plain", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
