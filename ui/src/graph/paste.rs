//! Pipes and systems as text: copied to the clipboard, and made of what is
//! pasted.

use leptos::{ev, prelude::*};
use pipewright_language::FileChange;

use super::scene::{Ask, Scene};
use crate::{
    components::{Form, Sign},
    draft::{Act, Maker, Review},
    place::Place,
};

/// Puts the config of what is chosen on the clipboard.
pub(super) fn copy(scene: Scene, event: &ev::ClipboardEvent) -> bool {
    let ids = scene.components();
    let text = scene.language.look_at(|workspace| workspace.text_of(&ids));
    let (Some(text), Some(board), false) = (text, event.clipboard_data(), ids.is_empty()) else {
        return false;
    };
    event.prevent_default();
    match board.set_data("text/plain", &text) {
        Ok(()) if ids.len() == 1 => scene.toasts.done(format!("{} is on the clipboard.", ids[0])),
        Ok(()) => scene.toasts.done(format!("{} components are on the clipboard.", ids.len())),
        Err(_) => scene.toasts.failed("The clipboard cannot be written to."),
    }
    true
}

/// The same, and asks whether they shall go.
pub(super) fn cut(scene: Scene, event: &ev::ClipboardEvent) {
    if copy(scene, event) && scene.live.may_change() {
        scene.begin(Act::Remove);
    }
}

/// Asks whether what is on the clipboard shall be made.
pub(super) fn paste(scene: Scene, event: &ev::ClipboardEvent) {
    let text = event.clipboard_data().and_then(|board| board.get_data("text/plain").ok());
    let Some(text) = text.filter(|text| !text.trim().is_empty() && scene.live.may_change()) else {
        return;
    };
    event.prevent_default();
    let brought = scene
        .language
        .look_at(|workspace| workspace.bring(&text, |id| untrack(|| scene.live.name_taken(id))));
    match brought {
        Some(Ok((names, changes))) => scene.asked.set(Some(Ask::Bring { names, changes })),
        Some(Err(why)) => scene.toasts.failed(why),
        None => {}
    }
}

/// Shows what would be made, and makes it.
#[component]
pub(super) fn Bring(
    names: Vec<String>,
    changes: Vec<FileChange>,
    /// Called when it is made or given up.
    on_close: impl Fn() + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let maker = Maker::start();
    let label = match names.as_slice() {
        [one] => format!("Paste {one}"),
        names => format!("Paste {} components", names.len()),
    };
    let first = names.first().cloned();
    let drafted = StoredValue::new(changes.clone());
    let label = StoredValue::new(label);
    let select = StoredValue::new(first.map(|id| {
        let of_pipe = drafted.with_value(|all| {
            all.iter().any(|change| change.path() == format!("pipes/{id}.conf.json"))
        });
        format!("{}:{id}", if of_pipe { "pipe" } else { "system" })
    }));
    let make = move || {
        let step = maker.step(label.get_value(), &drafted.get_value());
        maker.make(step, Some(Place::Flow { select: select.get_value() }), on_close);
    };
    view! {
        <Form
            label="Add"
            sign=Sign::Plus
            id="paste-do"
            class="act"
            disabled=Signal::derive(move || maker.busy.get())
            on_submit=make
            on_close
        >
            <div class="act-head"><p>"Names that are taken here were changed, also where they name each other."</p></div>
            <Review changes=Signal::stored(changes) />
        </Form>
    }
}
