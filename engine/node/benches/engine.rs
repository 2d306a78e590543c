//! How fast a node is, beside SQLite storing the same bytes in the same run; how
//! much memory a million entities take; how far one change has to travel.
//!
//! `cargo xtask bench engine` runs it. Times of the store and the pumps are
//! compared by processor time, medians of rounds that alternate, as that holds on
//! a machine that others use. The last line is a summary; the exit code is 0 only
//! when every target holds. Arguments: which parts of it (`ordered`, `shuffled`,
//! `memory`, `change`, `pipes`; all when none is named), entities of the comparison
//! (200000), of memory and changes (1000000), rounds (3).
#![allow(clippy::unwrap_used, missing_docs)]

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::{Duration, Instant};

use pipewright_component::{Access, Cancel, NoVariables, Surroundings, SystemClock};
use pipewright_config::{Project, SourceFile};
use pipewright_entity::{Entity, Text, Value};
use pipewright_node::{Ending, Node, Options, Permission, Settings};
use pipewright_pump::{Flow, Plan, Report, Resources, RunRequest, Silent, compile, run, settle};
use pipewright_store::{Store, Write};
use pipewright_systems::Systems;
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use uuid::Uuid;

const PART: &str = "PIPEWRIGHT_BENCH_PART";
const PARTS: [&str; 5] = ["ordered", "shuffled", "memory", "change", "pipes"];

fn main() -> ExitCode {
    let numbers: Vec<usize> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    let number = |place: usize, or: usize| numbers.get(place).copied().unwrap_or(or);
    let (count, many, rounds) = (number(0, 200_000), number(1, 1_000_000), number(2, 3));
    if let Ok(part) = std::env::var(PART) {
        match part.as_str() {
            "memory" => memory(many),
            "change" => change(many),
            other => panic!("{other}"),
        }
        return ExitCode::SUCCESS;
    }
    let named: Vec<String> =
        std::env::args().filter(|word| PARTS.contains(&word.as_str())).collect();
    let wanted = |part: &str| named.is_empty() || named.iter().any(|word| word == part);
    let mut targets = Targets::default();
    for (part, shuffled) in [("ordered", false), ("shuffled", true)] {
        if wanted(part) {
            throughput(count, shuffled, rounds, &mut targets);
        }
    }
    if wanted("memory") {
        let peak = number_of(&part("memory", many), "peak");
        targets.most(&format!("{many} entities, peak memory"), peak / 1e6, 300.0, "MB");
    }
    if wanted("change") {
        let few = number_of(&part("change", 10_000), "change");
        let most = number_of(&part("change", many), "change");
        println!(
            "one change, two hops and a merge: {few:.1} ms among 10000, {most:.1} ms among {many}"
        );
        targets.most(&format!("one change among {many}"), most, 100.0, "ms");
        targets.most("the same, beside 10000 entities", most / few, 2.0, "times");
    }
    if wanted("pipes") {
        pipes(&mut targets);
    }
    targets.summary()
}

#[derive(Default)]
struct Targets {
    missed: Vec<String>,
    count: usize,
}

impl Targets {
    fn least(&mut self, what: &str, found: f64, target: f64, unit: &str) {
        self.check(what, found, target, unit, found >= target, "at least");
    }

    fn most(&mut self, what: &str, found: f64, target: f64, unit: &str) {
        self.check(what, found, target, unit, found <= target, "at most");
    }

    fn check(&mut self, what: &str, found: f64, target: f64, unit: &str, holds: bool, way: &str) {
        let word = if holds { "holds" } else { "MISSED" };
        println!("{word:<7} {what}: {found:.2} {unit} (target {way} {target} {unit})");
        self.count += 1;
        if !holds {
            self.missed.push(what.to_owned());
        }
    }

    fn summary(self) -> ExitCode {
        let held = self.count - self.missed.len();
        if self.missed.is_empty() {
            println!("bench engine: all {held} targets hold");
            return ExitCode::SUCCESS;
        }
        println!(
            "bench engine: {held} of {} targets hold; missed: {}",
            self.count,
            self.missed.join("; ")
        );
        ExitCode::FAILURE
    }
}

