//! All pipes, those that need a look first.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use leptos::prelude::*;
use pipewright_protocol::studio::{PipeState, PipeStatus};

use super::{
    groups::{Grouping, OTHERS, groups},
    history::History,
};
use crate::{
    client::use_client,
    components::{
        Column, Empty, Search, Sign, Sparkline, Split, StateDot, Table, Tone, clock, count,
        duration, state_name, state_rank,
    },
    place::{Place, use_nav},
    state::{Live, remember, remembered, use_live},
};

/// A pipe with what is known of its runs.
#[derive(Clone, PartialEq)]
struct Row {
    status: PipeStatus,
    /// Entities a second, while it runs.
    now: Option<u64>,
    /// How long the last runs took.
    durations: Arc<[f64]>,
}

impl Row {
    fn rate(&self) -> Option<u64> {
        self.now.or_else(|| rate(&self.status))
    }
}

/// Entities a second in the last run; nothing for runs too short to tell.
fn rate(status: &PipeStatus) -> Option<u64> {
    let took = status.took.filter(|took| *took >= 10_000)?;
    (status.processed > 0).then(|| (status.processed as f64 * 1e6 / took as f64) as u64)
}

fn failed(status: &PipeStatus) -> u64 {
    status.retries + status.dead
}

/// Whether it fails, or entities in it do.
fn needs_look(status: &PipeStatus) -> bool {
    matches!(status.state, PipeState::Failed | PipeState::Invalid) || failed(status) > 0
}

