//! Entities per second, beside SQLite storing the same bytes.

use crate::measure::{Targets, Took, median, time};
use crate::project::{Place, copy_and_add, csv, numbers, of, people, run_all};

pub(crate) fn throughput(count: usize, shuffled: bool, rounds: usize, targets: &mut Targets) {
    let order = if shuffled { "shuffled ids" } else { "ordered ids" };
    let text = csv(&numbers(count, shuffled));
    let (mut limits, mut more_limits) = (Vec::new(), Vec::new());
    let (mut reads, mut copies, mut again) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let place = Place::new(&[people(), copy_and_add()]);
        place.put("people.csv", &text);
        let node = place.open();
        let times = run_all(&node);
        reads.push(of(&times, "people"));
        copies.push(of(&times, "added"));
        again.push(of(&run_all(&node), "people"));
        let rows = |dataset: &str| -> Vec<Row> {
            node.store().reader().unwrap().current(dataset).unwrap().map(row).collect()
        };
        limits.push(limit(&rows("people")));
        more_limits.push(limit(&rows("added")));
    }
    let (limit, more) = (median(limits), median(more_limits));
    let rate = |took: Took| count as f64 / took.cpu.as_secs_f64();
    let tell = |what: &str, took: Took| {
        println!(
            "{order}, {what}: {:.0} entities per second of processor time, {:.0} of time passed",
            rate(took),
            count as f64 / took.wall.as_secs_f64(),
        );
    };
    let (read, copy, again) = (median(reads), median(copies), median(again));
    tell("the best SQLite loop, what CSV gives", limit);
    tell("the best SQLite loop, what the transform gives", more);
    tell("CSV to dataset", read);
    tell("dataset through copy and 5 adds to dataset", copy);
    tell("CSV read again, unchanged", again);
    targets.least(&format!("{order}, CSV to dataset"), rate(read) / rate(limit), 0.6, "of SQLite");
    targets.least(&format!("{order}, copy and 5 adds"), rate(copy) / rate(more), 0.5, "of SQLite");
    targets.least(&format!("{order}, unchanged"), rate(again) / rate(limit), 1.3, "of SQLite");
}

/// What the store keeps of an entity.
struct Row {
    id: String,
    source: i64,
    hash: Vec<u8>,
    body: Vec<u8>,
}

fn row(version: Result<pipewright_entity::Version, pipewright_store::StoreError>) -> Row {
    let version = version.unwrap();
    Row {
        id: version.entity.id().to_string(),
        source: version.updated as i64,
        hash: version.hash.0.to_vec(),
        body: version.entity.to_bytes(),
    }
}

/// The best loop there is around SQLite for the same bytes in the same tables:
/// commits as large as the store's largest, names in the order of their index.
fn limit(rows: &[Row]) -> Took {
    const COMMIT: usize = 50_000;
    let dir = tempfile::tempdir().unwrap();
    let mut db = rusqlite::Connection::open(dir.path().join("limit.db")).unwrap();
    db.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -65536;
         PRAGMA wal_autocheckpoint = 8192; PRAGMA temp_store = MEMORY;
         CREATE TABLE name (dataset INTEGER NOT NULL, id TEXT NOT NULL, updated INTEGER NOT NULL,
           deleted INTEGER NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (dataset, id)) WITHOUT ROWID;
         CREATE TABLE version (at INTEGER PRIMARY KEY, previous INTEGER, ts INTEGER NOT NULL,
           deleted INTEGER NOT NULL, run INTEGER, source, hash BLOB NOT NULL, body BLOB NOT NULL);
         CREATE TABLE latest (at INTEGER PRIMARY KEY, deleted INTEGER NOT NULL);",
    )
    .unwrap();
    let (_, took) = time(|| {
        for (nth, chunk) in rows.chunks(COMMIT).enumerate() {
            let first = (nth * COMMIT) as i64;
            let transaction = db.transaction().unwrap();
            {
                let mut version = transaction
                    .prepare_cached("INSERT INTO version VALUES (?, NULL, 1, 0, 1, ?, ?, ?)")
                    .unwrap();
                for (at, row) in chunk.iter().enumerate() {
                    let at = first + at as i64;
                    version.execute((at, row.source, &row.hash, &row.body)).unwrap();
                }
                let mut names: Vec<usize> = (0..chunk.len()).collect();
                names.sort_unstable_by(|a, b| chunk[*a].id.cmp(&chunk[*b].id));
                let mut name =
                    transaction.prepare_cached("INSERT INTO name VALUES (1, ?, ?, 0, ?)").unwrap();
                for at in names {
                    let row = &chunk[at];
                    name.execute((&row.id, first + at as i64, &row.hash)).unwrap();
                }
                let mut latest =
                    transaction.prepare_cached("INSERT INTO latest VALUES (?, 0)").unwrap();
                for at in 0..chunk.len() {
                    latest.execute([first + at as i64]).unwrap();
                }
            }
            transaction.commit().unwrap();
        }
    });
    took
}
