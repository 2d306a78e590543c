//! The screen: what is drawn, what lies over it, and what is mounted.

use std::{collections::HashSet, sync::Arc};

use leptos::{ev, html, prelude::*};
use wasm_bindgen::{JsCast, prelude::Closure};

use super::{
    ask::Asking,
    camera::{Area, Camera},
    card::{Card, seal},
    filter::FilterMenu,
    group::Group,
    keys,
    paint::{Palette, Picture, minimap},
    panel::Panel,
    paste, pointer,
    scene::{Ask, Drag, Hot, Scene},
    shelf::{Ghost, Shelf},
    wiring::{Wiring, extent},
};
use crate::{
    commands::use_commands,
    components::{Button, Empty, Icon, IconButton, Link, MenuAt, Problem, Search, Sign, Waiting},
    place::Place,
    state::{remember, remembered, use_live, use_prefs},
};

const MINIMAP: (f64, f64) = (184.0, 112.0);

/// The Flow screen.
#[component]
pub fn FlowScreen() -> impl IntoView {
    let live = use_live();
    let wiring = Memo::new_with_compare(
        move |_| live.graph.get().map(|graph| Arc::new(Wiring::new(graph))),
        |old, new| !matches!((old, new), (Some(Some(a)), Some(Some(b))) if Arc::ptr_eq(&a.graph, &b.graph)),
    );
    let drawn =
        Memo::new(move |_| wiring.with(|it| it.as_ref().map(|it| !it.graph.nodes.is_empty())));
    view! {
        <div class="flow" data-testid="flow">
            <h1 class="unseen">"Flow"</h1>
            {move || match drawn.get() {
                // What it draws changes below: it is not drawn anew for that.
                Some(true) => wiring.get_untracked().map(|first| {
                    view! { <Canvas wiring=Signal::derive(move || wiring.get().unwrap_or_else(|| first.clone())) /> }
                }).into_any(),
                Some(false) => {
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
    let scene = Scene::start(wiring);
    let live = scene.live;
    let (canvas, map) = (NodeRef::<html::Canvas>::new(), NodeRef::<html::Canvas>::new());
    let shelf = RwSignal::new(remembered("flow.shelf").as_deref() == Some("open"));
    measure(scene);
    Effect::new(move || {
        let known = scene.size.get().0 > 0.0;
        if known && scene.view.camera.with_untracked(Option::is_none) {
            scene.fit();
        }
    });
    // What was selected elsewhere comes into view.
    Effect::new(move || {
        if let (Some(index), true) = (scene.selected.get(), scene.size.get().0 > 0.0)
            && scene.chosen.with_untracked(|chosen| chosen.len() < 2)
            && scene.drag.with_untracked(Option::is_none)
        {
            scene.reveal(index);
        }
    });
    let hot = Memo::new(move |_| pointer::hot(scene));
    let minimap_camera = drawing(scene, hot, canvas, map);

    let moving = window_event_listener(ev::pointermove, move |event| pointer::moved(scene, &event));
    let ending = window_event_listener(ev::pointerup, move |event| pointer::up(scene, &event));
    on_cleanup(move || {
        moving.remove();
        ending.remove();
    });
    let menu = move |event: ev::MouseEvent| {
        event.prevent_default();
        let at = scene.point(&event);
        let card = scene.card_at(scene.camera.get_untracked().to_graph(at));
        match card {
            Some(card) if !scene.chosen.with_untracked(|it| it.contains(&card)) => {
                scene.choose([card]);
            }
            _ => {}
        }
        scene.menu.set(Some(at));
    };
    let open = move |event: ev::MouseEvent| {
        let at = scene.camera.get_untracked().to_graph(scene.point(&event));
        if scene.card_at(at).is_some() {
            scene.open();
        }
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
        let (x, y) = minimap_camera.get_value().to_graph(at);
        let (now, (cx, cy)) = (scene.camera.get_untracked(), scene.middle());
        scene.look_from(Camera { x: cx - x * now.scale, y: cy - y * now.scale, ..now });
    };
    use_commands().offer(move || keys::commands(scene));
    let panel = move || {
        if scene.chosen.with(|chosen| chosen.len() > 1) {
            return Some(view! { <Group scene /> }.into_any());
        }
        let index = scene.selected.get()?;
        wiring.with(|wiring| {
            let node = wiring.graph.nodes.get(index)?.clone();
            let (before, after) = wiring.neighbours(&node.id);
            let (before, after) =
                (before.into_iter().cloned().collect(), after.into_iter().cloned().collect());
            let read = move || keys::read_it(scene);
            Some(view! { <Panel node before after on_new=read /> }.into_any())
        })
    };
    let focus = move || {
        if let Some(stage) = scene.stage.get_untracked() {
            // The stage is in the page; focusing it cannot fail.
            let _ = stage.focus();
        }
    };
    view! {
        <div class="flow-body">
            <div
                class="flow-stage"
                class:panning=move || scene.drag.with(|drag| matches!(drag, Some(Drag::Pan { moved: true, .. })))
                class:drawing=move || scene.drag.with(|drag| matches!(drag, Some(Drag::Line { .. } | Drag::Input { .. } | Drag::Band { .. })))
                node_ref=scene.stage
                tabindex="0"
                role="application"
                aria-label="Flow graph: arrow keys go from card to card, Space selects several, Alt and arrow keys move what is selected, Enter opens, N makes a pipe that reads it, Shift+F10 opens the menu"
                data-testid="flow-stage"
                on:wheel=move |event| pointer::wheel(scene, &event)
                on:pointerdown=move |event| pointer::down(scene, &event)
                on:dblclick=open
                on:contextmenu=menu
                on:keydown=move |event| keys::press(scene, &event)
                on:copy=move |event| {
                    paste::copy(scene, &event);
                }
                on:cut=move |event| paste::cut(scene, &event)
                on:paste=move |event| paste::paste(scene, &event)
            >
                <canvas class="flow-lines" node_ref=canvas></canvas>
                <Cards scene hot />
            </div>
            <MenuAt label="What is selected" at=scene.menu items=Signal::derive(move || keys::items(scene)) on_close=focus />
            <Ghost scene />
            <div class="flow-tools">
                <Tools scene shelf />
            </div>
            <Show when=move || shelf.get() && live.may_change()>
                <Shelf scene />
            </Show>
            <div class="flow-zoom" role="toolbar" aria-label="Zoom">
                <IconButton sign=Sign::Minus label="Farther" id="zoom-out" on_click=move || scene.zoom(0.8) />
                <span class="flow-scale">{move || format!("{:.0} %", scene.camera.get().scale * 100.0)}</span>
                <IconButton sign=Sign::Plus label="Nearer" id="zoom-in" on_click=move || scene.zoom(1.25) />
                <IconButton sign=Sign::Fit label="Show all (Ctrl+0)" id="zoom-fit" on_click=move || scene.fit() />
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
        </div>
        {panel}
        <Asking scene />
    }
}

/// Follows the size of the stage.
fn measure(scene: Scene) {
    scene.stage.on_load(move |stage| {
        let element = stage.clone();
        let measure = Closure::<dyn Fn()>::new(move || {
            let now = (f64::from(element.client_width()), f64::from(element.client_height()));
            if scene.size.try_get_untracked().is_some_and(|old| old != now) {
                scene.size.set(now);
            }
        });
        if let Ok(observer) = web_sys::ResizeObserver::new(measure.as_ref().unchecked_ref()) {
            observer.observe(&stage);
            let kept = send_wrapper::SendWrapper::new((observer, measure));
            on_cleanup(move || kept.0.disconnect());
        }
    });
}

/// Draws lines and minimap, at most once a frame, however much changed; the
/// camera of the minimap.
fn drawing(
    scene: Scene,
    hot: Memo<Option<Hot>>,
    canvas: NodeRef<html::Canvas>,
    map: NodeRef<html::Canvas>,
) -> StoredValue<Camera> {
    let prefs = use_prefs();
    let palette = RwSignal::new(Palette::read());
    Effect::new(move || {
        prefs.dark();
        request_animation_frame(move || drop(palette.try_set(Palette::read())));
    });
    let waiting = StoredValue::new(false);
    let map_camera = StoredValue::new(Camera::default());
    let draw = move || {
        let (Some(canvas), Some(map)) = (canvas.get_untracked(), map.get_untracked()) else {
            return;
        };
        let (wiring, palette) = (scene.wiring.read_untracked(), palette.read_untracked());
        let live = scene.live;
        let (fares, datasets) = (scene.fares.read_untracked(), live.datasets.read_untracked());
        let (lit, found) = (scene.lit.read_untracked(), scene.found.read_untracked());
        let (shown, chosen) = (scene.shown.read_untracked(), scene.chosen.read_untracked());
        let drag = scene.drag.read_untracked();
        let side = |card: usize, output: bool| {
            let area = extent(&wiring.graph.nodes[card]);
            (if output { area.right } else { area.left }, (area.top + area.bottom) / 2.0)
        };
        let (mut drawn, mut band, mut by) = (None, None, None);
        match *drag {
            Some(Drag::Line { card, to }) => drawn = Some((side(card, true), to)),
            Some(Drag::Input { card, to }) => drawn = Some((to, side(card, false))),
            Some(Drag::Band { from, to }) => band = Some(Area::between(from, to)),
            Some(Drag::Cards { by: moved, .. }) => by = moved,
            _ => {}
        }
        let picture = Picture {
            wiring: &wiring,
            camera: scene.camera.get_untracked(),
            size: scene.size.get_untracked(),
            palette: &palette,
            fares: &fares,
            datasets: &datasets,
            lit: lit.as_ref(),
            found: found.as_ref(),
            shown: shown.as_ref(),
            chosen: &chosen,
            by,
            hot: hot.get_untracked(),
            drawn,
            band,
        };
        picture.draw(&canvas);
        if let Some(camera) = minimap(&map, MINIMAP, &picture) {
            map_camera.set_value(camera);
        }
    };
    Effect::new(move || {
        // A memo that was never read does not tell of changes.
        scene.camera.with(|_| ());
        scene.size.track();
        scene.wiring.with(|_| ());
        scene.lit.with(|_| ());
        scene.found.with(|_| ());
        scene.shown.with(|_| ());
        scene.chosen.with(|_| ());
        hot.with(|_| ());
        palette.track();
        scene.fares.with(|_| ());
        scene.drag.track();
        if !waiting.get_value() {
            waiting.set_value(true);
            request_animation_frame(move || {
                if waiting.try_update_value(|waiting| *waiting = false).is_some() {
                    draw();
                }
            });
        }
    });
    map_camera
}

/// The cards in view, while they are near enough to be read.
#[component]
fn Cards(scene: Scene, hot: Memo<Option<Hot>>) -> impl IntoView {
    let window = Memo::new(move |_| Wiring::window(scene.camera.get().view(scene.size.get())));
    let mounted = Memo::new(move |_| {
        if !scene.near.get() {
            return Vec::new();
        }
        let cards = scene.wiring.with(|wiring| wiring.in_window(window.get()));
        scene.shown.with(|shown| match shown {
            Some(shown) => cards.into_iter().filter(|card| shown.contains(card)).collect(),
            None => cards,
        })
    });
    let by = Memo::new(move |_| scene.moved_by());
    let dim = move |index: usize| {
        scene.lit.with(|lit| lit.as_ref().is_some_and(|lit| !lit.nodes.contains(&index)))
            || scene.found.with(|found| found.as_ref().is_some_and(|it| !it.contains(&index)))
    };
    let card = move |index: usize| {
        let Some(node) = scene.node(index) else { return ().into_any() };
        let id = node.id.clone();
        let has_dataset = node.dataset.is_some();
        let to = move |event: &ev::PointerEvent| {
            scene.camera.get_untracked().to_graph(scene.point(event))
        };
        let selected = Memo::new(move |_| scene.chosen.with(|chosen| chosen.contains(&index)));
        view! {
            <Card
                node
                selected
                dim=Signal::derive(move || dim(index))
                hot=Signal::derive(move || hot.get() == Some(Hot::Card(index)))
                by=Signal::derive(move || if selected.get() { by.get() } else { None })
                on_pick=move |adds| match adds {
                    true => scene.toggle(index),
                    false => scene.select(Some(id.clone())),
                }
                on_draw=move |event| {
                    if has_dataset && scene.live.may_change() {
                        scene.drag.set(Some(Drag::Line { card: index, to: to(&event) }));
                    }
                }
                on_input=move |event| {
                    if scene.live.may_change() {
                        scene.drag.set(Some(Drag::Input { card: index, to: to(&event) }));
                    }
                }
            />
        }
        .into_any()
    };
    view! {
        <div class="flow-cards" style:transform=move || {
            let Camera { x, y, scale } = scene.camera.get();
            format!("translate({x}px,{y}px) scale({scale})")
        }>
            <For
                each=move || {
                    let wiring = scene.wiring.get();
                    // A card stays in the page as long as it is what it was.
                    let sealed = move |index: usize| (index, wiring.graph.nodes.get(index).map_or(0, seal));
                    mounted.get().into_iter().map(sealed)
                }
                key=|key| *key
                children=move |(index, _)| card(index)
            />
        </div>
    }
}

/// Search, filter, and what adds to the flow.
#[component]
fn Tools(scene: Scene, shelf: RwSignal<bool>) -> impl IntoView {
    let live = scene.live;
    let may_not = Signal::derive(move || !live.may_change());
    let dataset = move || untrack(|| scene.dataset());
    // Enter goes from one that was found to the next.
    let next = move |event: ev::KeyboardEvent| {
        if event.key() != "Enter" {
            return;
        }
        let mut found: Vec<usize> = scene
            .found
            .get_untracked()
            .into_iter()
            .flatten()
            .filter(|index| scene.is_shown(*index))
            .collect();
        found.sort_unstable();
        if event.shift_key() {
            found.reverse();
        }
        let now = scene.selected.get_untracked();
        let at = found.iter().position(|index| Some(*index) == now);
        let to = at.map_or(0, |at| (at + 1) % found.len().max(1));
        if let Some(node) = found.get(to).and_then(|index| scene.node(*index)) {
            scene.walk_to(node.id);
        }
    };
    view! {
        <div on:keydown=next>
            <Search value=scene.view.find label="Find by name or config" id="flow-find" />
        </div>
        <Show when=move || scene.found.with(Option::is_some)>
            <span class="flow-found" aria-live="polite">{move || scene.found.with(|found| found.as_ref().map_or(0, HashSet::len))} " found"</span>
        </Show>
        <FilterMenu scene />
        <button
            type="button"
            class="button"
            data-testid="flow-add"
            data-tip="What can be dragged into the flow"
            aria-pressed=move || shelf.get().to_string()
            disabled=move || may_not.get()
            on:click=move |_| {
                shelf.update(|open| *open = !*open);
                remember("flow.shelf", if shelf.get_untracked() { "open" } else { "" });
            }
        >
            <Icon sign=Sign::Plus />
            <span>"Add"</span>
        </button>
        <Button label="Merge" sign=Sign::Merge id="flow-merge" tip="A pipe that makes one record of those that are the same in several datasets" disabled=may_not on_click=move || scene.asked.set(Some(Ask::Merge { first: dataset(), spot: None })) />
        <Button label="Lay out" sign=Sign::Columns id="flow-lay-out" tip="Takes back where cards were put by hand; can be undone" disabled=may_not on_click=move || scene.lay_out_all() />
    }
}
