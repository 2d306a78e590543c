//! All pipes, those that need a look first.

use leptos::prelude::*;
use pipewright_protocol::studio::{PipeState, PipeStatus};

use crate::{
    components::{
        Column, Empty, Search, Sign, StateDot, Table, clock, count, duration, state_name,
        state_rank,
    },
    place::{Place, use_nav},
    state::use_live,
};

/// Entities a second in the last run; nothing for runs too short to tell.
fn rate(status: &PipeStatus) -> Option<u64> {
    let took = status.took.filter(|took| *took >= 10_000)?;
    (status.processed > 0).then(|| (status.processed as f64 * 1e6 / took as f64) as u64)
}

fn failed(status: &PipeStatus) -> u64 {
    status.retries + status.dead
}

fn columns() -> Vec<Column<PipeStatus>> {
    fn figure(number: u64) -> AnyView {
        if number == 0 { ().into_any() } else { count(number).into_any() }
    }
    vec![
        Column::text(
            "Pipe",
            "minmax(180px,2fr)",
            |row| {
                let state = row.state;
                view! {
                    <StateDot state />
                    <b>{row.id.clone()}</b>
                }
                .into_any()
            },
            |a, b| a.id.cmp(&b.id),
        ),
        Column::text(
            "State",
            "86px",
            |row| state_name(row.state).into_any(),
            |a, b| state_rank(a.state).cmp(&state_rank(b.state)),
        ),
        Column::text(
            "What happened",
            "minmax(160px,3fr)",
            |row| {
                let bad = matches!(row.state, PipeState::Failed | PipeState::Invalid);
                let message = row.message.clone().unwrap_or_default();
                view! { <span class:bad-text=bad data-tip=message.clone()>{message.clone()}</span> }
                    .into_any()
            },
            |a, b| a.message.cmp(&b.message),
        ),
        Column::number(
            "Waiting",
            "80px",
            |row| figure(row.queue()),
            |a, b| a.queue().cmp(&b.queue()),
        ),
        Column::number(
            "Failed",
            "72px",
            |row| figure(failed(row)),
            |a, b| failed(a).cmp(&failed(b)),
        ),
        Column::number(
            "Per second",
            "92px",
            |row| rate(row).map(count).unwrap_or_default().into_any(),
            |a, b| rate(a).cmp(&rate(b)),
        ),
        Column::number(
            "Took",
            "76px",
            |row| row.took.map(duration).unwrap_or_default().into_any(),
            |a, b| a.took.cmp(&b.took),
        ),
        Column::text(
            "Last run",
            "128px",
            |row| row.last_run.map(clock).unwrap_or_default().into_any(),
            |a, b| a.last_run.cmp(&b.last_run),
        ),
        Column::text(
            "Next run",
            "128px",
            |row| row.next_run.map(clock).unwrap_or_default().into_any(),
            |a, b| a.next_run.cmp(&b.next_run),
        ),
    ]
}

/// Failing first, then those with failed entities, then by state; among equals
/// those for which most waits.
fn needs_a_look(a: &PipeStatus, b: &PipeStatus) -> std::cmp::Ordering {
    let bad = |pipe: &PipeStatus| !matches!(pipe.state, PipeState::Failed | PipeState::Invalid);
    bad(a)
        .cmp(&bad(b))
        .then_with(|| (failed(a) == 0).cmp(&(failed(b) == 0)))
        .then_with(|| state_rank(a.state).cmp(&state_rank(b.state)))
        .then_with(|| b.queue().cmp(&a.queue()))
        .then_with(|| a.id.cmp(&b.id))
}

/// The pipes, failing ones first; a row leads to the pipe's runs.
#[component]
pub(super) fn Pipes() -> impl IntoView {
    let (live, nav) = (use_live(), use_nav());
    let find = RwSignal::new(String::new());
    let rows = Memo::new(move |_| {
        let find = find.get().trim().to_lowercase();
        let mut rows = live.pipes.with(|pipes| {
            let matches = |pipe: &&PipeStatus| {
                find.is_empty()
                    || pipe.id.to_lowercase().contains(&find)
                    || state_name(pipe.state).to_lowercase().contains(&find)
                    || pipe.message.as_ref().is_some_and(|text| text.to_lowercase().contains(&find))
            };
            pipes.values().filter(matches).cloned().collect::<Vec<_>>()
        });
        rows.sort_by(needs_a_look);
        rows
    });
    let none = Memo::new(move |_| live.known() && live.pipes.with(|pipes| pipes.is_empty()));
    let open = move |row: &PipeStatus| nav.go(Place::runs(&row.id));
    view! {
        <div class="pane-head">
            <Search value=find label="Filter by name, state or message" />
        </div>
        <Show
            when=move || !none.get()
            fallback=|| view! { <Empty sign=Sign::Monitor title="Nothing to watch yet" hint="This project has no pipes. Put one into the folder, as pipes/NAME.conf.json." /> }
        >
            <Table label="Pipes" rows columns=columns() key=|row| row.id.clone() on_open=open id="monitor-pipes" />
        </Show>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_comes_first() {
        let pipe = |id: &str, state, dead| PipeStatus {
            id: id.into(),
            state,
            dead,
            ..PipeStatus::default()
        };
        let mut pipes = [
            pipe("a", PipeState::Finished, 0),
            pipe("b", PipeState::Finished, 2),
            pipe("c", PipeState::Running, 0),
            pipe("d", PipeState::Failed, 0),
        ];
        pipes.sort_by(needs_a_look);
        assert_eq!(pipes.map(|pipe| pipe.id).join(""), "dbca");
    }

    #[test]
    fn a_rate_needs_a_run_long_enough_to_tell() {
        let status =
            |processed, took| PipeStatus { processed, took: Some(took), ..PipeStatus::default() };
        assert_eq!(rate(&status(500, 2_000_000)), Some(250));
        assert_eq!(rate(&status(5, 200)), None);
        assert_eq!(rate(&status(0, 2_000_000)), None);
    }
}
