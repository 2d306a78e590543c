//! The node's state as it changes, fed by one event stream.
//!
//! Nothing here asks twice: the stream starts with the whole state and then
//! sends what changed. The graph is read again when config files change.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashMap},
    rc::Rc,
    sync::Arc,
};

use leptos::{leptos_dom::helpers::TimeoutHandle, prelude::*, task::spawn_local};
use pipewright_protocol::studio::{
    self, DatasetStatus, Event, FileChange, FileInfo, FileKind, Graph, GraphNode, NodeKind, Notice,
    PipeState, PipeStatus, Project, Spots,
};

use super::Alerts;
use crate::{
    client::{Client, Failure, Part, Stream},
    place::Place,
};

/// How the connection to the node is.
#[derive(Clone, Debug, PartialEq)]
pub enum Link {
    /// The first state has not arrived yet.
    Connecting,
    /// Changes arrive.
    Up,
    /// They do not; it is tried again by itself.
    Down(String),
    /// The node wants another token; it is not tried again.
    Unauthorized,
}

/// Numbers over all pipes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Pipes there are.
    pub pipes: usize,
    /// Pipes that run now.
    pub running: usize,
    /// Pipes whose last run failed or whose config has errors.
    pub failing: usize,
    /// All that waits.
    pub queue: u64,
    /// Failed entities that wait for another try.
    pub retries: u64,
    /// Failed entities given up.
    pub dead: u64,
}

/// The live state. Copies are the same state.
#[derive(Clone, Copy)]
pub struct Live {
    /// How the connection is.
    pub link: RwSignal<Link>,
    /// The project.
    pub project: RwSignal<Option<Project>>,
    /// How the project is wired; kept while a newer one is being read.
    pub graph: RwSignal<Option<Arc<Graph>>>,
    /// The project's files, once they are known.
    pub files: RwSignal<Option<Arc<Vec<FileInfo>>>>,
    /// Why the graph could not be read, if so.
    pub graph_failure: RwSignal<Option<Failure>>,
    /// All pipes by id; changes with every event about pipes.
    pub pipes: RwSignal<BTreeMap<String, PipeStatus>>,
    /// All datasets by id; changes with every event about datasets.
    pub datasets: RwSignal<BTreeMap<String, DatasetStatus>>,
    /// Numbers over all pipes.
    pub totals: Memo<Totals>,
    /// What happened last.
    pub notice: RwSignal<Option<Notice>>,
    /// The config files that changed last; open texts follow it.
    pub changed: RwSignal<Vec<FileChange>>,
    alerts: Alerts,
    client: StoredValue<Client>,
    way: StoredValue<Option<Rc<Way>>, LocalStorage>,
    one: StoredValue<Single, LocalStorage>,
}

/// Signals of single pipes and datasets, made when first asked for, so that a
/// card on screen is touched only by its own changes.
#[derive(Default)]
struct Single {
    pipes: HashMap<String, ArcRwSignal<PipeStatus>>,
    datasets: HashMap<String, ArcRwSignal<DatasetStatus>>,
}

/// The live state of the session this component belongs to.
pub fn use_live() -> Live {
    expect_context()
}

impl Live {
    /// Opens the event stream and keeps it open until the owner goes.
    pub fn start(client: Client, alerts: Alerts) -> Self {
        let pipes = RwSignal::new(BTreeMap::<String, PipeStatus>::new());
        let live = Live {
            link: RwSignal::new(Link::Connecting),
            project: RwSignal::new(None),
            graph: RwSignal::new(None),
            files: RwSignal::default(),
            graph_failure: RwSignal::new(None),
            pipes,
            datasets: RwSignal::default(),
            totals: Memo::new(move |_| pipes.with(|pipes| totals(pipes.values()))),
            notice: RwSignal::new(None),
            changed: RwSignal::default(),
            alerts,
            client: StoredValue::new(client.clone()),
            way: StoredValue::new_local(None),
            one: StoredValue::new_local(Single::default()),
        };
        let way = Rc::new(Way { live, client, state: RefCell::default() });
        way.clone().connect();
        live.way.set_value(Some(way.clone()));
        let way = send_wrapper::SendWrapper::new(way);
        on_cleanup(move || way.stop());
        live
    }

    /// Tries again now what would be tried again by itself.
    pub fn reconnect(self) {
        let way = self.way.get_value();
        way.into_iter().for_each(Way::retry);
    }

    /// One pipe, as a signal of its own.
    pub fn pipe(self, id: &str) -> ArcRwSignal<PipeStatus> {
        let known = self.one.try_update_value(|one| {
            let first = || {
                self.pipes
                    .with_untracked(|all| all.get(id).cloned())
                    .unwrap_or_else(|| PipeStatus { id: id.into(), ..PipeStatus::default() })
            };
            one.pipes.entry(id.to_owned()).or_insert_with(|| ArcRwSignal::new(first())).clone()
        });
        known.unwrap_or_default()
    }

