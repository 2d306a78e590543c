//! Files of data that are dropped on the window, or chosen: each is put into the
//! project and becomes a pipe that reads it.

use leptos::{ev, html, prelude::*, task::spawn_local};
use pipewright_protocol::studio::{DataFile, Edits, data_file_path};
use send_wrapper::SendWrapper;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;

use super::{Maker, create, fitting, name_problem, pipe_of};
use crate::{
    client::{Client, Failure, use_client},
    commands::{Command, use_commands},
    components::{Dialog, Field, Form, Sign, use_toasts},
    place::Place,
    state::use_live,
};

/// The endings of files that a pipe can read.
const ENDINGS: [&str; 4] = ["csv", "tsv", "tab", "json"];

/// One file and the pipe it becomes.
#[derive(Clone)]
struct Draft {
    key: usize,
    file: SendWrapper<web_sys::File>,
    name: RwSignal<String>,
}

/// The files that wait for their names. Copies are the same.
#[derive(Clone, Copy)]
pub struct DataFiles {
    drafts: RwSignal<Vec<Draft>>,
    open: RwSignal<bool>,
}

fn ending(name: &str) -> String {
    name.rsplit_once('.').map(|(_, ending)| ending.to_lowercase()).unwrap_or_default()
}

impl DataFiles {
    /// Takes what is dropped on the window until the owner goes.
    pub fn start() -> Self {
        let files = DataFiles { drafts: RwSignal::default(), open: RwSignal::new(false) };
        let (toasts, live) = (use_toasts(), use_live());
        // In front of the text editor, which would open the file in itself.
        let over = window_event_listener(ev::dragover, |event| {
            if brings_files(&event) {
                event.prevent_default();
            }
        });
        let drop = window_event_listener(ev::drop, move |event| {
            if !brings_files(&event) {
                return;
            }
            event.prevent_default();
            let dropped = event.data_transfer().and_then(|data| data.files());
            // Before it is known who one is, the node says so itself.
            let known = untrack(|| live.project.with(Option::is_some));
            if known && !untrack(|| live.may_change()) {
                toasts.failed("Your access does not let you add pipes here.");
            } else if !files.take(dropped) {
                toasts.failed("Only CSV and JSON files can become pipes.");
            }
        });
        on_cleanup(move || {
            over.remove();
            drop.remove();
        });
        files
    }

    /// Asks for the names of the pipes; `false` if there is no file to read.
    fn take(self, list: Option<web_sys::FileList>) -> bool {
        let all = list.iter().flat_map(|list| (0..list.length()).filter_map(|at| list.get(at)));
        let data = all.filter(|file| ENDINGS.contains(&ending(&file.name()).as_str()));
        let draft = |(key, file): (usize, web_sys::File)| {
            let name = file.name();
            let stem = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem);
            Draft { key, name: RwSignal::new(fitting(stem)), file: SendWrapper::new(file) }
        };
        let drafts: Vec<Draft> = data.enumerate().map(draft).collect();
        let any = !drafts.is_empty();
        if any {
            self.drafts.set(drafts);
            self.open.set(true);
        }
        any
    }
}

fn brings_files(event: &web_sys::DragEvent) -> bool {
    event.data_transfer().is_some_and(|data| data.types().includes(&"Files".into(), 0))
}

/// Puts the files into the project.
async fn put(client: &Client, drafts: &[Draft], replace: bool) -> Result<Vec<DataFile>, Failure> {
    let mut put = Vec::new();
    for draft in drafts {
        let unreadable = |_| Failure::Unreadable(format!("{} cannot be read", draft.file.name()));
        let buffer = JsFuture::from(draft.file.array_buffer()).await.map_err(unreadable)?;
        let bytes = js_sys::Uint8Array::new(&buffer).to_vec();
        put.push(client.put_bytes(&data_file_path(&draft.file.name(), replace), bytes).await?);
    }
    Ok(put)
}

/// Asks for the names of the pipes and makes them.
#[component]
pub fn NewDataFiles(files: DataFiles) -> impl IntoView {
    let (live, commands) = (use_live(), use_commands());
    let chooser = NodeRef::<html::Input>::new();
    commands.offer(move || {
        let choose = move || {
            if let Some(chooser) = chooser.get_untracked() {
                chooser.click();
            }
        };
        let command =
            Command::new("add-files", "Make pipes of CSV or JSON files", Sign::Plus, choose);
        live.may_change().then_some(command).into_iter().collect()
    });
    view! {
        <input
            node_ref=chooser
            type="file"
            multiple
            hidden
            accept=".csv,.tsv,.tab,.json"
            data-testid="add-files"
            on:change=move |event| {
                let input: Option<web_sys::HtmlInputElement> =
                    event.target().and_then(|target| target.dyn_into().ok());
                if let Some(input) = input {
                    files.take(input.files());
                    // So that the same file can be chosen again.
                    input.set_value("");
                }
            }
        />
        <Dialog open=files.open title="Pipes of files" id="data-files">
            <Names files />
        </Dialog>
    }
}

