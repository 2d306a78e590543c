//! Who runs when.
//!
//! A dataset that changed marks the pipes that read it, as their source or
//! through hops. Marked pipes run in the order of the flow, a pipe only when
//! nothing above it is marked or running: so a change goes through a flow once
//! and not once per branch. Nothing is polled while nothing changes.
//!
//! [`Flow`] only decides; whoever owns the threads asks for the
//! [`next`](Flow::next) pipe, runs it, and reports what
//! [`finished`](Flow::finished). Several pipes may run at the same time.

use std::collections::BTreeSet;

use pipewright_config::pipe::Mode;
use pipewright_entity::Text;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::Report;

/// A pipe as the flow sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlowPipe {
    /// The pipe's id.
    pub id: Text,
    /// The datasets it reads: of its source and of its hops.
    pub reads: Vec<Text>,
    /// The datasets it writes.
    pub writes: Vec<Text>,
    /// Whether it may run: in manual mode only when someone asks for it or for
    /// a run of everything, in mode off never.
    pub mode: Mode,
    /// Whether a change of what it reads marks it, outside a run of
    /// everything.
    pub signalled: bool,
    /// Datasets whose completeness its source waits for.
    pub awaits: Vec<Text>,
    /// Datasets whose completeness goes on to what it writes.
    pub lends: Vec<Text>,
}

/// The pipes, which of them have something to do, and which are at it.
#[derive(Clone, Debug, Default)]
pub struct Flow {
    pipes: Vec<FlowPipe>,
    by_id: FxHashMap<Text, usize>,
    readers: FxHashMap<Text, Vec<usize>>,
    /// The place of each pipe in the order of the flow.
    rank: Vec<usize>,
    /// Marked pipes by rank.
    marked: BTreeSet<(usize, usize)>,
    running: FxHashSet<usize>,
    /// Datasets whose completeness somebody waits for.
    awaited: FxHashSet<Text>,
    /// Whether marks reach every pipe that can run: those in manual mode, and
    /// those that changes alone do not start.
    with_all: bool,
    /// How often a pipe may run before everything is stable, and how often it
    /// did.
    limit: usize,
    runs: Vec<usize>,
}

/// How often a pipe runs at most until everything is stable: only pipes in a
/// circle ever run more often than there are changes from outside.
pub const MAX_RUNS: usize = 100;

impl Flow {
    /// A flow with nothing marked.
    pub fn new(pipes: Vec<FlowPipe>) -> Flow {
        let mut flow = Flow { limit: MAX_RUNS, runs: vec![0; pipes.len()], ..Flow::default() };
        for (place, pipe) in pipes.iter().enumerate() {
            flow.by_id.insert(pipe.id.clone(), place);
            for dataset in &pipe.reads {
                let readers = flow.readers.entry(dataset.clone()).or_default();
                if readers.last() != Some(&place) {
                    readers.push(place);
                }
            }
        }
        flow.pipes = pipes;
        flow.rank = flow.ranks();
        flow.awaited = flow.awaited();
        flow
    }

    /// The flow for a run of everything: changes mark every pipe that can run,
    /// in manual mode too and whatever starts it otherwise.
    pub fn with_all(mut self) -> Flow {
        self.with_all = true;
        self
    }

    /// The flow with another bound for circles than [`MAX_RUNS`].
    pub fn with_limit(mut self, limit: usize) -> Flow {
        self.limit = limit;
        self
    }

    /// Marks one pipe because someone or a timer asks for it; manual mode does
    /// not matter. Whether there is such a pipe and it is not off.
    pub fn mark(&mut self, pipe: &str) -> bool {
        let Some(place) = self.by_id.get(pipe).copied() else { return false };
        let may_run = self.pipes[place].mode != Mode::Off;
        if may_run {
            self.marked.insert((self.rank[place], place));
        }
        may_run
    }

    /// Marks every pipe that may run, because someone asks for it.
    pub fn mark_all(&mut self) {
        for place in 0..self.pipes.len() {
            let runs = match self.pipes[place].mode {
                Mode::Scheduled => true,
                Mode::Manual => self.with_all,
                Mode::Off => false,
            };
            if runs {
                self.marked.insert((self.rank[place], place));
            }
        }
    }

