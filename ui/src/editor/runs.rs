//! The execution log of a pipe.

use leptos::{prelude::*, task::spawn_local};
use pipewright_protocol::studio::{Json, encode};

use super::failed::FailedPane;
use crate::{
    client::{Failure, use_client},
    components::{Column, Empty, Problem, Sign, Split, Table, Waiting, clock, count, duration},
    json::{JsonView, Tree, print},
    state::use_live,
};

/// How much of the log is read.
const LIMIT: usize = 200;

#[derive(Clone, PartialEq)]
struct Row {
    key: String,
    ts: i64,
    event: String,
    summary: String,
    took: Option<u64>,
    bad: bool,
    entity: Tree,
}

fn number(tree: Option<&Tree>) -> Option<f64> {
    match tree? {
        Tree::Number(text) => text.parse().ok(),
        Tree::String(text) => text.strip_prefix("~f").and_then(|text| text.parse().ok()),
        _ => None,
    }
}

/// Reads what the log is documented to hold; what is not there stays empty.
fn row(json: &Json) -> Option<Row> {
    let entity = Tree::parse(json.text()).ok()?;
    let text = |name: &str| entity.get(name).and_then(Tree::as_str).unwrap_or_default().to_owned();
    let event = text("event_type");
    let metric = |name: &str| {
        number(
            entity
                .get("metrics")
                .and_then(|metrics| metrics.get("entities"))
                .and_then(|entities| entities.get(name)),
        )
    };
    let handled = metric("entities_last_run").or_else(|| number(entity.get("entities_succeeded")));
    let changed = metric("changes_last_run");
    let mut parts = Vec::new();
    if let Some(handled) = handled {
        parts.push(format!("{} handled", count(handled as u64)));
    }
    if let Some(changed) = changed {
        parts.push(format!("{} changed", count(changed as u64)));
    }
    if let Some(failed) = number(entity.get("entities_failed")).filter(|failed| *failed > 0.0) {
        parts.push(format!("{} failed", count(failed as u64)));
    }
    let sync = text("sync_type");
    if !sync.is_empty() {
        parts.push(sync);
    }
    let message = ["original_error_message", "reason_why_stopped", "message"]
        .map(text)
        .into_iter()
        .find(|message| !message.is_empty());
    parts.extend(message);
    let offset = number(entity.get("_updated")).unwrap_or_default();
    Some(Row {
        key: format!("{offset}"),
        ts: number(entity.get("_ts")).unwrap_or_default() as i64,
        bad: event.contains("fail") || event.contains("error"),
        event,
        summary: parts.join(" · "),
        took: number(entity.get("total_time")).map(|seconds| (seconds * 1e6) as u64),
        entity,
    })
}

fn columns() -> Vec<Column<Row>> {
    vec![
        Column::text("When", "136px", |row| clock(row.ts).into_any(), |a, b| a.ts.cmp(&b.ts)),
        Column::text(
            "Event",
            "140px",
            |row| {
                let event = row.event.split(':').next().unwrap_or_default().to_owned();
                view! { <span class:bad-text=row.bad>{event}</span> }.into_any()
            },
            |a, b| a.event.cmp(&b.event),
        ),
        Column::number(
            "Took",
            "80px",
            |row| row.took.map(duration).unwrap_or_default().into_any(),
            |a, b| a.took.cmp(&b.took),
        ),
        Column::text(
            "What",
            "minmax(200px,1fr)",
            |row| row.summary.clone().into_any(),
            |a, b| a.summary.cmp(&b.summary),
        ),
    ]
}

