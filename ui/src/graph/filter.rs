//! What of the flow is shown: by system, flow, state and namespace.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};

use leptos::{ev, prelude::*};
use pipewright_protocol::studio::{NodeKind, PipeState, PipeStatus};

use super::{scene::Scene, wiring::Wiring};
use crate::components::{Button, Icon, Select, Sign, state_name};

/// What cards must have to be shown; empty texts ask for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Filter {
    system: String,
    flow: String,
    state: String,
    namespace: String,
}

const STATES: [PipeState; 8] = [
    PipeState::Failed,
    PipeState::Invalid,
    PipeState::Running,
    PipeState::Finished,
    PipeState::Serving,
    PipeState::Stopped,
    PipeState::New,
    PipeState::Disabled,
];

impl Filter {
    /// The cards that are left: pipes that have all that is asked for, and what
    /// is around them.
    pub(super) fn of(
        &self,
        wiring: &Wiring,
        pipes: &BTreeMap<String, PipeStatus>,
    ) -> HashSet<usize> {
        let nodes = &wiring.graph.nodes;
        // Of a system: the pipes that talk to it, with all of their flows.
        let of_system: Option<HashSet<usize>> = (!self.system.is_empty()).then(|| {
            let Some(system) = wiring.place(&format!("system:{}", self.system)) else {
                return HashSet::new();
            };
            let mut cards = HashSet::from([system]);
            for &edge in wiring.touching(system) {
                let Some((from, to)) = wiring.ends(edge) else { continue };
                for card in [from, to] {
                    match wiring.flows.of_card(card) {
                        Some(flow) => cards.extend(&wiring.flows.all[flow].cards),
                        None => drop(cards.insert(card)),
                    }
                }
            }
            cards
        });
        let of_flow: Option<HashSet<usize>> = (!self.flow.is_empty()).then(|| {
            let flows = wiring.flows.all.iter().filter(|flow| flow.name == self.flow);
            flows.flat_map(|flow| flow.cards.iter().copied()).collect()
        });
        let has = |index: usize| {
            let node = &nodes[index];
            let state = || pipes.get(&node.name).map(|pipe| state_name(pipe.state));
            let is_pipe = node.kind == NodeKind::Pipe;
            of_system.as_ref().is_none_or(|cards| cards.contains(&index))
                && of_flow.as_ref().is_none_or(|cards| cards.contains(&index))
                && (self.state.is_empty() || is_pipe && state() == Some(&*self.state))
                && (self.namespace.is_empty() || node.namespaces.contains(&self.namespace))
        };
        let kept: HashSet<usize> = (0..nodes.len()).filter(|index| has(*index)).collect();
        // Where they come from and go to stays with them.
        let mut shown = kept.clone();
        for card in kept {
            for &edge in wiring.touching(card) {
                if let Some((from, to)) = wiring.ends(edge) {
                    let other = if from == card { to } else { from };
                    if nodes[other].kind == NodeKind::System || nodes[other].global {
                        shown.insert(other);
                    }
                }
            }
        }
        shown
    }
}

/// The button that opens the filter, and the filter.
#[component]
pub(super) fn FilterMenu(scene: Scene) -> impl IntoView {
    let open = RwSignal::new(false);
    let filter = scene.view.filter;
    let wiring = scene.wiring;
    let active = Memo::new(move |_| filter.with(|filter| *filter != Filter::default()));
    let nodes = move |of: fn(&Wiring) -> BTreeSet<String>| {
        Memo::new(move |_| wiring.with(|wiring: &Arc<Wiring>| of(wiring)))
    };
    let systems = nodes(|wiring| {
        let nodes = wiring.graph.nodes.iter().filter(|node| node.kind == NodeKind::System);
        nodes.map(|node| node.name.clone()).collect()
    });
    let flows = nodes(|wiring| wiring.flows.all.iter().map(|flow| flow.name.clone()).collect());
    let namespaces = nodes(|wiring| {
        wiring.graph.nodes.iter().flat_map(|node| node.namespaces.iter().cloned()).collect()
    });
    let states = Memo::new(move |_| {
        scene.live.pipes.with(|pipes| {
            let there: HashSet<&str> = pipes.values().map(|pipe| state_name(pipe.state)).collect();
            let states = STATES.map(state_name).into_iter().filter(|name| there.contains(name));
            states.map(str::to_owned).collect::<Vec<_>>()
        })
    });
    let left = move || {
        scene.shown.with(|shown| {
            let all = wiring.with(|wiring| wiring.graph.nodes.len());
            shown.as_ref().map(|shown| format!("{} of {all} cards", shown.len()))
        })
    };
    view! {
        <div
            class="flow-filter"
            on:keydown=move |event: ev::KeyboardEvent| {
                if event.key() == "Escape" && open.get_untracked() {
                    open.set(false);
                    event.stop_propagation();
                }
            }
        >
            <button
                type="button"
                class="button"
                class:on=move || active.get()
                data-testid="flow-filter"
                aria-expanded=move || open.get().to_string()
                on:click=move |_| open.update(|open| *open = !*open)
            >
                <Icon sign=Sign::Columns />
                <span>{move || left().map_or_else(|| "Filter".to_owned(), |left| format!("Filter: {left}"))}</span>
            </button>
            <Show when=move || open.get()>
                <div class="flow-filters" role="group" aria-label="Filter">
                    <Choice name="System" id="filter-system" options=Signal::derive(move || systems.get().into_iter().collect()) get={|it: &Filter| &it.system} set={|it: &mut Filter, to: String| it.system = to} filter />
                    <Choice name="Flow" id="filter-flow" options=Signal::derive(move || flows.get().into_iter().collect()) get={|it: &Filter| &it.flow} set={|it: &mut Filter, to: String| it.flow = to} filter />
                    <Choice name="State" id="filter-state" options=Signal::derive(move || states.get()) get={|it: &Filter| &it.state} set={|it: &mut Filter, to: String| it.state = to} filter />
                    <Choice name="Namespace" id="filter-namespace" options=Signal::derive(move || namespaces.get().into_iter().collect()) get={|it: &Filter| &it.namespace} set={|it: &mut Filter, to: String| it.namespace = to} filter />
                    <div class="form-actions">
                        <Button label="Show all" disabled=Signal::derive(move || !active.get()) on_click=move || filter.set(Filter::default()) />
                        <Button label="Fit" sign=Sign::Fit on_click=move || scene.fit() />
                    </div>
                </div>
            </Show>
        </div>
    }
}

/// One thing to filter by.
#[component]
fn Choice(
    name: &'static str,
    id: &'static str,
    options: Signal<Vec<String>>,
    get: fn(&Filter) -> &str,
    set: fn(&mut Filter, String),
    filter: RwSignal<Filter>,
) -> impl IntoView {
    let value = RwSignal::new(filter.with_untracked(|filter| get(filter).to_owned()));
    // Each follows the other, and tells nobody when nothing has changed.
    Effect::new(move || {
        let now = filter.with(|filter| get(filter).to_owned());
        if value.get_untracked() != now {
            value.set(now);
        }
    });
    Effect::new(move || {
        let to = value.get();
        if filter.with_untracked(|filter| get(filter) != to) {
            filter.update(|filter| set(filter, to));
        }
    });
    view! { <Select label=name value options empty="Any" id /> }
}
