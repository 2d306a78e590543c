//! A disk that is full: it is said, nothing is lost, and once there is room
//! everything goes on.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use pipewright_node::{Cancel, Ending, Node, Permission};

use crate::place::{self, Place};
use crate::{PLACE, Says, disk, say, settled};

/// What the other process is asked for.
const FULL: &str = "FULL_AT";

/// The part of another process: a node that runs for as long as there is room.
#[test]
fn part_full() {
    let (Some(home), Some(_)) = (env::var_os(PLACE).map(PathBuf::from), env::var_os(FULL)) else {
        return;
    };
    let mut options = place::options(&home);
    options.read_outside = Permission::Live;
    options.write_outside = Permission::Live;
    let node = match Node::open(options) {
        Ok(node) => node,
        Err(error) => return say(&format!("@failed opening: {error}")),
    };
    let settled = node.run_until_stable(false, &Cancel::new(), &Says, &mut |_| {});
    for report in &settled.reports {
        if let Ending::Failed { reason, .. } = &report.ending {
            say(&format!("@failed {}: {reason}", report.pipe));
        }
    }
    say("@done");
}

/// What failed, each with its reason.
fn run_with(place: &Place, most: u64) -> Vec<String> {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["full::part_full", "--exact", "--nocapture"]).env(PLACE, place.home());
    disk::fill_up(&mut command, place, most);
    let output = command.output().unwrap();
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "with {most} bytes: {out}{errors}");
    let said = out.lines().filter_map(|line| line.split_once('@'));
    said.filter_map(|(_, said)| Some(said.strip_prefix("failed ")?.to_owned())).collect()
}

#[test]
fn a_full_disk_is_said_and_nothing_is_lost() {
    let whole = Place::new("full_whole");
    whole.set_input(1);
    let expected = settled(&whole, false);

    let mut met = Vec::new();
    for most in [0, 20_000, 120_000, 250_000, 400_000, 600_000, 800_000] {
        let place = Place::new(&format!("full_{most}"));
        // From nothing, and on a store that holds something.
        if most > 200_000 {
            place.set_input(0);
            settled(&place, false);
        }
        place.set_input(1);
        fs::create_dir_all(place.store()).unwrap();
        let failed = run_with(&place, most);
        for failure in &failed {
            assert!(failure.ends_with("the disk is full"), "with {most} bytes: {failed:#?}");
        }
        println!("{most} bytes: {}", failed.first().map_or("enough", String::as_str));
        met.push(!failed.is_empty());
        let now = settled(&place, false);
        for (what, expected) in &expected {
            let found = now.get(what);
            let differs = || place::difference(expected, found);
            assert!(found == Some(expected), "after {most} bytes {what} differs: {}", differs());
        }
    }
    assert!(met.iter().filter(|met| **met).count() >= 3, "{met:?}");
}
