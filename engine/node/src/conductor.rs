//! Runs pipes, one after the other.
//!
//! What is to run, and when, is kept in an [`Agenda`]. Whoever works for the
//! conductor takes pipes from it in the order of the flow; its own thread
//! sleeps until something is marked or the next pipe is due. A pipe never runs
//! twice at once: there is one worker at a time, and the flow knows what runs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use pipewright_component::{Cancel, Clock};
use pipewright_entity::Text;
use pipewright_pump::{Agenda, FlowPipe, Remembered, Report, RunRequest, Timing};
use pipewright_store::Batch;

/// Runs pipes for the conductor.
pub(crate) trait Runner: Send + Sync {
    /// Runs one pipe and says what became of it; `None` if it cannot be run.
    fn run(&self, pipe: &Text, request: RunRequest, cancel: Cancel) -> Option<Report>;

    /// The run is over, and what it changed is marked.
    fn ended(&self, pipe: &Text, report: Option<&Report>);

    /// Reads everything that a pipe reads again, beside its other runs.
    fn rescan(&self, pipe: &Text, cancel: Cancel) -> Option<Report>;

    /// The rescan is over.
    fn rescanned(&self, pipe: &Text, report: Option<&Report>);
}

/// What is to run, and what runs.
pub(crate) struct Conductor {
    state: Mutex<State>,
    changed: Condvar,
    clock: Arc<dyn Clock>,
    /// Held by who works.
    working: Mutex<()>,
    /// For runs and for rescans, once they were started.
    threads: OnceLock<[JoinHandle<()>; 2]>,
}

struct State {
    agenda: Agenda,
    running: Option<Running>,
    rescanning: Option<Running>,
    closed: bool,
}

impl State {
    /// What is on its way.
    fn all(&self) -> impl Iterator<Item = &Running> {
        self.running.iter().chain(&self.rescanning)
    }
}

/// A run on its way.
struct Running {
    pipe: Text,
    cancel: Cancel,
    /// When it began, in microseconds since 1970.
    since: i64,
}

/// The thread looks at the clock again after this long at the latest: it may
/// have been set, or the machine may have slept.
const LOOK: Duration = Duration::from_secs(60);

impl Conductor {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Arc<Conductor> {
        let chance = || uuid::Uuid::new_v4().as_u128() as f64 / u128::MAX as f64;
        let state =
            State { agenda: Agenda::new(chance), running: None, rescanning: None, closed: false };
        Arc::new(Conductor {
            state: Mutex::new(state),
            changed: Condvar::new(),
            clock,
            working: Mutex::default(),
            threads: OnceLock::new(),
        })
    }

    /// Starts the threads, which end when the conductor is closed: one for runs,
    /// one for rescans in the background.
    pub(crate) fn start(self: &Arc<Conductor>, runner: Arc<dyn Runner>) -> std::io::Result<()> {
        let (conductor, rescans) = (self.clone(), runner.clone());
        let aside = std::thread::Builder::new()
            .name("rescans".into())
            .spawn(move || conductor.work_aside(&*rescans))?;
        let conductor = self.clone();
        let pipes = std::thread::Builder::new()
            .name("pipes".into())
            .spawn(move || conductor.work(&*runner))?;
        let _ = self.threads.set([pipes, aside]);
        Ok(())
    }

    /// Whether one of the threads has ended although nobody wanted it to.
    pub(crate) fn has_died(&self) -> bool {
        let mut threads = self.threads.get().into_iter().flatten();
        threads.any(JoinHandle::is_finished) && !self.lock().closed
    }

    /// Replaces the pipes after a change of config. What was marked stays so,
    /// as far as it is still there.
    pub(crate) fn set_pipes(&self, pipes: Vec<(FlowPipe, Timing, Remembered)>) {
        self.change(|state, now| state.agenda.set_pipes(pipes, now));
    }

    /// From now on pipes run by themselves.
    pub(crate) fn open(&self) {
        self.change(|state, now| state.agenda.open(now));
    }

