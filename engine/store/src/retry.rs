//! The retry queue: entities that failed, until they succeed or are given up.

use pipewright_entity::{Entity, Text, Value, binary};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::StoreError;
use crate::append::SourceOffset;
use crate::dataset::text;
use crate::error::Outcome;

/// An entity of a pipe that failed.
#[derive(Clone, Debug, PartialEq)]
pub struct Retry {
    /// The `_id` of the failed entity; there is one retry per pipe and id.
    pub id: Text,
    /// The entity, as it is to be tried again; reserved properties included.
    pub entity: Entity,
    /// Where in the source it came from.
    pub source_offset: Option<Value>,
    /// How often it was tried.
    pub attempts: u32,
    /// When it failed last, in microseconds since 1970.
    pub failed: i64,
    /// When to try again at the earliest, in microseconds since 1970.
    pub due: i64,
    /// Given up: a dead letter.
    pub dead: bool,
    /// Why it failed, for people.
    pub reason: String,
    /// What else the pump wants to know; [`Value::Null`] if nothing.
    pub detail: Value,
}

/// How many retries a pipe has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetryCounts {
    /// Still to be tried.
    pub waiting: u64,
    /// Given up.
    pub dead: u64,
}

pub(crate) fn put(connection: &Connection, pipe: &str, retry: &Retry) -> Outcome<()> {
    let mut detail = Vec::new();
    binary::write(&retry.detail, &mut detail);
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO retry \
             (pipe, id, attempts, failed, due, dead, source, reason, detail, body) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            pipe,
            retry.id.as_str(),
            retry.attempts,
            retry.failed,
            retry.due,
            retry.dead,
            retry.source_offset.as_ref().map(SourceOffset),
            retry.reason,
            detail,
            retry.entity.to_bytes(),
        ])?;
    Ok(())
}

pub(crate) fn remove(connection: &Connection, pipe: &str, id: &str) -> Outcome<()> {
    connection
        .prepare_cached("DELETE FROM retry WHERE pipe = ? AND id = ?")?
        .execute([pipe, id])?;
    Ok(())
}

pub(crate) fn clear(connection: &Connection, pipe: &str) -> Outcome<()> {
    connection.prepare_cached("DELETE FROM retry WHERE pipe = ?")?.execute([pipe])?;
    Ok(())
}

const COLUMNS: &str = "id, attempts, failed, due, dead, reason, source, detail, body";

fn from_row(pipe: &str, row: &Row<'_>) -> Outcome<Retry> {
    let id = text(row, 0)?;
    let damaged = |cause: &dyn std::error::Error| {
        StoreError::Damaged(format!("retry \"{id}\" of pipe \"{pipe}\": {cause}"))
    };
    let blob = |column| row.get_ref(column)?.as_blob().map_err(rusqlite::Error::from);
    Ok(Retry {
        attempts: row.get(1)?,
        failed: row.get(2)?,
        due: row.get(3)?,
        dead: row.get(4)?,
        reason: row.get(5)?,
        source_offset: crate::state::value(row, 6)?,
        detail: binary::read(blob(7)?).map_err(|error| damaged(&error))?,
        entity: Entity::from_bytes(blob(8)?).map_err(|error| damaged(&error))?,
        id,
    })
}

pub(crate) fn get(connection: &Connection, pipe: &str, id: &str) -> Outcome<Option<Retry>> {
    let mut statement = connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM retry WHERE pipe = ? AND id = ?"))?;
    let mut rows = statement.query([pipe, id])?;
    rows.next()?.map(|row| from_row(pipe, row)).transpose()
}

/// Those due at a time, the longest due first.
pub(crate) fn due(
    connection: &Connection,
    pipe: &str,
    now: i64,
    limit: usize,
) -> Outcome<Vec<Retry>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM retry WHERE pipe = ? AND dead = 0 AND due <= ? \
         ORDER BY due, id LIMIT ?"
    ))?;
    let mut rows = statement.query(params![pipe, now, limit as i64])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(from_row(pipe, row)?);
    }
    Ok(found)
}

/// Those after an id, by id.
pub(crate) fn page(
    connection: &Connection,
    pipe: &str,
    after: Option<&str>,
    limit: usize,
) -> Outcome<Vec<Retry>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM retry WHERE pipe = ?1 AND (?2 IS NULL OR id > ?2) \
         ORDER BY id LIMIT ?3"
    ))?;
    let mut rows = statement.query(params![pipe, after, limit as i64])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(from_row(pipe, row)?);
    }
    Ok(found)
}

/// When the first of those still to be tried is due.
pub(crate) fn next_due(connection: &Connection, pipe: &str) -> Outcome<Option<i64>> {
    let due = connection
        .prepare_cached("SELECT due FROM retry WHERE pipe = ? AND dead = 0 ORDER BY due LIMIT 1")?
        .query_row([pipe], |row| row.get(0))
        .optional()?;
    Ok(due)
}

pub(crate) fn counts(connection: &Connection, pipe: &str) -> Outcome<RetryCounts> {
    let counts = connection
        .prepare_cached(
            "SELECT count(*) FILTER (WHERE NOT dead), count(*) FILTER (WHERE dead) \
             FROM retry INDEXED BY retry_due WHERE pipe = ?",
        )?
        .query_row([pipe], |row| {
            Ok(RetryCounts {
                waiting: row.get::<_, i64>(0)? as u64,
                dead: row.get::<_, i64>(1)? as u64,
            })
        })?;
    Ok(counts)
}
