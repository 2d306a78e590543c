//! The top bar: which project, search, what is unsaved, run and stop.

use leptos::{prelude::*, task::spawn_local};
use pipewright_protocol::studio::{self, Run};

use crate::{
    client::use_client,
    commands::{Command, named, use_commands},
    components::{Button, Icon, IconButton, Link, Menu, MenuItem, Sign, use_toasts},
    connections::use_desk,
    place::{Place, use_nav},
    state::{Link as State, Theme, use_files, use_history, use_live, use_prefs},
};

/// The top bar.
#[component]
pub fn TopBar(
    /// Whether the palette is shown.
    palette: RwSignal<bool>,
) -> impl IntoView {
    let (live, prefs, commands, history) = (use_live(), use_prefs(), use_commands(), use_history());
    let name = move || {
        live.project.with(|project| {
            project
                .as_ref()
                .map_or_else(|| "Connecting…".to_owned(), |project| project.name.clone())
        })
    };
    let profile = move || {
        live.project.with(|project| project.as_ref().and_then(|project| project.profile.clone()))
    };
    let dot = move || match live.link.get() {
        State::Up => ("dot finished", "Connected"),
        State::Connecting => ("dot running", "Connecting"),
        State::Down(_) => ("dot failed", "Not connected"),
        State::Unauthorized => ("dot failed", "Access refused"),
    };
    let held = move || {
        live.project.with(|project| {
            project.as_ref().is_some_and(|project| project.trusted && !project.live)
        })
    };
    let run = move |id: &'static str| commands.run(id);
    let desk = use_desk();
    let production =
        Memo::new(move |_| desk.current_id().is_some_and(|id| desk.is_production(&id)));
    let keys = move || commands.keys_of("palette").map(|keys| view! { <kbd>{named(&keys)}</kbd> });
    view! {
        <header class="top">
            <Link to=Place::Connections class="top-project" id="project" tip="Project and connections">
                <i class=move || dot().0 role="img" aria-label=move || dot().1></i>
                <b>{name}</b>
                {move || profile().map(|profile| view! { <span class="top-profile">{profile}</span> })}
            </Link>
            <Show when=held>
                <Link to=Place::Connections class="chip" id="writes-held" tip="Writes to outside systems are held back">
                    <Icon sign=Sign::Lock />
                    "writes held"
                </Link>
            </Show>
            <Show when=move || production.get()>
                <Link to=Place::Connections class="chip production" id="production" tip="Nothing can be changed through this connection. Take the mark off in Connections.">
                    <Icon sign=Sign::Lock />
                    "production, read-only"
                </Link>
            </Show>
            <button type="button" class="top-search" data-testid="open-palette" on:click=move |_| palette.set(true)>
                <Icon sign=Sign::Search />
                <span>"Search or run a command"</span>
                {keys}
            </button>
            <Unsaved />
            <IconButton
                sign=Sign::Undo
                id="undo"
                label=Signal::derive(move || history.can_undo().map_or_else(|| "Nothing to undo".into(), |step| format!("Undo: {step}")))
                disabled=Signal::derive(move || history.can_undo().is_none())
                on_click=move || run("undo")
            />
            <IconButton
                sign=Sign::Redo
                id="redo"
                label=Signal::derive(move || history.can_redo().map_or_else(|| "Nothing to redo".into(), |step| format!("Redo: {step}")))
                disabled=Signal::derive(move || history.can_redo().is_none())
                on_click=move || run("redo")
            />
            <IconButton
                sign=Signal::derive(move || if prefs.dark() { Sign::Sun } else { Sign::Moon })
                label=Signal::derive(move || if prefs.dark() { "Light colours" } else { "Dark colours" }.to_owned())
                id="theme"
                on_click=move || prefs.set_theme(if untrack(|| prefs.dark()) { Theme::Light } else { Theme::Dark })
            />
            <RunAll />
        </header>
    }
}

/// How many files have something to save, and which.
#[component]
fn Unsaved() -> impl IntoView {
    let (files, nav, history, toasts) = (use_files(), use_nav(), use_history(), use_toasts());
    let dirty = Signal::derive(move || files.dirty());
    let save_all = move || {
        spawn_local(async move {
            for file in untrack(|| files.dirty()) {
                if let Err(failure) = history.save(&file).await {
                    toasts.failed(failure.to_string());
                }
            }
        });
    };
    let live = use_live();
    let items = Signal::derive(move || {
        live.files.track();
        let mut items: Vec<MenuItem> = dirty
            .get()
            .into_iter()
            .map(|file| {
                let place = live.place_of_file(&file.path);
                MenuItem::new(file.path.clone(), move || nav.go(place.clone())).sign(Sign::File)
            })
            .collect();
        items.push(MenuItem::new("Save all", save_all).sign(Sign::Save));
        items
    });
    view! {
        <Show when=move || !dirty.with(Vec::is_empty)>
            <Menu label="Files with changes that are not saved" class="chip unsaved" id="unsaved" items>
                <i></i>
                {move || format!("{} unsaved", dirty.with(Vec::len))}
            </Menu>
        </Show>
    }
}

/// Runs or stops everything.
#[component]
fn RunAll() -> impl IntoView {
    let (live, toasts) = (use_live(), use_toasts());
    let client = StoredValue::new(use_client());
    let running = Memo::new(move |_| live.totals.with(|totals| totals.running > 0));
    let send = move |path: &'static str| {
        let client = client.get_value();
        spawn_local(async move {
            if let Err(failure) = client.tell(path, &Run::default()).await {
                toasts.failed(failure.to_string());
            }
        });
    };
    let held = Signal::derive(move || !live.trusted() || !live.may_change());
    use_commands().offer(move || match (held.get(), running.get()) {
        (true, _) => Vec::new(),
        (false, false) => {
            vec![Command::new("run-all", "Run all pipes", Sign::Play, move || send(studio::RUN))]
        }
        (false, true) => {
            vec![Command::new("stop-all", "Stop all pipes", Sign::Stop, move || send(studio::STOP))]
        }
    });
    view! {
        <Show
            when=move || running.get()
            fallback=move || {
                view! {
                    <Button
                        label="Run all"
                        sign=Sign::Play
                        id="run-all"
                        tip=Signal::derive(move || if held.get() { "This folder has not been allowed to run" } else { "Runs every pipe in flow order until nothing is left to do" }.to_owned())
                        disabled=held
                        on_click=move || send(studio::RUN)
                    />
                }
            }
        >
            <Button label="Stop all" sign=Sign::Stop id="stop-all" disabled=held on_click=move || send(studio::STOP) />
        </Show>
    }
}
