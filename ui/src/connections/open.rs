//! Opening a folder, a new project or a node.

use leptos::{prelude::*, task::spawn_local};
use pipewright_protocol::shell::{Connection, Open};

use super::{create::NewProjectForm, desk::use_desk, known::KnownList};
use crate::{
    client::Failure,
    components::{Button, Dialog, Field, Icon, IconButton, Kind, Problem, Sign, use_toasts},
};

/// The first thing in a window with nothing open.
#[component]
pub fn Welcome() -> impl IntoView {
    let desk = use_desk();
    view! {
        <main class="welcome" data-testid="welcome">
            <div class="welcome-box">
                <h1>"Pipewright"</h1>
                <p>"Open the folder of a project, begin a new one, or look at a node that runs elsewhere. Opening is harmless: nothing runs before you allow it."</p>
                {move || desk.failure.get().map(|failure| view! { <Problem failure /> })}
                <OpenTools />
                <h2>"Recent"</h2>
                <KnownList />
            </div>
        </main>
    }
}

/// Buttons and form to open something in the desktop window.
#[component]
pub(super) fn OpenTools() -> impl IntoView {
    let (desk, toasts) = (use_desk(), use_toasts());
    let busy = RwSignal::new(false);
    let making = RwSignal::new(false);
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
    let opened = move |id: String| {
        spawn_local(async move {
            if let Err(failure) = desk.show(&id).await {
                toasts.failed(failure.to_string());
            }
        });
    };
    view! {
        <div class="button-row">
            <Button label="Open a folder…" kind=Kind::Primary sign=Sign::Folder id="open-folder" disabled=busy on_click=folder />
            <Button label="New project…" sign=Sign::Plus id="new-project" disabled=busy on_click=move || making.set(true) />
        </div>
        <ConnectForm label="Connect" on_connected=opened />
        <Dialog open=making title="New project" id="new-project-dialog">
            <NewProjectForm on_close=move || making.set(false) />
        </Dialog>
    }
}

/// Asks for the address of a node and an access token, and reaches it.
#[component]
pub(super) fn ConnectForm(
    /// What the button says.
    label: &'static str,
    /// The address to begin with.
    #[prop(optional)]
    url: String,
    /// Called with the connection.
    on_connected: impl Fn(String) + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let desk = use_desk();
    let (url, token) = (RwSignal::new(url), RwSignal::new(String::new()));
    let authority = RwSignal::new(None::<String>);
    let busy = RwSignal::new(false);
    let failed = RwSignal::new(None::<Failure>);
    let wrong = Memo::new(move |_| {
        url.with(|url| {
            (!url.trim().is_empty() && address(url).is_none())
                .then(|| "An address starts with http:// or https://.".to_owned())
        })
    });
    let incomplete = Signal::derive(move || {
        busy.get()
            || url.with(|url| address(url).is_none())
            || token.with(|token| token.trim().is_empty())
    });
    let connect = move || {
        let Some(url) = address(&url.get_untracked()) else { return };
        let token = token.get_untracked().trim().to_owned();
        let authority = authority.get_untracked();
        busy.set(true);
        failed.set(None);
        spawn_local(async move {
            let connected = desk.connect(Open::Node { url, token, authority }).await;
            busy.try_set(false);
            match connected {
                Ok(Connection { id, .. }) => on_connected(id),
                Err(failure) => drop(failed.try_set(Some(failure))),
            }
        });
    };
    let pick = move || {
        spawn_local(async move {
            match desk.pick_file().await {
                Ok(None) => {}
                Ok(picked) => drop(authority.try_set(picked)),
                Err(failure) => drop(failed.try_set(Some(failure))),
            }
        });
    };
    let certificates = desk.is_desktop().then(|| {
        view! {
            <div class="authority">
                {move || match authority.get() {
                    Some(file) => view! {
                        <span>"Certificates from " <code>{file}</code></span>
                        <IconButton sign=Sign::Close label="Use the usual certificates" on_click=move || authority.set(None) />
                    }.into_any(),
                    None => view! {
                        <span class="hint">"A node with a certificate of your own authority:"</span>
                        <Button label="Certificate file…" id="node-authority" on_click=pick />
                    }.into_any(),
                }}
            </div>
        }
    });
    let hint = if desk.is_desktop() {
        "The token is kept in the keychain of this desktop; where there is none, until Pipewright is closed."
    } else {
        "The token is kept until this tab is closed."
    };
    view! {
        <form
            class="form connect"
            on:submit=move |event| {
                event.prevent_default();
                if !incomplete.get_untracked() {
                    connect();
                }
            }
        >
            <Field label="Address of a node" value=url placeholder="http://127.0.0.1:9042" problem=wrong id="node-url" />
            <Field label="Access token" value=token secret=true id="node-token" />
            {certificates}
            {move || failed.get().map(|failure| {
                view! { <div class="notice error" role="alert" data-testid="connect-failed"><Icon sign=Sign::Error /><span>{failure.to_string()}</span></div> }
            })}
            <div class="button-row">
                <Button
                    label=Signal::derive(move || if busy.get() { "Connecting…" } else { label }.to_owned())
                    sign=Sign::Connection
                    id="node-connect"
                    disabled=incomplete
                    on_click=connect
                />
                <span class="hint">{hint}</span>
            </div>
        </form>
    }
}

/// The base address as typed, if it is one.
fn address(text: &str) -> Option<String> {
    let text = text.trim().trim_end_matches('/');
    let text = text.strip_suffix("/api").unwrap_or(text);
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"))?;
    (!rest.is_empty() && !rest.contains(char::is_whitespace)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_addresses_are_gone_to() {
        for good in [" http://127.0.0.1:9042/ ", "http://127.0.0.1:9042/api/"] {
            assert_eq!(address(good).as_deref(), Some("http://127.0.0.1:9042"));
        }
        for bad in ["", "http://", "javascript:alert(1)", "localhost:9042", "http://a b"] {
            assert_eq!(address(bad), None, "{bad}");
        }
    }
}
