//! Indexes: from a key to the current versions that have it.
//!
//! There is one index per dataset and expression, shared by hops, merges,
//! subsets and dependency tracking. What the keys of an entity are is decided
//! outside, by an [`IndexKeys`]; only current versions that are not deleted
//! have entries.
//!
//! Two numbers say how far an index is. It has the entries of exactly those
//! versions that lie before `built` and that were current when the log was
//! `maintained` long:
//!
//! * A commit that knows the index removes the entries of the versions it
//!   supersedes. If the index was complete before, it adds those of the new
//!   ones and both numbers become the length of the log; else only
//!   `maintained` does, and the rest is left to [`build`].
//! * A commit of a process where the index was not registered touches neither
//!   number; [`build`] sees that `maintained` is behind and first removes what
//!   such commits superseded.
//!
//! So an index can be built or caught up in steps while others write, and a
//! crash between two steps costs nothing.

pub(crate) mod build;
pub(crate) mod lookup;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use pipewright_entity::{Entity, Key, Text};
use rusqlite::{Connection, OptionalExtension};
use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_128;

use crate::dataset::Dataset;
use crate::error::Outcome;

/// The keys that an index expression gives an entity.
pub trait IndexKeys: Send + Sync {
    /// Adds the keys of this entity: none for null, several for a list. Must
    /// depend on nothing but the entity.
    fn keys(&self, entity: &Entity, keys: &mut Vec<Key>);

    /// Another number whenever the same expression gives other keys than it
    /// used to; the index is then built anew.
    fn revision(&self) -> u32 {
        0
    }
}

impl<F: Fn(&Entity, &mut Vec<Key>) + Send + Sync> IndexKeys for F {
    fn keys(&self, entity: &Entity, keys: &mut Vec<Key>) {
        self(entity, keys);
    }
}

/// How far an index is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexInfo {
    /// Names it for as long as it is there.
    pub number: i64,
    /// The index expression.
    pub expression: Text,
    /// How much of the log it covers.
    pub built: u64,
    /// The length of the log.
    pub length: u64,
    /// Whether lookups can use it.
    pub ready: bool,
}

/// The indexes that this process maintains, by dataset id. A dataset need not
/// be there yet.
#[derive(Clone, Default)]
pub(crate) struct Registry(FxHashMap<Text, Vec<Registered>>);

/// One of them.
#[derive(Clone)]
pub(crate) struct Registered {
    pub(crate) expression: Text,
    pub(crate) keys: Arc<dyn IndexKeys>,
}

impl Registry {
    pub(crate) fn of(&self, dataset: &str) -> &[Registered] {
        self.0.get(dataset).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn find(&self, dataset: &str, expression: &str) -> Option<&Registered> {
        self.of(dataset).iter().find(|registered| registered.expression == expression)
    }

    /// Adds an index; one with the same expression is replaced.
    pub(crate) fn add(&mut self, dataset: &str, registered: Registered) {
        let all = self.0.entry(dataset.into()).or_default();
        all.retain(|other| other.expression != registered.expression);
        all.push(registered);
    }

    /// Removes all but these.
    pub(crate) fn retain(&mut self, keep: impl Fn(&str, &str) -> bool) {
        for (dataset, registered) in &mut self.0 {
            registered.retain(|registered| keep(dataset, &registered.expression));
        }
    }
}

impl Registered {
    /// Adds the index of a dataset to the file. Nothing is in it yet, and
    /// nothing of the log so far is to be removed from it.
    pub(crate) fn define(&self, connection: &Connection, dataset: i64, length: u64) -> Outcome<()> {
        connection
            .prepare_cached(
                "INSERT INTO lookup (dataset, expression, revision, built, maintained) \
                 VALUES (?, ?, ?, 0, ?)",
            )?
            .execute((dataset, self.expression.as_str(), self.keys.revision(), length as i64))?;
        Ok(())
    }

