//! The texts that are open, saved or not.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use leptos::{ev, prelude::*, task::spawn_local};
use pipewright_protocol::studio::{
    self, Change, Edited, Edits, FileChange, FileEdit, FileText, TextEdit,
};

use super::kept::{Kept, Shelf};
use crate::client::{Client, Failure};

/// How long typing may go on before the text is kept against a crash.
const KEEP: Duration = Duration::from_millis(500);

/// A file of the project that is open in this window. Copies are the same file.
#[derive(Clone)]
pub struct OpenFile {
    /// Relative to the project folder.
    pub path: String,
    /// The file as last read or written.
    pub base: ArcRwSignal<FileText>,
    /// The text as the user has it.
    pub text: ArcRwSignal<String>,
    /// Counts how often the text was replaced by something else than typing.
    pub replaced: ArcRwSignal<u32>,
    /// Set while the file on disk is neither what the user began with nor what
    /// the user has: what it is now, `None` inside when it is gone.
    pub theirs: ArcRwSignal<Option<Option<FileText>>>,
}

impl OpenFile {
    /// The file as it was read.
    pub fn new(file: FileText) -> Self {
        Self {
            path: file.path.clone(),
            text: ArcRwSignal::new(file.text.clone()),
            base: ArcRwSignal::new(file),
            replaced: ArcRwSignal::new(0),
            theirs: ArcRwSignal::new(None),
        }
    }

    /// The file as it is now, with the text that was kept of it; `now` is
    /// `None` when it is gone.
    fn with_kept(now: Option<FileText>, kept: Kept) -> Self {
        match now {
            Some(now) if now.text == kept.text => Self::new(now),
            now => {
                let is_same = now.as_ref().is_some_and(|now| now.hash == kept.base.hash);
                let file = Self::new(kept.base);
                file.text.set(kept.text);
                if !is_same {
                    file.theirs.set(Some(now));
                }
                file
            }
        }
    }

    /// Whether there is something to save. Tracked.
    pub fn dirty(&self) -> bool {
        self.text.with(|text| self.base.with(|base| base.text != *text))
    }

    /// As [`OpenFile::dirty`], untracked.
    pub fn is_dirty(&self) -> bool {
        self.text.with_untracked(|text| self.base.with_untracked(|base| base.text != *text))
    }

    /// Replaces the text, as typing would, from outside the editor.
    pub fn replace(&self, text: String) {
        if self.text.with_untracked(|old| *old != text) {
            self.text.set(text);
            self.replaced.update(|count| *count += 1);
        }
    }

    /// The file now holds this; unsaved changes stay.
    fn rebase(&self, file: FileText) {
        let clean = !self.is_dirty();
        let text = file.text.clone();
        self.base.set(file);
        self.theirs.set(None);
        if clean {
            self.replace(text);
        }
    }

    /// Gives up the user's text for what the file holds now.
    pub fn take_theirs(&self) {
        if let Some(Some(file)) = self.theirs.get_untracked() {
            self.replace(file.text.clone());
            self.base.set(file);
        }
        self.theirs.set(None);
    }

    /// Keeps the user's text: the next save replaces what the file holds now.
    pub fn keep_mine(&self) {
        if let Some(Some(file)) = self.theirs.get_untracked() {
            self.base.set(file);
        }
        self.theirs.set(None);
    }
}

/// The open files by path. Copies are the same set.
#[derive(Clone, Copy)]
pub struct Files {
    open: RwSignal<BTreeMap<String, OpenFile>>,
    /// Where unsaved texts are kept against a crash.
    shelf: StoredValue<Shelf>,
    /// The files whose text this window keeps.
    kept: StoredValue<BTreeSet<String>>,
    /// Unsaved texts that came back when the project was opened.
    pub back: RwSignal<Vec<String>>,
}

/// The open files of the session this component belongs to.
pub fn use_files() -> Files {
    expect_context()
}

impl Files {
    /// No file is open but those whose text was not saved last time; changes
    /// on disk are followed. `connection` names the project in this window.
    pub fn start(client: Client, changed: RwSignal<Vec<FileChange>>, connection: &str) -> Self {
        let files = Files {
            open: RwSignal::default(),
            shelf: StoredValue::new(Shelf::of(connection)),
            kept: StoredValue::default(),
            back: RwSignal::default(),
        };
        files.bring_back(client.clone());
        Effect::new(move || {
            for change in changed.get() {
                files.changed_on_disk(&client, change);
            }
        });
        let waiting = StoredValue::new(false);
        Effect::new(move || {
            files.open.with(|open| {
                for file in open.values() {
                    file.text.track();
                    file.base.track();
                }
            });
            if !waiting.get_value() {
                waiting.set_value(true);
                set_timeout(
                    move || {
                        waiting.try_set_value(false);
                        files.keep();
                    },
                    KEEP,
                );
            }
        });
        let leaving =
            window_event_listener(ev::Custom::new("pagehide"), move |_: web_sys::Event| {
                files.keep()
            });
        on_cleanup(move || leaving.remove());
        files
    }

    /// Opens the files whose text was not saved when the window went away.
    fn bring_back(self, client: Client) {
        let paths = self.shelf.with_value(Shelf::paths);
        if paths.is_empty() {
            return;
        }
        spawn_local(async move {
            let mut back = Vec::new();
            for path in paths {
                // What cannot be read now is kept for the next time.
                if let Ok(file) = self.open(&client, &path).await
                    && file.is_dirty()
                {
                    back.push(path);
                }
            }
            self.back.try_set(back);
        });
    }

