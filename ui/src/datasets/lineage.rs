//! Where an entity came from and what was made of it, step by step: each
//! entity of the tree can be opened in turn.

use leptos::{prelude::*, task::spawn_local};
use pipewright_protocol::studio::{
    Lineage, Reference, Relative, RelativeHow, RelativeState, Wait, WaitKind, lineage_path,
};

use crate::{
    client::{Failure, use_client},
    components::{Empty, Icon, Link, Problem, Sign, Waiting, clock},
    place::Place,
};

/// An entity that was looked at on the way is not opened again below itself.
const DEEPEST: usize = 12;

fn place(dataset: &str, id: &str) -> Place {
    Place::Dataset { id: dataset.to_owned(), entity: Some(id.to_owned()) }
}

fn how(how: RelativeHow) -> &'static str {
    match how {
        RelativeHow::Read => "read",
        RelativeHow::Merged => "merged",
        RelativeHow::Lookup => "looked up",
    }
}

/// Which way the tree goes.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Up,
    Down,
}

/// One entity of the tree, with those behind it when it is opened.
#[component]
fn Branch(relative: Relative, way: Way, depth: usize) -> AnyView {
    let client = StoredValue::new(use_client());
    let open = RwSignal::new(false);
    let behind = RwSignal::new(None::<Result<Lineage, Failure>>);
    let Relative { pipe, dataset, id, offset, state, .. } = relative.clone();
    // Upwards it is the version that took part, not what became of it since.
    let path = lineage_path(&dataset, &id, offset.filter(|_| way == Way::Up));
    let can_open = depth < DEEPEST && state != RelativeState::Missing;
    let turn = move |_| {
        open.update(|open| *open = !*open);
        if open.get_untracked() && behind.with_untracked(Option::is_none) {
            let (client, path) = (client.get_value(), path.clone());
            spawn_local(async move {
                let answer = client.get::<Lineage>(&path).await;
                behind.try_set(Some(answer));
            });
        }
    };
    let note = match state {
        RelativeState::Live => "",
        RelativeState::Deleted => "deleted",
        RelativeState::Missing => "not there",
        RelativeState::Newer => "changed since",
    };
    let label = format!("{id} of {dataset}");
    let rest = move || {
        behind.with(|behind| match behind {
            None => view! { <Waiting /> }.into_any(),
            Some(Err(failure)) => {
                view! { <p class="lineage-note">{failure.to_string()}</p> }.into_any()
            }
            Some(Ok(lineage)) => {
                let relatives = match way {
                    Way::Up => lineage.sources.clone(),
                    Way::Down => lineage.made.clone(),
                };
                // What is not known of it is about where it came from, mostly.
                let notes = match way {
                    Way::Up => lineage.unknown.clone(),
                    Way::Down => Vec::new(),
                };
                view! { <Branches relatives notes way depth=depth + 1 /> }.into_any()
            }
        })
    };
    view! {
        <li>
            <div class="lineage-entity">
                {can_open.then(|| view! {
                    <button
                        type="button"
                        class="lineage-open"
                        aria-expanded=move || open.get().to_string()
                        aria-label=format!("What is behind {label}")
                        data-testid="lineage-open"
                        on:click=turn.clone()
                    >
                        <Icon sign=Sign::Down />
                    </button>
                })}
                <Link to=place(&dataset, &id) class="lineage-name" id="lineage-entity">
                    <b>{id.clone()}</b>
                    <span>{dataset.clone()}</span>
                </Link>
                <em>{how(relative.how)}</em>
                <Link to=Place::pipe(&pipe) class="lineage-pipe">{pipe.clone()}</Link>
                {(!note.is_empty()).then(|| view! { <i class="flag">{note}</i> })}
            </div>
            <Show when=move || open.get()>{rest}</Show>
        </li>
    }
    .into_any()
}

#[component]
fn Branches(relatives: Vec<Relative>, notes: Vec<String>, way: Way, depth: usize) -> AnyView {
    let none = relatives.is_empty() && notes.is_empty();
    let nothing = match way {
        Way::Up => "Nothing else in this node.",
        Way::Down => "Nothing.",
    };
    let entries = relatives
        .into_iter()
        .map(|relative| view! { <Branch relative way depth /> })
        .collect_view();
    view! {
        <ul class="lineage">
            {entries}
            {notes.into_iter().map(|note| view! { <li class="lineage-note">{note}</li> }).collect_view()}
            {none.then(|| view! { <li class="lineage-note">{nothing}</li> })}
        </ul>
    }
    .into_any()
}

