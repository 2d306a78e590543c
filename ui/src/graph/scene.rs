//! What the parts of the Flow screen share: the graph, what of it is chosen and
//! shown, where one looks from, what the pointer does, what is asked for.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
    time::Duration,
};

use leptos::{html, leptos_dom::helpers::TimeoutHandle, prelude::*, task::spawn_local};
use pipewright_language::FileChange;
use pipewright_protocol::studio::{
    self, Arrange, Arranged, Change, Edits, FileEdit, GraphNode, LAYOUT, NodeKind, Run, Spot,
    Spots, encode,
};

use super::{
    camera::{Area, Camera, FAR},
    fares::Fares,
    filter::Filter,
    panel::place_of,
    wiring::{Lit, Wiring, extent},
};
use crate::{
    client::{Client, use_client},
    components::{ToastBoard, use_toasts},
    draft::Act,
    place::{Nav, Place, use_nav},
    state::{History, Language, Live, use_history, use_language, use_live},
};

/// How long after the last key a card that is moved by keys stays there.
const SETTLED: Duration = Duration::from_millis(400);

/// What of the graph stays when one looks at something else meanwhile.
#[derive(Clone, Copy)]
pub struct FlowView {
    /// `None` until the graph was first shown: then it is fitted.
    pub(super) camera: RwSignal<Option<Camera>>,
    pub(super) find: RwSignal<String>,
    pub(super) filter: RwSignal<Filter>,
    /// Ids of the cards that are chosen besides the one in the address.
    marked: RwSignal<BTreeSet<String>>,
}

impl FlowView {
    /// Not shown yet.
    pub fn start() -> Self {
        Self {
            camera: RwSignal::new(None),
            find: RwSignal::default(),
            filter: RwSignal::default(),
            marked: RwSignal::default(),
        }
    }
}

/// Something that can be put into the flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// A pipe that reads a dataset.
    Pipe,
    /// A pipe that merges datasets.
    Merge,
    /// An outside system.
    System,
    /// A pipe with a source of this type.
    Source(String),
    /// A transform of this type.
    Transform(String),
}

/// What the pointer is doing. Places are the graph's, unless it says otherwise.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Drag {
    /// Moves the graph; from where on the screen, and whether it moved at all.
    Pan { last: (f64, f64), moved: bool },
    /// Moves what is chosen, from a card on; from where on the screen.
    Cards { card: usize, from: (f64, f64), by: Option<(f64, f64)>, adds: bool },
    /// Chooses what lies between two corners.
    Band { from: (f64, f64), to: (f64, f64) },
    /// Draws a line from a card's output to the pointer.
    Line { card: usize, to: (f64, f64) },
    /// Leads the input of a pipe to another dataset.
    Input { card: usize, to: (f64, f64) },
    /// Brings a piece from the shelf; where the pointer is on the screen.
    Piece { piece: Piece, at: (f64, f64), moved: bool },
}

/// What would be hit if the pointer let go now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hot {
    /// A card.
    Card(usize),
    /// A line.
    Line(usize),
    /// The open.
    Free,
}

/// What is asked for before something is made.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Ask {
    /// A pipe that reads a dataset, this one to begin with.
    Pipe { dataset: Option<String>, spot: Option<Spot> },
    /// A pipe with a source of this type.
    Source { kind: String, spot: Option<Spot> },
    /// A pipe that merges datasets.
    Merge { first: Option<String>, spot: Option<Spot> },
    /// An outside system.
    System { spot: Option<Spot> },
    /// A transform, or a pipe if it has no type, before or behind those of a
    /// pipe; the dataset is that of the line it was put on.
    Insert {
        kind: Option<String>,
        pipe: String,
        dataset: Option<String>,
        in_front: bool,
        spot: Option<Spot>,
    },
    /// Another dataset for a pipe to read.
    Read { pipe: String, dataset: Option<String> },
    /// Something done with several components.
    Several { act: Act, ids: Vec<String> },
    /// Components from the clipboard.
    Bring { names: Vec<String>, changes: Vec<FileChange> },
}

