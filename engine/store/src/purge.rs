//! Removing the rows of what was dropped, a bounded number at a time.

use rusqlite::{Connection, OptionalExtension};

use crate::batch::Durability;
use crate::error::Outcome;
use crate::store::Store;
use crate::{StoreError, rank, run, schema, text};

/// Kinds of retired numbers.
pub(crate) const DATASET: i64 = 0;
pub(crate) const LOOKUP: i64 = 1;
pub(crate) const SPACE: i64 = 2;
pub(crate) const TEXT: i64 = 3;

/// Pages handed back to the file system at a time.
const PAGES: i64 = 2_000;

impl Store {
    /// Gives back the space of dropped datasets, indexes and state, and of
    /// what compaction removed. Removes about `rows` rows in one commit, so
    /// that other commits are not held up for long. Whether more is left.
    pub fn purge(&self, rows: usize) -> Result<bool, StoreError> {
        self.inner().write(Durability::Normal, |connection| {
            let mut left = rows.max(1);
            while left > 0 {
                let retired = connection
                    .prepare_cached("SELECT kind, number FROM retired LIMIT 1")?
                    .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
                    .optional()?;
                let Some((kind, number)) = retired else { break };
                let removed = match kind {
                    DATASET => purge_dataset(connection, number, left)?,
                    LOOKUP => remove(connection, "entry", "lookup", "key, updated", number, left)?,
                    TEXT => text::remove(connection, number, left)?,
                    _ => remove(connection, "state", "space", "key", number, left)?,
                };
                if removed < left {
                    connection
                        .prepare_cached("DELETE FROM retired WHERE kind = ? AND number = ?")?
                        .execute((kind, number))?;
                }
                left -= removed.min(left);
            }
            shrink(connection)?;
            let more = connection.prepare_cached("SELECT 1 FROM retired")?.exists([])?;
            Ok(more)
        })
    }
}

/// Hands pages back once a good part of the file is unused; a little is kept,
/// as it will be needed again.
fn shrink(connection: &Connection) -> Outcome<()> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (free, all) = (pragma("freelist_count")?, pragma("page_count")?);
    if free > all / 4 {
        let mut statement = connection.prepare(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
        let mut rows = statement.query([])?;
        while rows.next()?.is_some() {}
    }
    Ok(())
}

fn purge_dataset(connection: &Connection, number: i64, limit: usize) -> Outcome<usize> {
    let removed = purge_log(connection, number, limit)?;
    if removed == limit {
        return Ok(removed);
    }
    let removed = removed + text::remove(connection, number, limit - removed)?;
    if removed == limit {
        return Ok(removed);
    }
    let removed = removed + purge_latest(connection, number, limit - removed)?;
    if removed == limit {
        return Ok(removed);
    }
    let removed = removed + remove(connection, "name", "dataset", "id", number, limit - removed)?;
    if removed < limit {
        // Few rows: one for thousands of versions.
        connection
            .prepare_cached("DELETE FROM block WHERE at >= ? AND at < ?")?
            .execute([rank::address(number, 0), rank::address(number + 1, 0)])?;
    }
    Ok(removed)
}

/// The log from its beginning; runs lose the versions they had here.
fn purge_log(connection: &Connection, number: i64, limit: usize) -> Outcome<usize> {
    let end = end_of(connection, "version", number, limit)?;
    let range = [schema::at(number, 0), end];
    let runs = connection
        .prepare_cached(
            "SELECT run, count(*) FROM version \
             WHERE at >= ? AND at < ? AND run IS NOT NULL GROUP BY run",
        )?
        .query_map(range, |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<Vec<(i64, i64)>>>()?;
    for (run, versions) in runs {
        run::release(connection, run, versions)?;
    }
    Ok(connection.prepare_cached("DELETE FROM version WHERE at >= ? AND at < ?")?.execute(range)?)
}

fn purge_latest(connection: &Connection, number: i64, limit: usize) -> Outcome<usize> {
    let end = end_of(connection, "latest", number, limit)?;
    Ok(connection
        .prepare_cached("DELETE FROM latest WHERE at >= ? AND at < ?")?
        .execute([schema::at(number, 0), end])?)
}

/// The address after the first `limit` rows of a dataset.
fn end_of(connection: &Connection, table: &str, number: i64, limit: usize) -> Outcome<i64> {
    let (begin, end) = (schema::at(number, 0), schema::at(number + 1, 0));
    let found = connection
        .prepare_cached(&format!(
            "SELECT at FROM {table} WHERE at >= ? AND at < ? ORDER BY at LIMIT 1 OFFSET ?"
        ))?
        .query_row((begin, end, limit as i64), |row| row.get(0))
        .optional()?;
    Ok(found.unwrap_or(end))
}

/// Rows of a table whose key begins with a number.
fn remove(
    connection: &Connection,
    table: &str,
    column: &str,
    rest: &str,
    number: i64,
    limit: usize,
) -> Outcome<usize> {
    Ok(connection
        .prepare_cached(&format!(
            "DELETE FROM {table} WHERE ({column}, {rest}) IN \
             (SELECT {column}, {rest} FROM {table} WHERE {column} = ? LIMIT ?)"
        ))?
        .execute((number, limit as i64))?)
}
