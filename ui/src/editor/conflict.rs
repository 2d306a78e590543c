//! A file that changed on disk while the user was changing it, too.

use leptos::prelude::*;

use crate::{
    components::{Button, Dialog, Icon, Sign},
    monaco::Compare,
    state::OpenFile,
};

/// Says so over the text and lets the user choose. Nothing is overwritten
/// before.
#[component]
pub(super) fn ConflictBar(file: Signal<Option<OpenFile>>) -> impl IntoView {
    let comparing = RwSignal::new(false);
    let theirs =
        Memo::new(move |_| file.with(|file| file.as_ref().and_then(|file| file.theirs.get())));
    let with_file = move |act: fn(&OpenFile)| {
        comparing.set(false);
        file.with_untracked(|file| file.as_ref().map(act));
    };
    view! {
        <Show when=move || theirs.with(Option::is_some)>
            <div class="bar warning" role="alert" data-testid="conflict">
                <Icon sign=Sign::Warning />
                {move || match theirs.get() {
                    Some(None) => view! { <span>"This file was removed from the folder. Your text is still here."</span> }.into_any(),
                    _ => {
                        view! {
                            <span>"This file was changed by someone else while you were changing it."</span>
                            <Button label="Compare" id="conflict-compare" on_click=move || comparing.set(true) />
                            <Button label="Take theirs" id="conflict-theirs" tip="Gives up your changes" on_click=move || with_file(OpenFile::take_theirs) />
                            <Button label="Keep mine" id="conflict-mine" tip="The next save replaces theirs" on_click=move || with_file(OpenFile::keep_mine) />
                        }
                            .into_any()
                    }
                }}
            </div>
        </Show>
        <Dialog open=comparing title="Theirs, and yours" wide=true id="conflict-dialog">
            {move || {
                let mine = file.with(|file| file.as_ref().map(|file| file.text.get_untracked()));
                match (theirs.get(), mine) {
                    (Some(Some(theirs)), Some(mine)) => Some(view! { <Compare before=theirs.text after=mine /> }),
                    _ => None,
                }
            }}
        </Dialog>
    }
}
