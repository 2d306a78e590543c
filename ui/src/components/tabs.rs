//! Tabs: links to the sides of one thing.

use leptos::prelude::*;

use super::Link;
use crate::place::Place;

/// A row of tabs.
#[component]
pub fn Tabs(
    /// What the tabs are sides of.
    label: &'static str,
    /// Names and where they lead.
    #[prop(into)]
    tabs: Signal<Vec<(&'static str, Place)>>,
    /// Where one is.
    #[prop(into)]
    current: Signal<Place>,
) -> impl IntoView {
    view! {
        <nav class="tabs" aria-label=label>
            {move || {
                tabs.get()
                    .into_iter()
                    .map(|(name, place)| {
                        let here = place.clone();
                        view! {
                            <Link to=place class="tab" current=Signal::derive(move || current.get() == here) id=format!("tab-{}", name.to_lowercase())>
                                {name}
                            </Link>
                        }
                    })
                    .collect_view()
            }}
        </nav>
    }
}
