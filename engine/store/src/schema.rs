//! The tables, their format version, and how connections are opened.
//!
//! A fixed set of tables serves any number of datasets: a table per dataset
//! would make every connection parse a schema that grows with the node.
//! Rows of the log are addressed by one integer, `at`, made of the dataset's
//! number and the place in its log ([`at`]), so that each log is one ordered
//! run of pages and a read of the changes is a range.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::StoreError;
use crate::error::Outcome;

/// The file in the store's folder.
pub(crate) const FILE: &str = "node.db";

/// The write-ahead log beside it.
pub(crate) const LOG: &str = "node.db-wal";

/// What the connections share while the log is read.
pub(crate) const SHARED: &str = "node.db-shm";

/// How long to wait for what another connection holds. Only checkpoints hold
/// anything, and briefly.
pub(crate) const WAIT: Duration = Duration::from_secs(30);

/// The format this program writes.
pub(crate) const FORMAT: u32 = 2;

/// Marks a database file as ours ("PWst").
const APPLICATION: u32 = 0x5057_7374;

/// Steps from one format to the next: the first leads from format 1 to 2.
const MIGRATIONS: [Migration; FORMAT as usize - 1] =
    [|connection| connection.execute_batch(crate::text::TABLES)];

type Migration = fn(&Connection) -> rusqlite::Result<()>;

const TABLES: &str = "
-- A dataset; `next` is the place of the next version in its log.
CREATE TABLE dataset (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  generation TEXT NOT NULL,
  next INTEGER NOT NULL DEFAULT 0,
  live INTEGER NOT NULL DEFAULT 0,
  deleted INTEGER NOT NULL DEFAULT 0,
  log_live INTEGER NOT NULL DEFAULT 0,
  log_deleted INTEGER NOT NULL DEFAULT 0,
  bytes INTEGER NOT NULL DEFAULT 0,
  initial INTEGER,
  completeness INTEGER,
  modified INTEGER,
  compacted INTEGER NOT NULL DEFAULT 0,
  compacted_keep INTEGER NOT NULL DEFAULT 0
);
-- The current version of each entity, by id: all that change tracking needs.
CREATE TABLE name (
  dataset INTEGER NOT NULL,
  id TEXT NOT NULL,
  updated INTEGER NOT NULL,
  deleted INTEGER NOT NULL,
  hash BLOB NOT NULL,
  PRIMARY KEY (dataset, id)
) WITHOUT ROWID;
-- The log. Small columns first, so that they are read without the body.
CREATE TABLE version (
  at INTEGER PRIMARY KEY,
  previous INTEGER,
  ts INTEGER NOT NULL,
  deleted INTEGER NOT NULL,
  run INTEGER,
  source,
  hash BLOB NOT NULL,
  body BLOB NOT NULL
);
-- Those of the log that are current.
CREATE TABLE latest (
  at INTEGER PRIMARY KEY,
  deleted INTEGER NOT NULL
);
-- How many versions lie in each block of a log; see `rank`.
CREATE TABLE block (
  at INTEGER PRIMARY KEY,
  log_live INTEGER NOT NULL,
  log_deleted INTEGER NOT NULL,
  live INTEGER NOT NULL,
  deleted INTEGER NOT NULL
);
-- Runs that stored something, while a version of theirs is left.
CREATE TABLE run (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  versions INTEGER NOT NULL DEFAULT 0
);
-- Indexes; see `index` for what `built` and `maintained` promise.
CREATE TABLE lookup (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  dataset INTEGER NOT NULL,
  expression TEXT NOT NULL,
  revision INTEGER NOT NULL,
  built INTEGER NOT NULL,
  maintained INTEGER NOT NULL,
  UNIQUE (dataset, expression)
);
CREATE TABLE entry (
  lookup INTEGER NOT NULL,
  key BLOB NOT NULL,
  updated INTEGER NOT NULL,
  PRIMARY KEY (lookup, key, updated)
) WITHOUT ROWID;
-- Where a pipe is in its source (dataset '') and in what it depends on.
CREATE TABLE progress (
  pipe TEXT NOT NULL,
  dataset TEXT NOT NULL,
  generation TEXT,
  value,
  PRIMARY KEY (pipe, dataset)
) WITHOUT ROWID;
CREATE TABLE retry (
  pipe TEXT NOT NULL,
  id TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  due INTEGER NOT NULL,
  dead INTEGER NOT NULL,
  source,
  reason TEXT NOT NULL,
  detail BLOB NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (pipe, id)
);
CREATE INDEX retry_due ON retry (pipe, dead, due, id);
-- What components of a pipe keep under keys of their own.
CREATE TABLE space (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  pipe TEXT NOT NULL,
  name TEXT NOT NULL,
  UNIQUE (pipe, name)
);
CREATE TABLE state (
  space INTEGER NOT NULL,
  key BLOB NOT NULL,
  value BLOB NOT NULL,
  PRIMARY KEY (space, key)
) WITHOUT ROWID;
-- Numbers whose rows wait to be purged: kind 0 datasets, 1 indexes, 2 spaces,
-- 3 the full text of a dataset.
CREATE TABLE retired (
  kind INTEGER NOT NULL,
  number INTEGER NOT NULL,
  PRIMARY KEY (kind, number)
) WITHOUT ROWID;
";

