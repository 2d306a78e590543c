//! Copying what was chosen to the other side, with the node's word on it.

use std::collections::BTreeSet;

use leptos::{prelude::*, task::spawn_local};
use pipewright_language::difference::{Difference, PartId, PartKind};
use pipewright_protocol::{
    service::ValidationReport,
    studio::{ConfigDraft, Edits},
};

use super::{
    desk::use_desk,
    sides::{Sides, Way, kind_name},
};
use crate::{
    client::{Client, Failure, use_client},
    components::{Button, Form, Icon, Kind, Sign, Waiting, use_toasts},
    draft::Maker,
};

/// How far it is.
#[derive(Clone)]
enum Step {
    /// What is to be said of it is being asked for.
    Asking,
    /// It can be done; in the folder here by this step.
    Ready(Option<(Edits, ConfigDraft)>),
    /// There are errors in it: only when it is asked for again.
    Refused(ValidationReport),
    /// It is done.
    Done(ValidationReport),
    /// It could not be done.
    Failed(Failure),
}

/// What becomes of one thing on the side it is copied to.
fn effect(difference: &Difference, way: Way) -> (&'static str, &'static str) {
    let (from, to) = match way {
        Way::Up => (&difference.here, &difference.there),
        Way::Down => (&difference.there, &difference.here),
    };
    match (from, to) {
        (Some(_), None) => ("added", "good-text"),
        (None, _) => ("removed", "bad-text"),
        _ => ("changed", "run-text"),
    }
}

