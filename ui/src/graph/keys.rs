//! What can be done with the flow by keys, by its menu and by commands: one
//! list of acts, each in one place.

use leptos::{ev, prelude::*};
use pipewright_protocol::studio::{self, NodeKind};

use super::scene::{Ask, Scene};
use crate::{
    commands::Command,
    components::{MenuItem, Sign},
    draft::Act,
};

/// How far a key moves what is chosen.
const NUDGE: f64 = 20.0;
/// How far a key moves the view.
const PAN: f64 = 80.0;

/// A key on the stage.
pub(super) fn press(scene: Scene, event: &ev::KeyboardEvent) {
    let key = event.key();
    let arrow = match key.as_str() {
        "ArrowLeft" => Some((-1.0, 0.0)),
        "ArrowRight" => Some((1.0, 0.0)),
        "ArrowUp" => Some((0.0, -1.0)),
        "ArrowDown" => Some((0.0, 1.0)),
        _ => None,
    };
    let control = event.ctrl_key() || event.meta_key();
    let may = scene.live.may_change();
    let chosen = scene.chosen.with_untracked(|chosen| !chosen.is_empty());
    let done = match (key.as_str(), control, event.alt_key()) {
        ("a", true, false) => {
            scene.choose(0..scene.wiring.with_untracked(|it| it.graph.nodes.len()));
            true
        }
        ("d", true, false) if may && chosen => {
            scene.begin(Act::Copy);
            true
        }
        (_, false, true) if arrow.is_some() && may && chosen => {
            let (right, down) = arrow.unwrap_or_default();
            scene.nudge((NUDGE * right, NUDGE * down));
            true
        }
        (_, true, _) | (_, _, true) => false,
        _ if arrow.is_some() => {
            let (right, down) = arrow.unwrap_or_default();
            match event.shift_key() {
                true => {
                    let now = scene.camera.get_untracked();
                    scene.look_from(now.panned(-PAN * right, -PAN * down));
                }
                false => walk(scene, (right, down)),
            }
            true
        }
        ("Enter", ..) => {
            scene.open();
            true
        }
        (" ", ..) => {
            scene.selected.get_untracked().into_iter().for_each(|card| scene.toggle(card));
            true
        }
        ("n", ..) if may && untrack(|| scene.dataset()).is_some() => {
            read_it(scene);
            true
        }
        ("r", ..) if may && chosen => {
            read_another(scene);
            true
        }
        ("l", ..) if may && chosen => {
            scene.lay_out_chosen();
            true
        }
        ("Delete" | "Backspace", ..) if may && chosen => {
            scene.begin(Act::Remove);
            true
        }
        ("F2", ..) if may && scene.components().len() == 1 => {
            scene.begin(Act::Rename);
            true
        }
        ("ContextMenu", ..) | ("F10", ..) if key == "ContextMenu" || event.shift_key() => {
            open_menu(scene);
            true
        }
        ("+" | "=", ..) => {
            scene.zoom(1.25);
            true
        }
        ("-", ..) => {
            scene.zoom(0.8);
            true
        }
        ("0", ..) => {
            scene.fit();
            true
        }
        ("Escape", ..) if chosen || scene.drag.with_untracked(Option::is_some) => {
            // What is dragged goes back first.
            if scene.drag.with_untracked(Option::is_some) {
                scene.drag.set(None);
            } else {
                scene.select(None);
            }
            true
        }
        _ => false,
    };
    if done {
        event.prevent_default();
        event.stop_propagation();
    }
}

fn walk(scene: Scene, way: (f64, f64)) {
    let from = scene.selected.get_untracked();
    let next = scene.wiring.with_untracked(|wiring| {
        let next = wiring.beside(from, way, |index| scene.is_shown(index))?;
        Some(wiring.graph.nodes[next].id.clone())
    });
    if let Some(next) = next {
        scene.walk_to(next);
    }
}

/// Asks for a pipe that reads what is selected.
pub(super) fn read_it(scene: Scene) {
    let dataset = untrack(|| scene.dataset());
    scene.asked.set(Some(Ask::Pipe { dataset, spot: None }));
}

fn read_another(scene: Scene) {
    if let [pipe] = scene.pipes().as_slice() {
        scene.asked.set(Some(Ask::Read { pipe: pipe.clone(), dataset: None }));
    }
}

/// Opens the menu at the card that is selected.
fn open_menu(scene: Scene) {
    let at = scene.selected.get_untracked().and_then(|index| {
        let area = scene.node(index).map(|node| super::wiring::extent(&node))?;
        Some(scene.camera.get_untracked().to_screen((area.left + 24.0, area.bottom)))
    });
    scene.menu.set(Some(at.unwrap_or_else(|| scene.middle())));
}

