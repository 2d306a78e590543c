//! Dialogs: the browser's own, which keeps focus inside and closes on Escape.

use leptos::{html, prelude::*};

use super::{IconButton, Sign};

/// A dialog over the whole window, shown while `open`.
#[component]
pub fn Dialog(
    /// Whether it is shown; becomes false when the user closes it.
    open: RwSignal<bool>,
    /// What it is about.
    #[prop(into)]
    title: Signal<String>,
    /// Name for tests and scripts.
    #[prop(optional)]
    id: &'static str,
    /// Whether it takes as much room as there is.
    #[prop(optional)]
    wide: bool,
    /// What is in it, made anew each time it opens.
    children: ChildrenFn,
) -> impl IntoView {
    let dialog = NodeRef::<html::Dialog>::new();
    Effect::new(move || {
        let Some(dialog) = dialog.get() else { return };
        if open.get() {
            if !dialog.open() {
                // Fails only for a dialog that is open or not in the page.
                let _ = dialog.show_modal();
            }
        } else {
            dialog.close();
        }
    });
    let children = StoredValue::new(children);
    view! {
        <dialog
            node_ref=dialog
            class=if wide { "dialog wide" } else { "dialog" }
            aria-label=move || title.get()
            data-testid=id
            on:close=move |_| open.set(false)
        >
            <Show when=move || open.get()>
                <header class="dialog-head">
                    <h2>{move || title.get()}</h2>
                    <IconButton sign=Sign::Close label="Close" on_click=move || open.set(false) />
                </header>
                <div class="dialog-body">{children.with_value(|children| children())}</div>
            </Show>
        </dialog>
    }
}
