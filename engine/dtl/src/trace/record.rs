//! Where probes write.

use pipewright_entity::{Dict, Text, Value};
use rustc_hash::{FxHashMap, FxHashSet};

use super::secret::Secrets;
use super::{Brief, Change, Done, Origin, Place, RuleRun, Trace, Valued, limit};
use crate::Flow;
use crate::program::Core;

/// Takes down one run of a program. Places are those of the program until the
/// end, when they are numbered anew.
#[derive(Default)]
pub(crate) struct Recorder {
    trace: Trace,
    /// Values seen so far, by place.
    times: FxHashMap<u32, u64>,
    /// The runs of rules that are going on, the innermost last; `None` for
    /// those that are too many to be written down.
    rules: Vec<Option<Running>>,
    /// The expressions and transforms that are going on, the innermost last.
    open: Vec<Open>,
    secrets: Secrets,
    /// Paths in the order in which they were read.
    reads: Vec<u32>,
    changes: usize,
    origins: usize,
    /// Memory of values so far.
    weight: usize,
    /// Whether the fault on its way out has been written down.
    has_fault: bool,
}

/// A run of a rule that is going on.
struct Running {
    /// Its place among the runs.
    number: usize,
    /// Who set each property, and what was read for it.
    origins: FxHashMap<Text, (usize, Vec<usize>)>,
    /// Properties whose values came from secrets.
    hidden: FxHashSet<Text>,
}

/// An expression or transform that is going on.
struct Open {
    /// The place of an expression.
    expression: Option<u32>,
    /// Whether a secret is among what it works with.
    is_secret: bool,
}

/// What a transform read.
pub(super) struct Reading {
    /// The number of paths that had been read before.
    pub(super) reads: usize,
    /// Whether what it made came from a secret.
    pub(super) is_secret: bool,
}

impl Recorder {
    /// The trace, with the places it names taken from the program.
    pub(crate) fn finish(mut self, core: &Core) -> Trace {
        let mut numbers: FxHashMap<usize, usize> = FxHashMap::default();
        let mut places = Vec::new();
        let mut renumber = |place: &mut usize| {
            *place = *numbers.entry(*place).or_insert_with(|| {
                let (path, span) = core.places.get(*place).cloned().unwrap_or_default();
                let times = u32::try_from(*place).ok().and_then(|at| self.times.get(&at));
                places.push(Place { path, span, times: times.copied().unwrap_or(0) });
                places.len() - 1
            });
        };
        for rule in &mut self.trace.rules {
            renumber(&mut rule.place);
            rule.call.iter_mut().for_each(&mut renumber);
            for origin in &mut rule.origins {
                origin.step.iter_mut().for_each(&mut renumber);
                origin.reads.iter_mut().for_each(&mut renumber);
            }
        }
        self.trace.values.iter_mut().for_each(|value| renumber(&mut value.place));
        self.trace.steps.iter_mut().for_each(|step| renumber(&mut step.place));
        self.trace.places = places;
        self.trace
    }

    pub(crate) fn begin_expression(&mut self, at: u32) {
        self.open.push(Open { expression: Some(at), is_secret: false });
        self.has_fault = false;
    }

    /// Whether the value of the expression is secret.
    pub(super) fn end_expression(&mut self, value: Option<&Value>) -> bool {
        let is_secret = self.open.pop().is_some_and(|open| open.is_secret);
        let value = value.unwrap_or(&Value::Null);
        if is_secret {
            self.secrets.add(value);
        }
        if let Some(around) = self.open.last_mut() {
            // Of an expression any part of the value counts. What a transform
            // makes of a value keeps its secret parts, which are known again.
            let in_parts = around.expression.is_some() && self.secrets.are_in(value);
            around.is_secret |= is_secret || in_parts;
        }
        is_secret
    }

    /// Notes that the innermost expression reads a secret.
    pub(crate) fn secret(&mut self) {
        if let Some(open) = self.open.last_mut() {
            open.is_secret = true;
        }
    }

    pub(super) fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// Whether a property of the rule's target came from a secret.
    pub(super) fn is_hidden(&self, depth: usize, property: &Text) -> bool {
        let running = self.rules.get(depth - 1).and_then(Option::as_ref);
        running.is_some_and(|running| running.hidden.contains(property))
    }

    /// Counts a value, and says whether it is to be written down.
    pub(crate) fn takes_value(&mut self, at: u32) -> bool {
        let times = self.times.entry(at).or_default();
        *times += 1;
        let takes = *times <= limit::PER_PLACE as u64
            && self.trace.values.len() < limit::VALUES
            && self.weight < limit::BYTES;
        self.trace.is_cut |= !takes;
        takes
    }

    /// Whether a fault is to be written down: by the first who sees it.
    pub(crate) fn takes_fault(&mut self) -> bool {
        !std::mem::replace(&mut self.has_fault, true)
    }

