//! Building an index and catching up with what was written without it.

use pipewright_entity::binary::Decoder;
use rusqlite::{Connection, TransactionBehavior};

use super::{Entries, LONG, Registered, Row, entries, insert, remove};
use crate::batch::Durability;
use crate::dataset::{self, Dataset};
use crate::error::Outcome;
use crate::pool::Snapshot;
use crate::store::Inner;
use crate::versions::Place;
use crate::{StoreError, purge, schema, versions};

/// Entities per step of a build, and how many bytes their keys may take: the
/// more are sorted together, the fewer pages are touched, the longer a step
/// holds the writer.
const STEP: usize = 50_000;
const STEP_BYTES: usize = 32 << 20;

/// What is left at the end is done while holding the writer, so that a build
/// ends however fast others write.
const REST: u64 = 2_000;

/// Makes the index cover the whole log. The index is already registered, so
/// commits from now on keep what is there in order.
pub(crate) fn ensure(
    inner: &Inner,
    dataset: &str,
    registered: &Registered,
) -> Result<(), StoreError> {
    while let Some((dataset, row)) = advance(inner, dataset, registered)? {
        let snapshot = Snapshot::take(&inner.pool)?;
        let (entries, end) = collect(&snapshot, &dataset, registered, row.built, STEP)?;
        drop(snapshot);
        add(inner, &dataset, row, entries, end)?;
    }
    Ok(())
}

/// The short steps, holding the writer: defines the index, takes out what was
/// superseded behind its back, adds a small rest. Returns what is left to
/// build from a snapshot.
fn advance(
    inner: &Inner,
    dataset: &str,
    registered: &Registered,
) -> Result<Option<(Dataset, Row)>, StoreError> {
    loop {
        let mut writer = inner.writer(Durability::Normal)?;
        let step = (|| {
            let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let Some(dataset) = dataset::find(&transaction, dataset)? else {
                return Ok(Step::Done);
            };
            let step = short_step(&transaction, dataset, registered)?;
            transaction.commit()?;
            Outcome::Ok(step)
        })()?;
        match step {
            Step::Done => return Ok(None),
            Step::Again => {}
            Step::Build(dataset, row) => return Ok(Some((*dataset, row))),
        }
    }
}

enum Step {
    Done,
    Again,
    Build(Box<Dataset>, Row),
}

fn short_step(connection: &Connection, dataset: Dataset, registered: &Registered) -> Outcome<Step> {
    let row = Row::find(connection, dataset.number, &registered.expression)?;
    let Some(mut row) = row.filter(|row| row.revision == registered.keys.revision()) else {
        drop_index(connection, dataset.number, &registered.expression)?;
        registered.define(connection, dataset.number, dataset.length)?;
        return Ok(Step::Again);
    };
    if row.is_complete(dataset.length) {
        return Ok(Step::Done);
    }
    if row.maintained < dataset.length {
        if !take_out(connection, &dataset, registered, &mut row)? {
            drop_index(connection, dataset.number, &registered.expression)?;
            registered.define(connection, dataset.number, dataset.length)?;
            return Ok(Step::Again);
        }
        row.save(connection)?;
        return Ok(Step::Again);
    }
    if dataset.length - row.built > REST {
        return Ok(Step::Build(Box::new(dataset), row));
    }
    let (entries, end) = collect(connection, &dataset, registered, row.built, STEP)?;
    insert(connection, row.number, entries)?;
    row.built = end;
    row.save(connection)?;
    Ok(if end == dataset.length { Step::Done } else { Step::Again })
}

/// Removes the entries of versions that commits superseded without knowing the
/// index. `false`: a version whose keys would have to be known is gone, the
/// index must be built anew.
fn take_out(
    connection: &Connection,
    dataset: &Dataset,
    registered: &Registered,
    row: &mut Row,
) -> Outcome<bool> {
    if row.built == 0 {
        row.maintained = dataset.length;
        return Ok(true);
    }
    let limit = REST as usize;
    let places: Vec<u64> = connection
        .prepare_cached("SELECT at FROM latest WHERE at >= ? AND at < ? ORDER BY at LIMIT ?")?
        .query_map((dataset.at(row.maintained), dataset.at(dataset.length), limit as i64), |row| {
            Ok(schema::place(row.get(0)?))
        })?
        .collect::<rusqlite::Result<_>>()?;
    let mut superseded = Vec::new();
    for &place in &places {
        // Entries are only those of the newest version before `built`, if any.
        let old = match versions::place_before(connection, dataset, place, row.built)? {
            Place::At(old) => old,
            Place::Absent => continue,
            Place::Removed => return Ok(false),
        };
        match versions::entity(connection, dataset, old)? {
            Some(entity) if entity.is_deleted() => {}
            Some(entity) => superseded.push((entity, old)),
            None => return Ok(false),
        }
    }
    remove(connection, row.number, entries(registered, &superseded))?;
    row.maintained = match places.last() {
        Some(last) if places.len() == limit => last + 1,
        _ => dataset.length,
    };
    Ok(true)
}

