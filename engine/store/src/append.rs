//! Writing versions to a dataset inside a transaction.

use std::borrow::Cow;

use pipewright_entity::binary::{Decoder, Encoder};
use pipewright_entity::{Entity, Hash, Text, Value, Version};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql, params};

use crate::batch::{Prepared, Writes, Written};
use crate::dataset::Dataset;
use crate::error::Outcome;
use crate::full_run::FullRun;
use crate::index::{self, Open, Registry};
use crate::{StoreError, rank, run, schema, text, versions};

/// Unseen entities deleted at a time.
const STEP: usize = 1_000;

/// Writes to one dataset; [`Appender::finish`] puts its counts back.
pub(crate) struct Appender<'a> {
    connection: &'a Connection,
    run: &'a mut run::Run,
    ts: i64,
    dataset: Dataset,
    indexes: Vec<Open<'a>>,
    /// How far the full text is, if there is one to keep up.
    text: Option<u64>,
    ranks: rank::Deltas,
    tally: Written,
}

/// The current version of an entity, as far as writing needs to know it.
#[derive(Clone, Copy)]
struct Current {
    updated: u64,
    deleted: bool,
    hash: Hash,
}

/// What is to be stored: whether it is a deletion, its hash and its bytes.
struct Content<'w> {
    deleted: bool,
    hash: Hash,
    body: Cow<'w, [u8]>,
}

/// An entity that this call writes, perhaps more than once.
struct Slot<'w> {
    id: &'w Text,
    /// Before this call.
    before: Option<Current>,
    now: Option<Current>,
    /// The content of `now`, if this call wrote it.
    new: Option<Cow<'w, [u8]>>,
}

/// How many names of others are passed at most on the way to the next one
/// before it is looked for anew.
const PATIENCE: usize = 16;