/// Runs a part in a process of its own and gives what it prints.
fn part(name: &str, count: usize) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["0", &count.to_string()])
        .env(PART, name)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{name}: {text}{}", String::from_utf8_lossy(&output.stderr));
    print!("{text}");
    text
}

/// The number on the line that begins with a word.
fn number_of(text: &str, word: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(word)).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// Processor time and time passed.
#[derive(Clone, Copy, Default)]
struct Took {
    cpu: Duration,
    wall: Duration,
}

/// The processor time of this process; the time passed where nobody tells.
fn cpu() -> Duration {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let told = std::fs::read_to_string("/proc/self/stat").ok().and_then(|stat| {
        let (_, rest) = stat.rsplit_once(") ")?;
        let mut fields = rest.split(' ').skip(11);
        let ticks = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
        // Linux counts these in hundredths of a second on every machine.
        Some(Duration::from_millis(ticks * 10))
    });
    told.unwrap_or_else(|| START.get_or_init(Instant::now).elapsed())
}

fn time<T>(work: impl FnOnce() -> T) -> (T, Took) {
    let (begun, before) = (Instant::now(), cpu());
    let result = work();
    (result, Took { cpu: cpu() - before, wall: begun.elapsed() })
}

fn median(mut times: Vec<Took>) -> Took {
    times.sort_by_key(|took| took.cpu);
    times[times.len() / 2]
}

/// The places of a sequence in an order that looks like chance.
fn shuffle<T>(list: &mut [T]) {
    let mut seed = 1u64;
    for place in (1..list.len()).rev() {
        // Knuth's constants for a 64-bit linear congruential generator.
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        list.swap(place, (seed >> 33) as usize % (place + 1));
    }
}

fn numbers(count: usize, shuffled: bool) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..count).collect();
    if shuffled {
        shuffle(&mut numbers);
    }
    numbers
}

fn csv(numbers: &[usize]) -> String {
    let mut text = String::from("id,name,email,street,city,age,created,score,note,group\n");
    for n in numbers {
        let _ = writeln!(
            text,
            "person-{n:08},First{} Last{n},person{n}@example.org,Storgata {},City{},{},2024-01-{:02}T10:20:30Z,{}.{},a note of some length that says {n},{}",
            n % 97,
            n % 200,
            n % 50,
            18 + n % 70,
            1 + n % 28,
            n % 1000,
            n % 10,
            n % 1000,
        );
    }
    text
}

/// A project folder with a store.
struct Place {
    home: TempDir,
}

impl Place {
    fn new(pipes: &[Json]) -> Place {
        let place = Place { home: tempfile::tempdir().unwrap() };
        let files = json!({"_id": "files", "type": "system:url", "url_pattern": "file:%s"});
        place.put("systems/files.conf.json", &files.to_string());
        for pipe in pipes {
            place.pipe(pipe);
        }
        place
    }

    fn pipe(&self, pipe: &Json) {
        let mut pipe = pipe.clone();
        pipe["type"] = json!("pipe");
        let id = pipe["_id"].as_str().unwrap();
        self.put(&format!("pipes/{id}.conf.json"), &pipe.to_string());
    }

    fn put(&self, path: &str, text: &str) {
        let file = self.home.path().join("project").join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }

    fn open(&self) -> Arc<Node> {
        let mut options = Options::new(self.home.path().join("project"));
        options.store = Some(self.home.path().join("store"));
        options.settings = Some(Settings::in_folder(&self.home.path().join("settings")));
        options.read_outside = Permission::Live;
        Node::open(options).unwrap()
    }
}

fn people() -> Json {
    json!({"_id": "people", "source": {
        "type": "csv", "system": "files", "url": "people.csv", "primary_key": "id",
    }})
}

fn copy_and_add() -> Json {
    json!({
        "_id": "added",
        "source": {"type": "dataset", "dataset": "people"},
        "transform": {"type": "dtl", "rules": {"default": [
            ["copy", "*"],
            ["add", "upper", ["upper", "_S.name"]],
            ["add", "label", ["concat", "_S.street", ", ", "_S.city"]],
            ["add", "next", ["plus", 1, ["integer", "_S.age"]]],
            ["add", "first", ["first", ["split", " ", "_S.name"]]],
            ["add", "old", ["gt", ["integer", "_S.age"], 60]],
        ]}},
    })
}

