//! Copying a store while it is in use.

use std::fs::{self, File};
use std::path::Path;

use rusqlite::backup::{Backup, StepResult};

use crate::error::Outcome;
use crate::pool::Snapshot;
use crate::store::Store;
use crate::{StoreError, schema};

/// Pages copied between two reports.
const STEP: i32 = 2_000;

impl Store {
    /// Copies the store, as it is now, to another folder, where
    /// [`Store::open`] opens it. Others read and commit meanwhile. The copy
    /// appears there only when it is complete and on disk.
    ///
    /// `report` is told from time to time how many of how many pages are
    /// copied. Fails when the folder has a store already.
    pub fn backup_to(
        &self,
        dir: impl AsRef<Path>,
        mut report: impl FnMut(u64, u64),
    ) -> Result<(), StoreError> {
        let dir = dir.as_ref();
        fs::create_dir_all(dir).map_err(StoreError::file(dir))?;
        let (file, partial) = (dir.join(schema::FILE), dir.join("node.partial"));
        if file.exists() {
            let error = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
            return Err(StoreError::file(&file)(error));
        }
        if partial.exists() {
            // Of a backup that was cut off.
            fs::remove_file(&partial).map_err(StoreError::file(&partial))?;
        }
        let mut copy = schema::open_copy(&partial)?;
        let from = Snapshot::take(&self.inner().pool)?;
        (|| {
            // The snapshot holds one state, so no commit makes this start over.
            let backup = Backup::new(&from, &mut copy)?;
            loop {
                let result = backup.step(STEP)?;
                let progress = backup.progress();
                let (all, left) = (progress.pagecount as u64, progress.remaining as u64);
                report(all - left.min(all), all);
                if result == StepResult::Done {
                    return Outcome::Ok(());
                }
            }
        })()?;
        drop(copy);
        let sync = |path: &Path| File::open(path).and_then(|file| file.sync_all());
        sync(&partial).map_err(StoreError::file(&partial))?;
        fs::rename(&partial, &file).map_err(StoreError::file(&file))?;
        // A folder cannot be opened to be synced everywhere.
        let _ = sync(dir);
        Ok(())
    }
}
