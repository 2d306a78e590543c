//! Whatever moment a node is killed at, and whatever the disk forgets then: when
//! it has run again, its datasets and the table it writes hold what they would
//! hold without any of it.
//!
//! `cargo test -p pipewright-tests --test crash -- --nocapture` says which phase
//! each kill met; `PIPEWRIGHT_KILLS` asks for more of them, and
//! `PIPEWRIGHT_KILL_SEED` for others.
#![allow(clippy::unwrap_used)]

#[cfg(target_os = "linux")]
mod disk;
#[cfg(target_os = "linux")]
mod full;
mod place;
#[path = "../../../engine/systems/tests/outside/sql/servers.rs"]
#[allow(dead_code)]
mod servers;

use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use pipewright_node::{Cancel, Ending, Node, Observer, Permission, Progress};
use place::{Contents, Place, VARIANTS};

const PLACE: &str = "CRASH_TEST_PLACE";

/// Says on standard output where a run is.
struct Says;

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}

impl Observer for Says {
    fn progress(&self, progress: &Progress<'_>) {
        say(&format!("@at {:?} {}", progress.phase, progress.pipe));
    }
}

/// The part of another process: a node that runs until nothing changes.
#[test]
fn part_run() {
    let Some(home) = env::var_os(PLACE).map(PathBuf::from) else { return };
    let mut options = place::options(&home);
    options.read_outside = Permission::Live;
    options.write_outside = Permission::Live;
    say("@at Opening node");
    let node = Node::open(options).unwrap();
    let settled = node.run_until_stable(false, &Cancel::new(), &Says, &mut |report| {
        say(&format!("@at Between {}", report.pipe));
    });
    for report in &settled.reports {
        assert!(report.ending == Ending::Completed && report.counts.failed == 0, "{report:#?}");
    }
    assert!(settled.skipped.is_empty() && settled.restless.is_empty(), "{settled:#?}");
    say("@stable");
}

/// How far a process came.
struct Came {
    /// The phases it said, each with the pipe.
    steps: Vec<String>,
    stable: bool,
    out: String,
}

/// Runs the node of a place; killed `wait` after its first `steps`, or left to
/// end by itself.
fn run(place: &Place, forgetful: bool, kill: Option<(usize, Duration)>) -> Came {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["part_run", "--exact", "--nocapture"])
        .env(PLACE, place.home())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit());
    #[cfg(target_os = "linux")]
    if forgetful {
        disk::prepare(place);
        disk::attach(&mut command, place);
    }
    #[cfg(not(target_os = "linux"))]
    assert!(!forgetful);
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut came = Came { steps: Vec::new(), stable: false, out: String::new() };
    let mut kill = kill;
    loop {
        if let Some((steps, wait)) = kill
            && came.steps.len() >= steps
        {
            std::thread::sleep(wait);
            // On Unix this is SIGKILL: the process gets to do nothing more.
            child.kill().unwrap();
            kill = None;
        }
        let Some(line) = lines.next() else { break };
        let line = line.unwrap();
        match line.split_once('@').map(|(_, said)| said) {
            Some("stable") => came.stable = true,
            Some(said) => came.steps.push(said.trim_start_matches("at ").to_owned()),
            None => came.out += &format!("{line}\n"),
        }
    }
    child.wait().unwrap();
    came
}

/// Runs until everything is in place, and what is there then.
fn settled(place: &Place, forgetful: bool) -> Contents {
    let came = run(place, forgetful, None);
    assert!(came.stable, "the node does not settle: {}", came.out);
    place.contents()
}

/// A sequence of numbers from a seed (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % end.max(1)
    }
}

fn number(variable: &str, or: u64) -> u64 {
    env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(or)
}

/// Kills and starts a node again and again while its input changes.
fn torment(name: &str, forgetful: bool, kills: u64) {
    let seed = number("PIPEWRIGHT_KILL_SEED", 20_261_121) | 1;
    let mut dice = Dice(seed);
    let whole: Vec<Contents> = (0..VARIANTS)
        .map(|variant| {
            let place = Place::new(&format!("{name}_whole_{variant}"));
            place.set_input(variant);
            settled(&place, false)
        })
        .collect();
    assert!(whole.windows(2).all(|pair| pair[0] != pair[1]), "variants differ");

    let place = Place::new(name);
    place.set_input(0);
    assert!(settled(&place, forgetful) == whole[0]);
    let mut variant = 0;
    // How many steps a run takes that nobody kills.
    let mut steps = 60;
    let (mut met, mut late) = (BTreeMap::<String, u64>::new(), 0);
    let mut done = 0;
    while done < kills {
        variant = (variant + 1 + dice.below(VARIANTS - 1)) % VARIANTS;
        place.set_input(variant);
        loop {
            let wait = Duration::from_micros(dice.below(4_000) as u64);
            let came = run(&place, forgetful, Some((dice.below(steps), wait)));
            if came.stable {
                late += 1;
                steps = (steps * 3 / 4).max(2);
                break;
            }
            done += 1;
            let at = came.steps.last().map_or("Starting process", String::as_str);
            println!("{name} kill {done}: {at}, after {} steps", came.steps.len());
            *met.entry(at.split(' ').next().unwrap_or_default().to_owned()).or_default() += 1;
            #[cfg(target_os = "linux")]
            if forgetful {
                disk::lose_power(&place, |end| dice.below(end));
            }
            // Often it is killed again before it could settle, and sometimes
            // the input changes meanwhile.
            match dice.below(4) {
                0 => break,
                1 => {
                    variant = (variant + 1) % VARIANTS;
                    place.set_input(variant);
                }
                _ => {}
            }
        }
        let came = run(&place, forgetful, None);
        assert!(came.stable, "after kill {done} (seed {seed}) it does not settle: {}", came.out);
        steps = steps.max(came.steps.len());
        let now = place.contents();
        for (what, expected) in &whole[variant] {
            assert!(
                now.get(what) == Some(expected),
                "after kill {done} (seed {seed}) {what} differs: {}",
                place::difference(expected, now.get(what))
            );
        }
    }
    println!("{name}: {done} kills met {met:?}; {late} came too late; seed {seed}");
}

#[test]
fn killed_at_any_moment_a_node_ends_as_if_undisturbed() {
    torment("killed", false, number("PIPEWRIGHT_KILLS", 8));
}

/// Commits into datasets are not synced one by one: what the disk loses is made
/// again, and nothing outside is ahead of what is kept.
#[test]
#[cfg(target_os = "linux")]
fn after_a_power_failure_a_node_ends_as_if_undisturbed() {
    torment("unplugged", true, number("PIPEWRIGHT_KILLS", 8));
}