/// All of it. Copies are the same.
#[derive(Clone, Copy)]
pub(super) struct Scene {
    pub(super) wiring: Signal<Arc<Wiring>>,
    pub(super) view: FlowView,
    pub(super) size: RwSignal<(f64, f64)>,
    pub(super) stage: NodeRef<html::Div>,
    pub(super) drag: RwSignal<Option<Drag>>,
    pub(super) asked: RwSignal<Option<Ask>>,
    /// What was begun with the one component that is selected.
    pub(super) act: RwSignal<Option<Act>>,
    /// Where the menu is open, on the screen.
    pub(super) menu: RwSignal<Option<(f64, f64)>>,
    pub(super) camera: Memo<Camera>,
    /// Whether cards can be read, and are in the page.
    pub(super) near: Memo<bool>,
    /// The card in the address.
    pub(super) selected: Memo<Option<usize>>,
    /// All cards that are chosen.
    pub(super) chosen: Memo<BTreeSet<usize>>,
    pub(super) lit: Memo<Option<Lit>>,
    pub(super) found: Memo<Option<HashSet<usize>>>,
    /// The cards that the filter leaves; `None` when there is none.
    pub(super) shown: Memo<Option<HashSet<usize>>>,
    pub(super) fares: Memo<Fares>,
    pub(super) live: Live,
    pub(super) nav: Nav,
    pub(super) toasts: ToastBoard,
    pub(super) language: Language,
    history: History,
    client: StoredValue<Client>,
    /// Cards on their way by keys, and when they count as there.
    nudged: StoredValue<(Spots, Option<TimeoutHandle>)>,
}

impl Scene {
    pub(super) fn start(wiring: Signal<Arc<Wiring>>) -> Self {
        let (live, nav, language) = (use_live(), use_nav(), use_language());
        let view: FlowView = expect_context();
        let camera = Memo::new(move |_| view.camera.get().unwrap_or_default());
        let selected_id = Memo::new(move |_| match nav.place() {
            Place::Flow { select } => select,
            _ => None,
        });
        let selected = Memo::new(move |_| {
            selected_id.with(|id| id.as_ref().and_then(|id| wiring.with(|it| it.place(id))))
        });
        let chosen = Memo::new(move |_| {
            let wiring = wiring.get();
            let selected = selected.get();
            let marked: BTreeSet<usize> = view
                .marked
                .with(|marked| marked.iter().filter_map(|id| wiring.place(id)).collect());
            match selected {
                // One that was gone to otherwise is chosen alone.
                Some(one) if !marked.contains(&one) => BTreeSet::from([one]),
                _ => marked,
            }
        });
        let lit = Memo::new(move |_| {
            let one = chosen.with(|chosen| (chosen.len() == 1).then(|| chosen.first().copied()));
            one.flatten().map(|index| wiring.with(|wiring| wiring.lit_by(index)))
        });
        let found = Memo::new(move |_| {
            let text = view.find.with(|text| text.trim().to_owned());
            if text.is_empty() {
                return None;
            }
            let mut found = wiring.with(|wiring| wiring.matching(&text));
            // Short texts stand everywhere.
            if text.chars().count() > 2 && language.ready() {
                let ids = language.look_at(|workspace| workspace.mentioning(&text));
                wiring.with(|wiring| {
                    for id in ids.unwrap_or_default() {
                        let pipe = wiring.place(&format!("pipe:{id}"));
                        found.extend(pipe.or_else(|| wiring.place(&format!("system:{id}"))));
                    }
                });
            }
            Some(found)
        });
        let shown = Memo::new(move |_| {
            view.filter.with(|filter| {
                if *filter == Filter::default() {
                    return None;
                }
                Some(wiring.with(|wiring| live.pipes.with(|pipes| filter.of(wiring, pipes))))
            })
        });
        Scene {
            wiring,
            view,
            size: RwSignal::new((0.0, 0.0)),
            stage: NodeRef::new(),
            drag: RwSignal::new(None),
            asked: RwSignal::new(None),
            act: RwSignal::new(None),
            menu: RwSignal::new(None),
            camera,
            near: Memo::new(move |_| camera.with(|camera| camera.scale >= FAR)),
            selected,
            chosen,
            lit,
            found,
            shown,
            fares: Memo::new(move |_| {
                wiring.with(|wiring| live.pipes.with(|pipes| Fares::of(wiring, pipes)))
            }),
            live,
            nav,
            toasts: use_toasts(),
            language,
            history: use_history(),
            client: StoredValue::new(use_client()),
            nudged: StoredValue::default(),
        }
    }

