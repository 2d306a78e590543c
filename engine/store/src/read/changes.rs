//! Reading a log in pieces of bounded size.

use std::collections::VecDeque;
use std::sync::Arc;

use pipewright_entity::binary::Decoder;
use pipewright_entity::{Key, Text, Version};
use rusqlite::params;

use super::Reader;
use crate::dataset::Dataset;
use crate::error::Outcome;
use crate::index::{self, LONG, Registered};
use crate::versions::{self, Past};
use crate::{StoreError, rank};

/// Versions per piece, and how many bytes one may take.
const PIECE: i64 = 512;
const PIECE_BYTES: usize = 4 << 20;

/// Which versions of a dataset to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Select {
    /// All versions; else only the current one of each entity.
    pub history: bool,
    /// Deletions too.
    pub deleted: bool,
    /// The newest first.
    pub reverse: bool,
    /// Only versions before this place in the log; pages in reverse go on
    /// from here.
    pub before: Option<u64>,
    /// Only entities that have a key.
    pub subset: Option<Subset>,
    /// What was in the subset at this place or later and no longer is counts
    /// as having left it; the place after which is read when `None`. For
    /// reading the changes after one place in several steps: an entity may have
    /// left before the place where a step begins, and have changed again since.
    pub told: Option<u64>,
}

impl Default for Select {
    /// The current version of every entity, deleted or not, the oldest first:
    /// what a pipe reads.
    fn default() -> Select {
        Select {
            history: false,
            deleted: true,
            reverse: false,
            before: None,
            subset: None,
            told: None,
        }
    }
}

/// The entities of a dataset that have a key in an index.
///
/// Read from the beginning, a subset is what is in it now. Read since an
/// offset, it has what changed and is in it now, and, as deleted, what was in
/// it at that offset or after it and no longer is: so following the changes
/// leads to the same set as reading it all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subset {
    /// The index expression; [`Store::ensure_index`](crate::Store::ensure_index)
    /// made the index.
    pub expression: Text,
    /// The key that stands for the subset.
    pub key: Key,
}

/// Versions in the order of the log, or against it; see [`Reader::changes`].
pub struct Changes<'r> {
    reader: &'r Reader,
    dataset: Arc<Dataset>,
    way: Way,
    reverse: bool,
    deleted: bool,
    /// What is left of the log, as `from..end`.
    from: u64,
    end: u64,
    limit: u64,
    piece: VecDeque<Version>,
    decoder: Decoder,
}

/// How the versions are found.
enum Way {
    Log,
    Latest,
    /// Through the index: the entries of one key.
    Entries {
        lookup: i64,
        registered: Registered,
        key: Key,
    },
    /// Through the log or what is current, keeping what is in the subset.
    /// `since`: and showing as deleted what left it after that place.
    Members {
        history: bool,
        registered: Registered,
        key: Key,
        since: Option<u64>,
    },
}

