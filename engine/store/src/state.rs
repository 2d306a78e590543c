//! What the store keeps for pipes: offsets, retries, and bytes under keys.

use pipewright_entity::{Text, Value, binary};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::append::SourceOffset;
use crate::batch::{PipeChange, Position};
use crate::dataset::text;
use crate::error::Outcome;
use crate::{StoreError, purge, retry};

/// A key and its bytes, as a component of a pipe keeps them.
pub type KeyValue = (Vec<u8>, Vec<u8>);

/// Applies the changes in order. Neighbouring writes of keys are sorted, so
/// that the pages are visited in order.
pub(crate) fn apply(connection: &Connection, changes: Vec<PipeChange>) -> Outcome<()> {
    let mut puts = Vec::new();
    for change in changes {
        if let PipeChange::Put { pipe, space, key, value } = change {
            puts.push(Put { pipe, space, key, value });
            continue;
        }
        put_all(connection, std::mem::take(&mut puts))?;
        match change {
            PipeChange::Put { .. } => {}
            PipeChange::Offset { pipe, value } => set_offset(connection, &pipe, value.as_ref())?,
            PipeChange::Position { pipe, position } => set_position(connection, &pipe, &position)?,
            PipeChange::ForgetPosition { pipe, dataset } => {
                connection
                    .prepare_cached("DELETE FROM progress WHERE pipe = ? AND dataset = ?")?
                    .execute([pipe.as_str(), dataset.as_str()])?;
            }
            PipeChange::Clear { pipe, space } => clear(connection, &pipe, Some(&space))?,
            PipeChange::Retry { pipe, retry } => retry::put(connection, &pipe, &retry)?,
            PipeChange::Resolve { pipe, id } => retry::remove(connection, &pipe, &id)?,
            PipeChange::ResolveAll { pipe } => retry::clear(connection, &pipe)?,
            PipeChange::DropPipe { pipe } => {
                connection.execute("DELETE FROM progress WHERE pipe = ?", [pipe.as_str()])?;
                retry::clear(connection, &pipe)?;
                clear(connection, &pipe, None)?;
            }
        }
    }
    put_all(connection, puts)
}

/// The name under which the offset in the source is kept; no dataset has it.
const SOURCE: &str = "";

fn set_offset(connection: &Connection, pipe: &str, value: Option<&Value>) -> Outcome<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO progress (pipe, dataset, value) VALUES (?, ?, ?)")?
        .execute(params![pipe, SOURCE, value.map(SourceOffset)])?;
    Ok(())
}

pub(crate) fn offset(connection: &Connection, pipe: &str) -> Outcome<Option<Value>> {
    let mut statement =
        connection.prepare_cached("SELECT value FROM progress WHERE pipe = ? AND dataset = ?")?;
    let mut rows = statement.query([pipe, SOURCE])?;
    rows.next()?.map_or(Ok(None), |row| value(row, 0))
}

fn set_position(connection: &Connection, pipe: &str, position: &Position) -> Outcome<()> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO progress (pipe, dataset, generation, value) \
             VALUES (?, ?, ?, ?)",
        )?
        .execute(params![
            pipe,
            position.dataset.as_str(),
            position.generation.as_str(),
            position.since.map(|since| since as i64),
        ])?;
    Ok(())
}

fn position(row: &Row<'_>) -> rusqlite::Result<Position> {
    Ok(Position {
        dataset: text(row, 1)?,
        generation: text(row, 2)?,
        since: row.get::<_, Option<i64>>(3)?.map(|since| since as u64),
    })
}

pub(crate) fn positions(connection: &Connection, pipe: &str) -> Outcome<Vec<Position>> {
    let positions = connection
        .prepare_cached(
            "SELECT pipe, dataset, generation, value FROM progress \
             WHERE pipe = ? AND dataset <> ? ORDER BY dataset",
        )?
        .query_map([pipe, SOURCE], position)?
        .collect::<rusqlite::Result<_>>()?;
    Ok(positions)
}

pub(crate) fn positions_in(
    connection: &Connection,
    dataset: &str,
) -> Outcome<Vec<(Text, Position)>> {
    let positions = connection
        .prepare_cached(
            "SELECT pipe, dataset, generation, value FROM progress \
             WHERE dataset = ? ORDER BY pipe",
        )?
        .query_map([dataset], |row| Ok((text(row, 0)?, position(row)?)))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(positions)
}

