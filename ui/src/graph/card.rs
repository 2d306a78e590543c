//! A card of the graph, near enough to be read.

use leptos::{ev, prelude::*};
use pipewright_protocol::studio::{GraphNode, NodeKind, PipeState};

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
    /// Selects it.
    on_pick: impl Fn() + 'static,
    /// Opens what it stands for.
    on_open: impl Fn() + 'static,
    /// Begins to draw a line from its output.
    on_draw: impl Fn(ev::PointerEvent) + 'static,
) -> impl IntoView {
    let live = use_live();
    let style = format!(
        "transform:translate({}px,{}px);width:{}px;height:{}px",
        node.x, node.y, node.width, node.height
    );
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
                data-tip="Drag to make a pipe that reads this"
                on:pointerdown=move |event| {
                    event.stop_propagation();
                    event.prevent_default();
                    on_draw(event);
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
    view! {
        <div
            class=class
            class:global=node.global
            class:selected=move || selected.get()
            class:dim=move || dim.get()
            class:failing=move || failing.is_some_and(|failing| failing.get())
            style=style
            data-testid="card"
            data-id=id
        >
            <button
                type="button"
                class="card-face"
                aria-label=format!("{} {}", kind_line(&node), node.name)
                aria-pressed=move || selected.get().to_string()
                on:click=move |_| on_pick()
                on:dblclick=move |_| on_open()
            >
                <span class="card-name">
                    <Icon sign=sign(&node) />
                    <b>{name(&node.name)}</b>
                    {problems.map(|(class, sign, tip)| view! { <span class=class data-tip=tip><Icon sign /></span> })}
                </span>
                <span class="card-line">
                    {state}
                    <span class="card-kind">{kind_line(&node)}</span>
                    {entities}
                </span>
            </button>
            {port}
        </div>
    }
}
