//! How fast the store is, beside SQLite storing the same bytes in the same run.
//!
//! `cargo bench -p pipewright-store` prints entities per second and, where it
//! writes, the ratio to the plain insert. Arguments: number of entities
//! (default 100000), size of a batch (default 1000).
#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use pipewright_entity::{Entity, Key, Value};
use pipewright_store::{Durability, Select, Store, Write};

fn main() {
    let numbers: Vec<usize> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    let count = numbers.first().copied().unwrap_or(100_000);
    let batch = numbers.get(1).copied().unwrap_or(1_000);
    let ordered: Vec<Entity> = (0..count).map(|n| entity(n, 0)).collect();
    let mut shuffled = ordered.clone();
    shuffle(&mut shuffled);
    let size: usize = ordered.iter().map(|entity| entity.to_bytes().len()).sum();
    println!("{count} entities of {} bytes in batches of {batch}", size / count);

    let encode = time(|| {
        for entity in &shuffled {
            std::hint::black_box((entity.content_hash(), entity.to_bytes()));
        }
    });
    report("hash and encode only", count, encode, None);
    let plain = plain_insert(&shuffled, batch, false);
    report("SQLite, bytes by number", count, plain, Some(plain));
    let named = plain_insert(&shuffled, batch, true);
    report("SQLite, and by id", count, named, Some(plain));

    let bench = Bench { batch, plain };
    bench.write("append, ordered ids", &bench.open(), &ordered);
    let store = bench.open();
    bench.write("append, shuffled ids", &store, &shuffled);
    bench.write("append, nothing differs", &store, &ordered);
    let changed: Vec<Entity> = (0..count).map(|n| entity(n, 1)).collect();
    bench.write("append, all differ, ordered", &store, &changed);
    let mut changed: Vec<Entity> = (0..count).map(|n| entity(n, 2)).collect();
    shuffle(&mut changed);
    bench.write("append, all differ, shuffled", &store, &changed);
    bench.read(&store, count);
    bench.delete_unseen(&store, count);

    let store = bench.open();
    ensure_index(&store);
    bench.write("append, an index kept", &store, &shuffled);
    bench.write("append, an index kept, all differ", &store, &changed);
    bench.lookup(&store, count);
    let store = bench.open();
    bench.write("append, no index yet", &store, &shuffled);
    report("build the index", count, time(|| ensure_index(&store)), None);
}

struct Bench {
    batch: usize,
    plain: Took,
}

/// A store whose folder goes with it.
struct Opened {
    store: Store,
    _dir: tempfile::TempDir,
}

impl std::ops::Deref for Opened {
    type Target = Store;
    fn deref(&self) -> &Store {
        &self.store
    }
}

impl Bench {
    fn open(&self) -> Opened {
        let dir = tempfile::tempdir().unwrap();
        Opened { store: Store::open(dir.path()).unwrap(), _dir: dir }
    }

    fn write(&self, what: &str, store: &Store, entities: &[Entity]) {
        let took = time(|| {
            for (nth, chunk) in entities.chunks(self.batch).enumerate() {
                let mut batch = store.batch(nth as i64);
                batch.set_run("bench/1");
                batch.set_durability(Durability::Normal);
                for (m, entity) in chunk.iter().enumerate() {
                    batch.append("d", Write::new(entity.clone()).from_source(m as i64));
                }
                batch.set_offset("p", Some(Value::Int(nth as i64)));
                store.commit(batch).unwrap();
            }
        });
        report(what, entities.len(), took, Some(self.plain));
    }

    fn read(&self, store: &Store, count: usize) {
        let reader = store.reader().unwrap();
        let all = Select { history: true, ..Select::default() };
        let mut read = 0;
        let took = time(|| read = reader.changes("d", None, None, all).unwrap().count());
        report("read the whole log", read, took, None);
        let took =
            time(|| read = reader.changes("d", None, None, Select::default()).unwrap().count());
        report("read what is current", read, took, None);
        let ids: Vec<String> = (0..count).map(|n| id(n * 7_919 % count)).collect();
        let took = time(|| ids.iter().for_each(|id| drop(reader.get("d", id).unwrap().unwrap())));
        report("get by id, shuffled", count, took, None);
    }

    fn lookup(&self, store: &Store, count: usize) {
        let reader = store.reader().unwrap();
        let keys: Vec<Key> = (0..count).map(|n| group(n * 7_919 % count).key()).collect();
        let mut found = 0;
        let took = time(|| {
            for keys in keys.chunks(100) {
                let many = reader.lookup_many("d", INDEX, keys).unwrap();
                found += many.iter().map(Vec::len).sum::<usize>();
            }
        });
        report("look up keys, shuffled", count, took, None);
        assert_eq!(found, count * PER_GROUP);
    }

