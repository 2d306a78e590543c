//! What the user prefers, kept in this browser or window.

use leptos::prelude::*;
use wasm_bindgen::{JsCast, prelude::Closure};

/// Light, dark, or as the desktop has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the desktop has it.
    #[default]
    System,
    /// Always light.
    Light,
    /// Always dark.
    Dark,
}

impl Theme {
    fn name(self) -> &'static str {
        match self {
            Theme::System => "system",
            Theme::Light => "light",
            Theme::Dark => "dark",
        }
    }
}

/// Preferences of this window.
#[derive(Clone, Copy)]
pub struct Prefs {
    theme: RwSignal<Theme>,
    system_dark: RwSignal<bool>,
}

/// The window's preferences.
pub fn use_prefs() -> Prefs {
    expect_context()
}

impl Prefs {
    /// Reads what was kept and follows the desktop's own switch.
    pub fn start() -> Self {
        let theme = match remembered("theme").as_deref() {
            Some("light") => Theme::Light,
            Some("dark") => Theme::Dark,
            _ => Theme::System,
        };
        let query = web_sys::window()
            .and_then(|window| window.match_media("(prefers-color-scheme: dark)").ok().flatten());
        let prefs = Prefs {
            theme: RwSignal::new(theme),
            system_dark: RwSignal::new(
                query.as_ref().is_some_and(web_sys::MediaQueryList::matches),
            ),
        };
        if let Some(query) = query {
            let read = query.clone();
            let follow = Closure::<dyn Fn()>::new(move || prefs.system_dark.set(read.matches()));
            // Cannot fail: the query is an event target like any other.
            let _ =
                query.add_event_listener_with_callback("change", follow.as_ref().unchecked_ref());
            // Lives as long as the window.
            follow.forget();
        }
        Effect::new(move || {
            let name = if prefs.dark() { "dark" } else { "light" };
            if let Some(root) = document().document_element() {
                let _ = root.set_attribute("data-theme", name);
            }
        });
        prefs
    }

    /// Whether dark colours are shown, tracked.
    pub fn dark(self) -> bool {
        match self.theme.get() {
            Theme::System => self.system_dark.get(),
            theme => theme == Theme::Dark,
        }
    }

    /// What was chosen, tracked.
    pub fn theme(self) -> Theme {
        self.theme.get()
    }

    /// Chooses and keeps.
    pub fn set_theme(self, theme: Theme) {
        remember("theme", theme.name());
        self.theme.set(theme);
    }
}

fn storage() -> Option<web_sys::Storage> {
    web_sys::window()?.local_storage().ok().flatten()
}

/// A value kept under this name; `None` where nothing can be kept.
pub fn remembered(name: &str) -> Option<String> {
    storage()?.get_item(&format!("pipewright.{name}")).ok().flatten()
}

/// Keeps a value, where that is possible.
pub fn remember(name: &str, value: &str) {
    if let Some(storage) = storage() {
        // Full or forbidden: the preference lasts as long as the window.
        let _ = storage.set_item(&format!("pipewright.{name}"), value);
    }
}
