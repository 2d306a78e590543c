//! `cargo xtask bench dtl`: how quick DTL is, as a whole process.
//! `cargo xtask bench engine`: how quick a node is beside SQLite, how much memory
//! it takes, how far one change travels.
//! `cargo xtask bench node`: many clients that page while pipes write.
//! `cargo xtask bench studio`: how the studio feels with large projects.
//!
//! The figures in `docs/benchmarks.md` come from here. No test runs them: times
//! depend on the machine.

use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::shell::{cargo, run, target};
use crate::ui;

/// How many entities go through.
const ENTITIES: usize = 200_000;
/// How often each is run; the first run is not counted.
const RUNS: usize = 6;

struct Case {
    name: &'static str,
    rules: &'static str,
    /// Whether it looks into the dataset `cities`.
    joins: bool,
}

const CASES: &[Case] = &[
    Case {
        name: "map of 5 fields",
        rules: r#"{"default": [
            ["copy", "_id"],
            ["add", "name", ["concat", "_S.first_name", " ", "_S.last_name"]],
            ["add", "email", ["upper", "_S.email"]],
            ["add", "city", "_S.address.city.name"],
            ["add", "tags", ["count", "_S.tags"]]]}"#,
        joins: false,
    },
    Case { name: "copy of everything", rules: r#"{"default": [["copy", "*"]]}"#, joins: false },
    Case {
        name: "nested apply",
        rules: r#"{"default": [["add", "tags", ["apply", "tag", "_S.tags"]],
                              ["add", "home", ["apply", "address", "_S.address"]]],
            "tag": [["add", "tag", "_S."], ["add", "of", "_P._S._id"], ["filter", ["neq", "_S.", "a"]]],
            "address": [["copy", "*", "city"], ["add", "place", ["apply", "city", "_S.city"]]],
            "city": [["add", "label", ["concat", "_S.zip", " ", "_S.name"]]]}"#,
        joins: false,
    },
    Case {
        name: "text",
        rules: r#"{"default": [
            ["add", "slug", ["join", "-", ["split", " ", ["lower", ["replace", ".", "", "_S.address.street"]]]]],
            ["add", "user", ["first", ["split", "@", "_S.email"]]],
            ["add", "ascii", ["replace", {"æ": "ae", "ø": "o", "å": "a"}, ["lower", ["concat", "_S.first_name", " ", "_S.last_name"]]]],
            ["add", "short", ["upper", ["substring", 0, 3, "_S.last_name"]]],
            ["add", "padded", ["rjust", 10, "0", "_S._id"]],
            ["add", "example", ["matches", "*@example.org", "_S.email"]]]}"#,
        joins: false,
    },
    Case {
        name: "dates",
        rules: r#"{"default": [
            ["add", "at", ["datetime-parse", "%Y-%m-%dT%H:%M:%SZ", "_S.created"]],
            ["add", "day", ["datetime-format", "%d.%m.%Y", "_T.at"]],
            ["add", "next", ["datetime-plus", "month", 1, "_T.at"]],
            ["add", "days", ["datetime-diff", "day", "_T.at", "_T.next"]],
            ["add", "recent", ["gt", "_T.at", ["datetime-parse", "%Y", "2020"]]]]}"#,
        joins: false,
    },
    Case {
        name: "hops into 9,000 entities",
        rules: r#"{"default": [
            ["add", "region", ["hops", {"datasets": ["cities c"],
                "where": ["eq", "c._id", "_S.address.city.zip"], "return": "c.region"}]],
            ["add", "name", "_S.first_name"]]}"#,
        joins: true,
    },
];

/// The bench of the room `node`, which says itself whether its targets hold.
pub(crate) fn engine(parts: &[&str]) -> Result<()> {
    run(cargo().args(["bench", "-p", "pipewright-node", "--bench", "engine", "--"]).args(parts))
}

/// Clients of a node that page while pipes write; it says itself whether its
/// targets hold.
pub(crate) fn node(numbers: &[&str]) -> Result<()> {
    run(cargo().args(["bench", "-p", "pipewright-node", "--bench", "node", "--"]).args(numbers))
}

/// The studio with large projects, in a browser: built as it is shipped, and
/// driven as the stories are.
pub(crate) fn studio(arguments: &[&str]) -> Result<()> {
    ui::build(ui::Profile::Shipping)?;
    run(cargo().args(["build", "--release", "-p", "pipewright-cli"]))?;
    let mut bench = cargo();
    bench.args(["run", "--release", "-p", "pipewright-tests", "--bin", "studio_bench", "--"]);
    run(bench.args(arguments))
}

