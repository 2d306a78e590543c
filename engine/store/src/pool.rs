//! Connections that read.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

use crate::error::Outcome;
use crate::{StoreError, schema};

/// How many idle connections are kept.
const IDLE: usize = 16;

/// Reading connections that wait to be used again. One is opened whenever none
/// is idle: a reader never waits for another.
pub(crate) struct Pool {
    dir: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Pool {
    pub(crate) fn new(dir: PathBuf) -> Pool {
        Pool { dir, idle: Mutex::default() }
    }

    /// A connection outside any transaction.
    fn take(&self) -> Result<Connection, StoreError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| schema::open_reader(&self.dir), Ok)
    }

    fn give(&self, connection: Connection) {
        // One that cannot end its transaction is closed instead.
        if !connection.is_autocommit() && connection.execute_batch("ROLLBACK").is_err() {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE {
            idle.push(connection);
        }
    }

    /// Uses a connection that sees whatever is committed at each step.
    pub(crate) fn with<T>(
        &self,
        read: impl FnOnce(&Connection) -> Outcome<T>,
    ) -> Result<T, StoreError> {
        let connection = self.take()?;
        let result = read(&connection);
        self.give(connection);
        Ok(result?)
    }
}

/// A connection on one state of the store; goes back to the pool when dropped.
pub(crate) struct Snapshot {
    pool: Arc<Pool>,
    connection: Option<Connection>,
}

impl Snapshot {
    pub(crate) fn take(pool: &Arc<Pool>) -> Result<Snapshot, StoreError> {
        let connection = pool.take()?;
        let snapshot = Snapshot { pool: pool.clone(), connection: Some(connection) };
        snapshot.begin()?;
        Ok(snapshot)
    }

    fn begin(&self) -> Outcome<()> {
        self.execute_batch("BEGIN")?;
        // The state is chosen by the first read, not by BEGIN.
        self.prepare_cached("SELECT 1 FROM dataset LIMIT 1")?.exists([])?;
        Ok(())
    }
}

impl Deref for Snapshot {
    type Target = Connection;

    #[expect(clippy::expect_used, reason = "only drop takes the connection")]
    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("the connection is there until the snapshot is dropped")
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.pool.give(connection);
        }
    }
}