fn reference(reference: &Reference) -> AnyView {
    let reference = reference.clone();
    let none = reference.targets.is_empty();
    let targets = reference.targets.into_iter().map(|target| {
        view! {
            <Link to=place(&target.dataset, &target.id) class="lineage-name" id="reference">
                <b>{target.id.clone()}</b>
                <span>{target.dataset}</span>
            </Link>
        }
    });
    view! {
        <li class="lineage-entity">
            <code>{reference.property}</code>
            {targets.collect_view()}
            {none.then(|| view! { <span class="faint">{format!("{}: no entity has this id", reference.value)}</span> })}
        </li>
    }
    .into_any()
}

fn wait(wait: &Wait, id: &str) -> AnyView {
    let failed = || Place::Failed { entity: Some((wait.pipe.clone(), id.to_owned())) };
    let (what, to, bad) = match wait.kind {
        WaitKind::Unread => ("has not read it yet", Place::pipe(&wait.pipe), false),
        WaitKind::Lookup => ("has not seen its change yet", Place::pipe(&wait.pipe), false),
        WaitKind::Retry => ("tries it again", failed(), true),
        WaitKind::Dead => ("gave it up", failed(), true),
    };
    let due = wait.due.map(|due| format!(" at {}", clock(due))).unwrap_or_default();
    let (pipe, reason) = (wait.pipe.clone(), wait.reason.clone());
    view! {
        <li class="lineage-entity">
            <Link to class="lineage-pipe" id="wait">{pipe}</Link>
            <span class:bad-text=bad>{format!("{what}{due}")}</span>
            {reason.map(|reason| view! { <span class="faint">{reason}</span> })}
        </li>
    }
    .into_any()
}

/// Everything around one entity.
#[component]
pub(super) fn LineagePane(
    /// The dataset.
    dataset: String,
    /// The entity.
    id: String,
    /// The version; the current one if `None`.
    offset: Option<u64>,
) -> impl IntoView {
    let client = use_client();
    let found = RwSignal::new(None::<Result<Lineage, Failure>>);
    let path = lineage_path(&dataset, &id, offset);
    spawn_local(async move {
        let answer = client.get::<Lineage>(&path).await;
        found.try_set(Some(answer));
    });
    let body = move |lineage: &Lineage| {
        let version = &lineage.version;
        let run = match (&version.pipe, version.started) {
            (Some(_), Some(started)) => format!("run that began {}", clock(started)),
            (Some(_), None) => "a run that the execution log no longer has".to_owned(),
            (None, _) => version.run.clone().unwrap_or_else(|| "not known".to_owned()),
        };
        let pipe = version.pipe.clone();
        let from = version.source_offset.as_ref().map(|offset| offset.text().to_owned());
        let waits = lineage.waits.iter().map(|one| wait(one, &id)).collect_view();
        let references = lineage.references.iter().map(reference).collect_view();
        view! {
            <dl class="facts lineage-facts">
                <dt>"Version"</dt>
                <dd>{format!("{} · {}", version.offset, clock(version.ts))}</dd>
                <dt>"Written by"</dt>
                <dd>
                    {pipe.map(|pipe| view! { <Link to=Place::runs(&pipe) class="lineage-pipe">{pipe.clone()}</Link> " · " })}
                    {run}
                </dd>
                {from.map(|from| view! { <dt>"Source offset"</dt><dd><code>{from}</code></dd> })}
            </dl>
            <h2 class="pane-title">"Came from"</h2>
            <div data-testid="came-from">
                <Branches relatives=lineage.sources.clone() notes=lineage.unknown.clone() way=Way::Up depth=0 />
            </div>
            <h2 class="pane-title">"Made from it"</h2>
            <div data-testid="made-from-it">
                <Branches relatives=lineage.made.clone() notes=Vec::new() way=Way::Down depth=0 />
            </div>
            {(!lineage.references.is_empty()).then(|| view! {
                <h2 class="pane-title">"Refers to"</h2>
                <ul class="lineage">{references}</ul>
            })}
            <h2 class="pane-title">"Waits in"</h2>
            <ul class="lineage" data-testid="waits-in">
                {lineage.waits.is_empty().then(|| view! { <li class="lineage-note">"No pipe has anything to do with it yet."</li> })}
                {waits}
            </ul>
        }
        .into_any()
    };
    view! {
        <div class="pane-body" data-testid="lineage">
            {move || found.with(|found| match found {
                None => view! { <Waiting /> }.into_any(),
                Some(Err(Failure::Refused { status: 404, message, .. })) => {
                    view! { <Empty sign=Sign::History title="Not kept" hint=message.clone() /> }.into_any()
                }
                Some(Err(failure)) => view! { <Problem failure=failure.clone() /> }.into_any(),
                Some(Ok(lineage)) => body(lineage),
            })}
        </div>
    }
}
