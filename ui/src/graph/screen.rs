//! The screen: pan, zoom, select, draw.

use std::{collections::HashSet, sync::Arc};

use leptos::{ev, html, prelude::*};
use wasm_bindgen::{JsCast, prelude::Closure};

use super::{
    camera::{Camera, FAR},
    card::Card,
    new_pipe::NewPipe,
    paint::{Palette, Picture, minimap},
    panel::{Panel, place_of},
    wiring::{Lit, Wiring, extent},
};
use crate::{
    commands::{Command, use_commands},
    components::{Button, Dialog, Empty, Icon, IconButton, Link, Problem, Search, Sign, Waiting},
    draft::NewMerge,
    place::{Place, use_nav},
    state::{use_live, use_prefs},
};

const MINIMAP: (f64, f64) = (184.0, 112.0);

/// What of the graph stays when one looks at something else meanwhile.
#[derive(Clone, Copy)]
pub struct FlowView {
    /// `None` until the graph was first shown: then it is fitted.
    camera: RwSignal<Option<Camera>>,
    find: RwSignal<String>,
}

impl FlowView {
    /// Not shown yet.
    pub fn start() -> Self {
        Self { camera: RwSignal::new(None), find: RwSignal::default() }
    }
}

/// What the pointer is doing.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Drag {
    /// Moves the graph; from where, and whether it moved at all.
    Pan { last: (f64, f64), moved: bool },
    /// Draws a line from a card's output to the pointer.
    Line { card: usize, to: (f64, f64) },
}

/// The Flow screen.
#[component]
pub fn FlowScreen() -> impl IntoView {
    let live = use_live();
    let wiring = Memo::new_with_compare(
        move |_| live.graph.get().map(|graph| Arc::new(Wiring::new(graph))),
        |old, new| !matches!((old, new), (Some(Some(a)), Some(Some(b))) if Arc::ptr_eq(&a.graph, &b.graph)),
    );
    view! {
        <div class="flow" data-testid="flow">
            <h1 class="unseen">"Flow"</h1>
            {move || match wiring.get() {
                Some(found) if !found.graph.nodes.is_empty() => view! { <Canvas wiring=Signal::derive(move || wiring.get().unwrap_or_else(|| found.clone())) /> }.into_any(),
                Some(_) => {
                    view! {
                        <Empty
                            sign=Sign::Flow
                            title="This project has no pipes yet"
                            hint="Begin with a system: it says what it has, and pipes are made from that. A pipe put into the folder appears here, too."
                        >
                            <Link to=Place::Systems class="button primary" id="empty-systems">
                                <Icon sign=Sign::System />
                                <span>"To the systems"</span>
                            </Link>
                        </Empty>
                    }
                    .into_any()
                }
                None => match live.graph_failure.get() {
                    Some(failure) => view! { <Problem failure /> }.into_any(),
                    None => view! { <Waiting /> }.into_any(),
                },
            }}
        </div>
    }
}