    // Looking.

    pub(super) fn look_from(self, camera: Camera) {
        self.view.camera.set(Some(camera));
    }

    /// The middle of the stage on the screen.
    pub(super) fn middle(self) -> (f64, f64) {
        let (width, height) = self.size.get_untracked();
        (width / 2.0, height / 2.0)
    }

    /// Shows all cards, or those that are left.
    pub(super) fn fit(self) {
        let area = self.wiring.with_untracked(|wiring| {
            let shown = self.shown.get_untracked();
            match shown.filter(|shown| !shown.is_empty()) {
                Some(shown) => wiring.around(shown).unwrap_or_default(),
                None => wiring.whole(),
            }
        });
        self.look_from(Camera::fitted(area, self.size.get_untracked()));
    }

    pub(super) fn zoom(self, factor: f64) {
        self.look_from(self.camera.get_untracked().zoomed(factor, self.middle()));
    }

    /// Brings a card into view.
    pub(super) fn reveal(self, index: usize) {
        let area = self.wiring.with_untracked(|it| it.graph.nodes.get(index).map(extent));
        let (Some(area), true) = (area, self.size.get_untracked().0 > 0.0) else { return };
        let now = self.camera.get_untracked();
        let next = now.revealing(area, self.size.get_untracked());
        if next != now {
            self.look_from(next);
        }
    }

    /// The stage's own point of a point of the window.
    pub(super) fn point(self, event: &web_sys::MouseEvent) -> (f64, f64) {
        let rect = self.stage.get_untracked().map(|stage| stage.get_bounding_client_rect());
        let (left, top) = rect.map_or((0.0, 0.0), |rect| (rect.left(), rect.top()));
        (f64::from(event.client_x()) - left, f64::from(event.client_y()) - top)
    }

    /// Whether a point of the stage is on it.
    pub(super) fn on_stage(self, (x, y): (f64, f64)) -> bool {
        let (width, height) = self.size.get_untracked();
        (0.0..=width).contains(&x) && (0.0..=height).contains(&y)
    }

    /// The card at a place of the graph, if it is shown.
    pub(super) fn card_at(self, at: (f64, f64)) -> Option<usize> {
        let hit = self.wiring.with_untracked(|wiring| wiring.at(at))?;
        self.is_shown(hit).then_some(hit)
    }

    pub(super) fn is_shown(self, index: usize) -> bool {
        self.shown.with_untracked(|shown| shown.as_ref().is_none_or(|shown| shown.contains(&index)))
    }

    /// What lies under a place of the graph.
    pub(super) fn under(self, at: (f64, f64)) -> Hot {
        if let Some(card) = self.card_at(at) {
            return Hot::Card(card);
        }
        let within = 10.0 / self.camera.get_untracked().scale;
        let line = self.wiring.with_untracked(|wiring| {
            let line = wiring.line_at(at, within)?;
            let (from, to) = wiring.ends(line)?;
            (self.is_shown(from) && self.is_shown(to)).then_some(line)
        });
        line.map_or(Hot::Free, Hot::Line)
    }

    // Choosing.

    pub(super) fn node(self, index: usize) -> Option<GraphNode> {
        self.wiring.with_untracked(|wiring| wiring.graph.nodes.get(index).cloned())
    }

    /// The cards that are chosen. Untracked.
    pub(super) fn nodes(self) -> Vec<GraphNode> {
        let chosen = self.chosen.get_untracked();
        chosen.into_iter().filter_map(|index| self.node(index)).collect()
    }

