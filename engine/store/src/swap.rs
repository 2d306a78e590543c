//! Puts new files in the place of old ones: all of them, or none.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::StoreError;

/// Before the name of a file that was replaced.
const REPLACED: &str = "replaced.";

/// The name that a file has until it is whole.
pub(crate) fn partial(file: &Path) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    file.with_file_name(name)
}

/// Gives the new files of a folder, which are there as [`partial`] and on disk,
/// their names, one after the other. What has such a name already is kept with
/// `replaced.` before its name; so is what has one of the names `gone`, which
/// then lies at its own place no more. The last of the new files decides: until
/// it has its name, the old one is there.
///
/// `step` comes before each change of the folder. When it or the change fails,
/// what was changed before is taken back.
pub(crate) fn swap(
    dir: &Path,
    new: &[&str],
    gone: &[&str],
    step: &mut dyn FnMut() -> io::Result<()>,
) -> Result<(), StoreError> {
    let mut done = Vec::new();
    let swapped = place(dir, new, gone, step, &mut done);
    if swapped.is_err() {
        for undo in done.into_iter().rev() {
            // Nothing more can be done about what cannot be taken back; what it
            // replaced is still in the folder.
            let _ = undo.apply();
        }
    }
    // A folder cannot be opened to be synced everywhere.
    let _ = File::open(dir).and_then(|dir| dir.sync_all());
    swapped
}

enum Undo {
    Remove(PathBuf),
    Rename(PathBuf, PathBuf),
}

impl Undo {
    fn apply(self) -> io::Result<()> {
        match self {
            Undo::Remove(file) => fs::remove_file(file),
            Undo::Rename(from, to) => fs::rename(from, to),
        }
    }
}

fn place(
    dir: &Path,
    new: &[&str],
    gone: &[&str],
    step: &mut dyn FnMut() -> io::Result<()>,
    done: &mut Vec<Undo>,
) -> Result<(), StoreError> {
    let replaced = |name: &str| dir.join(format!("{REPLACED}{name}"));
    // Of an earlier time: not all of what is replaced now need have been there.
    for name in gone.iter().chain(new) {
        let aside = replaced(name);
        if aside.exists() {
            step().and_then(|()| fs::remove_file(&aside)).map_err(StoreError::file(&aside))?;
        }
    }
    for name in gone {
        let (file, aside) = (dir.join(name), replaced(name));
        if file.exists() {
            step().and_then(|()| fs::rename(&file, &aside)).map_err(StoreError::file(&file))?;
            done.push(Undo::Rename(aside, file));
        }
    }
    for name in new {
        let (file, aside) = (dir.join(name), replaced(name));
        if file.exists() {
            step().and_then(|()| keep(&file, &aside)).map_err(StoreError::file(&file))?;
            done.push(Undo::Remove(aside));
        }
    }
    for name in new {
        let (file, aside) = (dir.join(name), replaced(name));
        step().and_then(|()| fs::rename(partial(&file), &file)).map_err(StoreError::file(&file))?;
        done.push(match aside.exists() {
            // Its other name goes with this, so that there is nothing to remove.
            true => Undo::Rename(aside, file),
            false => Undo::Remove(file),
        });
    }
    Ok(())
}

/// Gives what a file holds another name, too.
fn keep(file: &Path, aside: &Path) -> io::Result<()> {
    // Not every file system knows links.
    fs::hard_link(file, aside).or_else(|_| fs::copy(file, aside).map(drop))
}
