//! The runs that ended last, over all pipes.

use std::{sync::Arc, time::Duration};

use leptos::{prelude::*, task::spawn_local};
use pipewright_protocol::studio::{PipeState, RUNS, RunInfo};

use crate::{
    client::{Client, Failure, use_client},
    components::{
        Column, Empty, Problem, Search, Sign, StateDot, Table, Waiting, clock, count, duration,
        state_name,
    },
    place::{Place, use_nav},
    state::{Live, use_live},
};

/// Pipes that run all the time do not have it read all the time.
const PAUSE: Duration = Duration::from_secs(2);

/// What ran last, read again when something has run.
#[derive(Clone, Copy)]
pub(super) struct History {
    runs: RwSignal<Option<Result<Arc<Vec<RunInfo>>, Failure>>>,
    busy: StoredValue<bool>,
    stale: StoredValue<bool>,
    client: StoredValue<Client>,
}

impl History {
    pub(super) fn start(live: Live, client: Client) -> Self {
        let history = History {
            runs: RwSignal::new(None),
            busy: StoredValue::new(false),
            stale: StoredValue::new(false),
            client: StoredValue::new(client),
        };
        let last = Memo::new(move |_| {
            live.pipes.with(|pipes| {
                let ran = pipes.values().filter_map(|pipe| pipe.last_run);
                ran.fold((0, 0_i64), |(count, last), ran| (count + 1, last.max(ran)))
            })
        });
        Effect::new(move || {
            last.track();
            history.read();
        });
        history
    }

    fn read(self) {
        if self.busy.get_value() {
            self.stale.set_value(true);
            return;
        }
        self.busy.set_value(true);
        let client = self.client.get_value();
        spawn_local(async move {
            let answer = client.get::<Vec<RunInfo>>(RUNS).await;
            if self.runs.try_set(Some(answer.map(Arc::new))).is_some() {
                return;
            }
            let again = move || {
                if self.busy.try_update_value(|busy| *busy = false).is_some()
                    && self.stale.try_update_value(std::mem::take) == Some(true)
                {
                    self.read();
                }
            };
            set_timeout(again, PAUSE);
        });
    }
}

fn columns() -> Vec<Column<RunInfo>> {
    fn figure(number: u64) -> AnyView {
        if number == 0 { ().into_any() } else { count(number).into_any() }
    }
    vec![
        Column::text(
            "Ended",
            "128px",
            |run| clock(run.ended).into_any(),
            |a, b| a.ended.cmp(&b.ended),
        ),
        Column::text(
            "Pipe",
            "minmax(160px,2fr)",
            |run| {
                let state = run.state;
                view! {
                    <StateDot state />
                    <b>{run.pipe.clone()}</b>
                }
                .into_any()
            },
            |a, b| a.pipe.cmp(&b.pipe),
        ),
        Column::text(
            "State",
            "86px",
            |run| state_name(run.state).into_any(),
            |a, b| state_name(a.state).cmp(state_name(b.state)),
        ),
        Column::text("Kind", "96px", |run| run.kind.clone().into_any(), |a, b| a.kind.cmp(&b.kind)),
        Column::number(
            "Took",
            "80px",
            |run| duration(run.took).into_any(),
            |a, b| a.took.cmp(&b.took),
        ),
        Column::number(
            "Handled",
            "80px",
            |run| figure(run.processed),
            |a, b| a.processed.cmp(&b.processed),
        ),
        Column::number(
            "Changed",
            "80px",
            |run| figure(run.counts.written),
            |a, b| a.counts.written.cmp(&b.counts.written),
        ),
        Column::number(
            "Failed",
            "72px",
            |run| {
                let failed = run.counts.failed;
                view! { <span class:bad-text=failed != 0>{figure(failed)}</span> }.into_any()
            },
            |a, b| a.counts.failed.cmp(&b.counts.failed),
        ),
        Column::text(
            "What happened",
            "minmax(160px,3fr)",
            |run| {
                let message = run.message.clone().unwrap_or_default();
                let bad = run.state == PipeState::Failed;
                view! { <span class:bad-text=bad data-tip=message.clone()>{message.clone()}</span> }
                    .into_any()
            },
            |a, b| a.message.cmp(&b.message),
        ),
    ]
}

/// The runs of all pipes, the newest first; a row leads to the runs of its
/// pipe.
#[component]
pub(super) fn Runs() -> impl IntoView {
    let (live, nav) = (use_live(), use_nav());
    let history = History::start(live, use_client());
    let find = RwSignal::new(String::new());
    let rows = Memo::new(move |_| {
        let find = find.get().trim().to_lowercase();
        history.runs.with(|runs| {
            let Some(Ok(runs)) = runs else { return Vec::new() };
            let fits = |run: &&RunInfo| {
                find.is_empty()
                    || run.pipe.to_lowercase().contains(&find)
                    || state_name(run.state).to_lowercase().contains(&find)
                    || run.kind.contains(&find)
                    || run.message.as_ref().is_some_and(|text| text.to_lowercase().contains(&find))
            };
            runs.iter().filter(fits).cloned().collect()
        })
    });
    let state = Memo::new(move |_| {
        history.runs.with(|runs| {
            runs.as_ref()
                .map(|runs| runs.as_ref().map(|runs| runs.is_empty()).map_err(Clone::clone))
        })
    });
    let open = move |run: &RunInfo| nav.go(Place::runs(&run.pipe));
    view! {
        <div class="pane-head">
            <Search value=find label="Filter by pipe, state or message" />
            <span class="pane-note">{move || format!("{} runs", count(rows.with(Vec::len) as u64))}</span>
        </div>
        {move || match state.get() {
            None => view! { <Waiting /> }.into_any(),
            Some(Err(failure)) => view! { <Problem failure /> }.into_any(),
            Some(Ok(true)) => {
                view! { <Empty sign=Sign::History title="Nothing has run yet" hint="Each run leaves a line here: when it ended, how long it took, and what became of it." /> }
                    .into_any()
            }
            Some(Ok(false)) => {
                view! { <Table label="Runs" rows columns=columns() key=|run| format!("{}/{}", run.pipe, run.offset) on_open=open id="monitor-runs" /> }
                    .into_any()
            }
        }}
    }
}