#[component]
fn Canvas(
    /// The graph to draw.
    wiring: Signal<Arc<Wiring>>,
) -> impl IntoView {
    let (live, nav, prefs) = (use_live(), use_nav(), use_prefs());
    let view_state: FlowView = expect_context();
    let camera = Memo::new(move |_| view_state.camera.get().unwrap_or_default());
    let set_camera = move |next: Camera| view_state.camera.set(Some(next));
    let size = RwSignal::new((0.0, 0.0));
    let (stage, canvas, map) = (
        NodeRef::<html::Div>::new(),
        NodeRef::<html::Canvas>::new(),
        NodeRef::<html::Canvas>::new(),
    );
    let drag = RwSignal::new(None::<Drag>);
    let new_from = RwSignal::new(None::<String>);
    let asking = RwSignal::new(false);
    let merging = RwSignal::new(false);

    stage.on_load(move |stage| {
        let element = stage.clone();
        let measure = Closure::<dyn Fn()>::new(move || {
            let now = (f64::from(element.client_width()), f64::from(element.client_height()));
            if size.try_get_untracked().is_some_and(|old| old != now) {
                size.set(now);
            }
        });
        if let Ok(observer) = web_sys::ResizeObserver::new(measure.as_ref().unchecked_ref()) {
            observer.observe(&stage);
            let kept = send_wrapper::SendWrapper::new((observer, measure));
            on_cleanup(move || kept.0.disconnect());
        }
    });
    let fit = move || {
        set_camera(Camera::fitted(
            wiring.with_untracked(|wiring| wiring.whole()),
            size.get_untracked(),
        ))
    };
    Effect::new(move || {
        let known = size.get().0 > 0.0;
        if known && view_state.camera.with_untracked(Option::is_none) {
            fit();
        }
    });

    let selected_id = Memo::new(move |_| match nav.place() {
        Place::Flow { select } => select,
        _ => None,
    });
    let selected = Memo::new(move |_| {
        selected_id.with(|id| id.as_ref().and_then(|id| wiring.with(|wiring| wiring.place(id))))
    });
    let lit =
        Memo::new(move |_| selected.get().map(|index| wiring.with(|wiring| wiring.lit_by(index))));
    let found = Memo::new(move |_| {
        view_state.find.with(|text| {
            (!text.trim().is_empty()).then(|| wiring.with(|wiring| wiring.matching(text.trim())))
        })
    });
    let dim = move |index: usize| {
        lit.with(|lit| lit.as_ref().is_some_and(|lit: &Lit| !lit.nodes.contains(&index)))
            || found.with(|found| {
                found.as_ref().is_some_and(|found: &HashSet<usize>| !found.contains(&index))
            })
    };
    let select = move |id: Option<String>| nav.go(Place::Flow { select: id });
    // What was selected elsewhere comes into view.
    Effect::new(move || {
        let (Some(index), true) = (selected.get(), size.get().0 > 0.0) else { return };
        let area = wiring.with_untracked(|wiring| extent(&wiring.graph.nodes[index]));
        let now = camera.get_untracked();
        let next = now.revealing(area, size.get_untracked());
        if next != now {
            set_camera(next);
        }
    });

    let near = Memo::new(move |_| camera.with(|camera| camera.scale >= FAR));
    let window = Memo::new(move |_| Wiring::window(camera.get().view(size.get())));
    let mounted = Memo::new(move |_| {
        if near.get() { wiring.with(|wiring| wiring.in_window(window.get())) } else { Vec::new() }
    });

    let palette = RwSignal::new(Palette::read());
    Effect::new(move || {
        prefs.dark();
        request_animation_frame(move || drop(palette.try_set(Palette::read())));
    });
    // One drawing a frame, however much changed.
    let waiting = StoredValue::new(false);
    let map_camera = StoredValue::new(Camera::default());
    let draw = move || {
        let (Some(canvas), Some(map)) = (canvas.get_untracked(), map.get_untracked()) else {
            return;
        };
        let (wiring, palette) = (wiring.read_untracked(), palette.read_untracked());
        let (pipes, datasets) = (live.pipes.read_untracked(), live.datasets.read_untracked());
        let (lit, found) = (lit.read_untracked(), found.read_untracked());
        let drawn = match drag.get_untracked() {
            Some(Drag::Line { card, to }) => {
                let area = extent(&wiring.graph.nodes[card]);
                Some(((area.right, (area.top + area.bottom) / 2.0), to))
            }
            _ => None,
        };
        let picture = Picture {
            wiring: &wiring,
            camera: camera.get_untracked(),
            size: size.get_untracked(),
            palette: &palette,
            pipes: &pipes,
            datasets: &datasets,
            lit: lit.as_ref(),
            found: found.as_ref(),
            selected: selected.get_untracked(),
            drawn,
        };
        picture.draw(&canvas);
        if let Some(camera) = minimap(&map, MINIMAP, &picture) {
            map_camera.set_value(camera);
        }
    };
    Effect::new(move || {
        // A memo that was never read does not tell of changes.
        camera.with(|_| ());
        size.track();
        wiring.with(|_| ());
        lit.with(|_| ());
        found.with(|_| ());
        palette.track();
        live.pipes.track();
        drag.track();
        if !waiting.get_value() {
            waiting.set_value(true);
            request_animation_frame(move || {
                if waiting.try_update_value(|waiting| *waiting = false).is_some() {
                    draw();
                }
            });
        }
    });

    let point = move |event: &web_sys::MouseEvent| {
        let rect = stage.get_untracked().map(|stage| stage.get_bounding_client_rect());
        let (left, top) = rect.map_or((0.0, 0.0), |rect| (rect.left(), rect.top()));
        (f64::from(event.client_x()) - left, f64::from(event.client_y()) - top)
    };
    let wheel = move |event: ev::WheelEvent| {
        event.prevent_default();
        // Lines and pages, where the mouse counts in those.
        let unit = match event.delta_mode() {
            1 => 18.0,
            2 => 400.0,
            _ => 1.0,
        };
        let now = camera.get_untracked();
        if event.ctrl_key() || event.meta_key() {
            let factor = (-event.delta_y() * unit / 300.0).exp().clamp(0.5, 2.0);
            set_camera(now.zoomed(factor, point(&event)));
        } else if event.shift_key() && event.delta_x() == 0.0 {
            set_camera(now.panned(-event.delta_y() * unit, 0.0));
        } else {
            set_camera(now.panned(-event.delta_x() * unit, -event.delta_y() * unit));
        }
    };
    let down = move |event: ev::PointerEvent| {
        if event.button() <= 1 {
            event.prevent_default();
            drag.set(Some(Drag::Pan { last: point(&event), moved: false }));
            if let Some(stage) = stage.get_untracked() {
                let _ = stage.focus();
            }
        }
    };
    let moving = window_event_listener(ev::pointermove, move |event| {
        let at = point(&event);
        match drag.get_untracked() {
            None => {}
            Some(Drag::Pan { last, moved }) => {
                let (dx, dy) = (at.0 - last.0, at.1 - last.1);
                // A click may tremble a little.
                if moved || dx.abs() + dy.abs() > 3.0 {
                    set_camera(camera.get_untracked().panned(dx, dy));
                    drag.set(Some(Drag::Pan { last: at, moved: true }));
                }
            }
            Some(Drag::Line { card, .. }) => {
                drag.set(Some(Drag::Line { card, to: camera.get_untracked().to_graph(at) }))
            }
        }
    });
    let ending = window_event_listener(ev::pointerup, move |event| {
        let Some(ended) = drag.get_untracked() else { return };
        drag.set(None);
        match ended {
            Drag::Pan { moved: true, .. } => {}
            // A click: on a card drawn from afar, or beside everything.
            Drag::Pan { moved: false, .. } => {
                let at = camera.get_untracked().to_graph(point(&event));
                let hit = if near.get_untracked() {
                    None
                } else {
                    wiring.with_untracked(|wiring| {
                        wiring.at(at).map(|index| wiring.graph.nodes[index].id.clone())
                    })
                };
                if hit.is_some() || selected_id.with_untracked(Option::is_some) {
                    select(hit);
                }
            }
            Drag::Line { card, to } => {
                let (free, dataset) = wiring.with_untracked(|wiring| {
                    (wiring.at(to).is_none(), wiring.graph.nodes[card].dataset.clone())
                });
                if let (true, Some(dataset)) = (free, dataset) {
                    new_from.set(Some(dataset));
                    asking.set(true);
                }
            }
        }
    });
    on_cleanup(move || {
        moving.remove();
        ending.remove();
    });
    let middle = move || {
        let (width, height) = size.get_untracked();
        (width / 2.0, height / 2.0)
    };
    let open = move || {
        let node = selected.get_untracked();
        let place = node.and_then(|index| {
            wiring.with_untracked(|wiring| wiring.graph.nodes.get(index).and_then(place_of))
        });
        if let Some(place) = place {
            nav.go(place);
        }
    };
    let dataset = Memo::new(move |_| {
        let index = selected.get()?;
        wiring.with(|wiring| wiring.graph.nodes.get(index)?.dataset.clone())
    });
    let read_it = move || {
        new_from.set(dataset.get_untracked());
        asking.set(true);
    };
    let walk = move |(right, down): (f64, f64)| {
        let from = selected.get_untracked();
        let next = wiring.with_untracked(|wiring| {
            wiring.beside(from, (right, down)).map(|index| wiring.graph.nodes[index].id.clone())
        });
        if let Some(next) = next {
            nav.replace(Place::Flow { select: Some(next) });
        }
    };
    let keys = move |event: ev::KeyboardEvent| {
        if event.ctrl_key() || event.meta_key() || event.alt_key() {
            return;
        }
        let now = camera.get_untracked();
        let arrow = match event.key().as_str() {
            "ArrowLeft" => Some((-1.0, 0.0)),
            "ArrowRight" => Some((1.0, 0.0)),
            "ArrowUp" => Some((0.0, -1.0)),
            "ArrowDown" => Some((0.0, 1.0)),
            _ => None,
        };
        let next = match event.key().as_str() {
            _ if let Some((right, down)) = arrow.filter(|_| event.shift_key()) => {
                now.panned(-80.0 * right, -80.0 * down)
            }
            _ if let Some(way) = arrow => {
                event.prevent_default();
                walk(way);
                return;
            }
            "Enter" => {
                open();
                return;
            }
            "n" if live.may_change() && dataset.with_untracked(Option::is_some) => {
                event.prevent_default();
                read_it();
                return;
            }
            "+" | "=" => now.zoomed(1.25, middle()),
            "-" => now.zoomed(0.8, middle()),
            "0" => {
                fit();
                return;
            }
            "Escape" if selected_id.with_untracked(Option::is_some) => {
                select(None);
                return;
            }
            _ => return,
        };
        event.prevent_default();
        set_camera(next);
    };
    let look_at = move |event: ev::PointerEvent| {
        event.stop_propagation();
        if event.buttons() & 1 == 0 {
            return;
        }
        let Some(map) = map.get_untracked() else { return };
        let rect = map.get_bounding_client_rect();
        let at =
            (f64::from(event.client_x()) - rect.left(), f64::from(event.client_y()) - rect.top());
        let (x, y) = map_camera.get_value().to_graph(at);
        let (now, (cx, cy)) = (camera.get_untracked(), middle());
        set_camera(Camera { x: cx - x * now.scale, y: cy - y * now.scale, ..now });
    };
    use_commands().offer(move || {
        let mut all =
            vec![Command::new("flow-fit", "Show the whole flow", Sign::Fit, fit).keys("Ctrl+0")];
        if selected.with(Option::is_some) {
            all.push(Command::new("flow-open", "Open what is selected", Sign::File, open));
        }
        if let (Some(dataset), true) = (dataset.get(), live.may_change()) {
            let title = format!("New pipe that reads {dataset}");
            all.push(Command::new("new-pipe", title, Sign::Plus, read_it));
        }
        if live.may_change() {
            all.push(Command::new("merge", "Merge datasets", Sign::Merge, move || {
                merging.set(true)
            }));
        }
        all
    });

    let cards = move |index: usize| {
        let node = wiring.with_untracked(|wiring| wiring.graph.nodes.get(index).cloned());
        let Some(node) = node else { return ().into_any() };
        let id = node.id.clone();
        let open = place_of(&node);
        let may_draw = node.dataset.is_some();
        view! {
            <Card
                node
                selected=Signal::derive(move || selected.get() == Some(index))
                dim=Signal::derive(move || dim(index))
                on_pick=move || select(Some(id.clone()))
                on_open=move || {
                    if let Some(place) = open.clone() {
                        nav.go(place);
                    }
                }
                on_draw=move |event| {
                    if may_draw && live.may_change() {
                        drag.set(Some(Drag::Line { card: index, to: camera.get_untracked().to_graph(point(&event)) }));
                    }
                }
            />
        }
        .into_any()
    };
    let panel = move || {
        let index = selected.get()?;
        wiring.with(|wiring| {
            let node = wiring.graph.nodes.get(index)?.clone();
            let (before, after) = wiring.neighbours(&node.id);
            let (before, after) =
                (before.into_iter().cloned().collect(), after.into_iter().cloned().collect());
            Some(view! { <Panel node before after on_new=read_it /> })
        })
    };
    let scale = move || format!("{:.0} %", camera.get().scale * 100.0);
    view! {
        <div
            class="flow-stage"
            class:panning=move || matches!(drag.get(), Some(Drag::Pan { moved: true, .. }))
            class:drawing=move || matches!(drag.get(), Some(Drag::Line { .. }))
            node_ref=stage
            tabindex="0"
            role="application"
            aria-label="Flow graph: arrow keys go from card to card, Enter opens, N makes a pipe that reads it"
            data-testid="flow-stage"
            on:wheel=wheel
            on:pointerdown=down
            on:keydown=keys
        >
            <canvas class="flow-lines" node_ref=canvas></canvas>
            <div class="flow-cards" style:transform=move || {
                let Camera { x, y, scale } = camera.get();
                format!("translate({x}px,{y}px) scale({scale})")
            }>
                <For
                    each=move || {
                        let graph = wiring.with(|wiring| Arc::as_ptr(&wiring.graph) as usize);
                        mounted.get().into_iter().map(move |index| (graph, index))
                    }
                    key=|key| *key
                    children=move |(_, index)| cards(index)
                />
            </div>
        </div>
        <div class="flow-tools">
            <Search value=view_state.find label="Find in the flow" id="flow-find" />
            <Show when=move || found.with(Option::is_some)>
                <span class="flow-found">{move || found.with(|found| found.as_ref().map_or(0, HashSet::len))} " found"</span>
            </Show>
            <Button label="Merge" sign=Sign::Merge id="flow-merge" tip="A pipe that makes one record of those that are the same in several datasets" disabled=Signal::derive(move || !live.may_change()) on_click=move || merging.set(true) />
        </div>
        <div class="flow-zoom" role="toolbar" aria-label="Zoom">
            <IconButton sign=Sign::Minus label="Farther" id="zoom-out" on_click=move || set_camera(camera.get_untracked().zoomed(0.8, middle())) />
            <span class="flow-scale">{scale}</span>
            <IconButton sign=Sign::Plus label="Nearer" id="zoom-in" on_click=move || set_camera(camera.get_untracked().zoomed(1.25, middle())) />
            <IconButton sign=Sign::Fit label="Show all (Ctrl+0)" id="zoom-fit" on_click=fit />
        </div>
        <canvas
            class="flow-map"
            node_ref=map
            style=format!("width:{}px;height:{}px", MINIMAP.0, MINIMAP.1)
            role="img"
            aria-label="Overview"
            on:pointerdown=look_at
            on:pointermove=look_at
        ></canvas>
        {panel}
        <Dialog open=asking title="New pipe" id="new-pipe">
            {move || new_from.get().map(|dataset| view! { <NewPipe dataset on_close=move || asking.set(false) /> })}
        </Dialog>
        <Dialog open=merging title="Merge datasets" id="new-merge">
            {move || {
                let dataset = selected.get_untracked().and_then(|index| {
                    wiring.with_untracked(|wiring| wiring.graph.nodes[index].dataset.clone())
                });
                view! { <NewMerge first=dataset on_close=move || merging.set(false) /> }
            }}
        </Dialog>
    }
}
