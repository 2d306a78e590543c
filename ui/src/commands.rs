//! One registry of what can be done here: the palette lists it, keys run it.

use std::collections::BTreeMap;

use leptos::prelude::*;
use wasm_bindgen::{JsCast, prelude::Closure};

use crate::components::Sign;

/// Something the user can do.
#[derive(Clone)]
pub struct Command {
    /// Names it; a later command of the same name takes the place of an
    /// earlier one.
    pub id: &'static str,
    /// What it is called.
    pub title: String,
    /// Its icon.
    pub sign: Sign,
    /// The keys that run it, such as `Ctrl+Shift+Z`.
    pub keys: Option<&'static str>,
    /// Does it.
    pub run: Callback<()>,
}

impl Command {
    /// A command without keys.
    pub fn new(
        id: &'static str,
        title: impl Into<String>,
        sign: Sign,
        run: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        Self { id, title: title.into(), sign, keys: None, run: Callback::new(move |()| run()) }
    }

    /// With keys that run it.
    pub fn keys(mut self, keys: &'static str) -> Self {
        self.keys = Some(keys);
        self
    }
}

/// The commands of everything that is on screen.
#[derive(Clone, Copy)]
pub struct Commands {
    /// By the order in which they were offered.
    offered: RwSignal<BTreeMap<u32, Vec<Command>>>,
    next: StoredValue<u32>,
}

/// The session's commands.
pub fn use_commands() -> Commands {
    expect_context()
}

impl Commands {
    /// Starts with none and listens to the keys until the owner goes.
    pub fn start() -> Self {
        let commands = Commands { offered: RwSignal::default(), next: StoredValue::new(0) };
        let listen =
            Closure::<dyn Fn(web_sys::KeyboardEvent)>::new(move |event: web_sys::KeyboardEvent| {
                if let Some(command) = commands.for_key(&event) {
                    event.prevent_default();
                    event.stop_propagation();
                    command.run.run(());
                }
            });
        // In the capture phase, in front of the text editor's own keys.
        // Cannot fail: `window` is an event target like any other.
        let _ = window().add_event_listener_with_callback_and_bool(
            "keydown",
            listen.as_ref().unchecked_ref(),
            true,
        );
        let kept = send_wrapper::SendWrapper::new(listen);
        on_cleanup(move || {
            let _ = window().remove_event_listener_with_callback_and_bool(
                "keydown",
                kept.as_ref().as_ref().unchecked_ref(),
                true,
            );
        });
        commands
    }

    /// Offers commands while the present owner lives.
    pub fn offer(self, commands: impl Fn() -> Vec<Command> + Send + Sync + 'static) {
        let slot = self.next.get_value();
        self.next.set_value(slot + 1);
        Effect::new(move || {
            let commands = commands();
            self.offered.update(|offered| drop(offered.insert(slot, commands)));
        });
        on_cleanup(move || drop(self.offered.try_update(|offered| offered.remove(&slot))));
    }

    /// What can be done now, the most specific first. Tracked.
    pub fn all(self) -> Vec<Command> {
        self.offered.with(|offered| {
            let mut all: Vec<Command> = Vec::new();
            for command in offered.values().rev().flatten() {
                if !all.iter().any(|known| known.id == command.id) {
                    all.push(command.clone());
                }
            }
            all
        })
    }

    fn for_key(self, event: &web_sys::KeyboardEvent) -> Option<Command> {
        let pressed = pressed(event)?;
        let command = untrack(|| self.all())
            .into_iter()
            .find(|command| command.keys == Some(pressed.as_str()))?;
        // Fields have an undo of their own.
        let own = matches!(command.id, "undo" | "redo") && in_plain_field();
        (!own).then_some(command)
    }
}

/// The combination as commands name it; `None` without Ctrl unless it is a
/// function key, so that typing is never taken for a command.
fn pressed(event: &web_sys::KeyboardEvent) -> Option<String> {
    let held = event.ctrl_key() || event.meta_key();
    let key = event.key();
    let function = key.strip_prefix('F').is_some_and(|rest| rest.parse::<u8>().is_ok());
    if !(held || function) || event.alt_key() {
        return None;
    }
    let control = if held { "Ctrl+" } else { "" };
    let key = match key.chars().collect::<Vec<_>>().as_slice() {
        [one] => one.to_uppercase().to_string(),
        _ => key,
    };
    Some(format!("{control}{}{key}", if event.shift_key() { "Shift+" } else { "" }))
}

fn in_plain_field() -> bool {
    let Some(active) = document().active_element() else { return false };
    let field = matches!(active.tag_name().as_str(), "INPUT" | "TEXTAREA");
    field && active.closest(".monaco-editor").ok().flatten().is_none()
}