    pub(crate) fn value(
        &mut self,
        depth: usize,
        at: u32,
        row: Vec<(Text, Text)>,
        item: Option<Brief>,
        value: Result<Brief, String>,
    ) {
        let Some(rule) = self.rule(depth) else { return };
        let briefs = [item.as_ref(), value.as_ref().ok()].into_iter().flatten();
        self.weight += briefs.map(|brief| brief.weight).sum::<usize>();
        self.trace.values.push(Valued { place: at as usize, rule, row, item, value });
    }

    /// Notes that a path was read.
    pub(crate) fn reads(&mut self, at: u32) {
        self.reads.push(at);
    }

    /// The number of paths that have been read so far.
    pub(super) fn begin_step(&mut self) -> usize {
        self.open.push(Open { expression: None, is_secret: false });
        self.reads.len()
    }

    /// Whether what the transform made came from a secret.
    pub(super) fn end_step(&mut self) -> bool {
        self.open.pop().is_some_and(|open| open.is_secret)
    }

    pub(crate) fn takes_step(&mut self) -> bool {
        let takes = self.trace.steps.len() < limit::STEPS
            && self.changes < limit::CHANGES
            && self.weight < limit::BYTES;
        self.trace.is_cut |= !takes;
        takes
    }

    pub(super) fn step(
        &mut self,
        depth: usize,
        at: u32,
        changes: Vec<Change>,
        emitted: usize,
        flow: Result<Flow, String>,
        Reading { reads, is_secret }: Reading,
    ) {
        let Some(rule) = self.rule(depth) else { return };
        self.changes += changes.len();
        let briefs = changes.iter().flat_map(|change| [&change.before, &change.after]);
        self.weight += briefs.flatten().map(|brief| brief.weight).sum::<usize>();
        if !changes.is_empty() {
            let mut read: Vec<usize> = Vec::new();
            for place in &self.reads[reads.min(self.reads.len())..] {
                let place = *place as usize;
                if read.len() < limit::READS && !read.contains(&place) {
                    read.push(place);
                }
            }
            if let Some(Some(running)) = self.rules.get_mut(depth - 1) {
                for change in changes.iter().filter(|change| change.after.is_some()) {
                    let origin = (at as usize, read.clone());
                    running.origins.insert(change.property.clone(), origin);
                    match is_secret {
                        true => running.hidden.insert(change.property.clone()),
                        false => running.hidden.remove(&change.property),
                    };
                }
            }
        }
        self.trace.steps.push(Done { place: at as usize, rule, changes, emitted, flow });
    }

    pub(crate) fn begin_rule(&mut self, depth: usize, at: u32, source: &Value) {
        // A rule that failed did not end.
        self.rules.truncate(depth - 1);
        if self.trace.rules.len() == limit::RULES {
            self.trace.is_cut = true;
            self.rules.push(None);
            return;
        }
        let parent = self.rules.last().and_then(Option::as_ref).map(|running| running.number);
        self.rules.push(Some(Running {
            number: self.trace.rules.len(),
            origins: FxHashMap::default(),
            hidden: FxHashSet::default(),
        }));
        let source = self.brief(|secrets| Brief::of(source, secrets));
        self.trace.rules.push(RuleRun {
            place: at as usize,
            parent,
            call: self.open.iter().rev().find_map(|open| open.expression).map(|at| at as usize),
            source,
            target: Brief::nothing(),
            flow: None,
            origins: Vec::new(),
        });
    }

    pub(crate) fn end_rule(&mut self, depth: usize, target: &Dict, flow: Option<Flow>) {
        self.rules.truncate(depth);
        let Some(Some(mut running)) = self.rules.pop() else { return };
        let hidden = |property: &Text| running.hidden.contains(property);
        let target_brief = self.brief(|secrets| Brief::of_dict(target, secrets, hidden));
        let rule = &mut self.trace.rules[running.number];
        rule.target = target_brief;
        rule.flow = flow;
        let room = limit::CHANGES - self.origins;
        self.trace.is_cut |= target.len() > room;
        let origins = target.keys().take(room).map(|property| {
            let (step, reads) = running.origins.remove(property).unzip();
            let property = self.secrets.shown(property);
            Origin { property, step, reads: reads.unwrap_or_default() }
        });
        rule.origins = origins.collect();
        self.origins += rule.origins.len();
    }

    /// A value cut down, if there is room for it.
    fn brief(&mut self, make: impl FnOnce(&Secrets) -> Brief) -> Brief {
        let brief = match self.weight < limit::BYTES {
            true => make(&self.secrets),
            false => Brief::nothing(),
        };
        self.weight += brief.weight;
        brief
    }

    /// The run of a rule that is going on at a depth of calls, counted from 1.
    fn rule(&mut self, depth: usize) -> Option<usize> {
        let running = self.rules.get(depth - 1).and_then(Option::as_ref);
        self.trace.is_cut |= running.is_none();
        running.map(|running| running.number)
    }
}
