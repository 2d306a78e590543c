//! What the store knows about each dataset, and making and dropping them.

use pipewright_entity::Text;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::error::Outcome;
use crate::index::Registry;
use crate::{StoreError, names, purge, schema};

/// A dataset as a reader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    /// The dataset's id.
    pub id: Text,
    /// The incarnation: another one after a drop or reset, however much the
    /// contents are alike (`X-Dataset-Generation`).
    pub generation: Text,
    /// How many versions were ever stored: the `_updated` of the next one.
    pub length: u64,
    /// Entities whose current version is not deleted.
    pub live: u64,
    /// Entities whose current version is deleted.
    pub deleted: u64,
    /// Versions in the log that are not deletions.
    pub log_live: u64,
    /// Deletions in the log.
    pub log_deleted: u64,
    /// Bytes of the entities in the log.
    pub bytes: u64,
    /// The length of the log when the dataset was first said to be populated.
    pub initial_offset: Option<u64>,
    /// Completeness in microseconds since 1970 (documentation page
    /// `hub/features/completeness-feature`).
    pub completeness: Option<i64>,
    /// When a version was last stored, in microseconds since 1970.
    pub last_modified: Option<i64>,
    /// Number of the dataset in the file.
    pub(crate) number: i64,
    /// How far compaction by count has come.
    pub(crate) compacted: u64,
    /// How many versions that compaction kept.
    pub(crate) compacted_keep: u32,
}

impl Dataset {
    /// Whether the dataset is populated: its initial offset is set.
    pub fn is_populated(&self) -> bool {
        self.initial_offset.is_some()
    }

    /// `_updated` of the newest version, the value for `since` that skips all
    /// there is.
    pub fn last_offset(&self) -> Option<u64> {
        self.length.checked_sub(1)
    }

    /// Whether the node made the dataset for itself (`system:…`).
    pub fn is_internal(&self) -> bool {
        self.id.starts_with(names::SYSTEM)
    }

    pub(crate) fn at(&self, updated: u64) -> i64 {
        schema::at(self.number, updated)
    }
}

const COLUMNS: &str = "number, id, generation, next, live, deleted, log_live, log_deleted, bytes, \
                       initial, completeness, modified, compacted, compacted_keep";

fn from_row(row: &Row<'_>) -> rusqlite::Result<Dataset> {
    let count = |column| row.get::<_, i64>(column).map(|count| count.max(0) as u64);
    Ok(Dataset {
        number: row.get(0)?,
        id: text(row, 1)?,
        generation: text(row, 2)?,
        length: count(3)?,
        live: count(4)?,
        deleted: count(5)?,
        log_live: count(6)?,
        log_deleted: count(7)?,
        bytes: count(8)?,
        initial_offset: row.get::<_, Option<i64>>(9)?.map(|offset| offset as u64),
        completeness: row.get(10)?,
        last_modified: row.get(11)?,
        compacted: count(12)?,
        compacted_keep: row.get(13)?,
    })
}

/// A text column without a `String` in between.
pub(crate) fn text(row: &Row<'_>, column: usize) -> rusqlite::Result<Text> {
    let value = row.get_ref(column)?;
    value.as_str().map(Text::new).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
    })
}

pub(crate) fn find(connection: &Connection, id: &str) -> Outcome<Option<Dataset>> {
    let mut statement =
        connection.prepare_cached(&format!("SELECT {COLUMNS} FROM dataset WHERE id = ?"))?;
    Ok(statement.query_row([id], from_row).optional()?)
}

pub(crate) fn get(connection: &Connection, id: &str) -> Outcome<Dataset> {
    find(connection, id)?.ok_or_else(|| StoreError::UnknownDataset(id.into()).into())
}

pub(crate) fn list(connection: &Connection) -> Outcome<Vec<Dataset>> {
    let mut statement =
        connection.prepare_cached(&format!("SELECT {COLUMNS} FROM dataset ORDER BY id"))?;
    let datasets = statement.query_map([], from_row)?.collect::<rusqlite::Result<_>>()?;
    Ok(datasets)
}

/// Makes an empty dataset, with the indexes that were asked for before it was
/// there.
pub(crate) fn create(connection: &Connection, id: &str, registry: &Registry) -> Outcome<Dataset> {
    let generation = Text::new(uuid::Uuid::new_v4().to_string());
    connection
        .prepare_cached("INSERT INTO dataset (id, generation) VALUES (?, ?)")?
        .execute([id, generation.as_str()])?;
    let number = connection.last_insert_rowid();
    if number > schema::MAX_NUMBER {
        return Err(StoreError::Limit("datasets").into());
    }
    for registered in registry.of(id) {
        registered.define(connection, number, 0)?;
    }
    get(connection, id)
}

/// The dataset, made when it is not there.
pub(crate) fn get_or_create(
    connection: &Connection,
    id: &str,
    registry: &Registry,
) -> Outcome<Dataset> {
    match find(connection, id)? {
        Some(dataset) => Ok(dataset),
        None => create(connection, id, registry),
    }
}

/// Writes back what a commit changed.
pub(crate) fn save(connection: &Connection, dataset: &Dataset) -> Outcome<()> {
    connection
        .prepare_cached(
            "UPDATE dataset SET next = ?, live = ?, deleted = ?, log_live = ?, log_deleted = ?, \
             bytes = ?, initial = ?, completeness = ?, modified = ?, compacted = ?, \
             compacted_keep = ? \
             WHERE number = ?",
        )?
        .execute(params![
            dataset.length as i64,
            dataset.live as i64,
            dataset.deleted as i64,
            dataset.log_live as i64,
            dataset.log_deleted as i64,
            dataset.bytes as i64,
            dataset.initial_offset.map(|offset| offset as i64),
            dataset.completeness,
            dataset.last_modified,
            dataset.compacted as i64,
            dataset.compacted_keep,
            dataset.number,
        ])?;
    Ok(())
}

/// Takes the dataset out of sight; its rows are purged later.
pub(crate) fn retire(connection: &Connection, id: &str) -> Outcome<()> {
    let number = get(connection, id)?.number;
    connection.execute("DELETE FROM dataset WHERE number = ?", [number])?;
    connection
        .execute("INSERT INTO retired (kind, number) VALUES (?, ?)", [purge::DATASET, number])?;
    connection.execute(
        "INSERT INTO retired (kind, number) SELECT ?, number FROM lookup WHERE dataset = ?",
        [purge::LOOKUP, number],
    )?;
    connection.execute("DELETE FROM lookup WHERE dataset = ?", [number])?;
    Ok(())
}
