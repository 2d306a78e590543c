//! Full text: from words to the current entities that have them.
//!
//! It is switched on for a dataset by its id and stays so when the dataset is
//! made anew. The index ([FTS5](https://www.sqlite.org/fts5.html), without a
//! copy of the text) has the words of exactly those versions that are current,
//! not deleted, and before `built`: a commit takes out at once what it
//! supersedes and leaves what is new to [`Store::index_text`], so that writing
//! costs next to nothing more. Whoever searches looks through the rest of the
//! log itself, and so always sees everything.
//!
//! What the index finds is candidates: [`Query::fits`] alone decides. So a
//! search by index and one by looking through the log find the same.

mod query;
mod words;

use pipewright_entity::{Text, Version};
use rusqlite::{Connection, OptionalExtension};
use rustc_hash::FxHashSet;

pub use query::Query;

use crate::batch::Durability;
use crate::dataset::{self, Dataset};
use crate::error::Outcome;
use crate::read::Reader;
use crate::store::{Inner, Store};
use crate::{StoreError, purge, schema, versions};
use query::Node;

/// The tables. Texts come as words already, so all that FTS5 has to do is to
/// cut them at blanks.
pub(crate) const TABLES: &str = "
-- Datasets with full text; `built` is how far the index of the dataset with
-- this number is.
CREATE TABLE text (
  dataset TEXT PRIMARY KEY,
  number INTEGER NOT NULL,
  built INTEGER NOT NULL
) WITHOUT ROWID;
CREATE VIRTUAL TABLE words USING fts5(
  line, content = '', contentless_delete = 1, tokenize = 'ascii'
);
CREATE VIRTUAL TABLE vocabulary USING fts5vocab(words, row);
";

/// Entities that come into the index in one commit, and how long their words
/// may be.
const STEP: usize = 2_000;
const STEP_BYTES: usize = 1 << 20;
/// Rows that are taken out in one commit.
const OUT: usize = 10_000;
/// Words that one with edits may stand for; with more, everything is looked
/// through.
const EXPANDED: usize = 1_000;

/// How far the full text of a dataset is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FullText {
    /// The dataset, which need not be there.
    pub dataset: Text,
    /// How much of the log is in the index.
    pub built: u64,
    /// The length of the log.
    pub length: u64,
}

impl FullText {
    /// Whether all of the log is in the index.
    pub fn is_complete(&self) -> bool {
        self.built >= self.length
    }
}

impl Store {
    /// Switches full text on or off for a dataset, which need not be there yet.
    pub fn set_full_text(&self, dataset: &str, on: bool) -> Result<(), StoreError> {
        self.inner().write(Durability::Full, |connection| {
            if on {
                connection
                    .prepare_cached(
                        "INSERT OR IGNORE INTO text (dataset, number, built) VALUES (?, 0, 0)",
                    )?
                    .execute([dataset])?;
                return Ok(());
            }
            let number: Option<i64> = connection
                .prepare_cached("DELETE FROM text WHERE dataset = ? RETURNING number")?
                .query_row([dataset], |row| row.get(0))
                .optional()?;
            // 0: nothing was built yet.
            if let Some(number) = number.filter(|number| *number != 0) {
                connection
                    .prepare_cached("INSERT OR IGNORE INTO retired (kind, number) VALUES (?, ?)")?
                    .execute([purge::TEXT, number])?;
            }
            Ok(())
        })
    }

    /// Brings the full text of a dataset one step further, in a commit that
    /// holds up others only briefly. Whether more is left to do.
    pub fn index_text(&self, dataset: &str) -> Result<bool, StoreError> {
        let inner = self.inner();
        let Some((found, from)) = begin(inner, dataset)? else { return Ok(false) };
        let Some(from) = from else { return Ok(true) };
        let (lines, end) = collect(&self.reader()?, &found, from)?;
        add(inner, &found, from, lines, end)
    }
}

/// What is to be done: the dataset with the place to go on from, which is
/// `None` after a step that only took out what was there before.
fn begin(inner: &Inner, id: &str) -> Result<Option<(Dataset, Option<u64>)>, StoreError> {
    inner.write(Durability::Normal, |connection| {
        let Some(dataset) = dataset::find(connection, id)? else { return Ok(None) };
        let Some((number, built)) = row(connection, id)? else { return Ok(None) };
        let retired = connection
            .prepare_cached("SELECT 1 FROM retired WHERE kind = ? AND number = ?")?
            .exists([purge::TEXT, dataset.number])?;
        if retired {
            if remove(connection, dataset.number, OUT)? < OUT {
                connection
                    .prepare_cached("DELETE FROM retired WHERE kind = ? AND number = ?")?
                    .execute([purge::TEXT, dataset.number])?;
            }
            return Ok(Some((dataset, None)));
        }
        if number != dataset.number {
            save(connection, &dataset, 0)?;
            return Ok(Some((dataset, Some(0))));
        }
        let more = built < dataset.length;
        Ok(more.then_some((dataset, Some(built))))
    })
}

