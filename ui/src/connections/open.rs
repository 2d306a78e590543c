//! Opening a folder or a node.

use leptos::{prelude::*, task::spawn_local};
use pipewright_protocol::shell::{Connection, Open, Target};

use super::desk::use_desk;
use crate::components::{Button, Empty, Field, Icon, IconButton, Kind, Problem, Sign, use_toasts};

/// The first thing in a window with nothing open.
#[component]
pub fn Welcome() -> impl IntoView {
    let desk = use_desk();
    view! {
        <main class="welcome" data-testid="welcome">
            <div class="welcome-box">
                <h1>"Pipewright"</h1>
                <p>"Open the folder of a project, or look at a node that runs elsewhere."</p>
                {move || desk.failure.get().map(|failure| view! { <Problem failure /> })}
                <OpenTools />
                <h2>"Recent"</h2>
                <Recent />
            </div>
        </main>
    }
}

/// Buttons and form to open something in the desktop window.
#[component]
pub(super) fn OpenTools() -> impl IntoView {
    let (desk, toasts) = (use_desk(), use_toasts());
    let (url, token) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let busy = RwSignal::new(false);
    let folder = move || {
        busy.set(true);
        spawn_local(async move {
            let opened = match desk.pick_folder().await {
                Ok(Some(folder)) => desk.open(Open::Folder(folder)).await,
                Ok(None) => Ok(()),
                Err(failure) => Err(failure),
            };
            busy.try_set(false);
            if let Err(failure) = opened {
                toasts.failed(failure.to_string());
            }
        });
    };
    let node = move || {
        busy.set(true);
        let open = Open::Node {
            url: url.get_untracked().trim().to_owned(),
            token: token.get_untracked().trim().to_owned(),
        };
        spawn_local(async move {
            let opened = desk.open(open).await;
            busy.try_set(false);
            if let Err(failure) = opened {
                toasts.failed(failure.to_string());
            }
        });
    };
    let incomplete = Signal::derive(move || {
        busy.get()
            || url.with(|url| url.trim().is_empty())
            || token.with(|token| token.trim().is_empty())
    });
    view! {
        <Button label="Open a folder…" kind=Kind::Primary sign=Sign::Folder id="open-folder" disabled=busy on_click=folder />
        <form
            class="form connect"
            on:submit=move |event| {
                event.prevent_default();
                if !incomplete.get_untracked() {
                    node();
                }
            }
        >
            <Field label="Address of a node" value=url placeholder="http://127.0.0.1:9042" id="node-url" />
            <Field label="Access token" value=token secret=true id="node-token" />
            <Button label="Connect" sign=Sign::Connection id="node-connect" disabled=incomplete on_click=node />
        </form>
    }
}

/// What was opened before.
#[component]
pub(super) fn Recent() -> impl IntoView {
    let (desk, toasts) = (use_desk(), use_toasts());
    let open = move |id: String| {
        spawn_local(async move {
            if let Err(failure) = desk.open(Open::Known(id)).await {
                toasts.failed(failure.to_string());
            }
        });
    };
    let forget = move |id: String| {
        spawn_local(async move {
            if let Err(failure) = desk.forget(&id).await {
                toasts.failed(failure.to_string());
            }
        });
    };
    view! {
        <ul class="recent" data-testid="recent">
            <For each=move || desk.known.get() key=|connection| (connection.id.clone(), connection.open) children=move |connection: Connection| {
                let (sign, place) = match &connection.target {
                    Target::Folder(folder) => (Sign::Folder, folder.clone()),
                    Target::Node(url) => (Sign::Connection, url.clone()),
                };
                let (id, own) = (connection.id.clone(), connection.id.clone());
                let current = move || desk.current.with(|current| current.as_ref().is_some_and(|current| current.id == own));
                let gone = connection.id.clone();
                view! {
                    <li class:current=current>
                        <button type="button" class="recent-open" on:click=move |_| open(id.clone())>
                            <Icon sign />
                            <b>{connection.name}</b>
                            <span>{place}</span>
                        </button>
                        <IconButton sign=Sign::Close label="Take off the list" on_click=move || forget(gone.clone()) />
                    </li>
                }
            } />
        </ul>
        <Show when=move || desk.known.with(Vec::is_empty)>
            <Empty sign=Sign::Folder title="Nothing opened yet" hint="Folders and nodes you open are listed here." />
        </Show>
    }
}
