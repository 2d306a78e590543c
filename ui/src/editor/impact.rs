//! What the pipe as it stands in the editor would change, tried on many source
//! entities.

use leptos::{prelude::*, task::spawn_local};
use pipewright_protocol::studio::{
    DownstreamImpact, EntityImpact, IMPACT, Impact, ImpactKind, ImpactRequest, PropertyImpact,
};

use super::task::{Task, TaskBar};

use crate::{
    client::{Failure, use_client},
    components::{
        Button, Column, Empty, Figure, Icon, Kind, Link, Problem, Sign, Split, Switch, Table,
        count, duration,
    },
    json::{JsonView, Tree, compare, print},
    place::{PipeTab, Place},
    state::OpenFile,
};

/// How many source entities can be chosen.
const SIZES: [(u32, &str); 3] = [(100, "Last 100"), (1_000, "Last 1 000"), (Impact::MOST, "All")];

fn name(kind: ImpactKind) -> &'static str {
    match kind {
        ImpactKind::Failed => "Failed",
        ImpactKind::Changed => "Changed",
        ImpactKind::Deleted => "Deleted",
        ImpactKind::New => "New",
    }
}

fn columns() -> Vec<Column<EntityImpact>> {
    vec![
        Column::text(
            "Entity",
            "minmax(120px,2fr)",
            |row| view! { <b>{row.id.clone()}</b> }.into_any(),
            |a, b| a.id.cmp(&b.id),
        ),
        Column::text(
            "Becomes",
            "84px",
            |row| {
                let bad = matches!(row.kind, ImpactKind::Failed | ImpactKind::Deleted);
                view! { <span class:bad-text=bad>{name(row.kind)}</span> }.into_any()
            },
            |a, b| a.kind.cmp(&b.kind),
        ),
        Column::text(
            "What",
            "minmax(140px,3fr)",
            |row| what(row).into_any(),
            |a, b| a.properties.cmp(&b.properties),
        ),
    ]
}

/// What changes in an entity, in a line.
fn what(row: &EntityImpact) -> String {
    row.why.clone().unwrap_or_else(|| row.properties.join(", "))
}

/// The Preview side of a pipe.
#[component]
pub(super) fn ImpactPane(pipe: Memo<String>, file: Signal<Option<OpenFile>>) -> impl IntoView {
    let client = StoredValue::new(use_client());
    let size = RwSignal::new(SIZES[1].0);
    let found = RwSignal::new(None::<Result<Impact, Failure>>);
    let follows = RwSignal::new(true);
    let task = Task::new();
    // Whose change is shown: that of this pipe, or of one that reads it.
    let whose = RwSignal::new(None::<String>);
    // What was tried is of this pipe and this text only.
    Effect::new(move || {
        pipe.with(|_| ());
        if let Some(file) = file.get() {
            file.text.track();
        }
        found.set(None);
        whose.set(None);
    });
    let try_it = move || {
        let Some(text) = file.get_untracked().map(|file| file.text.get_untracked()) else { return };
        let asked = pipe.get_untracked();
        let name = task.begin();
        found.set(None);
        whose.set(None);
        let request = ImpactRequest {
            pipe: asked.clone(),
            text: Some(text.clone()),
            limit: size.get_untracked(),
            downstream: follows.get_untracked(),
            task: Some(name.clone()),
        };
        let client = client.get_value();
        spawn_local(async move {
            let answer = client.post::<Impact>(IMPACT, &request).await;
            if !task.end(&name) {
                return;
            }
            let now = file.try_get_untracked().flatten().map(|file| file.text.get_untracked());
            if pipe.try_get_untracked() == Some(asked) && now == Some(text) {
                found.try_set(Some(answer));
            }
        });
    };
    let sizes = SIZES.map(|(number, name)| {
        view! {
            <button type="button" aria-pressed=move || (size.get() == number).to_string() on:click=move |_| size.set(number)>{name}</button>
        }
    });
    view! {
        <div class="pane-head">
            <Button
                label="Try"
                kind=Kind::Primary
                sign=Sign::Play
                id="impact-try"
                tip="Sends source entities through the text as it stands and compares. Nothing is stored."
                disabled=Signal::derive(move || task.busy() || file.with(Option::is_none))
                on_click=try_it
            />
            <span class="pane-note">{move || note(found.get().and_then(Result::ok).as_ref())}</span>
            <Switch label="And one step downstream" on=follows id="impact-downstream" on_change=move |on| follows.set(on) />
            <div class="segments" role="group" aria-label="Source entities">{sizes}</div>
        </div>
        <TaskBar task what="entities" />
        {move || found.with(|found| match found {
            None => view! {
                <Empty
                    sign=Sign::Pipe
                    title="What would this change?"
                    hint="Try sends many entities of the source through the text as it stands, saved or not, and compares what comes out with what is stored now."
                />
            }.into_any(),
            Some(Err(failure)) => view! { <Problem failure=failure.clone() /> }.into_any(),
            Some(Ok(Impact { held: Some(why), .. })) => view! { <Empty sign=Sign::Lock title="It cannot be tried" hint=why.clone() /> }.into_any(),
            Some(Ok(impact)) => view! { <Whole impact=impact.clone() whose pipe /> }.into_any(),
        })}
    }
}

