//! Ending the process at any moment loses nothing and repeats nothing.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use pipewright_node::{Node, Options, Settings};

use crate::Place;

/// How often a run is killed, at moments spread over its time.
const MOMENTS: u32 = 20;

/// Repeats the rows of a data file under other ids.
fn repeat(place: &Place, file: &str, delimiter: u8, times: usize) {
    let path = place.project().join("data").join(file);
    let text = std::fs::read(&path).unwrap();
    let (head, rows) = text.split_at(text.iter().position(|b| *b == b'\n').unwrap() + 1);
    let mut all = head.to_vec();
    for time in 0..times {
        // A row begins with its id; what else begins a line is quoted text.
        let mark = head.len() + rows.len();
        all.reserve(mark);
        for line in rows.split_inclusive(|b| *b == b'\n') {
            let id = line.iter().position(|b| *b == delimiter).unwrap_or(0);
            let is_id = (4..=5).contains(&id) && line[id - 3..id].iter().all(u8::is_ascii_digit);
            if is_id && time > 0 {
                all.extend(&line[..id]);
                all.extend(format!("x{time}").bytes());
                all.extend(&line[id..]);
            } else {
                all.extend(line);
            }
        }
    }
    std::fs::write(path, all).unwrap();
}

/// All entities as they are now, without what the store adds.
fn dump(place: &Place, store: &Path) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut options = Options::new(place.project());
    options.store = Some(store.to_path_buf());
    options.settings = Some(Settings::in_folder(place.home.path()));
    let node = Node::open(options).unwrap();
    let reader = node.store().reader().unwrap();
    let mut dump = BTreeMap::new();
    for dataset in reader.datasets().unwrap().iter().filter(|dataset| !dataset.is_internal()) {
        let entities: BTreeMap<String, String> = reader
            .current(&dataset.id)
            .unwrap()
            .map(|version| version.unwrap().entity)
            .map(|entity| {
                let sorted: BTreeMap<_, _> =
                    entity.dict().iter().map(|(name, value)| (name, value.to_transit())).collect();
                (entity.id().to_string(), format!("{sorted:?}"))
            })
            .collect();
        dump.insert(dataset.id.to_string(), entities);
    }
    dump
}

/// When each line of a run appeared, and when it ended.
fn undisturbed(place: &Place, store: &str) -> (Vec<Duration>, Duration) {
    let began = Instant::now();
    let mut child = place
        .command(&["run"], &["--store", store])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let times = lines.map(|line| line.map(|_| began.elapsed()).unwrap()).collect();
    assert!(child.wait().unwrap().success());
    (times, began.elapsed())
}

/// Starts a run and kills it `wait` after its first `done` lines. Whether it
/// was still running.
fn kill_after(place: &Place, store: &str, done: usize, wait: Duration) -> bool {
    let mut child = place
        .command(&["run"], &["--store", store])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut seen = BufReader::new(child.stderr.take().unwrap()).lines();
    for _ in 0..done {
        if seen.next().is_none() {
            break;
        }
    }
    std::thread::sleep(wait);
    // On Unix this is SIGKILL: the process gets to do nothing more.
    child.kill().unwrap();
    let status = child.wait().unwrap();
    let killed = if cfg!(unix) { status.code().is_none() } else { !status.success() };
    assert!(killed || status.success(), "the run itself failed: {status}");
    killed
}

/// Kills a run on a new store at a moment of the undisturbed one: after as many
/// lines as had appeared by then, and as long after the last of them. A run can
/// be quicker than the one that was measured; then it is killed earlier, until
/// it is met running.
fn kill_at(place: &Place, store: &Path, lines: &[Duration], moment: Duration) {
    let mut done = lines.iter().take_while(|at| **at <= moment).count();
    let mut wait = moment - done.checked_sub(1).map_or(Duration::ZERO, |last| lines[last]);
    while !kill_after(place, store.to_str().unwrap(), done, wait) {
        assert!(done > 0 || !wait.is_zero(), "a run ends before it can be killed");
        std::fs::remove_dir_all(store).unwrap();
        if wait > Duration::from_millis(1) {
            wait /= 2;
        } else {
            (done, wait) = (done.saturating_sub(1), Duration::ZERO);
        }
    }
}

#[test]
fn killed_at_any_moment_a_run_ends_as_if_undisturbed() {
    let place = Place::with_example();
    for (file, delimiter) in [
        ("crm/companies.csv", b','),
        ("crm/contacts.csv", b','),
        ("erp/customers.csv", b';'),
        ("webshop/accounts.csv", b','),
    ] {
        repeat(&place, file, delimiter, 6);
    }
    let store = |name: &str| place.home.path().join(name);
    let (lines, took) = undisturbed(&place, store("whole").to_str().unwrap());
    let expected = dump(&place, &store("whole"));
    assert_eq!(expected["crm-company-collect"].len(), 1500);
    assert_eq!(expected["webshop-account-collect"].len(), 1800);

    let often = store("often");
    for number in 0..MOMENTS {
        let moment = took.mul_f64((f64::from(number) + 0.5) / f64::from(MOMENTS));
        let path = store(&format!("killed-{number}"));
        kill_at(&place, &path, &lines, moment);
        let again = place.call("run", &["--json", "--store", path.to_str().unwrap()]).well();
        assert_eq!(again.json()["ok"], true);
        assert!(dump(&place, &path) == expected, "killed {moment:?} into {took:?}");
        // What is done is done: one more run writes nothing.
        if number % 5 == 0 {
            let rest = place.call("run", &["--json", "--store", path.to_str().unwrap()]).well();
            let rest = rest.json();
            assert!(crate::by_pipe(&rest).values().all(|pipe| pipe["written"] == 0), "{rest:#}");
        }
        std::fs::remove_dir_all(&path).unwrap();
        // And a store that is killed again and again.
        let short = took.mul_f64(0.1 + 0.02 * f64::from(number));
        kill_after(&place, often.to_str().unwrap(), 0, short);
    }
    place.call("run", &["--store", often.to_str().unwrap()]).well();
    assert!(dump(&place, &often) == expected, "killed up to {MOMENTS} times");
}
