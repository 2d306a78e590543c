//! A trace, one transform after the other.

use std::collections::BTreeSet;
use std::ops::Range;

use pipewright_protocol::studio::{Ended, TracedRun, TracedStep};

use super::{Came, Traced, shown};
use crate::json::Tree;

/// How many values a step tells.
const VALUES: usize = 12;

/// One transform that did something, in the order in which they did.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::editor) struct Step {
    /// Its bytes.
    pub(in crate::editor) bytes: Range<usize>,
    /// The first and the last of its lines, counted from 1.
    pub(in crate::editor) lines: (usize, usize),
    /// Its text, on one line and cut.
    pub(in crate::editor) code: String,
    /// The rule it stands in, and what that was applied to.
    pub(in crate::editor) rule: String,
    /// What came of it.
    pub(in crate::editor) came: Came,
    /// Its run and its place there.
    at: (usize, usize),
}

/// A property of what is being made.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::editor) struct Kept {
    /// Its name.
    pub(in crate::editor) name: String,
    /// Its value.
    pub(in crate::editor) value: String,
    /// Whether the step at hand has set it.
    pub(in crate::editor) is_new: bool,
}

/// Where to stop on the way through the steps.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::editor) struct Halt {
    /// Lines, counted from 1.
    pub(in crate::editor) lines: BTreeSet<usize>,
    /// A property, by its name with or without its namespace, and the value it
    /// has to get if that matters.
    pub(in crate::editor) property: Option<(String, Option<String>)>,
}

impl Halt {
    /// Reads a condition as it is entered: `name` or `name = value`.
    pub(in crate::editor) fn new(lines: BTreeSet<usize>, condition: &str) -> Halt {
        let condition = condition.trim();
        let property = match condition.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value.trim().to_owned())),
            None => (condition, None),
        };
        let property = (!property.0.is_empty()).then(|| (property.0.to_owned(), property.1));
        Halt { lines, property }
    }

    /// Whether it stops nowhere.
    pub(in crate::editor) fn is_none(&self) -> bool {
        self.lines.is_empty() && self.property.is_none()
    }

    fn is_at(&self, step: &Step) -> bool {
        let (first, last) = step.lines;
        self.lines.range(first..=last).next().is_some()
            || self.property.as_ref().is_some_and(|(name, value)| step.sets(name, value.as_deref()))
    }

    /// The first step to stop at; without one the first of all.
    pub(in crate::editor) fn first(&self, steps: &[Step]) -> usize {
        steps.iter().position(|step| self.is_at(step)).unwrap_or(0)
    }

    /// The next step to stop at behind `from`, or before it; else the last or
    /// the first.
    pub(in crate::editor) fn next(&self, steps: &[Step], from: usize, back: bool) -> usize {
        let found = match back {
            true => steps.iter().take(from).rposition(|step| self.is_at(step)),
            false => {
                let behind = steps.iter().skip(from + 1).position(|step| self.is_at(step));
                behind.map(|behind| from + 1 + behind)
            }
        };
        found.unwrap_or(if back { 0 } else { steps.len().saturating_sub(1) })
    }
}

impl Step {
    fn sets(&self, wanted: &str, value: Option<&str>) -> bool {
        let Came::Changes(changes) = &self.came else { return false };
        let same = |name: &str| {
            name == wanted || name.rsplit_once(':').is_some_and(|(_, name)| name == wanted)
        };
        // A text need not be quoted to be meant.
        let is = |after: &str| {
            value.is_none_or(|value| {
                after == value
                    || Tree::parse(after)
                        .is_ok_and(|after| after.as_str().is_some_and(|text| text == value))
            })
        };
        changes.iter().any(|(name, _, after)| same(name) && after.as_deref().is_some_and(is))
    }
}