impl<'a> Appender<'a> {
    pub(crate) fn new(
        connection: &'a Connection,
        run: &'a mut run::Run,
        ts: i64,
        dataset: Dataset,
        registry: &'a Registry,
        defer_indexes: bool,
    ) -> Outcome<Appender<'a>> {
        let tally = Written {
            dataset: dataset.id.clone(),
            written: 0,
            unchanged: 0,
            unseen_deleted: 0,
            last_offset: None,
        };
        let indexes = index::open(connection, &dataset, registry, defer_indexes)?;
        let text = text::built(connection, &dataset)?;
        let ranks = rank::Deltas::default();
        Ok(Appender { connection, run, ts, dataset, indexes, text, ranks, tally })
    }

    /// Stores what differs, in order. What is the same counts as seen.
    pub(crate) fn write(&mut self, writes: &Writes, seen: Option<&FullRun>) -> Outcome<()> {
        let before = self.dataset.length;
        let (mut slots, slot_of) = self.slots(&writes.all)?;
        let mut same = Vec::new();
        {
            let mut insert = self.connection.prepare_cached(
                "INSERT INTO version (at, previous, ts, deleted, run, source, hash, body) \
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            )?;
            for (write, slot) in writes.all.iter().zip(slot_of) {
                let slot = &mut slots[slot as usize];
                if let Some(place) = write.place
                    && self.has_passed(place, write)?
                {
                    self.tally.unchanged += 1;
                    continue;
                }
                if let Some(expected) = write.expected {
                    self.check_expected(expected, slot)?;
                }
                let Some(content) = self.differing(writes, write, slot)? else {
                    self.tally.unchanged += 1;
                    same.extend(slot.now.map(|now| now.updated));
                    continue;
                };
                let Content { deleted, hash, body } = content;
                if let Some(place) = write.place {
                    self.dataset.length = place;
                }
                let updated = self.count(slot.now, deleted, body.len())?;
                insert.execute(params![
                    self.dataset.at(updated),
                    slot.now.map(|now| now.updated as i64),
                    self.ts,
                    deleted,
                    self.run.number(self.connection)?,
                    write.source.as_ref().map(SourceOffset),
                    hash.0,
                    body.as_ref(),
                ])?;
                self.run.stored();
                slot.now = Some(Current { updated, deleted, hash });
                slot.new = Some(body);
            }
        }
        if let Some(run) = seen {
            run.mark(same);
        }
        if self.dataset.length > before {
            self.dataset.last_modified = Some(self.ts);
            self.write_names(&slots)?;
            self.write_latest(&slots)?;
        }
        self.keep_text(&slots)?;
        self.write_indexes(slots, before)
    }

    /// Deletes what was there when the run began and was not seen since, in
    /// steps of bounded size.
    pub(crate) fn delete_unseen(&mut self, run: &FullRun) -> Outcome<()> {
        run.settle()?;
        let (mut next, end) = (0, run.end());
        while next < end {
            let mut places = self.live(next, end)?;
            let Some(last) = places.last() else { break };
            next = last + 1;
            run.retain_unseen(&mut places);
            let mut writes = Writes::default();
            for place in places {
                let mut entity = self.read(place)?.with("_deleted", true);
                if run.marks_deletions() {
                    entity = entity.with("$deletion_tracked", true);
                }
                writes.push(entity.into());
            }
            let before = self.tally.written;
            self.write(&writes, None)?;
            self.tally.unseen_deleted += self.tally.written - before;
        }
        Ok(())
    }

    /// Writes back the dataset's counts and how far its indexes are.
    pub(crate) fn finish(
        mut self,
        populated: bool,
        completeness: Option<Option<i64>>,
    ) -> Outcome<Written> {
        if populated && self.dataset.initial_offset.is_none() {
            self.dataset.initial_offset = Some(self.dataset.length);
        }
        if let Some(completeness) = completeness {
            self.dataset.completeness = completeness;
        }
        crate::dataset::save(self.connection, &self.dataset)?;
        self.ranks.save(self.connection, self.dataset.number)?;
        index::save(self.connection, &self.indexes)?;
        self.tally.last_offset = self.dataset.last_offset();
        Ok(self.tally)
    }

    /// One slot per id, ordered by id so that the names are read and written
    /// in the order of their pages, and the slot of each write.
    fn slots<'w>(&self, writes: &'w [Prepared]) -> Outcome<(Vec<Slot<'w>>, Vec<u32>)> {
        let mut order: Vec<u32> = (0..writes.len() as u32).collect();
        order.sort_by_key(|index| &writes[*index as usize].id);
        let mut slots: Vec<Slot<'w>> = Vec::with_capacity(writes.len());
        let mut slot_of = vec![0; writes.len()];
        for index in order {
            let id = &writes[index as usize].id;
            if slots.last().is_none_or(|slot| slot.id != id) {
                slots.push(Slot { id, before: None, now: None, new: None });
            }
            slot_of[index as usize] = slots.len() as u32 - 1;
        }
        if self.dataset.length > 0 {
            self.find(&mut slots)?;
        }
        Ok((slots, slot_of))
    }

    /// Fills in what the entities are before this call, in one walk along the
    /// names. Where many others lie between two of them, the second is looked
    /// for from the top of the index.
    fn find(&self, slots: &mut [Slot<'_>]) -> Outcome<()> {
        let damaged = |cause: &dyn std::error::Error| {
            StoreError::Damaged(format!("a name in dataset \"{}\": {cause}", self.dataset.id))
        };
        let mut select = self.connection.prepare_cached(
            "SELECT id, updated, deleted, hash FROM name WHERE dataset = ? AND id >= ? ORDER BY id",
        )?;
        let mut slots = slots.iter_mut().peekable();
        let mut patience = PATIENCE;
        while let Some(slot) = slots.peek() {
            let mut rows = select.query((self.dataset.number, slot.id.as_str()))?;
            let mut passed = 0;
            while passed <= patience {
                let Some(row) = rows.next()? else { return Ok(()) };
                let id = row.get_ref(0)?.as_str().map_err(|error| damaged(&error))?;
                // Those that come before are not there.
                while slots.next_if(|slot| slot.id.as_str() < id).is_some() {}
                let Some(slot) = slots.next_if(|slot| slot.id == id) else {
                    passed += 1;
                    continue;
                };
                let current = Current {
                    updated: row.get::<_, i64>(1)? as u64,
                    deleted: row.get(2)?,
                    hash: Hash(row.get(3)?),
                };
                (slot.before, slot.now) = (Some(current), Some(current));
                passed = 0;
                patience = PATIENCE.min(patience + 1);
            }
            patience /= 2;
        }
        Ok(())
    }

    fn check_expected(&self, expected: Option<u64>, slot: &Slot<'_>) -> Result<(), StoreError> {
        let found = slot.now.map(|now| now.updated);
        if found == expected {
            return Ok(());
        }
        let (dataset, id) = (self.dataset.id.clone(), slot.id.clone());
        Err(StoreError::Conflict { dataset, id, expected, found })
    }

    /// Whether the log goes beyond a place already, where nothing else may
    /// stand than this.
    fn has_passed(&self, place: u64, write: &Prepared) -> Outcome<bool> {
        if place >= self.dataset.length {
            return Ok(false);
        }
        let stored = versions::version(self.connection, &self.dataset, place)?;
        let same = |stored: Version| {
            *stored.entity.id() == write.id
                && match &write.encoded {
                    Some((hash, _)) => stored.hash == *hash,
                    None => stored.entity.is_deleted(),
                }
        };
        // Where nothing stands, it was the same as before or was compacted.
        match stored.is_none_or(same) {
            true => Ok(true),
            false => {
                let (dataset, id) = (self.dataset.id.clone(), write.id.clone());
                Err(StoreError::Diverged { dataset, place, id }.into())
            }
        }
    }

    /// What is to be stored, if anything.
    fn differing<'w>(
        &self,
        writes: &'w Writes,
        write: &Prepared,
        slot: &Slot<'w>,
    ) -> Outcome<Option<Content<'w>>> {
        let Some((hash, place)) = &write.encoded else {
            // A deletion without properties of its own: keeps the last ones.
            let Some(now) = slot.now else { return Ok(None) };
            if now.deleted && !write.force {
                return Ok(None);
            }
            let last = match &slot.new {
                Some(body) => self.decode(now.updated, body)?,
                None => self.read(now.updated)?,
            };
            let mut body = Vec::new();
            let hash = Encoder::default().content(&last.with("_deleted", true), &mut body);
            return Ok(Some(Content { deleted: true, hash, body: body.into() }));
        };
        Ok(match slot.now {
            Some(now) if now.hash == *hash && !write.force => None,
            _ => Some(Content {
                deleted: write.deleted,
                hash: *hash,
                body: writes.body(place).into(),
            }),
        })
    }

    /// Counts one more version and gives its place.
    fn count(&mut self, old: Option<Current>, deleted: bool, bytes: usize) -> Outcome<u64> {
        let dataset = &mut self.dataset;
        let updated = dataset.length;
        if updated >= schema::MAX_LENGTH {
            return Err(StoreError::Limit("versions in a dataset").into());
        }
        dataset.length += 1;
        dataset.bytes += bytes as u64;
        self.ranks.log(updated, deleted, 1);
        self.tally.written += 1;
        match old {
            Some(old) if old.deleted => dataset.deleted -= 1,
            Some(_) => dataset.live -= 1,
            None => {}
        }
        if deleted {
            dataset.deleted += 1;
            dataset.log_deleted += 1;
        } else {
            dataset.live += 1;
            dataset.log_live += 1;
        }
        Ok(updated)
    }

    fn write_names(&self, slots: &[Slot<'_>]) -> Outcome<()> {
        let mut insert = self.connection.prepare_cached(
            "INSERT INTO name (updated, deleted, hash, dataset, id) VALUES (?, ?, ?, ?, ?)",
        )?;
        let mut update = self.connection.prepare_cached(
            "UPDATE name SET updated = ?, deleted = ?, hash = ? WHERE dataset = ? AND id = ?",
        )?;
        for (slot, now) in changed(slots) {
            let statement = if slot.before.is_some() { &mut update } else { &mut insert };
            statement.execute(params![
                now.updated as i64,
                now.deleted,
                now.hash.0,
                self.dataset.number,
                slot.id.as_str(),
            ])?;
        }
        Ok(())
    }

    fn write_latest(&mut self, slots: &[Slot<'_>]) -> Outcome<()> {
        let mut gone: Vec<u64> = Vec::new();
        let mut come: Vec<(u64, bool)> = Vec::with_capacity(slots.len());
        for (slot, now) in changed(slots) {
            if let Some(before) = slot.before {
                gone.push(before.updated);
                self.ranks.current(before.updated, before.deleted, -1);
            }
            come.push((now.updated, now.deleted));
            self.ranks.current(now.updated, now.deleted, 1);
        }
        gone.sort_unstable();
        come.sort_unstable();
        let mut delete = self.connection.prepare_cached("DELETE FROM latest WHERE at = ?")?;
        for updated in gone {
            delete.execute([self.dataset.at(updated)])?;
        }
        let mut insert =
            self.connection.prepare_cached("INSERT INTO latest (at, deleted) VALUES (?, ?)")?;
        for (updated, deleted) in come {
            insert.execute((self.dataset.at(updated), deleted))?;
        }
        Ok(())
    }

    /// Takes out of the full text what is no longer current.
    fn keep_text(&self, slots: &[Slot<'_>]) -> Outcome<()> {
        let Some(built) = self.text else { return Ok(()) };
        let gone = changed(slots)
            .filter_map(|(slot, _)| slot.before)
            .filter(|before| !before.deleted && before.updated < built);
        text::take_out(self.connection, &self.dataset, gone.map(|before| before.updated))
    }

    fn write_indexes(&mut self, slots: Vec<Slot<'_>>, before: u64) -> Outcome<()> {
        let Some(built) = self.indexes.iter().map(Open::built).max() else { return Ok(()) };
        let grows = self.indexes.iter().any(|index| index.grows(before));
        let (mut removed, mut added) = (Vec::new(), Vec::new());
        for slot in slots {
            let Some(body) = slot.new else { continue };
            if let Some(old) = slot.before.filter(|old| !old.deleted && old.updated < built) {
                removed.push((self.read(old.updated)?, old.updated));
            }
            if let Some(now) = slot.now.filter(|now| grows && !now.deleted) {
                added.push((self.decode(now.updated, &body)?, now.updated));
            }
        }
        for index in &mut self.indexes {
            index.update(self.connection, &removed, &added, before..self.dataset.length)?;
        }
        Ok(())
    }

    /// Places of current versions that are not deleted.
    fn live(&self, from: u64, end: u64) -> Outcome<Vec<u64>> {
        let mut select = self.connection.prepare_cached(
            "SELECT at FROM latest WHERE at >= ? AND at < ? AND deleted = 0 ORDER BY at LIMIT ?",
        )?;
        let range = (self.dataset.at(from), self.dataset.at(end), STEP as i64);
        let places = select
            .query_map(range, |row| Ok(schema::place(row.get(0)?)))?
            .collect::<rusqlite::Result<_>>()?;
        Ok(places)
    }

    /// An entity of this call.
    fn decode(&self, updated: u64, body: &[u8]) -> Outcome<Entity> {
        versions::decode(&mut Decoder::default(), &self.dataset, updated, body)
    }

    fn read(&self, updated: u64) -> Outcome<Entity> {
        versions::entity(self.connection, &self.dataset, updated)?
            .ok_or_else(|| StoreError::Damaged("a current version is missing".into()).into())
    }
}

/// The slots that got a new version, with it.
fn changed<'s, 'w>(slots: &'s [Slot<'w>]) -> impl Iterator<Item = (&'s Slot<'w>, Current)> {
    slots.iter().filter_map(|slot| Some((slot, slot.now?))).filter(|(slot, _)| slot.new.is_some())
}

/// A source offset in a column: integers and strings as they are, anything
/// else in binary form.
pub(crate) struct SourceOffset<'v>(pub(crate) &'v Value);

impl ToSql for SourceOffset<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self.0 {
            Value::Int(number) => ToSqlOutput::Borrowed(ValueRef::Integer(*number)),
            Value::String(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            other => {
                let mut bytes = Vec::new();
                pipewright_entity::binary::write(other, &mut bytes);
                ToSqlOutput::Owned(rusqlite::types::Value::Blob(bytes))
            }
        })
    }
}