    /// Keeps what is not saved, and what is saved no longer.
    fn keep(self) {
        let open = self.open.try_with_untracked(Clone::clone).unwrap_or_default();
        for (path, file) in open {
            if file.is_dirty() {
                let (base, text) = (file.base.get_untracked(), file.text.get_untracked());
                self.shelf.with_value(|shelf| shelf.put(&path, &Kept { base, text }));
                self.kept.update_value(|kept| _ = kept.insert(path));
            } else if self.kept.try_update_value(|kept| kept.remove(&path)) == Some(true) {
                self.shelf.with_value(|shelf| shelf.drop(&path));
            }
        }
    }

    /// The file, read when it is not open yet.
    pub async fn open(self, client: &Client, path: &str) -> Result<OpenFile, Failure> {
        if let Some(file) = self.get(path) {
            return Ok(file);
        }
        let kept = self.shelf.try_with_value(|shelf| shelf.take(path)).flatten();
        let is_kept = kept.is_some();
        let file = match (client.get::<FileText>(&studio::file_path(path)).await, kept) {
            (Ok(now), None) => OpenFile::new(now),
            (Ok(now), Some(kept)) => OpenFile::with_kept(Some(now), kept),
            (Err(Failure::Refused { status: 404, .. }), Some(kept)) => {
                OpenFile::with_kept(None, kept)
            }
            (Err(failure), _) => return Err(failure),
        };
        if is_kept {
            self.kept.try_update_value(|kept| kept.insert(path.to_owned()));
        }
        // Another screen may have opened it meanwhile.
        Ok(self.get(path).unwrap_or_else(|| {
            self.open.try_update(|open| open.insert(path.to_owned(), file.clone()));
            file
        }))
    }

    /// The text as the user has it, if the file is open.
    pub fn text(self, path: &str) -> Option<String> {
        self.get(path).map(|file| file.text.get_untracked())
    }

    fn get(self, path: &str) -> Option<OpenFile> {
        self.open.try_with_untracked(|open| open.get(path).cloned()).flatten()
    }

    /// Files with something to save. Tracked.
    pub fn dirty(self) -> Vec<OpenFile> {
        self.open.with(|open| open.values().filter(|file| file.dirty()).cloned().collect())
    }

    /// Whether one of these edits touches unsaved text; its path.
    pub fn in_the_way(self, edits: &Edits) -> Option<String> {
        let dirty = |path: &str| self.get(path).is_some_and(|file| file.is_dirty());
        edits.files.iter().map(|edit| &edit.path).find(|path| dirty(path)).cloned()
    }

    /// The open files follow edits that were applied.
    pub fn took(self, edits: &Edits, edited: &Edited) {
        for file in &edited.files {
            if let Some(open) = self.get(&file.path) {
                open.rebase(file.clone());
            }
        }
        for edit in &edits.files {
            if matches!(edit.change, Change::Delete { .. }) {
                self.open.update(|open| drop(open.remove(&edit.path)));
                self.shelf.with_value(|shelf| shelf.drop(&edit.path));
            }
        }
    }

    fn changed_on_disk(self, client: &Client, change: FileChange) {
        let Some(file) = self.get(&change.path) else { return };
        let known = file.base.with_untracked(|base| change.hash.as_ref() == Some(&base.hash));
        if known {
            return;
        }
        let client = client.clone();
        spawn_local(async move {
            let current = match change.hash {
                None => None,
                Some(_) => client.get::<FileText>(&studio::file_path(&change.path)).await.ok(),
            };
            match current {
                Some(current) if file.base.with_untracked(|base| base.hash == current.hash) => {}
                Some(current) if !file.is_dirty() => file.rebase(current),
                current => file.theirs.set(Some(current)),
            }
        });
    }
}

/// The step that saves this file as the user has it now.
pub(super) fn save_step(file: &OpenFile) -> Edits {
    let base = file.base.get_untracked();
    let text = file.text.get_untracked();
    let name = file.path.rsplit('/').next().unwrap_or(&file.path);
    let name = name.strip_suffix(".conf.json").unwrap_or(name);
    Edits {
        label: format!("Edit {name}"),
        files: vec![FileEdit {
            path: file.path.clone(),
            change: Change::Edit { base: base.hash, edits: difference(&base.text, &text) },
        }],
    }
}

/// The one edit that makes `new` out of `old`; none when they are the same.
fn difference(old: &str, new: &str) -> Vec<TextEdit> {
    if old == new {
        return Vec::new();
    }
    let same = |(a, b): &(char, char)| a == b;
    let prefix: usize =
        old.chars().zip(new.chars()).take_while(same).map(|(c, _)| c.len_utf8()).sum();
    let (old_rest, new_rest) = (&old[prefix..], &new[prefix..]);
    let suffix: usize = old_rest
        .chars()
        .rev()
        .zip(new_rest.chars().rev())
        .take_while(same)
        .map(|(c, _)| c.len_utf8())
        .sum();
    let text = new_rest[..new_rest.len() - suffix].to_owned();
    vec![TextEdit { start: prefix, end: old.len() - suffix, text }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_difference_is_small_and_leads_to_the_new_text() {
        let cases = [
            ("", "a"),
            ("a", ""),
            ("aaa", "aa"),
            ("{\"a\":1}", "{\"a\":12}"),
            ("åæø", "åø"),
            ("xé", "xè"),
            ("abcabc", "abc"),
            ("same", "same"),
        ];
        for (old, new) in cases {
            let mut text = old.to_owned();
            let edits = difference(old, new);
            for edit in &edits {
                text.replace_range(edit.start..edit.end, &edit.text);
            }
            assert_eq!(text, new);
            assert!(edits.len() <= 1 && edits.iter().all(|edit| edit.text.len() <= new.len()));
        }
        assert_eq!(
            difference("{\"a\":1}", "{\"a\":12}"),
            [TextEdit { start: 6, end: 6, text: "2".into() }]
        );
    }
}
