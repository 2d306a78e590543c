//! Compiled programs.

use std::ops::Range;
use std::sync::Arc;

use pipewright_entity::{Dict, Entity, Text, Value};

use crate::eval::Eval;
use crate::names::Namespaces;
use crate::namespaces::Generated;
use crate::plan::{Block, Flow};
use crate::syntax::Path;
use crate::{Analysis, Context, Dependency, EvalError, Fault, Index};

/// What a program is compiled for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The pipe, which some functions and messages name.
    pub pipe_id: Text,
    /// The namespaces of the pipe.
    pub namespaces: Namespaces,
    /// Whether a produced entity without an `_id` is a failure (`id_required`);
    /// otherwise it is left out.
    pub id_required: bool,
    /// Whether runs tell the world around what each expression and transform
    /// did ([`Context::traced`]), at a price.
    pub traced: bool,
}

impl Options {
    /// For a pipe without namespaces.
    pub fn new(pipe_id: impl Into<Text>) -> Options {
        Options {
            pipe_id: pipe_id.into(),
            namespaces: Namespaces::default(),
            id_required: true,
            traced: false,
        }
    }
}

/// The part of a program that evaluation needs.
pub(crate) struct Core {
    pub(crate) options: Options,
    /// Transforms of each rule, by number.
    pub(crate) rules: Vec<Block>,
    /// Where the numbered calls stand in the config.
    pub(crate) places: Vec<(Path, Range<usize>)>,
    /// Namespaces made up for URIs so far.
    pub(crate) generated: Generated,
    /// Number of slots for dataset aliases.
    pub(crate) aliases: usize,
}

/// A DTL transform, compiled: runs on many entities, from any thread.
pub struct Program {
    pub(crate) core: Core,
    pub(crate) default: usize,
    pub(crate) indexes: Vec<Index>,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) analysis: Analysis,
}

/// What became of an entity.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The target.
    pub target: Target,
    /// Entities made by `create`, in order.
    pub emitted: Vec<Entity>,
}

/// The target entity, and what is to happen with it.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// It goes on.
    Kept(Entity),
    /// It was filtered: it goes on with `_filtered: true`, so that a dataset
    /// sink deletes what it has of it.
    Filtered(Entity),
    /// It is left out, as if the source had not had it.
    Discarded,
}

/// What is left of a run on something that need not be an entity.
#[derive(Clone, Debug, PartialEq)]
pub struct RawOutcome {
    /// The target as the rule left it.
    pub target: Dict,
    /// Whether the rule ran to its end, filtered or discarded.
    pub flow: Flow,
    /// Entities made by `create`, in order.
    pub emitted: Vec<Entity>,
}

impl Program {
    /// Transforms an entity by the default rule.
    pub fn run(&self, source: &Entity, context: &dyn Context) -> Result<Outcome, EvalError> {
        let mut target = Dict::with_capacity(8);
        // The target starts as the same entity: with its id, and deleted when
        // the source is.
        target.insert(Text::new_static("_id"), Value::String(source.id().clone()));
        if source.is_deleted() {
            target.insert(Text::new_static("_deleted"), Value::Bool(true));
        }
        let raw = self.run_raw(Value::Dict(source.dict().clone()), target, context)?;
        let mut target = raw.target;
        let target = match raw.flow {
            Flow::Discard => Target::Discarded,
            Flow::Filter => {
                target.insert(Text::new_static("_filtered"), Value::Bool(true));
                self.entity(target)?.map_or(Target::Discarded, Target::Filtered)
            }
            Flow::Next => self.entity(target)?.map_or(Target::Discarded, Target::Kept),
        };
        Ok(Outcome { target, emitted: raw.emitted })
    }

    /// Runs the default rule on any value with a target that may hold
    /// something beforehand.
    pub fn run_raw(
        &self,
        source: Value,
        target: Dict,
        context: &dyn Context,
    ) -> Result<RawOutcome, EvalError> {
        let mut eval = Eval::new(&self.core, context, source, target);
        let flow = self.core.rules[self.default].run(&mut eval).and_then(|flow| {
            eval.check_size()?;
            Ok(flow)
        });
        eval.hand_over_trace();
        let flow = flow.map_err(|fault| self.locate(fault))?;
        let (target, emitted) = eval.finish();
        Ok(RawOutcome { target, flow, emitted })
    }

    /// The indexes that lookups need.
    pub fn indexes(&self) -> &[Index] {
        &self.indexes
    }

    /// The datasets whose changes concern the result, and how they lead back
    /// to the source.
    pub fn dependencies(&self) -> &[Dependency] {
        &self.dependencies
    }

    /// What can be told without running.
    pub fn analysis(&self) -> &Analysis {
        &self.analysis
    }

    fn entity(&self, target: Dict) -> Result<Option<Entity>, EvalError> {
        match Entity::from_dict(Arc::new(target)) {
            Ok(entity) => Ok(Some(entity)),
            Err(_) if !self.core.options.id_required => Ok(None),
            Err(error) => Err(self.locate(Fault::failed(format!("after the transform {error}")))),
        }
    }

    fn locate(&self, fault: Fault) -> EvalError {
        let at = fault.at.and_then(|at| self.core.places.get(at as usize));
        let (path, span) = at.or(self.core.places.first()).cloned().unwrap_or_default();
        EvalError { kind: fault.kind, message: fault.message, path, span }
    }
}
