//! The panel of several cards: how they fare together, and what can be done
//! with all of them.

use leptos::prelude::*;
use pipewright_protocol::studio::{self, NodeKind, PipeState};

use super::{card::sign, scene::Scene};
use crate::{
    components::{Button, Icon, Sign, count},
    draft::Act,
};

/// How many names are listed.
const LISTED: usize = 60;

/// What is chosen, when it is more than one card.
#[component]
pub(super) fn Group(scene: Scene) -> impl IntoView {
    let nodes = Memo::new(move |_| {
        scene.wiring.track();
        scene
            .chosen
            .with(|chosen| chosen.iter().filter_map(|index| scene.node(*index)).collect::<Vec<_>>())
    });
    let pipes = Memo::new(move |_| {
        nodes.with(|nodes| {
            let pipes = nodes.iter().filter(|node| node.kind == NodeKind::Pipe);
            pipes.map(|node| node.name.clone()).collect::<Vec<_>>()
        })
    });
    let sum = Memo::new(move |_| {
        scene.live.pipes.with(|all| {
            pipes.with(|pipes| {
                let mut sum = (0, 0, 0);
                for pipe in pipes.iter().filter_map(|id| all.get(id)) {
                    sum.0 += usize::from(pipe.state == PipeState::Running);
                    sum.1 +=
                        usize::from(matches!(pipe.state, PipeState::Failed | PipeState::Invalid));
                    sum.2 += pipe.queue();
                }
                sum
            })
        })
    });
    let held = Signal::derive(move || {
        scene.held().or_else(|| {
            pipes.with(Vec::is_empty).then(|| "No pipe is among what is selected.".to_owned())
        })
    });
    let tip = move |does: &'static str| {
        Signal::derive(move || held.get().unwrap_or_else(|| does.to_owned()))
    };
    let may_not_run = Signal::derive(move || held.with(Option::is_some));
    let may_not = Signal::derive(move || !scene.live.may_change());
    let list = move || {
        nodes.with(|nodes| {
            let row = |node: &studio::GraphNode| {
                let id = node.id.clone();
                let at = scene.wiring.with_untracked(|wiring| wiring.place(&id));
                view! {
                    <li>
                        <button type="button" class="group-name" on:click=move |_| at.into_iter().for_each(|at| scene.reveal(at))>
                            <Icon sign=sign(node) />
                            {node.name.clone()}
                        </button>
                    </li>
                }
            };
            let more = nodes.len().saturating_sub(LISTED);
            let more = (more > 0).then(|| view! { <li class="hint">{format!("and {more} more")}</li> });
            view! { <ul class="panel-links">{nodes.iter().take(LISTED).map(row).collect_view()} {more}</ul> }
        })
    };
    view! {
        <aside class="panel" aria-label="Selected" data-testid="group">
            <header>
                <Icon sign=Sign::Flow />
                <h2>{move || nodes.with(|nodes| format!("{} cards", nodes.len()))}</h2>
            </header>
            <div class="panel-actions">
                <Button label="Run" sign=Sign::Play id="group-run" tip=tip("Runs these pipes once") disabled=may_not_run on_click=move || scene.tell(studio::RUN) />
                <Button label="Stop" sign=Sign::Stop id="group-stop" tip=tip("Stops those that run") disabled=may_not_run on_click=move || scene.tell(studio::STOP) />
                <Button label="Enable" sign=Sign::Check id="group-enable" tip=tip("Lets them run by themselves") disabled=may_not_run on_click=move || scene.operate("enable") />
                <Button label="Disable" sign=Sign::Lock id="group-disable" tip=tip("Keeps them from running") disabled=may_not_run on_click=move || scene.operate("disable") />
                <Button label="Lay out" sign=Sign::Columns id="group-lay-out" tip="Lays these cards out on their own, where they are (L)" disabled=may_not on_click=move || scene.lay_out_chosen() />
                <Button label="Duplicate" sign=Sign::Copy id="group-copy" tip="Copies that read each other (Ctrl+D)" disabled=may_not on_click=move || scene.begin(Act::Copy) />
                <Button label="Remove" sign=Sign::Close id="group-remove" tip="Shows what breaks first (Delete)" disabled=may_not on_click=move || scene.begin(Act::Remove) />
            </div>
            <dl class="facts">
                <dt>"Pipes"</dt>
                <dd>{move || pipes.with(Vec::len)}</dd>
                <dt>"Running"</dt>
                <dd>{move || sum.get().0}</dd>
                <dt>"Failing"</dt>
                <dd>{move || sum.get().1}</dd>
                <dt>"Waiting"</dt>
                <dd>{move || count(sum.get().2)}</dd>
            </dl>
            {list}
        </aside>
    }
}
