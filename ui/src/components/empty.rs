//! What a screen shows when there is nothing to show.

use leptos::prelude::*;

use super::{Icon, Sign};
use crate::client::Failure;

/// Nothing here yet: says what to do next.
#[component]
pub fn Empty(
    /// What it would show.
    sign: Sign,
    /// What is missing.
    #[prop(into)]
    title: Signal<String>,
    /// What to do next.
    #[prop(into)]
    hint: Signal<String>,
    /// Buttons that do it.
    #[prop(optional)]
    children: Option<Children>,
) -> impl IntoView {
    view! {
        <div class="empty" data-testid="empty">
            <Icon sign />
            <h2>{move || title.get()}</h2>
            <p>{move || hint.get()}</p>
            {children.map(|children| view! { <div class="empty-actions">{children()}</div> })}
        </div>
    }
}

/// It could not be read: says why.
#[component]
pub fn Problem(
    /// Why.
    failure: Failure,
) -> impl IntoView {
    let hint = match &failure {
        Failure::Unreachable(_) => "It is tried again by itself.",
        Failure::Unauthorized => "Open the studio with a fresh access link.",
        Failure::Unreadable(_) => "The node may be of another version than this studio.",
        Failure::Conflict(_) | Failure::Invalid(_) | Failure::Refused { .. } => "",
    };
    view! {
        <div class="empty failed" role="alert" data-testid="problem">
            <Icon sign=Sign::Error />
            <h2>{failure.to_string()}</h2>
            <p>{hint}</p>
        </div>
    }
}

/// On its way; seen only when it takes longer than one notices.
#[component]
pub fn Waiting() -> impl IntoView {
    view! {
        <div class="waiting" role="progressbar" aria-label="Loading">
            <i></i>
        </div>
    }
}
