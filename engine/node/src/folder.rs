//! The project folder, seen as texts that change in steps.
//!
//! The folder is the truth of config: the studio changes it by text edits that
//! name the text they were made from, several files as one step, and each step
//! gives the step that takes it back. A file that has changed in the meantime
//! is a [`Conflict`] and nothing is written.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use pipewright_protocol::studio::{
    Change, Conflict, Edited, Edits, FileEdit, FileText, LAYOUT, TextEdit,
};

use crate::spots;

/// Why a file cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The path leaves the folder or is not one the project layout knows.
    #[error("{path}: not a config file of the project")]
    NotOurs {
        /// As it was asked for.
        path: String,
    },
    /// There is no such file.
    #[error("{path}: no such file")]
    Missing {
        /// As it was asked for.
        path: String,
    },
    /// The file is not what the change was made from.
    #[error("{}: the file has changed since it was read", .0.path)]
    Conflict(Box<Conflict>),
    /// The edits do not fit the text.
    #[error("{path}: the edits do not fit the text they name")]
    BadEdit {
        /// The file.
        path: String,
    },
    /// The system refuses.
    #[error("{path}: {cause}")]
    Io {
        /// The file.
        path: String,
        /// What the system says.
        cause: io::Error,
    },
}

/// A project folder.
#[derive(Clone, Debug)]
pub struct Folder {
    root: PathBuf,
}

/// Names exactly one text.
pub fn text_hash(text: &str) -> String {
    format!("{:032x}", xxhash_rust::xxh3::xxh3_128(text.as_bytes()))
}

impl Folder {
    /// The folder at `root`, which need not exist yet.
    pub fn new(root: impl Into<PathBuf>) -> Folder {
        Folder { root: root.into() }
    }

    /// Where it lies.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Paths of all config files, relative, in order.
    pub fn paths(&self) -> io::Result<Vec<String>> {
        fn walk(folder: &Path, prefix: &str, depth: usize, to: &mut Vec<String>) -> io::Result<()> {
            let entries = match fs::read_dir(folder) {
                Ok(entries) => entries,
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(cause) => return Err(cause),
            };
            for entry in entries {
                let entry = entry?;
                let Ok(name) = entry.file_name().into_string() else { continue };
                let path = format!("{prefix}{name}");
                let kind = entry.file_type()?;
                if kind.is_dir() && depth < 8 && !name.starts_with('.') {
                    walk(&entry.path(), &format!("{path}/"), depth + 1, to)?;
                } else if kind.is_file() && is_config(&path) {
                    to.push(path);
                }
            }
            Ok(())
        }
        let mut paths = Vec::new();
        walk(&self.root, "", 0, &mut paths)?;
        paths.sort();
        Ok(paths)
    }

    /// One file with its text.
    pub fn read(&self, path: &str) -> Result<FileText, FolderError> {
        match is_config(path) {
            true => self.text(path),
            false => Err(FolderError::NotOurs { path: path.to_owned() }),
        }
    }

    fn text(&self, path: &str) -> Result<FileText, FolderError> {
        let file = self.locate(path)?;
        let text = fs::read_to_string(&file).map_err(|cause| match cause.kind() {
            io::ErrorKind::NotFound => FolderError::Missing { path: path.to_owned() },
            _ => FolderError::Io { path: path.to_owned(), cause },
        })?;
        let hash = text_hash(&text);
        Ok(FileText { path: path.to_owned(), text, hash })
    }

