//! The open project: what it is, what it may do, and the way to others.

use leptos::{prelude::*, task::spawn_local};
use pipewright_protocol::studio::{self, Live as LiveWrites, Project, Role, Trust};

use super::{
    Updates,
    desk::use_desk,
    open::{OpenTools, Recent},
};
use crate::{
    client::{Failure, use_client},
    components::{Button, Empty, Field, Sign, Switch, use_toasts},
    problems::ProblemList,
    state::{Theme, use_live, use_prefs},
};

/// The Connections screen.
#[component]
pub fn ConnectionsScreen() -> impl IntoView {
    let (live, desk, prefs) = (use_live(), use_desk(), use_prefs());
    view! {
        <div class="page scroll" data-testid="connections">
            <header class="page-head">
                <h1>"Connections"</h1>
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
                <section aria-label="Open another">
                    <h2>"Open another"</h2>
                    {if desk.is_desktop() {
                        view! {
                            <OpenTools />
                            <h3>"Recent"</h3>
                            <Recent />
                        }
                            .into_any()
                    } else {
                        view! { <Elsewhere /> }.into_any()
                    }}
                </section>
                <section aria-label="Appearance">
                    <h2>"Colours"</h2>
                    <div class="segments" role="group" aria-label="Theme">
                        {[(Theme::System, "As the desktop"), (Theme::Light, "Light"), (Theme::Dark, "Dark")]
                            .map(|(theme, name)| {
                                view! {
                                    <button type="button" aria-pressed=move || (prefs.theme() == theme).to_string() on:click=move |_| prefs.set_theme(theme)>
                                        {name}
                                    </button>
                                }
                            })}
                    </div>
                </section>
                <Updates />
            </div>
        </div>
    }
}

#[component]
fn Current(project: Project) -> impl IntoView {
    let (live, client) = (use_live(), StoredValue::new(use_client()));
    let toasts = use_toasts();
    let send = move |sent: Result<Project, Failure>| match sent {
        Ok(project) => live.project.set(Some(project)),
        Err(failure) => toasts.failed(failure.to_string()),
    };
    let trust = move |trusted: bool| {
        spawn_local(async move {
            send(client.get_value().post(studio::TRUST, &Trust { trusted }).await)
        })
    };
    let let_through = move |on: bool| {
        spawn_local(async move {
            send(client.get_value().post(studio::LIVE, &LiveWrites { live: on }).await)
        })
    };
    let role = match project.role {
        Role::Admin => "Admin",
        Role::Developer => "Developer",
        Role::Reader => "Reader",
        Role::Anonymous => "Anonymous",
    };
    let may_change = project.role.may_change();
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
        <Switch label="Pipes of this folder may run" on=project.trusted disabled=!may_change id="trust-switch" on_change=trust />
        <p class="hint">"While this is off nothing runs and nothing outside is called."</p>
        <Switch label="Write to outside systems" on=project.live disabled=!may_change || !trusted id="live-switch" on_change=let_through />
        <p class="hint">"While this is off, writes to systems outside are held back."</p>
    }
}

/// In a browser every node serves its own studio: the way there is a link.
#[component]
fn Elsewhere() -> impl IntoView {
    let (url, token) = (RwSignal::new(String::new()), RwSignal::new(String::new()));
    let wrong = Memo::new(move |_| {
        url.with(|url| {
            (!url.trim().is_empty() && address(url).is_none())
                .then(|| "An address starts with http:// or https://.".to_owned())
        })
    });
    let go = move || {
        let Some(address) = address(&url.get_untracked()) else { return };
        let token = token.get_untracked();
        let link = if token.trim().is_empty() {
            address
        } else {
            format!("{address}/#token={}", token.trim())
        };
        // Fails only for addresses that were just refused.
        let _ = window().location().assign(&link);
    };
    view! {
        <p>"Another node serves its own studio; with its address and an access token this tab goes there."</p>
        <form
            class="form connect"
            on:submit=move |event| {
                event.prevent_default();
                go();
            }
        >
            <Field label="Address of a node" value=url placeholder="http://127.0.0.1:9042" problem=wrong id="node-url" />
            <Field label="Access token" value=token secret=true id="node-token" />
            <Button label="Go there" sign=Sign::External id="node-connect" disabled=Signal::derive(move || url.with(|url| address(url).is_none())) on_click=go />
        </form>
    }
}

/// The base address as typed, if it is one.
fn address(text: &str) -> Option<String> {
    let text = text.trim().trim_end_matches('/');
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"))?;
    (!rest.is_empty() && !rest.contains(char::is_whitespace)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_addresses_are_gone_to() {
        assert_eq!(address(" http://127.0.0.1:9042/ ").as_deref(), Some("http://127.0.0.1:9042"));
        for bad in ["", "http://", "javascript:alert(1)", "localhost:9042", "http://a b"] {
            assert_eq!(address(bad), None, "{bad}");
        }
    }
}