pub(crate) fn dtl() -> Result<()> {
    run(cargo().args(["build", "--release", "-p", "pipewright-cli"]))?;
    let program = format!("release/pipewright{}", std::env::consts::EXE_SUFFIX);
    let program = target().join(program);
    let folder = target().join("bench");
    std::fs::create_dir_all(&folder)?;
    let input = folder.join("people.ndjson");
    std::fs::write(&input, people())?;
    let cities = folder.join("cities.ndjson");
    std::fs::write(&cities, self::cities())?;
    let size = std::fs::metadata(&input)?.len();
    println!("{ENTITIES} entities, {} MB; medians of {} runs", size / 1_000_000, RUNS - 1);
    println!("{:<26} {:>8} {:>8} {:>14}", "", "wall s", "cpu s", "entities/s");
    for case in CASES {
        let rules = folder.join("rules.json");
        std::fs::write(&rules, case.rules)?;
        let mut times = Vec::new();
        for _ in 0..RUNS {
            times.push(time(&program, &rules, case.joins.then_some(&*cities), &input, &folder)?);
        }
        times.remove(0);
        let wall = median(times.iter().map(|time| time.0));
        let cpu = match times.iter().map(|time| time.1).collect::<Option<Vec<_>>>() {
            Some(cpu) => format!("{:.2}", median(cpu.into_iter()).as_secs_f64()),
            None => "·".into(),
        };
        let rate = ENTITIES as f64 / wall.as_secs_f64();
        println!("{:<26} {:>8.2} {cpu:>8} {rate:>14.0}", case.name, wall.as_secs_f64());
    }
    Ok(())
}

/// Runs once and gives the time that passed and that was computed.
fn time(
    program: &Path,
    rules: &Path,
    cities: Option<&Path>,
    input: &Path,
    folder: &Path,
) -> Result<(Duration, Option<Duration>)> {
    let mut command = Command::new(program);
    command.arg("transform").arg(rules);
    if let Some(cities) = cities {
        command.arg("--dataset").arg(format!("cities={}", cities.display()));
    }
    let output: PathBuf = folder.join("out.ndjson");
    command.stdin(File::open(input)?).stdout(File::create(&output)?).stderr(Stdio::inherit());
    let (begin, before) = (Instant::now(), children_cpu());
    let status = command.status().with_context(|| program.display().to_string())?;
    let wall = begin.elapsed();
    if !status.success() {
        bail!("{} failed", program.display());
    }
    Ok((wall, before.zip(children_cpu()).map(|(before, after)| after - before)))
}

/// The processor time of all children that ended, where the system tells.
fn children_cpu() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program stands in brackets and may hold blanks.
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ').skip(13);
    let ticks: u64 =
        [fields.next()?, fields.next()?].iter().filter_map(|t| t.parse::<u64>().ok()).sum();
    // Linux counts these in hundredths of a second on every machine.
    Some(Duration::from_millis(ticks * 10))
}

fn median(times: impl Iterator<Item = Duration>) -> Duration {
    let mut times: Vec<Duration> = times.collect();
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// Numbers that look like chance and are the same every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        // Knuth's constants for a 64-bit linear congruential generator.
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % below
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.roll(of.len())]
    }
}

fn people() -> String {
    const FIRST: &[&str] =
        &["Anna", "Bjørn", "Kari", "Ola", "Siri", "Per", "Ingrid", "Lars", "Åse", "Tom"];
    const LAST: &[&str] =
        &["Hansen", "Olsen", "Berg", "Lund", "Dahl", "Moen", "Lie", "Bakke", "Holm", "Vik"];
    const CITIES: &[&str] = &["Oslo", "Bergen", "Bodø", "Tromsø", "Hamar"];
    const TAGS: &[&str] = &["\"a\"", "\"bb\"", "\"ccc\"", "\"dddd\""];
    let mut dice = Dice(1);
    let mut text = String::new();
    for id in 0..ENTITIES {
        let (first, last) = (dice.one(FIRST), dice.one(LAST));
        let tags: Vec<&str> = (0..dice.roll(6)).map(|_| dice.one(TAGS)).collect();
        let (age, street, city) = (18 + dice.roll(70), dice.roll(200), dice.one(CITIES));
        let (zip, year, month, day) =
            (dice.roll(1000), 10 + dice.roll(15), 1 + dice.roll(9), 10 + dice.roll(18));
        let (active, score) = (dice.roll(2) == 0, dice.roll(10_000));
        // Text takes whatever is written to it.
        let _ = writeln!(
            text,
            r#"{{"_id":"{id}","first_name":"{first}","last_name":"{last}","email":"person{id}@example.org","age":{age},"address":{{"street":"Storgata st. {street}","city":{{"name":"{city}","zip":"{zip:04}"}},"country":"NO"}},"tags":[{}],"created":"20{year}-0{month}-{day}T10:20:30Z","active":{active},"score":{}.{:02}}}"#,
            tags.join(","),
            score / 100,
            score % 100,
        );
    }
    text
}

fn cities() -> String {
    let mut text = String::new();
    for zip in 0..9000 {
        let _ = writeln!(
            text,
            r#"{{"_id":"{zip:04}","region":"Region {}","people":{}}}"#,
            zip % 11,
            zip * 37
        );
    }
    text
}
