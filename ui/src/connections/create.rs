//! A new project from a template.

use leptos::{prelude::*, task::spawn_local};
use pipewright_protocol::shell::{NewProject, Template};

use super::desk::use_desk;
use crate::{
    components::{Button, Field, Form, Sign, use_toasts},
    draft::fitting,
};

const TEMPLATES: [(Template, &str, &str); 3] = [
    (Template::Csv, "CSV to dataset", "A folder of CSV files and the pipe that reads them"),
    (Template::CrmErp, "CRM and ERP", "The example: three systems, merged records, tests"),
    (Template::Empty, "Empty", "Nothing but the layout of a project"),
];

/// Asks what it begins with, what it is called and where it lies.
#[component]
pub(super) fn NewProjectForm(
    /// Called when it is made or given up.
    on_close: impl Fn() + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let (desk, toasts) = (use_desk(), use_toasts());
    let template = RwSignal::new(Template::Csv);
    let name = RwSignal::new("my-project".to_owned());
    let parent = RwSignal::new(String::new());
    let busy = RwSignal::new(false);
    let wrong = Memo::new(move |_| {
        name.with(|name| {
            (fitting(name) != name.trim().to_lowercase())
                .then(|| "Use letters, digits, - and _ only.".to_owned())
        })
    });
    let pick = move || {
        spawn_local(async move {
            match desk.pick_folder().await {
                Ok(Some(folder)) => drop(parent.try_set(folder)),
                Ok(None) => {}
                Err(failure) => toasts.failed(failure.to_string()),
            }
        });
    };
    let make = move || {
        busy.set(true);
        let new = NewProject {
            parent: parent.get_untracked().trim().to_owned(),
            name: name.get_untracked().trim().to_owned(),
            template: template.get_untracked(),
        };
        spawn_local(async move {
            let made = desk.create(&new).await;
            busy.try_set(false);
            match made {
                Ok(()) => on_close(),
                Err(failure) => toasts.failed(failure.to_string()),
            }
        });
    };
    let choices = TEMPLATES.map(|(each, title, about)| {
        view! {
            <button type="button" role="radio" class="choice" aria-checked=move || (template.get() == each).to_string() on:click=move |_| template.set(each)>
                <b>{title}</b>
                <span>{about}</span>
            </button>
        }
    });
    view! {
        <Form
            label="Make project"
            sign=Sign::Plus
            id="new-project-make"
            disabled=Signal::derive(move || busy.get() || wrong.with(Option::is_some) || name.with(|name| name.trim().is_empty()))
            on_submit=make
            on_close
        >
            <div class="choices" role="radiogroup" aria-label="Template">{choices}</div>
            <Field label="Name" value=name focus=true problem=wrong id="new-project-name" />
            <div class="field-with-button">
                <Field label="In the folder (empty: your documents)" value=parent id="new-project-parent" />
                <Button label="Choose…" sign=Sign::Folder on_click=pick />
            </div>
        </Form>
    }
}
