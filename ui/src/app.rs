//! The whole window.

use leptos::{ev, prelude::*, task::spawn_local};
use wasm_bindgen::JsCast;

use pipewright_protocol::shell::{Open, Target};

use crate::{
    client::Client,
    commands::{Command, Commands, use_commands},
    components::{Sign, ToastBoard, Toasts, Tooltips, Waiting, use_toasts},
    connections::{CompareScreen, ConnectionsScreen, Desk, Welcome, use_desk},
    datasets::{DatasetScreen, DatasetsScreen},
    design::DesignScreen,
    draft::{DataFiles, NewDataFiles},
    duplicates::DuplicatesScreen,
    editor::{FileScreen, PipeScreen},
    graph::{FlowScreen, FlowView},
    monaco::{Models, use_models},
    monitor::MonitorScreen,
    palette::Palette,
    pipes::PipesScreen,
    place::{Nav, Place, use_nav},
    settings::{KeyHelp, SettingsScreen},
    shell::{
        AREAS, Leaving, LinkBar, Outside, Rail, StatusBar, TopBar, TrustBar, command_of, start_of,
    },
    state::{
        Alerts, Files, History, Language, Live, Prefs, Side, Theme, use_files, use_history,
        use_live, use_prefs,
    },
    systems::{SystemScreen, SystemsScreen},
    tour::{Tour, TourCard, use_tour},
};

/// The window: what lives as long as it, and the session of the open
/// connection.
#[component]
pub fn App() -> impl IntoView {
    provide_context(Prefs::start());
    provide_context(Nav::start());
    let toasts = ToastBoard::start();
    provide_context(toasts);
    let desk = Desk::start();
    provide_context(desk);
    let outside = Outside::start(desk, use_nav(), toasts);
    provide_context(outside);
    let asked = RwSignal::new(!desk.is_desktop());
    if desk.is_desktop() {
        spawn_local(async move {
            desk.read().await;
            asked.set(true);
        });
    }
    view! {
        {move || match desk.client() {
            Some(client) => view! { <Session client /> }.into_any(),
            None if asked.get() => view! { <Welcome /> }.into_any(),
            None => view! { <Waiting /> }.into_any(),
        }}
        <Leaving outside />
        <Toasts />
        <Tooltips />
    }
}

/// Everything about one connection; made anew for another one.
#[component]
fn Session(client: Client) -> impl IntoView {
    provide_context(client.clone());
    let alerts = Alerts::start(use_nav());
    provide_context(alerts);
    let live = Live::start(client.clone(), alerts);
    provide_context(live);
    let connection = use_desk().current.with_untracked(|current| {
        current.as_ref().map(|connection| connection.id.clone()).unwrap_or_default()
    });
    let files = Files::start(client.clone(), live.changed, &connection);
    provide_context(files);
    provide_context(Language::start(client, live, files));
    provide_context(History::start());
    provide_context(Models::start());
    provide_context(FlowView::start());
    let commands = Commands::start();
    provide_context(commands);
    expect_context::<Outside>().follow(commands);
    let palette = RwSignal::new(false);
    let data_files = DataFiles::start();
    provide_context(Tour::start());
    let help = RwSignal::new(false);
    offer_commands(palette, help);
    let desk = use_desk();
    let production =
        Memo::new(move |_| desk.current_id().is_some_and(|id| desk.is_production(&id)));
    let remote = desk.current.with_untracked(|current| {
        current.as_ref().is_some_and(|it| matches!(it.target, Target::Node(_)))
    });
    warn_before_leaving();
    tell_what_is_back();
    let nav = use_nav();
    // Which screen, whatever it shows: going on inside a screen keeps it.
    let screen = Memo::new(move |_| match nav.place() {
        Place::MonitorRuns | Place::Failed { .. } | Place::Alerts | Place::Node => {
            std::mem::discriminant(&Place::Monitor)
        }
        place => std::mem::discriminant(&place),
    });
    view! {
        <div class="window" class:remote=remote class:production=move || production.get()>
            <TopBar palette />
            <Rail />
            <main class="main">
                <LinkBar />
                <TrustBar />
                {move || {
                    screen.with(|_| ());
                    match nav.now() {
                        Place::Flow { .. } => view! { <FlowScreen /> }.into_any(),
                        Place::Pipes => view! { <PipesScreen /> }.into_any(),
                        Place::Pipe { .. } => view! { <PipeScreen /> }.into_any(),
                        Place::Systems => view! { <SystemsScreen /> }.into_any(),
                        Place::System { .. } => view! { <SystemScreen /> }.into_any(),
                        Place::File { .. } => view! { <FileScreen /> }.into_any(),
                        Place::Datasets => view! { <DatasetsScreen /> }.into_any(),
                        Place::Dataset { .. } => view! { <DatasetScreen /> }.into_any(),
                        Place::Duplicates { .. } => view! { <DuplicatesScreen /> }.into_any(),
                        Place::Monitor
                        | Place::MonitorRuns
                        | Place::Failed { .. }
                        | Place::Alerts
                        | Place::Node => view! { <MonitorScreen /> }.into_any(),
                        Place::Connections => view! { <ConnectionsScreen /> }.into_any(),
                        Place::Design => view! { <DesignScreen /> }.into_any(),
                        Place::Compare { .. } => view! { <CompareScreen /> }.into_any(),
                        Place::Settings { .. } => view! { <SettingsScreen /> }.into_any(),
                    }
                }}
            </main>
            <StatusBar />
        </div>
        <Palette open=palette />
        <NewDataFiles files=data_files />
        <KeyHelp open=help />
        <TourCard />
    }
}