    /// One dataset, as a signal of its own.
    pub fn dataset(self, id: &str) -> ArcRwSignal<DatasetStatus> {
        let known = self.one.try_update_value(|one| {
            let first = || {
                self.datasets
                    .with_untracked(|all| all.get(id).cloned())
                    .unwrap_or_else(|| DatasetStatus { id: id.into(), ..DatasetStatus::default() })
            };
            one.datasets.entry(id.to_owned()).or_insert_with(|| ArcRwSignal::new(first())).clone()
        });
        known.unwrap_or_default()
    }

    /// The pipe's card, if the graph is known and has it. Tracked.
    pub fn pipe_node(self, id: &str) -> Option<GraphNode> {
        self.graph.with(|graph| {
            graph
                .as_ref()?
                .nodes
                .iter()
                .find(|node| node.kind == NodeKind::Pipe && node.name == id)
                .cloned()
        })
    }

    /// The datasets that can be read, whether they hold anything yet or not.
    /// Tracked.
    pub fn readable(self) -> Vec<String> {
        let mut all: BTreeSet<String> = self.datasets.with(|all| all.keys().cloned().collect());
        self.graph.with(|graph| {
            let nodes = graph.iter().flat_map(|graph| &graph.nodes);
            all.extend(nodes.filter_map(|node| node.dataset.clone()));
        });
        all.into_iter().filter(|id| !id.starts_with("system:")).collect()
    }

    /// Whether a pipe, system or dataset has this name. Tracked.
    pub fn name_taken(self, id: &str) -> bool {
        self.pipes.with(|pipes| pipes.contains_key(id))
            || self.datasets.with(|datasets| datasets.contains_key(id))
            || self.graph.with(|graph| {
                graph.iter().flat_map(|graph| &graph.nodes).any(|node| node.name == id)
            })
    }

    /// The screen of a file: that of the component in it, if it has one.
    pub fn place_of_file(self, path: &str) -> Place {
        self.files.with_untracked(|files| {
            let file = files.iter().flat_map(|files| files.iter()).find(|file| file.path == path);
            match file.map(|file| (file.kind, &file.component)) {
                Some((FileKind::Pipe, Some(id))) => Place::pipe(id),
                Some((FileKind::System, Some(id))) => Place::system(id),
                _ => Place::File { path: path.to_owned() },
            }
        })
    }

    /// Whether the node has said what there is. Tracked.
    pub fn known(self) -> bool {
        self.project.with(Option::is_some)
    }

    /// Whether the user may change things here. Tracked.
    pub fn may_change(self) -> bool {
        let only_asks = self.client.with_value(Client::is_read_only);
        !only_asks
            && self
                .project
                .with(|project| project.as_ref().is_some_and(|project| project.role.may_change()))
    }

    /// Whether pipes may run here. Tracked.
    pub fn trusted(self) -> bool {
        self.project.with(|project| project.as_ref().is_some_and(|project| project.trusted))
    }

    fn take(self, event: Event, client: &Client) {
        match event {
            Event::Hello(hello) => {
                self.project.set(Some(hello.project));
                self.pipes.set(BTreeMap::new());
                self.datasets.set(BTreeMap::new());
                self.set_pipes(hello.pipes);
                self.set_datasets(hello.datasets);
                self.link.set(Link::Up);
                self.read_graph(client);
                self.alerts.read(client);
            }
            Event::Pipes(changed) => self.set_pipes(changed),
            Event::Datasets(changed) => self.set_datasets(changed),
            Event::Removed(gone) => {
                self.pipes.update(|all| all.retain(|id, _| !gone.pipes.contains(id)));
                self.datasets.update(|all| all.retain(|id, _| !gone.datasets.contains(id)));
            }
            Event::Config(changed) => {
                self.changed.set(changed);
                self.read_graph(client);
            }
            Event::Placed(cards) => self.placed(&cards),
            Event::Project(project) => self.project.set(Some(*project)),
            Event::Notice(notice) => self.notice.set(Some(notice)),
            Event::Notifications(told) => self.alerts.take(told),
        }
    }

    /// Cards of the graph stand somewhere else.
    pub fn placed(self, cards: &Spots) {
        let news = self.graph.with_untracked(|graph| {
            let mut nodes = graph.iter().flat_map(|graph| &graph.nodes);
            nodes.any(|node| cards.get(&node.id).is_some_and(|spot| *spot != node.placed))
        });
        if !news {
            return;
        }
        self.graph.update(|graph| {
            let Some(graph) = graph else { return };
            for node in &mut Arc::make_mut(graph).nodes {
                if let Some(spot) = cards.get(&node.id) {
                    node.placed = *spot;
                }
            }
        });
    }