/// The words of current versions from a place on, and how far they reach.
fn collect(
    reader: &Reader,
    dataset: &Dataset,
    from: u64,
) -> Result<(Vec<(u64, String)>, u64), StoreError> {
    let (mut lines, mut bytes) = (Vec::new(), 0);
    let Some(now) = reader.dataset(&dataset.id)?.filter(|now| now.number == dataset.number) else {
        return Ok((lines, from));
    };
    let select = crate::Select { deleted: false, ..crate::Select::default() };
    let changes = reader.changes(&dataset.id, from.checked_sub(1), Some(STEP as u64), select)?;
    for version in changes {
        let version = version?;
        let line = words::line(&version.entity);
        bytes += line.len();
        lines.push((version.updated, line));
        if bytes > STEP_BYTES {
            break;
        }
    }
    let end = match lines.last() {
        Some((last, _)) if lines.len() == STEP || bytes > STEP_BYTES => last + 1,
        _ => now.length,
    };
    Ok((lines, end))
}

/// Adds what was collected, unless the index moved meanwhile. Whether more is
/// left to do.
fn add(
    inner: &Inner,
    dataset: &Dataset,
    from: u64,
    lines: Vec<(u64, String)>,
    end: u64,
) -> Result<bool, StoreError> {
    inner.write(Durability::Normal, |connection| {
        let is_same = row(connection, &dataset.id)? == Some((dataset.number, from));
        let now = dataset::find(connection, &dataset.id)?;
        let Some(now) = now.filter(|now| is_same && now.number == dataset.number) else {
            return Ok(true);
        };
        // Versions superseded since the snapshot must not come in.
        let current: FxHashSet<u64> = connection
            .prepare_cached("SELECT at FROM latest WHERE at >= ? AND at < ? AND deleted = 0")?
            .query_map([now.at(from), now.at(end)], |row| Ok(schema::place(row.get(0)?)))?
            .collect::<rusqlite::Result<_>>()?;
        let mut insert =
            connection.prepare_cached("INSERT INTO words (rowid, line) VALUES (?, ?)")?;
        for (place, line) in lines.iter().filter(|(place, _)| current.contains(place)) {
            insert.execute((now.at(*place), line))?;
        }
        save(connection, &now, end)?;
        Ok(end < now.length)
    })
}

/// Number and reach of the index of a dataset, if full text is on.
fn row(connection: &Connection, dataset: &str) -> Outcome<Option<(i64, u64)>> {
    let row = connection
        .prepare_cached("SELECT number, built FROM text WHERE dataset = ?")?
        .query_row([dataset], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64)))
        .optional()?;
    Ok(row)
}

fn save(connection: &Connection, dataset: &Dataset, built: u64) -> Outcome<()> {
    connection
        .prepare_cached("UPDATE text SET number = ?, built = ? WHERE dataset = ?")?
        .execute((dataset.number, built as i64, dataset.id.as_str()))?;
    Ok(())
}

/// How far the index of a dataset is that a commit writes to; `None` when there
/// is nothing to keep up.
pub(crate) fn built(connection: &Connection, dataset: &Dataset) -> Outcome<Option<u64>> {
    let row = row(connection, &dataset.id)?;
    Ok(row
        .filter(|(number, built)| *number == dataset.number && *built > 0)
        .map(|(_, built)| built))
}

/// Takes versions out that are no longer current.
pub(crate) fn take_out(
    connection: &Connection,
    dataset: &Dataset,
    places: impl Iterator<Item = u64>,
) -> Outcome<()> {
    let mut delete = connection.prepare_cached("DELETE FROM words WHERE rowid = ?")?;
    for place in places {
        delete.execute([dataset.at(place)])?;
    }
    Ok(())
}

/// Removes at most so many rows of a dataset number; how many.
pub(crate) fn remove(connection: &Connection, number: i64, limit: usize) -> Outcome<usize> {
    let rows: Vec<i64> = connection
        .prepare_cached("SELECT rowid FROM words WHERE rowid >= ? AND rowid < ? LIMIT ?")?
        .query_map((schema::at(number, 0), schema::at(number + 1, 0), limit as i64), |row| {
            row.get(0)
        })?
        .collect::<rusqlite::Result<_>>()?;
    let mut delete = connection.prepare_cached("DELETE FROM words WHERE rowid = ?")?;
    for row in &rows {
        delete.execute([row])?;
    }
    Ok(rows.len())
}

impl Reader {
    /// The datasets with full text.
    pub fn full_texts(&self) -> Result<Vec<FullText>, StoreError> {
        let read = || -> Outcome<Vec<(Text, i64, i64)>> {
            Ok(self
                .connection()
                .prepare_cached("SELECT dataset, number, built FROM text ORDER BY dataset")?
                .query_map([], |row| Ok((dataset::text(row, 0)?, row.get(1)?, row.get(2)?)))?
                .collect::<rusqlite::Result<_>>()?)
        };
        let shown = read()?.into_iter().map(|(id, number, built)| {
            let dataset = self.dataset(&id)?;
            let same = dataset.as_ref().is_some_and(|dataset| dataset.number == number);
            Ok(FullText {
                built: if same { built as u64 } else { 0 },
                length: dataset.map_or(0, |dataset| dataset.length),
                dataset: id,
            })
        });
        shown.collect()
    }

