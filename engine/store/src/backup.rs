//! A store as one file: copied while it is in use, and put back.
//!
//! The file is the database itself, as it was at one moment, with one more
//! table that holds what lies beside it in the store's folder.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use crate::error::{Fault, Outcome};
use crate::lock::Lock;
use crate::swap::{self, swap};
use crate::{StoreError, schema};

/// Pages copied between two reports.
const STEP: i32 = 2_000;

/// Where what lies beside the database is kept in a backup.
const BESIDE: &str = "CREATE TABLE beside (name TEXT PRIMARY KEY, content BLOB NOT NULL)";

/// Copies the store in a folder, as it is now, into one file. Any process may
/// have it open, this one too: others read and commit meanwhile. The file
/// appears only when it is complete and on disk.
///
/// The files that `beside` names go with it, those that are there. `report` is
/// told from time to time how many of how many pages are copied.
///
/// # Errors
/// There is no store in the folder, the file is there already, or one of them
/// cannot be read or written.
pub fn back_up(
    dir: impl AsRef<Path>,
    file: impl AsRef<Path>,
    beside: &[&str],
    report: impl FnMut(u64, u64),
) -> Result<(), StoreError> {
    let (dir, file) = (dir.as_ref(), file.as_ref());
    must_exist(&dir.join(schema::FILE))?;
    must_not_exist(file)?;
    let mut contents = Vec::new();
    for &name in beside {
        let path = dir.join(name);
        match fs::read(&path) {
            Ok(content) => contents.push((name, content)),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
            Err(cause) => return Err(StoreError::file(&path)(cause)),
        }
    }
    let partial = fresh_partial(file)?;
    let copied = (|| {
        let from = schema::open_reader(dir)?;
        schema::check(&from, &dir.join(schema::FILE))?;
        let mut copy = schema::open_copy(&partial)?;
        copy_pages(&from, &mut copy, report)?;
        // The copy has no log of its own: it is one file.
        copy.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get::<_, String>(0))
            .map_err(Fault::from)?;
        (|| {
            copy.execute_batch(BESIDE)?;
            for (name, content) in &contents {
                copy.execute("INSERT INTO beside VALUES (?, ?)", (name, content))?;
            }
            Outcome::Ok(())
        })()?;
        Ok(())
    })();
    put_in_place(copied, &partial, file)
}

/// Makes the store in a folder anew out of a file that [`back_up`] made, with
/// what lay beside it. The file is checked first; nothing is changed when it is
/// damaged. A store that is there already is refused, unless it may be
/// `replaced`: then its files stay in the folder, with `replaced.` before
/// their names. When that fails on the way, the store that was there is there
/// again.
///
/// # Errors
/// The file is no backup, damaged or of a newer version; the store is in use,
/// or there already; something cannot be read or written.
pub fn restore(
    file: impl AsRef<Path>,
    dir: impl AsRef<Path>,
    replaced: bool,
    report: impl FnMut(u64, u64),
) -> Result<(), StoreError> {
    restore_stepwise(file.as_ref(), dir.as_ref(), replaced, report, &mut || Ok(()))
}

/// [`restore`], with something that comes before each change of the folder.
fn restore_stepwise(
    file: &Path,
    dir: &Path,
    replaced: bool,
    report: impl FnMut(u64, u64),
    step: &mut dyn FnMut() -> io::Result<()>,
) -> Result<(), StoreError> {
    must_exist(file)?;
    let from =
        Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(Fault::from)?;
    schema::check(&from, file)?;
    check_pages(&from)?;
    fs::create_dir_all(dir).map_err(StoreError::file(dir))?;
    let _lock = Lock::take(dir)?;
    let store = dir.join(schema::FILE);
    if !replaced {
        must_not_exist(&store)?;
    }
    let mut partials = Vec::new();
    let restored = (|| {
        let partial = fresh_partial(&store)?;
        partials.push(partial.clone());
        step().map_err(StoreError::file(&partial))?;
        let contents = copy_out(&from, &partial, report)?;
        sync(&partial)?;
        let plain = |name: &str| !name.is_empty() && !name.contains(['/', '\\']) && name != "..";
        if !contents.iter().all(|(name, _)| plain(name)) {
            return Err(StoreError::NotAStore { file: file.to_path_buf() });
        }
        for (name, content) in &contents {
            let beside = fresh_partial(&dir.join(name))?;
            partials.push(beside.clone());
            step().and_then(|()| fs::write(&beside, content)).map_err(StoreError::file(&beside))?;
            sync(&beside)?;
        }
        if store.exists() {
            step().map_err(StoreError::file(&store))?;
            fold_log(&store);
        }
        let beside = contents.iter().map(|(name, _)| name.as_str());
        let new: Vec<&str> = beside.chain([schema::FILE]).collect();
        swap(dir, &new, &[schema::LOG, schema::SHARED], step)
    })();
    if restored.is_err() {
        for partial in partials {
            let _ = fs::remove_file(partial);
        }
    }
    restored
}

/// Copies the database of a backup, and gives what lay beside it.
fn copy_out(
    from: &Connection,
    partial: &Path,
    report: impl FnMut(u64, u64),
) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
    let mut copy = schema::open_copy(partial)?;
    copy_pages(from, &mut copy, report)?;
    let mut contents = Vec::new();
    (|| {
        let has_more = "SELECT 1 FROM sqlite_schema WHERE name = 'beside'";
        if copy.prepare(has_more)?.exists([])? {
            contents = copy
                .prepare("SELECT name, content FROM beside")?
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<rusqlite::Result<_>>()?;
            copy.execute_batch("DROP TABLE beside")?;
        }
        Outcome::Ok(())
    })()?;
    Ok(contents)
}