    /// Applies one step: all of it, or nothing.
    pub fn apply(&self, step: &Edits) -> Result<Edited, FolderError> {
        // What each file holds before, and is to hold after.
        let mut planned = Vec::with_capacity(step.files.len());
        for edit in &step.files {
            if planned.iter().any(|(done, ..): &(&FileEdit, _, _)| done.path == edit.path) {
                return Err(FolderError::BadEdit { path: edit.path.clone() });
            }
            // Where cards stand is no config, and only that can be changed of it.
            if (edit.path == LAYOUT) != matches!(edit.change, Change::Place { .. }) {
                return Err(FolderError::NotOurs { path: edit.path.clone() });
            }
            let before = match self.text(&edit.path) {
                Ok(file) => Some(file),
                Err(FolderError::Missing { .. }) => None,
                Err(error) => return Err(error),
            };
            let after = plan(edit, before.as_ref())?;
            planned.push((edit, before, after));
        }
        for (index, (edit, _, after)) in planned.iter().enumerate() {
            if let Err(error) = self.put(&edit.path, after.as_deref()) {
                // Take back what this step wrote so far; the first error counts.
                for (edit, before, _) in &planned[..index] {
                    let _ = self.put(&edit.path, before.as_ref().map(|file| file.text.as_str()));
                }
                return Err(error);
            }
        }
        let mut files = Vec::new();
        let mut inverse = Edits { label: step.label.clone(), files: Vec::new() };
        for (edit, before, after) in planned {
            inverse.files.push(invert(edit, before.as_ref(), after.as_deref()));
            if let Some(text) = after.filter(|_| edit.path != LAYOUT) {
                let hash = text_hash(&text);
                files.push(FileText { path: edit.path.clone(), text, hash });
            }
        }
        Ok(Edited { inverse, files })
    }

    fn put(&self, path: &str, text: Option<&str>) -> Result<(), FolderError> {
        let file = self.locate(path)?;
        let io_error = |cause| FolderError::Io { path: path.to_owned(), cause };
        match text {
            Some(text) => {
                if let Some(folder) = file.parent() {
                    fs::create_dir_all(folder).map_err(io_error)?;
                }
                write_whole(&file, text.as_bytes()).map_err(io_error)
            }
            None => match fs::remove_file(&file) {
                Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(io_error(cause)),
                _ => Ok(()),
            },
        }
    }

    /// The file behind a relative path, which must stay inside the folder,
    /// links included.
    fn locate(&self, path: &str) -> Result<PathBuf, FolderError> {
        let not_ours = || FolderError::NotOurs { path: path.to_owned() };
        let plain = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
        if !plain || path.contains('\\') || !(is_config(path) || path == LAYOUT) {
            return Err(not_ours());
        }
        let file = self.root.join(path);
        let Ok(root) = self.root.canonicalize() else { return Ok(file) };
        let mut above = file.as_path();
        loop {
            if let Ok(real) = above.canonicalize() {
                return if real.starts_with(&root) { Ok(file) } else { Err(not_ours()) };
            }
            // A link to nowhere is not a place to write to.
            if above.is_symlink() {
                return Err(not_ours());
            }
            above = above.parent().ok_or_else(not_ours)?;
        }
    }
}

/// Whether the project layout knows such a file as text of its own.
fn is_config(path: &str) -> bool {
    let hidden = path.split('/').any(|part| part.starts_with('.'));
    let known = path.ends_with(".conf.json")
        || path.ends_with("-env.json")
        || (path.ends_with(".json")
            && (path.starts_with("expected/") || path.starts_with("testdata/")));
    known && !hidden
}

/// Replaces a file in one step, so that no reader ever sees half of it.
pub(crate) fn write_whole(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or("config");
    let beside = file.with_file_name(format!(".{name}.saving"));
    fs::write(&beside, bytes)?;
    if let Ok(before) = fs::metadata(file) {
        fs::set_permissions(&beside, before.permissions())?;
    }
    fs::File::open(&beside)?.sync_all()?;
    fs::rename(&beside, file).inspect_err(|_| {
        let _ = fs::remove_file(&beside);
    })
}