    /// Marks the readers of a dataset that changed.
    pub fn changed(&mut self, dataset: &str) {
        for place in self.readers.get(dataset).cloned().unwrap_or_default() {
            self.mark_by_change(place);
        }
    }

    /// A dataset is complete up to a later time: marks, if told to, the pipes
    /// for which that counts, and says which they are.
    pub fn completed(&mut self, dataset: &str, mark: bool) -> Vec<Text> {
        let concerns = |pipe: &FlowPipe| {
            let has = |datasets: &[Text]| datasets.iter().any(|one| one == dataset);
            has(&pipe.awaits)
                || has(&pipe.lends) && pipe.writes.iter().any(|one| self.awaited.contains(one))
        };
        let places: Vec<usize> =
            (0..self.pipes.len()).filter(|place| concerns(&self.pipes[*place])).collect();
        for place in &places {
            if mark {
                self.mark_by_change(*place);
            }
        }
        places.into_iter().map(|place| self.pipes[place].id.clone()).collect()
    }

    /// Whether somebody waits for the completeness of what a pipe writes.
    pub fn lends_completeness(&self, pipe: &str) -> bool {
        self.by_id.get(pipe).is_some_and(|place| {
            self.pipes[*place].writes.iter().any(|dataset| self.awaited.contains(dataset))
        })
    }

    /// The pipe to run now, which counts as running from here on. `None`:
    /// nothing is marked, or what is marked waits for a pipe that runs.
    #[allow(clippy::should_implement_trait, reason = "reads naturally and needs &mut self")]
    pub fn next(&mut self) -> Option<Text> {
        let mut waits = FxHashSet::default();
        for place in &self.running {
            self.downstream(*place, &mut waits);
        }
        let mut found = None;
        for (_, place) in &self.marked {
            if !self.running.contains(place) && !waits.contains(place) {
                found = Some(*place);
                break;
            }
            // What is downstream of a pipe that waits, waits too.
            self.downstream(*place, &mut waits);
        }
        let place = found?;
        self.marked.remove(&(self.rank[place], place));
        self.running.insert(place);
        self.runs[place] += 1;
        Some(self.pipes[place].id.clone())
    }

