//! The merge pipes, and the clusters of one beside the selected cluster.

use leptos::{prelude::*, task::spawn_local};
use pipewright_protocol::studio::{self, MergePipe, NodeKind};

use super::{cluster::ClusterPane, list::Clusters};
use crate::{
    client::{Failure, use_client},
    components::{Column, Empty, Icon, Link, Problem, Sign, Split, Table, Waiting, count},
    place::{Place, use_nav},
    state::use_live,
};

fn columns() -> Vec<Column<MergePipe>> {
    vec![
        Column::text(
            "Merge pipe",
            "minmax(200px,2fr)",
            |row| {
                view! {
                    <Icon sign=Sign::Merge />
                    <b>{row.pipe.clone()}</b>
                }
                .into_any()
            },
            |a, b| a.pipe.cmp(&b.pipe),
        ),
        Column::text(
            "Merges",
            "minmax(200px,2fr)",
            |row| row.sources.join(", ").into_any(),
            |a, b| a.sources.cmp(&b.sources),
        ),
        Column::number(
            "Rules",
            "72px",
            |row| row.rules.len().to_string().into_any(),
            |a, b| a.rules.len().cmp(&b.rules.len()),
        ),
        Column::number(
            "Records",
            "92px",
            |row| count(row.members).into_any(),
            |a, b| a.members.cmp(&b.members),
        ),
        Column::number(
            "Clusters",
            "92px",
            |row| count(row.clusters).into_any(),
            |a, b| a.clusters.cmp(&b.clusters),
        ),
        Column::number(
            "Of two and more",
            "130px",
            |row| count(row.merged).into_any(),
            |a, b| a.merged.cmp(&b.merged),
        ),
        Column::number(
            "Largest",
            "84px",
            |row| count(row.largest).into_any(),
            |a, b| a.largest.cmp(&b.largest),
        ),
    ]
}

/// The Duplicates screen.
#[component]
pub fn DuplicatesScreen() -> impl IntoView {
    let (live, nav) = (use_live(), use_nav());
    let client = use_client();
    let pipe = Memo::new(move |last: Option<&Option<String>>| match nav.place() {
        Place::Duplicates { pipe, .. } => pipe,
        _ => last.cloned().flatten(),
    });
    let cluster = Memo::new(move |last: Option<&Option<String>>| match nav.place() {
        Place::Duplicates { cluster, .. } => cluster,
        _ => last.cloned().flatten(),
    });
    let pipes = RwSignal::new(None::<Result<Vec<MergePipe>, Failure>>);
    // Read again when one of the merge pipes has run or the config changed.
    let ran = Memo::new(move |_| {
        let names: Vec<String> = live.graph.with(|graph| {
            graph
                .iter()
                .flat_map(|graph| &graph.nodes)
                .filter(|node| node.kind == NodeKind::Pipe && node.flavour == "merge")
                .map(|node| node.name.clone())
                .collect()
        });
        names
            .into_iter()
            .map(|name| {
                let last_run = live.pipe(&name).with(|pipe| pipe.last_run);
                (name, last_run)
            })
            .collect::<Vec<_>>()
    });
    Effect::new(move || {
        ran.with(|_| ());
        let client = client.clone();
        spawn_local(async move {
            let read = client.get::<Vec<MergePipe>>(studio::CLUSTERS).await;
            pipes.try_set(Some(read));
        });
    });
    let rows = Memo::new(move |_| {
        pipes.with(|pipes| {
            pipes.as_ref().and_then(|pipes| pipes.as_ref().ok().cloned()).unwrap_or_default()
        })
    });
    let state = Memo::new(move |_| {
        pipes.with(|pipes| {
            pipes.as_ref().map(|pipes| pipes.as_ref().map(Vec::is_empty).map_err(Clone::clone))
        })
    });
    let merge_pipe = Memo::new(move |_| {
        pipe.get().and_then(|wanted| {
            rows.with(|rows| rows.iter().find(|row| row.pipe == wanted).cloned())
        })
    });
    let overview = move || {
        match state.get() {
        None => view! { <Waiting /> }.into_any(),
        Some(Err(failure)) => view! { <Problem failure /> }.into_any(),
        Some(Ok(true)) => {
            view! {
                <Empty
                    sign=Sign::Merge
                    title="No pipe merges here"
                    hint="A pipe with a source of type merge makes one record of several. Its clusters appear here."
                />
            }
            .into_any()
        }
        Some(Ok(false)) => {
            let open = move |row: &MergePipe| nav.go(Place::Duplicates { pipe: Some(row.pipe.clone()), cluster: None });
            view! { <Table label="Merge pipes" rows columns=columns() key=|row| row.pipe.clone() on_open=open id="merge-pipes" /> }.into_any()
        }
    }
    };
    let one = move |name: String| {
        let ran_at = Memo::new({
            let name = name.clone();
            move |_| live.pipe(&name).with(|pipe| pipe.last_run)
        });
        let pick = {
            let name = name.clone();
            move |id: String| {
                nav.replace(Place::Duplicates { pipe: Some(name.clone()), cluster: Some(id) })
            }
        };
        let panes = vec![
            view! { <Clusters pipe=name.clone() merge_pipe cluster ran_at on_pick=pick /> }
                .into_any(),
            view! { <ClusterPane pipe=name merge_pipe cluster ran_at /> }.into_any(),
        ];
        view! { <Split name="clusters" shares=&[2.0, 5.0] panes labels=&["Clusters", "Cluster"] /> }
    };
    view! {
        <div class="page" data-testid="duplicates">
            <header class="page-head">
                {move || match pipe.get() {
                    None => view! { <h1>"Duplicates"</h1> }.into_any(),
                    Some(name) => {
                        view! {
                            <Link to=Place::Duplicates { pipe: None, cluster: None } class="crumb">"Duplicates"</Link>
                            <h1>{name.clone()}</h1>
                            <span class="page-note">{move || merge_pipe.get().map(|pipe| format!("{} records in {} clusters, {} of two and more", count(pipe.members), count(pipe.clusters), count(pipe.merged)))}</span>
                            <div class="page-actions">
                                <Link to=Place::pipe(&name) class="button">
                                    <Icon sign=Sign::File />
                                    <span>"Config"</span>
                                </Link>
                            </div>
                        }
                            .into_any()
                    }
                }}
            </header>
            {move || match pipe.get() {
                None => overview().into_any(),
                Some(name) => one(name).into_any(),
            }}
        </div>
    }
}
