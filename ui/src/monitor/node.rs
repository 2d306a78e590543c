//! How the node itself fares: memory, disk, and what waited in the last hour.

use std::{collections::BTreeMap, time::Duration};

use leptos::{prelude::*, task::spawn_local};
use pipewright_protocol::studio::{HEALTH, Health, HealthSample};

use crate::{
    client::{Failure, use_client},
    components::{Column, Empty, Figure, Problem, Sign, Table, Waiting, bytes, count, duration},
    place::{Place, use_nav},
};

/// The node takes a sample this often.
const PAUSE: Duration = Duration::from_secs(10);

/// What waited for a pipe in the last hour.
#[derive(Clone, Debug, PartialEq)]
struct Queue {
    pipe: String,
    now: u64,
    most: u64,
    /// The middle one of all samples.
    usual: u64,
}

/// The queues of an hour, those with the most first.
fn queues(samples: &[HealthSample]) -> Vec<Queue> {
    let mut all = BTreeMap::<&String, Vec<u64>>::new();
    for (pipe, queue) in samples.iter().flat_map(|sample| &sample.queues) {
        all.entry(pipe).or_default().push(*queue);
    }
    let mut queues: Vec<Queue> = all
        .into_iter()
        .map(|(pipe, mut values)| {
            // Where a sample does not name it, nothing waited.
            values.resize(samples.len().max(values.len()), 0);
            values.sort_unstable();
            let now = samples.last().and_then(|last| last.queues.get(pipe)).copied();
            Queue {
                pipe: pipe.clone(),
                now: now.unwrap_or_default(),
                most: values.last().copied().unwrap_or_default(),
                usual: values[values.len() / 2],
            }
        })
        .collect();
    queues.sort_by(|a, b| b.now.cmp(&a.now).then_with(|| b.most.cmp(&a.most)));
    queues
}

fn columns() -> Vec<Column<Queue>> {
    vec![
        Column::text(
            "Pipe",
            "minmax(180px,2fr)",
            |row| view! { <b>{row.pipe.clone()}</b> }.into_any(),
            |a, b| a.pipe.cmp(&b.pipe),
        ),
        Column::number(
            "Waiting now",
            "minmax(110px,1fr)",
            |row| count(row.now).into_any(),
            |a, b| a.now.cmp(&b.now),
        ),
        Column::number(
            "Usually",
            "minmax(110px,1fr)",
            |row| count(row.usual).into_any(),
            |a, b| a.usual.cmp(&b.usual),
        ),
        Column::number(
            "At most",
            "minmax(110px,1fr)",
            |row| count(row.most).into_any(),
            |a, b| a.most.cmp(&b.most),
        ),
    ]
}

/// The node.
#[component]
pub(super) fn NodeHealth() -> impl IntoView {
    let nav = use_nav();
    let client = StoredValue::new(use_client());
    let health = RwSignal::new(None::<Result<Health, Failure>>);
    let read = move || {
        let client = client.get_value();
        spawn_local(async move {
            let answer = client.get::<Health>(HEALTH).await;
            health.try_set(Some(answer));
        });
    };
    read();
    if let Ok(timer) = set_interval_with_handle(read, PAUSE) {
        on_cleanup(move || timer.clear());
    }
    let rows = Memo::new(move |_| {
        health.with(|health| match health {
            Some(Ok(health)) => queues(&health.samples),
            _ => Vec::new(),
        })
    });
    let figures = Memo::new(move |_| {
        health.with(|health| match health {
            Some(Ok(health)) => {
                let last = health.samples.last().cloned().unwrap_or_default();
                (health.started, health.free, last)
            }
            _ => (0, None, HealthSample::default()),
        })
    });
    let known = |size: Option<u64>| size.map_or_else(|| "not known".to_owned(), bytes);
    let up = move || {
        let (started, _, last) = figures.get();
        duration(u64::try_from(last.ts - started).unwrap_or(0))
    };
    let state = Memo::new(move |_| {
        health.with(|health| health.as_ref().map(|health| health.as_ref().err().cloned()))
    });
    let none = Memo::new(move |_| rows.with(Vec::is_empty));
    let open = move |row: &Queue| nav.go(Place::runs(&row.pipe));
    view! {
        {move || match state.get() {
            None => view! { <Waiting /> }.into_any(),
            Some(Some(failure)) => view! { <Problem failure /> }.into_any(),
            Some(None) => {
                view! {
                    <div class="pane-body" data-testid="health">
                        <ul class="figures" aria-label="The node">
                            <Figure name="Up for" value=up />
                            <Figure name="Memory" value=move || known(figures.get().2.memory) />
                            <Figure name="Store on disk" value=move || bytes(figures.get().2.store) />
                            <Figure name="Free on disk" value=move || known(figures.get().1) />
                        </ul>
                        <h2 class="pane-title">"What waited to be read in the last hour"</h2>
                        {move || match none.get() {
                            true => view! { <Empty sign=Sign::Check title="Nothing waited" hint="Every pipe has read all there is, for an hour or since the node was started." /> }.into_any(),
                            false => view! { <Table label="Queues" rows columns=columns() key=|row| row.pipe.clone() on_open=open id="health-queues" /> }.into_any(),
                        }}
                    </div>
                }
                    .into_any()
            }
        }}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_told_with_what_it_was_before() {
        let sample = |queues: &[(&str, u64)]| HealthSample {
            queues: queues.iter().map(|(pipe, queue)| ((*pipe).to_owned(), *queue)).collect(),
            ..HealthSample::default()
        };
        let samples = [sample(&[("a", 9)]), sample(&[("a", 5), ("b", 2)]), sample(&[("b", 3)])];
        let told: Vec<_> = queues(&samples)
            .into_iter()
            .map(|queue| (queue.pipe, queue.now, queue.usual, queue.most))
            .collect();
        assert_eq!(told, [("b".to_owned(), 3, 2, 3), ("a".to_owned(), 0, 5, 9)]);
    }
}