/// The entries of current versions from a place on, and how far they reach.
fn collect(
    connection: &Connection,
    dataset: &Dataset,
    registered: &Registered,
    from: u64,
    limit: usize,
) -> Outcome<(Entries, u64)> {
    // The snapshot may be of a longer or, after a reset, of no such dataset.
    let Some(dataset) = dataset::find(connection, &dataset.id)?
        .filter(|found| found.generation == dataset.generation)
    else {
        return Ok((Vec::new(), from));
    };
    let mut statement = connection.prepare_cached(
        "SELECT l.at, v.body FROM latest l CROSS JOIN version v ON v.at = l.at \
         WHERE l.at >= ? AND l.at < ? AND l.deleted = 0 ORDER BY l.at LIMIT ?",
    )?;
    let range = (dataset.at(from), dataset.at(dataset.length), limit as i64);
    let mut rows = statement.query(range)?;
    let (mut entries, mut scratch) = (Vec::new(), Vec::new());
    let mut decoder = Decoder::default();
    let (mut count, mut bytes) = (0, 0);
    while let Some(row) = rows.next()? {
        let place = schema::place(row.get(0)?);
        let entity = versions::decode_column(&mut decoder, &dataset, place, row, 1)?;
        for key in registered.stored_keys(&entity, &mut scratch) {
            bytes += key.len() + LONG / 4;
            entries.push((key, place));
        }
        count += 1;
        if count == limit || bytes > STEP_BYTES {
            entries.sort_unstable();
            return Ok((entries, place + 1));
        }
    }
    entries.sort_unstable();
    Ok((entries, dataset.length))
}

/// Adds what was collected from a snapshot, unless the index moved meanwhile.
fn add(
    inner: &Inner,
    dataset: &Dataset,
    from: Row,
    mut entries: Entries,
    end: u64,
) -> Result<(), StoreError> {
    let mut writer = inner.writer(Durability::Normal)?;
    (|| {
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let row = transaction
            .prepare_cached("SELECT built, maintained FROM lookup WHERE number = ?")?
            .query_map([from.number], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?
            .next()
            .transpose()?;
        let Some((built, maintained)) = row else { return Ok(()) };
        if built as u64 != from.built || (maintained as u64) < end {
            return Ok(());
        }
        // Versions superseded since the snapshot must not come in.
        let current: rustc_hash::FxHashSet<u64> = transaction
            .prepare_cached("SELECT at FROM latest WHERE at >= ? AND at < ?")?
            .query_map([dataset.at(from.built), dataset.at(end)], |row| {
                Ok(schema::place(row.get(0)?))
            })?
            .collect::<rusqlite::Result<_>>()?;
        entries.retain(|(_, place)| current.contains(place));
        insert(&transaction, from.number, entries)?;
        Row { built: end, maintained: maintained as u64, ..from }.save(&transaction)?;
        transaction.commit()?;
        Outcome::Ok(())
    })()?;
    Ok(())
}

/// Takes an index out of sight; its entries are purged later.
pub(crate) fn drop_index(connection: &Connection, dataset: i64, expression: &str) -> Outcome<()> {
    if let Some(row) = Row::find(connection, dataset, expression)? {
        retire(connection, row.number)?;
    }
    Ok(())
}

pub(crate) fn retire(connection: &Connection, number: i64) -> Outcome<()> {
    connection
        .prepare_cached("INSERT INTO retired (kind, number) VALUES (?, ?)")?
        .execute([purge::LOOKUP, number])?;
    connection.prepare_cached("DELETE FROM lookup WHERE number = ?")?.execute([number])?;
    Ok(())
}