/// What would change here, and what would follow from that.
#[component]
fn Whole(impact: Impact, whose: RwSignal<Option<String>>, pipe: Memo<String>) -> impl IntoView {
    let downstream = StoredValue::new(impact.downstream.clone());
    let chip = |of: Option<String>, title: String, number: String| {
        let own = of.clone();
        view! {
            <button type="button" class="chip" data-testid="impact-of" data-key=of.clone() aria-pressed=move || (whose.get() == own).to_string() on:click=move |_| whose.set(of.clone())>
                <b>{title}</b>
                <em>{number}</em>
            </button>
        }
    };
    let chips = (!impact.downstream.is_empty()).then(|| {
        let mut chips = vec![chip(None, pipe.get_untracked(), touched(&impact))];
        chips.extend(
            impact.downstream.iter().map(|it| {
                chip(Some(it.pipe.clone()), format!("→ {}", it.pipe), touched(&it.impact))
            }),
        );
        view! { <div class="chips" role="group" aria-label="What would change where">{chips}</div> }
    });
    let shown = move || match whose.get() {
        None => view! { <Outcome impact=impact.clone() /> }.into_any(),
        Some(pipe) => {
            let found = downstream.with_value(|all| all.iter().find(|it| it.pipe == pipe).cloned());
            found.map(|it| view! { <Follows it /> }.into_any()).unwrap_or_else(|| ().into_any())
        }
    };
    view! {
        {chips}
        {shown}
    }
}

/// How many entities something would touch.
fn touched(impact: &Impact) -> String {
    match &impact.held {
        Some(_) => "?".into(),
        None => count(impact.new + impact.changed + impact.deleted + impact.failed),
    }
}

/// What would follow in another pipe.
#[component]
fn Follows(it: DownstreamImpact) -> impl IntoView {
    let DownstreamImpact { pipe, impact, untold } = it;
    let place = Place::Pipe { id: pipe.clone(), tab: PipeTab::Config };
    let read = format!("{} of its source entities are concerned", count(impact.read));
    let untold = untold.map(|why| {
        view! {
            <p class="notice warning" data-testid="impact-untold">
                <Icon sign=Sign::Warning />
                <span>"There may be more: " {why} "."</span>
            </p>
        }
    });
    let body = match impact.held.clone() {
        Some(why) => {
            view! { <Empty sign=Sign::Lock title="It cannot be tried" hint=why /> }.into_any()
        }
        None => view! { <Outcome impact /> }.into_any(),
    };
    view! {
        <p class="hint over-figures"><Link to=place>{pipe}</Link> ": " {read} ", nothing is written."</p>
        {untold}
        {body}
    }
}

/// How much was looked at, in words.
fn note(impact: Option<&Impact>) -> String {
    let Some(impact) = impact.filter(|impact| impact.held.is_none()) else { return String::new() };
    let of = if impact.all { "all of the source" } else { "not all of the source" };
    let mut note = format!("{} read, {of}, {}", count(impact.read), duration(impact.took));
    if impact.dataset.is_none() {
        note.push_str("; what the outside has now is not known");
    }
    note
}