/// The Runs side of a pipe: how it went, and what failed in it.
#[component]
pub(super) fn RunsPane(pipe: Memo<String>) -> impl IntoView {
    let live = use_live();
    let failing = Memo::new(move |_| {
        live.pipe(&pipe.get()).with(|status| (status.retries + status.dead, status.dead))
    });
    let failed = RwSignal::new(false);
    Effect::new(move || {
        pipe.track();
        failed.set(false);
    });
    let title = move || match failing.get() {
        (0, _) => "Failed entities".to_owned(),
        (all, _) => format!("Failed entities ({})", count(all)),
    };
    view! {
        <div class="pane-head">
            <div class="segments" role="group" aria-label="Show">
                <button type="button" data-testid="runs-all" aria-pressed=move || (!failed.get()).to_string() on:click=move |_| failed.set(false)>"Runs"</button>
                <button type="button" data-testid="runs-failed" aria-pressed=move || failed.get().to_string() on:click=move |_| failed.set(true)>{title}</button>
            </div>
        </div>
        {move || match failed.get() {
            true => view! { <FailedPane pipe /> }.into_any(),
            false => view! { <Runs pipe /> }.into_any(),
        }}
    }
}

/// The runs, the newest first; read again when the pipe has run.
#[component]
fn Runs(pipe: Memo<String>) -> impl IntoView {
    let live = use_live();
    let client = use_client();
    let log = RwSignal::new(None::<Result<Vec<Row>, Failure>>);
    let selected = RwSignal::new(None::<String>);
    Effect::new(move || {
        let id = pipe.get();
        live.pipe(&id).with(|status| (status.last_run, status.state));
        let client = client.clone();
        spawn_local(async move {
            let path = format!("/api/pipes/{}/log?reverse=true&limit={LIMIT}", encode(&id));
            let read = client
                .get::<Vec<Json>>(&path)
                .await
                .map(|log| log.iter().filter_map(row).collect());
            if pipe.try_get_untracked() == Some(id) {
                log.set(Some(read));
            }
        });
    });
    let rows = Memo::new(move |_| {
        log.with(|log| log.as_ref().and_then(|log| log.as_ref().ok().cloned()).unwrap_or_default())
    });
    let state = Memo::new(move |_| {
        log.with(|log| {
            log.as_ref().map(|log| log.as_ref().map(Vec::is_empty).map_err(Clone::clone))
        })
    });
    let detail = move || {
        let key = selected.get()?;
        rows.with(|rows| {
            rows.iter()
                .find(|row| row.key == key)
                .map(|row| view! { <JsonView lines=print(&row.entity) id="run-json" /> })
        })
    };
    let list = move || {
        match state.get() {
        None => view! { <Waiting /> }.into_any(),
        Some(Err(failure)) => view! { <Problem failure /> }.into_any(),
        Some(Ok(true)) => view! { <Empty sign=Sign::History title="This pipe has not run yet" hint="Run it with Ctrl+Enter; every run leaves a line here." /> }.into_any(),
        Some(Ok(false)) => view! { <Table label="Runs" rows columns=columns() key=|row| row.key.clone() selected on_open=move |row: &Row| selected.set(Some(row.key.clone())) id="runs-table" /> }.into_any(),
    }
    };
    let panes = vec![
        list.into_any(),
        view! {
            <div class="pane-body">
                {move || detail().map(IntoAny::into_any).unwrap_or_else(|| view! { <Empty sign=Sign::History title="No run selected" hint="Select a line to see everything that was recorded." /> }.into_any())}
            </div>
        }
        .into_any(),
    ];
    view! { <Split name="runs" shares=&[2.0, 1.0] panes labels=&["Runs", "Run"] /> }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_line_of_the_log_is_read_as_documented() {
        let json = r#"{"_id":"pump-completed","event_type":"pump-completed","_updated":4,"_ts":1700000000000000,"total_time":0.15,
            "sync_type":"full","entities_succeeded":12,"entities_failed":1,"metrics":{"entities":{"changes_last_run":3,"entities_last_run":13}}}"#;
        let row = row(&Json::from_text(json.into()).unwrap()).unwrap();
        assert_eq!(row.summary, "13 handled · 3 changed · 1 failed · full");
        assert_eq!(row.took, Some(150_000));
        assert!(!row.bad);
    }
}