    /// From now on nothing runs; what runs is stopped.
    pub(crate) fn shut(&self) {
        self.change(|state, _| {
            state.agenda.close();
            state.all().for_each(|running| running.cancel.stop());
        });
    }

    /// What was held may be done now.
    pub(crate) fn release(&self) {
        self.change(|state, now| state.agenda.release(now));
    }

    /// A dataset has new versions that no run has written.
    pub(crate) fn changed(&self, dataset: &str) {
        self.change(|state, now| state.agenda.changed(dataset, now));
    }

    /// Marks pipes to run; all that run by themselves when `pipes` is empty.
    /// Gives those that there are not.
    pub(crate) fn mark(&self, pipes: &[String], full: bool) -> Vec<String> {
        self.change(|state, _| {
            if pipes.is_empty() {
                state.agenda.mark_all(full);
            }
            pipes.iter().filter(|pipe| !state.agenda.mark(pipe, full)).cloned().collect()
        })
    }

    /// Stops the pipes, running or marked; all of them when `pipes` is empty.
    pub(crate) fn stop(&self, pipes: &[String]) {
        let named = &|pipe: &str| pipes.is_empty() || pipes.iter().any(|name| name == pipe);
        self.change(|state, now| {
            let named_ones = state.all().filter(|running| named(&running.pipe));
            named_ones.for_each(|running| running.cancel.stop());
            state.agenda.unmark(named, now);
            state.agenda.forget_rescans(named);
        });
    }

    /// Stops what runs and takes back what is marked, for somebody who runs
    /// pipes instead; rescans go on.
    pub(crate) fn make_way(&self) {
        self.change(|state, now| {
            if let Some(running) = &state.running {
                running.cancel.stop();
            }
            state.agenda.unmark(|_| true, now);
        });
    }

    /// Stops pipes, all of them when `pipes` is empty, and waits until none of
    /// them runs.
    pub(crate) fn stop_and_wait(&self, pipes: &[String]) {
        self.stop(pipes);
        let runs = |state: &mut State| {
            let named = |pipe: &str| pipes.is_empty() || pipes.iter().any(|name| name == pipe);
            state.all().any(|running| named(&running.pipe))
        };
        drop(self.changed.wait_while(self.lock(), runs));
    }

