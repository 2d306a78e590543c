//! What the keys do, and other keys for it.

use leptos::prelude::*;

use crate::{
    commands::{KNOWN, Known, Scope, clashes, named, use_commands},
    components::{Button, Dialog, Icon, IconButton, Sign},
    connections::use_desk,
    state::use_prefs,
};

/// Keys that belong to lists, graphs and texts and are always the same.
const FIXED: [(&str, &str); 7] = [
    ("Arrow keys", "Walk through lists, menus, tabs and the flow"),
    ("Home, End", "First and last line of a list"),
    ("Enter", "Open what is selected"),
    ("Esc", "Close a menu or dialog, clear a filter"),
    ("Tab, Shift+Tab", "To the next control and back"),
    ("Ctrl+Space", "What may stand here, in a text"),
    ("F12", "To the definition of a name, in a text"),
];

/// The scopes that there are here.
fn scopes() -> impl Iterator<Item = Scope> {
    let desktop = use_desk().is_desktop();
    Scope::ALL.into_iter().filter(move |scope| desktop || *scope != Scope::Window)
}

/// All commands with their keys, which can be chosen anew.
#[component]
pub(super) fn Keys() -> impl IntoView {
    let prefs = use_prefs();
    let changed = Memo::new(move |_| prefs.keys.with(|keys| !keys.is_empty()));
    view! {
        <header class="page-head">
            <h1>"Keys"</h1>
            <span class="page-note">"Choose a line, then press the keys. Esc gives it up."</span>
            <div class="page-actions">
                <Button label="Usual keys" sign=Sign::Undo id="keys-reset" disabled=Signal::derive(move || !changed.get()) on_click=move || prefs.reset_keys() />
            </div>
        </header>
        <div class="settings-form wide">
            {scopes().map(|scope| view! { <Group scope /> }).collect_view()}
        </div>
    }
}

#[component]
fn Group(scope: Scope) -> impl IntoView {
    let lines = KNOWN.iter().filter(move |known| known.scope == scope);
    view! {
        <section aria-label=scope.name()>
            <h2>{scope.name()}</h2>
            <ul class="keys">
                {lines.map(|known| view! { <Line known=*known /> }).collect_view()}
            </ul>
        </section>
    }
}

#[component]
fn Line(known: Known) -> impl IntoView {
    let (commands, prefs) = (use_commands(), use_prefs());
    let Known { id, title, .. } = known;
    let keys = Memo::new(move |_| commands.keys_of(id));
    let choosing = move || commands.choosing.get() == Some(id);
    let changed = Memo::new(move |_| prefs.keys.with(|keys| keys.contains_key(id)));
    let clash = Memo::new(move |_| {
        let others = clashes(&known, |id| commands.keys_of(id));
        (!others.is_empty())
            .then(|| others.iter().map(|other| other.title).collect::<Vec<_>>().join(", "))
    });
    let shown = move || {
        if choosing() {
            view! { <em>"Press the keys…"</em> }.into_any()
        } else {
            match keys.get() {
                Some(keys) => view! { <kbd>{named(&keys)}</kbd> }.into_any(),
                None => view! { <span class="faint">"none"</span> }.into_any(),
            }
        }
    };
    // Whoever clicks elsewhere meanwhile does not choose any more.
    let leave = move || {
        if commands.choosing.get_untracked() == Some(id) {
            commands.choosing.set(None);
        }
    };
    view! {
        <li class="keys-line" data-command=id>
            <span>{title}</span>
            {move || clash.get().map(|others| view! {
                <span class="flag" data-testid="keys-clash"><Icon sign=Sign::Warning />{format!("also: {others}")}</span>
            })}
            <button
                type="button"
                class="keys-choose"
                class:choosing=choosing
                aria-label=move || format!("Keys of {title}: {}", keys.get().unwrap_or_else(|| "none".into()))
                on:click=move |_| commands.choosing.set(Some(id))
                on:blur=move |_| leave()
            >
                {shown}
            </button>
            <IconButton sign=Sign::Close label=format!("No keys for {title}") disabled=Signal::derive(move || keys.with(Option::is_none)) on_click=move || prefs.set_keys(id, Some(String::new())) />
            <IconButton sign=Sign::Undo label=format!("Usual keys of {title}") disabled=Signal::derive(move || !changed.get()) on_click=move || prefs.set_keys(id, None) />
        </li>
    }
}

/// What the keys do, over everything.
#[component]
pub fn KeyHelp(
    /// Whether it is shown.
    open: RwSignal<bool>,
) -> impl IntoView {
    view! {
        <Dialog open title="What the keys do" id="key-help">
            <Help />
        </Dialog>
    }
}

#[component]
fn Help() -> impl IntoView {
    let commands = use_commands();
    let groups = scopes().map(|scope| {
        let lines = KNOWN.iter().filter(move |known| known.scope == scope);
        let lines: Vec<_> = lines
            .filter_map(|known| Some((known.title, untrack(|| commands.keys_of(known.id))?)))
            .map(|(title, keys)| view! { <dt><kbd>{named(&keys)}</kbd></dt> <dd>{title}</dd> })
            .collect();
        (!lines.is_empty())
            .then(|| view! { <h3>{scope.name()}</h3> <dl class="key-help">{lines}</dl> })
    });
    let fixed = FIXED.map(|(keys, title)| view! { <dt><kbd>{keys}</kbd></dt> <dd>{title}</dd> });
    view! {
        // With the focus it is scrolled by keys.
        <div tabindex="0" role="group" aria-label="Keys">
            {groups.collect_view()}
            <h3>"Always"</h3>
            <dl class="key-help">{fixed}</dl>
            <p class="hint">"All commands are in the palette. Keys can be chosen anew in Settings."</p>
        </div>
    }
}
