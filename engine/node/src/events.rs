//! What changes in the node, told to whoever listens.
//!
//! Whoever changes something notes it here; a thread of the node passes on
//! what was noted, at most a few times a second, each pipe and dataset once.
//! With nothing noted it sleeps.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use pipewright_protocol::studio::{
    DatasetStatus, Event, FileChange, Hello, Notice, Notification, NotificationState, PipeStatus,
    Project, Removed, Spots,
};
use tokio::sync::broadcast;

/// Time between two messages of one kind.
const PAUSE: Duration = Duration::from_millis(120);
/// How far a listener may fall behind before it gets the whole state anew.
const BACKLOG: usize = 256;

/// The state that listeners see, and the way to them.
pub(crate) struct Hub {
    state: Mutex<State>,
    noted: Condvar,
    tell: broadcast::Sender<Arc<Event>>,
}

#[derive(Default)]
struct State {
    project: Option<Project>,
    pipes: BTreeMap<String, PipeStatus>,
    datasets: BTreeMap<String, DatasetStatus>,
    /// The alerts that are open, by their ids.
    alerts: BTreeMap<String, Notification>,
    changed: Changed,
}

/// What was noted and not told yet.
#[derive(Default)]
struct Changed {
    project: bool,
    pipes: BTreeSet<String>,
    datasets: BTreeSet<String>,
    removed: Removed,
    config: BTreeMap<String, FileChange>,
    placed: Spots,
    notices: Vec<Notice>,
    notifications: Vec<Notification>,
}

impl Changed {
    fn is_empty(&self) -> bool {
        !self.project
            && self.pipes.is_empty()
            && self.datasets.is_empty()
            && self.removed == Removed::default()
            && self.config.is_empty()
            && self.placed.is_empty()
            && self.notices.is_empty()
            && self.notifications.is_empty()
    }
}

/// A listener: the whole state first, then what changes.
pub(crate) struct Listener {
    hub: Arc<Hub>,
    hello: Option<Event>,
    told: broadcast::Receiver<Arc<Event>>,
}

