//! The shelf: what can be put into the flow, to be dragged there or chosen by
//! key.

use leptos::prelude::*;
use pipewright_language::{FormKind, Part, Workspace};

use super::scene::{Drag, Piece, Scene};
use crate::components::{Icon, Search, Sign};

/// A piece with its name and what it is for.
type Entry = (Piece, Sign, String, String);

fn kinds(part: Part) -> Vec<FormKind> {
    let mut kinds = Workspace::kinds(part);
    kinds.retain(|kind| kind.supported);
    kinds
}

fn entries() -> Vec<(&'static str, Vec<Entry>)> {
    let whole = [
        (Piece::Pipe, Sign::Pipe, "Pipe", "Reads a dataset and makes one of its own."),
        (Piece::Merge, Sign::Merge, "Merge", "Makes one record of those that are the same."),
        (
            Piece::System,
            Sign::System,
            "System",
            "What is outside: a database, a service, a folder.",
        ),
    ];
    let whole = whole
        .map(|(piece, sign, name, about)| (piece, sign, name.to_owned(), about.to_owned()))
        .into();
    let sources = kinds(Part::Source).into_iter();
    // These are pieces of their own.
    let sources = sources.filter(|kind| !["dataset", "merge"].contains(&&*kind.name));
    let sources = sources
        .map(|kind| (Piece::Source(kind.name.clone()), Sign::Dataset, kind.name, kind.about));
    let transforms = kinds(Part::Transform)
        .into_iter()
        .map(|kind| (Piece::Transform(kind.name.clone()), Sign::Flow, kind.name, kind.about));
    vec![("Whole", whole), ("Sources", sources.collect()), ("Transforms", transforms.collect())]
}

/// The pieces, grouped.
#[component]
pub(super) fn Shelf(scene: Scene) -> impl IntoView {
    let find = RwSignal::new(String::new());
    let entries = StoredValue::new(entries());
    let piece = move |(piece, sign, name, about): Entry| {
        let (dragged, chosen) = (piece.clone(), piece.clone());
        let id = match &piece {
            Piece::Source(kind) => format!("source-{kind}"),
            Piece::Transform(kind) => format!("transform-{kind}"),
            _ => name.to_lowercase(),
        };
        view! {
            <li>
                <button
                    type="button"
                    class="shelf-piece"
                    data-piece=id
                    data-tip=about
                    on:pointerdown=move |event| {
                        if event.button() == 0 {
                            event.prevent_default();
                            let at = scene.point(&event);
                            scene.drag.set(Some(Drag::Piece { piece: dragged.clone(), at, moved: false }));
                        }
                    }
                    on:click=move |event| {
                        // The pointer is followed by the stage.
                        if event.detail() == 0 {
                            scene.put(chosen.clone(), None);
                        }
                    }
                >
                    <Icon sign />
                    <span>{name}</span>
                </button>
            </li>
        }
    };
    let groups = move || {
        let text = find.with(|text| text.trim().to_lowercase());
        let groups = entries.with_value(|entries| {
            let fits = |(_, _, name, about): &Entry| {
                name.to_lowercase().contains(&text) || about.to_lowercase().contains(&text)
            };
            let left = |(title, all): &(&'static str, Vec<Entry>)| {
                (*title, all.iter().filter(|entry| fits(entry)).cloned().collect::<Vec<_>>())
            };
            entries.iter().map(left).collect::<Vec<_>>()
        });
        let group = |(title, entries): (&'static str, Vec<Entry>)| {
            (!entries.is_empty()).then(|| {
                view! {
                    <h2>{title}</h2>
                    <ul>{entries.into_iter().map(piece).collect_view()}</ul>
                }
            })
        };
        groups.into_iter().map(group).collect_view()
    };
    view! {
        <aside class="flow-shelf" aria-label="Add to the flow" data-testid="shelf">
            <Search value=find label="Find a piece" id="shelf-find" />
            <p class="hint">"Drag onto the canvas, a line or a pipe; or choose by Enter."</p>
            <div class="shelf-groups" tabindex="-1">{groups}</div>
        </aside>
    }
}

/// What is dragged from the shelf, under the pointer.
#[component]
pub(super) fn Ghost(scene: Scene) -> impl IntoView {
    move || {
        scene.drag.with(|drag| {
            let Some(Drag::Piece { piece, at, moved: true }) = drag else { return None };
            let name = match piece {
                Piece::Pipe => "Pipe",
                Piece::Merge => "Merge",
                Piece::System => "System",
                Piece::Source(kind) | Piece::Transform(kind) => kind,
            };
            let style = format!("transform:translate({}px,{}px)", at.0 + 8.0, at.1 + 8.0);
            Some(view! { <div class="shelf-ghost" style=style aria-hidden="true">{name.to_owned()}</div> })
        })
    }
}
