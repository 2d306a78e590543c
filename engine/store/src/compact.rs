//! Removing versions nobody needs any more.
//!
//! Versions go from the oldest on, so that what is left of an entity is always
//! its newest versions without a gap. The current version stays, and so does
//! what dependency tracking still has to compare with: for each pipe that
//! tracks the dataset, the version that was current at its position
//! (documentation page `hub/features/compaction-feature`).

use rusqlite::{Connection, OptionalExtension};

use crate::batch::Durability;
use crate::dataset::{self, Dataset};
use crate::error::Outcome;
use crate::store::Store;
use crate::{StoreError, rank, run, schema, state, versions};

/// Versions looked at per commit.
const STEP: usize = 2_000;

/// What to keep of a dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compaction {
    /// How many of the newest versions of each entity to keep (property
    /// `compaction.keep_versions`). The current one is kept even when this
    /// is 0.
    pub keep_versions: u32,
    /// Keep what was stored at or after this time, in microseconds since 1970
    /// (property `compaction.time_threshold_hours`).
    pub keep_since: Option<i64>,
    /// Remove entities for good that are deleted since before this time, in
    /// microseconds since 1970 (property `compaction.ttl_deletes_hours`).
    pub forget_deleted: Option<i64>,
    /// The first place that some reader of current versions has not read yet:
    /// deletions from there on are not removed for good.
    pub unread: Option<u64>,
    /// The first place that some reader of all versions has not read yet:
    /// versions from there on stay.
    pub unread_versions: Option<u64>,
}

impl Default for Compaction {
    /// Two versions of each entity: the fewest that dependency tracking can
    /// work with.
    fn default() -> Compaction {
        Compaction {
            keep_versions: 2,
            keep_since: None,
            forget_deleted: None,
            unread: None,
            unread_versions: None,
        }
    }
}

/// What a compaction did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Versions removed.
    pub versions: u64,
    /// Entities removed for good.
    pub entities: u64,
    /// Whether it came to the end, rather than being told to stop.
    pub complete: bool,
}

impl Store {
    /// Removes versions of a dataset that are not to be kept, in steps between
    /// which others can commit; `go_on` is asked before each step.
    ///
    /// Compaction by number goes on where it ended the last time, so its cost
    /// follows what was written since; compaction by time looks at every
    /// entity. The space is used again, and given back by [`Store::purge`].
    pub fn compact(
        &self,
        dataset: &str,
        keep: Compaction,
        mut go_on: impl FnMut() -> bool,
    ) -> Result<Compacted, StoreError> {
        let mut done = Compacted::default();
        if keep.keep_since.is_none() {
            loop {
                if !go_on() {
                    return Ok(done);
                }
                if self.step(dataset, keep, &mut done, |step| step.by_number(keep.keep_versions))? {
                    break;
                }
            }
        }
        let passes = [
            keep.keep_since.map(|since| (Pass::Aged { keep: keep.keep_versions, since }, 0)),
            keep.forget_deleted.map(|before| (Pass::Forget { before }, 0)),
        ];
        for (pass, mut place) in passes.into_iter().flatten() {
            loop {
                if !go_on() {
                    return Ok(done);
                }
                if self
                    .step(dataset, keep, &mut done, |step| step.over_current(pass, &mut place))?
                {
                    break;
                }
            }
        }
        done.complete = true;
        Ok(done)
    }

    /// Removes all versions of these entities but the current one, whatever
    /// else is to be kept (property `compaction.retract`).
    pub fn retract<'i>(
        &self,
        dataset: &str,
        ids: impl IntoIterator<Item = &'i str>,
    ) -> Result<Compacted, StoreError> {
        let mut done = Compacted::default();
        let mut ids = ids.into_iter();
        self.step(dataset, Compaction::default(), &mut done, |step| {
            for id in ids.by_ref() {
                if let Some(current) = versions::current(step.connection, &step.dataset, id)? {
                    let old = step.tail(current, u64::MAX, |depth, _| depth >= 1)?;
                    step.remove(&old)?;
                }
            }
            Ok(true)
        })?;
        done.complete = true;
        Ok(done)
    }

    /// Removes the beginning of an execution log: every version stored before
    /// a time (microseconds since 1970), current ones too (property
    /// `compaction.time_threshold_hours_pump`).
    pub fn trim_log(
        &self,
        pipe: &str,
        before: i64,
        mut go_on: impl FnMut() -> bool,
    ) -> Result<Compacted, StoreError> {
        let dataset = crate::names::execution_log(pipe);
        let mut done = Compacted::default();
        while go_on() {
            if self.step(&dataset, Compaction::default(), &mut done, |step| step.trim(before))? {
                done.complete = true;
                break;
            }
        }
        Ok(done)
    }

    /// One step in a transaction. Whether there is nothing left to do.
    fn step(
        &self,
        dataset: &str,
        keep: Compaction,
        done: &mut Compacted,
        work: impl FnOnce(&mut Step<'_>) -> Outcome<bool>,
    ) -> Result<bool, StoreError> {
        let (compacted, complete) = self.inner().write(Durability::Normal, |connection| {
            let dataset = dataset::get(connection, dataset)?;
            let tracked = tracked(connection, &dataset)?;
            let mut step = Step {
                connection,
                dataset: dataset.clone(),
                tracked,
                unread: keep.unread.unwrap_or(u64::MAX),
                unread_versions: keep.unread_versions.unwrap_or(u64::MAX),
                ranks: rank::Deltas::default(),
                done: Compacted::default(),
            };
            let complete = work(&mut step)?;
            step.ranks.save(connection, step.dataset.number)?;
            // Nothing to write, nothing to commit.
            if step.dataset != dataset {
                dataset::save(connection, &step.dataset)?;
            }
            Ok((step.done, complete))
        })?;
        done.versions += compacted.versions;
        done.entities += compacted.entities;
        Ok(complete)
    }
}

