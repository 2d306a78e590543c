//! The frame of the settings: their parts on the left.

use leptos::prelude::*;

use super::{
    access::Access, appearance::Appearance, backup::Backup, keys::Keys, metadata::Metadata,
    permissions::Permissions, secrets::Secrets, variables::Variables,
};
use crate::{
    components::Link,
    connections::{Desk, Updates, use_desk},
    place::{Place, Section, use_nav},
};

/// What a part of the settings is called.
pub fn section_title(section: Section) -> &'static str {
    match section {
        Section::Appearance => "Appearance",
        Section::Keys => "Keys",
        Section::Metadata => "Node metadata",
        Section::Variables => "Variables",
        Section::Secrets => "Secrets",
        Section::Permissions => "Permissions",
        Section::Access => "Tokens and users",
        Section::Backup => "Backup",
        Section::Updates => "Updates",
    }
}

/// The parts there are here: a browser is not brought up to date by the node.
pub fn sections(desk: Desk) -> impl Iterator<Item = Section> {
    let is_here = move |section: &Section| *section != Section::Updates || desk.is_desktop();
    Section::ALL.into_iter().filter(is_here)
}

/// The Settings screen.
#[component]
pub fn SettingsScreen() -> impl IntoView {
    let nav = use_nav();
    let section = nav.says(|place| match place {
        Place::Settings { section } => Some(section),
        _ => None,
    });
    let entries = sections(use_desk()).map(|each| {
        view! {
            <Link
                to=Place::Settings { section: each }
                class="settings-entry"
                current=Signal::derive(move || section.get() == each)
                id=format!("settings-{}", each.name())
            >
                {section_title(each)}
            </Link>
        }
    });
    let body = move || match section.get() {
        Section::Appearance => view! { <Appearance /> }.into_any(),
        Section::Keys => view! { <Keys /> }.into_any(),
        Section::Metadata => view! { <Metadata /> }.into_any(),
        Section::Variables => view! { <Variables /> }.into_any(),
        Section::Secrets => view! { <Secrets /> }.into_any(),
        Section::Permissions => view! { <Permissions /> }.into_any(),
        Section::Access => view! { <Access /> }.into_any(),
        Section::Backup => view! { <Backup /> }.into_any(),
        Section::Updates => view! {
            <header class="page-head"><h1>"Updates"</h1></header>
            <div class="settings-form"><Updates /></div>
        }
        .into_any(),
    };
    view! {
        <div class="page settings-page" data-testid="settings">
            <nav class="settings-nav" aria-label="Parts of the settings">{entries.collect_view()}</nav>
            <div class="settings-body">{body}</div>
        </div>
    }
}
