//! Pipes that read what was chosen of a system, made in one step.

use leptos::prelude::*;
use pipewright_protocol::studio::{Edits, SystemOffer};

use crate::{
    components::{Field, Form, Sign},
    draft::{Maker, create, name_problem, pipe_name, pipe_of, text},
    place::Place,
    state::use_live,
};

/// One pipe to be made.
#[derive(Clone)]
struct Draft {
    offer: SystemOffer,
    name: RwSignal<String>,
}

/// Asks for the names, shows the files, and makes them.
#[component]
pub(super) fn NewPipes(
    /// The system.
    system: String,
    /// What was chosen.
    offers: Vec<SystemOffer>,
    /// Called when they are made or given up.
    on_close: impl Fn() + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let (live, maker) = (use_live(), Maker::start());
    let drafts: Vec<Draft> = offers
        .into_iter()
        .map(|offer| Draft { name: RwSignal::new(pipe_name(&system, &offer)), offer })
        .collect();
    let drafts = StoredValue::new(drafts);
    let names = Memo::new(move |_| {
        let name = |draft: &Draft| draft.name.with(|name| name.trim().to_owned());
        drafts.with_value(|drafts| drafts.iter().map(name).collect::<Vec<_>>())
    });
    let problem = move |name: RwSignal<String>| {
        Memo::new(move |_| {
            let id = name.with(|name| name.trim().to_owned());
            name_problem(&id, "pipe", |id| {
                live.name_taken(id)
                    || names.with(|names| names.iter().filter(|each| *each == id).count() > 1)
            })
        })
    };
    let rows: Vec<_> = drafts.with_value(|drafts| {
        drafts.iter().map(|draft| (draft.clone(), problem(draft.name))).collect()
    });
    let problems: Vec<Memo<Option<String>>> = rows.iter().map(|(_, problem)| *problem).collect();
    let problems = StoredValue::new(problems);
    let wrong = Memo::new(move |_| {
        problems.with_value(|all| all.iter().any(|it| it.with(Option::is_some)))
    });
    let make = move || {
        let names = names.get_untracked();
        let files = drafts.with_value(|drafts| {
            let both = drafts.iter().zip(&names);
            both.map(|(draft, id)| create("pipes", id, &pipe_of(id, &draft.offer))).collect()
        });
        let label = match names.as_slice() {
            [one] => format!("Add pipe {one}"),
            names => format!("Add {} pipes", names.len()),
        };
        let then = names.first().map(|id| Place::Flow { select: Some(format!("pipe:{id}")) });
        maker.make(Edits { label, files }, then, on_close);
    };
    let shown = rows.into_iter().map(|(draft, problem)| {
        let Draft { offer, name } = draft;
        let label = format!("Pipe that reads {}", offer.name);
        let config = move || {
            let id = name.with(|name| name.trim().to_owned());
            text(&pipe_of(&id, &offer))
        };
        view! {
            <div class="draft">
                <Field label value=name problem id="new-pipe-name" />
                <details>
                    <summary>{move || format!("pipes/{}.conf.json", name.get().trim())}</summary>
                    <pre class="code-block">{config}</pre>
                </details>
            </div>
        }
    });
    view! {
        <Form
            label="Add"
            sign=Sign::Plus
            id="new-pipes-add"
            disabled=Signal::derive(move || maker.busy.get() || wrong.get())
            on_submit=make
            on_close
        >
            <p>"Each copies everything it reads into a dataset of its own name."</p>
            <div class="drafts">{shown.collect_view()}</div>
        </Form>
    }
}