#[component]
fn Names(files: DataFiles) -> impl IntoView {
    let (live, maker) = (use_live(), Maker::start());
    let client = StoredValue::new(use_client());
    let (busy, failure) = (RwSignal::new(false), RwSignal::new(None::<Failure>));
    let drafts = StoredValue::new(files.drafts.get_untracked());
    let names = Memo::new(move |_| {
        let name = |draft: &Draft| draft.name.with(|name| name.trim().to_owned());
        drafts.with_value(|drafts| drafts.iter().map(name).collect::<Vec<_>>())
    });
    let problem = move |name: &str| {
        name_problem(name, "pipe", |id| {
            live.name_taken(id)
                || names.with(|names| names.iter().filter(|each| *each == id).count() > 1)
        })
    };
    let wrong = Memo::new(move |_| names.get().iter().any(|name| problem(name).is_some()));
    let there = Memo::new(move |_| {
        failure.with(|failure| matches!(failure, Some(Failure::Refused { status: 409, .. })))
    });
    let close = move || files.open.set(false);
    let make = move || {
        let (drafts, replace) = (drafts.get_value(), there.get_untracked());
        let (client, names) = (client.get_value(), names.get_untracked());
        busy.set(true);
        failure.set(None);
        spawn_local(async move {
            let put = put(&client, &drafts, replace).await;
            busy.try_set(false);
            match put {
                Err(why) => drop(failure.try_set(Some(why))),
                Ok(put) => maker.make(step(&names, &put), first(&names), close),
            }
        });
    };
    let row = move |draft: Draft| {
        let label = format!("Pipe that reads {}", draft.file.name());
        let name = draft.name;
        let problem = Memo::new(move |_| name.with(|name| problem(name.trim())));
        view! { <Field label value=name problem id="data-file-pipe" /> }
    };
    let label =
        Signal::derive(move || if there.get() { "Replace and add" } else { "Add" }.to_owned());
    view! {
        <Form
            label
            sign=Sign::Plus
            id="data-files-add"
            disabled=Signal::derive(move || busy.get() || maker.busy.get() || wrong.get())
            on_submit=make
            on_close=close
        >
            <p>"The files are copied into the folder " <code>"data"</code> " of the project. Each becomes a pipe that copies what it reads into a dataset of its own name."</p>
            <div class="drafts">
                <For each=move || drafts.get_value() key=|draft| draft.key children=row />
            </div>
            {move || failure.get().map(|failure| view! { <p class="bad-text" role="alert">{failure.to_string()}</p> })}
        </Form>
    }
}

fn first(names: &[String]) -> Option<Place> {
    names.first().map(|id| Place::Flow { select: Some(format!("pipe:{id}")) })
}

/// The step that makes the pipes, and the system they read where there is none
/// yet.
fn step(names: &[String], files: &[DataFile]) -> Edits {
    let system = files.iter().find_map(|file| Some((&file.system, file.new_system.as_ref()?)));
    let system = system.map(|(id, config)| create("systems", id, config));
    let pipe = |(id, file): (&String, &DataFile)| create("pipes", id, &pipe_of(id, &file.offer));
    let label = match names {
        [one] => format!("Add pipe {one}"),
        names => format!("Add {} pipes", names.len()),
    };
    Edits { label, files: system.into_iter().chain(names.iter().zip(files).map(pipe)).collect() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use pipewright_protocol::studio::SystemOffer;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_system_is_made_once_however_many_files_there_are() {
        let file = |name: &str| DataFile {
            path: format!("data/{name}"),
            system: "files".into(),
            new_system: Some(json!({"_id": "files"})),
            offer: SystemOffer {
                kind: "file".into(),
                name: name.into(),
                columns: Vec::new(),
                about: None,
                source: Some(json!({"type": "csv", "system": "files", "url": name})),
            },
        };
        let names = ["a".to_owned(), "b".to_owned()];
        let step = step(&names, &[file("a.csv"), file("b.csv")]);
        let paths: Vec<&str> = step.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["systems/files.conf.json", "pipes/a.conf.json", "pipes/b.conf.json"]);
        assert_eq!(first(&names), Some(Place::Flow { select: Some("pipe:a".into()) }));
    }
}
