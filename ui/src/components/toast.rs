//! Short messages that come by themselves: what was done, what failed.

use std::time::Duration;

use leptos::prelude::*;

use super::{Icon, IconButton, Sign};

/// One message.
#[derive(Clone)]
struct Toast {
    id: u32,
    failed: bool,
    text: String,
}

/// Shows messages. Copies show them in the same place.
#[derive(Clone, Copy)]
pub struct ToastBoard {
    toasts: RwSignal<Vec<Toast>>,
    next: StoredValue<u32>,
}

/// Where messages are shown.
pub fn use_toasts() -> ToastBoard {
    expect_context()
}

impl ToastBoard {
    /// An empty board.
    pub fn start() -> Self {
        Self { toasts: RwSignal::default(), next: StoredValue::new(0) }
    }

    /// Something went well that the user cannot see elsewhere. Goes by itself.
    pub fn done(self, text: impl Into<String>) {
        let id = self.push(false, text.into());
        set_timeout(move || self.remove(id), Duration::from_secs(4));
    }

    /// Something failed. Stays until the user has read it.
    pub fn failed(self, text: impl Into<String>) {
        self.push(true, text.into());
    }

    fn push(self, failed: bool, text: String) -> u32 {
        let id = self.next.try_update_value(|next| {
            *next += 1;
            *next
        });
        let id = id.unwrap_or_default();
        self.toasts.try_update(|toasts| {
            // The same message twice says no more than once.
            toasts.retain(|toast| toast.text != text);
            toasts.push(Toast { id, failed, text });
        });
        id
    }

    fn remove(self, id: u32) {
        self.toasts.try_update(|toasts| toasts.retain(|toast| toast.id != id));
    }
}

/// The messages, in the corner of the window.
#[component]
pub fn Toasts() -> impl IntoView {
    let board = use_toasts();
    view! {
        <div class="toasts" role="status" aria-live="polite">
            <For each=move || board.toasts.get() key=|toast| toast.id let:toast>
                <div class="toast" class:failed=toast.failed data-testid="toast">
                    <Icon sign=if toast.failed { Sign::Error } else { Sign::Check } />
                    <span>{toast.text}</span>
                    <IconButton sign=Sign::Close label="Dismiss" on_click=move || board.remove(toast.id) />
                </div>
            </For>
        </div>
    }
}
