//! How many versions lie in each block of a log, so that the nth is found
//! without passing all before it.

use rusqlite::{Connection, OptionalExtension};
use rustc_hash::FxHashMap;

use crate::dataset::Dataset;
use crate::error::Outcome;
use crate::schema;

/// How many bits of a place are the place in its block.
const BLOCK_BITS: u32 = 12;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counted {
    /// Every version, or only current ones.
    pub(crate) history: bool,
    /// Deletions too.
    pub(crate) deleted: bool,
}

/// What a commit changes, by block.
#[derive(Default)]
pub(crate) struct Deltas(FxHashMap<u64, Block>);

/// Versions in a block: `[log_live, log_deleted, live, deleted]`.
type Block = [i64; 4];

impl Deltas {
    /// Counts versions that came to the log or left it.
    pub(crate) fn log(&mut self, place: u64, deleted: bool, by: i64) {
        self.add(place, usize::from(deleted), by);
    }

    /// Counts versions that became current or ceased to be.
    pub(crate) fn current(&mut self, place: u64, deleted: bool, by: i64) {
        self.add(place, 2 + usize::from(deleted), by);
    }

    fn add(&mut self, place: u64, count: usize, by: i64) {
        self.0.entry(place >> BLOCK_BITS).or_default()[count] += by;
    }

    /// Adds the changes to the stored counts.
    pub(crate) fn save(&self, connection: &Connection, dataset: i64) -> Outcome<()> {
        let mut blocks: Vec<_> = self.0.iter().filter(|(_, counts)| **counts != [0; 4]).collect();
        blocks.sort_unstable();
        let mut statement = connection.prepare_cached(
            "INSERT INTO block (at, log_live, log_deleted, live, deleted) VALUES (?, ?, ?, ?, ?) \
             ON CONFLICT DO UPDATE SET log_live = log_live + excluded.log_live, \
             log_deleted = log_deleted + excluded.log_deleted, live = live + excluded.live, \
             deleted = deleted + excluded.deleted",
        )?;
        for (block, [log_live, log_deleted, live, deleted]) in blocks {
            let at = address(dataset, *block);
            statement.execute([at, *log_live, *log_deleted, *live, *deleted])?;
        }
        Ok(())
    }
}

/// The address of a block.
pub(crate) fn address(dataset: i64, block: u64) -> i64 {
    schema::at(dataset, block << BLOCK_BITS) >> BLOCK_BITS
}

/// Which part of a log is left after passing `skip` versions of it, from the
/// beginning or, in reverse, from the end.
pub(crate) fn skip(
    connection: &Connection,
    dataset: &Dataset,
    counted: Counted,
    reverse: bool,
    (mut from, mut end): (u64, u64),
    mut skip: u64,
) -> Outcome<(u64, u64)> {
    let order = if reverse { "DESC" } else { "ASC" };
    let mut blocks = connection.prepare_cached(&format!(
        "SELECT at, log_live, log_deleted, live, deleted FROM block \
         WHERE at >= ? AND at <= ? ORDER BY at {order}"
    ))?;
    let mut rows = blocks.query([
        address(dataset.number, from >> BLOCK_BITS),
        address(dataset.number, end.saturating_sub(1) >> BLOCK_BITS),
    ])?;
    while let Some(row) = rows.next()? {
        let first = schema::place(row.get::<_, i64>(0)? << BLOCK_BITS);
        let (low, high) = (first.max(from), (first + (1 << BLOCK_BITS)).min(end));
        let count = if high - low == 1 << BLOCK_BITS {
            let base = if counted.history { 1 } else { 3 };
            let deleted: i64 = if counted.deleted { row.get(base + 1)? } else { 0 };
            (row.get::<_, i64>(base)? + deleted) as u64
        } else {
            count(connection, dataset, counted, low, high)?
        };
        if skip < count {
            let nth = nth(connection, dataset, counted, order, (low, high), skip)?;
            return Ok(match nth {
                Some(nth) if reverse => (from, nth + 1),
                Some(nth) => (nth, end),
                None => (end, end),
            });
        }
        skip -= count;
        if reverse {
            end = low;
        } else {
            from = high;
        }
    }
    Ok((end, end))
}

fn table(counted: Counted) -> &'static str {
    if counted.history { "version" } else { "latest" }
}

fn count(
    connection: &Connection,
    dataset: &Dataset,
    counted: Counted,
    low: u64,
    high: u64,
) -> Outcome<u64> {
    let count: i64 = connection
        .prepare_cached(&format!(
            "SELECT count(*) FROM {} WHERE at >= ? AND at < ? AND deleted <= ?",
            table(counted)
        ))?
        .query_row((dataset.at(low), dataset.at(high), counted.deleted), |row| row.get(0))?;
    Ok(count as u64)
}

fn nth(
    connection: &Connection,
    dataset: &Dataset,
    counted: Counted,
    order: &str,
    (low, high): (u64, u64),
    skip: u64,
) -> Outcome<Option<u64>> {
    let at = connection
        .prepare_cached(&format!(
            "SELECT at FROM {} WHERE at >= ? AND at < ? AND deleted <= ? \
             ORDER BY at {order} LIMIT 1 OFFSET ?",
            table(counted)
        ))?
        .query_row((dataset.at(low), dataset.at(high), counted.deleted, skip as i64), |row| {
            row.get(0)
        })
        .optional()?;
    Ok(at.map(schema::place))
}
