//! One process per store.
//!
//! The operating system holds the lock, so it ends with the process however
//! that ends. The address lies in a file of its own because a locked file
//! cannot be read by others everywhere.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::StoreError;

const LOCK: &str = "node.lock";
const ADDRESS: &str = "node.address";

/// How often and how long to wait for a lock that [`address_of`] may be
/// holding for a moment.
const TRIES: u32 = 10;
const WAIT: Duration = Duration::from_millis(10);

/// Held while the store is open.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
    address: PathBuf,
}

impl Lock {
    /// Takes the lock of a folder, or says who has it.
    pub(crate) fn take(dir: &Path) -> Result<Lock, StoreError> {
        let file = open(dir)?;
        for _ in 1..TRIES {
            if try_lock(dir, || file.try_lock())? {
                return Lock::taken(dir, file);
            }
            thread::sleep(WAIT);
        }
        if try_lock(dir, || file.try_lock())? {
            return Lock::taken(dir, file);
        }
        Err(StoreError::Locked { dir: dir.to_path_buf(), address: read(dir)? })
    }

    fn taken(dir: &Path, file: File) -> Result<Lock, StoreError> {
        let lock = Lock { _file: file, address: dir.join(ADDRESS) };
        // Left by a process that was killed.
        lock.withdraw()?;
        Ok(lock)
    }

    /// Says where this process answers; in one step, so that nobody reads half
    /// an address.
    pub(crate) fn publish(&self, url: &str) -> Result<(), StoreError> {
        let partial = self.address.with_extension("partial");
        fs::write(&partial, url).map_err(StoreError::file(&partial))?;
        fs::rename(&partial, &self.address).map_err(StoreError::file(&self.address))
    }

    fn withdraw(&self) -> Result<(), StoreError> {
        match fs::remove_file(&self.address) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StoreError::file(&self.address)(error))
            }
            _ => Ok(()),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A file that stays behind is removed by the next process.
        let _ = self.withdraw();
    }
}

/// Where the process that has the store open answers, when there is one and it
/// said so. A file left by a killed process does not count.
pub(crate) fn address_of(dir: &Path) -> Result<Option<String>, StoreError> {
    let path = dir.join(LOCK);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StoreError::file(&path)(error)),
    };
    if try_lock(dir, || file.try_lock_shared())? { Ok(None) } else { read(dir) }
}

fn open(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join(LOCK);
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(StoreError::file(&path))
}

fn try_lock(
    dir: &Path,
    lock: impl FnOnce() -> Result<(), TryLockError>,
) -> Result<bool, StoreError> {
    match lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(StoreError::file(&dir.join(LOCK))(error)),
    }
}

fn read(dir: &Path) -> Result<Option<String>, StoreError> {
    let path = dir.join(ADDRESS);
    match fs::read_to_string(&path) {
        Ok(url) => Ok(Some(url).filter(|url| !url.is_empty())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::file(&path)(error)),
    }
}
