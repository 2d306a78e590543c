//! What a pipe reads.

use leptos::{prelude::*, task::spawn_local};
use pipewright_protocol::studio::{EdgeKind, Json, encode};

use crate::{
    client::{Failure, use_client},
    components::{Column, Empty, Problem, Sign, Split, Table, Waiting},
    datasets::Browser,
    json::{JsonView, Tree, print},
    state::use_live,
};

/// How many entities of a source outside are shown.
const LIMIT: usize = 100;

/// The Input side of a pipe: the datasets it reads, or the first entities of
/// another source.
#[component]
pub(super) fn InputPane(pipe: Memo<String>) -> impl IntoView {
    let live = use_live();
    let datasets = Memo::new(move |_| {
        let id = format!("pipe:{}", pipe.get());
        live.graph.with(|graph| {
            let mut found: Vec<String> = Vec::new();
            for edge in graph.iter().flat_map(|graph| &graph.edges) {
                let reads = matches!(edge.kind, EdgeKind::Read | EdgeKind::Merge);
                if let Some(dataset) = edge.dataset.as_ref().filter(|_| reads && edge.to == id)
                    && !found.contains(dataset)
                {
                    found.push(dataset.clone());
                }
            }
            found
        })
    });
    let chosen = RwSignal::new(None::<String>);
    let shown = Memo::new(move |_| {
        let chosen = chosen.get();
        datasets
            .with(|all| all.iter().find(|it| Some(*it) == chosen.as_ref()).or(all.first()).cloned())
    });
    let several = move || {
        let all = datasets.get();
        (all.len() > 1).then(|| {
            let buttons = all.into_iter().map(|dataset| {
                let (own, wanted) = (dataset.clone(), dataset.clone());
                let chosen_now = move || (shown.get().as_ref() == Some(&own)).to_string();
                view! { <button type="button" aria-pressed=chosen_now on:click=move |_| chosen.set(Some(wanted.clone()))>{dataset}</button> }
            });
            view! {
                <div class="pane-head">
                    <h2>"Datasets it reads"</h2>
                    <div class="segments scrolled" role="group" aria-label="Dataset">{buttons.collect_view()}</div>
                </div>
            }
        })
    };
    view! {
        {several}
        {move || match shown.get() {
            Some(dataset) => view! { <Browser dataset /> }.into_any(),
            None => view! { <Outside pipe /> }.into_any(),
        }}
    }
}

/// The first entities of a source that is no dataset.
#[component]
fn Outside(pipe: Memo<String>) -> impl IntoView {
    let client = use_client();
    let read = RwSignal::new(None::<Result<Vec<Row>, Failure>>);
    let selected = RwSignal::new(None::<String>);
    Effect::new(move || {
        let id = pipe.get();
        let client = client.clone();
        read.set(None);
        spawn_local(async move {
            let path = format!("/api/pipes/{}/entities?stage=source&limit={LIMIT}", encode(&id));
            let found = client.get::<Vec<Json>>(&path).await;
            let rows = found.map(|all| all.iter().enumerate().map(Row::of).collect());
            if pipe.try_get_untracked() == Some(id) {
                read.try_set(Some(rows));
            }
        });
    });
    let rows = Memo::new(move |_| {
        read.with(|read| read.as_ref().and_then(|read| read.as_ref().ok().cloned()))
            .unwrap_or_default()
    });
    let state = Memo::new(move |_| {
        read.with(|read| {
            read.as_ref().map(|read| read.as_ref().map(Vec::is_empty).map_err(Clone::clone))
        })
    });
    let list = move || {
        match state.get() {
        None => view! { <Waiting /> }.into_any(),
        Some(Err(failure)) => view! { <Problem failure /> }.into_any(),
        Some(Ok(true)) => view! { <Empty sign=Sign::System title="The source gives nothing" hint="Entities that are posted to a pipe are seen in its output only." /> }.into_any(),
        Some(Ok(false)) => view! { <Table label="First entities of the source" rows columns=columns() key=|row| row.key.clone() selected on_open=move |row: &Row| selected.set(Some(row.key.clone())) id="input-table" /> }.into_any(),
    }
    };
    let detail = move || {
        let key = selected.get()?;
        rows.with(|rows| {
            rows.iter()
                .find(|row| row.key == key)
                .map(|row| view! { <JsonView lines=print(&row.entity) id="input-json" /> })
        })
    };
    let panes = vec![
        list.into_any(),
        view! {
            <div class="pane-body">
                {move || detail().map(IntoAny::into_any).unwrap_or_else(|| view! { <Empty sign=Sign::Dataset title="No entity selected" hint="Select a row to see all of it." /> }.into_any())}
            </div>
        }
        .into_any(),
    ];
    view! { <Split name="input" shares=&[1.0, 1.0] panes labels=&["Entities", "Entity"] /> }
}

#[derive(Clone, PartialEq)]
struct Row {
    key: String,
    id: String,
    entity: Tree,
}

impl Row {
    fn of((place, json): (usize, &Json)) -> Row {
        let entity = Tree::of(json);
        let id = entity.get("_id").and_then(Tree::as_str).unwrap_or_default().to_owned();
        Row { key: place.to_string(), id, entity }
    }
}

fn columns() -> Vec<Column<Row>> {
    vec![
        Column::text(
            "_id",
            "minmax(120px,1fr)",
            |row| view! { <b>{row.id.clone()}</b> }.into_any(),
            |a, b| a.id.cmp(&b.id),
        ),
        Column::text(
            "Entity",
            "minmax(200px,3fr)",
            |row| row.entity.to_string().chars().take(300).collect::<String>().into_any(),
            |a, b| a.key.cmp(&b.key),
        ),
    ]
}