fn plan(edit: &FileEdit, before: Option<&FileText>) -> Result<Option<String>, FolderError> {
    let conflict = || {
        let current = before.cloned();
        FolderError::Conflict(Box::new(Conflict { path: edit.path.clone(), current }))
    };
    match &edit.change {
        Change::Create { text } if before.is_none() => Ok(Some(text.clone())),
        Change::Create { .. } => Err(conflict()),
        Change::Delete { base } => match before {
            Some(file) if file.hash == *base => Ok(None),
            _ => Err(conflict()),
        },
        Change::Edit { base, edits } => match before {
            Some(file) if file.hash == *base => splice(&file.text, edits)
                .map(Some)
                .ok_or_else(|| FolderError::BadEdit { path: edit.path.clone() }),
            _ => Err(conflict()),
        },
        Change::Place { cards } => {
            let text = before.map(|file| file.text.as_str()).unwrap_or_default();
            let after = spots::with(text, cards).map_err(|error| FolderError::Io {
                path: edit.path.clone(),
                cause: io::Error::new(io::ErrorKind::InvalidData, error),
            })?;
            Ok(after)
        }
    }
}

fn splice(text: &str, edits: &[TextEdit]) -> Option<String> {
    let mut result = String::with_capacity(text.len() + 64);
    let mut at = 0;
    for edit in edits {
        if edit.start < at || edit.end < edit.start {
            return None;
        }
        result.push_str(text.get(at..edit.start)?);
        text.get(edit.start..edit.end)?;
        result.push_str(&edit.text);
        at = edit.end;
    }
    result.push_str(text.get(at..)?);
    Some(result)
}

