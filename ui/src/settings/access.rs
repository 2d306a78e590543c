//! Tokens that programs call the node with, and the people who share it.

use leptos::{prelude::*, task::spawn_local};
use pipewright_protocol::studio::{IssuedToken, MadeToken, NewToken, Role, TOKENS, token_path};

use super::users::Users;
use crate::{
    client::{Failure, use_client},
    components::{
        Button, Empty, Field, Icon, IconButton, Kind, Problem, Sign, Waiting, clock, use_toasts,
    },
    state::use_live,
};

/// The roles that can be given, the least first.
pub(super) const ROLES: [(Role, &str); 3] =
    [(Role::Reader, "Reader"), (Role::Developer, "Developer"), (Role::Admin, "Admin")];

/// What a role is called.
pub(super) fn role_name(role: Role) -> &'static str {
    ROLES.iter().find(|(each, _)| *each == role).map_or("Anonymous", |(_, name)| name)
}

/// Seconds since 1970 in words.
pub(super) fn time(seconds: u64) -> String {
    clock(i64::try_from(seconds.saturating_mul(1_000_000)).unwrap_or(i64::MAX))
}

/// A choice of roles.
#[component]
pub(super) fn RoleChoice(role: RwSignal<Role>, label: &'static str) -> impl IntoView {
    view! {
        <label class="field">
            <span>{label}</span>
            <select on:change=move |event| {
                let chosen = event_target_value(&event);
                if let Some((each, _)) = ROLES.iter().find(|(_, name)| *name == chosen) {
                    role.set(*each);
                }
            }>
                {ROLES.map(|(each, name)| view! { <option value=name selected=role.get_untracked() == each>{name}</option> })}
            </select>
        </label>
    }
}

/// Something that is shown this once, to be copied.
#[component]
pub(super) fn Once(
    /// What it is.
    what: String,
    /// The thing itself.
    text: String,
) -> impl IntoView {
    let toasts = use_toasts();
    let copied = StoredValue::new(text.clone());
    let copy = move || {
        let clipboard = window().navigator().clipboard();
        let promise = clipboard.write_text(&copied.get_value());
        spawn_local(async move {
            match wasm_bindgen_futures::JsFuture::from(promise).await {
                Ok(_) => toasts.done("Copied."),
                Err(_) => toasts.failed("It cannot be copied here. Select it and copy it by hand."),
            }
        });
    };
    view! {
        <div class="notice good once" role="status" data-testid="once">
            <Icon sign=Sign::Check />
            <span>{what} " It is shown this once." <code>{text}</code></span>
            <IconButton sign=Sign::Copy label="Copy" on_click=copy />
        </div>
    }
}

/// Tokens and users.
#[component]
pub(super) fn Access() -> impl IntoView {
    let live = use_live();
    let admin = Memo::new(move |_| {
        live.project.with(|project| project.as_ref().map(|project| project.role == Role::Admin))
    });
    view! {
        <header class="page-head"><h1>"Tokens and users"</h1></header>
        {move || match admin.get() {
            None => view! { <Waiting /> }.into_any(),
            Some(false) => view! { <Empty sign=Sign::Lock title="Only admins see tokens and users" hint="Ask an admin of this node for access." /> }.into_any(),
            Some(true) => view! {
                <div class="settings-form wide">
                    <Tokens />
                    <Users />
                </div>
            }.into_any(),
        }}
    }
}

#[component]
fn Tokens() -> impl IntoView {
    let (live, toasts) = (use_live(), use_toasts());
    let client = StoredValue::new(use_client());
    let list = RwSignal::new(None::<Result<Vec<IssuedToken>, Failure>>);
    let made = RwSignal::new(None::<String>);
    let name = RwSignal::new(String::new());
    let days = RwSignal::new("365".to_owned());
    let role = RwSignal::new(Role::Reader);
    let read = move || {
        let Some(client) = client.try_get_value() else { return };
        spawn_local(async move {
            let answer = client.get::<Vec<IssuedToken>>(TOKENS).await;
            list.try_set(Some(answer));
        });
    };
    read();
    let held = Signal::derive(move || !live.may_change());
    let wrong = Memo::new(move |_| {
        days.with(|days| {
            let days = days.trim();
            (!days.is_empty() && days.parse::<u64>().is_err())
                .then(|| "A number of days, or nothing.".to_owned())
        })
    });
    let incomplete = Signal::derive(move || {
        held.get() || wrong.with(Option::is_some) || name.with(|name| name.trim().is_empty())
    });
    let make = move || {
        let new = NewToken {
            name: name.get_untracked().trim().to_owned(),
            role: role.get_untracked(),
            days: days.get_untracked().trim().parse().ok(),
        };
        let client = client.get_value();
        spawn_local(async move {
            match client.post::<MadeToken>(TOKENS, &new).await {
                Ok(token) => {
                    made.try_set(Some(token.token));
                    name.try_set(String::new());
                    read();
                }
                Err(failure) => toasts.failed(failure.to_string()),
            }
        });
    };
    let revoke = move |id: String| {
        let client = client.get_value();
        spawn_local(async move {
            match client.delete(&token_path(&id)).await {
                Ok(()) => read(),
                Err(failure) => toasts.failed(failure.to_string()),
            }
        });
    };
    let row = move |token: IssuedToken| {
        let ends = token
            .ends
            .map_or_else(|| "does not end".to_owned(), |end| format!("ends {}", time(end)));
        let (id, name) = (token.id.clone(), token.name.clone());
        let last = if token.revoked {
            view! { <span class="faint">"revoked"</span> }.into_any()
        } else {
            view! { <Button label="Revoke" disabled=held on_click=move || revoke(id.clone()) /> }
                .into_any()
        };
        view! {
            <tr class:gone=token.revoked data-token=name.clone()>
                <td><b>{name.clone()}</b></td>
                <td>{role_name(token.role)}</td>
                <td>{format!("made {}", time(token.made))}</td>
                <td>{ends}</td>
                <td>{last}</td>
            </tr>
        }
    };
    let shown = move || {
        match list.get() {
        None => view! { <Waiting /> }.into_any(),
        Some(Err(failure)) => view! { <Problem failure /> }.into_any(),
        Some(Ok(list)) if list.is_empty() => view! { <p class="hint">"No token was made to keep. Access links are not listed."</p> }.into_any(),
        Some(Ok(list)) => view! { <table class="plain-table" data-testid="tokens"><tbody>{list.into_iter().map(row).collect_view()}</tbody></table> }.into_any(),
    }
    };
    view! {
        <h2>"Tokens"</h2>
        {move || made.get().map(|text| view! { <Once what="The token was made.".to_owned() text /> })}
        {shown}
        <form class="inline-form" on:submit=move |event| { event.prevent_default(); if !incomplete.get_untracked() { make(); } }>
            <Field label="For whom or what" value=name placeholder="build server" id="token-name" />
            <RoleChoice role label="Role" />
            <Field label="Days, or nothing" value=days problem=wrong id="token-days" />
            <Button label="Make token" kind=Kind::Primary sign=Sign::Plus id="token-make" disabled=incomplete on_click=make />
        </form>
    }
}
