//! The nodes of a traced plan that write down what passes through them.

use pipewright_entity::{Dict, Text, Value};

use super::Brief;
use super::secret::Secrets;
use crate::Fault;
use crate::compile::Compiler;
use crate::eval::Eval;
use crate::functions::{Function, Kind};
use crate::plan::{Action, Block, Evaluate, Expr, Flow, Root, Step};
use crate::syntax::{Node, Trail};
use crate::trace::record::Reading;

/// Writes down the value of an expression, see [`crate::trace`].
pub struct Probe {
    pub(crate) inner: Expr,
    /// Number of the place in the config.
    pub(crate) at: u32,
    /// Whether the expression is a path.
    pub(crate) is_path: bool,
    /// Whether `_` is bound.
    pub(crate) has_item: bool,
    /// The aliases of hops in scope, and their slots.
    pub(crate) aliases: Vec<(Text, usize)>,
}

impl Probe {
    pub(crate) fn evaluate(&self, eval: &mut Eval<'_>) -> Result<Value, Fault> {
        eval.record(|recorder, _| recorder.begin_expression(self.at));
        let value = eval.value(&self.inner);
        eval.record(|recorder, eval| {
            let is_secret = recorder.end_expression(value.as_ref().ok());
            if !recorder.takes_value(self.at) {
                return;
            }
            let secrets = recorder.secrets();
            let value = match &value {
                Ok(_) if is_secret => Ok(Brief::secret()),
                Ok(value) => Ok(Brief::of(value, secrets)),
                Err(fault) => match recorder.takes_fault() {
                    true => Err(fault.message.clone()),
                    false => return,
                },
            };
            let secrets = recorder.secrets();
            let item = self.has_item.then(|| Brief::of(eval.current(), secrets));
            let row = row(eval, &self.aliases, secrets);
            recorder.value(eval.depth(), self.at, row, item, value);
            if self.is_path {
                recorder.reads(self.at);
            }
        });
        value
    }
}

/// The entities bound to aliases.
fn row(eval: &Eval<'_>, aliases: &[(Text, usize)], secrets: &Secrets) -> Vec<(Text, Text)> {
    let bound = aliases.iter().filter_map(|(alias, slot)| {
        let id = eval.bound(*slot).as_dict()?.get("_id")?.as_str()?;
        Some((alias.clone(), secrets.shown(&Text::new(id))))
    });
    bound.collect()
}

/// Writes down the entities that hops reach by one alias. It stands in front
/// of the conditions on them, as one that is always met.
pub(crate) struct Found(pub(crate) Probe);

impl Evaluate for Found {
    fn evaluate(&self, eval: &mut Eval<'_>) -> Result<Value, Fault> {
        self.0.evaluate(eval)?;
        Ok(Value::Bool(true))
    }
}

/// Writes down what a transform does to the target.
pub(crate) struct ActionProbe {
    pub(crate) inner: Box<dyn Action>,
    pub(crate) at: u32,
    /// Whether it runs other transforms, which tell themselves what they did.
    pub(crate) runs_others: bool,
}

impl Action for ActionProbe {
    fn run(&self, eval: &mut Eval<'_>) -> Result<Flow, Fault> {
        if eval.recorder().is_none_or(|recorder| !recorder.takes_step()) {
            return self.inner.run(eval);
        }
        let before = (!self.runs_others).then(|| eval.target().clone());
        let emitted = eval.emitted_so_far();
        let reads = eval.recorder().map_or(0, |recorder| recorder.begin_step());
        let flow = self.inner.run(eval);
        eval.record(|recorder, eval| {
            let is_secret = recorder.end_step();
            let depth = eval.depth();
            let changes = before.map(|before| {
                let hidden = |property: &Text| recorder.is_hidden(depth, property);
                changes(&before, eval.target_of(0), recorder.secrets(), is_secret, hidden)
            });
            let flow = match &flow {
                Ok(flow) => Ok(*flow),
                Err(_) if !recorder.takes_fault() => Err(String::new()),
                // It may name the value that it could not work with.
                Err(_) if is_secret => Err("failed on a secret".to_owned()),
                Err(fault) => Err(fault.message.clone()),
            };
            let emitted = eval.emitted_so_far() - emitted;
            let changes = changes.unwrap_or_default();
            recorder.step(depth, self.at, changes, emitted, flow, Reading { reads, is_secret });
        });
        flow
    }
}

