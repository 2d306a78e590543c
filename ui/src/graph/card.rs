//! A card of the graph, near enough to be read.

use leptos::{ev, prelude::*};
use pipewright_protocol::studio::{GraphNode, NodeKind, PipeState};

use super::{camera::Area, wiring::extent};
use crate::{
    components::{Icon, Sign, StateDot, count},
    state::use_live,
};

/// The icon of a card.
pub(super) fn sign(node: &GraphNode) -> Sign {
    match node.kind {
        NodeKind::System => Sign::System,
        NodeKind::Dataset => Sign::Dataset,
        NodeKind::Pipe if node.flavour == "merge" => Sign::Merge,
        NodeKind::Pipe => Sign::Pipe,
    }
}

/// What the card says under its name.
fn kind_line(node: &GraphNode) -> String {
    match node.kind {
        NodeKind::System => node.flavour.trim_start_matches("system:").to_owned(),
        NodeKind::Dataset => "dataset".to_owned(),
        NodeKind::Pipe if !node.sink.is_empty() => format!("{} → {}", node.flavour, node.sink),
        NodeKind::Pipe => node.flavour.clone(),
    }
}

/// A name that keeps its last part when it has to be shortened: names of one
/// flow begin alike and differ at the end.
fn name(name: &str) -> impl IntoView + use<> {
    let at = name.rfind(['-', '_']).filter(|at| *at > 0).unwrap_or(name.len());
    let (head, tail) = name.split_at(at);
    view! {
        <span class="card-head">{head.to_owned()}</span>
        <span>{tail.to_owned()}</span>
    }
}

/// One card.
#[component]
pub(super) fn Card(
    node: GraphNode,
    #[prop(into)] selected: Signal<bool>,
    #[prop(into)] dim: Signal<bool>,
    /// Whether what is dragged would be let go on it.
    #[prop(into)]
    hot: Signal<bool>,
    /// How far it is dragged, if it is.
    #[prop(into)]
    by: Signal<Option<(f64, f64)>>,
    /// Selects it, or with the first to the selection: by key; the pointer is
    /// followed by the stage.
    on_pick: impl Fn(bool) + 'static,
    /// Begins to draw a line from its output.
    on_draw: impl Fn(ev::PointerEvent) + 'static,
    /// Begins to lead its input elsewhere.
    on_input: impl Fn(ev::PointerEvent) + 'static,
) -> impl IntoView {
    let live = use_live();
    let place = extent(&node);
    let style = move || {
        let Area { left, top, .. } = place.shifted(by.get().unwrap_or_default());
        format!(
            "transform:translate({left}px,{top}px);width:{}px;height:{}px",
            node.width, node.height
        )
    };
    let class = match node.kind {
        NodeKind::System => "card system",
        NodeKind::Dataset => "card dataset",
        NodeKind::Pipe => "card pipe",
    };
    let state = (node.kind == NodeKind::Pipe).then(|| {
        let pipe = live.pipe(&node.name);
        let queue = pipe.clone();
        view! {
            <StateDot state=Signal::derive(move || pipe.with(|pipe| pipe.state)) />
            {move || {
                let waiting = queue.with(|pipe| pipe.queue());
                (waiting > 0).then(|| view! { <span class="card-queue" data-tip="Waiting to be read">{count(waiting)}</span> })
            }}
        }
    });
    let failing = (node.kind == NodeKind::Pipe).then(|| {
        let pipe = live.pipe(&node.name);
        Signal::derive(move || {
            pipe.with(|pipe| matches!(pipe.state, PipeState::Failed | PipeState::Invalid))
        })
    });
    let entities = node.dataset.clone().map(|id| {
        let dataset = live.dataset(&id);
        view! {
            <span class="card-count">
                {move || dataset.with(|dataset| if dataset.versions > 0 { count(dataset.entities) } else { String::new() })}
            </span>
        }
    });
    let port = node.dataset.is_some().then(|| {
        view! {
            <i
                class="card-port"
                data-testid="port"
                data-tip="Drag to a pipe that shall read this, or into the open for a new one"
                on:pointerdown=move |event| {
                    event.stop_propagation();
                    event.prevent_default();
                    on_draw(event);
                }
            ></i>
        }
    });
    let input = (node.kind == NodeKind::Pipe).then(|| {
        view! {
            <i
                class="card-port card-input"
                data-testid="input"
                data-tip="Drag to the dataset that it shall read"
                on:pointerdown=move |event| {
                    event.stop_propagation();
                    event.prevent_default();
                    on_input(event);
                }
            ></i>
        }
    });
    let problems = match (node.errors, node.warnings) {
        (0, 0) => None,
        (0, warnings) => Some((
            "card-problem warning",
            Sign::Warning,
            format!("{warnings} warnings in the config"),
        )),
        (errors, _) => {
            Some(("card-problem error", Sign::Error, format!("{errors} errors in the config")))
        }
    };
    let id = node.id.clone();
    let name_line = format!("{} {}", kind_line(&node), node.name);
    let (kind, sign, global) = (kind_line(&node), sign(&node), node.global);
    let name = name(&node.name);
    view! {
        <div
            class=class
            class:global=global
            class:selected=move || selected.get()
            class:dim=move || dim.get()
            class:hot=move || hot.get()
            class:moving=move || by.with(Option::is_some)
            class:failing=move || failing.is_some_and(|failing| failing.get())
            style=style
            data-testid="card"
            data-id=id
        >
            <button
                type="button"
                class="card-face"
                aria-label=name_line
                aria-pressed=move || selected.get().to_string()
                on:click=move |event| {
                    if event.detail() == 0 {
                        on_pick(event.shift_key() || event.ctrl_key());
                    }
                }
            >
                <span class="card-name">
                    <Icon sign />
                    <b>{name}</b>
                    {problems.map(|(class, sign, tip)| view! { <span class=class data-tip=tip><Icon sign /></span> })}
                </span>
                <span class="card-line">
                    {state}
                    <span class="card-kind">{kind}</span>
                    {entities}
                </span>
            </button>
            {input}
            {port}
        </div>
    }
}

/// Tells cards apart by what is on them and where they are.
pub(super) fn seal(node: &GraphNode) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut seal = DefaultHasher::new();
    let GraphNode { id, flavour, sink, dataset, global, placed, errors, warnings, .. } = node;
    (id, flavour, sink, dataset, global, placed, errors, warnings).hash(&mut seal);
    (node.x.to_bits(), node.y.to_bits()).hash(&mut seal);
    seal.finish()
}
