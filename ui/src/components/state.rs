//! The state of a pipe, always in the same colour and words.

use leptos::prelude::*;
use pipewright_protocol::studio::PipeState;

/// The state in a word.
pub fn state_name(state: PipeState) -> &'static str {
    match state {
        PipeState::New => "Not run",
        PipeState::Running => "Running",
        PipeState::Finished => "Finished",
        PipeState::Failed => "Failed",
        PipeState::Stopped => "Stopped",
        PipeState::Disabled => "Disabled",
        PipeState::Invalid => "Invalid",
        PipeState::Serving => "Serving",
    }
}

/// Where a state stands in a list: failing first, then running, then the rest.
pub fn state_rank(state: PipeState) -> u8 {
    match state {
        PipeState::Failed => 0,
        PipeState::Invalid => 1,
        PipeState::Running => 2,
        PipeState::Finished => 3,
        PipeState::Serving => 4,
        PipeState::Stopped => 5,
        PipeState::New => 6,
        PipeState::Disabled => 7,
    }
}

fn class(state: PipeState) -> &'static str {
    match state {
        PipeState::New => "dot new",
        PipeState::Running => "dot running",
        PipeState::Finished => "dot finished",
        PipeState::Failed => "dot failed",
        PipeState::Stopped => "dot stopped",
        PipeState::Disabled => "dot disabled",
        PipeState::Invalid => "dot invalid",
        PipeState::Serving => "dot serving",
    }
}

/// The state as a coloured shape; its word shows when pointed at.
#[component]
pub fn StateDot(
    /// The state.
    #[prop(into)]
    state: Signal<PipeState>,
) -> impl IntoView {
    view! {
        <i class=move || class(state.get()) role="img" aria-label=move || state_name(state.get()) data-tip=move || state_name(state.get())></i>
    }
}

/// The state with its word.
#[component]
pub fn StateChip(
    /// The state.
    #[prop(into)]
    state: Signal<PipeState>,
) -> impl IntoView {
    view! {
        <span class="state-chip" data-testid="pipe-state">
            <i class=move || class(state.get())></i>
            {move || state_name(state.get())}
        </span>
    }
}
