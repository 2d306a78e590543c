//! What several processes see of one store: the lock, and what a process that
//! was killed leaves behind.
//!
//! The other processes are this test program, told by an environment variable
//! which part to play. Without it a part ends at once.
#![allow(clippy::unwrap_used)]

mod common;

use std::env;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use common::{check, entity, property};
use pipewright_entity::Value;
use pipewright_store::{Durability, Retry, Store, StoreError, Write, names};

const DIR: &str = "STORE_TEST_DIR";

/// Starts a part in another process; its lines come through the reader.
fn play(part: &str, dir: &Path) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(env::current_exe().unwrap())
        .args([part, "--exact", "--nocapture"])
        .env(DIR, dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap());
    (child, lines)
}

/// Waits for a line with this word and gives what follows it.
fn wait_for(lines: &mut impl BufRead, word: &str) -> String {
    for line in lines.lines() {
        if let Some((_, rest)) = line.unwrap().split_once(word) {
            return rest.trim().to_owned();
        }
    }
    panic!("the other process ended before it said {word:?}");
}

/// The folder, in a process that plays a part.
fn stage() -> Option<Store> {
    env::var_os(DIR).map(|dir| Store::open(dir).unwrap())
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}

#[test]
fn part_serve() {
    let Some(store) = stage() else { return };
    say("@open");
    // The other process has looked when it says so.
    std::io::stdin().read_line(&mut String::new()).unwrap();
    store.publish_address("http://127.0.0.1:9042").unwrap();
    say("@serving");
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn a_second_process_is_told_who_has_the_store() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(Store::address_of(dir.path()).unwrap(), None);
    let (mut child, mut lines) = play("part_serve", dir.path());
    wait_for(&mut lines, "@open");
    assert!(matches!(Store::open(dir.path()), Err(StoreError::Locked { address: None, .. })));
    writeln!(child.stdin.take().unwrap(), "looked").unwrap();
    wait_for(&mut lines, "@serving");
    let error = Store::open(dir.path()).unwrap_err();
    assert!(error.to_string().ends_with("which answers at http://127.0.0.1:9042"), "{error}");
    let url = Some("http://127.0.0.1:9042".to_owned());
    assert_eq!(Store::address_of(dir.path()).unwrap(), url);

    child.kill().unwrap();
    child.wait().unwrap();
    assert!(dir.path().join("node.address").exists());
    assert_eq!(Store::address_of(dir.path()).unwrap(), None);
    let store = Store::open(dir.path()).unwrap();
    assert!(!dir.path().join("node.address").exists());
    assert!(matches!(Store::open(dir.path()), Err(StoreError::Locked { .. })));
    store.publish_address("http://[::1]:1").unwrap();
    let reader = store.reader().unwrap();
    drop(store);
    // The reader still has it.
    assert_eq!(Store::address_of(dir.path()).unwrap(), Some("http://[::1]:1".to_owned()));
    drop(reader);
    assert_eq!(Store::address_of(dir.path()).unwrap(), None);
}

/// Commits without end; every commit tells its number in many places. Says
/// each number once the commit is back.
#[test]
fn part_write() {
    let Some(store) = stage() else { return };
    let index = r#"["eq","_S.x"]"#;
    let mut n = next(&store);
    if n % 2 == 0 {
        // Every other process leaves the index behind.
        store.ensure_index("out", index, Arc::new(property("x"))).unwrap();
    }
    loop {
        let mut batch = store.batch(n);
        batch.set_run(format!("run {n}"));
        if n % 3 > 0 {
            batch.set_durability(Durability::Normal);
        }
        for m in 0..20 {
            let id = (n * 7 + m * 13) % 150;
            if (n + m) % 11 == 0 {
                batch.append("out", Write::delete(format!("{id}")));
            } else {
                let json = format!(r#"{{"_id":"{id}","x":[{},{m}],"n":{n}}}"#, n % 5);
                batch.append("out", Write::new(entity(&json)).from_source(n));
            }
        }
        batch.append("log", entity(&format!(r#"{{"_id":"{n}","x":{n}}}"#)));
        batch.append(&names::execution_log("p"), entity(&format!(r#"{{"_id":"at","n":{n}}}"#)));
        batch.set_offset("p", Some(Value::Int(n)));
        batch.put_state("p", "s", &n.to_be_bytes(), Some(b"done"));
        batch.put_retry("p", retry(n));
        batch.remove_retry("p", &format!("{}", n - 1));
        if n % 40 == 39 {
            let run = store.full_run("out").unwrap();
            batch.delete_unseen(run);
        }
        store.commit(batch).unwrap();
        say(&format!("@committed {n}"));
        if n % 50 == 0 {
            store.compact("out", Default::default(), || true).unwrap();
        }
        n += 1;
    }
}

fn retry(n: i64) -> Retry {
    Retry {
        id: format!("{n}").into(),
        entity: entity(&format!(r#"{{"_id":"{n}"}}"#)),
        source_offset: None,
        attempts: 1,
        failed: n,
        due: n,
        dead: false,
        reason: "no".into(),
        detail: Value::Null,
    }
}

/// The number after the last commit, which all places must agree on.
fn next(store: &Store) -> i64 {
    let reader = store.reader().unwrap();
    let Some(offset) = reader.offset("p").unwrap() else {
        assert_eq!(reader.datasets().unwrap(), []);
        return 0;
    };
    let Value::Int(last) = offset else { panic!("{offset:?}") };
    assert_eq!(reader.dataset("log").unwrap().unwrap().length as i64, last + 1);
    let at = reader.get(&names::execution_log("p"), "at").unwrap().unwrap();
    assert_eq!((at.entity.get("n"), at.updated as i64), (Some(&Value::Int(last)), last));
    assert_eq!(reader.scan_state("p", "s", b"", None, 1 << 20).unwrap().len() as i64, last + 1);
    let retries = reader.retries("p", None, 10).unwrap();
    assert_eq!(retries, [retry(last)]);
    last + 1
}

#[test]
fn a_killed_process_leaves_whole_commits() {
    let dir = tempfile::tempdir().unwrap();
    let mut last = -1;
    for round in 0..8 {
        let (mut child, mut lines) = play("part_write", dir.path());
        let mut commits = 0;
        while commits < 15 + round * 9 {
            last = wait_for(&mut lines, "@committed").parse().unwrap();
            commits += 1;
        }
        // Anywhere within a commit.
        std::thread::sleep(Duration::from_micros(700 * round));
        child.kill().unwrap();
        child.wait().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let reached = next(&store);
        assert!(reached > last, "said {last}, kept {}", reached - 1);
        if round % 3 == 2 {
            for dataset in ["out", "log"] {
                check(&store, dataset);
            }
        }
    }
}