    /// The pipes and systems that are chosen, by id. Untracked.
    pub(super) fn components(self) -> Vec<String> {
        let nodes = self.nodes().into_iter();
        nodes.filter(|node| node.kind != NodeKind::Dataset).map(|node| node.name).collect()
    }

    /// The pipes that are chosen. Untracked.
    pub(super) fn pipes(self) -> Vec<String> {
        let nodes = self.nodes().into_iter();
        nodes.filter(|node| node.kind == NodeKind::Pipe).map(|node| node.name).collect()
    }

    /// Chooses one card, or none.
    pub(super) fn select(self, id: Option<String>) {
        self.view.marked.update(BTreeSet::clear);
        self.nav.go(Place::Flow { select: id });
    }

    /// Goes on to a card by keys, which is no step to go back over.
    pub(super) fn walk_to(self, id: String) {
        self.view.marked.update(BTreeSet::clear);
        self.nav.replace(Place::Flow { select: Some(id) });
    }

    /// Chooses these.
    pub(super) fn choose(self, cards: impl IntoIterator<Item = usize>) {
        let ids: BTreeSet<String> = self.wiring.with_untracked(|wiring| {
            let ids = cards.into_iter().filter(|index| self.is_shown(*index));
            ids.filter_map(|index| Some(wiring.graph.nodes.get(index)?.id.clone())).collect()
        });
        let now = match self.nav.now() {
            Place::Flow { select } => select.filter(|id| ids.contains(id)),
            _ => None,
        };
        let select = now.or_else(|| ids.first().cloned());
        self.view.marked.set(ids);
        self.nav.replace(Place::Flow { select });
    }

    /// Chooses a card as well, or not any more.
    pub(super) fn toggle(self, index: usize) {
        let mut chosen = self.chosen.get_untracked();
        if !chosen.remove(&index) {
            chosen.insert(index);
        }
        self.choose(chosen);
    }

    /// Chooses all that is upstream or downstream as well.
    pub(super) fn choose_lit(self) {
        if let Some(lit) = self.lit.get_untracked() {
            self.choose(lit.nodes);
        }
    }

    /// The dataset of the card that is chosen alone. Tracked.
    pub(super) fn dataset(self) -> Option<String> {
        let index = self.selected.get()?;
        if self.chosen.with(|chosen| chosen.len() > 1) {
            return None;
        }
        self.wiring.with(|wiring| wiring.graph.nodes.get(index)?.dataset.clone())
    }

    pub(super) fn open(self) {
        let node = self.selected.get_untracked().and_then(|index| self.node(index));
        if let Some(place) = node.and_then(|node| place_of(&node)) {
            self.nav.go(place);
        }
    }

    // Moving.

    /// How far what is dragged has come. Tracked.
    pub(super) fn moved_by(self) -> Option<(f64, f64)> {
        self.drag.with(|drag| match drag {
            Some(Drag::Cards { by, .. }) => *by,
            _ => None,
        })
    }

    fn spots(self, cards: impl IntoIterator<Item = usize>, (dx, dy): (f64, f64)) -> Spots {
        self.wiring.with_untracked(|wiring| {
            let nodes = cards.into_iter().filter_map(|index| wiring.graph.nodes.get(index));
            let spot = |node: &GraphNode| {
                let area = extent(node).shifted((dx, dy));
                Some([area.left.round() as i32, area.top.round() as i32])
            };
            nodes.map(|node| (node.id.clone(), spot(node))).collect()
        })
    }

    /// Puts what is chosen somewhere else.
    pub(super) fn shift(self, by: (f64, f64)) {
        let cards = self.spots(self.chosen.get_untracked(), by);
        let label = match self.nodes().as_slice() {
            [one] => format!("Move {}", one.name),
            several => format!("Move {} cards", several.len()),
        };
        self.place(label, cards);
    }

