//! Another dataset for a pipe to read.

use leptos::prelude::*;
use pipewright_language::FileChange;

use crate::{
    components::{Form, Icon, Select, Sign},
    draft::{Maker, Review},
    place::Place,
    state::{use_language, use_live},
};

/// What stands for reading a dataset besides those that are read already.
const ALSO: &str = "In addition to what it reads";

/// Asks which and instead of what, shows what would change, and does it.
#[component]
pub(super) fn Read(
    pipe: String,
    /// The dataset to begin with.
    dataset: Option<String>,
    /// Called when it is done or given up.
    on_close: impl Fn() + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let (live, language, maker) = (use_live(), use_language(), Maker::start());
    let (readings, several) = untrack(|| {
        let asked = language.look_at(|workspace| {
            let readings = workspace.readings(&pipe).into_iter();
            let ids: Vec<String> = readings.map(|reading| reading.dataset).collect();
            (ids, workspace.reads_several(&pipe))
        });
        asked.unwrap_or_default()
    });
    let pipe = StoredValue::new(pipe);
    let all = untrack(|| live.readable());
    let first = dataset.or_else(|| all.first().cloned()).unwrap_or_default();
    let new = RwSignal::new(first);
    let already = |id: &String| readings.contains(id);
    let options: Vec<String> = all.into_iter().filter(|id| !already(id)).collect();
    let mut instead: Vec<String> = readings.clone();
    if several {
        instead.push(ALSO.to_owned());
    }
    let old = RwSignal::new(match several {
        true => ALSO.to_owned(),
        false => readings.first().cloned().unwrap_or_default(),
    });
    let known = StoredValue::new(readings.clone());
    let wrong = Memo::new(move |_| {
        new.with(|new| {
            known
                .with_value(|known| known.contains(new))
                .then(|| format!("{} reads {new} already.", pipe.get_value()))
        })
    });
    let drafted = Memo::new(move |_| -> Result<Vec<FileChange>, String> {
        if let Some(wrong) = wrong.get() {
            return Err(wrong);
        }
        language.ready();
        let (pipe, new, old) = (pipe.get_value(), new.get(), old.get());
        let drafted = language.look_at(|workspace| match old.as_str() {
            "" | ALSO => workspace.read_also(&pipe, &new),
            old => workspace.read_instead(&pipe, old, &new),
        });
        drafted.unwrap_or_else(|| Ok(Vec::new()))
    });
    let changes = Signal::derive(move || drafted.get().unwrap_or_default());
    let make = move || {
        let (pipe, new) = (pipe.get_value(), new.get_untracked());
        let then = Place::Flow { select: Some(format!("pipe:{pipe}")) };
        let step = maker.step(format!("{pipe} reads {new}"), &changes.get_untracked());
        maker.make(step, Some(then), on_close);
    };
    let choice = match instead.as_slice() {
        [] => view! { <p class="hint">"It takes the place of what the pipe reads now."</p> }
            .into_any(),
        _ => view! { <Select label="Instead of" value=old options=instead id="read-old" /> }
            .into_any(),
    };
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
            label="Read it"
            sign=Sign::Check
            id="read-do"
            class="act"
            disabled=Signal::derive(move || maker.busy.get() || changes.with(Vec::is_empty))
            on_submit=make
            on_close
        >
            <div class="act-head">
                <Select label="Dataset" value=new options id="read-new" />
                {choice}
                {refused}
            </div>
            <Review changes />
        </Form>
    }
}