    /// Keeps everybody else from running pipes for as long as `work` takes;
    /// waits for what runs now.
    pub(crate) fn exclusively<T>(&self, work: impl FnOnce(&Turn<'_>) -> T) -> T {
        let _working = self.working.lock().unwrap_or_else(PoisonError::into_inner);
        let result = work(&Turn(self));
        self.changed.notify_all();
        result
    }

    /// Whether a pipe runs now.
    pub(crate) fn is_running(&self, pipe: &str) -> bool {
        self.lock().running.as_ref().is_some_and(|running| running.pipe == pipe)
    }

    /// Whether a pipe is rescanned in the background now.
    pub(crate) fn is_rescanning(&self, pipe: &str) -> bool {
        self.lock().rescanning.as_ref().is_some_and(|running| running.pipe == pipe)
    }

    /// Whether the node is about to be closed, or nothing may run any more:
    /// what is cut now is to go on later.
    pub(crate) fn is_closing(&self) -> bool {
        let state = self.lock();
        state.closed || !state.agenda.is_open()
    }

    /// For how long a pipe has been running, or been due without being run, in
    /// microseconds; `None` when it is neither.
    pub(crate) fn late(&self, pipe: &str) -> Option<i64> {
        let (state, now) = (self.lock(), self.clock.now());
        let running = state.running.as_ref().filter(|running| running.pipe == pipe);
        let since = running.map(|running| running.since).or_else(|| state.agenda.due(pipe));
        since.map(|since| now - since).filter(|late| *late >= 0)
    }

    /// The pipe that runs now.
    pub(crate) fn running(&self) -> Option<String> {
        self.lock().running.as_ref().map(|running| running.pipe.to_string())
    }

    /// Waits until no pipe runs, for so long at most.
    pub(crate) fn wait_until_idle(&self, patience: Duration) {
        let runs = |state: &mut State| state.running.is_some();
        drop(self.changed.wait_timeout_while(self.lock(), patience, runs));
    }

    /// When a pipe is to run by itself next.
    pub(crate) fn due(&self, pipe: &str) -> Option<i64> {
        self.lock().agenda.due(pipe)
    }

    /// When the next pipe is due; `None` when none is unless something
    /// changes.
    pub(crate) fn next_due(&self) -> Option<i64> {
        self.lock().agenda.next_due()
    }

    /// Notes the times of a pipe that outlive a restart. Whether there are any.
    pub(crate) fn remember(&self, pipe: &str, batch: &mut Batch) -> bool {
        self.lock().agenda.remember(pipe, batch)
    }

    /// Ends the thread; a run is stopped at the end of its batch.
    pub(crate) fn close(&self) {
        self.change(|state, _| {
            state.closed = true;
            state.all().for_each(|running| running.cancel.stop());
        });
    }

    /// Runs on the caller's thread what is marked or due now, and what that
    /// marks.
    pub(crate) fn run_due(&self, runner: &dyn Runner) {
        while self.step(runner) || self.step_aside(runner) {}
    }

    fn change<T>(&self, change: impl FnOnce(&mut State, i64) -> T) -> T {
        let result = change(&mut self.lock(), self.clock.now());
        self.changed.notify_all();
        result
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, runner: &dyn Runner) {
        loop {
            while self.step(runner) {}
            let mut state = self.lock();
            // Something may have been marked since.
            if state.closed {
                return;
            }
            if !state.agenda.is_idle() {
                continue;
            }
            // What is due may be a rescan, which is not for this thread.
            if state.agenda.has_rescans() {
                self.changed.notify_all();
            }
            match state.agenda.next_due().map(|due| due - self.clock.now()) {
                Some(left) if left <= 0 => {}
                Some(left) => {
                    let left = Duration::from_micros(left.unsigned_abs()).min(LOOK);
                    drop(self.changed.wait_timeout(state, left));
                }
                None => {
                    state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                    drop(state);
                }
            }
        }
    }

    fn work_aside(&self, runner: &dyn Runner) {
        loop {
            while self.step_aside(runner) {}
            let state = self.lock();
            if state.closed {
                return;
            }
            // Whoever runs pipes sees when it is time, unless it is busy.
            if !state.agenda.has_rescans() {
                drop(self.changed.wait_timeout(state, LOOK));
            }
        }
    }

    /// Begins the next rescan. Whether there was one.
    fn step_aside(&self, runner: &dyn Runner) -> bool {
        let mut state = self.lock();
        if state.closed || state.rescanning.is_some() {
            return false;
        }
        let since = self.clock.now();
        let Some(pipe) = state.agenda.next_rescan(since) else { return false };
        let cancel = Cancel::new();
        state.rescanning = Some(Running { pipe: pipe.clone(), cancel: cancel.clone(), since });
        drop(state);
        let report = runner.rescan(&pipe, cancel);
        let mut state = self.lock();
        state.rescanning = None;
        state.agenda.rescanned(&pipe, report.as_ref(), self.clock.now());
        drop(state);
        self.changed.notify_all();
        runner.rescanned(&pipe, report.as_ref());
        true
    }

    /// Runs the next pipe. Whether there was one.
    fn step(&self, runner: &dyn Runner) -> bool {
        let _working = self.working.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.lock();
        if state.closed {
            return false;
        }
        let since = self.clock.now();
        let Some((pipe, request)) = state.agenda.next(since) else { return false };
        let cancel = Cancel::new();
        state.running = Some(Running { pipe: pipe.clone(), cancel: cancel.clone(), since });
        drop(state);
        // What goes wrong in one pipe is nothing to the others.
        let run = || runner.run(&pipe, request, cancel);
        let report = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
            tracing::error!(%pipe, "a run ended abnormally");
            None
        });
        let mut state = self.lock();
        state.running = None;
        state.agenda.finished(&pipe, report.as_ref(), self.clock.now());
        drop(state);
        self.changed.notify_all();
        let ended = || runner.ended(&pipe, report.as_ref());
        if catch_unwind(AssertUnwindSafe(ended)).is_err() {
            tracing::error!(%pipe, "what follows from a run ended abnormally");
        }
        true
    }
}

