//! Newer versions of the desktop program.

use leptos::{prelude::*, task::spawn_local};
use pipewright_protocol::shell::{
    Channel, UPDATES, UPDATES_CHECK, UPDATES_INSTALL, UpdateChoice, Updates as Told,
};

use super::use_desk;
use crate::{
    client::Failure,
    components::{Button, Kind, Sign, Switch},
};

/// What a channel brings.
fn about(channel: Channel) -> &'static str {
    match channel {
        Channel::Stable => "Stable: releases",
        Channel::Weekly => "Weekly: what is to become the next release",
        Channel::Nightly => "Nightly: what was made the day before",
        Channel::Latest => "Latest: every change that passed its tests",
    }
}

/// Which version runs, which is newer, and how it gets here. Nothing in a
/// browser: the node there is brought up to date by whoever runs it.
#[component]
pub fn Updates() -> impl IntoView {
    let desk = use_desk();
    let told = RwSignal::new(None::<Told>);
    let failure = RwSignal::new(None::<Failure>);
    let busy = RwSignal::new(false);
    let ask = move |how: How| {
        let Ok(shell) = desk.shell() else { return };
        busy.set(true);
        failure.set(None);
        spawn_local(async move {
            let answer = match how {
                How::Look => shell.get::<Told>(UPDATES).await,
                How::Check => shell.post(UPDATES_CHECK, &()).await,
                How::Install => shell.post(UPDATES_INSTALL, &()).await,
                How::Choose(choice) => match shell.put(UPDATES, &choice).await {
                    Ok(()) => shell.get(UPDATES).await,
                    Err(failure) => Err(failure),
                },
            };
            busy.try_set(false);
            match answer {
                Ok(answer) => drop(told.try_set(Some(answer))),
                Err(why) => drop(failure.try_set(Some(why))),
            }
        });
    };
    ask(How::Look);
    let choose = move |change: &dyn Fn(&mut UpdateChoice)| {
        if let Some(mut choice) = told.with_untracked(|told| told.as_ref().map(|it| it.choice)) {
            change(&mut choice);
            ask(How::Choose(choice));
        }
    };
    let shown = move |now: Told| {
        let Told { version, obstacle, choice, asked, offered, installed } = now;
        if let Some(why) = obstacle {
            return view! {
                <p data-testid="updates-state">{format!("Version {version}. {why}")}</p>
            }
            .into_any();
        }
        let is_newer = offered.is_some();
        let state = match (&offered, installed, asked) {
            (Some(newer), true, _) => {
                format!("Version {} is installed. It runs from the next start on.", newer.version)
            }
            (Some(newer), false, _) => format!("Version {version}. {} is there.", newer.version),
            (None, _, true) => format!("Version {version}, the newest of this channel."),
            (None, _, false) => format!("Version {version}."),
        };
        let notes = offered.and_then(|newer| newer.notes);
        view! {
            <p data-testid="updates-state">{state}</p>
            {notes.map(|notes| view! { <pre class="code-block">{notes}</pre> })}
            <label class="field">
                <span>"Channel"</span>
                <select
                    data-testid="updates-channel"
                    on:change=move |event| {
                        let name = event_target_value(&event);
                        let channel = Channel::ALL.into_iter().find(|channel| channel.name() == name);
                        choose(&|choice| choice.channel = channel.unwrap_or_default());
                    }
                >
                    {Channel::ALL.map(|channel| view! {
                        <option value=channel.name() selected=channel == choice.channel>{about(channel)}</option>
                    })}
                </select>
            </label>
            <Switch
                label="Look for newer versions when the program starts"
                on=Signal::derive(move || told.with(|told| told.as_ref().is_some_and(|told| told.choice.automatic)))
                id="updates-automatic"
                on_change=move |on| choose(&|choice| choice.automatic = on)
            />
            <div class="form-actions">
                <Button label="Look now" sign=Sign::Refresh id="updates-check" disabled=busy on_click=move || ask(How::Check) />
                {(is_newer && !installed).then(|| view! {
                    <Button label="Install" kind=Kind::Primary sign=Sign::Check id="updates-install" disabled=busy on_click=move || ask(How::Install) />
                })}
            </div>
        }
        .into_any()
    };
    view! {
        <Show when=move || desk.is_desktop()>
            <section aria-label="Updates" data-testid="updates">
                {move || told.get().map(shown)}
                {move || failure.get().map(|failure| view! { <p class="bad-text" role="alert" data-testid="updates-failure">{failure.to_string()}</p> })}
            </section>
        </Show>
    }
}

/// What is asked of the desktop.
#[derive(Clone, Copy)]
enum How {
    Look,
    Check,
    Install,
    Choose(UpdateChoice),
}