/// The properties that differ: the name, and the values before and after.
type Changes<'a> = Vec<(&'a Text, Option<&'a Value>, Option<&'a Value>)>;

/// `is_secret` says whether what is new is secret, `hidden` whether a property
/// was.
fn changes<'a>(
    before: &'a Dict,
    after: &'a Dict,
    secrets: &Secrets,
    is_secret: bool,
    hidden: impl Fn(&Text) -> bool,
) -> Vec<super::Change> {
    let mut changed: Changes<'a> = Vec::new();
    for (name, value) in after {
        let old = before.get(name);
        if old != Some(value) {
            changed.push((name, old, Some(value)));
        }
    }
    let removed = before.iter().filter(|(name, _)| !after.contains_key(name));
    changed.extend(removed.map(|(name, value)| (name, Some(value), None)));
    let brief = |value: Option<&Value>, hide: bool| match hide {
        true => value.map(|_| Brief::secret()),
        false => value.map(|value| Brief::of(value, secrets)),
    };
    let changed = changed.into_iter().take(super::limit::CHANGES);
    changed
        .map(|(name, old, new)| super::Change {
            before: brief(old, hidden(name)),
            after: brief(new, is_secret),
            property: secrets.shown(name),
        })
        .collect()
}

/// Writes down a run of a rule.
pub(crate) struct RuleProbe {
    pub(crate) inner: Block,
    pub(crate) at: u32,
}

impl Action for RuleProbe {
    fn run(&self, eval: &mut Eval<'_>) -> Result<Flow, Fault> {
        eval.record(|recorder, eval| {
            recorder.begin_rule(eval.depth(), self.at, eval.source());
        });
        let flow = self.inner.run(eval);
        eval.record(|recorder, eval| {
            let flow = flow.as_ref().ok().copied();
            recorder.end_rule(eval.depth(), eval.target_of(0), flow);
        });
        flow
    }
}

/// Puts probes around what is compiled, if the program is to be traced.
impl Compiler<'_> {
    /// An expression. A constant that is written as such tells nothing.
    pub(crate) fn traced_expr(&mut self, expr: Expr, node: &Node, path: &Trail<'_>) -> Expr {
        if !self.traced || matches!(&expr, Expr::Const(_) if !node.is_array()) {
            return expr;
        }
        Expr::Probe(Box::new(self.probe(expr, node, path)))
    }

    /// What tells the entities that hops reach by an alias.
    pub(crate) fn traced_entity(
        &mut self,
        node: &Node,
        path: &Trail<'_>,
        alias: &str,
    ) -> Option<Expr> {
        if !self.traced {
            return None;
        }
        let root = self.alias(alias)?.root;
        let entity = Expr::Path(self.path_expr(root, &[]));
        let found = Found(self.probe(entity, node, path));
        Some(Expr::Special(Box::new(found)))
    }

    fn probe(&mut self, inner: Expr, node: &Node, path: &Trail<'_>) -> Probe {
        let aliases = self.aliases.iter().filter_map(|alias| match alias.root {
            Root::Alias(slot) => Some((alias.name.clone(), slot)),
            _ => None,
        });
        Probe {
            is_path: matches!(inner, Expr::Path(_)),
            has_item: self.has_current(),
            aliases: aliases.collect(),
            at: self.place(node, path),
            inner,
        }
    }

    pub(crate) fn traced_action(
        &mut self,
        inner: Box<dyn Action>,
        function: &Function,
        at: u32,
    ) -> Box<dyn Action> {
        if !self.traced {
            return inner;
        }
        let runs_others = function.params.iter().any(|param| param.kind == Kind::Transforms);
        Box::new(ActionProbe { inner, at, runs_others })
    }

    pub(crate) fn traced_rule(&mut self, inner: Block, node: &Node, path: &Trail<'_>) -> Block {
        if !self.traced {
            return inner;
        }
        let at = self.place(node, path);
        Block(vec![Step { action: Box::new(RuleProbe { inner, at }), at }])
    }
}
