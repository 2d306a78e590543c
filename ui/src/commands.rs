//! One registry of what can be done here: the palette lists it, keys run it.

mod keys;
mod known;

use std::collections::BTreeMap;

use leptos::prelude::*;
use wasm_bindgen::{JsCast, prelude::Closure};

use crate::{
    components::Sign,
    state::{Prefs, use_prefs},
};
use keys::Pressed;
pub use keys::named;
pub use known::{KNOWN, Known, Scope, clashes};

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
    /// The keys that run it unless the user chose others, such as
    /// `Ctrl+Shift+Z`.
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
    prefs: Prefs,
    /// The command whose next keys are being chosen.
    pub choosing: RwSignal<Option<&'static str>>,
}

/// The session's commands.
pub fn use_commands() -> Commands {
    expect_context()
}

impl Commands {
    /// Starts with none and listens to the keys until the owner goes.
    pub fn start() -> Self {
        let commands = Commands {
            offered: RwSignal::default(),
            next: StoredValue::new(0),
            prefs: use_prefs(),
            choosing: RwSignal::new(None),
        };
        let listen =
            Closure::<dyn Fn(web_sys::KeyboardEvent)>::new(move |event: web_sys::KeyboardEvent| {
                if commands.take(&event) {
                    event.prevent_default();
                    event.stop_propagation();
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

    /// Does what a command of this name does now, if there is one.
    pub fn run(self, id: &str) {
        let found = untrack(|| self.all()).into_iter().find(|command| command.id == id);
        if let Some(command) = found {
            command.run.run(());
        }
    }

    /// The keys of a command: those the user chose, or the usual ones. Tracked.
    pub fn keys_of(self, id: &str) -> Option<String> {
        let usual = || known::of(id).and_then(|known| known.keys).map(str::to_owned);
        self.prefs.keys.with(|keys| match keys.get(id) {
            Some(chosen) => (!chosen.is_empty()).then(|| chosen.clone()),
            None => usual(),
        })
    }

    /// As [`Commands::keys_of`], of a command that is offered.
    pub fn keys_now(self, command: &Command) -> Option<String> {
        let chosen = self.prefs.keys.with(|keys| keys.contains_key(command.id));
        match (chosen, command.keys) {
            (false, Some(usual)) => Some(usual.to_owned()),
            _ => self.keys_of(command.id),
        }
    }

    /// Whether the keys were meant for a command.
    fn take(self, event: &web_sys::KeyboardEvent) -> bool {
        let Some(pressed) = Pressed::of(event) else { return false };
        if let Some(id) = self.choosing.get_untracked() {
            self.choosing.set(None);
            // Escape gives it up.
            if pressed.name() != "Escape" {
                self.prefs.set_keys(id, Some(pressed.name().to_owned()));
            }
            return true;
        }
        if pressed.may_be_typing() && is_typing() {
            return false;
        }
        let found = untrack(|| {
            let mut all = self.all().into_iter();
            all.find(|command| self.keys_now(command).as_deref() == Some(pressed.name()))
        });
        let Some(command) = found else { return false };
        // Fields have an undo of their own.
        if matches!(command.id, "undo" | "redo") && in_plain_field() {
            return false;
        }
        command.run.run(());
        true
    }
}

fn in_plain_field() -> bool {
    let Some(active) = document().active_element() else { return false };
    let field = matches!(active.tag_name().as_str(), "INPUT" | "TEXTAREA");
    field && active.closest(".monaco-editor").ok().flatten().is_none()
}

/// Whether keys go into a text or choose from a list.
fn is_typing() -> bool {
    let Some(active) = document().active_element() else { return false };
    matches!(active.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT")
        || active.closest(".monaco-editor").ok().flatten().is_some()
}
