//! The clusters of one merge pipe, the largest first.

use std::{ops::Range, time::Duration};

use leptos::{leptos_dom::helpers::TimeoutHandle, prelude::*, task::spawn_local};
use pipewright_protocol::studio::{
    ClusterFlag, ClusterInfo, ClusterPage, MergePipe, clusters_path,
};

use crate::{
    client::{Failure, use_client},
    components::{Empty, Problem, Search, Sign, VirtualList, Waiting},
};

const PAGE: u32 = 100;

/// The flag in words.
pub(super) fn flag_text(flag: ClusterFlag) -> (&'static str, &'static str) {
    match flag {
        ClusterFlag::SameDataset => {
            ("same source", "Two members come from one dataset: a duplicate inside one system")
        }
        ClusterFlag::VeryLarge => ("large", "Far more members than usual"),
        ClusterFlag::SingleLink => ("one link", "Some member hangs on one link alone"),
    }
}

#[derive(Clone, Default)]
struct Held {
    clusters: Vec<ClusterInfo>,
    next: Option<String>,
    loaded: bool,
}

/// The list; reads on while it is scrolled.
#[component]
pub(super) fn Clusters(
    pipe: String,
    merge_pipe: Memo<Option<MergePipe>>,
    cluster: Memo<Option<String>>,
    ran_at: Memo<Option<i64>>,
    on_pick: impl Fn(String) + Clone + Send + Sync + 'static,
) -> impl IntoView {
    let client = StoredValue::new(use_client());
    let pipe = StoredValue::new(pipe);
    let find = RwSignal::new(String::new());
    let held = RwSignal::new(Held::default());
    let failure = RwSignal::new(None::<Failure>);
    let epoch = StoredValue::new(0_u32);
    let busy = StoredValue::new(false);
    let read = move |since: Option<String>| {
        if since.is_some() && busy.get_value() {
            return;
        }
        busy.set_value(true);
        if since.is_none() {
            epoch.update_value(|epoch| *epoch += 1);
        }
        let asked = epoch.get_value();
        let path =
            clusters_path(&pipe.get_value(), since.as_deref(), PAGE, find.get_untracked().trim());
        let client = client.get_value();
        spawn_local(async move {
            let answer = client.get::<ClusterPage>(&path).await;
            if epoch.try_get_value() != Some(asked) {
                return;
            }
            busy.set_value(false);
            match answer {
                Err(why) => failure.set(Some(why)),
                Ok(page) => {
                    failure.set(None);
                    held.update(|held| {
                        if since.is_none() {
                            held.clusters.clear();
                        }
                        held.clusters.extend(page.clusters);
                        held.next = page.next;
                        held.loaded = true;
                    });
                }
            }
        });
    };
    let pending = StoredValue::new(None::<TimeoutHandle>);
    let cancel = move || {
        if let Some(handle) = pending.try_update_value(Option::take).flatten() {
            handle.clear();
        }
    };
    Effect::new(move |before: Option<()>| {
        find.track();
        ran_at.get();
        cancel();
        let pause = if before.is_some() { Duration::from_millis(150) } else { Duration::ZERO };
        pending.set_value(set_timeout_with_handle(move || read(None), pause).ok());
    });
    on_cleanup(cancel);
    let seen = move |view: Range<usize>| {
        let next = held.with_untracked(|held| {
            (view.end + 20 > held.clusters.len()).then(|| held.next.clone()).flatten()
        });
        if next.is_some() {
            read(next);
        }
    };
    // Without a choice the first one is shown.
    Effect::new({
        let on_pick = on_pick.clone();
        move || {
            let first = held.with(|held| held.clusters.first().map(|cluster| cluster.id.clone()));
            if let (Some(first), None) = (first, cluster.get_untracked()) {
                on_pick(first);
            }
        }
    });
    let at = Memo::new(move |_| {
        cluster.get().and_then(|wanted| {
            held.with(|held| held.clusters.iter().position(|cluster| cluster.id == wanted))
        })
    });
    let step = {
        let on_pick = on_pick.clone();
        move |event: leptos::ev::KeyboardEvent| {
            let next = match (event.key().as_str(), at.get_untracked()) {
                ("ArrowDown", at) => at.map_or(0, |at| at + 1),
                ("ArrowUp", at) => at.map_or(0, |at| at.saturating_sub(1)),
                _ => return,
            };
            event.prevent_default();
            if let Some(id) = held
                .with_untracked(|held| held.clusters.get(next).map(|cluster| cluster.id.clone()))
            {
                on_pick(id);
            }
        }
    };
    let row = move |index: usize| {
        let row = Memo::new(move |_| held.with(|held| held.clusters.get(index).cloned()));
        let on_pick = on_pick.clone();
        let selected = move || {
            row.with(|row| {
                row.as_ref()
                    .is_some_and(|row| cluster.with(|cluster| cluster.as_ref() == Some(&row.id)))
            })
        };
        view! {
            <div
                class="table-row cluster-row"
                role="row"
                aria-selected=move || selected().to_string()
                data-testid="cluster-row"
                data-key=move || row.with(|row| row.as_ref().map(|row| row.id.clone()))
                on:click=move |_| {
                    if let Some(row) = row.get_untracked() {
                        on_pick(row.id);
                    }
                }
            >
                {move || {
                    row.get()
                        .map(|row| {
                            let mut datasets: Vec<&str> = row.members.iter().map(|member| member.dataset.as_str()).collect();
                            datasets.sort_unstable();
                            datasets.dedup();
                            let from = datasets.join(", ");
                            let flags = row.flags.iter().map(|flag| {
                                let (text, tip) = flag_text(*flag);
                                view! { <span class="flag" role="gridcell" data-tip=tip>{text}</span> }
                            });
                            view! {
                                <span class="cluster-size" role="gridcell" data-tip=from>{row.members.len()}</span>
                                <span class="cell mono" role="gridcell">{row.id.clone()}</span>
                                {flags.collect_view()}
                            }
                        })
                }}
            </div>
        }
        .into_any()
    };
    let count = Signal::derive(move || held.with(|held| held.clusters.len()));
    let state = Memo::new(move |_| held.with(|held| (held.loaded, held.clusters.is_empty())));
    let never_ran = Memo::new(move |_| {
        merge_pipe.with(|pipe| pipe.as_ref().is_some_and(|pipe| pipe.clusters == 0))
    });
    view! {
        <div class="pane-head">
            <Search value=find label="Find a member or golden record" id="cluster-find" />
        </div>
        <div class="table" on:keydown=step data-testid="clusters">
            <VirtualList count row follow=at on_view=Callback::new(seen) label="Clusters" />
            {move || failure.get().map(|failure| view! { <Problem failure /> })}
            {move || match state.get() {
                (false, _) if failure.with(Option::is_none) => view! { <Waiting /> }.into_any(),
                (true, true) if never_ran.get() => view! { <Empty sign=Sign::Merge title="No clusters yet" hint="They are made when the pipe runs." /> }.into_any(),
                (true, true) => view! { <Empty sign=Sign::Search title="Nothing found" hint="No id of a member or golden record contains this." /> }.into_any(),
                _ => ().into_any(),
            }}
        </div>
    }
}