/// Figures, properties, entities, and one of them.
#[component]
fn Outcome(impact: Impact) -> impl IntoView {
    let property = RwSignal::new(None::<String>);
    let selected = RwSignal::new(None::<String>);
    let partial = impact.partial.clone().map(|why| {
        view! {
            <p class="notice warning">
                <Icon sign=Sign::Warning />
                <span>"Partial: " {why}</span>
            </p>
        }
    });
    let figure = |name: &'static str, number: u64, bad: bool| {
        view! { <Figure name value=move || count(number) bad=Signal::derive(move || bad && number > 0) /> }
    };
    let figures = [
        figure("New", impact.new, false),
        figure("Changed", impact.changed, false),
        figure("Deleted", impact.deleted, true),
        figure("As stored", impact.unchanged, false),
        figure("Failed", impact.failed, true),
    ];
    let entities = StoredValue::new(impact.entities);
    let rows = Memo::new(move |_| {
        let property = property.get();
        entities.with_value(|all| {
            let fits = |row: &&EntityImpact| match &property {
                Some(property) => row.properties.contains(property),
                None => true,
            };
            all.iter().filter(fits).cloned().collect::<Vec<_>>()
        })
    });
    let key = |row: &EntityImpact| format!("{}/{}", name(row.kind), row.id);
    let list = (!impact.properties.is_empty()).then(|| {
        let entry = move |wanted: Option<String>, title: String, numbers: String| {
            let chosen = {
                let wanted = wanted.clone();
                move || property.get() == wanted
            };
            view! {
                <li>
                    <button type="button" class="group" aria-pressed=move || chosen().to_string() data-testid="impact-property" on:click=move |_| property.set(wanted.clone())>
                        <b>{title}</b>
                        <em>{numbers}</em>
                    </button>
                </li>
            }
        };
        let mut entries = vec![entry(None, "All properties".into(), String::new())];
        entries.extend(impact.properties.iter().map(|property| {
            entry(Some(property.name.clone()), property.name.clone(), numbers(property))
        }));
        view! { <ul class="pane-body groups" aria-label="By property">{entries}</ul> }.into_any()
    });
    let one = move || {
        let wanted = selected.get()?;
        entities.with_value(|all| all.iter().find(|row| key(row) == wanted).cloned())
    };
    let shown = move || {
        match one() {
        None => view! { <Empty sign=Sign::Dataset title="No entity selected" hint="Select a row to see what becomes of it." /> }.into_any(),
        Some(row) => {
            let why = row.why.clone().map(|why| view! {
                <p class="notice error">
                    <Icon sign=Sign::Error />
                    <span>{why}</span>
                </p>
            });
            let lines = match (&row.before, &row.after) {
                (Some(before), Some(after)) => compare(&Tree::of(before), &Tree::of(after)),
                (Some(only), None) | (None, Some(only)) => print(&Tree::of(only)),
                (None, None) => Vec::new(),
            };
            view! {
                {why}
                <JsonView lines id="impact-entity" />
            }.into_any()
        }
    }
    };
    let table = view! {
        <Table label="Entities" rows columns=columns() key selected=Signal::derive(move || selected.get()) on_open=move |row: &EntityImpact| selected.set(Some(key(row))) id="impact-table" />
    }
    .into_any();
    let nothing = impact.new + impact.changed + impact.deleted + impact.failed == 0;
    let body = if nothing {
        let hint = if impact.read == 0 {
            "The source holds nothing yet: run the pipes before this one."
        } else {
            "Everything that comes out is stored like this already."
        };
        view! { <Empty sign=Sign::Check title="Nothing would change" hint /> }.into_any()
    } else {
        let one = view! { <div class="pane-body">{shown}</div> }.into_any();
        match list {
            Some(list) => view! { <Split name="impact" shares=&[2.0, 5.0, 5.0] panes=vec![list, table, one] labels=&["Properties", "Entities", "Entity"] /> }.into_any(),
            None => view! { <Split name="impact-flat" shares=&[1.0, 1.0] panes=vec![table, one] labels=&["Entities", "Entity"] /> }.into_any(),
        }
    };
    view! {
        <ul class="figures" aria-label="What would change" data-testid="impact">{figures}</ul>
        {partial}
        {body}
    }
}

/// How often a property changes: `+2 ~5 −1`.
fn numbers(property: &PropertyImpact) -> String {
    let parts = [("+", property.added), ("~", property.changed), ("−", property.removed)];
    let shown = parts.iter().filter(|(_, number)| *number > 0);
    shown.map(|(sign, number)| format!("{sign}{}", count(*number))).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_happens_is_counted() {
        let property = PropertyImpact { name: "a".into(), added: 2, changed: 0, removed: 1_000 };
        assert_eq!(numbers(&property), "+2 −1\u{202f}000");
    }

    #[test]
    fn the_note_says_how_much_was_looked_at() {
        let impact = Impact { read: 10, all: true, took: 1_000, ..Impact::default() };
        assert_eq!(
            note(Some(&impact)),
            "10 read, all of the source, 1.0 ms; what the outside has now is not known"
        );
        assert_eq!(note(Some(&Impact { held: Some("no".into()), ..impact })), "");
    }
}