    /// The stored keys of an entity, each once.
    pub(crate) fn stored_keys(&self, entity: &Entity, scratch: &mut Vec<Key>) -> Vec<Vec<u8>> {
        scratch.clear();
        self.keys.keys(entity, scratch);
        let mut keys: Vec<Vec<u8>> = scratch.iter().map(|key| stored(key).into_owned()).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// Whether the entity has this key.
    pub(crate) fn has(&self, entity: &Entity, key: &Key) -> bool {
        let mut keys = Vec::new();
        self.keys.keys(entity, &mut keys);
        keys.contains(key)
    }
}

/// Keys at least this long are stored as their beginning and a hash, in this
/// many bytes; lookups then compare the key itself.
pub(crate) const LONG: usize = 256;

/// A key as it is stored.
pub(crate) fn stored(key: &[u8]) -> Cow<'_, [u8]> {
    if key.len() < LONG {
        return key.into();
    }
    let mut bytes = key[..LONG - 16].to_vec();
    bytes.extend(xxh3_128(key).to_be_bytes());
    bytes.into()
}

/// The row of an index in the file.
#[derive(Clone, Copy)]
pub(crate) struct Row {
    pub(crate) number: i64,
    pub(crate) revision: u32,
    pub(crate) built: u64,
    pub(crate) maintained: u64,
}

impl Row {
    pub(crate) fn find(
        connection: &Connection,
        dataset: i64,
        expression: &str,
    ) -> Outcome<Option<Row>> {
        let row = connection
            .prepare_cached(
                "SELECT number, revision, built, maintained FROM lookup \
                 WHERE dataset = ? AND expression = ?",
            )?
            .query_row((dataset, expression), |row| {
                Ok(Row {
                    number: row.get(0)?,
                    revision: row.get(1)?,
                    built: row.get::<_, i64>(2)? as u64,
                    maintained: row.get::<_, i64>(3)? as u64,
                })
            })
            .optional()?;
        Ok(row)
    }

    pub(crate) fn is_complete(&self, length: u64) -> bool {
        self.built == length && self.maintained == length
    }

    pub(crate) fn save(&self, connection: &Connection) -> Outcome<()> {
        connection
            .prepare_cached("UPDATE lookup SET built = ?, maintained = ? WHERE number = ?")?
            .execute([self.built as i64, self.maintained as i64, self.number])?;
        Ok(())
    }
}

/// An index during a commit.
pub(crate) struct Open<'a> {
    registered: &'a Registered,
    row: Row,
    defer: bool,
}

/// The indexes of a dataset that a commit has to keep up.
pub(crate) fn open<'a>(
    connection: &Connection,
    dataset: &Dataset,
    registry: &'a Registry,
    defer: bool,
) -> Outcome<Vec<Open<'a>>> {
    let mut indexes = Vec::new();
    for registered in registry.of(&dataset.id) {
        // Without a row it is about to be made; with another revision, to be
        // made anew.
        let row = Row::find(connection, dataset.number, &registered.expression)?
            .filter(|row| row.revision == registered.keys.revision());
        indexes.extend(row.map(|row| Open { registered, row, defer }));
    }
    Ok(indexes)
}

/// Writes back how far the indexes are.
pub(crate) fn save(connection: &Connection, indexes: &[Open<'_>]) -> Outcome<()> {
    indexes.iter().try_for_each(|index| index.row.save(connection))
}

impl Open<'_> {
    /// Versions before this place have entries.
    pub(crate) fn built(&self) -> u64 {
        self.row.built
    }

    /// Whether what a commit adds to a log of this length gets entries at once.
    pub(crate) fn grows(&self, length: u64) -> bool {
        self.row.is_complete(length) && !self.defer
    }

    /// Follows the log from the beginning of `grown` to its end: `removed` was
    /// superseded, `added` became current.
    pub(crate) fn update(
        &mut self,
        connection: &Connection,
        removed: &[(Entity, u64)],
        added: &[(Entity, u64)],
        grown: Range<u64>,
    ) -> Outcome<()> {
        let grows = self.grows(grown.start);
        let row = &mut self.row;
        let gone = removed.iter().filter(|(_, updated)| *updated < row.built);
        remove(connection, row.number, entries(self.registered, gone))?;
        if grows {
            insert(connection, row.number, entries(self.registered, added))?;
            row.built = grown.end;
        }
        if row.maintained == grown.start {
            row.maintained = grown.end;
        }
        Ok(())
    }
}

/// Key and place, ordered so that the pages of the index are visited in order.
pub(crate) type Entries = Vec<(Vec<u8>, u64)>;

pub(crate) fn entries<'e>(
    registered: &Registered,
    versions: impl IntoIterator<Item = &'e (Entity, u64)>,
) -> Entries {
    let (mut entries, mut scratch) = (Vec::new(), Vec::new());
    for (entity, updated) in versions {
        let keys = registered.stored_keys(entity, &mut scratch);
        entries.extend(keys.into_iter().map(|key| (key, *updated)));
    }
    entries.sort_unstable();
    entries
}

pub(crate) fn insert(connection: &Connection, lookup: i64, entries: Entries) -> Outcome<()> {
    let mut statement = connection
        .prepare_cached("INSERT OR IGNORE INTO entry (lookup, key, updated) VALUES (?, ?, ?)")?;
    for (key, updated) in entries {
        statement.execute((lookup, key, updated as i64))?;
    }
    Ok(())
}

pub(crate) fn remove(connection: &Connection, lookup: i64, entries: Entries) -> Outcome<()> {
    let mut statement = connection
        .prepare_cached("DELETE FROM entry WHERE lookup = ? AND key = ? AND updated = ?")?;
    for (key, updated) in entries {
        statement.execute((lookup, key, updated as i64))?;
    }
    Ok(())
}
