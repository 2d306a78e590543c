//! What is selected in the graph: how it fares and what can be done with it.

use leptos::prelude::*;
use pipewright_protocol::studio::{GraphNode, NodeKind, PipeState};

use super::card::sign;
use crate::{
    components::{Button, Icon, Link, Sign, StateChip, bytes, clock, count, duration},
    pipes::PipeActions,
    place::{Place, use_nav},
    state::use_live,
};

/// Facts as name and value.
#[component]
fn Fact(label: &'static str, #[prop(into)] value: Signal<String>) -> impl IntoView {
    view! {
        <Show when=move || value.with(|value| !value.is_empty())>
            <dt>{label}</dt>
            <dd>{move || value.get()}</dd>
        </Show>
    }
}

/// Where a card leads when it is opened.
pub(super) fn place_of(node: &GraphNode) -> Option<Place> {
    match node.kind {
        NodeKind::Pipe => Some(Place::pipe(&node.name)),
        NodeKind::Dataset => Some(Place::dataset(&node.name)),
        NodeKind::System => Some(Place::system(&node.name)),
    }
}

/// The panel of one card.
#[component]
pub(super) fn Panel(
    node: GraphNode,
    /// Cards that feed it.
    before: Vec<GraphNode>,
    /// Cards it feeds.
    after: Vec<GraphNode>,
    /// Opens the dialog to make a pipe that reads its dataset.
    on_new: impl Fn() + Clone + Send + Sync + 'static,
) -> impl IntoView {
    let live = use_live();
    let nav = use_nav();
    let pipe = (node.kind == NodeKind::Pipe).then(|| live.pipe(&node.name));
    let state = pipe.clone().map(
        |pipe| view! { <StateChip state=Signal::derive(move || pipe.with(|pipe| pipe.state)) /> },
    );
    let runs = pipe.map(|pipe| {
        let fact = |read: fn(&pipewright_protocol::studio::PipeStatus) -> String| {
            let pipe = pipe.clone();
            Signal::derive(move || pipe.with(read))
        };
        let message = fact(|pipe| pipe.message.clone().unwrap_or_default());
        let failed = {
            let pipe = pipe.clone();
            Signal::derive(move || pipe.with(|pipe| pipe.state == PipeState::Failed))
        };
        view! {
            <dl class="facts">
                <Fact label="Last run" value=fact(|pipe| pipe.last_run.map(clock).unwrap_or_default()) />
                <Fact label="Took" value=fact(|pipe| pipe.took.map(duration).unwrap_or_default()) />
                <Fact label="Handled" value=fact(|pipe| if pipe.last_run.is_some() || pipe.state == PipeState::Running { count(pipe.processed) } else { String::new() }) />
                <Fact label="Waiting" value=fact(|pipe| if pipe.queues.is_empty() { String::new() } else { count(pipe.queue()) }) />
                <Fact label="To retry" value=fact(|pipe| if pipe.retries > 0 { count(pipe.retries) } else { String::new() }) />
                <Fact label="Given up" value=fact(|pipe| if pipe.dead > 0 { count(pipe.dead) } else { String::new() }) />
                <Fact label="Next run" value=fact(|pipe| pipe.next_run.map(clock).unwrap_or_default()) />
            </dl>
            <Show when=move || message.with(|message| !message.is_empty())>
                <p class="panel-message" class:failed=move || failed.get()>{move || message.get()}</p>
            </Show>
        }
    });
    let dataset = node.dataset.clone().map(|id| {
        let status = live.dataset(&id);
        let fact = |read: fn(&pipewright_protocol::studio::DatasetStatus) -> String| {
            let status = status.clone();
            Signal::derive(move || status.with(read))
        };
        view! {
            <h3>
                <Link to=Place::dataset(&id) id="panel-dataset">
                    <Icon sign=Sign::Dataset />
                    {id.clone()}
                </Link>
            </h3>
            <dl class="facts">
                <Fact label="Entities" value=fact(|dataset| count(dataset.entities)) />
                <Fact label="Deleted" value=fact(|dataset| if dataset.deleted > 0 { count(dataset.deleted) } else { String::new() }) />
                <Fact label="Versions" value=fact(|dataset| count(dataset.versions)) />
                <Fact label="Size" value=fact(|dataset| if dataset.bytes > 0 { bytes(dataset.bytes) } else { String::new() }) />
                <Fact label="Changed" value=fact(|dataset| dataset.modified.map(clock).unwrap_or_default()) />
            </dl>
        }
    });
    let side = |title: &'static str, nodes: Vec<GraphNode>| {
        (!nodes.is_empty()).then(|| {
            view! {
                <h3>{title}</h3>
                <ul class="panel-links">
                    {nodes
                        .into_iter()
                        .map(|node| {
                            let to = Place::Flow { select: Some(node.id.clone()) };
                            view! {
                                <li>
                                    <Link to=to>
                                        <Icon sign=sign(&node) />
                                        {node.name}
                                    </Link>
                                </li>
                            }
                        })
                        .collect_view()}
                </ul>
            }
        })
    };
    let open = place_of(&node).map(|place| {
        let label = match node.kind {
            NodeKind::Dataset => "Open dataset",
            NodeKind::Pipe | NodeKind::System => "Open config",
        };
        view! { <Button label=label sign=Sign::File id="panel-open" on_click=move || nav.go(place.clone()) /> }
    });
    let clusters = (node.kind == NodeKind::Pipe && node.flavour == "merge").then(|| {
        let place = Place::Duplicates { pipe: Some(node.name.clone()), cluster: None };
        view! { <Button label="Clusters" sign=Sign::Merge id="panel-clusters" on_click=move || nav.go(place.clone()) /> }
    });
    let downstream = node.dataset.is_some().then(|| {
        let on_new = on_new.clone();
        view! { <Button label="New pipe" sign=Sign::Plus id="panel-new-pipe" tip="Makes a pipe that reads this dataset" disabled=Signal::derive(move || !live.may_change()) on_click=move || on_new() /> }
    });
    let actions =
        (node.kind == NodeKind::Pipe).then(|| view! { <PipeActions pipe=node.name.clone() /> });
    view! {
        <aside class="panel" aria-label="Selected" data-testid="panel">
            <header>
                <Icon sign=sign(&node) />
                <h2>{node.name.clone()}</h2>
                {state}
            </header>
            <div class="panel-actions">{actions} {open} {clusters} {downstream}</div>
            {runs}
            {dataset}
            {side("Fed by", before)}
            {side("Feeds", after)}
        </aside>
    }
}
