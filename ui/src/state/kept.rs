//! Unsaved texts, kept in this browser or window: what a crash took away comes
//! back when the project is opened again.

use pipewright_protocol::studio::FileText;
use serde::{Deserialize, Serialize};

/// A text with something to save.
#[derive(Serialize, Deserialize)]
pub(super) struct Kept {
    /// The file it was made from.
    pub(super) base: FileText,
    /// What the user had.
    pub(super) text: String,
}

/// The kept texts of one project. Copies are the same.
#[derive(Clone)]
pub(super) struct Shelf {
    /// What the names of its texts begin with.
    prefix: String,
}

fn storage() -> Option<web_sys::Storage> {
    web_sys::window()?.local_storage().ok().flatten()
}

impl Shelf {
    /// The shelf of the project behind a connection.
    pub(super) fn of(connection: &str) -> Self {
        Self { prefix: format!("pipewright.unsaved:{connection}:") }
    }

    fn name(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }

    /// The files that have a text here.
    pub(super) fn paths(&self) -> Vec<String> {
        let Some(storage) = storage() else { return Vec::new() };
        let names = (0..storage.length().unwrap_or_default())
            .filter_map(|place| storage.key(place).ok().flatten());
        names.filter_map(|name| name.strip_prefix(&self.prefix).map(str::to_owned)).collect()
    }

    /// What is kept of a file.
    pub(super) fn take(&self, path: &str) -> Option<Kept> {
        let text = storage()?.get_item(&self.name(path)).ok().flatten()?;
        serde_json::from_str(&text).ok()
    }

    /// Keeps a text, where that is possible.
    pub(super) fn put(&self, path: &str, kept: &Kept) {
        if let (Some(storage), Ok(text)) = (storage(), serde_json::to_string(kept)) {
            // Full or forbidden: the text lasts as long as the window, as the
            // browser's own question before leaving says.
            let _ = storage.set_item(&self.name(path), &text);
        }
    }

    /// Keeps it no longer.
    pub(super) fn drop(&self, path: &str) {
        if let Some(storage) = storage() {
            // Nothing was kept, or nothing can be.
            let _ = storage.remove_item(&self.name(path));
        }
    }
}
