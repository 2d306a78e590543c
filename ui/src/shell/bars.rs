//! What must be seen before anything else: no connection, no trust yet.

use leptos::{prelude::*, task::spawn_local};
use pipewright_protocol::studio::{self, Project, Trust};

use crate::{
    client::use_client,
    components::{Button, Icon, Kind, Sign, use_toasts},
    state::{Link, use_live},
};

/// Says that a folder may not run yet, and lets it.
#[component]
pub fn TrustBar() -> impl IntoView {
    let (live, toasts) = (use_live(), use_toasts());
    let client = StoredValue::new(use_client());
    let untrusted = Memo::new(move |_| {
        live.project.with(|project| project.as_ref().is_some_and(|project| !project.trusted))
    });
    let allow = move || {
        let client = client.get_value();
        spawn_local(async move {
            match client.post::<Project>(studio::TRUST, &Trust { trusted: true }).await {
                Ok(project) => live.project.set(Some(project)),
                Err(failure) => toasts.failed(failure.to_string()),
            }
        });
    };
    view! {
        <Show when=move || untrusted.get()>
            <div class="bar" role="status" data-testid="trust-bar">
                <Icon sign=Sign::Lock />
                <span>"You can look around and edit. Nothing runs and nothing outside is called until you allow this folder to run."</span>
                <Button label="Allow it to run" kind=Kind::Primary id="trust" disabled=Signal::derive(move || !live.may_change()) on_click=allow />
            </div>
        </Show>
    }
}

/// Says that nothing arrives from the node any more.
#[component]
pub fn LinkBar() -> impl IntoView {
    let live = use_live();
    let text = Memo::new(move |_| {
        match live.link.get() {
        Link::Up | Link::Connecting => None,
        Link::Down(why) => Some(format!("{why} It is tried again by itself; what you see may be old.")),
        Link::Unauthorized => Some("The node does not accept this access token. Open the studio with a fresh access link: pipewright serve prints one.".to_owned()),
    }
    });
    view! {
        <Show when=move || text.with(Option::is_some)>
            <div class="bar bad" role="alert" data-testid="link-bar">
                <Icon sign=Sign::Error />
                <span>{move || text.get()}</span>
                <Show when=move || matches!(live.link.get(), Link::Down(_))>
                    <Button label="Try now" sign=Sign::Refresh id="reconnect" on_click=move || live.reconnect() />
                </Show>
            </div>
        </Show>
    }
}
