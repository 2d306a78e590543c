//! Rows of the log as versions.

use pipewright_entity::binary::Decoder;
use pipewright_entity::{Entity, Hash, Version};
use rusqlite::{Connection, OptionalExtension, Row};

use crate::dataset::Dataset;
use crate::error::Outcome;
use crate::{StoreError, schema};

/// A query for versions: the columns that [`from_row`] reads, of a table `v`,
/// and what follows them. Put together by the compiler, as it is used for
/// every entity.
macro_rules! select {
    ($($rest:tt)*) => {
        concat!("SELECT v.at, v.previous, v.ts, v.hash, v.body FROM ", $($rest)*)
    };
}
pub(crate) use select;

/// One version; the bytes of the body are decoded where they lie.
pub(crate) fn from_row(
    decoder: &mut Decoder,
    dataset: &Dataset,
    row: &Row<'_>,
) -> Outcome<Version> {
    let updated = schema::place(row.get(0)?);
    Ok(Version {
        entity: decode_column(decoder, dataset, updated, row, 4)?,
        updated,
        previous: row.get::<_, Option<i64>>(1)?.map(|previous| previous as u64),
        ts: row.get(2)?,
        hash: Hash(row.get(3)?),
    })
}

/// The entity in a column.
pub(crate) fn decode_column(
    decoder: &mut Decoder,
    dataset: &Dataset,
    updated: u64,
    row: &Row<'_>,
    column: usize,
) -> Outcome<Entity> {
    let body = row.get_ref(column)?.as_blob().map_err(|error| {
        StoreError::Damaged(format!("version {updated} of dataset \"{}\": {error}", dataset.id))
    })?;
    decode(decoder, dataset, updated, body)
}

/// The entity that bytes stand for.
pub(crate) fn decode(
    decoder: &mut Decoder,
    dataset: &Dataset,
    updated: u64,
    body: &[u8],
) -> Outcome<Entity> {
    decoder.entity(body).map_err(|cause| {
        StoreError::Unreadable { dataset: dataset.id.clone(), updated, cause }.into()
    })
}

/// How many bytes the row's body has.
pub(crate) fn size(row: &Row<'_>) -> usize {
    row.get_ref(4).ok().and_then(|body| body.as_blob().ok().map(<[u8]>::len)).unwrap_or(0)
}

/// The content of one version, if it is there.
pub(crate) fn entity(
    connection: &Connection,
    dataset: &Dataset,
    updated: u64,
) -> Outcome<Option<Entity>> {
    let mut statement = connection.prepare_cached("SELECT body FROM version WHERE at = ?")?;
    let mut rows = statement.query([dataset.at(updated)])?;
    rows.next()?
        .map(|row| decode_column(&mut Decoder::default(), dataset, updated, row, 0))
        .transpose()
}

/// One version, if it is there.
pub(crate) fn version(
    connection: &Connection,
    dataset: &Dataset,
    updated: u64,
) -> Outcome<Option<Version>> {
    let mut statement = connection.prepare_cached(select!("version v WHERE v.at = ?"))?;
    let mut rows = statement.query([dataset.at(updated)])?;
    rows.next()?.map(|row| from_row(&mut Decoder::default(), dataset, row)).transpose()
}

/// `_updated` of the current version of an entity.
pub(crate) fn current(
    connection: &Connection,
    dataset: &Dataset,
    id: &str,
) -> Outcome<Option<u64>> {
    let updated = connection
        .prepare_cached("SELECT updated FROM name WHERE dataset = ? AND id = ?")?
        .query_row((dataset.number, id), |row| row.get::<_, i64>(0))
        .optional()?;
    Ok(updated.map(|updated| updated as u64))
}

/// What an entity was at an earlier place in the log.
#[derive(Clone, Debug, PartialEq)]
pub enum Past {
    /// It was this.
    Version(Version),
    /// It was not there yet.
    Absent,
    /// It was there, but compaction removed that version.
    Compacted,
}

impl Past {
    /// The version, if it is known.
    pub fn version(self) -> Option<Version> {
        match self {
            Past::Version(version) => Some(version),
            Past::Absent | Past::Compacted => None,
        }
    }
}

/// Where a version lies.
pub(crate) enum Place {
    At(u64),
    /// There was none yet.
    Absent,
    /// Compaction removed it.
    Removed,
}

/// The newest version of an entity that lies before `end`, found by going back
/// from a later one.
pub(crate) fn place_before(
    connection: &Connection,
    dataset: &Dataset,
    from: u64,
    end: u64,
) -> Outcome<Place> {
    let mut statement = connection.prepare_cached("SELECT previous FROM version WHERE at = ?")?;
    let mut place = from;
    // Each step goes to a smaller place, so this ends.
    loop {
        let previous = statement
            .query_row([dataset.at(place)], |row| row.get::<_, Option<i64>>(0))
            .optional()?;
        match previous {
            None => return Ok(Place::Removed),
            Some(_) if place < end => return Ok(Place::At(place)),
            Some(None) => return Ok(Place::Absent),
            Some(Some(previous)) if (previous as u64) < place => place = previous as u64,
            Some(Some(_)) => {
                return Err(StoreError::Damaged(format!(
                    "version {place} of dataset \"{}\" follows itself",
                    dataset.id
                ))
                .into());
            }
        }
    }
}

/// What an entity was when the log ended at `end`, going back from one of its
/// versions.
pub(crate) fn as_of(
    connection: &Connection,
    dataset: &Dataset,
    from: u64,
    end: u64,
) -> Outcome<Past> {
    Ok(match place_before(connection, dataset, from, end)? {
        Place::Removed => Past::Compacted,
        Place::Absent => Past::Absent,
        Place::At(place) => {
            version(connection, dataset, place)?.map_or(Past::Compacted, Past::Version)
        }
    })
}
