//! The data of the node as one file.

use leptos::{prelude::*, task::spawn_local};
use pipewright_protocol::studio::{BACKUP, Role};

use crate::{
    client::use_client,
    components::{Button, Icon, Kind, Sign, use_toasts},
    connections::use_desk,
    draft::fitting,
    state::use_live,
};

/// Backup, and how it is put back.
#[component]
pub(super) fn Backup() -> impl IntoView {
    let (live, desk, toasts) = (use_live(), use_desk(), use_toasts());
    let client = StoredValue::new(use_client());
    let busy = RwSignal::new(false);
    let project = move || live.project.get();
    let admin = Memo::new(move |_| project().is_some_and(|it| it.role == Role::Admin));
    let folder =
        move || project().and_then(|project| project.folder).unwrap_or_else(|| "DIR".to_owned());
    let download = move || {
        let name = live.project.with_untracked(|project| {
            project.as_ref().map(|project| fitting(&project.name)).unwrap_or_default()
        });
        busy.set(true);
        let client = client.get_value();
        spawn_local(async move {
            let done = desk.download(&client, BACKUP, &format!("{name}.backup")).await;
            busy.try_set(false);
            match done {
                Ok(Some(file)) => toasts.done(format!("{file} holds all data of the node.")),
                Ok(None) => {}
                Err(failure) => toasts.failed(failure.to_string()),
            }
        });
    };
    view! {
        <header class="page-head"><h1>"Backup"</h1></header>
        <div class="settings-form">
            <p>"One file with all datasets, what the pipes know of their sources, and the secrets, sealed as they are kept. It is made while the node goes on. Config is not in it: the project folder is its truth and belongs into version control."</p>
            <div class="button-row">
                <Button
                    label=Signal::derive(move || if busy.get() { "Being made…" } else { "Download a backup" }.to_owned())
                    kind=Kind::Primary
                    sign=Sign::Save
                    id="backup"
                    tip=Signal::derive(move || if admin.get() { "" } else { "Only admins may take all data" }.to_owned())
                    disabled=Signal::derive(move || busy.get() || !admin.get())
                    on_click=download
                />
            </div>
            <h2>"Putting it back"</h2>
            <p>"A store is put in place whole, while no node has it open. Close this project, then:"</p>
            <pre class="code-block" data-testid="restore-command">{move || format!("pipewright restore --replace {} FILE", folder())}</pre>
            <div class="notice">
                <Icon sign=Sign::Lock />
                <span>"What was there stays beside it, with " <code>"replaced."</code> " before its name. Secrets can only be used with the key they were sealed with, which lies in the settings of the user."</span>
            </div>
        </div>
    }
}
