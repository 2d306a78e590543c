//! Buttons.

use leptos::prelude::*;

use super::{Icon, Sign};

/// How much a button asks for attention.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// The usual one.
    #[default]
    Plain,
    /// The one thing to do here.
    Primary,
}

impl Kind {
    fn class(self) -> &'static str {
        match self {
            Kind::Plain => "button",
            Kind::Primary => "button primary",
        }
    }
}

/// A button with a name.
#[component]
pub fn Button(
    /// What it is called.
    #[prop(into)]
    label: Signal<String>,
    /// How much it asks for attention.
    #[prop(optional)]
    kind: Kind,
    /// An icon in front of the name.
    #[prop(optional, into)]
    sign: Option<Signal<Sign>>,
    /// Explains it when pointed at; may name a key.
    #[prop(optional, into)]
    tip: Signal<String>,
    /// Whether it cannot be used now.
    #[prop(optional, into)]
    disabled: Signal<bool>,
    /// Name for tests and scripts.
    #[prop(optional)]
    id: &'static str,
    /// What it does.
    on_click: impl Fn() + 'static,
) -> impl IntoView {
    view! {
        <button
            type="button"
            class=kind.class()
            data-testid=id
            data-tip=move || tip.get()
            disabled=move || disabled.get()
            on:click=move |_| on_click()
        >
            {sign.map(|sign| view! { <Icon sign /> })}
            <span>{move || label.get()}</span>
        </button>
    }
}

/// A button that is only an icon; its name shows when pointed at.
#[component]
pub fn IconButton(
    /// What it shows.
    #[prop(into)]
    sign: Signal<Sign>,
    /// What it is called.
    #[prop(into)]
    label: Signal<String>,
    /// Whether it cannot be used now.
    #[prop(optional, into)]
    disabled: Signal<bool>,
    /// Whether it is switched on; `None` for buttons that are no switches.
    #[prop(optional, into)]
    pressed: Option<Signal<bool>>,
    /// Name for tests and scripts.
    #[prop(optional)]
    id: &'static str,
    /// What it does.
    on_click: impl Fn() + 'static,
) -> impl IntoView {
    view! {
        <button
            type="button"
            class="icon-button"
            data-testid=id
            data-tip=move || label.get()
            aria-label=move || label.get()
            aria-pressed=pressed.map(|pressed| move || pressed.get().to_string())
            disabled=move || disabled.get()
            on:click=move |_| on_click()
        >
            <Icon sign />
        </button>
    }
}
