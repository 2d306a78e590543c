//! The people who share a node, and their invitations.

use leptos::{prelude::*, task::spawn_local};
use pipewright_protocol::studio::{
    Invited, NewUser, Renewal, Role, USERS, User, UserRole, user_invitation_path, user_path,
};

use super::access::{Once, ROLES, RoleChoice, time};
use crate::{
    client::{Failure, use_client},
    components::{Button, Field, IconButton, Kind, Problem, Sign, Waiting, use_toasts},
    state::use_live,
};

/// How far an invitation is.
fn standing(user: &User) -> String {
    match (user.invited_until, user.accepted) {
        (Some(until), _) => format!("invited until {}", time(until)),
        (None, Some(accepted)) => format!("accepted {}", time(accepted)),
        (None, None) => "invitation has ended".to_owned(),
    }
}

/// The users.
#[component]
pub(super) fn Users() -> impl IntoView {
    let (live, toasts) = (use_live(), use_toasts());
    let client = StoredValue::new(use_client());
    let list = RwSignal::new(None::<Result<Vec<User>, Failure>>);
    let invited = RwSignal::new(None::<Invited>);
    let name = RwSignal::new(String::new());
    let role = RwSignal::new(Role::Reader);
    let read = move || {
        let Some(client) = client.try_get_value() else { return };
        spawn_local(async move {
            let answer = client.get::<Vec<User>>(USERS).await;
            list.try_set(Some(answer));
        });
    };
    read();
    let held = Signal::derive(move || !live.may_change());
    let incomplete = Signal::derive(move || held.get() || name.with(|name| name.trim().is_empty()));
    let took = move |answer: Result<Invited, Failure>| match answer {
        Ok(new) => {
            invited.try_set(Some(new));
            read();
        }
        Err(failure) => toasts.failed(failure.to_string()),
    };
    let invite = move || {
        let new = NewUser {
            name: name.get_untracked().trim().to_owned(),
            role: role.get_untracked(),
            days: None,
        };
        let client = client.get_value();
        spawn_local(async move {
            let answer = client.post(USERS, &new).await;
            if answer.is_ok() {
                name.try_set(String::new());
            }
            took(answer);
        });
    };
    let again = move |name: String| {
        let client = client.get_value();
        spawn_local(async move {
            took(client.post(&user_invitation_path(&name), &Renewal::default()).await);
        });
    };
    let change = move |name: String, chosen: String| {
        let Some((role, _)) = ROLES.iter().find(|(_, each)| *each == chosen) else { return };
        let role = UserRole { role: *role };
        let client = client.get_value();
        spawn_local(async move {
            let changed = client.put(&user_path(&name), &role).await;
            if let Err(failure) = changed {
                toasts.failed(failure.to_string());
            }
            read();
        });
    };
    let remove = move |name: String| {
        let client = client.get_value();
        spawn_local(async move {
            match client.delete(&user_path(&name)).await {
                Ok(()) => read(),
                Err(failure) => toasts.failed(failure.to_string()),
            }
        });
    };
    let row = move |user: User| {
        let (mine, second, third) = (user.name.clone(), user.name.clone(), user.name.clone());
        let about = standing(&user);
        view! {
            <tr>
                <td><b>{user.name.clone()}</b></td>
                <td>
                    <select aria-label=format!("Role of {}", user.name) disabled=move || held.get() on:change=move |event| change(mine.clone(), event_target_value(&event))>
                        {ROLES.map(|(each, name)| view! { <option value=name selected=each == user.role>{name}</option> })}
                    </select>
                </td>
                <td>{about}</td>
                <td>
                    <Button label="Invite again" disabled=held on_click=move || again(second.clone()) />
                    <IconButton sign=Sign::Close label=format!("Remove {}", user.name) disabled=held on_click=move || remove(third.clone()) />
                </td>
            </tr>
        }
    };
    let shown = move || {
        match list.get() {
        None => view! { <Waiting /> }.into_any(),
        Some(Err(failure)) => view! { <Problem failure /> }.into_any(),
        Some(Ok(list)) if list.is_empty() => view! { <p class="hint">"Nobody shares this node yet. Who is invited makes a token out of the invitation with " <code>"pipewright user accept URL"</code> "."</p> }.into_any(),
        Some(Ok(list)) => view! { <table class="plain-table" data-testid="users"><tbody>{list.into_iter().map(row).collect_view()}</tbody></table> }.into_any(),
    }
    };
    view! {
        <h2>"Users"</h2>
        {move || invited.get().map(|new| view! { <Once what=format!("The invitation of {}.", new.user.name) text=new.invitation /> })}
        {shown}
        <form class="inline-form" on:submit=move |event| { event.prevent_default(); if !incomplete.get_untracked() { invite(); } }>
            <Field label="Name" value=name placeholder="ada" id="user-name" />
            <RoleChoice role label="Role" />
            <Button label="Invite" kind=Kind::Primary sign=Sign::Plus id="user-invite" disabled=incomplete on_click=invite />
        </form>
    }
}
