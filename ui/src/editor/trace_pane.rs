//! What the expression at the cursor gave.

use leptos::prelude::*;

use super::{
    preview::Live,
    stepping::{StepBar, StepPane},
    trace::{Came, Time, Told},
};
use crate::components::count;

/// Each value of the expression that the cursor is in, with the rule and the
/// row of hops that it belongs to. Nothing while nothing is traced.
#[component]
pub(super) fn TracePane(preview: Live) -> impl IntoView {
    let told = preview.told();
    let stepping = preview.stepping;
    let step = Memo::new(move |_| stepping.step());
    view! {
        <Show when=move || preview.tracing.get()>
            <section class="trace" aria-label="Trace">
                <StepBar stepping />
                <div class="trace-body" data-testid="trace-values" tabindex="0">
                    {move || match (step.get(), told.get()) {
                        (Some(step), _) => view! { <StepPane stepping step /> }.into_any(),
                        (None, Some(told)) => known(told).into_any(),
                        (None, None) => {
                            view! { <p class="hint">"Put the cursor into an expression to see what it gave for this sample, or step through the rules (F10). A click on a property of the result leads to what made it."</p> }
                                .into_any()
                        }
                    }}
                </div>
            </section>
        </Show>
    }
}

fn known(told: Told) -> impl IntoView {
    let more = (told.more > 0).then(|| {
        view! { <p class="hint">{format!("and {} more", count(told.more))}</p> }
    });
    let times = told.times.into_iter().map(time).collect_view();
    view! {
        <code class="trace-code" data-testid="trace-code">{told.code}</code>
        <ol class="trace-times">{times}</ol>
        {more}
    }
}

fn time(time: Time) -> impl IntoView {
    let row = time.row.into_iter().map(|(alias, id)| {
        view! { <span class="trace-row"><b>{alias}</b>" "{id}</span> }
    });
    let item = time.item.map(|item| view! { <span class="trace-row"><b>"_"</b>" "{item}</span> });
    let came = came(time.came);
    view! {
        <li>
            <p class="trace-where">
                <span>{time.rule}</span>
                {row.collect_view()}
                {item}
            </p>
            {came}
        </li>
    }
}

/// What came of an expression or a transform.
pub(super) fn came(came: Came) -> impl IntoView {
    match came {
        Came::Value(value) => view! { <output class="trace-value">{value}</output> }.into_any(),
        Came::Failed(why) => view! { <output class="trace-value failed">{why}</output> }.into_any(),
        Came::Changes(changes) if changes.is_empty() => {
            view! { <output class="trace-value none">"no change"</output> }.into_any()
        }
        Came::Changes(changes) => changes.into_iter().map(change).collect_view().into_any(),
    }
}

fn change((name, before, after): (String, Option<String>, Option<String>)) -> impl IntoView {
    let same = before == after;
    let before = before.filter(|_| !same).map(|before| view! { <del>{before}</del>" " });
    view! {
        <output class="trace-value">
            <span class="json-key">{name}</span>
            ": "
            {before}
            {after.map(|after| view! { <ins>{after}</ins> })}
        </output>
    }
}
