//! Drawing a line from a dataset into the open: a new pipe that reads it.

use leptos::{prelude::*, task::spawn_local};
use pipewright_protocol::studio::{Change, Edits, FileEdit};

use crate::{
    client::Failure,
    components::{Button, Field, Kind, Sign, use_toasts},
    place::{Place, use_nav},
    state::{use_history, use_live},
};

/// The config a new pipe starts with.
fn config(id: &str, dataset: &str) -> String {
    let text = |text: &str| serde_json::Value::from(text).to_string();
    format!(
        r#"{{
  "_id": {},
  "type": "pipe",
  "source": {{
    "type": "dataset",
    "dataset": {}
  }},
  "transform": {{
    "type": "dtl",
    "rules": {{
      "default": [
        ["copy", "*"]
      ]
    }}
  }}
}}
"#,
        text(id),
        text(dataset)
    )
}

/// What is wrong with a pipe's name, if anything.
fn problem(id: &str, taken: impl Fn(&str) -> bool) -> Option<String> {
    if id.is_empty() {
        Some("Give the pipe a name.".into())
    } else if !id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c))
    {
        Some("Use small letters, digits, - and _ only.".into())
    } else if taken(id) {
        Some(format!("There is a pipe or dataset {id} already."))
    } else {
        None
    }
}

/// Asks for the name, shows the file that will be made, and makes it.
#[component]
pub(super) fn NewPipe(
    /// The dataset to read.
    dataset: String,
    /// Called when it is made or given up.
    on_close: impl Fn() + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let (live, history, nav, toasts) = (use_live(), use_history(), use_nav(), use_toasts());
    let name = RwSignal::new(format!("{dataset}-new"));
    let taken = move |id: &str| {
        live.pipes.with(|pipes| pipes.contains_key(id))
            || live.datasets.with(|datasets| datasets.contains_key(id))
            || live.pipe_node(id).is_some()
    };
    let wrong = Memo::new(move |_| name.with(|name| problem(name.trim(), taken)));
    let text = {
        let dataset = dataset.clone();
        Memo::new(move |_| name.with(|name| config(name.trim(), &dataset)))
    };
    let busy = RwSignal::new(false);
    let make = move || {
        let id = name.get_untracked().trim().to_owned();
        if busy.get_untracked() || wrong.with_untracked(Option::is_some) {
            return;
        }
        busy.set(true);
        let path = format!("pipes/{id}.conf.json");
        let step = Edits {
            label: format!("Add pipe {id}"),
            files: vec![FileEdit { path, change: Change::Create { text: text.get_untracked() } }],
        };
        spawn_local(async move {
            let made = history.apply(step).await;
            busy.try_set(false);
            match made {
                Ok(()) => {
                    on_close();
                    toasts.done(format!("Pipe {id} was added. Ctrl+Z takes it back."));
                    nav.go(Place::Flow { select: Some(format!("pipe:{id}")) });
                }
                Err(Failure::Conflict(conflict)) => {
                    toasts.failed(format!("There is a file {} already.", conflict.path))
                }
                Err(failure) => toasts.failed(failure.to_string()),
            }
        });
    };
    view! {
        <form
            class="form"
            on:submit=move |event| {
                event.prevent_default();
                make();
            }
        >
            <p>"A pipe that reads " <b>{dataset}</b> " and writes a dataset of its own name."</p>
            <Field label="Name of the pipe" value=name focus=true problem=wrong id="new-pipe-name" />
            <div class="new-file">
                <span class="new-file-path">{move || format!("pipes/{}.conf.json", name.get().trim())} <em>"new file"</em></span>
                <pre>{move || text.get().lines().map(|line| view! { <span class="added">{line.to_owned()}</span> }).collect_view()}</pre>
            </div>
            <div class="form-actions">
                <Button label="Cancel" on_click=move || on_close() />
                <Button label="Add pipe" kind=Kind::Primary sign=Sign::Plus id="new-pipe-add" disabled=Signal::derive(move || busy.get() || wrong.with(Option::is_some)) on_click=make />
            </div>
        </form>
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_new_pipe_is_valid_json_whatever_it_reads() {
        let text = config("a-b", "odd \"name\"");
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["source"]["dataset"], "odd \"name\"");
        assert_eq!(value["_id"], "a-b");
    }

    #[test]
    fn names_that_cannot_be_are_refused() {
        let taken = |id: &str| id == "crm-person";
        assert_eq!(problem("person-new", taken), None);
        for bad in ["", "a b", "../x", "Å", "crm-person"] {
            assert!(problem(bad, taken).is_some(), "{bad}");
        }
    }
}
