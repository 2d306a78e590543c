//! All systems, and the files of the project that are neither pipe nor system.

use leptos::prelude::*;
use pipewright_protocol::studio::{FileKind, NodeKind};

use super::new_system::NewSystem;
use crate::{
    commands::{Command, use_commands},
    components::{Button, Column, Dialog, Empty, Icon, Kind, Search, Sign, Table},
    place::use_nav,
    state::use_live,
};

#[derive(Clone, PartialEq)]
struct Row {
    path: String,
    name: String,
    kind: FileKind,
    flavour: String,
    used_by: usize,
    errors: u32,
}

fn kind_name(kind: FileKind) -> &'static str {
    match kind {
        FileKind::Pipe => "pipe",
        FileKind::System => "system",
        FileKind::Metadata => "node metadata",
        FileKind::Env => "environment",
        FileKind::Other => "file",
    }
}

fn columns() -> Vec<Column<Row>> {
    vec![
        Column::text(
            "Name",
            "minmax(200px,1fr)",
            |row| {
                let sign = if row.kind == FileKind::System { Sign::System } else { Sign::File };
                let errors = (row.errors > 0).then(|| view! { <span class="bad-text" data-tip="Errors in the config"><Icon sign=Sign::Error /></span> });
                view! {
                    <Icon sign />
                    <b>{row.name.clone()}</b>
                    {errors}
                }
                .into_any()
            },
            |a, b| a.name.cmp(&b.name),
        ),
        Column::text(
            "Type",
            "160px",
            |row| row.flavour.clone().into_any(),
            |a, b| a.flavour.cmp(&b.flavour),
        ),
        Column::number(
            "Pipes",
            "80px",
            |row| {
                if row.kind == FileKind::System { row.used_by.to_string() } else { String::new() }
                    .into_any()
            },
            |a, b| a.used_by.cmp(&b.used_by),
        ),
        Column::text(
            "File",
            "minmax(220px,1fr)",
            |row| view! { <code>{row.path.clone()}</code> }.into_any(),
            |a, b| a.path.cmp(&b.path),
        ),
    ]
}

/// The Systems screen.
#[component]
pub fn SystemsScreen() -> impl IntoView {
    let (live, nav) = (use_live(), use_nav());
    let find = RwSignal::new(String::new());
    let making = RwSignal::new(false);
    let rows = Memo::new(move |_| {
        let find = find.get().trim().to_lowercase();
        let files = live.files.get().unwrap_or_default();
        live.graph.with(|graph| {
            let nodes = graph.as_ref().map(|graph| graph.nodes.as_slice()).unwrap_or_default();
            let edges = graph.as_ref().map(|graph| graph.edges.as_slice()).unwrap_or_default();
            let row = |file: &pipewright_protocol::studio::FileInfo| {
                let node = nodes.iter().find(|node| {
                    node.kind == NodeKind::System && node.file.as_ref() == Some(&file.path)
                });
                let flavour = node.map_or_else(
                    || kind_name(file.kind).to_owned(),
                    |node| node.flavour.trim_start_matches("system:").to_owned(),
                );
                let used_by = node.map_or(0, |node| {
                    edges.iter().filter(|edge| edge.from == node.id || edge.to == node.id).count()
                });
                Row {
                    path: file.path.clone(),
                    name: file.component.clone().unwrap_or_else(|| file.path.clone()),
                    kind: file.kind,
                    flavour,
                    used_by,
                    errors: node.map_or(0, |node| node.errors),
                }
            };
            let mut rows: Vec<Row> =
                files.iter().filter(|file| file.kind != FileKind::Pipe).map(row).collect();
            rows.retain(|row| {
                find.is_empty()
                    || row.name.to_lowercase().contains(&find)
                    || row.flavour.to_lowercase().contains(&find)
            });
            rows.sort_by_key(|row| (row.kind != FileKind::System, row.name.clone()));
            rows
        })
    });
    let none = Memo::new(move |_| {
        live.files.with(Option::is_some) && rows.with(Vec::is_empty) && find.with(String::is_empty)
    });
    use_commands().offer(move || match live.may_change() {
        true => {
            vec![Command::new("new-system", "New system", Sign::Plus, move || making.set(true))]
        }
        false => Vec::new(),
    });
    view! {
        <div class="page" data-testid="systems">
            <header class="page-head">
                <h1>"Systems and settings"</h1>
                <Search value=find label="Filter by name or type" />
                <div class="page-actions">
                    <Button label="New system" kind=Kind::Primary sign=Sign::Plus id="new-system" disabled=Signal::derive(move || !live.may_change()) on_click=move || making.set(true) />
                </div>
            </header>
            <Show
                when=move || !none.get()
                fallback=|| view! { <Empty sign=Sign::System title="No systems yet" hint="A system says how to reach something outside: a database, a web service, a folder of files. Make one to begin with." /> }
            >
                <Table label="Systems and settings" rows columns=columns() key=|row| row.path.clone() on_open=move |row: &Row| nav.go(live.place_of_file(&row.path)) id="systems-table" />
            </Show>
            <Dialog open=making title="New system" id="new-system-dialog">
                <NewSystem on_close=move || making.set(false) />
            </Dialog>
        </div>
    }
}
