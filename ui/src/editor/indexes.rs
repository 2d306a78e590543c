//! By what the dataset of a pipe is looked up.

use std::time::Duration;

use leptos::{leptos_dom::helpers::TimeoutHandle, prelude::*, task::spawn_local};
use pipewright_protocol::service::DatasetIndex;
use pipewright_protocol::studio::encode;

use crate::{
    client::{Failure, use_client},
    components::{Button, Dialog, Empty, Form, Problem, Sign, Waiting, count, use_toasts},
    state::use_live,
};

/// How often an index is looked at while it is built.
const PAUSE: Duration = Duration::from_secs(1);

/// The Indexes side of a pipe.
#[component]
pub(super) fn IndexesPane(dataset: Memo<Option<String>>) -> impl IntoView {
    let (client, live) = (StoredValue::new(use_client()), use_live());
    let read = RwSignal::new(None::<Result<Vec<DatasetIndex>, Failure>>);
    let again = RwSignal::new(0_u32);
    let pending = StoredValue::new(None::<TimeoutHandle>);
    let cancel = move || {
        if let Some(handle) = pending.try_update_value(Option::take).flatten() {
            handle.clear();
        }
    };
    Effect::new(move || {
        let Some(id) = dataset.get() else { return };
        again.track();
        live.dataset(&id).with(|status| status.next_offset);
        cancel();
        let client = client.get_value();
        spawn_local(async move {
            let path = format!("/api/datasets/{}/indexes", encode(&id));
            let found = match client.get::<Vec<DatasetIndex>>(&path).await {
                // Before the first run there is no dataset.
                Err(Failure::Refused { status: 404, .. }) => Ok(Vec::new()),
                found => found,
            };
            if dataset.try_get_untracked().flatten() != Some(id) {
                return;
            }
            let building =
                found.as_ref().is_ok_and(|all| all.iter().any(|it| it.status != "ready"));
            read.try_set(Some(found));
            if building {
                let ask = move || again.update(|again| *again += 1);
                pending.try_set_value(set_timeout_with_handle(ask, PAUSE).ok());
            }
        });
    });
    on_cleanup(cancel);
    let drop_it = RwSignal::new(None::<DatasetIndex>);
    let asking = RwSignal::new(false);
    let rows = move || {
        match read.get() {
        None => view! { <Waiting /> }.into_any(),
        Some(Err(failure)) => view! { <Problem failure /> }.into_any(),
        Some(Ok(all)) if all.is_empty() => view! { <Empty sign=Sign::Search title="No indexes" hint="An index is built when a pipe looks the dataset up by something other than _id, in hops or in a subset." /> }.into_any(),
        Some(Ok(all)) => {
            let rows = all.into_iter().map(|index| {
                let DatasetIndex { expression, status, progress, .. } = index.clone();
                let whole = progress.total.max(1);
                let told = match status.as_str() {
                    "ready" => "ready".to_owned(),
                    _ => format!("{} of {}", count(progress.indexed), count(progress.total)),
                };
                let wanted = move || {
                    drop_it.set(Some(index.clone()));
                    asking.set(true);
                };
                view! {
                    <li class="index" data-testid="index">
                        <code>{expression}</code>
                        <progress aria-label="Built" max=whole.to_string() prop:value={progress.indexed as f64}></progress>
                        <span>{told}</span>
                        <Button label="Drop" sign=Sign::Close id="index-drop" disabled=Signal::derive(move || !live.may_change()) on_click=wanted />
                    </li>
                }
            });
            view! { <ul class="indexes" aria-label="Indexes" data-testid="indexes">{rows.collect_view()}</ul> }.into_any()
        }
    }
    };
    view! {
        <div class="pane-head">
            <h2>"Indexes of the dataset"</h2>
            <span class="pane-note">{move || dataset.get().unwrap_or_default()}</span>
        </div>
        <div class="pane-body">{rows}</div>
        <Dialog open=asking title="Drop the index" id="index-dialog">
            <DropIndex dataset index=drop_it open=asking again />
        </Dialog>
    }
}

#[component]
fn DropIndex(
    dataset: Memo<Option<String>>,
    index: RwSignal<Option<DatasetIndex>>,
    open: RwSignal<bool>,
    again: RwSignal<u32>,
) -> impl IntoView {
    let (client, toasts) = (StoredValue::new(use_client()), use_toasts());
    let submit = move || {
        let (Some(id), Some(index)) = (dataset.get_untracked(), index.get_untracked()) else {
            return;
        };
        let client = client.get_value();
        spawn_local(async move {
            let path = format!("/api/datasets/{}/indexes/{}", encode(&id), index.id);
            match client.delete(&path).await {
                Ok(()) => toasts.done(format!("The index {} is gone.", index.expression)),
                Err(failure) => toasts.failed(failure.to_string()),
            }
            open.try_set(false);
            again.try_update(|again| *again += 1);
        });
    };
    view! {
        <Form label="Drop" sign=Sign::Close id="index-drop-confirm" on_submit=submit on_close=move || open.set(false)>
            <p>{move || index.with(|index| index.as_ref().map(|it| it.expression.clone()))}</p>
            <p class="hint">"A pipe that needs it builds it anew when it runs next. It waits until no pipe runs."</p>
        </Form>
    }
}
