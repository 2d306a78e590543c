//! The screen of one system.

use leptos::{prelude::*, task::spawn_local};
use pipewright_protocol::studio::{NodeKind, SystemTest, system_test_path};

use super::contents::Contents;
use crate::{
    client::{Failure, use_client},
    commands::{Command, use_commands},
    components::{Button, Empty, Icon, IconButton, Link, Menu, Sign, Split, Tabs},
    draft::{ActDialog, act_items},
    editor::{SaveButton, TextPane, found, offer_save, open_file, opened},
    forms::{ComponentForm, Target},
    place::{Place, SystemTab, use_nav},
    state::{OpenFile, use_language, use_live},
};

/// The screen of one system: config as form and text, what it offers.
#[component]
pub fn SystemScreen() -> impl IntoView {
    let (live, nav, language) = (use_live(), use_nav(), use_language());
    let at = move |place| match place {
        Place::System { id, tab } => Some((id, tab)),
        _ => None,
    };
    let system = nav.says(move |place| at(place).map(|(id, _)| id));
    let tab = nav.says(move |place| at(place).map(|(_, tab)| tab));
    let path = Memo::new(move |_| {
        let id = system.get();
        live.graph.with(|graph| {
            let mut nodes = graph.iter().flat_map(|graph| &graph.nodes);
            nodes
                .find(|node| node.kind == NodeKind::System && node.name == id)
                .and_then(|node| node.file.clone())
        })
    });
    let missing =
        Memo::new(move |_| live.graph.with(Option::is_some) && path.with(Option::is_none));
    let opening = open_file(path);
    let file = opened(opening);
    offer_save(file);
    let diagnostics = found(file);
    let goto = RwSignal::new(None);
    let dirty = Memo::new(move |_| file.with(|file| file.as_ref().is_some_and(OpenFile::dirty)));
    let at = Signal::derive(move || {
        language.ready();
        let file = file.get()?;
        let text = file.text.get();
        language.ask(&file.path, &text, |workspace| workspace.component_at(&system.get())).flatten()
    });
    let target = Target::new(
        file,
        Signal::derive(move || Some(system.get())),
        Signal::derive(move || !live.may_change()),
    );
    let tabs = Signal::derive(move || {
        let at = |tab| Place::System { id: system.get(), tab };
        vec![("Config", at(SystemTab::Config)), ("Contents", at(SystemTab::Contents))]
    });
    let here = Signal::derive(move || Place::System { id: system.get(), tab: tab.get() });

    let act = RwSignal::new(None);
    let acts = Signal::derive(move || {
        let held = (!live.may_change())
            .then(|| "Your access to this node is for reading only.".to_owned());
        act_items(act, held)
    });
    let client = StoredValue::new(use_client());
    let tested = RwSignal::new(None::<Result<SystemTest, Failure>>);
    let busy = RwSignal::new(false);
    Effect::new(move || {
        system.track();
        tested.set(None);
    });
    let test = move || {
        let asked = system.get_untracked();
        busy.set(true);
        let client = client.get_value();
        spawn_local(async move {
            let answer = client.get::<SystemTest>(&system_test_path(&asked)).await;
            busy.try_set(false);
            if system.try_get_untracked() == Some(asked) {
                tested.try_set(Some(answer));
            }
        });
    };
    let held = Memo::new(move |_| {
        if dirty.get() {
            Some("Save first: what is saved is what is tested.")
        } else if !live.trusted() {
            Some("This folder has not been allowed to run yet.")
        } else {
            None
        }
    });
    use_commands().offer(move || {
        if held.with(Option::is_none) {
            vec![
                Command::new(
                    "system-test",
                    format!("Test the connection to {}", system.get()),
                    Sign::Play,
                    test,
                )
                .keys("Ctrl+Enter"),
            ]
        } else {
            Vec::new()
        }
    });
    let outcome = move || {
        tested.get().map(|answer| {
            let (class, sign, text) = match answer {
                Ok(SystemTest { ok: true, message }) => ("notice good", Sign::Check, message),
                Ok(SystemTest { message, .. }) => ("notice error", Sign::Error, message),
                Err(failure) => ("notice error", Sign::Error, failure.to_string()),
            };
            view! {
                <div class=class role="status" data-testid="system-tested">
                    <Icon sign />
                    <span>{text}</span>
                    <IconButton sign=Sign::Close label="Close" on_click=move || tested.set(None) />
                </div>
            }
        })
    };
    let body = move || match tab.get() {
        SystemTab::Config => {
            let panes = vec![
                view! { <div class="pane-body"><ComponentForm target at id="system-form" /></div> }
                    .into_any(),
                view! { <TextPane opening diagnostics goto /> }.into_any(),
            ];
            view! { <Split name="system" shares=&[1.0, 1.0] panes labels=&["Form", "Text"] /> }
                .into_any()
        }
        SystemTab::Contents => view! { <Contents system held /> }.into_any(),
    };
    view! {
        <div class="page" data-testid="system">
            <header class="page-head">
                <Link to=Place::Systems class="crumb">"Systems"</Link>
                <h1 class:dirty=move || dirty.get()>{move || system.get()}</h1>
                <Tabs label="Sides of the system" tabs current=here />
                <div class="page-actions">
                    <Link to=Signal::derive(move || Place::Flow { select: Some(format!("system:{}", system.get())) }) class="button" id="system-in-flow">
                        <Icon sign=Sign::Flow />
                        <span>"Show in flow"</span>
                    </Link>
                    <Button
                        label=Signal::derive(move || if busy.get() { "Testing…" } else { "Test connection" }.to_owned())
                        sign=Sign::Play
                        id="system-test"
                        tip=Signal::derive(move || held.get().unwrap_or("Tries to reach the system; nothing is written (Ctrl+Enter)").to_owned())
                        disabled=Signal::derive(move || busy.get() || held.with(Option::is_some))
                        on_click=test
                    />
                    <Menu label="More" id="system-more" items=acts>
                        <Icon sign=Sign::More />
                    </Menu>
                    <SaveButton file />
                </div>
            </header>
            {outcome}
            <ActDialog act id=system is_pipe=false />
            <Show
                when=move || !missing.get()
                fallback=move || {
                    view! {
                        <Empty
                            sign=Sign::System
                            title=Signal::derive(move || format!("There is no system {}", system.get()))
                            hint="It may have been renamed or removed. All systems are in the list."
                        />
                    }
                }
            >
                {body}
            </Show>
        </div>
    }
}
