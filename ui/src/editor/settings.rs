//! The parts of a pipe as forms, beside the text.

use leptos::prelude::*;
use pipewright_language::FormPart;
use pipewright_protocol::studio::Diagnostic;
use serde_json::json;

use super::text::{Opening, TextPane};
use crate::{
    components::{Button, Sign, Split},
    forms::{ComponentForm, Target},
    monaco::Goto,
    state::{OpenFile, use_live},
};

fn title(part: &str) -> (&'static str, &'static str) {
    match part {
        "source" => ("Source", "Where the entities come from."),
        "transform" => ("Transform", "What becomes of them."),
        "sink" => ("Sink", "Where they go."),
        "pump" => ("Pump", "When it runs, and what happens when something fails."),
        _ => ("Pipe", "What holds for the pipe as a whole."),
    }
}

/// The Settings side of a pipe.
#[component]
pub(super) fn SettingsPane(
    pipe: Memo<String>,
    opening: RwSignal<Opening, LocalStorage>,
    file: Signal<Option<OpenFile>>,
    #[prop(into)] diagnostics: Signal<Vec<Diagnostic>>,
    goto: RwSignal<Option<Goto>>,
) -> impl IntoView {
    let live = use_live();
    let target =
        Target::new(file, Signal::stored(None), Signal::derive(move || !live.may_change()));
    let parts = Memo::new(move |_| {
        let parts = target.ask(|workspace, path| {
            let at = workspace.component_at(&pipe.get())?;
            Some(workspace.parts(path, &at))
        });
        parts.flatten().unwrap_or_default()
    });
    let section = move |FormPart { name, at, is_there }: FormPart| {
        let (heading, about) = title(name);
        let place = at.clone();
        let add = move || {
            let value = match name {
                "sink" => json!({ "type": "dataset", "dataset": pipe.get_untracked() }),
                _ => json!({}),
            };
            target.write(&place, Some(value));
        };
        let body = if is_there {
            view! { <ComponentForm target at=Signal::stored(Some(at)) /> }.into_any()
        } else {
            let usual = match name {
                "sink" => "Not set: a dataset of the pipe's own name.",
                _ => "Not set: it runs when something changes, as the node's settings say.",
            };
            view! {
                <div class="form-unset">
                    <span class="hint">{usual}</span>
                    <Button label=format!("Set {name}") sign=Sign::Plus disabled=Signal::derive(move || !live.may_change()) on_click=add />
                </div>
            }
            .into_any()
        };
        view! {
            <details class="form-section" open=name != "pipe" data-part=name>
                <summary><b>{heading}</b> <span class="hint">{about}</span></summary>
                {body}
            </details>
        }
    };
    let key = |part: &FormPart| (part.name, part.at.to_string(), part.is_there);
    let forms = view! {
        <div class="pane-body" data-testid="pipe-forms">
            <For each=move || parts.get() key children=section />
        </div>
    };
    let panes = vec![forms.into_any(), view! { <TextPane opening diagnostics goto /> }.into_any()];
    view! { <Split name="pipe-settings" shares=&[1.0, 1.0] panes labels=&["Forms", "Text"] /> }
}