/// What can be done with what is chosen. Tracked.
pub(super) fn items(scene: Scene) -> Vec<MenuItem> {
    let held = scene.held();
    let readonly = (!scene.live.may_change())
        .then(|| "Your access to this node is for reading only.".to_owned());
    let (count, nodes) = scene.chosen.with(|chosen| {
        let nodes: Vec<_> = chosen.iter().filter_map(|index| scene.node(*index)).collect();
        (chosen.len(), nodes)
    });
    let has = |kind: NodeKind| nodes.iter().any(|node| node.kind == kind);
    let (pipe, one) = (has(NodeKind::Pipe), count == 1);
    let mut all = Vec::new();
    let mut add =
        |label: &str, sign: Sign, held: &Option<String>, run: Box<dyn Fn() + Send + Sync>| {
            all.push(MenuItem::new(label, run).sign(sign).held(held.clone()));
        };
    if one {
        add("Open", Sign::File, &None, Box::new(move || scene.open()));
    }
    if pipe {
        add("Run", Sign::Play, &held, Box::new(move || scene.tell(studio::RUN)));
        add("Stop", Sign::Stop, &held, Box::new(move || scene.tell(studio::STOP)));
        add("Enable", Sign::Check, &held, Box::new(move || scene.operate("enable")));
        add("Disable", Sign::Lock, &held, Box::new(move || scene.operate("disable")));
    }
    if one && nodes.iter().any(|node| node.dataset.is_some()) {
        add("New pipe that reads it…", Sign::Plus, &readonly, Box::new(move || read_it(scene)));
    }
    if one && pipe {
        add(
            "Read another dataset…",
            Sign::Connection,
            &readonly,
            Box::new(move || read_another(scene)),
        );
    }
    if one {
        add(
            "Select all it is connected with",
            Sign::Flow,
            &None,
            Box::new(move || scene.choose_lit()),
        );
    }
    if pipe || has(NodeKind::System) {
        if one {
            add("Rename…", Sign::File, &readonly, Box::new(move || scene.begin(Act::Rename)));
        }
        add("Duplicate…", Sign::Copy, &readonly, Box::new(move || scene.begin(Act::Copy)));
        add("Remove…", Sign::Close, &readonly, Box::new(move || scene.begin(Act::Remove)));
    }
    if count > 1 {
        add(
            "Lay out the selection",
            Sign::Columns,
            &readonly,
            Box::new(move || scene.lay_out_chosen()),
        );
    }
    add("Lay out the whole flow", Sign::Flow, &readonly, Box::new(move || scene.lay_out_all()));
    add(
        "Select everything",
        Sign::Check,
        &None,
        Box::new(move || scene.choose(0..scene.wiring.with_untracked(|it| it.graph.nodes.len()))),
    );
    all
}

/// The same as commands, for the palette. Tracked.
pub(super) fn commands(scene: Scene) -> Vec<Command> {
    let mut all = vec![
        Command::new("flow-fit", "Show the whole flow", Sign::Fit, move || scene.fit())
            .keys("Ctrl+0"),
        Command::new("flow-all", "Select everything in the flow", Sign::Check, move || {
            scene.choose(0..scene.wiring.with_untracked(|it| it.graph.nodes.len()));
        }),
    ];
    if scene.selected.with(Option::is_some) {
        all.push(Command::new("flow-open", "Open what is selected", Sign::File, move || {
            scene.open()
        }));
    }
    if !scene.live.may_change() {
        return all;
    }
    if let Some(dataset) = scene.dataset() {
        let title = format!("New pipe that reads {dataset}");
        all.push(Command::new("new-pipe", title, Sign::Plus, move || read_it(scene)));
    }
    let ask = move |ask: Ask| move || scene.asked.set(Some(ask.clone()));
    all.extend([
        Command::new(
            "merge",
            "Merge datasets",
            Sign::Merge,
            ask(Ask::Merge { first: None, spot: None }),
        ),
        Command::new(
            "flow-new-system",
            "New system",
            Sign::System,
            ask(Ask::System { spot: None }),
        ),
        Command::new("flow-lay-out", "Lay out the whole flow", Sign::Flow, move || {
            scene.lay_out_all()
        }),
    ]);
    if scene.chosen.with(|chosen| !chosen.is_empty()) {
        all.extend([
            Command::new("flow-copy", "Duplicate what is selected", Sign::Copy, move || {
                scene.begin(Act::Copy);
            }),
            Command::new("flow-remove", "Remove what is selected", Sign::Close, move || {
                scene.begin(Act::Remove);
            }),
            Command::new(
                "flow-lay-out-chosen",
                "Lay out what is selected",
                Sign::Columns,
                move || {
                    scene.lay_out_chosen();
                },
            ),
        ]);
    }
    all
}
