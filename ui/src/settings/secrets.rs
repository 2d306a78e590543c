//! Secrets: their names, and values that can be set and never read.

use leptos::{prelude::*, task::spawn_local};
use pipewright_protocol::studio::{NodeKind, encode};
use serde_json::json;

use crate::{
    client::{Failure, use_client},
    components::{Button, Empty, Field, IconButton, Kind, Problem, Sign, Waiting, use_toasts},
    state::use_live,
};

fn path(system: &str) -> String {
    match system {
        "" => "/api/secrets".to_owned(),
        system => format!("/api/systems/{}/secrets", encode(system)),
    }
}

/// Secrets of the node and of its systems.
#[component]
pub(super) fn Secrets() -> impl IntoView {
    let live = use_live();
    // Empty stands for the node.
    let owner = RwSignal::new(String::new());
    let systems = Memo::new(move |_| {
        live.graph.with(|graph| {
            let nodes = graph.iter().flat_map(|graph| &graph.nodes);
            let systems = nodes.filter(|node| node.kind == NodeKind::System && node.file.is_some());
            let mut names: Vec<String> = systems.map(|node| node.name.clone()).collect();
            names.sort();
            names
        })
    });
    view! {
        <header class="page-head">
            <h1>"Secrets"</h1>
            <span class="page-note">"A value can be set, and is never shown again"</span>
        </header>
        <div class="settings-form">
            <label class="field">
                <span>"Whose"</span>
                <select data-testid="secrets-of" on:change=move |event| owner.set(event_target_value(&event))>
                    <option value="">"The node: for all systems and pipes"</option>
                    {move || systems.get().into_iter().map(|name| view! { <option value=name.clone()>{format!("System {name}")}</option> }).collect_view()}
                </select>
            </label>
            {move || view! { <Of owner=owner.get() /> }}
        </div>
    }
}

#[component]
fn Of(owner: String) -> impl IntoView {
    let (live, toasts) = (use_live(), use_toasts());
    let client = StoredValue::new(use_client());
    let owner = StoredValue::new(owner);
    let names = RwSignal::new(None::<Result<Vec<String>, Failure>>);
    let (name, value) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let read = move || {
        let (Some(client), Some(owner)) = (client.try_get_value(), owner.try_get_value()) else {
            return;
        };
        spawn_local(async move {
            let answer = client.get::<Vec<String>>(&path(&owner)).await;
            names.try_set(Some(answer));
        });
    };
    read();
    let held = Signal::derive(move || !live.may_change());
    let incomplete = Signal::derive(move || {
        held.get() || name.with(|name| name.trim().is_empty()) || value.with(String::is_empty)
    });
    let set = move || {
        let new = json!({ name.get_untracked().trim(): value.get_untracked() });
        let (client, owner) = (client.get_value(), owner.get_value());
        spawn_local(async move {
            let set: Result<serde_json::Value, Failure> = client.post(&path(&owner), &new).await;
            match set {
                Ok(_) => {
                    name.try_set(String::new());
                    value.try_set(String::new());
                    toasts.done("The secret is set.");
                    read();
                }
                Err(failure) => toasts.failed(failure.to_string()),
            }
        });
    };
    let remove = move |name: String| {
        let (client, owner) = (client.get_value(), owner.get_value());
        spawn_local(async move {
            let path = format!("{}/{}", path(&owner), encode(&name));
            match client.delete(&path).await {
                Ok(()) => read(),
                Err(failure) => toasts.failed(failure.to_string()),
            }
        });
    };
    let list = move || {
        match names.get() {
        None => view! { <Waiting /> }.into_any(),
        Some(Err(failure)) => view! { <Problem failure /> }.into_any(),
        Some(Ok(names)) if names.is_empty() => view! { <Empty sign=Sign::Lock title="No secrets yet" hint="Config names one as $SECRET(name)." /> }.into_any(),
        Some(Ok(names)) => {
            let rows = names.into_iter().map(|each| {
                let (again, gone) = (each.clone(), each.clone());
                view! {
                    <li class="plain-row">
                        <code>{each.clone()}</code>
                        <span class="hint">"set"</span>
                        <Button label="Another value…" disabled=held on_click=move || name.set(again.clone()) />
                        <IconButton sign=Sign::Close label=format!("Remove {each}") disabled=held on_click=move || remove(gone.clone()) />
                    </li>
                }
            });
            view! { <ul class="plain-rows" data-testid="secrets">{rows.collect_view()}</ul> }.into_any()
        }
    }
    };
    view! {
        {list}
        <form class="form" on:submit=move |event| { event.prevent_default(); if !incomplete.get_untracked() { set(); } }>
            <Field label="Name" value=name placeholder="password" id="secret-name" />
            <Field label="Value" value secret=true id="secret-value" />
            <div class="button-row"><Button label="Set" kind=Kind::Primary sign=Sign::Lock id="secret-set" disabled=incomplete on_click=set /></div>
        </form>
    }
}
