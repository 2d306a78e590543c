//! What the trace of a preview says about the text it ran: at the end of each
//! line, about one expression, and about where a property came from.

use std::collections::BTreeMap;
use std::ops::Range;

use pipewright_protocol::studio::{Ended, Shown, Trace, TracedRun, TracedStep, TracedValue};

use crate::json::Tree;
use crate::monaco::Note;

mod steps;

pub(super) use steps::{Halt, Step};

/// How long what is told at the end of a line may be, in characters.
const NOTE: usize = 60;
/// How long a value in a list of values may be.
const VALUE: usize = 400;
/// How many values of one expression are told at the end of a line.
const VALUES: usize = 3;
/// How many values of one expression are told in full.
const MOST: usize = 50;

/// A trace, and the text whose bytes its places are.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Traced {
    trace: Trace,
    text: String,
    /// What there is to tell, by start and end of the part of the text that it
    /// is about.
    parts: BTreeMap<(usize, usize), Vec<Tells>>,
}

/// One thing to tell: its run, and its place there.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Tells {
    Value(usize, usize),
    Step(usize, usize),
    Rule(usize, usize),
}

/// Everything that is known of one expression, transform or rule.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Told {
    /// Its bytes.
    pub(super) bytes: Range<usize>,
    /// Its text, on one line and cut.
    pub(super) code: String,
    /// What it did, each time it was asked.
    pub(super) times: Vec<Time>,
    /// How often more it was asked.
    pub(super) more: u64,
}

/// One time an expression was evaluated, or a transform or a rule was run.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Time {
    /// The rule, and what it was applied to.
    pub(super) rule: String,
    /// The row of hops: aliases with `_id`s.
    pub(super) row: Vec<(String, String)>,
    /// What `_` stood for.
    pub(super) item: Option<String>,
    /// What came of it.
    pub(super) came: Came,
}

/// What came of an expression, a transform or a rule.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Came {
    /// A value.
    Value(String),
    /// Nothing, for this reason.
    Failed(String),
    /// Properties of the target with their values before and after.
    Changes(Vec<(String, Option<String>, Option<String>)>),
}

impl Told {
    /// In the form in which the editor shows it at the pointer.
    pub(super) fn markdown(&self) -> String {
        let line = |time: &Time| {
            let whose: Vec<String> = std::iter::once(time.rule.clone())
                .chain(time.row.iter().map(|(alias, id)| format!("{alias} {id}")))
                .chain(time.item.iter().map(|item| format!("_ {item}")))
                .collect();
            let came = match &time.came {
                Came::Value(value) => value.clone(),
                Came::Failed(why) => format!("// {why}"),
                Came::Changes(changes) if changes.is_empty() => "// no change".into(),
                Came::Changes(changes) => {
                    let one = |(name, _, after): &(String, Option<String>, Option<String>)| {
                        format!("{name}: {}", after.as_deref().unwrap_or("// removed"))
                    };
                    changes.iter().map(one).collect::<Vec<_>>().join("\n")
                }
            };
            (came, whose.join(" · "))
        };
        let mut text = String::new();
        // Where it was asked once, nobody asks whose value it is.
        let alone = self.times.len() == 1;
        for time in self.times.iter().take(VALUES) {
            let (came, whose) = line(time);
            if !alone {
                text.push_str(&format!("{whose}\n"));
            }
            text.push_str(&format!("```pipewright\n{came}\n```\n"));
        }
        let more = self.more + self.times.len().saturating_sub(VALUES) as u64;
        if more > 0 {
            text.push_str(&format!("and {more} more"));
        }
        text
    }
}

impl Traced {
    /// A trace of this text.
    pub(super) fn new(trace: Trace, text: String) -> Traced {
        let mut traced = Traced { trace, text, parts: BTreeMap::new() };
        let mut parts: BTreeMap<(usize, usize), Vec<Tells>> = BTreeMap::new();
        for (nth, run) in traced.trace.runs.iter().enumerate() {
            let values = run.values.iter().enumerate();
            let values = values.map(|(at, it)| (it.place, Tells::Value(nth, at)));
            let steps = run.steps.iter().enumerate();
            let steps = steps.map(|(at, it)| (it.place, Tells::Step(nth, at)));
            let rules = run.rules.iter().enumerate();
            let rules = rules.map(|(at, it)| (it.place, Tells::Rule(nth, at)));
            for (place, tells) in values.chain(steps).chain(rules) {
                if let Some(bytes) = traced.bytes(run, place) {
                    parts.entry((bytes.start, bytes.end)).or_default().push(tells);
                }
            }
        }
        traced.parts = parts;
        traced
    }

    /// The text that was run.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The file whose text that is.
    pub(super) fn file(&self) -> &str {
        &self.trace.file
    }

