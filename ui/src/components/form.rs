//! Forms that ask for something, make it and are gone.

use leptos::prelude::*;

use super::{Button, Kind, Sign};

/// What is asked for, and below it what makes it. Enter does so as well.
#[component]
pub fn Form(
    /// What it does: the button's name.
    #[prop(into)]
    label: Signal<String>,
    /// The button's icon.
    #[prop(into)]
    sign: Signal<Sign>,
    /// The button's name for tests and scripts.
    id: &'static str,
    /// Its class in the stylesheet.
    #[prop(default = "form")]
    class: &'static str,
    /// Whether it cannot be done yet.
    #[prop(optional, into)]
    disabled: Signal<bool>,
    /// Does it.
    on_submit: impl Fn() + Copy + 'static,
    /// Gives it up.
    on_close: impl Fn() + 'static,
    /// What is asked for.
    children: Children,
) -> impl IntoView {
    let submit = move || {
        if !disabled.get_untracked() {
            on_submit();
        }
    };
    view! {
        <form
            class=class
            on:submit=move |event| {
                event.prevent_default();
                submit();
            }
        >
            {children()}
            <div class="form-actions">
                <Button label="Cancel" on_click=on_close />
                <Button label sign kind=Kind::Primary id disabled on_click=submit />
            </div>
        </form>
    }
}