/// How much of the log every pipe that tracks the dataset has looked at. A
/// position in another generation compares with nothing here.
fn tracked(connection: &Connection, dataset: &Dataset) -> Outcome<u64> {
    let positions = state::positions_in(connection, &dataset.id)?;
    let ends = positions
        .iter()
        .filter(|(_, position)| position.generation == dataset.generation)
        .map(|(_, position)| position.since.map_or(0, |since| since.saturating_add(1)));
    Ok(ends.min().unwrap_or(dataset.length))
}

#[derive(Clone, Copy)]
enum Pass {
    Aged { keep: u32, since: i64 },
    Forget { before: i64 },
}

struct Step<'a> {
    connection: &'a Connection,
    dataset: Dataset,
    /// Versions from this place on do not count as newer ones: a pipe has yet
    /// to compare them with what was before.
    tracked: u64,
    /// Deletions from this place on have not been read by everybody.
    unread: u64,
    /// Versions from this place on have not.
    unread_versions: u64,
    ranks: rank::Deltas,
    done: Compacted,
}

/// A version, without its body.
struct Slim {
    place: u64,
    previous: Option<u64>,
    ts: i64,
    deleted: bool,
    run: Option<i64>,
    bytes: u64,
}

impl Step<'_> {
    /// Follows the log from where compaction ended: whatever lies too far
    /// behind a version of the same entity goes.
    fn by_number(&mut self, keep: u32) -> Outcome<bool> {
        let keep = keep.max(1);
        let end = self.tracked.min(self.dataset.length).min(self.unread_versions);
        if keep < self.dataset.compacted_keep {
            self.dataset.compacted = 0;
        }
        self.dataset.compacted_keep = keep;
        let places: Vec<(u64, bool)> = self
            .connection
            .prepare_cached(
                "SELECT at, previous IS NOT NULL FROM version WHERE at >= ? AND at < ? \
                 ORDER BY at LIMIT ?",
            )?
            .query_map(
                (self.dataset.at(self.dataset.compacted), self.dataset.at(end), STEP as i64),
                |row| Ok((schema::place(row.get(0)?), row.get(1)?)),
            )?
            .collect::<rusqlite::Result<_>>()?;
        for (place, _) in places.iter().filter(|(_, has_previous)| *has_previous) {
            let old = self.tail(*place, u64::MAX, |depth, _| depth >= keep as usize)?;
            self.remove(&old)?;
        }
        let complete = places.len() < STEP;
        let reached = places.last().map_or(0, |(place, _)| place + 1);
        let reached = if complete { end } else { reached };
        self.dataset.compacted = self.dataset.compacted.max(reached);
        Ok(complete)
    }

    /// Looks at the entities in the order of their current versions.
    fn over_current(&mut self, pass: Pass, from: &mut u64) -> Outcome<bool> {
        let places: Vec<(u64, bool)> = self
            .connection
            .prepare_cached(
                "SELECT at, deleted FROM latest WHERE at >= ? AND at < ? ORDER BY at LIMIT ?",
            )?
            .query_map(
                (self.dataset.at(*from), self.dataset.at(self.dataset.length), STEP as i64),
                |row| Ok((schema::place(row.get(0)?), row.get(1)?)),
            )?
            .collect::<rusqlite::Result<_>>()?;
        for (place, deleted) in &places {
            match pass {
                Pass::Aged { keep, since } => {
                    let keep = keep.max(1) as usize;
                    let tracked = self.tracked;
                    let old = self.tail(*place, tracked, |depth, version| {
                        depth >= keep && version.ts < since
                    })?;
                    self.remove(&old)?;
                }
                Pass::Forget { before } => {
                    if *deleted && *place < self.tracked.min(self.unread) {
                        self.forget(*place, before)?;
                    }
                }
            }
        }
        let complete = places.len() < STEP;
        *from = places.last().map_or(*from, |(place, _)| place + 1);
        Ok(complete)
    }

    /// The beginning of the log, as far as it is older than a time.
    fn trim(&mut self, before: i64) -> Outcome<bool> {
        let places: Vec<u64> = self
            .connection
            .prepare_cached("SELECT at FROM version WHERE at >= ? AND at < ? ORDER BY at LIMIT ?")?
            .query_map(
                (self.dataset.at(0), self.dataset.at(self.dataset.length), STEP as i64),
                |row| Ok(schema::place(row.get(0)?)),
            )?
            .collect::<rusqlite::Result<_>>()?;
        let count = places.len();
        for place in places {
            let Some(version) = self.slim(place)? else { continue };
            if version.ts >= before {
                return Ok(true);
            }
            if self.is_current(place)? {
                self.forget_name(place, version.deleted)?;
            }
            self.remove(&[version])?;
        }
        Ok(count < STEP)
    }

    /// The oldest versions of an entity that may go, seen from one of its
    /// versions at depth 0. One may go if something newer lies before
    /// `tracked`, if `may_go` says so, and if all older ones may go.
    fn tail(
        &self,
        from: u64,
        tracked: u64,
        may_go: impl Fn(usize, &Slim) -> bool,
    ) -> Outcome<Vec<Slim>> {
        let mut tail = Vec::new();
        let (mut next, mut newer, mut depth) = (Some(from), u64::MAX, 0);
        while let Some(place) = next {
            let Some(version) = self.slim(place)? else { break };
            next = version.previous.filter(|previous| *previous < place);
            let has_newer = depth > 0 && (newer < tracked || tracked == u64::MAX);
            let has_newer = has_newer && place < self.unread_versions;
            if has_newer && may_go(depth, &version) {
                tail.push(version);
            } else {
                tail.clear();
            }
            newer = place;
            depth += 1;
        }
        Ok(tail)
    }

    fn slim(&self, place: u64) -> Outcome<Option<Slim>> {
        let found = self
            .connection
            .prepare_cached(
                "SELECT previous, ts, deleted, run, length(body) FROM version WHERE at = ?",
            )?
            .query_row([self.dataset.at(place)], |row| {
                Ok(Slim {
                    place,
                    previous: row.get::<_, Option<i64>>(0)?.map(|previous| previous as u64),
                    ts: row.get(1)?,
                    deleted: row.get(2)?,
                    run: row.get(3)?,
                    bytes: row.get::<_, i64>(4)? as u64,
                })
            })
            .optional()?;
        Ok(found)
    }

    fn remove(&mut self, versions: &[Slim]) -> Outcome<()> {
        let mut delete = self.connection.prepare_cached("DELETE FROM version WHERE at = ?")?;
        for version in versions {
            delete.execute([self.dataset.at(version.place)])?;
            if let Some(run) = version.run {
                run::release(self.connection, run, 1)?;
            }
            if version.deleted {
                self.dataset.log_deleted -= 1;
            } else {
                self.dataset.log_live -= 1;
            }
            self.dataset.bytes -= version.bytes.min(self.dataset.bytes);
            self.ranks.log(version.place, version.deleted, -1);
            self.done.versions += 1;
        }
        Ok(())
    }

    fn is_current(&self, place: u64) -> Outcome<bool> {
        Ok(self
            .connection
            .prepare_cached("SELECT 1 FROM latest WHERE at = ?")?
            .exists([self.dataset.at(place)])?)
    }

    /// Removes a deleted entity with all its versions.
    fn forget(&mut self, current: u64, before: i64) -> Outcome<()> {
        let Some(version) = self.slim(current)? else { return Ok(()) };
        if version.ts >= before {
            return Ok(());
        }
        let mut all = self.tail(current, u64::MAX, |_, _| true)?;
        self.forget_name(current, true)?;
        all.push(version);
        self.remove(&all)
    }

    /// Takes an entity out of the current ones.
    fn forget_name(&mut self, current: u64, deleted: bool) -> Outcome<()> {
        let entity = versions::entity(self.connection, &self.dataset, current)?
            .ok_or_else(|| StoreError::Damaged("a current version is missing".into()))?;
        self.connection
            .prepare_cached("DELETE FROM name WHERE dataset = ? AND id = ?")?
            .execute((self.dataset.number, entity.id().as_str()))?;
        self.connection
            .prepare_cached("DELETE FROM latest WHERE at = ?")?
            .execute([self.dataset.at(current)])?;
        if deleted {
            self.dataset.deleted -= 1;
        } else {
            self.dataset.live -= 1;
        }
        self.ranks.current(current, deleted, -1);
        self.done.entities += 1;
        Ok(())
    }
}
