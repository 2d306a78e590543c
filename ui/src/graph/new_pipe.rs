//! Drawing a line from a dataset into the open: a new pipe that reads it.

use leptos::prelude::*;
use pipewright_protocol::studio::Edits;
use serde_json::{Value, json};

use crate::{
    components::{Field, Form, Sign},
    draft::{self, Maker, name_problem},
    place::Place,
    state::use_live,
};

/// The config a new pipe starts with.
fn config(id: &str, dataset: &str) -> Value {
    json!({
        "_id": id,
        "type": "pipe",
        "source": { "type": "dataset", "dataset": dataset },
        "transform": { "type": "dtl", "rules": { "default": [["copy", "*"]] } },
    })
}

/// Asks for the name, shows the file that will be made, and makes it.
#[component]
pub(super) fn NewPipe(
    /// The dataset to read.
    dataset: String,
    /// Called when it is made or given up.
    on_close: impl Fn() + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let (live, maker) = (use_live(), Maker::start());
    let name = RwSignal::new(format!("{dataset}-new"));
    let read = StoredValue::new(dataset.clone());
    let wrong = Memo::new(move |_| {
        name.with(|name| name_problem(name.trim(), "pipe", |id| live.name_taken(id)))
    });
    let text =
        Memo::new(move |_| name.with(|name| draft::text(&config(name.trim(), &read.get_value()))));
    let make = move || {
        let id = name.get_untracked().trim().to_owned();
        let step = Edits {
            label: format!("Add pipe {id}"),
            files: vec![draft::create("pipes", &id, &config(&id, &read.get_value()))],
        };
        maker.make(step, Some(Place::Flow { select: Some(format!("pipe:{id}")) }), on_close);
    };
    view! {
        <Form
            label="Add pipe"
            sign=Sign::Plus
            id="new-pipe-add"
            disabled=Signal::derive(move || maker.busy.get() || wrong.with(Option::is_some))
            on_submit=make
            on_close
        >
            <p>"A pipe that reads " <b>{dataset}</b> " and writes a dataset of its own name."</p>
            <Field label="Name of the pipe" value=name focus=true problem=wrong id="new-pipe-name" />
            <div class="new-file">
                <span class="new-file-path">{move || format!("pipes/{}.conf.json", name.get().trim())} <em>"new file"</em></span>
                <pre>{move || text.get().lines().map(|line| view! { <span class="added">{line.to_owned()}</span> }).collect_view()}</pre>
            </div>
        </Form>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_pipe_reads_whatever_it_is_called() {
        let config = config("a-b", "odd \"name\"");
        assert_eq!(config["source"]["dataset"], "odd \"name\"");
        assert_eq!(config["_id"], "a-b");
    }
}
