//! The open project: what it is, what it may do, and the way to others.

use leptos::{prelude::*, task::spawn_local};
use pipewright_protocol::studio::{self, Live as LiveWrites, Project, Role, Trust};

use super::{
    desk::use_desk,
    known::KnownList,
    open::{ConnectForm, OpenTools},
};
use crate::{
    client::{Failure, use_client},
    components::{Empty, Icon, Link, Sign, Switch, use_toasts},
    place::Place,
    problems::ProblemList,
    state::use_live,
};

/// The Connections screen.
#[component]
pub fn ConnectionsScreen() -> impl IntoView {
    let (live, desk, toasts) = (use_live(), use_desk(), use_toasts());
    let go = move |id: String| {
        spawn_local(async move {
            if let Err(failure) = desk.show(&id).await {
                toasts.failed(failure.to_string());
            }
        });
    };
    view! {
        <div class="page scroll" data-testid="connections">
            <header class="page-head">
                <h1>"Connections"</h1>
                <div class="page-actions">
                    <Link to=Place::Compare { with: None } class="button" id="compare">
                        <Icon sign=Sign::Columns />
                        <span>"Compare, upload, download"</span>
                    </Link>
                </div>
            </header>
            <div class="settings">
                <section aria-label="Open project">
                    <h2>"Open now"</h2>
                    {move || match live.project.get() {
                        Some(project) => view! { <Current project /> }.into_any(),
                        None => view! { <Empty sign=Sign::Connection title="Not connected" hint="It is tried again by itself." /> }.into_any(),
                    }}
                </section>
                <section aria-label="Problems">
                    <h2>"Problems in the project"</h2>
                    <ProblemList />
                </section>
                <section aria-label="Known connections">
                    <h2>{if desk.is_desktop() { "Known connections" } else { "Reached from this tab" }}</h2>
                    <KnownList />
                </section>
                <section aria-label="Open another">
                    <h2>"Open another"</h2>
                    {if desk.is_desktop() {
                        view! { <OpenTools /> }.into_any()
                    } else {
                        view! {
                            <p>"Another node serves its own studio; with its address and an access token this tab goes there. To make a new project, run " <code>"pipewright new DIR"</code> " and serve it."</p>
                            <ConnectForm label="Go there" on_connected=go />
                        }.into_any()
                    }}
                </section>
            </div>
        </div>
    }
}

#[component]
fn Current(project: Project) -> impl IntoView {
    let (live, client, desk) = (use_live(), StoredValue::new(use_client()), use_desk());
    let toasts = use_toasts();
    let id = StoredValue::new(desk.current_id().unwrap_or_default());
    let production = Memo::new(move |_| desk.is_production(&id.get_value()));
    let mark = move |production: bool| {
        let id = id.get_value();
        spawn_local(async move {
            if let Err(failure) = desk.mark(&id, production).await {
                toasts.failed(failure.to_string());
            }
        });
    };
    let send = move |sent: Result<Project, Failure>| match sent {
        Ok(project) => live.project.set(Some(project)),
        Err(failure) => toasts.failed(failure.to_string()),
    };
    let trust = move |trusted: bool| {
        let client = client.get_value();
        spawn_local(async move { send(client.post(studio::TRUST, &Trust { trusted }).await) })
    };
    let let_through = move |on: bool| {
        let client = client.get_value();
        spawn_local(async move { send(client.post(studio::LIVE, &LiveWrites { live: on }).await) })
    };
    let role = match project.role {
        Role::Admin => "Admin",
        Role::Developer => "Developer",
        Role::Reader => "Reader",
        Role::Anonymous => "Anonymous",
    };
    let may_change = Signal::derive(move || live.may_change());
    let trusted = project.trusted;
    let variables: Vec<String> =
        project.env.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    view! {
        <dl class="facts">
            <dt>"Project"</dt>
            <dd>{project.name}</dd>
            <dt>"Folder"</dt>
            <dd><code>{project.folder.unwrap_or_else(|| "none: the config is in the node's store".into())}</code></dd>
            <dt>"Node"</dt>
            <dd>"Pipewright " {project.version}</dd>
            <dt>"Your role"</dt>
            <dd>{role}</dd>
            <dt>"Environment"</dt>
            <dd>{project.profile.unwrap_or_else(|| "no environment file".into())}</dd>
        </dl>
        {(!variables.is_empty())
            .then(|| {
                view! {
                    <details class="variables">
                        <summary>{format!("{} variables", variables.len())}</summary>
                        <pre>{variables.join("\n")}</pre>
                    </details>
                }
            })}
        <Switch label="Pipes of this folder may run" on=project.trusted disabled=Signal::derive(move || !may_change.get()) id="trust-switch" on_change=trust />
        <p class="hint">"While this is off nothing runs and nothing outside is called."</p>
        <Switch label="Write to outside systems" on=project.live disabled=Signal::derive(move || !may_change.get() || !trusted) id="live-switch" on_change=let_through />
        <p class="hint">"While this is off, writes to systems outside are held back."</p>
        <Switch label="This is production" on=production id="production-switch" on_change=mark />
        <p class="hint">"It is shown in red, and nothing can be changed through it from here, until this is off again."</p>
    }
}
