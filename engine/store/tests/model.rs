//! Random use of a store against a model of it in memory.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use common::property;
use pipewright_entity::{Entity, Key, Text, Value, Version};
use pipewright_store::{
    Batch, Compaction, Durability, FullRun, Past, Position, Reader, Select, Store, StoreError,
    Subset, Write,
};
use proptest::prelude::*;

const DATASETS: [&str; 2] = ["d", "e"];
const PROPERTIES: [&str; 2] = ["x", "y"];

/// One step of a history.
#[derive(Clone, Debug)]
enum Step {
    /// Batches committed together; in each, writes to datasets.
    Commit(Vec<Vec<(usize, Change)>>),
    /// The same, with indexes left behind.
    Deferred(Vec<(usize, Change)>),
    BeginFullRun(usize),
    /// Ids that the running full run has seen, and writes of it.
    Seen(Vec<u8>, Vec<Change>),
    /// Whether it comes to its end.
    EndFullRun(bool),
    EnsureIndex(usize, usize),
    /// Opens the store again: no index is registered any more.
    Reopen,
    Reset(usize),
    Track(usize, Option<u64>),
    Compact(usize, Compaction),
    Retract(usize, u8),
    Purge,
}

#[derive(Clone, Debug)]
enum Change {
    Put {
        id: u8,
        x: Vec<u8>,
        y: u8,
        force: bool,
    },
    Delete {
        id: u8,
        force: bool,
    },
    DeletedWith {
        id: u8,
        y: u8,
    },
    /// Expects a place, which may be wrong.
    Expecting {
        id: u8,
        y: u8,
        expected: Option<u64>,
    },
}

