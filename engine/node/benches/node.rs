//! Many clients that page through a large dataset while pipes write: whether
//! what they see is whole, how much memory the node takes for it, and how long a
//! page takes anywhere in the dataset.
//!
//! `cargo xtask bench node` runs it. The dataset is written anew in full several
//! times first, with all history kept. Clients call the node's router in this
//! process, so that times are those inside the node; memory is that of the
//! process, clients included. The exit code is 0 only when every target holds.
//! Arguments: entities (1000000), rewrites (10), clients (64).
#![allow(clippy::unwrap_used, missing_docs)]

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{Request, header};
use pipewright_entity::{Entity, Value};
use pipewright_node::{Node, Options, Settings};
use pipewright_protocol::studio::Role;
use pipewright_store::Durability;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use tower::ServiceExt;

/// Entities of a page that a client takes on its way through everything.
const PAGE: usize = 1_000;
/// Entities of a page whose time is taken.
const SHORT: usize = 100;
/// Pages whose time is taken.
const PAGES: usize = 500;
/// Entities of a commit while the dataset is made.
const COMMIT: usize = 20_000;
const PEOPLE: &str = "/api/datasets/people/entities";

fn main() -> ExitCode {
    let numbers: Vec<usize> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    let number = |place: usize, or: usize| numbers.get(place).copied().unwrap_or(or);
    let (count, rewrites, clients) = (number(0, 1_000_000), number(1, 10), number(2, 64));
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("project");
    std::fs::create_dir_all(folder.join("pipes")).unwrap();
    let pipe = json!({
        "_id": "copies", "type": "pipe",
        "source": {"type": "dataset", "dataset": "people"},
        "transform": {"type": "dtl", "rules": {"default": [
            ["copy", "*"], ["add", "label", ["concat", "_S._id", " ", "_S.name"]],
        ]}},
        "pump": {"schedule_interval": 1},
    });
    std::fs::write(folder.join("pipes/copies.conf.json"), pipe.to_string()).unwrap();
    let mut options = Options::new(&folder);
    options.settings = Some(Settings::in_folder(&dir.path().join("settings")));
    let node = Node::open(options).unwrap();
    let begin = Instant::now();
    for round in 0..=rewrites {
        make(&node, count, round);
    }
    println!(
        "{count} entities, written {} times in {:.0} s; {} MB of store",
        rewrites + 1,
        begin.elapsed().as_secs_f64(),
        size(dir.path()) / 1_000_000,
    );
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let holds = runtime.block_on(measure(node, count, rewrites, clients));
    if holds {
        println!("bench node: all targets hold");
        return ExitCode::SUCCESS;
    }
    println!("bench node: a target is missed");
    ExitCode::FAILURE
}

async fn measure(node: Arc<Node>, count: usize, rewrites: usize, clients: usize) -> bool {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let token = node.tokens().issue("bench", Role::Admin, now, Some(86_400));
    let caller = Caller { router: pipewright_node::router(node.clone()), token: token.into() };
    let mut holds = true;
    let mut most = |what: &str, found: f64, target: f64| {
        let word = if found <= target { "holds" } else { "MISSED" };
        println!("{word:<7} {what}: {found:.2} ms (target at most {target} ms)");
        holds &= found <= target;
    };
    for way in ["start", "since"] {
        let times = caller.pages(way, count).await;
        println!(
            "{SHORT} entities behind a chance {way}: median {:.2} ms, 99 of 100 within {:.2} ms",
            at(&times, 50),
            at(&times, 99),
        );
        most(&format!("{SHORT} entities by {way}"), at(&times, 50), 10.0);
    }

    forget_peak();
    println!("before the clients: {} MB of memory", memory("VmRSS:") / 1_000_000);
    node.set_trusted(true).unwrap();
    node.start_running().unwrap();
    let (ended, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let writer =
        tokio::spawn(caller.clone().write(count, rewrites, ended.clone(), written.clone()));
    let begin = Instant::now();
    let walks: Vec<_> = (0..clients)
        .map(|client| tokio::spawn(caller.clone().walk(client, count, rewrites)))
        .collect();
    let mut seen = 0;
    for walk in walks {
        seen += walk.await.unwrap();
    }
    let took = begin.elapsed();
    let beside = caller.pages("start", count).await;
    ended.store(true, Ordering::Release);
    writer.await.unwrap();
    println!(
        "{clients} clients saw {seen} entities in {:.0} s, {:.0} a second; meanwhile {} were \
         changed and the pipe wrote {}; every page was whole, nothing was missed or repeated",
        took.as_secs_f64(),
        seen as f64 / took.as_secs_f64(),
        written.load(Ordering::Acquire),
        copied(&node),
    );
    println!("{SHORT} entities while the pipe writes: median {:.2} ms", at(&beside, 50));
    println!("peak memory with all clients: {} MB", memory("VmHWM:") / 1_000_000);
    holds
}

/// A round of writing everything. What belongs together (an even id and the
/// next) is in one commit.
fn make(node: &Node, count: usize, round: usize) {
    for first in (0..count).step_by(COMMIT) {
        let mut batch = node.store().batch(round as i64 + 1);
        batch.set_durability(Durability::Normal);
        for id in first..count.min(first + COMMIT) {
            let entity = Entity::from_value(Value::from_json(&person(id, round))).unwrap();
            batch.append("people", entity);
        }
        node.store().commit(batch).unwrap();
    }
}

fn person(id: usize, round: usize) -> Json {
    json!({
        "_id": format!("{id:07}"), "round": round, "sum": sum(id, round),
        "name": format!("Person {id}"), "email": format!("person{id}@example.org"),
        "street": format!("Street {}", id % 977), "zip": format!("{:04}", id % 9_000),
        "active": id.is_multiple_of(3), "score": (id * 37 % 10_000) as f64 / 100.0,
        "tags": ["a", "bb", format!("t{}", id % 50)],
    })
}

/// What tells that all of an entity is of one round.
fn sum(id: usize, round: usize) -> u64 {
    (id as u64).wrapping_mul(0x9e37_79b9).wrapping_add(round as u64 * 7_919) % 1_000_003
}

/// An entity as far as clients look at it.
#[derive(Deserialize)]
struct Seen<'p> {
    #[serde(rename = "_id")]
    id: &'p str,
    #[serde(rename = "_updated")]
    updated: u64,
    round: usize,
    sum: u64,
}

