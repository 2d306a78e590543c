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

mod change;
mod measure;
mod memory;
mod pipes;
mod project;
mod rates;

use std::process::{Command, ExitCode};

use measure::Targets;

const PART: &str = "PIPEWRIGHT_BENCH_PART";
const PARTS: [&str; 5] = ["ordered", "shuffled", "memory", "change", "pipes"];

fn main() -> ExitCode {
    let numbers: Vec<usize> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    let number = |place: usize, or: usize| numbers.get(place).copied().unwrap_or(or);
    let (count, many, rounds) = (number(0, 200_000), number(1, 1_000_000), number(2, 3));
    if let Ok(part) = std::env::var(PART) {
        match part.as_str() {
            "memory" => memory::memory(many),
            "change" => change::change(many),
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
            rates::throughput(count, shuffled, rounds, &mut targets);
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
        pipes::pipes(&mut targets);
    }
    targets.summary()
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
