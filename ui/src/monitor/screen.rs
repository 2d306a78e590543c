//! The Monitor screen: figures on top, below them pipes, their runs, failed
//! entities, alerts, or the node.

use leptos::prelude::*;

use super::{alerts::AlertList, history::Runs, inbox::Inbox, node::NodeHealth, pipes::Pipes};
use crate::{
    components::{Figure, Tabs, clock, count},
    place::{Place, use_nav},
    state::use_live,
};

/// Sides of the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Tab {
    #[default]
    Pipes,
    Runs,
    Failed,
    Alerts,
    Node,
}

const TABS: [Tab; 5] = [Tab::Pipes, Tab::Runs, Tab::Failed, Tab::Alerts, Tab::Node];

impl Tab {
    fn name(self) -> &'static str {
        match self {
            Tab::Pipes => "Pipes",
            Tab::Runs => "Runs",
            Tab::Failed => "Failed",
            Tab::Alerts => "Alerts",
            Tab::Node => "Node",
        }
    }

    fn place(self) -> Place {
        match self {
            Tab::Pipes => Place::Monitor,
            Tab::Runs => Place::MonitorRuns,
            Tab::Failed => Place::Failed { entity: None },
            Tab::Alerts => Place::Alerts,
            Tab::Node => Place::Node,
        }
    }
}

/// The Monitor screen.
#[component]
pub fn MonitorScreen() -> impl IntoView {
    let (live, nav) = (use_live(), use_nav());
    let tab = nav.says(|place| match place {
        Place::Monitor => Some(Tab::Pipes),
        Place::MonitorRuns => Some(Tab::Runs),
        Place::Failed { .. } => Some(Tab::Failed),
        Place::Alerts => Some(Tab::Alerts),
        Place::Node => Some(Tab::Node),
        _ => None,
    });
    let tabs = TABS.map(|tab| (tab.name(), tab.place())).to_vec();
    let current = Signal::derive(move || tab.get().place());
    let totals = live.totals;
    let next = Memo::new(move |_| {
        live.pipes.with(|pipes| pipes.values().filter_map(|pipe| pipe.next_run).min())
    });
    view! {
        <div class="page" data-testid="monitor">
            <header class="page-head">
                <h1>"Monitor"</h1>
                <Tabs label="Monitor" tabs current />
            </header>
            <ul class="figures" aria-label="All pipes">
                <Figure name="Running" value=move || format!("{} of {}", totals.get().running, totals.get().pipes) />
                <Figure name="Failing" value=move || totals.get().failing.to_string() bad=Signal::derive(move || totals.get().failing > 0) />
                <Figure name="Waiting to be read" value=move || count(totals.get().queue) />
                <Figure name="To be tried again" value=move || count(totals.get().retries) bad=Signal::derive(move || totals.get().retries > 0) />
                <Figure name="Given up" value=move || count(totals.get().dead) bad=Signal::derive(move || totals.get().dead > 0) />
                <Figure name="Next run" value=move || next.get().map_or_else(|| "none is due".to_owned(), clock) />
            </ul>
            {move || match tab.get() {
                Tab::Pipes => view! { <Pipes /> }.into_any(),
                Tab::Runs => view! { <Runs /> }.into_any(),
                Tab::Failed => view! { <Inbox /> }.into_any(),
                Tab::Alerts => view! { <AlertList /> }.into_any(),
                Tab::Node => view! { <NodeHealth /> }.into_any(),
            }}
        </div>
    }
}
