//! What can be done with a whole dataset: words of its own to search by, and
//! what is shown as a file.

use leptos::{prelude::*, task::spawn_local};
use pipewright_protocol::studio::{FullTextSwitch, export_path, full_text_path};

use super::{columns::Columns, finding::Finding};
use crate::{
    client::use_client,
    components::{Icon, Menu, MenuItem, Sign, count, use_toasts},
    connections::use_desk,
    state::use_live,
};

/// How the search looks for words: by an index, or through the log. A click
/// switches.
#[component]
pub(super) fn FullText(dataset: String) -> impl IntoView {
    let (live, toasts) = (use_live(), use_toasts());
    let client = StoredValue::new(use_client());
    let status = live.dataset(&dataset);
    let state = Memo::new(move |_| status.with(|status| (status.full_text, status.next_offset)));
    let name = StoredValue::new(dataset);
    let switch = move |_| {
        let on = state.get_untracked().0.is_none();
        let (client, path) = (client.get_value(), full_text_path(&name.get_value()));
        spawn_local(async move {
            let answer = client.put(&path, &FullTextSwitch { on }).await;
            if let Err(failure) = answer {
                toasts.failed(failure.to_string());
            }
        });
    };
    let label = move || match state.get() {
        (None, _) => "Search: log".to_owned(),
        (Some(built), all) if built < all => {
            format!("Indexing {} %", built.saturating_mul(100) / all.max(1))
        }
        _ => "Search: index".to_owned(),
    };
    let tip = move || {
        match state.get() {
        (None, _) => "Words are looked for through the whole log. Keep an index of them: more disk, and every search at once".to_owned(),
        (Some(built), all) if built < all => {
            format!("{} of {} versions are in the index; the rest is looked through", count(built), count(all))
        }
        _ => "An index of all words is kept. Click to drop it".to_owned(),
    }
    };
    view! {
        <button
            type="button"
            class="toggle"
            data-testid="full-text"
            data-tip=tip
            aria-pressed=move || state.get().0.is_some().to_string()
            disabled=move || !live.may_change()
            on:click=switch
        >
            {label}
        </button>
    }
}

/// What is shown as a file.
#[component]
pub(super) fn Export(dataset: String, finding: Finding, columns: Columns) -> impl IntoView {
    let (desk, toasts) = (use_desk(), use_toasts());
    let client = StoredValue::new(use_client());
    let name = StoredValue::new(dataset);
    let busy = RwSignal::new(false);
    let save = move |form: &'static str, shown: bool| {
        let columns = if shown { columns.shown.get_untracked() } else { Vec::new() };
        let path = export_path(&name.get_value(), &untrack(|| finding.filter()), form, &columns);
        let file = format!("{}.{form}", name.get_value());
        busy.set(true);
        let client = client.get_value();
        spawn_local(async move {
            let saved = desk.download(&client, &path, &file).await;
            busy.try_set(false);
            match saved {
                Ok(Some(file)) => toasts.done(format!("{file} is written")),
                Ok(None) => {}
                Err(failure) => toasts.failed(failure.to_string()),
            }
        });
    };
    let items = Signal::derive(move || {
        let held = busy.get().then(|| "A file is being written".to_owned());
        [
            ("CSV, the columns shown", "csv", true),
            ("CSV, all properties", "csv", false),
            ("JSON", "json", false),
            ("NDJSON, one entity a line", "ndjson", false),
        ]
        .into_iter()
        .map(|(label, form, shown)| {
            MenuItem::new(label, move || save(form, shown)).held(held.clone())
        })
        .collect::<Vec<_>>()
    });
    view! {
        <Menu label="Export what is shown" items id="export">
            <Icon sign=Sign::Save />
        </Menu>
    }
}
