//! The connections that are known: how each is, and what can be done with it.

use std::collections::BTreeMap;

use leptos::{prelude::*, task::spawn_local};
use pipewright_protocol::shell::{Connection, Open, Target, TokenPlace};

use super::desk::{Desk, use_desk};
use crate::{
    client::Failure,
    components::{Empty, Icon, Menu, MenuItem, Sign, use_toasts},
    place::{Place, use_nav},
};

/// Whether a node answers; `None` while it is asked.
type Health = RwSignal<BTreeMap<String, Option<Result<(), Failure>>>>;

/// Asks every open connection whether it is there.
fn ask(desk: Desk, health: Health) {
    let known = desk.known.get_untracked();
    for connection in known.into_iter().filter(|connection| connection.open) {
        let Some(client) = desk.client_of(&connection.id) else { continue };
        health.try_update(|health| health.entry(connection.id.clone()).or_insert(None).is_some());
        spawn_local(async move {
            let answer = client.text("/api/studio/project").await.map(drop);
            health.try_update(|health| health.insert(connection.id, Some(answer)));
        });
    }
}

/// What was opened before.
#[component]
pub(super) fn KnownList() -> impl IntoView {
    let (desk, nav) = (use_desk(), use_nav());
    let toasts = use_toasts();
    let health: Health = RwSignal::default();
    let ids = Memo::new(move |_| {
        desk.known.with(|known| known.iter().map(|it| (it.id.clone(), it.open)).collect::<Vec<_>>())
    });
    Effect::new(move || {
        ids.track();
        ask(desk, health);
    });
    let told = move |outcome: Result<(), Failure>| {
        if let Err(failure) = outcome {
            toasts.failed(failure.to_string());
        }
    };
    let show = move |id: String, open: bool| {
        spawn_local(async move {
            told(match (desk.is_desktop(), open) {
                (true, _) => desk.open(Open::Known(id)).await,
                (false, _) => desk.show(&id).await,
            });
        });
    };
    let row = move |connection: Connection| {
        let (sign, place) = match &connection.target {
            Target::Folder(folder) => (Sign::Folder, folder.clone()),
            Target::Node(url) => (Sign::Connection, url.clone()),
        };
        let remote = matches!(connection.target, Target::Node(_));
        let id = StoredValue::new(connection.id.clone());
        let is_open = connection.open;
        let current = move || desk.current_id() == Some(id.get_value());
        let dot = move || {
            let state = health.with(|health| health.get(&id.get_value()).cloned());
            match (is_open, state.flatten()) {
                (false, _) => ("dot new", "Not open".to_owned()),
                (true, None) => ("dot running", "Asking whether it answers".to_owned()),
                (true, Some(Ok(()))) => ("dot finished", "It answers".to_owned()),
                (true, Some(Err(failure))) => ("dot failed", failure.to_string()),
            }
        };
        let session = (connection.token == Some(TokenPlace::Session) && desk.is_desktop())
            .then(|| view! { <span class="flag" data-tip="This desktop has no keychain that could keep the access token. It is known until Pipewright is closed; then it is asked for again.">"token not kept"</span> });
        let production = connection.production;
        let items = Signal::derive(move || {
            let item = |label: &str, sign, run: Box<dyn Fn() + Send + Sync>| {
                MenuItem::new(label, run).sign(sign)
            };
            let mut items =
                vec![item("Open", Sign::External, Box::new(move || show(id.get_value(), is_open)))];
            if desk.is_desktop() {
                items.push(item(
                    "Open in a new window",
                    Sign::Copy,
                    Box::new(move || {
                        let id = id.get_value();
                        spawn_local(async move {
                            told(desk.open_window(&id).await);
                        });
                    }),
                ));
            }
            let held = match desk.current_id() {
                None => Some("Open a project to compare it with.".to_owned()),
                Some(_) if current() => Some("It is the one that is open.".to_owned()),
                Some(_) => None,
            };
            items.push(
                item(
                    "Compare with it",
                    Sign::Columns,
                    Box::new(move || nav.go(Place::Compare { with: Some(id.get_value()) })),
                )
                .held(held),
            );
            let mark = if production { "Not production any more" } else { "Mark as production" };
            items.push(item(
                mark,
                Sign::Lock,
                Box::new(move || {
                    let id = id.get_value();
                    spawn_local(async move {
                        told(desk.mark(&id, !production).await);
                    });
                }),
            ));
            items.push(item(
                "Take off the list",
                Sign::Close,
                Box::new(move || {
                    let id = id.get_value();
                    spawn_local(async move {
                        told(desk.forget(&id).await);
                    });
                }),
            ));
            items
        });
        view! {
            <li class:current=current class:remote=remote class:production=production>
                <button type="button" class="recent-open" on:click=move |_| show(id.get_value(), is_open)>
                    <i class=move || dot().0 role="img" aria-label=move || dot().1 data-tip=move || dot().1></i>
                    <Icon sign />
                    <b>{connection.name}</b>
                    <span>{place}</span>
                </button>
                {session}
                {production.then(|| view! { <span class="flag production">"production"</span> })}
                <Menu label="More" items>
                    <Icon sign=Sign::More />
                </Menu>
            </li>
        }
    };
    view! {
        <ul class="recent" data-testid="recent">
            <For
                each=move || desk.known.get()
                key=|connection| (connection.id.clone(), connection.open, connection.production, connection.token)
                children=row
            />
        </ul>
        <Show when=move || desk.known.with(Vec::is_empty)>
            <Empty sign=Sign::Folder title="Nothing opened yet" hint="Folders and nodes you open are listed here." />
        </Show>
    }
}