/// The change that leads from `after` back to `before`.
fn invert(edit: &FileEdit, before: Option<&FileText>, after: Option<&str>) -> FileEdit {
    if let Change::Place { cards } = &edit.change {
        let before = before.map(|file| file.text.as_str()).unwrap_or_default();
        let change = Change::Place { cards: spots::were(before, cards) };
        return FileEdit { path: edit.path.clone(), change };
    }
    let change = match (before, after) {
        (None, after) => Change::Delete { base: text_hash(after.unwrap_or_default()) },
        (Some(before), None) => Change::Create { text: before.text.clone() },
        (Some(before), Some(after)) => {
            let mut moved = 0isize;
            let edits = match &edit.change {
                Change::Edit { edits, .. } => edits
                    .iter()
                    .map(|edit| {
                        let start = edit.start.wrapping_add_signed(moved);
                        moved += edit.text.len() as isize - (edit.end - edit.start) as isize;
                        let text = before.text[edit.start..edit.end].to_owned();
                        TextEdit { start, end: start + edit.text.len(), text }
                    })
                    .collect(),
                _ => vec![TextEdit { start: 0, end: after.len(), text: before.text.clone() }],
            };
            Change::Edit { base: text_hash(after), edits }
        }
    };
    FileEdit { path: edit.path.clone(), change }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn folder() -> (tempfile::TempDir, Folder) {
        let temp = tempfile::tempdir().unwrap();
        fs::create_dir(temp.path().join("pipes")).unwrap();
        fs::write(temp.path().join("pipes/a.conf.json"), "{\"_id\": \"å\", \"x\": 1}\n").unwrap();
        let folder = Folder::new(temp.path());
        (temp, folder)
    }

    fn step(files: Vec<FileEdit>) -> Edits {
        Edits { label: "test".into(), files }
    }

    fn edit(path: &str, change: Change) -> FileEdit {
        FileEdit { path: path.into(), change }
    }

    #[test]
    fn a_step_and_its_inverse_leave_the_same_bytes() {
        let (_temp, folder) = folder();
        let before = folder.read("pipes/a.conf.json").unwrap();
        let at = before.text.find('1').unwrap();
        let edits = vec![
            TextEdit { start: 1, end: 1, text: "\"new\": true, ".into() },
            TextEdit { start: at, end: at + 1, text: "12345".into() },
        ];
        let change = Change::Edit { base: before.hash.clone(), edits };
        let made = step(vec![
            edit("pipes/a.conf.json", change),
            edit("pipes/b.conf.json", Change::Create { text: "{}".into() }),
        ]);
        let done = folder.apply(&made).unwrap();
        assert!(done.files[0].text.contains("12345") && done.files[0].text.contains("å"));
        assert_eq!(folder.paths().unwrap(), ["pipes/a.conf.json", "pipes/b.conf.json"]);
        let undone = folder.apply(&done.inverse).unwrap();
        assert_eq!(folder.read("pipes/a.conf.json").unwrap(), before);
        assert_eq!(folder.paths().unwrap(), ["pipes/a.conf.json"]);
        let redone = folder.apply(&undone.inverse).unwrap();
        assert_eq!(redone.files[0].text, done.files[0].text);
    }

    #[test]
    fn a_changed_file_is_a_conflict_and_nothing_is_written() {
        let (_temp, folder) = folder();
        let step = step(vec![
            edit("pipes/b.conf.json", Change::Create { text: "{}".into() }),
            edit("pipes/a.conf.json", Change::Delete { base: text_hash("something else") }),
        ]);
        match folder.apply(&step) {
            Err(FolderError::Conflict(conflict)) => assert!(conflict.current.is_some()),
            other => panic!("{other:?}"),
        }
        assert_eq!(folder.paths().unwrap(), ["pipes/a.conf.json"]);
    }

    #[test]
    fn nothing_outside_the_folder_is_reached() {
        let (temp, folder) = folder();
        for path in [
            "../x.conf.json",
            "/etc/x.conf.json",
            "pipes/../../x.conf.json",
            ".pipewright/x.conf.json",
            "pipes/a.txt",
            "",
        ] {
            assert!(matches!(folder.read(path), Err(FolderError::NotOurs { .. })), "{path}");
        }
        #[cfg(unix)]
        {
            let outside = tempfile::tempdir().unwrap();
            fs::write(outside.path().join("s.conf.json"), "{}").unwrap();
            std::os::unix::fs::symlink(outside.path(), temp.path().join("pipes/out")).unwrap();
            assert!(folder.read("pipes/out/s.conf.json").is_err());
        }
        drop(temp);
    }

    #[test]
    fn cards_are_put_and_put_back_beside_the_config() {
        let (temp, folder) = folder();
        let place = |cards: &[(&str, Option<[i32; 2]>)]| {
            let cards = cards.iter().map(|(id, spot)| ((*id).to_owned(), *spot)).collect();
            step(vec![edit(LAYOUT, Change::Place { cards })])
        };
        folder.apply(&place(&[("pipe:a", Some([10, 20]))])).unwrap();
        let text = fs::read_to_string(temp.path().join(LAYOUT)).unwrap();
        let moved =
            folder.apply(&place(&[("pipe:a", Some([11, 20])), ("pipe:b", Some([0, -5]))])).unwrap();
        assert!(moved.files.is_empty());
        folder.apply(&moved.inverse).unwrap();
        assert_eq!(fs::read_to_string(temp.path().join(LAYOUT)).unwrap(), text);
        // The last one takes the file with it.
        folder.apply(&place(&[("pipe:a", None)])).unwrap();
        assert!(!temp.path().join(LAYOUT).exists());
        // What cannot be read is not replaced.
        fs::write(temp.path().join(LAYOUT), "[1").unwrap();
        assert!(folder.apply(&place(&[("pipe:a", None)])).is_err());
        assert_eq!(fs::read_to_string(temp.path().join(LAYOUT)).unwrap(), "[1");
        let text = Change::Create { text: "{}".into() };
        assert!(matches!(
            folder.apply(&step(vec![edit(LAYOUT, text)])),
            Err(FolderError::NotOurs { .. })
        ));
        assert!(folder.read(LAYOUT).is_err());
    }

    #[test]
    fn edits_that_do_not_fit_are_refused() {
        let (_temp, folder) = folder();
        let base = folder.read("pipes/a.conf.json").unwrap().hash;
        for (start, end) in [(5, 2), (0, 1000), (9, 10)] {
            let edits = vec![TextEdit { start, end, text: String::new() }];
            let change = Change::Edit { base: base.clone(), edits };
            let result = folder.apply(&step(vec![edit("pipes/a.conf.json", change)]));
            assert!(matches!(result, Err(FolderError::BadEdit { .. })), "{start}..{end}");
        }
    }
}
