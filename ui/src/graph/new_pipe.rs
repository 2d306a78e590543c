//! A pipe made in the flow: one that reads a dataset, or one with a source of
//! some type.

use leptos::prelude::*;
use pipewright_language::{Part, blank};
use pipewright_protocol::studio::{Edits, Spot};
use serde_json::{Map, Value, json};

use crate::{
    components::{Field, Form, Select, Sign},
    draft::{self, Maker, fitting, name_problem},
    place::{PipeTab, Place},
    state::{use_language, use_live},
};

/// The config a new pipe starts with.
fn config(id: &str, source: &Value) -> Value {
    json!({
        "_id": id,
        "type": "pipe",
        "source": source,
        "transform": { "type": "dtl", "rules": { "default": [["copy", "*"]] } },
    })
}

/// A part of a pipe of a type, with what must be there; `system` is set where
/// it uses one.
pub(super) fn part(part: Part, kind: &str, system: &str) -> Value {
    let mut config: Map<String, Value> = blank(part, kind, "");
    config.remove("_id");
    if !system.is_empty() {
        config.insert("system".into(), system.into());
    }
    if (part, kind) == (Part::Transform, "dtl") {
        config.insert("rules".into(), json!({ "default": [["copy", "*"]] }));
    }
    Value::Object(config)
}

/// The systems that fit, where the type uses one, and which is chosen.
#[component]
pub(super) fn SystemChoice(part: Part, kind: String, system: RwSignal<String>) -> impl IntoView {
    let language = use_language();
    let fitting = Memo::new(move |_| {
        language.ready();
        language.look_at(|workspace| workspace.systems_for(part, &kind)).flatten()
    });
    Effect::new(move || {
        let first = fitting.with(|all| all.as_ref().and_then(|all| all.first().cloned()));
        if let Some(first) = first.filter(|_| system.with_untracked(String::is_empty)) {
            system.set(first);
        }
    });
    move || {
        fitting.get().map(|systems| match systems.as_slice() {
            [] => view! { <p class="hint">"No system fits yet; the name of one is asked for in its settings."</p> }.into_any(),
            _ => view! { <Select label="System" value=system options=systems id="piece-system" /> }.into_any(),
        })
    }
}

/// Asks for the name and what is missing, shows the file that will be made, and
/// makes it.
#[component]
pub(super) fn NewPipe(
    /// The dataset to read, if it is known; `kind` is empty then.
    dataset: Option<String>,
    /// The type of its source.
    kind: Option<String>,
    /// Where its card is put, unless the layout finds a place.
    spot: Option<Spot>,
    /// Called when it is made or given up.
    on_close: impl Fn() + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let (live, maker) = (use_live(), Maker::start());
    let datasets = untrack(|| live.readable());
    let asked = dataset.is_none();
    let first = dataset.or_else(|| datasets.first().cloned()).unwrap_or_default();
    let begin = match &kind {
        Some(kind) => fitting(kind),
        None => format!("{first}-new"),
    };
    // The least number that makes it a name of its own.
    let free = (1..).map(|n| if n == 1 { begin.clone() } else { format!("{begin}-{n}") });
    let free = free.into_iter().find(|name| !untrack(|| live.name_taken(name)));
    let name = RwSignal::new(free.unwrap_or_default());
    let (read, system) = (RwSignal::new(first), RwSignal::new(String::new()));
    let kind = StoredValue::new(kind);
    let wrong = Memo::new(move |_| {
        name.with(|name| name_problem(name.trim(), "pipe", |id| live.name_taken(id)))
    });
    let drafted = Memo::new(move |_| {
        let source = match kind.get_value() {
            Some(kind) => system.with(|system| part(Part::Source, &kind, system)),
            None => json!({ "type": "dataset", "dataset": read.get() }),
        };
        name.with(|name| config(name.trim(), &source))
    });
    let make = move || {
        let id = name.get_untracked().trim().to_owned();
        let mut files = vec![draft::create("pipes", &id, &drafted.get_untracked())];
        files.extend(draft::placed(format!("pipe:{id}"), spot));
        let step = Edits { label: format!("Add pipe {id}"), files };
        let then = match kind.with_value(Option::is_some) {
            // What else its source needs is asked for there.
            true => Place::Pipe { id, tab: PipeTab::Settings },
            false => Place::Flow { select: Some(format!("pipe:{id}")) },
        };
        maker.make(step, Some(then), on_close);
    };
    let about = match (kind.get_value(), asked) {
        (Some(kind), _) => view! {
            <p>"A pipe whose source is " <b>{kind.clone()}</b> ". It writes a dataset of its own name."</p>
            <SystemChoice part=Part::Source kind system />
        }
        .into_any(),
        (None, true) => view! { <Select label="Dataset it reads" value=read options=datasets id="new-pipe-dataset" /> }.into_any(),
        (None, false) => view! {
            <p>"A pipe that reads " <b>{read.get_untracked()}</b> " and writes a dataset of its own name."</p>
        }
        .into_any(),
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
            {about}
            <Field label="Name of the pipe" value=name focus=true problem=wrong id="new-pipe-name" />
            <div class="new-file">
                <span class="new-file-path">{move || format!("pipes/{}.conf.json", name.get().trim())} <em>"new file"</em></span>
                <pre>{move || drafted.with(draft::text).lines().map(|line| view! { <span class="added">{line.to_owned()}</span> }).collect_view()}</pre>
            </div>
        </Form>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_pipe_reads_whatever_it_is_called() {
        let source = json!({ "type": "dataset", "dataset": "odd \"name\"" });
        let config = config("a-b", &source);
        assert_eq!(config["source"]["dataset"], "odd \"name\"");
        assert_eq!(config["_id"], "a-b");
    }

    #[test]
    fn a_part_has_what_must_be_there() {
        let source = part(Part::Source, "sql", "crm");
        assert_eq!((&source["type"], &source["system"]), (&json!("sql"), &json!("crm")));
        assert!(source.get("_id").is_none());
        assert!(part(Part::Transform, "dtl", "")["rules"].is_object());
    }
}