    fn set_pipes(self, changed: Vec<PipeStatus>) {
        self.one.with_value(|one| {
            for pipe in &changed {
                if let Some(signal) = one.pipes.get(&pipe.id) {
                    signal.set(pipe.clone());
                }
            }
        });
        self.pipes
            .update(|all| all.extend(changed.into_iter().map(|pipe| (pipe.id.clone(), pipe))));
    }

    fn set_datasets(self, changed: Vec<DatasetStatus>) {
        self.one.with_value(|one| {
            for dataset in &changed {
                if let Some(signal) = one.datasets.get(&dataset.id) {
                    signal.set(dataset.clone());
                }
            }
        });
        self.datasets.update(|all| {
            all.extend(changed.into_iter().map(|dataset| (dataset.id.clone(), dataset)))
        });
    }

    /// Reads the graph and the list of files again.
    pub fn read_graph(self, client: &Client) {
        let client = client.clone();
        spawn_local(async move {
            match client.get::<Graph>(studio::GRAPH).await {
                Ok(graph) => {
                    self.graph_failure.try_set(None);
                    self.graph.try_set(Some(Arc::new(graph)));
                }
                Err(failure) => drop(self.graph_failure.try_set(Some(failure))),
            }
            if let Ok(files) = client.get::<Vec<FileInfo>>(studio::FILES).await {
                self.files.try_set(Some(Arc::new(files)));
            }
        });
    }
}

fn totals<'a>(pipes: impl Iterator<Item = &'a PipeStatus>) -> Totals {
    pipes.fold(Totals::default(), |sum, pipe| Totals {
        pipes: sum.pipes + 1,
        running: sum.running + usize::from(pipe.state == PipeState::Running),
        failing: sum.failing
            + usize::from(matches!(pipe.state, PipeState::Failed | PipeState::Invalid)),
        queue: sum.queue + pipe.queue(),
        retries: sum.retries + pipe.retries,
        dead: sum.dead + pipe.dead,
    })
}

/// Seconds to wait before trying again; the last counts for all further tries.
const PAUSES: [u64; 6] = [0, 1, 2, 5, 10, 15];

/// Keeps the event stream open.
struct Way {
    live: Live,
    client: Client,
    state: RefCell<WayState>,
}

#[derive(Default)]
struct WayState {
    stream: Option<Stream>,
    retry: Option<TimeoutHandle>,
    tries: usize,
    stopped: bool,
}

impl Way {
    fn connect(self: Rc<Self>) {
        if self.state.borrow().stopped {
            return;
        }
        let way = self.clone();
        let stream = self.client.stream(studio::EVENTS, move |part| way.clone().read(part));
        // The old stream, if any, has ended; dropping it calls nothing back.
        let old = self.state.borrow_mut().stream.replace(stream);
        drop(old);
    }

    fn read(self: Rc<Self>, part: Part) {
        match part {
            Part::Open => self.state.borrow_mut().tries = 0,
            Part::Line(line) => match serde_json::from_slice(&line) {
                Ok(event) => self.live.take(event, &self.client),
                // A newer node may tell more than this page knows.
                Err(error) => leptos::logging::debug_warn!("event not understood: {error}"),
            },
            Part::Closed(Some(Failure::Unauthorized)) => self.live.link.set(Link::Unauthorized),
            Part::Closed(failure) => {
                let why = failure.map_or_else(
                    || "the node ended the connection".to_owned(),
                    |failure| failure.to_string(),
                );
                self.live.link.set(Link::Down(why));
                let tries = {
                    let mut state = self.state.borrow_mut();
                    state.tries += 1;
                    state.tries
                };
                let pause = PAUSES[tries.min(PAUSES.len() - 1)];
                let way = self.clone();
                let retry = set_timeout_with_handle(
                    move || way.connect(),
                    std::time::Duration::from_secs(pause),
                );
                self.state.borrow_mut().retry = retry.ok();
            }
        }
    }

    fn retry(self: Rc<Self>) {
        let waiting = self.state.borrow_mut().retry.take();
        if let Some(waiting) = waiting {
            waiting.clear();
        }
        if matches!(self.live.link.get_untracked(), Link::Down(_)) {
            self.connect();
        }
    }

    fn stop(&self) {
        let (stream, retry) = {
            let mut state = self.state.borrow_mut();
            state.stopped = true;
            (state.stream.take(), state.retry.take())
        };
        drop(stream);
        if let Some(retry) = retry {
            retry.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_count_what_needs_a_look() {
        let pipe = |state, queue: u64| PipeStatus {
            state,
            queues: BTreeMap::from([("d".to_owned(), queue)]),
            retries: 1,
            dead: queue,
            ..PipeStatus::default()
        };
        let pipes = [
            pipe(PipeState::Running, 5),
            pipe(PipeState::Failed, 2),
            pipe(PipeState::Invalid, 0),
            pipe(PipeState::Finished, 0),
        ];
        let expected = Totals { pipes: 4, running: 1, failing: 2, queue: 7, retries: 4, dead: 7 };
        assert_eq!(totals(pipes.iter()), expected);
    }
}
