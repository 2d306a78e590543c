//! The metadata of the node, as form and text.

use leptos::prelude::*;
use pipewright_language::Path;
use pipewright_protocol::studio::{Change, Edits, FileEdit, FileKind};
use serde_json::json;

use crate::{
    components::{Button, Empty, Kind, Sign, Split},
    draft::{Maker, text},
    editor::{SaveButton, TextPane, found, offer_save, open_file, opened},
    forms::{ComponentForm, Target},
    state::{OpenFile, use_live},
};

const FILE: &str = "node-metadata.conf.json";

/// The metadata of the node.
#[component]
pub(super) fn Metadata() -> impl IntoView {
    let (live, maker) = (use_live(), Maker::start());
    let path = Memo::new(move |_| {
        live.files.with(|files| {
            let mut files = files.iter().flat_map(|files| files.iter());
            files.find(|file| file.kind == FileKind::Metadata).map(|file| file.path.clone())
        })
    });
    let missing =
        Memo::new(move |_| live.files.with(Option::is_some) && path.with(Option::is_none));
    let opening = open_file(path);
    let file = opened(opening);
    offer_save(file);
    let diagnostics = found(file);
    let goto = RwSignal::new(None);
    let target =
        Target::new(file, Signal::stored(None), Signal::derive(move || !live.may_change()));
    let dirty = Memo::new(move |_| file.with(|file| file.as_ref().is_some_and(OpenFile::dirty)));
    let make = move || {
        let config = json!({ "_id": "node", "type": "metadata" });
        let change = Change::Create { text: text(&config) };
        let files = vec![FileEdit { path: FILE.into(), change }];
        maker.make(Edits { label: "Add node metadata".into(), files }, None, || ());
    };
    let body = move || {
        let panes = vec![
            view! { <div class="pane-body"><ComponentForm target at=Signal::stored(Some(Path::root())) id="metadata-form" /></div> }.into_any(),
            view! { <TextPane opening diagnostics goto /> }.into_any(),
        ];
        view! { <Split name="metadata" shares=&[1.0, 1.0] panes labels=&["Form", "Text"] /> }
    };
    view! {
        <header class="page-head">
            <h1 class:dirty=move || dirty.get()>"Node metadata"</h1>
            <span class="page-note">"What holds for the whole node"</span>
            <div class="page-actions"><SaveButton file /></div>
        </header>
        <Show
            when=move || !missing.get()
            fallback=move || view! {
                <Empty sign=Sign::File title="This project has no node metadata" hint="It says what holds for all pipes: namespaces, defaults, retention.">
                    <Button label="Make the file" kind=Kind::Primary sign=Sign::Plus id="metadata-make" disabled=Signal::derive(move || !live.may_change()) on_click=make />
                </Empty>
            }
        >
            {body}
        </Show>
    }
}
