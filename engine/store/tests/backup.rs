//! Backup into one file, and the way back.
#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::path::Path;

use common::{check, entity, open};
use pipewright_store::{Select, Store, StoreError, back_up, restore};
use tempfile::TempDir;

fn put(store: &Store, id: &str) {
    let mut batch = store.batch(1);
    batch.append("d", entity(&format!(r#"{{"_id":"{id}","text":"{}"}}"#, "x".repeat(500))));
    store.commit(batch).unwrap();
}

fn ids(store: &Store) -> Vec<String> {
    let reader = store.reader().unwrap();
    let changes = reader.changes("d", None, None, Select::default()).unwrap();
    changes.map(|version| version.unwrap().entity.id().to_string()).collect()
}

/// A store of 300 entities with a file beside it, and its backup.
fn backed_up() -> (TempDir, TempDir, std::path::PathBuf) {
    let (dir, store) = open();
    for id in 0..300 {
        put(&store, &id.to_string());
    }
    drop(store);
    fs::write(dir.path().join("secrets.json"), "sealed").unwrap();
    let target = tempfile::tempdir().unwrap();
    let file = target.path().join("node.backup");
    back_up(dir.path(), &file, &["secrets.json", "none.json"], |_, _| ()).unwrap();
    (dir, target, file)
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_backup_is_one_file_of_one_moment() {
    let (dir, store) = open();
    for id in ["a", "b", "c"] {
        put(&store, id);
    }
    let target = tempfile::tempdir().unwrap();
    let file = target.path().join("node.backup");
    let mut reports = 0;
    back_up(dir.path(), &file, &[], |done, all| {
        reports += 1;
        assert!(done <= all);
        // Not part of the copy, and no reason to start over.
        put(&store, &reports.to_string());
    })
    .unwrap();
    assert!(reports >= 1);
    assert_eq!(names(target.path()), ["node.backup"]);

    let again = target.path().join("again");
    restore(&file, &again, false, |_, _| ()).unwrap();
    let copy = Store::open(&again).unwrap();
    assert_eq!(ids(&copy), ["a", "b", "c"]);
    put(&copy, "d");
    assert_eq!(ids(&copy), ["a", "b", "c", "d"]);
    check(&copy, "d");
}

#[test]
fn what_lies_beside_goes_with_it() {
    let (_dir, target, file) = backed_up();
    let again = target.path().join("again");
    restore(&file, &again, false, |_, _| ()).unwrap();
    assert_eq!(fs::read_to_string(again.join("secrets.json")).unwrap(), "sealed");
    assert_eq!(ids(&Store::open(&again).unwrap()).len(), 300);
    // The backup is as it was, and can be used once more.
    restore(&file, target.path().join("more"), false, |_, _| ()).unwrap();
}

#[test]
fn nothing_is_overwritten_unless_told_to() {
    let (dir, target, file) = backed_up();
    let there = |result| matches!(result, Err(StoreError::File { .. }));
    assert!(there(back_up(dir.path(), &file, &[], |_, _| ())));
    assert!(there(restore(&file, dir.path(), false, |_, _| ())));
    assert!(there(back_up(target.path(), target.path().join("x"), &[], |_, _| ())));
    assert_eq!(names(target.path()), ["node.backup"]);

    let store = Store::open(dir.path()).unwrap();
    put(&store, "later");
    let locked = restore(&file, dir.path(), true, |_, _| ());
    assert!(matches!(locked, Err(StoreError::Locked { .. })), "{locked:?}");
    drop(store);
    restore(&file, dir.path(), true, |_, _| ()).unwrap();
    assert_eq!(ids(&Store::open(dir.path()).unwrap()).len(), 300);
    // What was there can still be had.
    let old = tempfile::tempdir().unwrap();
    for name in names(dir.path()) {
        if let Some(was) = name.strip_prefix("replaced.") {
            fs::copy(dir.path().join(&name), old.path().join(was)).unwrap();
        }
    }
    assert_eq!(ids(&Store::open(old.path()).unwrap()).len(), 301);
}

#[test]
fn a_file_that_is_no_whole_backup_changes_nothing() {
    let (_dir, target, file) = backed_up();
    let again = target.path().join("again");
    let whole = fs::read(&file).unwrap();
    let refused = |bytes: &[u8]| {
        let broken = target.path().join("broken");
        fs::write(&broken, bytes).unwrap();
        let error = restore(&broken, &again, false, |_, _| ()).unwrap_err();
        assert!(!again.join("node.db").exists());
        error
    };
    for length in [whole.len() / 2, whole.len() - 4096, 5000] {
        let error = refused(&whole[..length]);
        assert!(matches!(error, StoreError::Damaged(_)), "{length}: {error}");
    }
    assert!(matches!(refused(&[]), StoreError::NotAStore { .. }));
    assert!(matches!(refused(&vec![7; 9000]), StoreError::NotAStore { .. }));
    let mut newer = whole.clone();
    // Where SQLite keeps the user version.
    newer[60..64].copy_from_slice(&99u32.to_be_bytes());
    assert!(matches!(refused(&newer), StoreError::NewerFormat { found: 99, .. }));
    restore(&file, &again, false, |_, _| ()).unwrap();
}

#[test]
fn a_store_that_was_cut_off_says_so() {
    let (dir, _target, file) = backed_up();
    let store = dir.path().join("node.db");
    let whole = fs::read(&store).unwrap();
    fs::write(&store, &whole[..whole.len() / 2]).unwrap();
    let failed = Store::open(dir.path()).and_then(|store| {
        let reader = store.reader()?;
        let changes = reader.changes("d", None, None, Select::default())?;
        changes.collect::<Result<Vec<_>, _>>().map(drop)
    });
    let error = failed.unwrap_err();
    assert!(matches!(error, StoreError::Damaged(_)), "{error}");
    assert!(error.to_string().ends_with("restore it from a backup"), "{error}");
    restore(&file, dir.path(), true, |_, _| ()).unwrap();
    assert_eq!(ids(&Store::open(dir.path()).unwrap()).len(), 300);
}
