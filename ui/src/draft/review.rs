//! What a step would do to the files, before it is done.

use leptos::prelude::*;
use pipewright_language::FileChange;

use crate::{monaco::Compare, state::use_language};

/// The files that change, and for one of them the texts before and after.
#[component]
pub fn Review(
    /// What would be done.
    #[prop(into)]
    changes: Signal<Vec<FileChange>>,
) -> impl IntoView {
    let language = use_language();
    let chosen = RwSignal::new(0_usize);
    let texts = Memo::new(move |_| {
        let change =
            changes.with(|changes| changes.get(chosen.get()).or(changes.first()).cloned())?;
        language.look_at(|workspace| workspace.texts_of(&change))
    });
    let row = move |(index, change): (usize, FileChange)| {
        let (word, class) = match &change {
            FileChange::Create { .. } => ("new", "good-text"),
            FileChange::Edit { .. } => ("changed", "faint-text"),
            FileChange::Delete { .. } => ("removed", "bad-text"),
        };
        view! {
            <button type="button" class="review-file" aria-pressed=move || (chosen.get() == index).to_string() on:click=move |_| chosen.set(index)>
                <code>{change.path().to_owned()}</code>
                <em class=class>{word}</em>
            </button>
        }
    };
    view! {
        <div class="review" data-testid="review">
            <div class="review-files">
                {move || changes.get().into_iter().enumerate().map(row).collect_view()}
            </div>
            <div class="review-texts">
                {move || texts.get().map(|(before, after)| view! { <Compare before after /> })}
            </div>
        </div>
    }
}
