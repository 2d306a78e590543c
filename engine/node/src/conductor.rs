//! Runs pipes, one after the other, on a thread of its own.
//!
//! What is to run is marked in a [`Flow`]; the thread takes pipes from it in
//! the order of the flow and sleeps when nothing is marked. A pipe never runs
//! twice at once: there is one thread, and the flow knows what runs.

use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use pipewright_component::Cancel;
use pipewright_entity::Text;
use pipewright_pump::{Flow, FlowPipe, Report, RunRequest};

/// Runs one pipe and says what became of it; `None` if there is no such pipe.
pub(crate) type Runner = dyn Fn(&Text, RunRequest, Cancel) -> Option<Report> + Send + Sync;

/// What is to run, and what runs.
pub(crate) struct Conductor {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    flow: Flow,
    /// What the flow is made of, to make it again without marks.
    pipes: Vec<FlowPipe>,
    /// Marked pipes that are to run in full.
    full: BTreeSet<Text>,
    running: Option<(Text, Cancel)>,
    closed: bool,
}

impl State {
    /// Makes the flow anew; of what was marked, the pipes that `keep` names
    /// stay so, as far as they are still there.
    fn remake(&mut self, keep: impl Fn(&str) -> bool) {
        let mut flow = Flow::new(self.pipes.clone());
        for pipe in self.flow.marked().filter(|pipe| keep(pipe)) {
            flow.mark(pipe);
        }
        self.flow = flow;
    }
}

impl Conductor {
    pub(crate) fn new() -> Arc<Conductor> {
        Arc::new(Conductor { state: Mutex::default(), changed: Condvar::new() })
    }

    /// Starts the thread, which ends when the conductor is closed.
    pub(crate) fn start(self: &Arc<Conductor>, runner: Box<Runner>) -> std::io::Result<()> {
        let conductor = self.clone();
        std::thread::Builder::new()
            .name("pipes".into())
            .spawn(move || conductor.work(&*runner))
            .map(drop)
    }

    /// Replaces the flow after a change of config. What was marked stays so,
    /// as far as it is still there.
    pub(crate) fn set_pipes(&self, pipes: Vec<FlowPipe>) {
        let mut state = self.lock();
        state.pipes = pipes;
        state.remake(|_| true);
        self.changed.notify_all();
    }

    /// Marks pipes to run; all that may run when `pipes` is empty. Gives those
    /// that there are not.
    pub(crate) fn mark(&self, pipes: &[String], full: bool) -> Vec<String> {
        let mut state = self.lock();
        let mut unknown = Vec::new();
        if pipes.is_empty() {
            state.flow.mark_all();
            if full {
                let all: Vec<Text> = state.flow.order().into_iter().cloned().collect();
                state.full.extend(all);
            }
        }
        for pipe in pipes {
            if state.flow.mark(pipe) {
                if full {
                    state.full.insert(Text::new(pipe));
                }
            } else {
                unknown.push(pipe.clone());
            }
        }
        self.changed.notify_all();
        unknown
    }

    /// Stops the pipes, running or marked; all of them when `pipes` is empty.
    pub(crate) fn stop(&self, pipes: &[String]) {
        let mut state = self.lock();
        let named = |pipe: &str| pipes.is_empty() || pipes.iter().any(|name| name == pipe);
        if let Some((pipe, cancel)) = &state.running
            && named(pipe)
        {
            cancel.stop();
        }
        state.remake(|pipe| !named(pipe));
        state.full.retain(|pipe| !named(pipe));
        self.changed.notify_all();
    }

    /// Whether a pipe runs now.
    pub(crate) fn is_running(&self, pipe: &str) -> bool {
        self.lock().running.as_ref().is_some_and(|(running, _)| running == pipe)
    }

    /// Ends the thread; a run is stopped at the end of its batch.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        if let Some((_, cancel)) = &state.running {
            cancel.stop();
        }
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, runner: &Runner) {
        loop {
            let mut state = self.lock();
            let (pipe, cancel, request) = loop {
                if state.closed {
                    return;
                }
                if let Some(pipe) = state.flow.next() {
                    let cancel = Cancel::new();
                    let full = state.full.remove(&pipe);
                    state.running = Some((pipe.clone(), cancel.clone()));
                    break (pipe, cancel, RunRequest { full });
                }
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            };
            drop(state);
            let report = runner(&pipe, request, cancel);
            let mut state = self.lock();
            state.running = None;
            let changed = report.map(|report| report.changed).unwrap_or_default();
            state.flow.finished(&pipe, changed.iter().map(Text::as_str));
            self.changed.notify_all();
        }
    }
}
