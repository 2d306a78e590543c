//! Running a compiled program on one entity.

use pipewright_entity::{Dict, Entity, Text, Value, ni};

use crate::names::{Name, Namespaces};
use crate::namespaces::Generated;
use crate::plan::{Expr, Flow, PathExpr, Root};
use crate::program::Core;
use crate::trace::Recorder;
use crate::{Context, Fault, limits};

/// What a function may ask besides its arguments.
pub struct Call<'a> {
    /// The namespaces of the pipe.
    pub namespaces: &'a Namespaces,
    /// The pipe.
    pub pipe: &'a str,
    /// The world around.
    pub context: &'a dyn Context,
    /// Namespaces made up for URIs; none when a call on constants is computed
    /// while compiling. A function that needs them fails then.
    pub(crate) generated: Option<&'a Generated>,
}

/// One run of one program on one entity.
pub struct Eval<'p> {
    pub(crate) core: &'p Core,
    pub(crate) context: &'p dyn Context,
    /// The rules that are running, the innermost last.
    frames: Vec<Frame>,
    /// `_`.
    current: Value,
    /// The entities bound to dataset aliases, by slot.
    aliases: Vec<Value>,
    emitted: Vec<Entity>,
    /// Calls that are running.
    calls: usize,
    /// Calls so far.
    all_calls: u64,
    /// Memory that results of calls took so far.
    built: usize,
    /// Size of the emitted entities.
    emitted_size: usize,
    /// Where the probes of a traced program write.
    recorder: Option<Box<Recorder>>,
}

/// A running rule.
struct Frame {
    source: Value,
    target: Dict,
}

