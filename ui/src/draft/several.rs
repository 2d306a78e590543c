//! Copying or taking away several pipes and systems in one step.

use leptos::prelude::*;
use pipewright_language::FileChange;

use super::{
    Act, Maker, Review,
    acts::{Breaks, broken_without},
    name_problem,
};
use crate::{
    components::{Field, Form, Icon, Sign},
    place::Place,
    state::{use_language, use_live},
};

/// Shows what would change, and does it.
#[component]
pub fn Several(
    /// What is done with them: copied, or taken away.
    act: Act,
    /// The pipes and systems.
    ids: Vec<String>,
    /// Called when it is done or given up.
    on_close: impl Fn() + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let (live, language, maker) = (use_live(), use_language(), Maker::start());
    let count = ids.len();
    let copies = act == Act::Copy;
    let ids = StoredValue::new(ids);
    let suffix = RwSignal::new(String::from("-copy"));
    let names = Memo::new(move |_| {
        let suffix = suffix.with(|suffix| suffix.trim().to_owned());
        let name = |id: &String| (id.clone(), format!("{id}{suffix}"));
        ids.with_value(|ids| ids.iter().map(name).collect::<Vec<_>>())
    });
    let wrong = Memo::new(move |_| {
        if !copies {
            return None;
        }
        names.with(|names| {
            names.iter().find_map(|(_, new)| name_problem(new, "copy", |id| live.name_taken(id)))
        })
    });
    let drafted = Memo::new(move |_| -> Result<Vec<FileChange>, String> {
        if wrong.with(Option::is_some) {
            return Ok(Vec::new());
        }
        language.ready();
        let drafted = language.look_at(|workspace| match copies {
            true => names.with(|names| workspace.copy_components(names)),
            false => ids.with_value(|ids| workspace.remove_components(ids)),
        });
        drafted.unwrap_or_else(|| Ok(Vec::new()))
    });
    let changes = Signal::derive(move || drafted.get().unwrap_or_default());
    let breaks = Memo::new(move |_| match copies {
        true => Vec::new(),
        false => ids.with_value(|ids| broken_without(language, ids)),
    });
    let make = move || {
        let (label, then) = match copies {
            true => {
                let first = names.with_untracked(|names| names.first().map(|(_, new)| new.clone()));
                let select = first.map(|new| format!("pipe:{new}"));
                (format!("Duplicate {count} components"), Place::Flow { select })
            }
            false => (format!("Remove {count} components"), Place::START),
        };
        maker.make(maker.step(label, &changes.get_untracked()), Some(then), on_close);
    };
    let field = copies.then(|| {
        view! { <Field label="Added to each name" value=suffix focus=true problem=wrong id="several-suffix" /> }
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
            label=if copies { "Duplicate" } else { "Remove" }
            sign=if copies { Sign::Copy } else { Sign::Close }
            id="several-do"
            class="act"
            disabled=Signal::derive(move || maker.busy.get() || wrong.with(Option::is_some) || changes.with(Vec::is_empty))
            on_submit=make
            on_close
        >
            <div class="act-head">{field} <Breaks pipes=breaks /> {refused}</div>
            <Review changes />
        </Form>
    }
}