/// The right to run pipes while nobody else does.
pub(crate) struct Turn<'c>(&'c Conductor);

impl Turn<'_> {
    /// Runs a pipe so that everybody sees that it runs, and can stop it.
    pub(crate) fn run<T>(&self, pipe: &Text, cancel: &Cancel, run: impl FnOnce() -> T) -> T {
        /// However the run ends, it is over.
        struct Over<'c>(&'c Conductor);
        impl Drop for Over<'_> {
            fn drop(&mut self) {
                self.0.lock().running = None;
                self.0.changed.notify_all();
            }
        }
        let since = self.0.clock.now();
        let running = Running { pipe: pipe.clone(), cancel: cancel.clone(), since };
        self.0.lock().running = Some(running);
        let _over = Over(self.0);
        run()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use pipewright_component::FixedClock;
    use pipewright_config::Project;

    use super::*;

    /// A pipe that panics does not keep the next from running.
    #[test]
    fn one_pipe_that_ends_abnormally_is_nothing_to_the_others() {
        struct Panics(Mutex<Vec<Text>>);
        impl Runner for Panics {
            fn run(&self, pipe: &Text, _: RunRequest, _: Cancel) -> Option<Report> {
                self.0.lock().unwrap_or_else(PoisonError::into_inner).push(pipe.clone());
                assert_ne!(pipe.as_str(), "a", "on purpose");
                None
            }
            fn ended(&self, _: &Text, _: Option<&Report>) {}
            fn rescan(&self, _: &Text, _: Cancel) -> Option<Report> {
                None
            }
            fn rescanned(&self, _: &Text, _: Option<&Report>) {}
        }
        let conductor = Conductor::new(Arc::new(FixedClock::at(0)));
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("pipes")).unwrap();
        for id in ["a", "b"] {
            let source = r#"{"type": "embedded", "entities": []}"#;
            let text = format!(r#"{{"_id": "{id}", "type": "pipe", "source": {source}}}"#);
            std::fs::write(folder.path().join(format!("pipes/{id}.conf.json")), text).unwrap();
        }
        let project = Project::open(folder.path(), None).unwrap();
        let pipes = project.pipes().map(|pipe| {
            let plan = pipewright_pump::compile(pipe, &project).unwrap();
            (plan.flow_pipe(), plan.timing(), Remembered::default())
        });
        conductor.set_pipes(pipes.collect());
        conductor.open();
        assert!(conductor.mark(&["a".to_owned(), "b".to_owned()], false).is_empty());
        let runner = Panics(Mutex::default());
        conductor.run_due(&runner);
        let ran = runner.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let ran: std::collections::BTreeSet<Text> = ran.into_iter().collect();
        assert_eq!(ran, ["a", "b"].map(Text::from).into());
        assert!(!conductor.is_running("a") && !conductor.has_died());
    }

    #[test]
    fn a_run_that_ends_abnormally_is_over() {
        let conductor = Conductor::new(Arc::new(FixedClock::at(0)));
        let (pipe, cancel) = (Text::from("a"), Cancel::new());
        let ended = catch_unwind(AssertUnwindSafe(|| {
            conductor.exclusively(|turn| {
                turn.run(&pipe, &cancel, || {
                    assert!(conductor.is_running("a"));
                    panic!("on purpose")
                })
            })
        }));
        assert!(ended.is_err());
        assert!(!conductor.is_running("a"));
        assert_eq!(conductor.exclusively(|turn| turn.run(&pipe, &cancel, || 1)), 1);
    }
}