impl<'p> Eval<'p> {
    pub(crate) fn new(
        core: &'p Core,
        context: &'p dyn Context,
        source: Value,
        target: Dict,
    ) -> Eval<'p> {
        Eval {
            core,
            context,
            frames: vec![Frame { source, target }],
            current: Value::Null,
            aliases: vec![Value::Null; core.aliases],
            emitted: Vec::new(),
            calls: 0,
            all_calls: 0,
            built: 0,
            emitted_size: 0,
            recorder: core.options.traced.then(Box::default),
        }
    }

    /// Where the probes write; nowhere in a plain program.
    pub(crate) fn recorder(&mut self) -> Option<&mut Recorder> {
        self.recorder.as_deref_mut()
    }

    /// Lets a probe write down what it sees.
    pub(crate) fn record(&mut self, note: impl FnOnce(&mut Recorder, &Eval<'p>)) {
        if let Some(mut recorder) = self.recorder.take() {
            note(&mut recorder, self);
            self.recorder = Some(recorder);
        }
    }

    /// Hands what the probes wrote to the world around.
    pub(crate) fn hand_over_trace(&mut self) {
        if let Some(recorder) = self.recorder.take() {
            self.context.traced(recorder.finish(self.core));
        }
    }

    /// How many rules are running.
    pub(crate) fn depth(&self) -> usize {
        self.frames.len()
    }

    /// How many entities have been emitted.
    pub(crate) fn emitted_so_far(&self) -> usize {
        self.emitted.len()
    }

    /// The value of `_`.
    pub(crate) fn current(&self) -> &Value {
        &self.current
    }

    /// The target of the rule so many calls up.
    pub(crate) fn target_of(&self, up: usize) -> &Dict {
        &self.frame(up).target
    }

    /// The target of the default rule and what was emitted.
    pub(crate) fn finish(mut self) -> (Dict, Vec<Entity>) {
        let target = self.frames.swap_remove(0).target;
        (target, self.emitted)
    }

    /// What functions with plain arguments are called with.
    pub(crate) fn call(&self) -> Call<'p> {
        Call {
            namespaces: &self.core.options.namespaces,
            pipe: &self.core.options.pipe_id,
            context: self.context,
            generated: Some(&self.core.generated),
        }
    }

    /// The source of the default rule.
    pub(crate) fn root_source(&self) -> &Value {
        &self.frames[0].source
    }

    /// The value of an expression.
    pub fn value(&mut self, expr: &Expr) -> Result<Value, Fault> {
        match expr {
            Expr::Const(value) => Ok(value.clone()),
            Expr::Path(path) => {
                let value = self.path(path);
                // What a target is put into can be put into it again.
                if path.steps.is_empty() && path.root.is_made_here() {
                    limits::check(&value)?;
                }
                Ok(value)
            }
            Expr::Call(call) => self.nested(|eval| {
                use crate::functions::Body;
                let result = match call.function.body {
                    Body::Eager(body) => eval.eager(body, &call.args),
                    Body::Lazy(body) => body(eval, &call.args),
                    // These become plans of their own when compiled.
                    Body::Special(_) | Body::Transform(_) => Ok(Value::Null),
                };
                let result = result.and_then(|value| eval.admit(value, call.joins_values));
                result.map_err(|fault| fault.at(call.at))
            }),
            Expr::Special(special) => self.nested(|eval| {
                let value = special.evaluate(eval)?;
                eval.admit(value, true)
            }),
            Expr::Probe(probe) => probe.evaluate(self),
            Expr::Dict(members) => {
                let mut dict = Dict::with_capacity(members.len());
                for (name, expr) in members {
                    let value = self.value(expr)?;
                    dict.insert(name.clone(), value);
                }
                self.admit(Value::dict(dict), true)
            }
            Expr::List(items) => {
                let items: Result<Vec<_>, _> = items.iter().map(|item| self.value(item)).collect();
                self.admit(Value::list(items?), true)
            }
        }
    }

    /// A call of a function on the values of its arguments.
    fn eager(
        &mut self,
        body: fn(&Call<'_>, &[Value]) -> Result<Value, Fault>,
        args: &[Expr],
    ) -> Result<Value, Fault> {
        // Most calls have few arguments: no memory is taken for them.
        match args {
            [] => body(&self.call(), &[]),
            [one] => {
                let values = [self.value(one)?];
                body(&self.call(), &values)
            }
            [one, two] => {
                let values = [self.value(one)?, self.value(two)?];
                body(&self.call(), &values)
            }
            [one, two, three] => {
                let values = [self.value(one)?, self.value(two)?, self.value(three)?];
                body(&self.call(), &values)
            }
            more => {
                let values: Result<Vec<Value>, Fault> =
                    more.iter().map(|arg| self.value(arg)).collect();
                body(&self.call(), &values?)
            }
        }
    }

    /// Lets a new value in, if it is not too large.
    pub(crate) fn admit(&mut self, value: Value, joins_values: bool) -> Result<Value, Fault> {
        match &value {
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => return Ok(value),
            Value::List(_) | Value::Tuple(_) | Value::Dict(_) if joins_values => {
                limits::check(&value)?;
            }
            _ => {}
        }
        self.built = self.built.saturating_add(limits::built(&value));
        if self.built > limits::BUILT {
            return Err(Fault::limit(format!(
                "the transform makes more than {} MiB of values for one entity",
                limits::BUILT >> 20
            )));
        }
        Ok(value)
    }

    /// Fails if the target and what was emitted are too large together.
    pub(crate) fn check_size(&self) -> Result<(), Fault> {
        let target = limits::weigh_dict(self.target_of(0))?;
        match target + self.emitted_size <= limits::SIZE {
            true => Ok(()),
            false => Err(limits::too_large()),
        }
    }

    /// The truth of an expression.
    pub fn truth(&mut self, expr: &Expr) -> Result<bool, Fault> {
        Ok(crate::functions::args::truth(&self.value(expr)?))
    }

    /// The value of an expression with `_` bound to an item.
    pub fn each(&mut self, expr: &Expr, item: &Value) -> Result<Value, Fault> {
        let outer = std::mem::replace(&mut self.current, item.clone());
        let value = self.value(expr);
        self.current = outer;
        value
    }

    fn nested<T>(&mut self, body: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        if self.calls >= limits::NESTED_CALLS {
            return Err(Fault::limit(format!(
                "calls are nested deeper than {}: does a rule apply itself without end?",
                limits::NESTED_CALLS
            )));
        }
        if self.all_calls >= limits::CALLS {
            return Err(Fault::limit(format!(
                "the transform makes more than {} million calls for one entity: does a rule apply itself more than once?",
                limits::CALLS / 1_000_000
            )));
        }
        self.calls += 1;
        self.all_calls += 1;
        let result = body(self);
        self.calls -= 1;
        result
    }

    /// The source of the running rule.
    pub(crate) fn source(&self) -> &Value {
        &self.frame(0).source
    }

    /// The target of the running rule.
    pub(crate) fn target(&mut self) -> &mut Dict {
        let last = self.frames.len() - 1;
        &mut self.frames[last].target
    }

    fn frame(&self, up: usize) -> &Frame {
        // There is always the frame of the default rule.
        &self.frames[self.frames.len() - 1 - up]
    }

    /// Adds an entity to what comes out beside the target.
    pub(crate) fn emit(&mut self, entity: Entity) -> Result<(), Fault> {
        if self.emitted.len() >= limits::EMITTED {
            return Err(Fault::limit(format!(
                "more than {} entities are created for one entity",
                limits::EMITTED
            )));
        }
        self.emitted_size += limits::weigh_dict(entity.dict())?;
        if self.emitted_size > limits::SIZE {
            return Err(limits::too_large());
        }
        self.emitted.push(entity);
        Ok(())
    }

    /// Applies a rule to a value. `None` if the rule filtered or discarded it.
    pub(crate) fn apply(&mut self, rule: usize, source: Value) -> Result<Option<Value>, Fault> {
        self.nested(|eval| {
            eval.frames.push(Frame { source, target: Dict::default() });
            let outer = std::mem::replace(&mut eval.current, Value::Null);
            // Rules that call themselves must not overwrite the rows of the
            // hops they were called from.
            let aliases = eval.aliases.clone();
            let flow = eval.core.rules[rule].run(eval);
            eval.aliases = aliases;
            eval.current = outer;
            let frame = eval.frames.pop();
            Ok(match flow? {
                Flow::Next => frame.map(|frame| Value::dict(frame.target)),
                Flow::Filter | Flow::Discard => None,
            })
        })
    }

    pub(crate) fn bind(&mut self, slot: usize, entity: Value) {
        self.aliases[slot] = entity;
    }

    pub(crate) fn bound(&self, slot: usize) -> &Value {
        &self.aliases[slot]
    }

    /// Replaces the source of the running rule, for hops that go on from what
    /// other hops found. Gives back the one before.
    pub(crate) fn replace_source(&mut self, source: Value) -> Value {
        let last = self.frames.len() - 1;
        std::mem::replace(&mut self.frames[last].source, source)
    }

    fn path(&self, path: &PathExpr) -> Value {
        let in_frame = |up: usize| (up < self.frames.len()).then(|| self.frame(up));
        let on_value = |value: &Value| follow(value, &path.steps);
        match path.root {
            Root::Source(up) => match in_frame(up) {
                Some(frame) => match &path.ids {
                    Some(identity) => self.ids(&frame.source, identity, &path.steps),
                    None => on_value(&frame.source),
                },
                None => Value::Null,
            },
            Root::Target(up) => {
                in_frame(up).map_or(Value::Null, |f| follow_in(&f.target, &path.steps))
            }
            Root::RootSource => on_value(&self.frames[0].source),
            Root::RootTarget => follow_in(&self.frames[0].target, &path.steps),
            Root::Parent(up) => on_value(&self.parent(up)),
            Root::RootContext => {
                let mut dict = Dict::default();
                dict.insert(Text::new_static("_S"), self.frames[0].source.clone());
                dict.insert(Text::new_static("_T"), Value::dict(self.frames[0].target.clone()));
                follow_in(&dict, &path.steps)
            }
            Root::Bound => match self.context.bound() {
                Some(dict) => follow_in(dict, &path.steps),
                None => Value::Null,
            },
            Root::Current => on_value(&self.current),
            Root::Alias(slot) => on_value(&self.aliases[slot]),
        }
    }

    /// `_P` as a dict.
    fn parent(&self, up: usize) -> Value {
        if up >= self.frames.len() {
            return Value::Null;
        }
        let frame = self.frame(up);
        let mut dict = Dict::default();
        dict.insert(Text::new_static("_S"), frame.source.clone());
        dict.insert(Text::new_static("_T"), Value::dict(frame.target.clone()));
        let further = self.parent(up + 1);
        if !further.is_null() {
            dict.insert(Text::new_static("_P"), further);
        }
        Value::dict(dict)
    }

    /// `$ids` of the source: as it stands, or else its `_id` as a namespaced
    /// identifier (documentation page `hub/dtl/caveats`).
    fn ids(&self, source: &Value, identity: &Text, steps: &[Name]) -> Value {
        let Some(dict) = source.as_dict() else { return Value::Null };
        if dict.contains_key("$ids") {
            return follow_in(dict, steps);
        }
        match dict.get("_id") {
            Some(Value::String(id)) if steps.len() == 1 => {
                let id = if id.contains(':') { id.clone() } else { ni::join(identity, id) };
                Value::list([Value::Ni(id)])
            }
            _ => Value::Null,
        }
    }
}