    /// Moves what is chosen a little, by a key; several keys are one step.
    pub(super) fn nudge(self, by: (f64, f64)) {
        let cards = self.spots(self.chosen.get_untracked(), by);
        self.live.placed(&cards);
        self.nudged.update_value(|(moved, waiting)| {
            moved.extend(cards);
            if let Some(waiting) = waiting.take() {
                waiting.clear();
            }
            let settle = move || {
                let moved = self.nudged.try_update_value(|(moved, _)| std::mem::take(moved));
                if let Some(moved) = moved.filter(|moved| !moved.is_empty()) {
                    self.place("Move by keys".into(), moved);
                }
            };
            *waiting = set_timeout_with_handle(settle, SETTLED).ok();
        });
    }

    /// Puts cards somewhere: seen at once, and a step that can be undone.
    pub(super) fn place(self, label: String, cards: Spots) {
        if cards.is_empty() {
            return;
        }
        self.live.placed(&cards);
        let files = vec![FileEdit { path: LAYOUT.into(), change: Change::Place { cards } }];
        let client = self.client.get_value();
        spawn_local(async move {
            if let Err(failure) = self.history.apply(Edits { label, files }).await {
                self.toasts.failed(failure.to_string());
                // What was shown is not so.
                self.live.read_graph(&client);
            }
        });
    }

    /// Leaves all cards to the automatic layout.
    pub(super) fn lay_out_all(self) {
        let cards: Spots = self.wiring.with_untracked(|wiring| {
            let placed = wiring.graph.nodes.iter().filter(|node| node.placed.is_some());
            placed.map(|node| (node.id.clone(), None)).collect()
        });
        if cards.is_empty() {
            self.toasts.done("The whole flow is laid out automatically already.");
            return;
        }
        self.place("Lay out the flow".into(), cards);
        self.fit();
    }

    /// Lays what is chosen out on its own, where it is.
    pub(super) fn lay_out_chosen(self) {
        let nodes = self.nodes();
        let Some(corner) = self.wiring.with_untracked(|it| it.around(self.chosen.get_untracked()))
        else {
            return;
        };
        let cards = nodes.iter().map(|node| node.id.clone()).collect();
        let client = self.client.get_value();
        spawn_local(async move {
            match client.post::<Arranged>(studio::ARRANGE, &Arrange { cards }).await {
                Ok(Arranged { cards }) => {
                    let (left, top) = (corner.left.round() as i32, corner.top.round() as i32);
                    let cards = cards.into_iter();
                    let cards = cards.map(|(id, [x, y])| (id, Some([left + x, top + y])));
                    self.place("Lay out the selection".into(), cards.collect());
                }
                Err(failure) => self.toasts.failed(failure.to_string()),
            }
        });
    }

    // Running.

    /// Why nothing can be run now. Tracked.
    pub(super) fn held(self) -> Option<String> {
        if !self.live.may_change() {
            Some("Your access to this node is for reading only.".to_owned())
        } else if !self.live.trusted() {
            Some("This folder has not been allowed to run yet.".to_owned())
        } else {
            None
        }
    }

    /// Runs or stops the pipes that are chosen.
    pub(super) fn tell(self, path: &'static str) {
        let run = Run { pipes: self.pipes() };
        if run.pipes.is_empty() {
            return;
        }
        let client = self.client.get_value();
        spawn_local(async move {
            if let Err(failure) = client.tell(path, &run).await {
                self.toasts.failed(failure.to_string());
            }
        });
    }

    /// Has the pumps of the pipes that are chosen do something.
    pub(super) fn operate(self, operation: &'static str) {
        let pipes = self.pipes();
        let client = self.client.get_value();
        spawn_local(async move {
            for pipe in pipes {
                let path = format!("/api/pipes/{}/pump", encode(&pipe));
                if let Err(failure) = client.form(&path, &[("operation", operation)]).await {
                    self.toasts.failed(format!("{pipe}: {failure}"));
                    return;
                }
            }
        });
    }

    // Making.

    /// Begins something with what is chosen: with the one component, or with
    /// all.
    pub(super) fn begin(self, act: Act) {
        match self.components() {
            ids if ids.is_empty() => {}
            ids if ids.len() == 1 => self.act.set(Some(act)),
            ids => self.asked.set(Some(Ask::Several { act, ids })),
        }
    }

