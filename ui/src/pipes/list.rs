//! All pipes, failing ones easily found.

use std::{cmp::Ordering, collections::HashMap};

use leptos::prelude::*;
use pipewright_protocol::studio::{GraphNode, NodeKind, PipeStatus};

use crate::{
    components::{
        Column, Empty, Icon, Search, Sign, StateDot, Table, clock, count, duration, state_name,
        state_rank,
    },
    place::{Place, use_nav},
    state::use_live,
};

#[derive(Clone, PartialEq)]
struct Row {
    status: PipeStatus,
    flavour: String,
    target: String,
    merges: bool,
    errors: u32,
}

fn columns() -> Vec<Column<Row>> {
    fn text(text: impl Into<String>) -> AnyView {
        text.into().into_any()
    }
    fn by<K: Ord>(key: fn(&Row) -> K) -> impl Fn(&Row, &Row) -> Ordering {
        move |a, b| key(a).cmp(&key(b))
    }
    vec![
        Column::text(
            "Pipe",
            "minmax(200px,2fr)",
            |row| {
                let state = row.status.state;
                let sign = if row.merges { Sign::Merge } else { Sign::Pipe };
                view! {
                    <StateDot state />
                    <Icon sign />
                    <b>{row.status.id.clone()}</b>
                }
                .into_any()
            },
            |a, b| a.status.id.cmp(&b.status.id),
        ),
        Column::text(
            "State",
            "92px",
            |row| text(state_name(row.status.state)),
            |a, b| by(|row| state_rank(row.status.state))(a, b),
        ),
        Column::text(
            "Reads",
            "100px",
            |row| text(row.flavour.clone()),
            |a, b| a.flavour.cmp(&b.flavour),
        ),
        Column::text(
            "Writes",
            "minmax(120px,1fr)",
            |row| text(row.target.clone()),
            |a, b| a.target.cmp(&b.target),
        ),
        Column::number(
            "Waiting",
            "88px",
            |row| {
                text(if row.status.queues.is_empty() {
                    String::new()
                } else {
                    count(row.status.queue())
                })
            },
            |a, b| by(|row| row.status.queue())(a, b),
        ),
        Column::number(
            "Handled",
            "88px",
            |row| {
                text(if row.status.last_run.is_some() {
                    count(row.status.processed)
                } else {
                    String::new()
                })
            },
            |a, b| by(|row| row.status.processed)(a, b),
        ),
        Column::number(
            "Took",
            "84px",
            |row| text(row.status.took.map(duration).unwrap_or_default()),
            |a, b| by(|row| row.status.took)(a, b),
        ),
        Column::text(
            "Last run",
            "136px",
            |row| text(row.status.last_run.map(clock).unwrap_or_default()),
            |a, b| by(|row| row.status.last_run)(a, b),
        ),
    ]
}

/// The Pipes screen.
#[component]
pub fn PipesScreen() -> impl IntoView {
    let (live, nav) = (use_live(), use_nav());
    let find = RwSignal::new(String::new());
    let wiring = Memo::new(move |_| {
        live.graph.with(|graph| {
            let nodes = graph.iter().flat_map(|graph| &graph.nodes);
            nodes
                .filter(|node| node.kind == NodeKind::Pipe)
                .map(|node| (node.name.clone(), node.clone()))
                .collect::<HashMap<String, GraphNode>>()
        })
    });
    let rows = Memo::new(move |_| {
        let find = find.get().trim().to_lowercase();
        wiring.with(|wiring| {
            live.pipes.with(|pipes| {
                let row = |status: &PipeStatus| {
                    let node = wiring.get(&status.id);
                    let target = node.map(|node| {
                        if node.sink.is_empty() {
                            node.dataset.clone().unwrap_or_default()
                        } else {
                            node.sink.clone()
                        }
                    });
                    Row {
                        status: status.clone(),
                        flavour: node.map(|node| node.flavour.clone()).unwrap_or_default(),
                        target: target.unwrap_or_default(),
                        merges: node.is_some_and(|node| node.flavour == "merge"),
                        errors: node.map_or(0, |node| node.errors),
                    }
                };
                let matches = |row: &Row| {
                    find.is_empty()
                        || [&row.status.id, &row.flavour, &row.target]
                            .iter()
                            .any(|text| text.to_lowercase().contains(&find))
                        || state_name(row.status.state).to_lowercase().contains(&find)
                };
                pipes.values().map(row).filter(matches).collect::<Vec<Row>>()
            })
        })
    });
    let none = Memo::new(move |_| live.known() && live.pipes.with(|pipes| pipes.is_empty()));
    view! {
        <div class="page" data-testid="pipes">
            <header class="page-head">
                <h1>"Pipes"</h1>
                <span class="page-count">{move || count(rows.with(Vec::len) as u64)}</span>
                <Search value=find label="Filter by name, kind or state" />
            </header>
            <Show
                when=move || !none.get()
                fallback=|| view! { <Empty sign=Sign::Pipe title="This project has no pipes yet" hint="Put a pipe into the folder, as pipes/NAME.conf.json." /> }
            >
                <Table label="Pipes" rows columns=columns() key=|row| row.status.id.clone() on_open=move |row: &Row| nav.go(Place::pipe(&row.status.id)) id="pipes-table" />
            </Show>
        </div>
    }
}