/// How many bits of `at` are the place in the log.
const PLACE_BITS: u32 = 40;

/// The largest dataset number and the largest length of a log.
pub(crate) const MAX_NUMBER: i64 = (1 << (62 - PLACE_BITS)) - 1;
pub(crate) const MAX_LENGTH: u64 = (1 << PLACE_BITS) - 1;

/// The address of a version.
pub(crate) fn at(dataset: i64, updated: u64) -> i64 {
    // `updated` is at most MAX_LENGTH: appending checks it, reading clamps it.
    (dataset << PLACE_BITS) | (updated.min(MAX_LENGTH) as i64)
}

/// The place in the log that an address names.
pub(crate) fn place(at: i64) -> u64 {
    (at as u64) & MAX_LENGTH
}

/// Opens the connection that writes, after making or migrating the tables.
pub(crate) fn open_writer(dir: &Path) -> Result<Connection, StoreError> {
    let file = dir.join(FILE);
    let mut connection = connect(&file)?;
    prepare(&mut connection, &file)?;
    connection.pragma_update(None, "cache_size", -65_536).map_err(fault)?;
    // Larger than the default, so that a large commit is not followed by a
    // checkpoint of its own; the file is cut again after each checkpoint.
    connection.pragma_update(None, "wal_autocheckpoint", 8_192).map_err(fault)?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20).map_err(fault)?;
    Ok(connection)
}

/// Opens a connection that only reads.
pub(crate) fn open_reader(dir: &Path) -> Result<Connection, StoreError> {
    let connection = connect(&dir.join(FILE))?;
    connection.pragma_update(None, "cache_size", -32_768).map_err(fault)?;
    connection.pragma_update(None, "query_only", true).map_err(fault)?;
    Ok(connection)
}

fn connect(file: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags).map_err(fault)?;
    connection.set_prepared_statement_cache_capacity(128);
    connection.pragma_update(None, "temp_store", "MEMORY").map_err(fault)?;
    connection.busy_timeout(WAIT).map_err(fault)?;
    Ok(connection)
}

/// Opens a file that a store is copied to.
pub(crate) fn open_copy(file: &Path) -> Result<Connection, StoreError> {
    connect(file)
}

fn fault(error: rusqlite::Error) -> StoreError {
    crate::error::Fault::from(error).into()
}

/// Makes the tables of a new file, checks those of an old one.
fn prepare(connection: &mut Connection, file: &Path) -> Result<(), StoreError> {
    let tables = tables(connection, file)?;
    let found = if tables == 0 {
        // These two only take effect before the first table.
        connection.pragma_update(None, "page_size", PAGE).map_err(fault)?;
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL").map_err(fault)?;
        None
    } else {
        // Before anything is written: the file may belong to someone else.
        Some(check(connection, file)?)
    };
    connection
        .query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0))
        .map_err(fault)?;
    match found {
        None => create(connection)?,
        Some(found) => migrate(connection, found, &MIGRATIONS)?,
    }
    Ok(())
}

/// How many tables there are, if it is a database at all.
fn tables(connection: &Connection, file: &Path) -> Result<i64, StoreError> {
    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(
        |error| match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::NotADatabase) => {
                StoreError::NotAStore { file: file.to_path_buf() }
            }
            _ => fault(error),
        },
    )
}