    /// What a piece becomes that is let go over the graph, or chosen by key.
    pub(super) fn put(self, piece: Piece, at: Option<(f64, f64)>) {
        let hot = at.map_or(Hot::Free, |at| self.under(at));
        // A card is put so that the pointer is on it.
        let spot = at
            .filter(|_| hot == Hot::Free)
            .map(|(x, y)| [(x - 40.0).round() as i32, (y - 20.0).round() as i32]);
        let on = match hot {
            Hot::Card(card) => self.node(card),
            _ => None,
        };
        let dataset = on.as_ref().and_then(|node| node.dataset.clone());
        let ask = match (piece, hot) {
            (Piece::System, _) => Some(Ask::System { spot }),
            (Piece::Source(kind), _) => Some(Ask::Source { kind, spot }),
            (Piece::Merge, _) => Some(Ask::Merge { first: dataset, spot }),
            (Piece::Pipe, Hot::Line(line)) => self.on_line(line, None),
            (Piece::Pipe, _) => Some(Ask::Pipe { dataset, spot }),
            (Piece::Transform(kind), Hot::Line(line)) => self.on_line(line, Some(kind)),
            (Piece::Transform(kind), _) => {
                let chosen = self.selected.get_untracked().filter(|_| at.is_none());
                let pipe = on.or_else(|| self.node(chosen?)).filter(|it| it.kind == NodeKind::Pipe);
                pipe.map(|pipe| Ask::Insert {
                    kind: Some(kind),
                    pipe: pipe.name,
                    dataset: None,
                    in_front: false,
                    spot: None,
                })
            }
        };
        match ask {
            Some(ask) => self.asked.set(Some(ask)),
            None => self.toasts.failed(
                "A transform belongs to a pipe: drop it on one, or on a line that leads to one; \
                 or select a pipe first.",
            ),
        }
    }

    /// What is asked when a transform, or a pipe, is put on a line.
    fn on_line(self, line: usize, kind: Option<String>) -> Option<Ask> {
        self.wiring.with_untracked(|wiring| {
            let (from, to) = wiring.ends(line)?;
            let edge = wiring.graph.edges.get(line)?;
            let (from, to) = (&wiring.graph.nodes[from], &wiring.graph.nodes[to]);
            let reads = matches!(edge.kind, studio::EdgeKind::Read | studio::EdgeKind::Merge);
            let middle = {
                let (a, b) = (extent(from), extent(to));
                let middle = |area: Area| (area.left + area.right, area.top + area.bottom);
                let ((ax, ay), (bx, by)) = (middle(a), middle(b));
                [((ax + bx) / 4.0 - 112.0).round() as i32, ((ay + by) / 4.0 - 32.0).round() as i32]
            };
            match (to.kind, from.kind) {
                (NodeKind::Pipe, _) if reads => Some(Ask::Insert {
                    kind,
                    pipe: to.name.clone(),
                    dataset: edge.dataset.clone(),
                    in_front: true,
                    spot: Some(middle),
                }),
                // On the way out, it is the last that happens.
                (_, NodeKind::Pipe) if edge.kind == studio::EdgeKind::Write => kind.map(|kind| {
                    let pipe = from.name.clone();
                    Ask::Insert {
                        kind: Some(kind),
                        pipe,
                        dataset: None,
                        in_front: false,
                        spot: None,
                    }
                }),
                _ => None,
            }
        })
    }

    /// A line was led from a dataset to a pipe: it reads that instead.
    pub(super) fn connect(self, from: usize, to: usize) {
        let (Some(from), Some(to)) = (self.node(from), self.node(to)) else { return };
        match (from.dataset, to.kind) {
            (Some(dataset), NodeKind::Pipe) if from.id != to.id => {
                self.asked.set(Some(Ask::Read { pipe: to.name, dataset: Some(dataset) }));
            }
            (None, _) => self.toasts.failed(format!("{} has no dataset to be read.", from.name)),
            _ => {}
        }
    }
}
