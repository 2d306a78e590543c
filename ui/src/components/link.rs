//! Links to places.

use leptos::{ev::MouseEvent, prelude::*};

use crate::place::{Place, use_nav};

/// A link that leads to another place of this window; with a modifier key or
/// the middle button the browser does what it does with links.
#[component]
pub fn Link(
    /// Where it leads.
    #[prop(into)]
    to: Signal<Place>,
    /// Its looks.
    #[prop(optional)]
    class: &'static str,
    /// Whether it leads to where one is.
    #[prop(optional, into)]
    current: Signal<bool>,
    /// Explains it when pointed at.
    #[prop(optional, into)]
    tip: Signal<String>,
    /// Name for tests and scripts.
    #[prop(optional, into)]
    id: String,
    /// What it says.
    children: Children,
) -> impl IntoView {
    let nav = use_nav();
    let follow = move |event: MouseEvent| {
        if event.button() == 0
            && !event.ctrl_key()
            && !event.meta_key()
            && !event.shift_key()
            && !event.alt_key()
        {
            event.prevent_default();
            nav.go(to.get_untracked());
        }
    };
    view! {
        <a
            class=class
            href=move || to.get().to_string()
            aria-current=move || current.get().then_some("page")
            data-tip=move || tip.get()
            data-testid=id
            on:click=follow
        >
            {children()}
        </a>
    }
}