impl Listener {
    /// The next event; `None` when the node is gone.
    pub(crate) async fn next(&mut self) -> Option<Arc<Event>> {
        if let Some(hello) = self.hello.take() {
            return Some(Arc::new(hello));
        }
        match self.told.recv().await {
            Ok(event) => Some(event),
            Err(broadcast::error::RecvError::Lagged(_)) => {
                let (hello, told) = self.hub.join()?;
                self.told = told;
                Some(Arc::new(hello))
            }
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

impl Hub {
    /// A hub whose thread ends when it is dropped.
    pub(crate) fn start() -> std::io::Result<Arc<Hub>> {
        let hub = Arc::new(Hub {
            state: Mutex::default(),
            noted: Condvar::new(),
            tell: broadcast::channel(BACKLOG).0,
        });
        let weak = Arc::downgrade(&hub);
        std::thread::Builder::new().name("events".into()).spawn(move || pass_on(&weak))?;
        Ok(hub)
    }

    /// Starts to listen. `None` before the project is known.
    pub(crate) fn listen(self: &Arc<Hub>) -> Option<Listener> {
        let (hello, told) = self.join()?;
        Some(Listener { hub: self.clone(), hello: Some(hello), told })
    }

    fn join(&self) -> Option<(Event, broadcast::Receiver<Arc<Event>>)> {
        let state = self.lock();
        let hello = Hello {
            project: state.project.clone()?,
            pipes: state.pipes.values().cloned().collect(),
            datasets: state.datasets.values().cloned().collect(),
            alerts: state.alerts.values().cloned().collect(),
        };
        Some((Event::Hello(Box::new(hello)), self.tell.subscribe()))
    }

    /// The project is now so.
    pub(crate) fn project(&self, project: Project) {
        self.note(|state| {
            if state.project.as_ref() != Some(&project) {
                state.project = Some(project);
                state.changed.project = true;
            }
        });
    }

    /// A pipe fares so.
    pub(crate) fn pipe(&self, status: PipeStatus) {
        self.note(|state| {
            if state.pipes.get(&status.id) != Some(&status) {
                state.changed.pipes.insert(status.id.clone());
                state.pipes.insert(status.id.clone(), status);
            }
        });
    }

    /// Changes what is known of a pipe.
    pub(crate) fn change_pipe(&self, pipe: &str, change: impl FnOnce(&mut PipeStatus)) {
        let mut status = self.pipe_status(pipe).unwrap_or_default();
        status.id = pipe.to_owned();
        change(&mut status);
        self.pipe(status);
    }

    /// How a pipe fares.
    pub(crate) fn pipe_status(&self, pipe: &str) -> Option<PipeStatus> {
        self.lock().pipes.get(pipe).cloned()
    }

    /// How all pipes fare.
    pub(crate) fn pipes(&self) -> Vec<PipeStatus> {
        self.lock().pipes.values().cloned().collect()
    }

    /// A dataset fares so.
    pub(crate) fn dataset(&self, status: DatasetStatus) {
        self.note(|state| {
            if state.datasets.get(&status.id) != Some(&status) {
                state.changed.datasets.insert(status.id.clone());
                state.datasets.insert(status.id.clone(), status);
            }
        });
    }

    /// Only these pipes and datasets are left.
    pub(crate) fn keep(&self, pipe: impl Fn(&str) -> bool, dataset: impl Fn(&str) -> bool) {
        self.note(|state| {
            let gone: Vec<String> = state.pipes.keys().filter(|id| !pipe(id)).cloned().collect();
            for id in gone {
                state.pipes.remove(&id);
                state.changed.removed.pipes.push(id);
            }
            let gone: Vec<String> =
                state.datasets.keys().filter(|id| !dataset(id)).cloned().collect();
            for id in gone {
                state.datasets.remove(&id);
                state.changed.removed.datasets.push(id);
            }
        });
    }

    /// Config files changed.
    pub(crate) fn config(&self, changes: Vec<FileChange>) {
        self.note(|state| {
            for change in changes {
                state.changed.config.insert(change.path.clone(), change);
            }
        });
    }

    /// Cards of the flow stand somewhere else.
    pub(crate) fn placed(&self, cards: Spots) {
        self.note(|state| state.changed.placed.extend(cards));
    }

    /// Something worth telling.
    pub(crate) fn notice(&self, notice: Notice) {
        self.note(|state| state.changed.notices.push(notice));
    }

    /// Something is told to people.
    pub(crate) fn notification(&self, told: Notification) {
        self.note(|state| {
            match told.state {
                NotificationState::Open => state.alerts.insert(told.id.clone(), told.clone()),
                _ => state.alerts.remove(&told.id),
            };
            state.changed.notifications.push(told);
        });
    }

    /// The alerts that are open, the newest first.
    pub(crate) fn alerts(&self) -> Vec<Notification> {
        let mut alerts: Vec<_> = self.lock().alerts.values().cloned().collect();
        alerts.sort_by_key(|alert| std::cmp::Reverse(alert.since));
        alerts
    }

    /// An alert that is open.
    pub(crate) fn alert(&self, id: &str) -> Option<Notification> {
        self.lock().alerts.get(id).cloned()
    }

    fn note(&self, note: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        note(&mut state);
        if !state.changed.is_empty() {
            self.noted.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that could panic runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell_changes(&self) {
        let mut state = self.lock();
        let changed = std::mem::take(&mut state.changed);
        let mut events = Vec::new();
        if let (true, Some(project)) = (changed.project, &state.project) {
            events.push(Event::Project(Box::new(project.clone())));
        }
        if !changed.config.is_empty() {
            events.push(Event::Config(changed.config.into_values().collect()));
        }
        if !changed.placed.is_empty() {
            events.push(Event::Placed(changed.placed));
        }
        let pipes: Vec<_> =
            changed.pipes.iter().filter_map(|id| state.pipes.get(id).cloned()).collect();
        if !pipes.is_empty() {
            events.push(Event::Pipes(pipes));
        }
        let datasets: Vec<_> =
            changed.datasets.iter().filter_map(|id| state.datasets.get(id).cloned()).collect();
        if !datasets.is_empty() {
            events.push(Event::Datasets(datasets));
        }
        if changed.removed != Removed::default() {
            events.push(Event::Removed(changed.removed));
        }
        events.extend(changed.notices.into_iter().map(Event::Notice));
        if !changed.notifications.is_empty() {
            events.push(Event::Notifications(changed.notifications));
        }
        // Under the lock, so that whoever joins gets each change exactly once.
        for event in events {
            // An error says that nobody listens.
            let _ = self.tell.send(Arc::new(event));
        }
    }
}

fn pass_on(hub: &Weak<Hub>) {
    loop {
        {
            let Some(hub) = hub.upgrade() else { return };
            let state = hub.lock();
            // Wakes now and then to see whether the node is still there.
            let (state, _) = hub
                .noted
                .wait_timeout_while(state, Duration::from_secs(5), |s| s.changed.is_empty())
                .unwrap_or_else(PoisonError::into_inner);
            if state.changed.is_empty() {
                continue;
            }
            drop(state);
            hub.tell_changes();
        }
        std::thread::sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use pipewright_protocol::studio::{PipeState, Role};

    fn project() -> Project {
        Project {
            name: "p".into(),
            folder: None,
            version: "0".into(),
            role: Role::Admin,
            trusted: false,
            live: false,
            profile: None,
            profiles: Vec::new(),
            env: serde_json::Map::new(),
            problems: Vec::new(),
        }
    }

    #[tokio::test]
    async fn a_listener_gets_the_state_and_then_each_change_once() {
        let hub = Hub::start().unwrap();
        assert!(hub.listen().is_none());
        hub.project(project());
        hub.change_pipe("a", |pipe| pipe.processed = 1);
        tokio::time::sleep(PAUSE * 2).await;
        let mut listener = hub.listen().unwrap();
        match &*listener.next().await.unwrap() {
            Event::Hello(hello) => assert_eq!(hello.pipes[0].processed, 1),
            other => panic!("{other:?}"),
        }
        for processed in 2..100 {
            hub.change_pipe("a", |pipe| {
                pipe.processed = processed;
                pipe.state = PipeState::Running;
            });
        }
        let mut messages = 0;
        let last = loop {
            messages += 1;
            match &*listener.next().await.unwrap() {
                Event::Pipes(pipes) if pipes[0].processed == 99 => break pipes[0].clone(),
                Event::Pipes(_) => {}
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(last.state, PipeState::Running);
        assert!(messages <= 2, "{messages} messages");
        // Nothing new, nothing told.
        hub.pipe(last);
        let more = tokio::time::timeout(PAUSE * 3, listener.next()).await;
        assert!(more.is_err());
    }
}
