//! The pointer on the stage: pan, zoom, choose, move, draw lines.

use leptos::{ev, prelude::*};
use wasm_bindgen::JsCast;

use super::{
    camera::Area,
    scene::{Ask, Drag, Hot, Scene},
};

/// A click may tremble a little.
const TREMBLE: f64 = 3.0;

/// What the wheel does: pans, and zooms with Ctrl.
pub(super) fn wheel(scene: Scene, event: &ev::WheelEvent) {
    event.prevent_default();
    // Lines and pages, where the mouse counts in those.
    let unit = match event.delta_mode() {
        1 => 18.0,
        2 => 400.0,
        _ => 1.0,
    };
    let now = scene.camera.get_untracked();
    scene.look_from(if event.ctrl_key() || event.meta_key() {
        let factor = (-event.delta_y() * unit / 300.0).exp().clamp(0.5, 2.0);
        now.zoomed(factor, scene.point(event))
    } else if event.shift_key() && event.delta_x() == 0.0 {
        now.panned(-event.delta_y() * unit, 0.0)
    } else {
        now.panned(-event.delta_x() * unit, -event.delta_y() * unit)
    });
}

/// The button goes down on the stage.
pub(super) fn down(scene: Scene, event: &ev::PointerEvent) {
    scene.menu.set(None);
    if event.button() > 1 {
        return;
    }
    event.prevent_default();
    if let Some(stage) = scene.stage.get_untracked() {
        // The stage is in the page; focusing it cannot fail.
        let _ = stage.focus();
    }
    let at = scene.point(event);
    let there = scene.camera.get_untracked().to_graph(at);
    let adds = event.shift_key() || event.ctrl_key() || event.meta_key();
    let card = (event.button() == 0).then(|| scene.card_at(there)).flatten();
    scene.drag.set(Some(match card {
        Some(card) => Drag::Cards { card, from: at, by: None, adds },
        None if event.shift_key() && event.button() == 0 => Drag::Band { from: there, to: there },
        None => Drag::Pan { last: at, moved: false },
    }));
}

/// The pointer moves, wherever it is.
pub(super) fn moved(scene: Scene, event: &ev::PointerEvent) {
    let Some(drag) = scene.drag.get_untracked() else { return };
    let at = scene.point(event);
    let camera = scene.camera.get_untracked();
    let there = camera.to_graph(at);
    let next = match drag {
        Drag::Pan { last, moved } => {
            let (dx, dy) = (at.0 - last.0, at.1 - last.1);
            if !moved && dx.abs() + dy.abs() <= TREMBLE {
                return;
            }
            scene.look_from(camera.panned(dx, dy));
            Drag::Pan { last: at, moved: true }
        }
        Drag::Cards { card, from, by, adds } => {
            let (dx, dy) = (at.0 - from.0, at.1 - from.1);
            if by.is_none() && dx.abs() + dy.abs() <= TREMBLE || !scene.live.may_change() {
                return;
            }
            // What is not chosen yet is dragged alone.
            if by.is_none() && !scene.chosen.with_untracked(|chosen| chosen.contains(&card)) {
                match adds {
                    true => scene.toggle(card),
                    false => scene.choose([card]),
                }
            }
            let by = Some((dx / camera.scale, dy / camera.scale));
            Drag::Cards { card, from, by, adds }
        }
        Drag::Band { from, .. } => Drag::Band { from, to: there },
        Drag::Line { card, .. } => Drag::Line { card, to: there },
        Drag::Input { card, .. } => Drag::Input { card, to: there },
        Drag::Piece { piece, .. } => Drag::Piece { piece, at, moved: true },
    };
    scene.drag.set(Some(next));
}

/// The button goes up, wherever the pointer is.
pub(super) fn up(scene: Scene, event: &ev::PointerEvent) {
    let Some(ended) = scene.drag.get_untracked() else { return };
    scene.drag.set(None);
    let at = scene.point(event);
    let there = scene.camera.get_untracked().to_graph(at);
    match ended {
        Drag::Pan { moved: true, .. } => {}
        Drag::Pan { .. } => scene.select(None),
        Drag::Cards { by: Some(by), .. } => scene.shift(by),
        Drag::Cards { card, adds: true, .. } => scene.toggle(card),
        Drag::Cards { card, .. } => scene.select(scene.node(card).map(|node| node.id)),
        Drag::Band { from, to } => {
            let area = Area::between(from, to);
            let inside = scene.wiring.with_untracked(|it| it.within(area).collect::<Vec<_>>());
            let before = scene.chosen.get_untracked();
            scene.choose(before.into_iter().chain(inside));
        }
        Drag::Line { card, .. } => match scene.under(there) {
            Hot::Card(to) => scene.connect(card, to),
            _ if scene.on_stage(at) => {
                let dataset = scene.node(card).and_then(|node| node.dataset);
                let spot = Some([there.0.round() as i32, there.1.round() as i32 - 32]);
                scene.asked.set(Some(Ask::Pipe { dataset, spot }));
            }
            _ => {}
        },
        Drag::Input { card, .. } => {
            if let Hot::Card(from) = scene.under(there) {
                scene.connect(from, card);
            }
        }
        // A click on the shelf is as good as its key.
        Drag::Piece { piece, moved: false, .. } => scene.put(piece, None),
        Drag::Piece { piece, .. } => {
            // Back on the shelf it is left alone.
            let back = event
                .target()
                .and_then(|target| target.dyn_into::<web_sys::Element>().ok())
                .is_some_and(|it| it.closest(".flow-shelf").ok().flatten().is_some());
            if scene.on_stage(at) && !back {
                scene.put(piece, Some(there));
            }
        }
    }
}

/// What would be hit if the pointer let go now; `None` while nothing is dragged
/// that could be let go on something.
pub(super) fn hot(scene: Scene) -> Option<Hot> {
    let camera = scene.camera.get();
    scene.drag.with(|drag| match drag {
        Some(Drag::Line { to, .. } | Drag::Input { to, .. }) => Some(scene.under(*to)),
        Some(Drag::Piece { at, moved: true, .. }) => Some(scene.under(camera.to_graph(*at))),
        _ => None,
    })
}
