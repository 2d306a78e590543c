//! The Monitor screen: figures on top, below them pipes or failed entities.

use leptos::prelude::*;

use super::{inbox::Inbox, pipes::Pipes};
use crate::{
    components::{Figure, Tabs, clock, count},
    place::{Place, use_nav},
    state::use_live,
};

/// The Monitor screen.
#[component]
pub fn MonitorScreen() -> impl IntoView {
    let (live, nav) = (use_live(), use_nav());
    let failed = Memo::new(move |last: Option<&bool>| match nav.place() {
        Place::Monitor => false,
        Place::Failed { .. } => true,
        _ => last.copied().unwrap_or(false),
    });
    let tabs = vec![("Pipes", Place::Monitor), ("Failed", Place::Failed { entity: None })];
    let current =
        Signal::derive(
            move || {
                if failed.get() { Place::Failed { entity: None } } else { Place::Monitor }
            },
        );
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
            {move || if failed.get() { view! { <Inbox /> }.into_any() } else { view! { <Pipes /> }.into_any() }}
        </div>
    }
}
