//! All datasets, and the screen of one.

use std::collections::HashMap;

use leptos::prelude::*;
use pipewright_protocol::studio::{DatasetStatus, EdgeKind, NodeKind};

use super::browser::Browser;
use crate::{
    components::{Column, Empty, Icon, Link, Search, Sign, Table, bytes, clock, count},
    place::{Place, use_nav},
    state::use_live,
};

#[derive(Clone, PartialEq)]
struct Row {
    status: DatasetStatus,
    writers: Vec<String>,
    readers: Vec<String>,
}

/// Who writes and who reads each dataset.
#[derive(Clone, Default, PartialEq)]
struct Around {
    writers: HashMap<String, Vec<String>>,
    readers: HashMap<String, Vec<String>>,
}

fn around() -> Memo<Around> {
    let live = use_live();
    Memo::new(move |_| {
        let mut around = Around::default();
        live.graph.with(|graph| {
            let Some(graph) = graph else { return };
            let pipe_name = |id: &str| id.strip_prefix("pipe:").map(str::to_owned);
            for node in &graph.nodes {
                if let (NodeKind::Pipe, Some(dataset)) = (node.kind, &node.dataset) {
                    around.writers.entry(dataset.clone()).or_default().push(node.name.clone());
                }
            }
            for edge in &graph.edges {
                let Some(dataset) = &edge.dataset else { continue };
                let (map, pipe) = match edge.kind {
                    EdgeKind::Write => (&mut around.writers, pipe_name(&edge.from)),
                    EdgeKind::Read | EdgeKind::Merge | EdgeKind::Hop => {
                        (&mut around.readers, pipe_name(&edge.to))
                    }
                };
                if let Some(pipe) = pipe {
                    let pipes = map.entry(dataset.clone()).or_default();
                    if !pipes.contains(&pipe) {
                        pipes.push(pipe);
                    }
                }
            }
        });
        around
    })
}

fn names(names: &[String]) -> AnyView {
    match names {
        [] => ().into_any(),
        [one] => one.clone().into_any(),
        many => view! { <span data-tip=many.join(", ")>{format!("{} + {}", many[0], many.len() - 1)}</span> }.into_any(),
    }
}

fn columns() -> Vec<Column<Row>> {
    vec![
        Column::text(
            "Dataset",
            "minmax(200px,2fr)",
            |row| {
                view! {
                    <Icon sign=Sign::Dataset />
                    <b>{row.status.id.clone()}</b>
                }
                .into_any()
            },
            |a, b| a.status.id.cmp(&b.status.id),
        ),
        Column::number(
            "Entities",
            "96px",
            |row| count(row.status.entities).into_any(),
            |a, b| a.status.entities.cmp(&b.status.entities),
        ),
        Column::number(
            "Deleted",
            "84px",
            |row| {
                if row.status.deleted > 0 { count(row.status.deleted) } else { String::new() }
                    .into_any()
            },
            |a, b| a.status.deleted.cmp(&b.status.deleted),
        ),
        Column::number(
            "Versions",
            "96px",
            |row| count(row.status.versions).into_any(),
            |a, b| a.status.versions.cmp(&b.status.versions),
        ),
        Column::number(
            "Size",
            "80px",
            |row| {
                if row.status.bytes > 0 { bytes(row.status.bytes) } else { String::new() }
                    .into_any()
            },
            |a, b| a.status.bytes.cmp(&b.status.bytes),
        ),
        Column::text(
            "Written by",
            "minmax(110px,1fr)",
            |row| names(&row.writers),
            |a, b| a.writers.cmp(&b.writers),
        ),
        Column::text(
            "Read by",
            "minmax(110px,1fr)",
            |row| names(&row.readers),
            |a, b| a.readers.cmp(&b.readers),
        ),
        Column::text(
            "Changed",
            "136px",
            |row| row.status.modified.map(clock).unwrap_or_default().into_any(),
            |a, b| a.status.modified.cmp(&b.status.modified),
        ),
    ]
}

/// The list of datasets.
#[component]
pub fn DatasetsScreen() -> impl IntoView {
    let (live, nav) = (use_live(), use_nav());
    let find = RwSignal::new(String::new());
    let around = around();
    let rows = Memo::new(move |_| {
        let find = find.get().trim().to_lowercase();
        around.with(|around| {
            live.datasets.with(|datasets| {
                let row = |status: &DatasetStatus| Row {
                    status: status.clone(),
                    writers: around.writers.get(&status.id).cloned().unwrap_or_default(),
                    readers: around.readers.get(&status.id).cloned().unwrap_or_default(),
                };
                let matches = |row: &Row| {
                    find.is_empty()
                        || row.status.id.to_lowercase().contains(&find)
                        || row
                            .writers
                            .iter()
                            .chain(&row.readers)
                            .any(|pipe| pipe.to_lowercase().contains(&find))
                };
                datasets.values().map(row).filter(matches).collect::<Vec<Row>>()
            })
        })
    });
    let none =
        Memo::new(move |_| live.known() && live.datasets.with(|datasets| datasets.is_empty()));
    view! {
        <div class="page" data-testid="datasets">
            <header class="page-head">
                <h1>"Datasets"</h1>
                <span class="page-count">{move || count(rows.with(Vec::len) as u64)}</span>
                <Search value=find label="Filter by dataset or pipe" />
            </header>
            <Show
                when=move || !none.get()
                fallback=|| view! { <Empty sign=Sign::Dataset title="No data yet" hint="Datasets appear when pipes have run. Run all of them with the button at the top." /> }
            >
                <Table label="Datasets" rows columns=columns() key=|row| row.status.id.clone() on_open=move |row: &Row| nav.go(Place::dataset(&row.status.id)) id="datasets-table" />
            </Show>
        </div>
    }
}

/// The screen of one dataset.
#[component]
pub fn DatasetScreen() -> impl IntoView {
    let (live, nav) = (use_live(), use_nav());
    let dataset = Memo::new(move |last: Option<&String>| match nav.place() {
        Place::Dataset { id, .. } => id,
        _ => last.cloned().unwrap_or_default(),
    });
    let around = around();
    let pipes = move |pick: fn(&Around) -> &HashMap<String, Vec<String>>| {
        around.with(|around| pick(around).get(&dataset.get()).cloned().unwrap_or_default())
    };
    let links = move |title: &'static str, pipes: Vec<String>| {
        (!pipes.is_empty()).then(|| {
            let more = pipes.len().saturating_sub(3);
            let shown = pipes.into_iter().take(3).map(|pipe| {
                view! {
                    <Link to=Place::pipe(&pipe) class="pill">
                        <Icon sign=Sign::Pipe />
                        {pipe}
                    </Link>
                }
            });
            view! {
                <span class="page-note">{title}</span>
                {shown.collect_view()}
                {(more > 0).then(|| view! { <span class="page-note more">{format!("+ {more}")}</span> })}
            }
        })
    };
    let status = move || live.dataset(&dataset.get()).get();
    view! {
        <div class="page" data-testid="dataset">
            <header class="page-head">
                <Link to=Place::Datasets class="crumb">"Datasets"</Link>
                <h1>{move || dataset.get()}</h1>
                <span class="page-note">{move || { let status = status(); format!("{} entities, {} versions", count(status.entities), count(status.versions)) }}</span>
                {move || links("written by", pipes(|around| &around.writers))}
                {move || links("read by", pipes(|around| &around.readers))}
            </header>
            {move || view! { <Browser dataset=dataset.get() /> }}
        </div>
    }
}
