//! What the user prefers, kept in this browser or window.

use std::collections::BTreeMap;

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

/// How much room rows take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Density {
    /// As they are drawn.
    #[default]
    Normal,
    /// More rows in the same room.
    Compact,
}

impl Density {
    fn name(self) -> &'static str {
        match self {
            Density::Normal => "normal",
            Density::Compact => "compact",
        }
    }
}

/// Preferences of this window.
#[derive(Clone, Copy)]
pub struct Prefs {
    theme: RwSignal<Theme>,
    system_dark: RwSignal<bool>,
    density: RwSignal<Density>,
    text_size: RwSignal<f64>,
    wrap: RwSignal<bool>,
    /// Keys that the user chose, by the names of commands; none are empty.
    pub keys: RwSignal<BTreeMap<String, String>>,
}

/// The sizes that text in the editor can have, in pixels.
pub const TEXT_SIZES: [f64; 5] = [11.0, 12.5, 14.0, 16.0, 18.0];

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
            density: RwSignal::new(match remembered("density").as_deref() {
                Some("compact") => Density::Compact,
                _ => Density::Normal,
            }),
            text_size: RwSignal::new(
                remembered("text-size")
                    .and_then(|size| size.parse().ok())
                    .filter(|size| TEXT_SIZES.contains(size))
                    .unwrap_or(TEXT_SIZES[1]),
            ),
            wrap: RwSignal::new(remembered("wrap").as_deref() == Some("on")),
            keys: RwSignal::new(
                remembered("keys")
                    .and_then(|text| serde_json::from_str(&text).ok())
                    .unwrap_or_default(),
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
        Effect::new(move || {
            let density = prefs.density.get().name();
            if let Some(root) = document().document_element() {
                let _ = root.set_attribute("data-density", density);
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

    /// How much room rows take, tracked.
    pub fn density(self) -> Density {
        self.density.get()
    }

    /// Chooses and keeps.
    pub fn set_density(self, density: Density) {
        remember("density", density.name());
        self.density.set(density);
    }

    /// Height of a row of a list in pixels, as in `style/tokens.css`. Tracked.
    pub fn row(self) -> f64 {
        match self.density.get() {
            Density::Normal => 28.0,
            Density::Compact => 24.0,
        }
    }

    /// Size of the text in the editor in pixels, tracked.
    pub fn text_size(self) -> f64 {
        self.text_size.get()
    }

    /// Chooses and keeps.
    pub fn set_text_size(self, size: f64) {
        remember("text-size", &size.to_string());
        self.text_size.set(size);
    }

    /// Whether long lines of the editor go on below, tracked.
    pub fn wrap(self) -> bool {
        self.wrap.get()
    }

    /// Chooses and keeps.
    pub fn set_wrap(self, wrap: bool) {
        remember("wrap", if wrap { "on" } else { "off" });
        self.wrap.set(wrap);
    }

    /// Chooses keys for a command and keeps them: these, none when they are
    /// empty, or the usual ones.
    pub fn set_keys(self, command: &str, keys: Option<String>) {
        self.keys.update(|all| match keys {
            Some(keys) => drop(all.insert(command.to_owned(), keys)),
            None => drop(all.remove(command)),
        });
        self.keep_keys();
    }

    /// Goes back to the usual keys of all commands.
    pub fn reset_keys(self) {
        self.keys.set(BTreeMap::new());
        self.keep_keys();
    }

    fn keep_keys(self) {
        // Names and keys always have a text.
        let text = self.keys.with_untracked(serde_json::to_string).unwrap_or_default();
        remember("keys", &text);
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