/// What can be done on every screen.
fn offer_commands(palette: RwSignal<bool>, help: RwSignal<bool>) {
    let (nav, prefs, commands, live) = (use_nav(), use_prefs(), use_commands(), use_live());
    let (undo, tour) = (undoing(), use_tour());
    let (desk, toasts) = (use_desk(), use_toasts());
    let open_folder = move || {
        spawn_local(async move {
            let opened = match desk.pick_folder().await {
                Ok(Some(folder)) => desk.open(Open::Folder(folder)).await,
                Ok(None) => Ok(()),
                Err(failure) => Err(failure),
            };
            if let Err(failure) = opened {
                toasts.failed(failure.to_string());
            }
        });
    };
    commands.offer(move || {
        let mut all = vec![
            Command::new("palette", "Search everything", Sign::Search, move || palette.set(true)),
            Command::new("keys", "What the keys do", Sign::Help, move || help.set(true)),
            Command::new("filter", "Go to the filter of the screen", Sign::Search, to_filter),
            Command::new("tour", "Take the tour", Sign::Flow, move || tour.begin()),
            Command::new("compare", "Compare with another connection", Sign::Columns, move || {
                nav.go(Place::Compare { with: None })
            }),
        ];
        if desk.is_desktop() {
            all.push(Command::new("open-folder", "Open a folder", Sign::Folder, open_folder));
        }
        if live.may_change() {
            all.push(Command::new("undo", "Undo", Sign::Undo, move || undo(true)));
            all.push(Command::new("redo", "Redo", Sign::Redo, move || undo(false)));
        }
        for (area, name, sign) in AREAS {
            all.push(Command::new(command_of(area), format!("Go to {name}"), sign, move || {
                nav.go(start_of(area))
            }));
        }
        for (id, name, theme, sign) in [
            ("theme-light", "Light colours", Theme::Light, Sign::Sun),
            ("theme-dark", "Dark colours", Theme::Dark, Sign::Moon),
            ("theme-system", "Colours as the desktop has them", Theme::System, Sign::Sun),
        ] {
            if prefs.theme() != theme {
                all.push(Command::new(id, name, sign, move || prefs.set_theme(theme)));
            }
        }
        all
    });
}

/// Puts the cursor into the filter of the screen, if it has one.
fn to_filter() {
    let field = document().query_selector("[data-search]").ok().flatten();
    if let Some(field) = field.and_then(|field| field.dyn_into::<web_sys::HtmlElement>().ok()) {
        // The field is in the page; focusing it cannot fail.
        let _ = field.focus();
    }
}

/// One undo for typing and for steps: what was typed and is not saved yet goes
/// first, then the steps of the project.
fn undoing() -> impl Fn(bool) + Copy + Send + Sync + 'static {
    let (history, models, toasts) = (use_history(), use_models(), use_toasts());
    move |back: bool| {
        let typing = models.file().is_some_and(|file| file.is_dirty());
        let steps_first =
            history.last.get_untracked() == Side::Steps && untrack(|| history.can_redo()).is_some();
        if back && typing {
            history.last.set(Side::Typing);
            models.trigger("undo");
            return;
        }
        if !back && models.file().is_some() && (typing || !steps_first) {
            models.trigger("redo");
            return;
        }
        spawn_local(async move {
            let done = if back { history.undo().await } else { history.redo().await };
            match done {
                Ok(Some(step)) => {
                    toasts.done(format!("{}: {step}", if back { "Undone" } else { "Done again" }))
                }
                Ok(None) => {}
                Err(failure) => toasts.failed(failure.to_string()),
            }
        });
    }
}

/// Says which unsaved texts came back.
fn tell_what_is_back() {
    let (files, toasts) = (use_files(), use_toasts());
    Effect::new(move || {
        let back = files.back.get();
        if !back.is_empty() {
            toasts.done(format!("Unsaved text is back: {}", back.join(", ")));
        }
    });
}

/// The browser asks before it throws unsaved text away.
fn warn_before_leaving() {
    let files = use_files();
    let ask = window_event_listener(ev::beforeunload, move |event| {
        if !untrack(|| files.dirty()).is_empty() {
            event.prevent_default();
        }
    });
    on_cleanup(move || ask.remove());
}
