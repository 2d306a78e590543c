//! The text of one file with what is wrong in it.

use std::ops::Range;

use leptos::{prelude::*, task::spawn_local};
use pipewright_protocol::studio::{Diagnostic, Severity};

use super::conflict::ConflictBar;
use crate::{
    client::{Failure, use_client},
    commands::{Command, use_commands},
    components::{Button, Icon, Kind, Problem, Sign, use_toasts},
    monaco::{Code, Goto, Watch},
    state::{OpenFile, use_files, use_history, use_live},
};

/// A file being read, open, or not to be had.
pub type Opening = Option<Result<OpenFile, Failure>>;

/// Opens the file whenever its path changes.
pub fn open_file(path: Memo<Option<String>>) -> RwSignal<Opening, LocalStorage> {
    let (files, client) = (use_files(), use_client());
    let opening = RwSignal::new_local(None);
    Effect::new(move || {
        opening.set(None);
        let Some(wanted) = path.get() else { return };
        let client = client.clone();
        spawn_local(async move {
            let opened = files.open(&client, &wanted).await;
            // Meanwhile the user may have gone on to another file.
            if path.try_get_untracked().flatten().as_ref() == Some(&wanted) {
                opening.try_set(Some(opened));
            }
        });
    });
    opening
}

/// The open file, if it is.
pub fn opened(opening: RwSignal<Opening, LocalStorage>) -> Signal<Option<OpenFile>> {
    let memo = Memo::new_with_compare(
        move |_| {
            opening
                .with(|opening| opening.as_ref().and_then(|opening| opening.as_ref().ok().cloned()))
        },
        |old, new| match (
            old.as_ref().and_then(|old| old.as_ref()),
            new.as_ref().and_then(|new| new.as_ref()),
        ) {
            (Some(old), Some(new)) => old.text != new.text,
            (None, None) => old.is_none(),
            _ => true,
        },
    );
    memo.into()
}

/// What saves the file. A conflict is shown over the text, any other failure as
/// a message.
pub(super) fn saving(file: Signal<Option<OpenFile>>) -> impl Fn() + Copy + Send + Sync + 'static {
    let (history, toasts) = (use_history(), use_toasts());
    move || {
        let Some(file) = file.get_untracked() else { return };
        spawn_local(async move {
            match history.save(&file).await {
                Ok(()) | Err(Failure::Conflict(_)) => {}
                Err(failure) => toasts.failed(failure.to_string()),
            }
        });
    }
}

/// Offers to save the file while this screen is shown.
pub fn offer_save(file: Signal<Option<OpenFile>>) {
    let save = saving(file);
    use_commands()
        .offer(move || vec![Command::new("save", "Save", Sign::Save, save).keys("Ctrl+S")]);
}

/// Saves the file; enabled only when there is something to save.
#[component]
pub fn SaveButton(file: Signal<Option<OpenFile>>) -> impl IntoView {
    let dirty = Memo::new(move |_| file.with(|file| file.as_ref().is_some_and(OpenFile::dirty)));
    let save = saving(file);
    view! {
        <Button
            label="Save"
            kind=Kind::Primary
            sign=Sign::Save
            id="save"
            tip="Writes the file (Ctrl+S)"
            disabled=Signal::derive(move || !dirty.get())
            on_click=save
        />
    }
}

/// The editor over the list of what is wrong.
#[component]
pub fn TextPane(
    /// The file.
    opening: RwSignal<Opening, LocalStorage>,
    /// What is wrong in it.
    #[prop(into)]
    diagnostics: Signal<Vec<Diagnostic>>,
    /// Where to put the cursor.
    goto: RwSignal<Option<Goto>>,
    /// What is shown while the text is tried out.
    #[prop(optional)]
    watch: Option<Watch>,
) -> impl IntoView {
    let live = use_live();
    let file = opened(opening);
    let failure = move || {
        opening.with(|opening| opening.as_ref().and_then(|opening| opening.as_ref().err().cloned()))
    };
    let shown = Memo::new(move |_| {
        let mut shown = diagnostics.get();
        shown.sort_by_key(|diagnostic| (std::cmp::Reverse(diagnostic.severity), diagnostic.start));
        shown
    });
    view! {
        <div class="text-pane">
            <ConflictBar file />
            {move || match failure() {
                Some(failure) => view! { <Problem failure /> }.into_any(),
                None => view! { <Code file diagnostics goto watch read_only=Signal::derive(move || !live.may_change()) /> }.into_any(),
            }}
            <Show when=move || shown.with(|shown| !shown.is_empty())>
                <ul class="findings" aria-label="Findings" data-testid="findings">
                    <For each=move || shown.get() key=|diagnostic| (diagnostic.code.clone(), diagnostic.start, diagnostic.message.clone()) let:diagnostic>
                        <Finding diagnostic goto />
                    </For>
                </ul>
            </Show>
        </div>
    }
}

/// Selects bytes of the text; none put the cursor there.
pub(super) fn go_to(goto: RwSignal<Option<Goto>>, bytes: Range<usize>) {
    goto.update(|goto| {
        let nth = goto.as_ref().map_or(0, |last| last.nth + 1);
        *goto = Some(Goto { bytes, nth });
    });
}

#[component]
fn Finding(diagnostic: Diagnostic, goto: RwSignal<Option<Goto>>) -> impl IntoView {
    let (class, sign) = match diagnostic.severity {
        Severity::Error => ("finding error", Sign::Error),
        Severity::Warning => ("finding warning", Sign::Warning),
        Severity::Info => ("finding info", Sign::Warning),
    };
    let start = diagnostic.start;
    view! {
        <li>
            <button type="button" class=class on:click=move |_| go_to(goto, start..start)>
                <Icon sign />
                <span>{diagnostic.message}</span>
                {diagnostic.suggestion.map(|suggestion| view! { <span class="finding-hint">{suggestion}</span> })}
                <code>{diagnostic.path}</code>
            </button>
        </li>
    }
}