/// A source offset in a column; see [`SourceOffset`].
pub(crate) fn value(row: &Row<'_>, column: usize) -> Outcome<Option<Value>> {
    Ok(match row.get_ref(column)? {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(Value::Int(number)),
        ValueRef::Text(_) => Some(Value::String(text(row, column)?)),
        ValueRef::Blob(bytes) => {
            Some(binary::read(bytes).map_err(|error| {
                StoreError::Damaged(format!("an offset cannot be read: {error}"))
            })?)
        }
        ValueRef::Real(_) => {
            return Err(StoreError::Damaged("an offset is of no known kind".into()).into());
        }
    })
}

struct Put {
    pipe: Text,
    space: Text,
    key: Box<[u8]>,
    value: Option<Box<[u8]>>,
}

fn put_all(connection: &Connection, mut puts: Vec<Put>) -> Outcome<()> {
    // Stable: of several writes of one key the last is done last.
    puts.sort_by(|a, b| (&a.pipe, &a.space, &a.key).cmp(&(&b.pipe, &b.space, &b.key)));
    let mut put = connection.prepare_cached(
        "INSERT INTO state (space, key, value) VALUES (?, ?, ?) \
         ON CONFLICT DO UPDATE SET value = excluded.value",
    )?;
    let mut remove = connection.prepare_cached("DELETE FROM state WHERE space = ? AND key = ?")?;
    let mut rest = puts.as_slice();
    while let [first, ..] = rest {
        let same = rest
            .iter()
            .take_while(|put| put.pipe == first.pipe && put.space == first.space)
            .count();
        let (these, others) = rest.split_at(same);
        rest = others;
        let number = match space(connection, &first.pipe, &first.space)? {
            Some(number) => number,
            None => {
                connection
                    .prepare_cached("INSERT INTO space (pipe, name) VALUES (?, ?)")?
                    .execute([first.pipe.as_str(), first.space.as_str()])?;
                connection.last_insert_rowid()
            }
        };
        for Put { key, value, .. } in these {
            match value {
                Some(value) => put.execute((number, key, value))?,
                None => remove.execute((number, key))?,
            };
        }
    }
    Ok(())
}

/// Takes one space of the pipe, or all, out of sight; purged later.
fn clear(connection: &Connection, pipe: &str, name: Option<&str>) -> Outcome<()> {
    connection
        .prepare_cached(
            "INSERT INTO retired (kind, number) SELECT ?3, number FROM space \
             WHERE pipe = ?1 AND (?2 IS NULL OR name = ?2)",
        )?
        .execute((pipe, name, purge::SPACE))?;
    connection
        .prepare_cached("DELETE FROM space WHERE pipe = ?1 AND (?2 IS NULL OR name = ?2)")?
        .execute((pipe, name))?;
    Ok(())
}

/// The number of a space, if the pipe has it.
pub(crate) fn space(connection: &Connection, pipe: &str, name: &str) -> Outcome<Option<i64>> {
    let number = connection
        .prepare_cached("SELECT number FROM space WHERE pipe = ? AND name = ?")?
        .query_row([pipe, name], |row| row.get(0))
        .optional()?;
    Ok(number)
}

pub(crate) fn get(connection: &Connection, number: i64, key: &[u8]) -> Outcome<Option<Vec<u8>>> {
    let value = connection
        .prepare_cached("SELECT value FROM state WHERE space = ? AND key = ?")?
        .query_row((number, key), |row| row.get(0))
        .optional()?;
    Ok(value)
}

/// Keys that begin with a prefix and come after another key, in order.
pub(crate) fn scan(
    connection: &Connection,
    number: i64,
    prefix: &[u8],
    after: Option<&[u8]>,
    limit: usize,
) -> Outcome<Vec<KeyValue>> {
    let mut statement = connection.prepare_cached(
        "SELECT key, value FROM state WHERE space = ?1 AND key >= ?2 \
         AND (?3 IS NULL OR key > ?3) ORDER BY key LIMIT ?4",
    )?;
    // The later bound is the one to search from.
    let from = after.filter(|after| *after > prefix).unwrap_or(prefix);
    let mut rows = statement.query(params![number, from, after, limit as i64])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let key: Vec<u8> = row.get(0)?;
        if !key.starts_with(prefix) {
            break;
        }
        found.push((key, row.get(1)?));
    }
    Ok(found)
}