    /// How far the full text of a dataset is; `None` where it is off.
    pub fn full_text(&self, dataset: &str) -> Result<Option<FullText>, StoreError> {
        let Some((number, built)) = row(self.connection(), dataset)? else { return Ok(None) };
        let found = self.dataset(dataset)?;
        let same = found.as_ref().is_some_and(|found| found.number == number);
        Ok(Some(FullText {
            dataset: dataset.into(),
            built: if same { built } else { 0 },
            length: found.map_or(0, |found| found.length),
        }))
    }

    /// The question as the index takes it; `None` when it narrows nothing down
    /// and the log must be looked through.
    pub fn candidates(&self, query: &Query) -> Result<Option<Candidates>, StoreError> {
        Ok(self.narrow(&query.0)?.map(|(expression, _)| Candidates(expression)))
    }

    /// What of the question the index can answer, and whether that is all of it.
    fn narrow(&self, node: &Node) -> Outcome<Option<(String, bool)>> {
        let quoted = |word: &str| format!("\"{word}\"");
        Ok(match node {
            Node::Word(word) => Some((quoted(word), true)),
            Node::Begins(word) => Some((format!("\"{word}\" *"), true)),
            Node::Like(word, edits) => {
                let words = self.like(word, *edits)?;
                match words.len() {
                    // Nothing is like it, but a question must ask something.
                    0 => Some((quoted(word), true)),
                    count if count > EXPANDED => None,
                    _ => {
                        let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
                        Some((format!("({})", words.join(" OR ")), true))
                    }
                }
            }
            Node::Phrase(phrase) if phrase.slop == 0 => {
                let more = if phrase.begins { " *" } else { "" };
                Some((format!("\"{}\"{more}", phrase.words.join(" ")), false))
            }
            Node::Phrase(phrase) => {
                let last = phrase.words.len() - 1;
                let word = |(at, word): (usize, &Text)| match phrase.begins && at == last {
                    true => format!("\"{word}\" *"),
                    false => quoted(word),
                };
                let words: Vec<String> = phrase.words.iter().enumerate().map(word).collect();
                Some((format!("({})", words.join(" AND ")), false))
            }
            Node::Any(any) => {
                let mut parts = Vec::with_capacity(any.len());
                let mut is_all = true;
                for node in any {
                    let Some((part, exact)) = self.narrow(node)? else { return Ok(None) };
                    is_all &= exact;
                    parts.push(part);
                }
                Some((format!("({})", parts.join(" OR ")), is_all))
            }
            Node::All(all) => {
                let (mut parts, mut without) = (Vec::new(), Vec::new());
                let mut is_all = true;
                for node in all {
                    if let Node::Not(node) = node {
                        // More must not be left out than is asked for.
                        match self.narrow(node)? {
                            Some((part, true)) => without.push(part),
                            _ => is_all = false,
                        }
                        continue;
                    }
                    match self.narrow(node)? {
                        Some((part, exact)) => {
                            is_all &= exact;
                            parts.push(part);
                        }
                        None => is_all = false,
                    }
                }
                if parts.is_empty() {
                    return Ok(None);
                }
                let mut expression = format!("({})", parts.join(" AND "));
                for part in without {
                    expression = format!("({expression} NOT {part})");
                }
                Some((expression, is_all))
            }
            Node::Not(_) => None,
        })
    }

    /// The words of the store that are like one.
    fn like(&self, word: &str, edits: usize) -> Outcome<Vec<String>> {
        let mut statement = self.connection().prepare_cached("SELECT term FROM vocabulary")?;
        let mut rows = statement.query([])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let term = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
            if query::is_like(word, term, edits) {
                found.push(term.to_owned());
                if found.len() > EXPANDED {
                    break;
                }
            }
        }
        Ok(found)
    }

    /// Current versions that may be what is asked for, at these places of the
    /// log and at most so many, in their order. Those behind
    /// [`FullText::built`] are not among them.
    pub fn candidates_in(
        &self,
        dataset: &str,
        candidates: &Candidates,
        places: std::ops::Range<u64>,
        limit: usize,
    ) -> Result<Vec<Version>, StoreError> {
        let Some(dataset) = self.dataset(dataset)? else { return Ok(Vec::new()) };
        let read = || -> Outcome<Vec<Version>> {
            let at: Vec<i64> = self
                .connection()
                .prepare_cached(
                    "SELECT rowid FROM words WHERE words MATCH ?1 AND rowid >= ?2 AND rowid < ?3 \
                     ORDER BY rowid LIMIT ?4",
                )?
                .query_map(
                    (
                        &candidates.0,
                        dataset.at(places.start),
                        dataset.at(places.end.max(places.start)),
                        limit as i64,
                    ),
                    |row| row.get(0),
                )?
                .collect::<rusqlite::Result<_>>()?;
            let mut found = Vec::with_capacity(at.len());
            for at in at {
                let place = schema::place(at);
                found.extend(versions::version(self.connection(), &dataset, place)?);
            }
            Ok(found)
        };
        Ok(read()?)
    }
}

/// A question as the index takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidates(String);
