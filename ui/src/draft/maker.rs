//! The one step that makes what was drafted.

use leptos::{prelude::*, task::spawn_local};
use pipewright_language::FileChange;
use pipewright_protocol::studio::{Change, Edits, FileEdit, TextEdit};

use crate::{
    client::Failure,
    components::{ToastBoard, use_toasts},
    place::{Nav, Place, use_nav},
    state::{Files, History, Live, use_files, use_history, use_live},
};

/// Makes what a dialog has drafted: one step that can be undone, a word about
/// it, and on to what was made. Copies are the same one.
#[derive(Clone, Copy)]
pub struct Maker {
    history: History,
    nav: Nav,
    toasts: ToastBoard,
    live: Live,
    files: Files,
    /// Whether it is being made.
    pub busy: RwSignal<bool>,
}

impl Maker {
    /// For a dialog of the session this component belongs to.
    pub fn start() -> Self {
        Maker {
            history: use_history(),
            nav: use_nav(),
            toasts: use_toasts(),
            live: use_live(),
            files: use_files(),
            busy: RwSignal::new(false),
        }
    }

    /// The step that changes files like this, from what is saved now.
    pub fn step(self, label: String, changes: &[FileChange]) -> Edits {
        let hash = |path: &str| {
            self.live.files.with_untracked(|files| {
                let mut files = files.iter().flat_map(|files| files.iter());
                files.find(|file| file.path == path).map(|file| file.hash.clone())
            })
        };
        let files = changes.iter().map(|change| {
            let path = change.path().to_owned();
            // A file that is not there any more is a conflict, as it should be.
            let base = hash(&path).unwrap_or_default();
            let change = match change {
                FileChange::Create { text, .. } => Change::Create { text: text.clone() },
                FileChange::Delete { .. } => Change::Delete { base },
                FileChange::Edit { edits, .. } => {
                    let edit = |edit: &pipewright_language::TextEdit| TextEdit {
                        start: edit.span.start,
                        end: edit.span.end,
                        text: edit.replacement.clone(),
                    };
                    Change::Edit { base, edits: edits.iter().map(edit).collect() }
                }
            };
            FileEdit { path, change }
        });
        Edits { label, files: files.collect() }
    }

    /// Applies the step; when it is done, calls `done` and goes to `then`.
    pub fn make(self, step: Edits, then: Option<Place>, done: impl Fn() + 'static) {
        if self.busy.try_get_untracked() == Some(true) {
            return;
        }
        if let Some(path) = self.files.in_the_way(&step) {
            self.toasts
                .failed(format!("{path} has changes that are not saved. Save or undo them first."));
            return;
        }
        self.busy.set(true);
        spawn_local(async move {
            let label = step.label.clone();
            let made = self.history.apply(step).await;
            self.busy.try_set(false);
            match made {
                Ok(()) => {
                    done();
                    self.toasts.done(format!("{label}: done. Ctrl+Z takes it back."));
                    then.into_iter().for_each(|place| self.nav.go(place));
                }
                Err(Failure::Conflict(conflict)) => self.toasts.failed(match conflict.current {
                    Some(_) => format!("There is another {} meanwhile.", conflict.path),
                    None => format!("{} is gone meanwhile.", conflict.path),
                }),
                Err(failure) => self.toasts.failed(failure.to_string()),
            }
        });
    }
}