impl<'r> Changes<'r> {
    pub(super) fn new(
        reader: &'r Reader,
        dataset: Arc<Dataset>,
        since: Option<u64>,
        limit: Option<u64>,
        select: Select,
    ) -> Result<Changes<'r>, StoreError> {
        let way = match select.subset {
            None if select.history => Way::Log,
            None => Way::Latest,
            Some(Subset { expression, key }) => {
                let registered = reader.registered(&dataset, &expression)?;
                let lookup = index::lookup::ready(&reader.snapshot, &dataset, &registered)?;
                if select.history {
                    Way::Members { history: true, registered, key, since: None }
                } else if since.is_some() && select.deleted {
                    Way::Members { history: false, registered, key, since: select.told.or(since) }
                } else {
                    Way::Entries { lookup, registered, key }
                }
            }
        };
        Ok(Changes {
            reader,
            way,
            reverse: select.reverse,
            deleted: select.deleted,
            from: since.map_or(0, |since| since.saturating_add(1)),
            end: select.before.map_or(dataset.length, |before| before.min(dataset.length)),
            limit: limit.unwrap_or(u64::MAX),
            piece: VecDeque::new(),
            decoder: Decoder::default(),
            dataset,
        })
    }

    /// What follows the first `skip` versions, at most `limit` of it.
    pub(super) fn page(mut self, skip: u64, limit: u64) -> Result<Changes<'r>, StoreError> {
        let history = match self.way {
            Way::Log => true,
            Way::Latest => false,
            Way::Entries { .. } | Way::Members { .. } => {
                for _ in 0..skip {
                    if self.next().transpose()?.is_none() {
                        break;
                    }
                }
                self.limit = limit;
                return Ok(self);
            }
        };
        (self.from, self.end) = rank::skip(
            &self.reader.snapshot,
            &self.dataset,
            rank::Counted { history, deleted: self.deleted },
            self.reverse,
            (self.from.min(self.end), self.end),
            skip,
        )?;
        self.limit = limit;
        Ok(self)
    }

    /// Reads the next piece.
    fn refill(&mut self) -> Outcome<()> {
        // A piece can turn out empty though more follows: its versions may be
        // outside the subset.
        while self.piece.is_empty() && self.from < self.end {
            self.read_piece()?;
        }
        Ok(())
    }

    fn read_piece(&mut self) -> Outcome<()> {
        let (from, end) = (self.dataset.at(self.from), self.dataset.at(self.end));
        let wanted = i64::try_from(self.limit).unwrap_or(i64::MAX).min(PIECE);
        let connection = &self.reader.snapshot;
        let history = matches!(self.way, Way::Log | Way::Members { history: true, .. });
        let mut sql = String::from(match &self.way {
            Way::Entries { .. } => versions::select!(
                "entry e CROSS JOIN version v ON v.at = ?5 + e.updated \
                 WHERE e.lookup = ?6 AND e.key = ?7 AND e.updated >= ?1 - ?5 \
                 AND e.updated < ?2 - ?5 AND ?3 ORDER BY e.updated"
            ),
            _ if history => versions::select!(
                "version v WHERE v.at >= ?1 AND v.at < ?2 AND v.deleted <= ?3 ORDER BY v.at"
            ),
            _ => versions::select!(
                "latest l CROSS JOIN version v ON v.at = l.at \
                 WHERE l.at >= ?1 AND l.at < ?2 AND l.deleted <= ?3 ORDER BY l.at"
            ),
        });
        sql.push_str(if self.reverse { " DESC LIMIT ?4" } else { " LIMIT ?4" });
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = match &self.way {
            Way::Entries { lookup, key, .. } => statement.query(params![
                from,
                end,
                true,
                wanted,
                self.dataset.at(0),
                lookup,
                index::stored(key).as_ref()
            ])?,
            _ => statement.query(params![from, end, self.deleted, wanted])?,
        };
        let (mut count, mut bytes, mut last) = (0, 0, None);
        while let Some(row) = rows.next()? {
            let version = versions::from_row(&mut self.decoder, &self.dataset, row)?;
            count += 1;
            bytes += versions::size(row);
            last = Some(version.updated);
            if let Some(version) = self.shown(version)? {
                self.piece.push_back(version);
            }
            if bytes > PIECE_BYTES {
                break;
            }
        }
        // A full piece may be followed by more.
        match last.filter(|_| count == wanted || bytes > PIECE_BYTES) {
            Some(last) if self.reverse => self.end = last,
            Some(last) => self.from = last + 1,
            None => self.from = self.end,
        }
        Ok(())
    }

    /// The version as it is to be shown, if at all.
    fn shown(&self, version: Version) -> Outcome<Option<Version>> {
        match &self.way {
            Way::Log | Way::Latest => Ok(Some(version)),
            Way::Entries { registered, key, .. } => {
                let is_it = key.len() < LONG || registered.has(&version.entity, key);
                Ok(Some(version).filter(|_| is_it))
            }
            Way::Members { registered, key, since, .. } => {
                // A deletion keeps the last properties and with them its keys.
                if registered.has(&version.entity, key) {
                    return Ok(Some(version));
                }
                let Some(since) = *since else { return Ok(None) };
                let connection = &self.reader.snapshot;
                // Back to what it was at that place: whoever follows may have
                // come anywhere in between.
                let mut end = version.updated;
                loop {
                    match versions::as_of(connection, &self.dataset, version.updated, end)? {
                        Past::Version(old) => {
                            if !old.entity.is_deleted() && registered.has(&old.entity, key) {
                                return Ok(Some(left(version)));
                            }
                            if old.updated <= since {
                                return Ok(None);
                            }
                            end = old.updated;
                        }
                        Past::Absent => return Ok(None),
                        // It may have been in the subset: better say once too
                        // often that it is not.
                        Past::Compacted => return Ok(Some(left(version))),
                    }
                }
            }
        }
    }
}

/// A version of an entity that is no longer in a subset.
fn left(mut version: Version) -> Version {
    version.entity = version.entity.with("_deleted", true);
    version.hash = version.entity.content_hash();
    version
}

impl Iterator for Changes<'_> {
    type Item = Result<Version, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.limit == 0 {
            return None;
        }
        if let Err(error) = self.refill() {
            // Nothing follows an error.
            self.limit = 0;
            return Some(Err(error.into()));
        }
        let version = self.piece.pop_front()?;
        self.limit -= 1;
        Some(Ok(version))
    }
}