    /// What is told at the ends of lines: the widest expression or transform
    /// that begins there and has something to tell.
    pub(super) fn notes(&self) -> Vec<Note> {
        let mut widest: BTreeMap<usize, Range<usize>> = BTreeMap::new();
        let (mut line, mut counted) = (0, 0);
        for ((start, end), tells) in &self.parts {
            line += self.text[counted..*start].matches('\n').count();
            counted = *start;
            if !self.says(*start..*end, tells) {
                continue;
            }
            let held = widest.entry(line).or_insert(*start..*end);
            // In order of their starts, the shortest first.
            if held.start == *start {
                held.end = *end;
            }
        }
        widest.into_values().filter_map(|bytes| self.note(bytes)).collect()
    }

    /// Whether a part has something to tell at the end of a line. A rule has
    /// not, and a transform that runs others, such as `if`, leaves it to them.
    fn says(&self, bytes: Range<usize>, tells: &[Tells]) -> bool {
        tells.iter().any(|tells| match tells {
            Tells::Value(..) => true,
            Tells::Rule(..) => false,
            Tells::Step(run, at) => self.is_own(&self.trace.runs[*run].steps[*at], &bytes),
        })
    }

    /// Whether a transform did something itself, and not only those in it.
    fn is_own(&self, step: &TracedStep, bytes: &Range<usize>) -> bool {
        let inner = || {
            let inner = self.parts.range((bytes.start, 0)..(bytes.end, 0));
            let inner =
                inner.filter(|((start, end), _)| (*start..*end) != *bytes && *end <= bytes.end);
            inner.flat_map(|(_, tells)| tells).any(|it| matches!(it, Tells::Step(..)))
        };
        !step.changes.is_empty() || step.failed.is_some() || !inner()
    }

    fn note(&self, bytes: Range<usize>) -> Option<Note> {
        let told = self.told(bytes.clone())?;
        let failed = told.times.iter().any(|time| matches!(time.came, Came::Failed(_)));
        let mut texts: Vec<String> = Vec::new();
        for time in &told.times {
            let text = match &time.came {
                Came::Value(value) => value.clone(),
                Came::Failed(why) => why.clone(),
                Came::Changes(changes) => match changes.as_slice() {
                    [] => "no change".to_owned(),
                    [(_, _, Some(after))] if self.text[bytes.clone()].starts_with("[\"add") => {
                        after.clone()
                    }
                    [(name, _, Some(after))] => format!("{name}: {after}"),
                    [(name, _, None)] => format!("without {name}"),
                    several => format!("{} properties", several.len()),
                },
            };
            if texts.len() < VALUES && !texts.contains(&text) {
                texts.push(text);
            }
        }
        let mut text = cut(&texts.join(" · "), NOTE);
        let all = told.more + told.times.len() as u64;
        if all > 1 {
            text.push_str(&format!("  ×{all}"));
        }
        Some(Note { at: bytes.start, text, failed })
    }

    /// What is known of the smallest part of the text that holds these bytes.
    pub(super) fn at(&self, bytes: &Range<usize>) -> Option<Told> {
        let before = self.parts.range(..(bytes.start + 1, 0));
        let held = before.map(|((start, end), _)| *start..*end).filter(|it| bytes.end <= it.end);
        self.told(held.min_by_key(Range::len)?)
    }

    /// All that is known of a part of the text.
    fn told(&self, bytes: Range<usize>) -> Option<Told> {
        let tells = self.parts.get(&(bytes.start, bytes.end))?;
        let time = |tells: &Tells| {
            let (Tells::Value(run, at) | Tells::Step(run, at) | Tells::Rule(run, at)) = *tells;
            let run = &self.trace.runs[run];
            match tells {
                Tells::Value(..) => self.valued(run, &run.values[at]),
                Tells::Step(..) => self.stepped(run, &run.steps[at]),
                Tells::Rule(..) => self.ended(run, at),
            }
        };
        let times: Vec<Time> = tells.iter().take(MOST).map(time).collect();
        // Of an expression that was asked often, not everything is told.
        let asked = |run: &TracedRun| {
            let here = run.places.iter().filter(|it| (it.start..it.end) == bytes);
            here.map(|place| place.times).sum::<u64>()
        };
        let all = self.trace.runs.iter().map(asked).sum::<u64>().max(tells.len() as u64);
        let more = all.saturating_sub(times.len() as u64);
        let code = self.code(&bytes);
        Some(Told { bytes, code, times, more })
    }

    /// A part of the text on one line, cut.
    fn code(&self, bytes: &Range<usize>) -> String {
        let words: Vec<&str> = self.text[bytes.clone()].split_whitespace().collect();
        cut(&words.join(" "), VALUE)
    }

    fn ended(&self, run: &TracedRun, nth: usize) -> Time {
        let rule = &run.rules[nth];
        let came = match rule.ended {
            Ended::Filtered => Came::Value("filtered".into()),
            Ended::Discarded => Came::Value("discarded".into()),
            Ended::Failed => Came::Failed("it failed".into()),
            Ended::Done => Came::Value(shown(&rule.target)),
        };
        Time { rule: self.rule(run, nth), row: Vec::new(), item: None, came }
    }

