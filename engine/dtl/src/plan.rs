//! What a compiled program consists of.

use pipewright_entity::{Text, Value};

use crate::eval::Eval;
use crate::functions::Function;
use crate::names::Name;
use crate::trace::Probe;
use crate::{Fault, FaultKind};

/// An expression, ready to be evaluated.
pub enum Expr {
    /// A constant.
    Const(Value),
    /// A path into a variable.
    Path(PathExpr),
    /// A call of a function.
    Call(Box<CallExpr>),
    /// Something with a plan of its own, such as hops.
    Special(Box<dyn Evaluate>),
    /// A dict whose values are expressions (templates of hops).
    Dict(Vec<(Text, Expr)>),
    /// A list of expressions (templates of hops).
    List(Vec<Expr>),
    /// An expression whose value is written down, in traced programs only.
    Probe(Box<Probe>),
}

/// A path: where it starts, and the properties it follows.
pub struct PathExpr {
    /// Where it starts.
    pub(crate) root: Root,
    /// The properties it follows.
    pub(crate) steps: Vec<Name>,
    /// For `_S.$ids`, which is computed where the entity lacks it: the
    /// namespace of ids.
    pub(crate) ids: Option<Text>,
}

/// A variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::enum_variant_names, reason = "`_R` is called the root context")]
pub(crate) enum Root {
    /// `_S` of the rule so many calls up: 0 is the running one.
    Source(usize),
    /// `_T` of the rule so many calls up.
    Target(usize),
    /// `_R._S`.
    RootSource,
    /// `_R._T`.
    RootTarget,
    /// `_P` itself, or of so many calls up.
    Parent(usize),
    /// `_R` itself.
    RootContext,
    /// `_B`.
    Bound,
    /// `_`.
    Current,
    /// A dataset alias.
    Alias(usize),
}

impl Root {
    /// Whether the value is made while the program runs.
    pub(crate) fn is_made_here(self) -> bool {
        matches!(self, Root::Target(_) | Root::RootTarget | Root::Parent(_) | Root::RootContext)
    }
}

/// A call of a function with a body of its own.
pub struct CallExpr {
    pub(crate) function: &'static Function,
    pub(crate) args: Vec<Expr>,
    /// Number of the place in the config.
    pub(crate) at: u32,
    /// Whether the result can be larger than the arguments.
    pub(crate) joins_values: bool,
}

/// Something that has a value and a plan of its own.
pub trait Evaluate: Send + Sync {
    /// The value.
    fn evaluate(&self, eval: &mut Eval<'_>) -> Result<Value, Fault>;
}

/// A transform, ready to run.
pub trait Action: Send + Sync {
    /// Changes the target of the running rule.
    fn run(&self, eval: &mut Eval<'_>) -> Result<Flow, Fault>;
}

/// How a rule goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// With the next transform.
    Next,
    /// Not at all: the entity is filtered.
    Filter,
    /// Not at all: the entity is discarded.
    Discard,
}

/// A transform and its place in the config.
pub(crate) struct Step {
    pub(crate) action: Box<dyn Action>,
    pub(crate) at: u32,
}

/// Transforms in order.
#[derive(Default)]
pub(crate) struct Block(pub(crate) Vec<Step>);

impl Block {
    pub(crate) fn run(&self, eval: &mut Eval<'_>) -> Result<Flow, Fault> {
        for step in &self.0 {
            match step.action.run(eval).map_err(|fault| fault.at(step.at))? {
                Flow::Next => {}
                stop => return Ok(stop),
            }
        }
        Ok(Flow::Next)
    }
}

impl Fault {
    pub(crate) fn tripped(message: impl Into<String>) -> Fault {
        Fault { kind: FaultKind::Tripped, ..Fault::failed(message) }
    }
}