    /// Says that a pipe has ended its run, however it ended, and which
    /// datasets have new versions because of it.
    pub fn finished<'d>(&mut self, pipe: &str, changed: impl IntoIterator<Item = &'d str>) {
        if let Some(place) = self.by_id.get(pipe) {
            self.running.remove(place);
        }
        for dataset in changed {
            self.changed(dataset);
        }
        if self.is_stable() {
            self.runs.fill(0);
        }
    }

    /// Takes back the marks of the named pipes and says which had one.
    pub fn unmark(&mut self, named: impl Fn(&str) -> bool) -> Vec<Text> {
        let mut unmarked = Vec::new();
        self.marked.retain(|(_, place)| {
            let id = &self.pipes[*place].id;
            let stays = !named(id);
            if !stays {
                unmarked.push(id.clone());
            }
            stays
        });
        unmarked
    }

    /// The pipes that run.
    pub fn running(&self) -> impl Iterator<Item = &Text> {
        self.running.iter().map(|place| &self.pipes[*place].id)
    }

    /// Says that a pipe runs already, as in the flow before this one.
    pub fn resume(&mut self, pipe: &str) {
        self.running.extend(self.by_id.get(pipe));
    }

    /// Whether nothing is marked and nothing runs.
    pub fn is_stable(&self) -> bool {
        self.marked.is_empty() && self.running.is_empty()
    }

    /// The pipes that are marked, in the order of the flow.
    pub fn marked(&self) -> impl Iterator<Item = &Text> {
        self.marked.iter().map(|(_, place)| &self.pipes[*place].id)
    }

    /// The pipes that ran [`MAX_RUNS`] times without the flow becoming stable
    /// and are not marked any more until it is: they feed each other in a
    /// circle that does not settle.
    pub fn exhausted(&self) -> impl Iterator<Item = &Text> {
        let runs = self.runs.iter().zip(&self.pipes);
        runs.filter(|(runs, _)| **runs >= self.limit).map(|(_, pipe)| &pipe.id)
    }

    /// All pipes in the order of the flow.
    pub fn order(&self) -> Vec<&Text> {
        let mut places: Vec<usize> = (0..self.pipes.len()).collect();
        places.sort_by_key(|place| self.rank[*place]);
        places.into_iter().map(|place| &self.pipes[place].id).collect()
    }

    fn mark_by_change(&mut self, place: usize) {
        let pipe = &self.pipes[place];
        let runs = match pipe.mode {
            Mode::Scheduled => pipe.signalled || self.with_all,
            Mode::Manual => self.with_all,
            Mode::Off => false,
        };
        if runs && self.runs[place] < self.limit {
            self.marked.insert((self.rank[place], place));
        }
    }

    /// What somebody waits for, and all that it depends on.
    fn awaited(&self) -> FxHashSet<Text> {
        let mut awaited: FxHashSet<Text> = FxHashSet::default();
        let mut queue: Vec<&Text> = self.pipes.iter().flat_map(|pipe| &pipe.awaits).collect();
        while let Some(dataset) = queue.pop() {
            if awaited.insert(dataset.clone()) {
                let writers = self.pipes.iter().filter(|pipe| pipe.writes.contains(dataset));
                queue.extend(writers.flat_map(|pipe| &pipe.lends));
            }
        }
        awaited
    }

    /// The pipes that read what this one writes.
    fn next_of(&self, place: usize) -> impl Iterator<Item = usize> + '_ {
        let written = self.pipes[place].writes.iter();
        written.filter_map(|dataset| self.readers.get(dataset)).flatten().copied()
    }

    /// Everything that a pipe feeds, over any number of steps.
    fn downstream(&self, place: usize, found: &mut FxHashSet<usize>) {
        let mut queue: Vec<usize> = self.next_of(place).collect();
        while let Some(place) = queue.pop() {
            if found.insert(place) {
                queue.extend(self.next_of(place));
            }
        }
    }

    /// A place in the order for every pipe: after everything that feeds it,
    /// apart from circles, whose pipes follow each other in some order.
    ///
    /// The reverse of the order in which a depth-first walk leaves the pipes.
    fn ranks(&self) -> Vec<usize> {
        let count = self.pipes.len();
        let mut rank = vec![0; count];
        let mut seen = vec![false; count];
        let mut left = count;
        // The first pipes last, so that pipes without ties keep their order.
        for start in (0..count).rev() {
            if std::mem::replace(&mut seen[start], true) {
                continue;
            }
            let mut stack = vec![(start, self.next_of(start).collect::<Vec<_>>())];
            while let Some((place, next)) = stack.last_mut() {
                match next.pop() {
                    Some(other) if !seen[other] => {
                        seen[other] = true;
                        stack.push((other, self.next_of(other).collect()));
                    }
                    Some(_) => {}
                    None => {
                        left -= 1;
                        rank[*place] = left;
                        stack.pop();
                    }
                }
            }
        }
        rank
    }
}

