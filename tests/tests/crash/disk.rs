//! A disk that loses what was not synced; see `disk.c`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use crate::place::Place;

/// What a disk writes as a whole, or not at all.
const BLOCK: usize = 4096;

/// The library, compiled by the compiler that SQLite needs as well.
fn library() -> &'static PathBuf {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let library = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("forgetful.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/crash/disk.c");
        let status = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-o"])
            .arg(&library)
            .args([source, "-ldl", "-lpthread"])
            .status()
            .unwrap();
        assert!(status.success(), "no compiler");
        library
    })
}

/// Everything that is there now counts as synced.
pub(crate) fn prepare(place: &Place) {
    let (store, kept) = (place.store(), place.kept());
    let _ = fs::remove_dir_all(&kept);
    fs::create_dir_all(&kept).unwrap();
    fs::create_dir_all(&store).unwrap();
    for entry in fs::read_dir(&store).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), kept.join(entry.file_name())).unwrap();
    }
}

pub(crate) fn attach(command: &mut Command, place: &Place) {
    command
        .env("LD_PRELOAD", library())
        .env("FORGETFUL_FOLDER", place.store().canonicalize().unwrap())
        .env("FORGETFUL_KEPT", place.kept());
}

/// Lets no file of the store grow beyond so many bytes.
pub(crate) fn fill_up(command: &mut Command, place: &Place, most: u64) {
    command
        .env("LD_PRELOAD", library())
        .env("FORGETFUL_FOLDER", place.store().canonicalize().unwrap())
        .env("FULL_AT", most.to_string());
}

/// Makes the store what the disk kept: of the blocks that were written and not
/// synced none, all or some are there.
pub(crate) fn lose_power(place: &Place, mut below: impl FnMut(usize) -> usize) {
    let (store, kept) = (place.store(), place.kept());
    // Only what the operating system shares between processes.
    let _ = fs::remove_file(store.join("node.db-shm"));
    let how = below(3);
    for name in ["node.db", "node.db-wal"] {
        let read = |path: PathBuf| fs::read(path).unwrap_or_default();
        let (written, synced) = (read(store.join(name)), read(kept.join(name)));
        let mut left = synced.clone();
        if how > 0 {
            if below(2) == 0 {
                left.resize(written.len(), 0);
            }
            for start in (0..left.len()).step_by(BLOCK) {
                let end = (start + BLOCK).min(left.len());
                let reached_disk = below(how + 1) > 0;
                if let Some(block) = written.get(start..end).filter(|_| reached_disk) {
                    left[start..end].copy_from_slice(block);
                }
            }
        }
        fs::write(store.join(name), left).unwrap();
    }
}