#[derive(Clone)]
struct Caller {
    router: Router,
    token: Arc<str>,
}

impl Caller {
    async fn send(&self, method: &str, path: &str, body: Vec<u8>) -> Bytes {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body))
            .unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        assert!(response.status().is_success(), "{path}: {}", response.status());
        axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap()
    }

    /// How long pages at places of chance take, sorted.
    async fn pages(&self, way: &str, count: usize) -> Vec<Duration> {
        let mut dice = Dice(7);
        let mut times = Vec::with_capacity(PAGES);
        // The log is longer than the dataset; its current part is at its end.
        let first = match way {
            "since" => self.last().await.saturating_sub(count as u64),
            _ => 0,
        };
        for _ in 0..PAGES {
            let place = first + dice.roll(count - SHORT) as u64;
            let path = format!("{PEOPLE}?history=false&limit={SHORT}&{way}={place}");
            let begin = Instant::now();
            let page = self.send("GET", &path, Vec::new()).await;
            times.push(begin.elapsed());
            let page: Vec<Seen<'_>> = serde_json::from_slice(&page).unwrap();
            assert_eq!(page.len(), SHORT, "{path}");
        }
        times.sort_unstable();
        times
    }

    async fn last(&self) -> u64 {
        let about = self.send("GET", "/api/datasets/people", Vec::new()).await;
        let about: Json = serde_json::from_slice(&about).unwrap();
        about["runtime"]["count-log-exists"].as_u64().unwrap()
    }

    /// Pages through everything and checks all of it; how much it saw.
    async fn walk(self, client: usize, count: usize, rewrites: usize) -> u64 {
        let mut known = vec![false; count];
        let (mut since, mut total) = (None::<u64>, 0);
        loop {
            let mut path = format!("{PEOPLE}?history=false&limit={PAGE}");
            if let Some(since) = since {
                path.push_str(&format!("&since={since}"));
            }
            let body = self.send("GET", &path, Vec::new()).await;
            let page: Vec<Seen<'_>> = serde_json::from_slice(&body).unwrap();
            let is_last = page.len() < PAGE;
            for (place, seen) in page.iter().enumerate() {
                let id: usize = seen.id.parse().unwrap();
                assert_eq!(seen.sum, sum(id, seen.round), "client {client}: {id} is torn");
                assert!(
                    since.is_none_or(|since| since < seen.updated),
                    "client {client}: repeated"
                );
                since = Some(seen.updated);
                // Only who was changed meanwhile comes again.
                let again = std::mem::replace(&mut known[id], true);
                assert!(!again || seen.round > rewrites, "client {client}: {id} comes twice");
                if id.is_multiple_of(2) {
                    match page.get(place + 1) {
                        Some(next) => assert!(
                            next.id.parse() == Ok(id + 1)
                                && (next.round, next.updated) == (seen.round, seen.updated + 1),
                            "client {client}: half of a commit at {id}"
                        ),
                        None => assert!(!is_last, "client {client}: half of a commit at the end"),
                    }
                }
            }
            total += page.len() as u64;
            if is_last {
                break;
            }
        }
        let missed = known.iter().filter(|known| !**known).count();
        assert_eq!(missed, 0, "client {client} missed some");
        total
    }

    /// Changes pairs of entities until it is told to end.
    async fn write(
        self,
        count: usize,
        rewrites: usize,
        ended: Arc<AtomicBool>,
        written: Arc<AtomicU64>,
    ) {
        let (mut dice, mut round) = (Dice(11), rewrites);
        while !ended.load(Ordering::Acquire) {
            round += 1;
            let pairs = (0..20).map(|_| dice.roll(count / 2) * 2);
            let pairs: std::collections::BTreeSet<usize> = pairs.collect();
            let changed: Vec<Json> =
                pairs.iter().flat_map(|id| [person(*id, round), person(id + 1, round)]).collect();
            written.fetch_add(changed.len() as u64, Ordering::AcqRel);
            self.send("POST", PEOPLE, serde_json::to_vec(&changed).unwrap()).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// How many versions the pipe wrote.
fn copied(node: &Node) -> u64 {
    let reader = node.store().reader().unwrap();
    reader.dataset("copies").unwrap().map_or(0, |dataset| dataset.length)
}

fn at(times: &[Duration], percent: usize) -> f64 {
    times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e3
}

/// A line of what the system knows of this process, in bytes.
fn memory(line: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let found = status.lines().find_map(|text| text.strip_prefix(line));
    let kilobytes = found.and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

/// Lets the peak begin anew, where the system can.
fn forget_peak() {
    if let Err(error) = std::fs::write("/proc/self/clear_refs", "5") {
        println!("the peak counts from the beginning: {error}");
    }
}

/// The bytes of all files below a folder.
fn size(folder: &std::path::Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(about) if about.is_dir() => size(&entry.path()),
            Ok(about) => about.len(),
            Err(_) => 0,
        })
        .sum()
}

/// Numbers that look like chance and are the same every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        // Knuth's constants for a 64-bit linear congruential generator.
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % below
    }
}