/// Runs everything until it is stable; processor time and time passed by pipe.
fn run_all(node: &Arc<Node>) -> Vec<(Text, Took)> {
    let mut times = Vec::new();
    let mut before = (Instant::now(), cpu());
    let settled = node.run_until_stable(false, &Cancel::new(), &Silent, &mut |report| {
        assert!(report.ending == Ending::Completed && report.counts.failed == 0, "{report:#?}");
        let now = (Instant::now(), cpu());
        times.push((report.pipe.clone(), Took { cpu: now.1 - before.1, wall: now.0 - before.0 }));
        before = now;
    });
    assert!(settled.skipped.is_empty() && settled.restless.is_empty());
    times
}

fn of(times: &[(Text, Took)], pipe: &str) -> Took {
    times.iter().find(|(id, _)| id == pipe).unwrap().1
}

fn throughput(count: usize, shuffled: bool, rounds: usize, targets: &mut Targets) {
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

/// A million entities from CSV through DTL and into a merge.
fn memory(count: usize) {
    let others = json!({"_id": "others", "source": {
        "type": "csv", "system": "files", "url": "others.csv", "primary_key": "id",
    }});
    let merge = json!({"_id": "merged", "source": {
        "type": "merge", "version": 2, "identity": "first", "strategy": "compact",
        "datasets": ["added a", "others o"], "equality": [["eq", "a._id", "o._id"]],
    }});
    let place = Place::new(&[people(), others, copy_and_add(), merge]);
    place.put("people.csv", &csv(&numbers(count, true)));
    place.put("others.csv", &csv(&numbers(count / 10, false)));
    let node = place.open();
    for (pipe, took) in run_all(&node) {
        println!(
            "{pipe}, {count} entities: {:.1} s of processor time, {:.1} s passed",
            took.cpu.as_secs_f64(),
            took.wall.as_secs_f64()
        );
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok());
    println!("peak {} bytes", peak.unwrap_or(u64::MAX / 1024) * 1024);
}

/// A store with pipes that this program drives.
struct Driven {
    store: Store,
    plans: Vec<Plan>,
    systems: Systems,
    surroundings: Surroundings,
    _dir: TempDir,
}

impl Driven {
    fn new(pipes: &[Json]) -> Driven {
        let dir = tempfile::tempdir().unwrap();
        let files = pipes.iter().map(|pipe| {
            let mut pipe = pipe.clone();
            pipe["type"] = json!("pipe");
            let id = pipe["_id"].as_str().unwrap().to_owned();
            SourceFile::new(format!("pipes/{id}.conf.json"), pipe.to_string())
        });
        let project = Project::load(files, None);
        Driven {
            store: Store::open(dir.path()).unwrap(),
            plans: project.pipes().map(|pipe| compile(pipe, &project).unwrap()).collect(),
            systems: Systems::new(),
            surroundings: Surroundings {
                access: Access::LIVE,
                cancel: Cancel::new(),
                clock: Arc::new(SystemClock),
                variables: Arc::new(NoVariables),
                ..Surroundings::held()
            },
            _dir: dir,
        }
    }

    fn put(&self, dataset: &str, entities: impl Iterator<Item = Entity>) {
        let mut batch = self.store.batch(1);
        for entity in entities {
            batch.append(dataset, Write::new(entity));
        }
        self.store.commit(batch).unwrap();
    }

    fn run(&self, pipe: &str) -> Report {
        let plan = self.plans.iter().find(|plan| plan.id() == pipe).unwrap();
        let resources = Resources {
            store: &self.store,
            components: &self.systems,
            surroundings: &self.surroundings,
            metadata: None,
            random: &Uuid::new_v4,
        };
        let report = run(plan, &resources, RunRequest::default(), &Silent);
        assert!(report.is_success(), "{report:#?}");
        report
    }

    fn flow(&self) -> Flow {
        Flow::new(self.plans.iter().map(Plan::flow_pipe).collect())
    }

    /// Runs what is marked; how many runs that were.
    fn settle(&self, flow: &mut Flow) -> usize {
        let mut runs = 0;
        let restless = settle(flow, |pipe| {
            runs += 1;
            Some(self.run(pipe))
        });
        assert!(restless.is_empty());
        runs
    }
}

/// One change in a dataset that another looks up, which a second looks up, and
/// which is merged.
fn change(count: usize) {
    let hop = |id: &str, source: &str, into: &str, looked_up: &str| {
        json!({
            "_id": id,
            "source": {"type": "dataset", "dataset": source},
            "transform": {"type": "dtl", "rules": {"default": [
                ["copy", "*"],
                ["add", id, ["hops", {
                    "datasets": [format!("{into} h")], "where": [["eq", "_S.ref", "h._id"]],
                    "return": format!("h.{looked_up}"),
                }]],
            ]}},
        })
    };
    let node = Driven::new(&[
        hop("near", "a", "b", "value"),
        hop("far", "c", "near", "near"),
        json!({"_id": "merged", "source": {
            "type": "merge", "version": 2, "identity": "first", "datasets": ["far f", "a a"],
            "equality": [["eq", "f._id", "a._id"]],
        }}),
    ]);
    let entity = |n: usize, value: usize| {
        Entity::new(format!("e{n}"))
            .with("ref", Value::from(format!("e{}", (n * 7 + 1) % count).as_str()))
            .with("value", value as i64)
    };
    for dataset in ["a", "b", "c"] {
        for start in (0..count).step_by(50_000) {
            node.put(dataset, (start..(start + 50_000).min(count)).map(|n| entity(n, 0)));
        }
    }
    let mut flow = node.flow().with_all();
    flow.mark_all();
    let (_, took) = time(|| node.settle(&mut flow));
    println!(
        "{count} entities through two hops and a merge: {:.1} s passed",
        took.wall.as_secs_f64()
    );
    let mut times = Vec::new();
    for nth in 1..=9 {
        let begun = Instant::now();
        node.put("b", std::iter::once(entity(count / 2 + nth, nth)));
        flow.changed("b");
        assert_eq!(node.settle(&mut flow), 3, "the change goes all the way");
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    println!("change {:.2} ms in the middle of 9", times[4].as_secs_f64() * 1e3);
}

/// Many pipes: what one more takes, and what they all take when nothing happens.
fn pipes(targets: &mut Targets) {
    const PIPES: usize = 500;
    let nth = |n: usize| {
        json!({
            "_id": format!("pipe-{n}"),
            "source": {"type": "dataset", "dataset": format!("pipe-{}", n / 2)},
            "transform": {"type": "dtl", "rules": {"default": [
                ["copy", "*"],
                ["add", "x", ["hops", {
                    "datasets": [format!("pipe-{} h", n / 3)],
                    "where": [["eq", "_S.ref", "h._id"]],
                }]],
            ]}},
        })
    };
    let mut all = vec![json!({"_id": "pipe-0", "source": {"type": "embedded", "entities": []}})];
    all.extend((1..PIPES).map(nth));
    let place = Place::new(&all);
    let node = place.open();
    let mut times = Vec::new();
    for n in 0..5 {
        place.pipe(&nth(PIPES + n));
        let (result, took) = time(|| node.reload("one more"));
        result.unwrap();
        times.push(took.wall);
    }
    times.sort_unstable();
    targets.most("one more pipe beside 500", times[2].as_secs_f64() * 1e3, 50.0, "ms");
    node.set_trusted(true).unwrap();
    node.start_running().unwrap();
    idle(Duration::from_secs(5));
    let share = idle(Duration::from_secs(10));
    targets.most("500 idle pipes", share * 100.0, 1.0, "% of a processor");
    assert!(Path::new(node.root()).is_dir());
}

/// The share of a processor that this process takes while nothing is asked.
fn idle(wait: Duration) -> f64 {
    let before = cpu();
    std::thread::sleep(wait);
    (cpu() - before).as_secs_f64() / wait.as_secs_f64()
}
