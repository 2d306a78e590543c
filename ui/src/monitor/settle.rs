//! Trying failed entities again, and giving them up.

use std::collections::BTreeMap;

use leptos::{prelude::*, task::spawn_local};
use pipewright_protocol::studio::{FAILED, FailedAct, FailedInfo, SettleFailed};

use crate::{
    client::use_client,
    components::{Button, Dialog, Field, Form, Sign, use_toasts},
    state::use_live,
};

/// Two buttons for some failed entities.
#[component]
pub fn Settle(
    /// Which.
    #[prop(into)]
    entities: Signal<Vec<FailedInfo>>,
    /// Whether the buttons say how many there are.
    #[prop(optional)]
    many: bool,
    /// Name for tests and scripts.
    id: &'static str,
) -> impl IntoView {
    let (live, toasts) = (use_live(), use_toasts());
    let client = StoredValue::new(use_client());
    let asking = RwSignal::new(false);
    let why = RwSignal::new(String::new());
    let settle = move |act: FailedAct, done: &'static str| {
        let mut by_pipe = BTreeMap::<String, Vec<String>>::new();
        for entity in entities.get_untracked() {
            by_pipe.entry(entity.pipe).or_default().push(entity.id);
        }
        let client = client.get_value();
        spawn_local(async move {
            let mut count = 0;
            for (pipe, ids) in by_pipe {
                let number = ids.len();
                let body = SettleFailed { pipe, ids, act: act.clone() };
                match client.tell(FAILED, &body).await {
                    Ok(()) => count += number,
                    Err(failure) => toasts.failed(failure.to_string()),
                }
            }
            match count {
                0 => {}
                1 => toasts.done(format!("1 entity {done}")),
                count => toasts.done(format!("{count} entities {done}")),
            }
        });
    };
    let discard = move || {
        let why = why.get_untracked().trim().to_owned();
        let why = (!why.is_empty()).then_some(why);
        settle(FailedAct::Discard { why }, "discarded");
        asking.set(false);
    };
    let number = move || entities.with(Vec::len);
    let named = move |verb: &'static str| {
        Signal::derive(move || if many { format!("{verb} all {}", number()) } else { verb.into() })
    };
    let none = Signal::derive(move || entities.with(Vec::is_empty));
    let held = Signal::derive(move || none.get() || !live.may_change());
    let retry_held = Signal::derive(move || held.get() || !live.trusted());
    let retry_id = if many { "retry-all" } else { "retry-one" };
    let discard_id = if many { "discard-all" } else { "discard-one" };
    view! {
        <Button
            label=named("Retry")
            sign=Sign::Refresh
            id=retry_id
            tip="Runs the pipe, which takes these up again"
            disabled=retry_held
            on_click=move || settle(FailedAct::Retry, "tried again")
        />
        <Button label=named("Discard") sign=Sign::Close id=discard_id disabled=held on_click=move || {
            why.set(String::new());
            asking.set(true);
        } />
        <Dialog open=asking title=Signal::derive(move || match number() { 1 => "Discard this entity".to_owned(), number => format!("Discard {number} entities") }) id=id>
            <Form label="Discard" sign=Sign::Close id="discard-confirm" on_submit=discard on_close=move || asking.set(false)>
                <p>"They leave the queue for good; a later change of the same entity in the source is read as usual. The reason is kept in the execution log."</p>
                <Field label="Why" value=why placeholder="The record was removed by agreement" focus=true id="discard-why" />
            </Form>
        </Dialog>
    }
}
