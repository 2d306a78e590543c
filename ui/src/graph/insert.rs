//! A transform, or a pipe, put into a line: into the pipe the line leads to,
//! or as a pipe of its own between the two.

use leptos::prelude::*;
use pipewright_language::{FileChange, Part};
use pipewright_protocol::studio::Spot;
use serde_json::Value;

use super::new_pipe::{SystemChoice, part};
use crate::{
    components::{Field, Form, Icon, Sign},
    draft::{Maker, Review, name_problem, placed},
    place::Place,
    state::{use_language, use_live},
};

/// Asks where, shows what would change, and does it.
#[component]
pub(super) fn Insert(
    /// The type of the transform; none for a pipe.
    kind: Option<String>,
    /// The pipe the line leads to, or comes from.
    pipe: String,
    /// The dataset that flows, if another pipe could read it.
    dataset: Option<String>,
    /// Whether it comes before the pipe's other transforms.
    in_front: bool,
    /// Where a pipe of its own is put.
    spot: Option<Spot>,
    /// Called when it is done or given up.
    on_close: impl Fn() + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let (live, language, maker) = (use_live(), use_language(), Maker::start());
    let may_stand_alone = dataset.is_some();
    let must_stand_alone = kind.is_none();
    let alone = RwSignal::new(must_stand_alone);
    let begin = format!("{pipe}-{}", kind.as_deref().unwrap_or("before"));
    let free = (1..).map(|n| if n == 1 { begin.clone() } else { format!("{begin}-{n}") });
    let free = free.into_iter().find(|name| !untrack(|| live.name_taken(name)));
    let name = RwSignal::new(free.unwrap_or_default());
    let system = RwSignal::new(String::new());
    let chooses =
        kind.clone().map(|kind| view! { <SystemChoice part=Part::Transform kind system /> });
    let given = StoredValue::new((kind, pipe.clone(), dataset.clone()));
    let wrong = Memo::new(move |_| {
        if !alone.get() {
            return None;
        }
        name.with(|name| name_problem(name.trim(), "pipe", |id| live.name_taken(id)))
    });
    let drafted = Memo::new(move |_| -> Result<Vec<FileChange>, String> {
        if wrong.with(Option::is_some) {
            return Ok(Vec::new());
        }
        language.ready();
        let (kind, pipe, dataset) = given.get_value();
        let transform: Option<Value> =
            system.with(|system| kind.map(|kind| part(Part::Transform, &kind, system)));
        let drafted = language.look_at(|workspace| match (alone.get(), &dataset, &transform) {
            (true, Some(dataset), transform) => name.with(|name| {
                workspace.insert_pipe(name.trim(), transform.as_ref(), dataset, &pipe)
            }),
            (_, _, Some(transform)) => workspace.add_transform(&pipe, transform, in_front),
            _ => Ok(Vec::new()),
        });
        drafted.unwrap_or_else(|| Ok(Vec::new()))
    });
    let changes = Signal::derive(move || drafted.get().unwrap_or_default());
    let make = move || {
        let (kind, pipe, _) = given.get_value();
        let what = kind.unwrap_or_else(|| "a pipe".into());
        let mut step = maker.step(format!("Insert {what} before {pipe}"), &changes.get_untracked());
        let select = match alone.get_untracked() {
            true => {
                let id = name.get_untracked().trim().to_owned();
                step.files.extend(placed(format!("pipe:{id}"), spot));
                id
            }
            false => {
                if !in_front {
                    step.label = format!("Add {what} to {pipe}");
                }
                pipe
            }
        };
        let then = Place::Flow { select: Some(format!("pipe:{select}")) };
        maker.make(step, Some(then), on_close);
    };
    let way = move |own: bool, title: &'static str, about: String| {
        view! {
            <button
                type="button"
                role="radio"
                class="choice"
                aria-checked=move || (alone.get() == own).to_string()
                data-testid=if own { "insert-alone" } else { "insert-inside" }
                on:click=move |_| alone.set(own)
            >
                <b>{title}</b>
                <span>{about}</span>
            </button>
        }
    };
    let ways = (may_stand_alone && !must_stand_alone).then(|| {
        let dataset = dataset.clone().unwrap_or_default();
        view! {
            <div class="choices" role="radiogroup" aria-label="Where">
                {way(false, "In the pipe", format!("{pipe} does it first, before its own transforms."))}
                {way(true, "As a pipe of its own", format!("It reads {dataset} and keeps a dataset, which {pipe} reads instead."))}
            </div>
        }
    });
    let refused = move || {
        drafted.with(|drafted| {
            drafted.as_ref().err().map(|why| {
                let why = why.clone();
                view! { <div class="notice error"><Icon sign=Sign::Error /><span>{why}</span></div> }
            })
        })
    };
    view! {
        <Form
            label="Insert"
            sign=Sign::Plus
            id="insert-do"
            class="act"
            disabled=Signal::derive(move || maker.busy.get() || wrong.with(Option::is_some) || changes.with(Vec::is_empty))
            on_submit=make
            on_close
        >
            <div class="act-head">
                {ways}
                <Show when=move || alone.get()>
                    <Field label="Name of the new pipe" value=name focus=true problem=wrong id="insert-name" />
                </Show>
                {chooses}
                {refused}
            </div>
            <Review changes />
        </Form>
    }
}