    fn delete_unseen(&self, store: &Store, count: usize) {
        let run = store.full_run("d").unwrap();
        for n in (0..count).step_by(2) {
            run.seen(&id(n)).unwrap();
        }
        let mut batch = store.batch(9);
        batch.set_durability(Durability::Normal);
        batch.delete_unseen(run);
        let mut deleted = 0;
        let took = time(|| deleted = store.commit(batch).unwrap().datasets[0].unseen_deleted);
        report("delete what was not seen", deleted as usize, took, Some(self.plain));
    }
}

const INDEX: &str = "[\"eq\",\"_S.group\"]";
const PER_GROUP: usize = 2;

fn ensure_index(store: &Store) {
    let keys = |entity: &Entity, keys: &mut Vec<Key>| {
        keys.extend(entity.get("group").map(Value::key));
    };
    store.ensure_index("d", INDEX, Arc::new(keys)).unwrap();
}

fn id(n: usize) -> String {
    format!("customer:{n:08}")
}

/// The key of an entity; as good as random, so that entries come in no order.
fn group(n: usize) -> Value {
    let group = (n / PER_GROUP) as u64;
    Value::string(format!("group-{:016x}", group.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
}

/// An entity as they come from a customer register.
fn entity(n: usize, version: usize) -> Entity {
    let list = |from: usize| -> Value {
        Value::list((from..from + 3).map(|n| Value::string(format!("tag{n}"))).collect::<Vec<_>>())
    };
    Entity::new(id(n))
        .with("customer:name", Value::string(format!("Customer number {n}")))
        .with("customer:email", Value::string(format!("customer.{n}@example.com")))
        .with("customer:city", Value::string("Somewhere by the sea"))
        .with("customer:orders", Value::Int(n as i64 % 97))
        .with("customer:active", true)
        .with("customer:note", Value::string("Pays late, buys much. ".repeat(4)))
        .with("customer:tags", list(n % 50))
        .with("$ids", Value::list(vec![Value::Ni(format!("customer:{n}").into())]))
        .with("group", group(n))
        .with("version", Value::Int(version as i64))
}

fn plain_insert(entities: &[Entity], batch: usize, by_id: bool) -> Took {
    let dir = tempfile::tempdir().unwrap();
    let db = rusqlite::Connection::open(dir.path().join("plain.db")).unwrap();
    db.pragma_update(None, "page_size", 4_096).unwrap();
    db.pragma_update(None, "journal_mode", "WAL").unwrap();
    db.pragma_update(None, "synchronous", "NORMAL").unwrap();
    db.pragma_update(None, "cache_size", -65_536).unwrap();
    db.pragma_update(None, "wal_autocheckpoint", 8_192).unwrap();
    let key = if by_id { "id TEXT UNIQUE" } else { "id TEXT" };
    db.execute_batch(&format!("CREATE TABLE t (n INTEGER PRIMARY KEY, {key}, body BLOB)")).unwrap();
    let bytes: Vec<(String, Vec<u8>)> =
        entities.iter().map(|entity| (entity.id().to_string(), entity.to_bytes())).collect();
    time(|| {
        for chunk in bytes.chunks(batch) {
            let transaction = db.unchecked_transaction().unwrap();
            let mut insert =
                transaction.prepare_cached("INSERT INTO t (id, body) VALUES (?, ?)").unwrap();
            for row in chunk {
                insert.execute((&row.0, &row.1)).unwrap();
            }
            drop(insert);
            transaction.commit().unwrap();
        }
    })
}

/// The same order in every run.
fn shuffle<T>(items: &mut [T]) {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for last in (1..items.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        items.swap(last, (state % (last as u64 + 1)) as usize);
    }
}

/// How long something took: by the clock, and on the processor where the
/// system tells, which other work on the machine does not change.
#[derive(Clone, Copy)]
struct Took {
    clock: Duration,
    processor: Option<Duration>,
}

fn time(work: impl FnOnce()) -> Took {
    let (start, before) = (Instant::now(), processor());
    work();
    let clock = start.elapsed();
    let processor = processor().zip(before).map(|(after, before)| after - before);
    Took { clock, processor }
}

/// Processor time of this thread so far.
fn processor() -> Option<Duration> {
    let line = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(Duration::from_nanos(line.split(' ').next()?.parse().ok()?))
}

fn report(what: &str, count: usize, took: Took, plain: Option<Took>) {
    let rate = |took: Duration| count as f64 / took.as_secs_f64();
    let of = |took: Took| took.processor.unwrap_or(took.clock).as_secs_f64();
    let on_processor = took
        .processor
        .map_or(String::new(), |took| format!("{:6.2} us on the processor", 1e6 / rate(took)));
    let ratio =
        plain.map_or(String::new(), |plain| format!("{:6.2} x plain", of(took) / of(plain)));
    println!("{what:34} {:8.0}/s {on_processor} {ratio}", rate(took.clock));
}
