//! Figures: numbers at a glance.

use leptos::prelude::*;

/// One figure with its name; a list of class `figures` is around them.
#[component]
pub fn Figure(
    /// What is counted.
    name: &'static str,
    /// The figure.
    value: impl Fn() -> String + Send + Sync + 'static,
    /// Whether it deserves a look.
    #[prop(optional, into)]
    bad: Signal<bool>,
) -> impl IntoView {
    view! {
        <li class="figure" class:bad=bad>
            <span>{name}</span>
            <b>{value}</b>
        </li>
    }
}
