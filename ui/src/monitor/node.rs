//! How the node itself fares: memory, disk, and what waits, over the last hour.

use std::time::Duration;

use leptos::{prelude::*, task::spawn_local};
use pipewright_protocol::studio::{HEALTH, Health, HealthSample};

use crate::{
    client::{Failure, use_client},
    components::{
        Chart, Figure, Point, Problem, Series, Tone, Waiting, bytes, clock, count, duration,
    },
};

/// The node takes a sample this often.
const PAUSE: Duration = Duration::from_secs(10);

/// Pipes whose queues are drawn, those with the most first.
const DRAWN: usize = 4;

const TONES: [Tone; DRAWN] = [Tone::Accent, Tone::Run, Tone::Warn, Tone::Bad];

fn line(
    name: &str,
    tone: Tone,
    samples: &[HealthSample],
    value: impl Fn(&HealthSample) -> Option<u64>,
) -> Series {
    let points = samples.iter().filter_map(|sample| {
        Some(Point::new(sample.ts as f64, value(sample)? as f64, clock(sample.ts)))
    });
    Series { name: name.to_owned(), tone, points: points.collect() }
}

/// What waited, over all and in the pipes for which most did.
fn queues(samples: &[HealthSample]) -> Vec<Series> {
    let all = |sample: &HealthSample| Some(sample.queues.values().sum());
    let mut most = std::collections::BTreeMap::<&String, u64>::new();
    for (pipe, queue) in samples.iter().flat_map(|sample| &sample.queues) {
        let known = most.entry(pipe).or_default();
        *known = (*known).max(*queue);
    }
    let mut most: Vec<_> = most.into_iter().collect();
    most.sort_by_key(|(_, queue)| std::cmp::Reverse(*queue));
    let mut series = vec![line("All pipes", TONES[0], samples, all)];
    if most.len() > 1 {
        let drawn = most.iter().zip(&TONES[1..]);
        series.extend(drawn.map(|((pipe, _), tone)| {
            let of =
                |sample: &HealthSample| Some(sample.queues.get(*pipe).copied().unwrap_or_default());
            line(pipe, *tone, samples, of)
        }));
    }
    series
}

/// The node.
#[component]
pub(super) fn NodeHealth() -> impl IntoView {
    let client = StoredValue::new(use_client());
    let health = RwSignal::new(None::<Result<Health, Failure>>);
    let read = move || {
        spawn_local(async move {
            let answer = client.get_value().get::<Health>(HEALTH).await;
            health.try_set(Some(answer));
        });
    };
    read();
    if let Ok(timer) = set_interval_with_handle(read, PAUSE) {
        on_cleanup(move || timer.clear());
    }
    let samples = Memo::new(move |_| {
        health.with(|health| match health {
            Some(Ok(health)) => health.samples.clone(),
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
    view! {
        {move || match state.get() {
            None => view! { <Waiting /> }.into_any(),
            Some(Some(failure)) => view! { <Problem failure /> }.into_any(),
            Some(None) => {
                view! {
                    <div class="pane-body health" data-testid="health">
                        <ul class="figures" aria-label="The node">
                            <Figure name="Up for" value=up />
                            <Figure name="Memory" value=move || known(figures.get().2.memory) />
                            <Figure name="Store on disk" value=move || bytes(figures.get().2.store) />
                            <Figure name="Free on disk" value=move || known(figures.get().1) />
                            <Figure name="Waiting to be read" value=move || count(figures.get().2.queues.values().sum()) />
                        </ul>
                        <section>
                            <h2 class="pane-title">"Waiting to be read"</h2>
                            <Chart label="Waiting to be read" series=Signal::derive(move || samples.with(|samples| queues(samples))) id="health-queue" />
                        </section>
                        <section>
                            <h2 class="pane-title">"Memory"</h2>
                            <Chart
                                label="Memory"
                                series=Signal::derive(move || samples.with(|samples| vec![line("Memory", Tone::Accent, samples, |sample| sample.memory)]))
                                format=|size: f64| bytes(size as u64)
                                id="health-memory"
                            />
                        </section>
                        <section>
                            <h2 class="pane-title">"Store on disk"</h2>
                            <Chart
                                label="Store on disk"
                                series=Signal::derive(move || samples.with(|samples| vec![line("Store", Tone::Accent, samples, |sample| Some(sample.store))]))
                                format=|size: f64| bytes(size as u64)
                                id="health-store"
                            />
                        </section>
                    </div>
                }
                    .into_any()
            }
        }}
    }
}