/// Follows property names from a value. A list is followed item by item, and
/// what is found in lists is taken together, one level at each step; items
/// without the property are skipped. A missing property is null.
pub(crate) fn follow(value: &Value, steps: &[Name]) -> Value {
    match (value, steps) {
        (value, []) => value.clone(),
        (Value::Dict(dict), steps) => follow_in(dict, steps),
        (Value::List(items), steps) => {
            let mut found: Vec<&Value> = items.iter().collect();
            for step in steps {
                found = step_in_all(&found, step);
            }
            Value::list(found.into_iter().cloned())
        }
        _ => Value::Null,
    }
}

fn follow_in(dict: &Dict, steps: &[Name]) -> Value {
    let Some((step, rest)) = steps.split_first() else {
        return Value::dict(dict.clone());
    };
    if let Name::Exact(name) = step {
        return dict.get(name).map_or(Value::Null, |value| follow(value, rest));
    }
    let mut hits = step.find(dict).map(|(_, value)| value);
    match (hits.next(), hits.next()) {
        (None, _) => Value::Null,
        (Some(only), None) => follow(only, rest),
        (Some(first), Some(second)) => {
            let mut found = Vec::new();
            for value in [first, second].into_iter().chain(hits) {
                found.extend(value.as_slice());
            }
            for step in rest {
                found = step_in_all(&found, step);
            }
            Value::list(found.into_iter().cloned())
        }
    }
}

fn step_in_all<'a>(values: &[&'a Value], step: &'a Name) -> Vec<&'a Value> {
    let mut found = Vec::new();
    for value in values {
        if let Value::Dict(dict) = value {
            for (_, value) in step.find(dict) {
                found.extend(value.as_slice());
            }
        }
    }
    found
}