/// The format of a store, if it is one that this program knows.
pub(crate) fn check(connection: &Connection, file: &Path) -> Result<u32, StoreError> {
    tables(connection, file)?;
    let number = |name: &str| -> Outcome<u32> {
        Ok(connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0))? as u32)
    };
    if number("application_id")? != APPLICATION {
        return Err(StoreError::NotAStore { file: file.to_path_buf() });
    }
    let found = number("user_version")?;
    if found == 0 || found > FORMAT {
        return Err(StoreError::NewerFormat { file: file.to_path_buf(), found, known: FORMAT });
    }
    Ok(found)
}

const PAGE: i64 = 4_096;

fn create(connection: &mut Connection) -> Outcome<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(TABLES)?;
    transaction.execute_batch(crate::text::TABLES)?;
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", FORMAT)?;
    transaction.commit()?;
    Ok(())
}

/// Goes from the format of the file to the one of this program, each step in a
/// transaction of its own.
fn migrate(connection: &mut Connection, found: u32, steps: &[Migration]) -> Outcome<()> {
    for (step, migration) in (1..).zip(steps).skip(found as usize - 1) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        migration(&transaction)?;
        transaction.pragma_update(None, "user_version", step + 1)?;
        transaction.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn format(connection: &Connection) -> u32 {
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    }

    fn word(connection: &Connection) -> rusqlite::Result<String> {
        connection.query_row("SELECT word FROM later", [], |row| row.get(0))
    }

    #[test]
    fn an_older_format_is_led_step_by_step_to_the_newest() {
        let steps: [Migration; 3] = [
            |connection| connection.execute_batch("CREATE TABLE later (word TEXT)"),
            |connection| connection.execute_batch("INSERT INTO later VALUES ('two')"),
            |connection| connection.execute_batch("UPDATE later SET word = word || ' three'"),
        ];
        let dir = tempfile::tempdir().unwrap();
        let mut connection = open_writer(dir.path()).unwrap();
        assert_eq!(format(&connection), FORMAT);
        connection.pragma_update(None, "user_version", 1).unwrap();
        migrate(&mut connection, 1, &steps[..2]).unwrap();
        assert_eq!((format(&connection), word(&connection).unwrap().as_str()), (3, "two"));
        // Later it goes on from where it is.
        migrate(&mut connection, 3, &steps).unwrap();
        assert_eq!((format(&connection), word(&connection).unwrap().as_str()), (4, "two three"));
        migrate(&mut connection, 4, &steps).unwrap();
        assert_eq!(word(&connection).unwrap(), "two three");
        drop(connection);
        // A program of before refuses it, and leaves it as it is.
        let error = open_writer(dir.path()).unwrap_err();
        assert!(matches!(error, StoreError::NewerFormat { found: 4, .. }), "{error}");
    }

    #[test]
    fn a_store_of_the_first_format_can_have_full_text() {
        let dir = tempfile::tempdir().unwrap();
        let connection = open_writer(dir.path()).unwrap();
        connection
            .execute_batch("DROP TABLE vocabulary; DROP TABLE words; DROP TABLE text")
            .unwrap();
        connection.pragma_update(None, "user_version", 1).unwrap();
        drop(connection);
        let store = crate::Store::open(dir.path()).unwrap();
        store.set_full_text("d", true).unwrap();
        assert_eq!(store.reader().unwrap().full_texts().unwrap()[0].dataset, "d");
    }

    #[test]
    fn a_step_that_fails_leaves_the_format_before_it() {
        let steps: [Migration; 2] = [
            |connection| connection.execute_batch("CREATE TABLE later (word TEXT)"),
            |connection| {
                connection.execute_batch(
                    "INSERT INTO later VALUES ('half'); INSERT INTO nowhere VALUES (1)",
                )
            },
        ];
        let dir = tempfile::tempdir().unwrap();
        let mut connection = open_writer(dir.path()).unwrap();
        migrate(&mut connection, 1, &steps).unwrap_err();
        assert_eq!(format(&connection), 2);
        assert!(word(&connection).is_err(), "nothing of the step that failed is left");
    }
}