fn columns() -> Vec<Column<Row>> {
    fn figure(number: u64) -> AnyView {
        if number == 0 { ().into_any() } else { count(number).into_any() }
    }
    vec![
        Column::text(
            "Pipe",
            "minmax(180px,2fr)",
            |row| {
                let state = row.status.state;
                view! {
                    <StateDot state />
                    <b>{row.status.id.clone()}</b>
                }
                .into_any()
            },
            |a, b| a.status.id.cmp(&b.status.id),
        ),
        Column::text(
            "State",
            "86px",
            |row| state_name(row.status.state).into_any(),
            |a, b| state_rank(a.status.state).cmp(&state_rank(b.status.state)),
        ),
        Column::text(
            "What happened",
            "minmax(160px,3fr)",
            |row| {
                let bad = matches!(row.status.state, PipeState::Failed | PipeState::Invalid);
                let message = row.status.message.clone().unwrap_or_default();
                view! { <span class:bad-text=bad data-tip=message.clone()>{message.clone()}</span> }
                    .into_any()
            },
            |a, b| a.status.message.cmp(&b.status.message),
        ),
        Column::number(
            "Waiting",
            "80px",
            |row| figure(row.status.queue()),
            |a, b| a.status.queue().cmp(&b.status.queue()),
        ),
        Column::number(
            "Failed",
            "72px",
            |row| figure(failed(&row.status)),
            |a, b| failed(&a.status).cmp(&failed(&b.status)),
        ),
        Column::number(
            "Per second",
            "92px",
            |row| row.rate().map(count).unwrap_or_default().into_any(),
            |a, b| a.rate().cmp(&b.rate()),
        ),
        Column::text(
            "Last runs",
            "104px",
            |row| {
                if row.durations.len() < 2 {
                    return ().into_any();
                }
                let values = row.durations.to_vec();
                let last = values.last().copied().unwrap_or_default();
                let label = format!("Last runs, the newest took {}", duration(last as u64));
                let tone = match row.status.state {
                    PipeState::Failed | PipeState::Invalid => Tone::Bad,
                    PipeState::Running => Tone::Run,
                    _ => Tone::Good,
                };
                view! { <Sparkline label values=Signal::stored(values) tone /> }.into_any()
            },
            |a, b| a.status.last_run.cmp(&b.status.last_run),
        ),
        Column::number(
            "Took",
            "76px",
            |row| row.status.took.map(duration).unwrap_or_default().into_any(),
            |a, b| a.status.took.cmp(&b.status.took),
        ),
        Column::text(
            "Last run",
            "128px",
            |row| row.status.last_run.map(clock).unwrap_or_default().into_any(),
            |a, b| a.status.last_run.cmp(&b.status.last_run),
        ),
        Column::text(
            "Next run",
            "128px",
            |row| row.status.next_run.map(clock).unwrap_or_default().into_any(),
            |a, b| a.status.next_run.cmp(&b.status.next_run),
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

/// What the pipes are put together by, as remembered.
fn remembered_grouping() -> Grouping {
    match remembered("monitor.groups").as_deref() {
        Some("system") => Grouping::System,
        Some("flow") => Grouping::Flow,
        _ => Grouping::None,
    }
}

/// How fast running pipes go: entities a second since they were first seen to
/// run.
fn rates(live: Live) -> Memo<HashMap<String, u64>> {
    let begun = StoredValue::new(HashMap::<String, (f64, u64)>::new());
    Memo::new(move |_| {
        let now = js_sys::Date::now();
        live.pipes.with(|pipes| {
            let mut rates = HashMap::new();
            begun.update_value(|begun| {
                begun.retain(|id, _| {
                    pipes.get(id).is_some_and(|pipe| pipe.state == PipeState::Running)
                });
                for pipe in pipes.values().filter(|pipe| pipe.state == PipeState::Running) {
                    let (at, before) =
                        *begun.entry(pipe.id.clone()).or_insert((now, pipe.processed));
                    let (seconds, more) = ((now - at) / 1e3, pipe.processed.checked_sub(before));
                    match more {
                        // It began again.
                        None => drop(begun.insert(pipe.id.clone(), (now, pipe.processed))),
                        Some(more) if seconds > 0.5 => {
                            rates.insert(pipe.id.clone(), (more as f64 / seconds) as u64);
                        }
                        Some(_) => {}
                    }
                }
            });
            rates
        })
    })
}

/// The pipes, failing ones first, all or those of a group; a row leads to the
/// pipe's runs.
#[component]
pub(super) fn Pipes() -> impl IntoView {
    let (live, nav) = (use_live(), use_nav());
    let history = History::start(live, use_client());
    let find = RwSignal::new(String::new());
    let grouping = RwSignal::new(remembered_grouping());
    let chosen = RwSignal::new(None::<String>);
    let rates = rates(live);
    let durations = Memo::new(move |_| history.durations());
    let group_of = Memo::new(move |_| {
        let by = grouping.get();
        live.graph.with(|graph| match graph {
            Some(graph) if by != Grouping::None => groups(graph, by),
            _ => HashMap::new(),
        })
    });
    let rows = Memo::new(move |_| {
        let find = find.get().trim().to_lowercase();
        let chosen = chosen.get();
        let mut rows = live.pipes.with(|pipes| {
            let matches = |pipe: &&PipeStatus| {
                find.is_empty()
                    || pipe.id.to_lowercase().contains(&find)
                    || state_name(pipe.state).to_lowercase().contains(&find)
                    || pipe.message.as_ref().is_some_and(|text| text.to_lowercase().contains(&find))
            };
            let in_group = |pipe: &&PipeStatus| match &chosen {
                None => true,
                Some(group) => group_of.with(|of| of.get(&pipe.id) == Some(group)),
            };
            pipes.values().filter(matches).filter(in_group).cloned().collect::<Vec<_>>()
        });
        rows.sort_by(needs_a_look);
        let row = |status: PipeStatus| Row {
            now: rates.with(|rates| rates.get(&status.id).copied()),
            durations: durations
                .with(|all| all.get(&status.id).cloned())
                .unwrap_or_else(|| Arc::from([])),
            status,
        };
        rows.into_iter().map(row).collect::<Vec<_>>()
    });
    // Each group with how many pipes it has and how many of them fail.
    let all_groups = Memo::new(move |_| {
        let mut all = BTreeMap::<String, (u64, u64)>::new();
        live.pipes.with(|pipes| {
            group_of.with(|of| {
                for pipe in pipes.values() {
                    let Some(group) = of.get(&pipe.id) else { continue };
                    let entry = all.entry(group.clone()).or_default();
                    entry.0 += 1;
                    entry.1 += u64::from(needs_look(pipe));
                }
            });
        });
        let mut all: Vec<_> = all.into_iter().collect();
        all.sort_by(|a, b| {
            (b.1.1 > 0).cmp(&(a.1.1 > 0)).then_with(|| (a.0 == OTHERS).cmp(&(b.0 == OTHERS)))
        });
        all
    });
    let none = Memo::new(move |_| live.known() && live.pipes.with(|pipes| pipes.is_empty()));
    let open = move |row: &Row| nav.go(Place::runs(&row.status.id));
    let choose = move |by: Grouping, name: &'static str| {
        remember("monitor.groups", name);
        chosen.set(None);
        grouping.set(by);
    };
    let segment = move |by: Grouping, label: &'static str, name: &'static str| {
        view! {
            <button type="button" aria-pressed=move || (grouping.get() == by).to_string() data-testid=format!("group-{name}") on:click=move |_| choose(by, name)>{label}</button>
        }
    };
    let list = move || {
        let entry = |wanted: Option<String>, count_of: u64, failing: u64| {
            let own = wanted.clone();
            let pressed = move || (chosen.get() == own).to_string();
            let name = wanted.clone().unwrap_or_else(|| "All".to_owned());
            view! {
                <li>
                    <button type="button" class="group" aria-pressed=pressed data-testid="pipe-group" on:click=move |_| chosen.set(wanted.clone())>
                        <b>{name}</b>
                        <em>{count(count_of)}</em>
                        {(failing > 0).then(|| view! { <span class="bad-text">{format!("{failing} need a look")}</span> })}
                    </button>
                </li>
            }
        };
        let all = all_groups.get();
        let sum = |of: fn(&(u64, u64)) -> u64| all.iter().map(|(_, group)| of(group)).sum::<u64>();
        let mut entries = vec![entry(None, sum(|group| group.0), sum(|group| group.1))];
        entries.extend(
            all.iter().map(|(name, (pipes, failing))| entry(Some(name.clone()), *pipes, *failing)),
        );
        entries
    };
    let table = move || {
        view! { <Table label="Pipes" rows columns=columns() key=|row| row.status.id.clone() on_open=open id="monitor-pipes" /> }
            .into_any()
    };
    view! {
        <div class="pane-head">
            <Search value=find label="Filter by name, state or message" />
            <div class="segments" role="group" aria-label="Group by">
                {segment(Grouping::None, "All", "none")}
                {segment(Grouping::System, "By system", "system")}
                {segment(Grouping::Flow, "By flow", "flow")}
            </div>
        </div>
        <Show
            when=move || !none.get()
            fallback=|| view! { <Empty sign=Sign::Monitor title="Nothing to watch yet" hint="This project has no pipes. Put one into the folder, as pipes/NAME.conf.json." /> }
        >
            {move || match grouping.get() {
                Grouping::None => table(),
                _ => {
                    let panes = vec![
                        view! { <ul class="pane-body groups" aria-label="Groups">{list}</ul> }.into_any(),
                        table(),
                    ];
                    view! { <Split name="monitor" shares=&[1.0, 6.0] panes labels=&["Groups", "Pipes"] /> }
                        .into_any()
                }
            }}
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