fn change() -> impl Strategy<Value = Change> {
    let id = 0u8..12;
    prop_oneof![
        8 => (id.clone(), prop::collection::vec(0u8..4, 0..3), 0u8..3, prop::bool::weighted(0.1))
            .prop_map(|(id, x, y, force)| Change::Put { id, x, y, force }),
        3 => (id.clone(), prop::bool::weighted(0.1))
            .prop_map(|(id, force)| Change::Delete { id, force }),
        1 => (id.clone(), 0u8..3).prop_map(|(id, y)| Change::DeletedWith { id, y }),
        1 => (id, 0u8..3, prop::option::of(0u64..20))
            .prop_map(|(id, y, expected)| Change::Expecting { id, y, expected }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let writes = || prop::collection::vec((0usize..2, change()), 0..8);
    let ids = prop::collection::vec(0u8..12, 0..6);
    let compaction =
        (0u32..4, prop::option::weighted(0.3, 0i64..40), prop::option::weighted(0.3, 0i64..40))
            .prop_map(|(keep_versions, keep_since, forget_deleted)| Compaction {
                keep_versions,
                keep_since,
                forget_deleted,
                ..Compaction::default()
            });
    prop_oneof![
        10 => prop::collection::vec(writes(), 1..4).prop_map(Step::Commit),
        2 => writes().prop_map(Step::Deferred),
        2 => (0usize..2).prop_map(Step::BeginFullRun),
        3 => (ids, prop::collection::vec(change(), 0..5)).prop_map(|(ids, c)| Step::Seen(ids, c)),
        2 => any::<bool>().prop_map(Step::EndFullRun),
        4 => (0usize..2, 0usize..2).prop_map(|(d, p)| Step::EnsureIndex(d, p)),
        2 => Just(Step::Reopen),
        1 => (0usize..2).prop_map(Step::Reset),
        3 => (0usize..2, prop::option::of(0u64..15)).prop_map(|(d, since)| Step::Track(d, since)),
        4 => (0usize..2, compaction).prop_map(|(d, keep)| Step::Compact(d, keep)),
        1 => (0usize..2, 0u8..12).prop_map(|(d, id)| Step::Retract(d, id)),
        1 => Just(Step::Purge),
    ]
}

fn name(id: u8) -> Text {
    format!("id-{id}").into()
}

impl Change {
    fn write(&self) -> Write {
        let content = |id: u8, y: u8| Entity::new(name(id)).with("y", i64::from(y));
        match self {
            Change::Put { id, x, y, force } => {
                let x: Vec<Value> = x.iter().map(|x| Value::Int(i64::from(*x))).collect();
                let write = Write::new(content(*id, *y).with("x", Value::list(x)));
                Write { force: *force, ..write }
            }
            Change::Delete { id, force } => Write { force: *force, ..Write::delete(name(*id)) },
            Change::DeletedWith { id, y } => Write::new(content(*id, *y).with("_deleted", true)),
            Change::Expecting { id, y, expected } => {
                Write::new(content(*id, *y)).expecting(*expected)
            }
        }
    }
}

/// A dataset as the model has it.
#[derive(Clone, Default)]
struct Log {
    /// Every version ever stored; those compaction removed are `None`.
    versions: Vec<Option<Version>>,
    current: BTreeMap<Text, u64>,
    tracked: Option<Option<u64>>,
    /// Places at which indexes may have entries that nobody maintains are not
    /// modelled: an index that is ready must be right.
    exists: bool,
}

impl Log {
    fn get(&self, id: &str) -> Option<&Version> {
        self.current.get(id).and_then(|place| self.versions[*place as usize].as_ref())
    }

    /// Stores one version as documented, or says that the write is refused.
    fn write(&mut self, write: &Write, ts: i64) -> Result<bool, ()> {
        let id = write.entity.id();
        let current = self.get(id).cloned();
        if let Some(expected) = write.expected
            && expected != current.as_ref().map(|version| version.updated)
        {
            return Err(());
        }
        let bare = write.entity.is_deleted() && write.entity.dict().len() == 2;
        let content = match (&current, bare) {
            (None, true) => return Ok(false),
            (Some(version), true) if version.entity.is_deleted() && !write.force => {
                return Ok(false);
            }
            (Some(version), true) => version.entity.clone().with("_deleted", true),
            (_, false) => write.entity.content(),
        };
        let hash = content.content_hash();
        if !write.force && current.as_ref().is_some_and(|version| version.hash == hash) {
            return Ok(false);
        }
        let updated = self.versions.len() as u64;
        let previous = current.map(|version| version.updated);
        self.current.insert(id.clone(), updated);
        self.versions.push(Some(Version { entity: content, updated, previous, ts, hash }));
        Ok(true)
    }

    /// Places of an entity's versions that are left, the newest first.
    fn chain(&self, id: &str) -> Vec<u64> {
        let mut chain = Vec::new();
        let mut next = self.current.get(id).copied();
        while let Some(version) = next.and_then(|place| self.versions[place as usize].as_ref()) {
            chain.push(version.updated);
            next = version.previous;
        }
        chain
    }

    fn compact(&mut self, keep: Compaction) {
        let length = self.versions.len() as u64;
        let tracked = self.tracked.map_or(length, |since| since.map_or(0, |since| since + 1));
        for id in self.current.keys().cloned().collect::<Vec<_>>() {
            let chain = self.chain(&id);
            let may_go = |depth: usize, place: u64| {
                let newer = chain[depth - 1] < tracked;
                let ts = self.versions[place as usize].as_ref().unwrap().ts;
                // By number, the versions that count are those a pipe has seen.
                let seen = chain.iter().filter(|place| **place < tracked).count();
                let ahead = chain.len() - seen;
                match keep.keep_since {
                    None => newer && depth >= ahead + keep.keep_versions.max(1) as usize,
                    Some(since) => {
                        newer && depth >= keep.keep_versions.max(1) as usize && ts < since
                    }
                }
            };
            let first = (1..chain.len())
                .find(|first| (*first..chain.len()).all(|depth| may_go(depth, chain[depth])));
            let gone: Vec<u64> = first.map_or(Vec::new(), |first| chain[first..].to_vec());
            gone.iter().for_each(|place| self.versions[*place as usize] = None);
            if let Some(before) = keep.forget_deleted {
                let version = self.get(&id).unwrap();
                if version.entity.is_deleted() && version.ts < before && version.updated < tracked {
                    for place in self.chain(&id) {
                        self.versions[place as usize] = None;
                    }
                    self.current.remove(&id);
                }
            }
        }
    }
}

/// The store and the model side by side.
struct World {
    dir: tempfile::TempDir,
    store: Option<Store>,
    logs: [Log; 2],
    registered: BTreeSet<(usize, usize)>,
    run: Option<(usize, FullRun, Seen)>,
    ts: i64,
}

/// What a full run has to know in the model.
#[derive(Default)]
struct Seen {
    length: usize,
    ids: BTreeSet<Text>,
    replaced: bool,
}

impl World {
    fn new() -> World {
        let dir = tempfile::tempdir().unwrap();
        let store = Some(Store::open(dir.path()).unwrap());
        let logs = Default::default();
        World { dir, store, logs, registered: BTreeSet::new(), run: None, ts: 0 }
    }

    /// A batch that does not wait for the disk.
    fn batch(&self) -> Batch {
        let mut batch = self.store().batch(self.ts);
        batch.set_durability(Durability::Normal);
        batch
    }

    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    /// Applies writes to the model: all of them or none.
    fn apply(&mut self, writes: &[(usize, Write)]) -> Result<(), ()> {
        let mut logs = self.logs.clone();
        for (dataset, write) in writes {
            logs[*dataset].exists = true;
            logs[*dataset].write(write, self.ts)?;
        }
        self.logs = logs;
        Ok(())
    }

    fn step(&mut self, step: Step) {
        self.ts += 1;
        match step {
            Step::Commit(batches) => {
                let mut prepared = Vec::new();
                let mut expected = Vec::new();
                for changes in batches {
                    let mut batch = self.batch();
                    let writes: Vec<_> = changes
                        .iter()
                        .map(|(dataset, change)| (*dataset, change.write()))
                        .collect();
                    // A batch keeps the order per dataset; so does the model.
                    for (dataset, write) in &writes {
                        batch.append(DATASETS[*dataset], write.clone());
                    }
                    expected.push(self.apply(&writes).is_ok());
                    prepared.push(batch);
                }
                let results = self.store().commit_all(prepared);
                for (result, expected) in results.iter().zip(expected) {
                    match result {
                        Ok(_) => assert!(expected),
                        Err(StoreError::Conflict { .. }) => assert!(!expected),
                        Err(error) => panic!("{error}"),
                    }
                }
            }
            Step::Deferred(changes) => {
                let mut batch = self.batch();
                let writes: Vec<_> =
                    changes.iter().map(|(dataset, change)| (*dataset, change.write())).collect();
                for (dataset, write) in &writes {
                    batch.append(DATASETS[*dataset], write.clone());
                    batch.defer_indexes(DATASETS[*dataset]);
                }
                assert_eq!(self.store().commit(batch).is_ok(), self.apply(&writes).is_ok());
            }
            Step::BeginFullRun(dataset) => {
                let run = self.store().full_run(DATASETS[dataset]).unwrap();
                let length = self.logs[dataset].versions.len();
                self.run = Some((dataset, run, Seen { length, ..Seen::default() }));
            }
            Step::Seen(ids, changes) => {
                let Some((dataset, run, mut seen)) = self.run.take() else { return };
                for id in ids {
                    run.seen(&name(id)).unwrap();
                    seen.ids.insert(name(id));
                }
                let mut batch = self.batch();
                batch.mark_seen(&run);
                let writes: Vec<_> =
                    changes.iter().map(|change| (dataset, change.write())).collect();
                for (_, write) in &writes {
                    batch.append(DATASETS[dataset], write.clone());
                }
                match self.store().commit(batch) {
                    Ok(_) => {
                        self.apply(&writes).unwrap();
                        self.logs[dataset].exists = true;
                        seen.ids.extend(writes.iter().map(|(_, write)| write.entity.id().clone()));
                    }
                    Err(StoreError::Conflict { .. }) => {
                        assert!(self.apply(&writes).is_err());
                        // Some may have been marked: they were in the source.
                        // Tell the run and the model of all of them.
                        for (_, write) in &writes {
                            run.seen(write.entity.id()).unwrap();
                            seen.ids.insert(write.entity.id().clone());
                        }
                    }
                    Err(StoreError::DatasetReplaced(_)) => assert!(seen.replaced),
                    Err(error) => panic!("{error}"),
                }
                self.run = Some((dataset, run, seen));
            }
            Step::EndFullRun(complete) => {
                let Some((dataset, run, seen)) = self.run.take() else { return };
                if !complete {
                    return;
                }
                let mut batch = self.batch();
                batch.delete_unseen(run);
                match self.store().commit(batch) {
                    Ok(_) => {
                        let log = &mut self.logs[dataset];
                        log.exists = true;
                        let unseen: Vec<(u64, Text)> = log
                            .current
                            .iter()
                            .filter(|(id, place)| {
                                (**place as usize) < seen.length && !seen.ids.contains(*id)
                            })
                            .map(|(id, place)| (*place, id.clone()))
                            .collect::<BTreeSet<_>>()
                            .into_iter()
                            .collect();
                        for (_, id) in unseen {
                            log.write(&Write::delete(id), self.ts).unwrap();
                        }
                    }
                    Err(StoreError::DatasetReplaced(_)) => assert!(seen.replaced),
                    Err(error) => panic!("{error}"),
                }
            }
            Step::EnsureIndex(dataset, nth) => {
                let keys = Arc::new(property(PROPERTIES[nth]));
                self.store().ensure_index(DATASETS[dataset], PROPERTIES[nth], keys).unwrap();
                self.registered.insert((dataset, nth));
            }
            Step::Reopen => {
                self.run = None;
                self.store = None;
                self.store = Some(Store::open(self.dir.path()).unwrap());
                self.registered.clear();
            }
            Step::Reset(dataset) => {
                let reset = self.store().reset_dataset(DATASETS[dataset]);
                assert_eq!(reset.is_ok(), self.logs[dataset].exists);
                if reset.is_ok() {
                    self.logs[dataset] = Log { exists: true, ..Log::default() };
                    if let Some((of, _, seen)) = &mut self.run {
                        // One that began before the dataset was there has
                        // nothing to delete.
                        seen.replaced |= *of == dataset;
                        seen.length = if *of == dataset { 0 } else { seen.length };
                    }
                }
            }
            Step::Track(dataset, since) => {
                let reader = self.store().reader().unwrap();
                let Some(known) = reader.dataset(DATASETS[dataset]).unwrap() else { return };
                let mut batch = self.batch();
                let generation = known.generation.clone();
                let position = Position { dataset: known.id.clone(), generation, since };
                batch.set_position("pipe", position);
                self.store().commit(batch).unwrap();
                self.logs[dataset].tracked = Some(since);
            }
            Step::Compact(dataset, keep) => {
                if self.logs[dataset].exists {
                    self.store().compact(DATASETS[dataset], keep, || true).unwrap();
                    self.logs[dataset].compact(keep);
                }
            }
            Step::Retract(dataset, id) => {
                if self.logs[dataset].exists {
                    self.store().retract(DATASETS[dataset], [name(id).as_str()]).unwrap();
                    let chain = self.logs[dataset].chain(&name(id));
                    for place in chain.iter().skip(1) {
                        self.logs[dataset].versions[*place as usize] = None;
                    }
                }
            }
            Step::Purge => {
                self.store().purge(7).unwrap();
            }
        }
    }

    fn check(&self) {
        let reader = self.store().reader().unwrap();
        for (nth, log) in self.logs.iter().enumerate() {
            let found = reader.dataset(DATASETS[nth]).unwrap();
            assert_eq!(found.is_some(), log.exists);
            if log.exists {
                self.check_dataset(&reader, nth, log);
            }
        }
    }

    fn check_dataset(&self, reader: &Reader, nth: usize, log: &Log) {
        let dataset = DATASETS[nth];
        let known = reader.dataset(dataset).unwrap().unwrap();
        let left: Vec<&Version> = log.versions.iter().flatten().collect();
        let is_deleted = |version: &&&Version| version.entity.is_deleted();
        let mut current: Vec<&Version> =
            log.current.keys().map(|id| log.get(id).unwrap()).collect();
        current.sort_by_key(|version| version.updated);
        let deleted = |versions: &[&Version]| versions.iter().filter(is_deleted).count() as u64;
        assert_eq!(known.length, log.versions.len() as u64);
        assert_eq!(known.deleted, deleted(&current));
        assert_eq!(known.live, current.len() as u64 - deleted(&current));
        assert_eq!(known.log_deleted, deleted(&left));
        assert_eq!(known.log_live, left.len() as u64 - deleted(&left));
        let bytes: usize = left.iter().map(|version| version.entity.to_bytes().len()).sum();
        assert_eq!(known.bytes, bytes as u64);

        let read = |since, select: Select| -> Vec<Version> {
            let changes = reader.changes(dataset, since, None, select).unwrap();
            changes.map(Result::unwrap).collect()
        };
        let owned =
            |versions: &[&Version]| -> Vec<Version> { versions.iter().copied().cloned().collect() };
        let all = Select { history: true, ..Select::default() };
        assert_eq!(read(None, all), owned(&left));
        assert_eq!(read(None, Select::default()), owned(&current));
        let since = known.length / 2;
        let late: Vec<&Version> =
            current.iter().copied().filter(|version| version.updated > since).collect();
        assert_eq!(read(Some(since), Select::default()), owned(&late));
        for id in (0..13).map(name) {
            assert_eq!(reader.get(dataset, &id).unwrap().as_ref(), log.get(&id));
            let chain = log.chain(&id);
            let history = reader.history(dataset, &id, 99).unwrap();
            assert_eq!(history.iter().map(|version| version.updated).collect::<Vec<_>>(), chain);
            let past = chain.iter().find(|place| **place <= since);
            match reader.previous_version(dataset, &id, Some(since)).unwrap() {
                Past::Version(version) => assert_eq!(Some(&version.updated), past),
                Past::Absent => assert_eq!(past, None),
                Past::Compacted => {
                    assert_eq!(past, None);
                    assert!(history.last().unwrap().previous.is_some());
                }
            }
        }
        for (property_of, expression) in PROPERTIES.into_iter().enumerate() {
            let lookup =
                |key: &Key| reader.lookup(dataset, expression, key).map(|found| found.to_vec());
            for value in 0..4 {
                let key = Value::Int(value).key();
                let has = |version: &Version| {
                    let mut keys = Vec::new();
                    property(expression)(&version.entity, &mut keys);
                    keys.contains(&key)
                };
                let members: Vec<Version> = current
                    .iter()
                    .filter(|version| !version.entity.is_deleted() && has(version))
                    .map(|version| (*version).clone())
                    .collect();
                match lookup(&key) {
                    Ok(found) => assert_eq!(found, members),
                    // Deferred, or registered anew and not caught up.
                    Err(StoreError::IndexBehind { .. }) => {
                        assert!(self.registered.contains(&(nth, property_of)));
                        continue;
                    }
                    Err(StoreError::NoIndex { .. }) => {
                        assert!(!self.registered.contains(&(nth, property_of)));
                        continue;
                    }
                    Err(error) => panic!("{error}"),
                }
                let subset = Some(Subset { expression: expression.into(), key: key.clone() });
                let select = Select { subset, ..Select::default() };
                assert_eq!(read(None, select.clone()), members);
                self.check_subset_changes(log, since, &read(Some(since), select), has);
            }
        }
    }

    /// Following the changes of a subset leads to the subset.
    fn check_subset_changes(
        &self,
        log: &Log,
        since: u64,
        changes: &[Version],
        has: impl Fn(&Version) -> bool,
    ) {
        let is_member = |version: &Version| !version.entity.is_deleted() && has(version);
        for (id, place) in &log.current {
            let now = log.get(id).unwrap();
            let change = changes.iter().find(|version| version.entity.id() == id);
            if *place <= since {
                assert!(change.is_none());
                continue;
            }
            let before = log.chain(id).into_iter().find(|place| *place <= since);
            let before = before.and_then(|place| log.versions[place as usize].as_ref());
            if is_member(now) {
                assert_eq!(change, Some(now));
            } else if before.is_some_and(is_member) {
                assert!(change.unwrap().entity.is_deleted());
            } else if let Some(change) = change {
                // Said once too often, which does no harm.
                assert!(change.entity.is_deleted());
            }
        }
    }
}

/// A store on disk is slow to make; more on request.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(100)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn a_store_does_what_its_model_does(steps in prop::collection::vec(step(), 1..30)) {
        let mut world = World::new();
        for step in steps {
            world.step(step);
            world.check();
        }
    }
}