/// Runs everything that is marked, and what that marks, until nothing is or
/// `run` gives nothing. Returns the pipes that never settled: they feed each
/// other in a circle.
pub fn settle(flow: &mut Flow, mut run: impl FnMut(&Text) -> Option<Report>) -> Vec<Text> {
    let mut restless = Vec::new();
    while let Some(id) = flow.next() {
        let report = run(&id);
        // Before the counts begin anew.
        restless = flow.exhausted().cloned().collect();
        let changed = report.as_ref().map(|report| report.changed.as_slice()).unwrap_or_default();
        flow.finished(&id, changed.iter().map(Text::as_str));
        if report.is_none() {
            break;
        }
    }
    restless
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pipe(id: &str, reads: &[&str]) -> FlowPipe {
        FlowPipe {
            id: id.into(),
            reads: reads.iter().copied().map(Text::from).collect(),
            writes: vec![id.into()],
            mode: Mode::Scheduled,
            signalled: true,
            ..FlowPipe::default()
        }
    }

    /// Runs everything that is marked; each run changes the pipe's dataset.
    fn run_all(flow: &mut Flow) -> Vec<Text> {
        let mut ran = Vec::new();
        while let Some(id) = flow.next() {
            flow.finished(&id, [id.as_str()]);
            ran.push(id);
        }
        ran
    }

    #[test]
    fn a_change_runs_through_a_diamond_once() {
        let pipes =
            [pipe("end", &["left", "right"]), pipe("right", &["in"]), pipe("left", &["in"])];
        let mut flow = Flow::new(pipes.into());
        flow.changed("in");
        assert_eq!(run_all(&mut flow), ["right", "left", "end"]);
        assert!(flow.is_stable());
    }

    #[test]
    fn a_pipe_waits_for_what_runs_above_it_and_never_runs_twice_at_once() {
        let mut flow = Flow::new(vec![pipe("a", &["in"]), pipe("b", &["in"]), pipe("c", &["a"])]);
        flow.mark_all();
        assert_eq!(flow.next().as_deref(), Some("a"));
        flow.mark("a");
        // "a" runs: it cannot be run again, and "c" waits for it.
        assert_eq!(flow.next().as_deref(), Some("b"));
        assert_eq!(flow.next(), None);
        flow.finished("a", []);
        assert_eq!(flow.next().as_deref(), Some("a"));
        assert_eq!(flow.next(), None);
        flow.finished("a", ["a"]);
        assert_eq!(flow.next().as_deref(), Some("c"));
    }

    #[test]
    fn manual_pipes_run_when_asked_and_off_pipes_never() {
        let mut quiet = pipe("quiet", &["in"]);
        quiet.signalled = false;
        let mut manual = pipe("manual", &["in"]);
        manual.mode = Mode::Manual;
        let mut off = pipe("off", &["in"]);
        off.mode = Mode::Off;
        let pipes = vec![manual, off, quiet, pipe("plain", &["in"])];
        let mut flow = Flow::new(pipes.clone());
        flow.changed("in");
        assert_eq!(run_all(&mut flow), ["plain"]);
        assert!(flow.mark("manual"));
        assert!(!flow.mark("off"));
        assert_eq!(run_all(&mut flow), ["manual"]);
        let mut all = Flow::new(pipes).with_all();
        all.mark_all();
        assert_eq!(run_all(&mut all), ["manual", "quiet", "plain"]);
        all.changed("in");
        assert_eq!(run_all(&mut all), ["manual", "quiet", "plain"]);
    }

    #[test]
    fn a_circle_ends() {
        let pipes = vec![pipe("a", &["in", "b"]), pipe("b", &["a"])];
        let mut flow = Flow::new(pipes).with_limit(5);
        flow.changed("in");
        assert_eq!(run_all(&mut flow).len(), 10);
        flow.changed("in");
        assert_eq!(run_all(&mut flow).len(), 10, "a later change runs again");
    }

    proptest! {
        /// Without circles every pipe below a change runs exactly once.
        #[test]
        fn once_per_change(edges in prop::collection::vec((0usize..8, 0usize..8), 0..20)) {
            let name = |place: usize| format!("p{place}");
            let pipes: Vec<FlowPipe> = (0..8)
                .map(|place| {
                    let above = edges.iter().filter(|(from, to)| from < to && *to == place);
                    let mut reads: Vec<Text> = above.map(|(from, _)| name(*from).into()).collect();
                    reads.push("in".into());
                    FlowPipe { reads, ..pipe(&name(place), &[]) }
                })
                .rev()
                .collect();
            let mut flow = Flow::new(pipes);
            flow.changed("in");
            let ran = run_all(&mut flow);
            let once: BTreeSet<&Text> = ran.iter().collect();
            prop_assert_eq!((ran.len(), once.len()), (8, 8));
        }
    }
}