    fn valued(&self, run: &TracedRun, value: &TracedValue) -> Time {
        let came = match (&value.value, &value.failed) {
            (Some(value), _) => Came::Value(shown(value)),
            (None, Some(why)) if !why.is_empty() => Came::Failed(why.clone()),
            (None, _) => Came::Failed("an expression in it failed".into()),
        };
        let item = value.item.as_ref().map(shown);
        Time { rule: self.rule(run, value.rule), row: value.row.clone(), item, came }
    }

    fn stepped(&self, run: &TracedRun, step: &TracedStep) -> Time {
        let changes = step.changes.iter().map(|change| {
            let (before, after) = (change.before.as_ref(), change.after.as_ref());
            (change.property.clone(), before.map(shown), after.map(shown))
        });
        let came = match step.ended {
            Ended::Filtered => Came::Value("filtered".into()),
            Ended::Discarded => Came::Value("discarded".into()),
            Ended::Failed => Came::Failed(match step.failed.clone() {
                Some(why) => why,
                None => "an expression in it failed".into(),
            }),
            Ended::Done if step.emitted > 0 && step.changes.is_empty() => {
                let entities = if step.emitted == 1 { "entity" } else { "entities" };
                Came::Value(format!("{} {entities} made", step.emitted))
            }
            Ended::Done => Came::Changes(changes.collect()),
        };
        Time { rule: self.rule(run, step.rule), row: Vec::new(), item: None, came }
    }

    /// The rule of a run of it, and what it was applied to.
    fn rule(&self, run: &TracedRun, nth: usize) -> String {
        let Some(rule) = run.rules.get(nth) else { return String::new() };
        let path = run.places.get(rule.place).map_or("", |place| &place.path);
        let source = Tree::parse(rule.source.json.text()).ok();
        let id = source.as_ref().and_then(|source| source.get("_id")?.as_str().map(str::to_owned));
        let of = match (id, source) {
            (Some(id), _) => id,
            (None, Some(source)) => cut(&source.to_string(), 40),
            (None, None) => return last_key(path),
        };
        format!("{} · {of}", last_key(path))
    }

    /// The bytes of the expression that made a property of an entity that came
    /// out, or of an object inside it: `keys` lead to it from the top.
    pub(super) fn origin(&self, entity: &Tree, keys: &[String]) -> Option<Range<usize>> {
        let id = entity.get("_id");
        let made = |run: &&TracedRun| {
            let target = run.rules.first().and_then(|it| Tree::parse(it.target.json.text()).ok());
            target.is_some_and(|target| target.get("_id").is_some() && target.get("_id") == id)
        };
        let runs = || self.trace.runs.iter().rev();
        if let Some(run) = runs().find(made) {
            return self.made(run, 0, keys);
        }
        // One that was made beside the others.
        let emitted = runs().find_map(|run| {
            let step = run.steps.iter().find(|step| step.emitted > 0)?;
            self.bytes(run, step.place)
        });
        emitted.or_else(|| self.made(runs().next()?, 0, keys))
    }

    fn made(&self, run: &TracedRun, rule: usize, keys: &[String]) -> Option<Range<usize>> {
        let (key, below) = keys.split_first()?;
        let origins = &run.rules.get(rule)?.origins;
        let origin = origins.iter().find(|origin| origin.property == *key)?;
        let step = self.bytes(run, origin.step?)?;
        let inside = |inner: &Range<usize>| {
            step.start <= inner.start && inner.end <= step.end && *inner != step
        };
        // A rule that the transform applied may have made what is below.
        if !below.is_empty() {
            let applied = (0..run.rules.len()).filter(|nth| {
                let call = run.rules[*nth].call.and_then(|call| self.bytes(run, call));
                run.rules[*nth].parent == Some(rule) && call.is_some_and(|call| inside(&call))
            });
            if let Some(found) = applied.into_iter().find_map(|nth| self.made(run, nth, below)) {
                return Some(found);
            }
        }
        // The last of the outermost expressions in the transform is its value.
        let mut value: Option<Range<usize>> = None;
        for valued in &run.values {
            let Some(bytes) = self.bytes(run, valued.place).filter(inside) else { continue };
            let wider = value.as_ref().is_none_or(|known| {
                known.end <= bytes.start || (bytes.start <= known.start && known.end <= bytes.end)
            });
            if wider {
                value = Some(bytes);
            }
        }
        Some(value.unwrap_or(step))
    }

    fn bytes(&self, run: &TracedRun, place: usize) -> Option<Range<usize>> {
        let place = run.places.get(place)?;
        let bytes = place.start..place.end;
        self.text.get(bytes.clone()).map(|_| bytes)
    }
}

fn shown(value: &Shown) -> String {
    let text = match Tree::parse(value.json.text()) {
        Ok(tree) => tree.to_string(),
        Err(_) => value.json.text().to_owned(),
    };
    cut(&text, VALUE)
}

/// At most so many characters of a text.
fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The last key of a JSON path.
fn last_key(path: &str) -> String {
    match path.strip_suffix("']").and_then(|path| path.rsplit_once("['")) {
        Some((_, key)) => key.to_owned(),
        None => path.rsplit('.').next().unwrap_or(path).to_owned(),
    }
}

#[cfg(test)]
mod tests;
