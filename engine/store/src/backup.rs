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
    let partial = partial(file)?;
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
/// their names.
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
    let (file, dir) = (file.as_ref(), dir.as_ref());
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
    let partial = partial(&store)?;
    let mut contents: Vec<(String, Vec<u8>)> = Vec::new();
    let copied = (|| {
        let mut copy = schema::open_copy(&partial)?;
        copy_pages(&from, &mut copy, report)?;
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
        Ok(())
    })();
    let plain = |name: &str| !name.is_empty() && !name.contains(['/', '\\']) && name != "..";
    let copied = copied.and_then(|()| {
        if contents.iter().all(|(name, _)| plain(name)) {
            return Ok(());
        }
        Err(StoreError::NotAStore { file: file.to_path_buf() })
    });
    if copied.is_ok() {
        for name in [schema::FILE, schema::LOG, "node.db-shm"] {
            let (old, aside) = (dir.join(name), dir.join(format!("replaced.{name}")));
            if old.exists() {
                fs::rename(&old, &aside).map_err(StoreError::file(&old))?;
            }
        }
        for (name, content) in &contents {
            let path = dir.join(name);
            let beside = dir.join(format!("{name}.partial"));
            fs::write(&beside, content).map_err(StoreError::file(&beside))?;
            fs::rename(&beside, &path).map_err(StoreError::file(&path))?;
        }
    }
    put_in_place(copied, &partial, &store)
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
fn partial(file: &Path) -> Result<PathBuf, StoreError> {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    let partial = file.with_file_name(name);
    if partial.exists() {
        // Of a copy that was cut off.
        fs::remove_file(&partial).map_err(StoreError::file(&partial))?;
    }
    Ok(partial)
}

/// Gives a file that was made its name, once it is on disk.
fn put_in_place(
    made: Result<(), StoreError>,
    partial: &Path,
    file: &Path,
) -> Result<(), StoreError> {
    let sync = |path: &Path| File::open(path).and_then(|file| file.sync_all());
    let placed = made.and_then(|()| {
        sync(partial).map_err(StoreError::file(partial))?;
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