/// Shows what would be done, and does it.
#[component]
pub(super) fn Transfer(
    way: Way,
    sides: Sides,
    chosen: BTreeSet<PartId>,
    there: Client,
    /// What the other one is known by here.
    other: String,
    /// The other connection.
    connection: String,
    /// Called when something was copied.
    on_done: impl Fn() + Copy + Send + Sync + 'static,
    /// Closes the dialog.
    on_close: impl Fn() + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let (desk, toasts, maker) = (use_desk(), use_toasts(), Maker::start());
    let here = use_client();
    let name = sides.project.name.clone();
    let lines: Vec<(PartId, &'static str, &'static str)> = sides
        .differences
        .iter()
        .filter(|each| chosen.contains(&each.id))
        .map(|each| {
            let (word, class) = effect(each, way);
            (each.id.clone(), word, class)
        })
        .collect();
    let loses = way == Way::Up
        && lines.iter().any(|(id, word, _)| {
            *word == "removed" && matches!(id.kind, PartKind::Pipe | PartKind::System)
        });
    let step = RwSignal::new(match way {
        Way::Up => Step::Ready(None),
        Way::Down => Step::Asking,
    });
    let kept = StoredValue::new((sides, chosen, there, other, here));
    if way == Way::Down {
        let name = name.clone();
        let (sides, chosen, _, _, here) = kept.get_value();
        spawn_local(async move {
            let drafted = sides.draft(&here, &chosen, &name).await;
            step.try_set(match drafted {
                Ok(drafted) => Step::Ready(Some(drafted)),
                Err(failure) => Step::Failed(failure),
            });
        });
    }
    let remember = move || {
        let Some((sides, _, there, other, here)) = kept.try_get_value() else { return };
        spawn_local(async move {
            // Without it only less can be said of the next difference.
            if let Err(failure) = sides.remember(&here, &there, &other).await {
                leptos::logging::debug_warn!("what both have in common is not kept: {failure}");
            }
            on_done();
        });
    };
    let upload = move |force: bool| {
        step.set(Step::Asking);
        let (sides, chosen, there, _, _) = kept.get_value();
        spawn_local(async move {
            let done = sides.upload(&there, &chosen, force).await;
            if done.is_ok() {
                remember();
            }
            step.try_set(match done {
                Ok(report) => Step::Done(report),
                Err(Failure::Invalid(report)) => Step::Refused(*report),
                Err(failure) => Step::Failed(failure),
            });
        });
    };
    let force = RwSignal::new(false);
    let errors = Memo::new(move |_| {
        step.with(|step| match step {
            Step::Refused(_) => true,
            Step::Ready(Some((_, draft))) => draft.errors,
            _ => false,
        })
    });
    let submit = move || match (step.get_untracked(), way) {
        (Step::Ready(Some((edits, draft))), _) => {
            let report = draft.report;
            maker.make(edits, None, move || {
                remember();
                step.try_set(Step::Done(report.clone()));
            });
        }
        (Step::Ready(None), _) => upload(false),
        (Step::Refused(_), _) => upload(true),
        _ => {}
    };
    let shown = lines.into_iter().map(|(id, word, class)| {
        view! {
            <li class="transfer-line">
                <span class="faint">{kind_name(id.kind)}</span>
                <b>{id.name}</b>
                <em class=class>{word}</em>
            </li>
        }
    });
    let lost = loses.then(|| {
        view! {
            <div class="notice warning">
                <Icon sign=Sign::Warning />
                <span>"With a pipe that goes away go its dataset and its state there, with a system its secrets."</span>
            </div>
        }
    });
    let said = move || {
        match step.get() {
        Step::Ready(Some((_, draft))) => view! { <Report report=draft.report /> }.into_any(),
        Step::Refused(report) | Step::Done(report) => view! { <Report report /> }.into_any(),
        Step::Failed(failure) => {
            view! { <div class="notice error" role="alert"><Icon sign=Sign::Error /><span>{failure.to_string()}</span></div> }.into_any()
        }
        Step::Asking => view! { <Waiting /> }.into_any(),
        Step::Ready(None) => ().into_any(),
    }
    };
    let there_name = name.clone();
    let connection = StoredValue::new(connection);
    let open = move || {
        let connection = connection.get_value();
        on_close();
        spawn_local(async move {
            if let Err(failure) = desk.show(&connection).await {
                toasts.failed(failure.to_string());
            }
        });
    };
    let done = move || {
        step.with(|step| matches!(step, Step::Done(_))).then(|| {
            let name = there_name.clone();
            let words = match way {
                Way::Up => format!("Done: {name} has what was chosen."),
                Way::Down => "Done. Ctrl+Z takes it back.".to_owned(),
            };
            let next = (way == Way::Up).then(|| {
                view! { <Button label=format!("Open {name}") sign=Sign::External id="transfer-open" on_click=open /> }
            });
            view! {
                <div class="notice good" role="status" data-testid="transferred">
                    <Icon sign=Sign::Check />
                    <span>{words}</span>
                </div>
                <div class="form-actions">
                    {next}
                    <Button label="Close" kind=Kind::Primary id="transfer-close" on_click=on_close />
                </div>
            }
        })
    };
    let label = Signal::derive(move || {
        let all_the_same = errors.get();
        match (way, all_the_same) {
            (Way::Up, false) => "Upload",
            (Way::Up, true) => "Upload all the same",
            (Way::Down, false) => "Download",
            (Way::Down, true) => "Download all the same",
        }
        .to_owned()
    });
    let disabled = Signal::derive(move || {
        maker.busy.get()
            || step.with(|step| matches!(step, Step::Asking | Step::Done(_)))
            || (errors.get() && !force.get())
    });
    view! {
        <ul class="transfer-lines" data-testid="transfer-lines">{shown.collect_view()}</ul>
        {lost}
        {said}
        {done}
        <Show when=move || !step.with(|step| matches!(step, Step::Done(_)))>
            <Form label sign=if way == Way::Up { Sign::Up } else { Sign::Down } id="transfer-do" disabled on_submit=submit on_close>
                <Show when=move || errors.get()>
                    <label class="tick">
                        <input type="checkbox" class="check" data-testid="transfer-force" prop:checked=move || force.get() on:change=move |event| force.set(event_target_checked(&event)) />
                        "Take it although it has errors"
                    </label>
                </Show>
            </Form>
        </Show>
    }
}

/// What the node says of components that were sent to it.
#[component]
fn Report(report: ValidationReport) -> impl IntoView {
    let component = |each: pipewright_protocol::service::ComponentErrors| {
        let id = each.posted_config["_id"].as_str().unwrap_or("?").to_owned();
        let found = each.config_errors.into_iter().map(|error| {
            let is_error = error.level == "error";
            let sign = if is_error { Sign::Error } else { Sign::Warning };
            view! {
                <li class="finding" class:error=is_error class:warning=!is_error>
                    <Icon sign />
                    <span>{error.msg}</span>
                    <code>{error.elements}</code>
                </li>
            }
        });
        view! {
            <li>
                <h3>{id}</h3>
                <ul>{found.collect_view()}</ul>
            </li>
        }
    };
    let count = report.validation_errors.len();
    (count > 0).then(|| {
        view! {
            <details class="report" open=count <= 8 data-testid="report">
                <summary>{format!("What the node says of {count} components")}</summary>
                <ul class="findings standing">{report.validation_errors.into_iter().map(component).collect_view()}</ul>
            </details>
        }
    })
}
