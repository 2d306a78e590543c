//! Forms over config texts: what is entered becomes a small edit of the text,
//! so that form and text are two views of one thing.

mod component;
mod field;

pub use component::ComponentForm;

use leptos::prelude::*;
use pipewright_language::{Path, Workspace};
use serde_json::Value;

use crate::{
    components::{ToastBoard, use_toasts},
    state::{Language, OpenFile, use_language},
};

/// The text that a form writes to. Copies write to the same.
#[derive(Clone, Copy)]
pub struct Target {
    file: Signal<Option<OpenFile>>,
    language: Language,
    toasts: ToastBoard,
    /// The system whose secrets are meant, if it is one.
    system: Signal<Option<String>>,
    /// Whether nothing may be written.
    held: Signal<bool>,
}

impl Target {
    /// What is entered goes into this file.
    pub fn new(
        file: Signal<Option<OpenFile>>,
        system: Signal<Option<String>>,
        held: Signal<bool>,
    ) -> Self {
        Target { file, language: use_language(), toasts: use_toasts(), system, held }
    }

    /// Asks the language service about the text as it is now. Tracked.
    pub fn ask<T>(self, ask: impl FnOnce(&Workspace, &str) -> T) -> Option<T> {
        self.language.ready();
        let file = self.file.get()?;
        let text = file.text.get();
        self.language.ask(&file.path, &text, |workspace| ask(workspace, &file.path))
    }

    /// Makes the value at a path be this one, or be gone.
    pub fn write(self, at: &Path, value: Option<Value>) {
        let Some(file) = self.file.get_untracked() else { return };
        let text = file.text.get_untracked();
        let new = self.language.ask(&file.path, &text, |workspace| {
            workspace.with_value(&file.path, at, value.as_ref())
        });
        match new {
            Some(Ok(new)) => file.replace(new),
            Some(Err(why)) => self.toasts.failed(format!("The text was not changed: {why}.")),
            None => {}
        }
    }
}