impl Traced {
    /// What the transforms did, one after the other. One that only runs others
    /// is left out.
    pub(in crate::editor) fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for (nth, run) in self.trace.runs.iter().enumerate() {
            for (at, step) in run.steps.iter().enumerate() {
                let Some(bytes) = self.bytes(run, step.place) else { continue };
                if !self.is_own(step, &bytes) {
                    continue;
                }
                steps.push(Step {
                    lines: (self.line(bytes.start), self.line(bytes.end.max(bytes.start + 1) - 1)),
                    code: self.code(&bytes),
                    rule: self.rule(run, step.rule),
                    came: self.stepped(run, step).came,
                    at: (nth, at),
                    bytes,
                });
            }
        }
        steps
    }

    /// The line of a byte, counted from 1.
    fn line(&self, byte: usize) -> usize {
        self.text.as_bytes()[..byte].iter().filter(|byte| **byte == b'\n').count() + 1
    }

    /// The properties that the rule of a step has made so far, it included.
    pub(in crate::editor) fn so_far(&self, step: &Step) -> Vec<Kept> {
        let (nth, at) = step.at;
        let run = &self.trace.runs[nth];
        let of = run.steps[at].rule;
        let mut kept = self.before(run, of);
        let until = run.steps.iter().enumerate().take(at + 1);
        for (place, step) in until.filter(|(_, step)| step.rule == of) {
            for change in &step.changes {
                let known = kept.iter().position(|it| it.name == change.property);
                match (&change.after, known) {
                    (None, Some(known)) => drop(kept.remove(known)),
                    (None, None) => {}
                    (Some(after), known) => {
                        let name = change.property.clone();
                        let new = Kept { name, value: shown(after), is_new: place == at };
                        match known {
                            Some(known) => kept[known] = new,
                            None => kept.push(new),
                        }
                    }
                }
            }
        }
        kept
    }

    /// What a rule began with: what is there at its end without any step, and
    /// what the first change of a property found.
    fn before(&self, run: &TracedRun, of: usize) -> Vec<Kept> {
        let Some(rule) = run.rules.get(of) else { return Vec::new() };
        let kept = |name: &str, value: String| Kept { name: name.to_owned(), value, is_new: false };
        let mut before: Vec<Kept> = Vec::new();
        let target = Tree::parse(rule.target.json.text());
        let untouched = rule.origins.iter().filter(|origin| origin.step.is_none());
        for origin in untouched {
            let value = target.as_ref().ok().and_then(|target| target.get(&origin.property));
            before.extend(value.map(|value| kept(&origin.property, value.to_string())));
        }
        let mut seen = BTreeSet::new();
        for change in run.steps.iter().filter(|step| step.rule == of).flat_map(|step| &step.changes)
        {
            if seen.insert(&change.property)
                && let Some(value) = &change.before
            {
                before.push(kept(&change.property, shown(value)));
            }
        }
        before
    }

    /// The values of the expressions in a step, in the order in which they were
    /// known, with their texts; and how many more there are.
    pub(in crate::editor) fn inside(&self, step: &Step) -> (Vec<(String, Came)>, usize) {
        let (nth, at) = step.at;
        let run = &self.trace.runs[nth];
        let of = run.steps[at].rule;
        let values = run.values.iter().filter(|value| value.rule == of);
        let mut inside: Vec<(String, Came)> = values
            .filter_map(|value| {
                let bytes = self.bytes(run, value.place)?;
                let is_in = step.bytes.start <= bytes.start && bytes.end <= step.bytes.end;
                is_in.then(|| (self.code(&bytes), self.valued(run, value).came))
            })
            .collect();
        let more = inside.len().saturating_sub(VALUES);
        // The last are the outermost.
        inside.drain(..more);
        (inside, more)
    }

    /// How the sample ended, after the last step.
    pub(in crate::editor) fn ending(&self, step: &Step) -> Option<&'static str> {
        let (nth, at) = step.at;
        let run = &self.trace.runs[nth];
        let TracedStep { rule, .. } = run.steps[at];
        match run.rules.get(rule)?.ended {
            Ended::Filtered => Some("filtered"),
            Ended::Discarded => Some("discarded"),
            Ended::Failed => Some("failed"),
            Ended::Done => None,
        }
    }
}