/// Makes a database one file, so that it is whole whenever it is found. One
/// that is damaged stays as it is.
fn fold_log(store: &Path) {
    if let Ok(connection) = Connection::open(store) {
        let fold = "PRAGMA wal_checkpoint(TRUNCATE)";
        let _ = connection.query_row(fold, [], |_| Ok(()));
    }
}

fn copy_pages(
    from: &Connection,
    copy: &mut Connection,
    mut report: impl FnMut(u64, u64),
) -> Outcome<()> {
    // One state, so that no commit makes this start over.
    from.execute_batch("BEGIN")?;
    from.prepare("SELECT 1 FROM dataset LIMIT 1")?.exists([])?;
    let backup = Backup::new(from, copy)?;
    loop {
        let result = backup.step(STEP)?;
        let progress = backup.progress();
        let (all, left) = (progress.pagecount as u64, progress.remaining as u64);
        report(all - left.min(all), all);
        if result == StepResult::Done {
            return Ok(());
        }
    }
}

fn check_pages(connection: &Connection) -> Result<(), StoreError> {
    let found: String =
        connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(Fault::from)?;
    match found.as_str() {
        "ok" => Ok(()),
        _ => Err(StoreError::Damaged(found)),
    }
}

fn must_exist(file: &Path) -> Result<(), StoreError> {
    fs::metadata(file).map(drop).map_err(StoreError::file(file))
}

fn must_not_exist(file: &Path) -> Result<(), StoreError> {
    match file.exists() {
        true => Err(StoreError::file(file)(io::ErrorKind::AlreadyExists.into())),
        false => Ok(()),
    }
}

/// Where a file grows until it is whole.
fn fresh_partial(file: &Path) -> Result<PathBuf, StoreError> {
    let partial = swap::partial(file);
    if partial.exists() {
        // Of a copy that was cut off.
        fs::remove_file(&partial).map_err(StoreError::file(&partial))?;
    }
    Ok(partial)
}

fn sync(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|file| file.sync_all()).map_err(StoreError::file(path))
}

/// Gives a file that was made its name, once it is on disk.
fn put_in_place(
    made: Result<(), StoreError>,
    partial: &Path,
    file: &Path,
) -> Result<(), StoreError> {
    let placed = made.and_then(|()| {
        sync(partial)?;
        fs::rename(partial, file).map_err(StoreError::file(file))
    });
    match placed {
        Ok(()) => {
            // A folder cannot be opened to be synced everywhere.
            let _ = file.parent().map(sync);
        }
        Err(_) => {
            let _ = fs::remove_file(partial);
        }
    }
    placed
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use pipewright_entity::Entity;

    use super::*;
    use crate::Store;

    fn put(store: &Store, id: &str) {
        let mut batch = store.batch(1);
        batch.append("d", Entity::new(id));
        store.commit(batch).unwrap();
    }

    fn holds(dir: &Path, id: &str) -> bool {
        let store = Store::open(dir).unwrap();
        store.reader().unwrap().get("d", id).unwrap().is_some()
    }

    #[test]
    fn whatever_step_fails_the_store_that_was_there_is_there() {
        let home = tempfile::tempdir().unwrap();
        let (dir, file) = (home.path().join("store"), home.path().join("backup"));
        let secrets = |dir: &Path| fs::read_to_string(dir.join("secrets")).unwrap();
        let store = Store::open(&dir).unwrap();
        put(&store, "early");
        fs::write(dir.join("secrets"), "early").unwrap();
        back_up(&dir, &file, &["secrets"], |_, _| ()).unwrap();
        put(&store, "late");
        drop(store);
        fs::write(dir.join("secrets"), "late").unwrap();
        let restore = |fails_at: usize| {
            // As an earlier restore left it.
            fs::write(dir.join("replaced.node.db-wal"), "old").unwrap();
            let mut steps = 0;
            let result = restore_stepwise(&file, &dir, true, |_, _| (), &mut || {
                steps += 1;
                match steps == fails_at {
                    true => Err(io::Error::other("the disk broke")),
                    false => Ok(()),
                }
            });
            (result, steps)
        };
        let mut fails_at = 1;
        while let (Err(error), steps) = restore(fails_at) {
            assert!(error.to_string().ends_with("the disk broke"), "{error}");
            assert!(holds(&dir, "late"), "after step {fails_at}");
            assert_eq!(secrets(&dir), "late", "after step {fails_at}");
            for entry in fs::read_dir(&dir).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                assert!(!name.ends_with(".partial"), "{name} after step {fails_at}");
            }
            assert_eq!(steps, fails_at);
            fails_at += 1;
        }
        // Two partials, the log, what lay there, two old names, two new ones.
        assert_eq!(fails_at - 1, 8);
        assert!(!holds(&dir, "late") && holds(&dir, "early"));
        assert_eq!(secrets(&dir), "early");

        let old = home.path().join("old");
        fs::create_dir(&old).unwrap();
        for entry in fs::read_dir(&dir).unwrap() {
            let entry = entry.unwrap();
            if let Some(name) = entry.file_name().to_str().unwrap().strip_prefix("replaced.") {
                fs::copy(entry.path(), old.join(name)).unwrap();
            }
        }
        assert!(holds(&old, "late"));
        assert_eq!(secrets(&old), "late");
    }
}
