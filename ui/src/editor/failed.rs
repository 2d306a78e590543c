//! The entities that failed in one pipe.

use leptos::{prelude::*, task::spawn_local};
use pipewright_protocol::studio::{FAILED, FailedEntity, FailedInfo, FailedPage, failed_path};

use crate::{
    client::{Failure, use_client},
    components::{Column, Empty, Problem, Sign, Split, Table, Waiting, clock},
    json::{JsonView, Tree, print},
    monitor::Settle,
    state::use_live,
};

fn columns() -> Vec<Column<FailedInfo>> {
    vec![
        Column::text(
            "Entity",
            "minmax(88px,1fr)",
            |row| view! { <b>{row.id.clone()}</b> }.into_any(),
            |a, b| a.id.cmp(&b.id),
        ),
        Column::text(
            "Why",
            "minmax(160px,3fr)",
            |row| {
                let reason = row.reason.clone();
                view! { <span data-tip=reason.clone()>{reason.clone()}</span> }.into_any()
            },
            |a, b| a.reason.cmp(&b.reason),
        ),
        Column::number(
            "Tries",
            "58px",
            |row| (row.attempts + 1).to_string().into_any(),
            |a, b| a.attempts.cmp(&b.attempts),
        ),
        Column::text(
            "Next",
            "84px",
            |row| match row.dead {
                true => view! { <span class="bad-text">"given up"</span> }.into_any(),
                false => "next run".into_any(),
            },
            |a, b| a.dead.cmp(&b.dead),
        ),
        Column::text(
            "Failed",
            "128px",
            |row| clock(row.failed).into_any(),
            |a, b| a.failed.cmp(&b.failed),
        ),
    ]
}

/// The entities of a pipe that wait for another try or were given up, with what
/// can be done about them.
#[component]
pub(super) fn FailedPane(pipe: Memo<String>) -> impl IntoView {
    let live = use_live();
    let client = StoredValue::new(use_client());
    let page = RwSignal::new(None::<Result<Vec<FailedInfo>, Failure>>);
    let selected = RwSignal::new(None::<String>);
    let one = RwSignal::new(None::<Result<FailedEntity, Failure>>);
    Effect::new(move || {
        let id = pipe.get();
        live.pipe(&id).with(|status| (status.retries, status.dead, status.last_run));
        let client = client.get_value();
        spawn_local(async move {
            let read = client.get::<FailedPage>(FAILED).await;
            let read = read.map(|page| {
                page.entities.into_iter().filter(|failed| failed.pipe == id).collect::<Vec<_>>()
            });
            if pipe.try_get_untracked() == Some(id) {
                page.try_set(Some(read));
            }
        });
    });
    Effect::new(move || {
        one.set(None);
        let (id, Some(entity)) = (pipe.get(), selected.get()) else { return };
        let client = client.get_value();
        spawn_local(async move {
            let read = client.get::<FailedEntity>(&failed_path(&id, &entity)).await;
            if selected.try_get_untracked().flatten() == Some(entity) {
                one.try_set(Some(read));
            }
        });
    });
    let rows = Memo::new(move |_| {
        page.with(|page| page.as_ref().and_then(|page| page.as_ref().ok().cloned()))
            .unwrap_or_default()
    });
    let chosen = Signal::derive(move || {
        let wanted = selected.get();
        rows.with(|rows| {
            rows.iter().filter(|row| Some(&row.id) == wanted.as_ref()).cloned().collect::<Vec<_>>()
        })
    });
    let state = Memo::new(move |_| {
        page.with(|page| {
            page.as_ref().map(|page| page.as_ref().map(Vec::is_empty).map_err(Clone::clone))
        })
    });
    let list = move || {
        match state.get() {
        None => view! { <Waiting /> }.into_any(),
        Some(Err(failure)) => view! { <Problem failure /> }.into_any(),
        Some(Ok(true)) => view! { <Empty sign=Sign::Check title="Nothing has failed" hint="No entity of this pipe waits for another try, and none was given up." /> }.into_any(),
        Some(Ok(false)) => view! {
            <div class="pane-head">
                <h2>"Failed entities"</h2>
                <span class="pane-actions"><Settle entities=rows many=true id="settle-all" /></span>
            </div>
            <Table label="Failed entities" rows columns=columns() key=|row| row.id.clone() selected on_open=move |row: &FailedInfo| selected.set(Some(row.id.clone())) id="pipe-failed" />
        }
        .into_any(),
    }
    };
    let detail = move || {
        match one.get() {
        None => view! { <Empty sign=Sign::Error title="No entity selected" hint="Select one to see it with all that is known of what went wrong." /> }.into_any(),
        Some(Err(failure)) => view! { <Problem failure /> }.into_any(),
        Some(Ok(failed)) => {
            let detail = Tree::of(&failed.detail);
            let detail = (detail != Tree::Null).then(|| {
                view! { <h3 class="section-head">"What is told of it"</h3> <JsonView lines=print(&detail) id="failed-detail" /> }
            });
            view! {
                <p class="notice error"><span>{failed.info.reason}</span></p>
                {detail}
                <h3 class="section-head">"The entity, as the pipe read it"</h3>
                <JsonView lines=print(&Tree::of(&failed.entity)) id="failed-json" />
            }
            .into_any()
        }
    }
    };
    let side = view! {
        <div class="pane-head">
            <h2>{move || selected.get().unwrap_or_else(|| "Entity".into())}</h2>
            <Show when=move || !chosen.with(Vec::is_empty)>
                <span class="pane-actions"><Settle entities=chosen id="settle-one" /></span>
            </Show>
        </div>
        <div class="pane-body">{detail}</div>
    };
    view! { <Split name="pipe-failed" shares=&[3.0, 2.0] panes=vec![list.into_any(), side.into_any()] labels=&["Failed entities", "Entity"] /> }
}
