//! A new system: its type, its name, its file.

use leptos::prelude::*;
use pipewright_language::{FormKind, Part, Workspace, blank};
use pipewright_protocol::studio::{Edits, Spot};
use serde_json::Value;

use crate::{
    components::{Field, Form, Sign},
    draft::{Maker, create, fitting, name_problem, placed},
    place::Place,
    state::use_live,
};

/// The types that most people want, in front of the others.
const USUAL: [&str; 5] =
    ["system:url", "system:rest", "system:postgresql", "system:mysql", "system:sqlite"];

/// All types that run here, the usual ones first.
fn kinds() -> Vec<FormKind> {
    let mut kinds = Workspace::kinds(Part::System);
    kinds.retain(|kind| kind.supported);
    kinds.sort_by_key(|kind| {
        (
            USUAL.iter().position(|usual| *usual == kind.name).unwrap_or(USUAL.len()),
            kind.name.clone(),
        )
    });
    kinds
}

/// Asks what it is and makes it.
#[component]
pub fn NewSystem(
    /// Where its card is put, unless the layout finds a place.
    #[prop(optional_no_strip)]
    spot: Option<Spot>,
    /// Called when it is made or given up.
    on_close: impl Fn() + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let (live, maker) = (use_live(), Maker::start());
    let kind = RwSignal::new(USUAL[0].to_owned());
    let name = RwSignal::new(String::new());
    let begun = Memo::new(move |begun: Option<&bool>| {
        begun.copied().unwrap_or(false) || name.with(|name| !name.is_empty())
    });
    let wrong = Memo::new(move |_| {
        let id = name.with(|name| name.trim().to_owned());
        name_problem(&id, "system", |id| live.name_taken(id))
    });
    let shown = Signal::derive(move || wrong.get().filter(|_| begun.get()));
    let make = move || {
        let id = name.get_untracked().trim().to_owned();
        let config = Value::Object(blank(Part::System, &kind.get_untracked(), &id));
        let mut files = vec![create("systems", &id, &config)];
        files.extend(placed(format!("system:{id}"), spot));
        let step = Edits { label: format!("Add system {id}"), files };
        maker.make(step, Some(Place::system(id)), on_close);
    };
    let choices = kinds().into_iter().map(move |each| {
        let (mine, set) = (each.name.clone(), each.name.clone());
        let short = each.name.trim_start_matches("system:").to_owned();
        let name = short.clone();
        view! {
            <button
                type="button"
                role="radio"
                class="choice"
                data-kind=short
                aria-checked=move || (kind.get() == mine).to_string()
                on:click=move |_| kind.set(set.clone())
            >
                <b>{name}</b>
                <span>{each.about}</span>
            </button>
        }
    });
    view! {
        <Form
            label="Add system"
            sign=Sign::Plus
            id="new-system-add"
            disabled=Signal::derive(move || maker.busy.get() || wrong.with(Option::is_some))
            on_submit=make
            on_close
        >
            <div class="choices" role="radiogroup" aria-label="Type">{choices.collect_view()}</div>
            <Field label="Name of the system" value=name focus=true placeholder="crm" problem=shown id="new-system-name" />
            <p class="hint">
                {move || {
                    let id = name.with(|name| fitting(name));
                    format!("Makes systems/{}.conf.json; what must be set is asked for next.", if id.is_empty() { "NAME" } else { &id })
                }}
            </p>
        </Form>
    }
}
