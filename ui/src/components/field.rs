//! Fields to type into and switches.

use leptos::{html, prelude::*};

use super::{Icon, Sign};

/// A field with a name.
#[component]
pub fn Field(
    /// What to type.
    #[prop(into)]
    label: Signal<String>,
    /// What was typed.
    value: RwSignal<String>,
    /// An example.
    #[prop(optional)]
    placeholder: &'static str,
    /// Whether what is typed is hidden.
    #[prop(optional)]
    secret: bool,
    /// Whether it has the focus at once.
    #[prop(optional)]
    focus: bool,
    /// What is wrong with it.
    #[prop(optional, into)]
    problem: Signal<Option<String>>,
    /// Name for tests and scripts.
    #[prop(optional)]
    id: &'static str,
) -> impl IntoView {
    let input = NodeRef::<html::Input>::new();
    if focus {
        input.on_load(|input| {
            let _ = input.focus();
            input.select();
        });
    }
    view! {
        <label class="field">
            <span>{move || label.get()}</span>
            <input
                node_ref=input
                type=if secret { "password" } else { "text" }
                placeholder=placeholder
                autocomplete="off"
                spellcheck="false"
                data-testid=id
                aria-invalid=move || problem.with(|problem| problem.is_some().to_string())
                bind:value=value
            />
            {move || problem.get().map(|problem| view! { <em class="field-problem">{problem}</em> })}
        </label>
    }
}

/// A field that narrows down what is shown. `/` moves there.
#[component]
pub fn Search(
    /// What was typed.
    value: RwSignal<String>,
    /// What it looks through.
    #[prop(into)]
    label: String,
    /// Name for tests and scripts.
    #[prop(default = "search")]
    id: &'static str,
) -> impl IntoView {
    view! {
        <label class="search">
            <Icon sign=Sign::Search />
            <input
                type="search"
                placeholder=label.clone()
                aria-label=label
                autocomplete="off"
                spellcheck="false"
                data-testid=id
                data-search=""
                bind:value=value
                on:keydown=move |event| {
                    if event.key() == "Escape" && !value.get_untracked().is_empty() {
                        value.set(String::new());
                        event.stop_propagation();
                    }
                }
            />
        </label>
    }
}

/// One of several texts.
#[component]
pub fn Select(
    /// What is chosen.
    #[prop(into)]
    label: Signal<String>,
    /// The choice.
    value: RwSignal<String>,
    /// What there is to choose from.
    #[prop(into)]
    options: Signal<Vec<String>>,
    /// What it says when the choice is empty; none where it cannot be.
    #[prop(optional)]
    empty: &'static str,
    /// Name for tests and scripts.
    #[prop(optional)]
    id: &'static str,
) -> impl IntoView {
    let choices = move || {
        let now = value.get_untracked();
        let none = (!empty.is_empty()).then(|| view! { <option value="">{empty}</option> });
        let choice = |option: String| {
            let selected = option == now;
            view! { <option value=option.clone() selected=selected>{option.clone()}</option> }
        };
        view! { {none} {options.get().into_iter().map(choice).collect_view()} }
    };
    view! {
        <label class="field">
            <span>{move || label.get()}</span>
            <select data-testid=id prop:value=move || value.get() on:change=move |event| value.set(event_target_value(&event))>
                {choices}
            </select>
        </label>
    }
}

/// On or off.
#[component]
pub fn Switch(
    /// What is switched.
    #[prop(into)]
    label: Signal<String>,
    /// Whether it is on.
    #[prop(into)]
    on: Signal<bool>,
    /// Whether it cannot be switched now.
    #[prop(optional, into)]
    disabled: Signal<bool>,
    /// Name for tests and scripts.
    #[prop(optional)]
    id: &'static str,
    /// Switches; gets what it shall be.
    on_change: impl Fn(bool) + 'static,
) -> impl IntoView {
    view! {
        <button
            type="button"
            role="switch"
            class="switch"
            data-testid=id
            aria-checked=move || on.get().to_string()
            disabled=move || disabled.get()
            on:click=move |_| on_change(!on.get_untracked())
        >
            <i></i>
            <span>{move || label.get()}</span>
        </button>
    }
}
