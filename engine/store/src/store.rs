//! Opening a store, committing to it, and what is done to whole datasets.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use pipewright_entity::Text;
use rusqlite::{Connection, TransactionBehavior};

use crate::batch::{Batch, Committed, Durability};
use crate::commit::Queue;
use crate::error::Outcome;
use crate::full_run::FullRun;
use crate::index::{self, IndexKeys, Registered, Registry};
use crate::lock::{self, Lock};
use crate::pool::{Pool, Snapshot};
use crate::read::Reader;
use crate::{StoreError, dataset, schema};

/// A node's datasets and everything else it must not forget, in one folder.
///
/// Cloning gives another handle to the same store; the folder is free again
/// when the last handle, reader and full run is gone. Every method works on
/// the calling thread; commits wait for each other, readers for nobody.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) dir: PathBuf,
    writer: Mutex<Writer>,
    pub(crate) queue: Queue,
    pub(crate) pool: Arc<Pool>,
    registry: RwLock<Arc<Registry>>,
    // Last, so that the lock outlives the connections.
    lock: Lock,
}

/// The connection that writes.
pub(crate) struct Writer {
    connection: Connection,
    durability: Option<Durability>,
    /// How large the write-ahead log may become before it is made to start
    /// over.
    log_limit: u64,
    /// Whether something was committed that a power failure may take back.
    unsynced: bool,
}

/// The write-ahead log starts over by itself whenever no reader needs it. With
/// readers that always overlap that would be never; past this size a commit
/// waits a moment for them.
const LOG_LIMIT: u64 = 64 << 20;
const LOG_WAIT: Duration = Duration::from_millis(100);

impl Store {
    /// Opens the store in a folder, which is made when it is not there.
    ///
    /// Fails with [`StoreError::Locked`] while another process has it open,
    /// and leaves alone what a newer version or another program wrote.
    pub fn open(dir: impl AsRef<Path>) -> Result<Store, StoreError> {
        let dir = dir.as_ref();
        fs::create_dir_all(dir).map_err(StoreError::file(dir))?;
        let lock = Lock::take(dir)?;
        let connection = schema::open_writer(dir)?;
        Ok(Store {
            inner: Arc::new(Inner {
                dir: dir.to_path_buf(),
                writer: Mutex::new(Writer {
                    connection,
                    durability: None,
                    log_limit: LOG_LIMIT,
                    // What the process before left, if it was killed.
                    unsynced: true,
                }),
                queue: Queue::default(),
                pool: Arc::new(Pool::new(dir.to_path_buf())),
                registry: RwLock::default(),
                lock,
            }),
        })
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    /// The folder of the store.
    pub fn dir(&self) -> &Path {
        &self.inner.dir
    }

    /// Says where this process serves the node API, for those who find the
    /// store locked.
    pub fn publish_address(&self, url: &str) -> Result<(), StoreError> {
        self.inner.lock.publish(url)
    }

    /// Where the process that has the store in this folder open serves the
    /// node API. `None`: nobody has it open, or does not serve.
    pub fn address_of(dir: impl AsRef<Path>) -> Result<Option<String>, StoreError> {
        lock::address_of(dir.as_ref())
    }

    /// A batch to collect in. Its versions get `ts`, in microseconds since
    /// 1970, as their `_ts`.
    pub fn batch(&self, ts: i64) -> Batch {
        Batch::new(ts)
    }

    /// Stores a batch as a whole or, on an error, not at all.
    ///
    /// Batches that several threads commit at the same time share one
    /// transaction, and with it one wait for the disk.
    pub fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        self.inner.commit(vec![batch]).pop().unwrap_or(Err(StoreError::GivenUp))
    }

    /// Stores several batches in one transaction; each either as a whole or,
    /// with its error, not at all, in the order given.
    pub fn commit_all(&self, batches: Vec<Batch>) -> Vec<Result<Committed, StoreError>> {
        self.inner.commit(batches)
    }

    /// Makes sure that a power failure takes back nothing of what is committed,
    /// whatever its [`Durability`]. To be called before something that follows
    /// from it is made known outside. Costs nothing when there is nothing to do.
    pub fn make_durable(&self) -> Result<(), StoreError> {
        self.inner.wait_for_writer().sync_log(&self.inner.dir)
    }

    /// A reader of the store as it is now.
    pub fn reader(&self) -> Result<Reader, StoreError> {
        Ok(Reader::new(Snapshot::take(&self.inner.pool)?, self.inner.clone()))
    }

    /// Begins a full run over a dataset, for deletion tracking.
    pub fn full_run(&self, dataset: &str) -> Result<FullRun, StoreError> {
        let before = self.inner.pool.with(|connection| dataset::find(connection, dataset))?;
        Ok(FullRun::begin(self.inner.clone(), dataset, before))
    }

    /// Makes an empty dataset if it is not there. Whether it was made.
    pub fn create_dataset(&self, id: &str) -> Result<bool, StoreError> {
        self.inner.write(Durability::Full, |connection| {
            if dataset::find(connection, id)?.is_some() {
                return Ok(false);
            }
            dataset::create(connection, id, &self.inner.registry())?;
            Ok(true)
        })
    }

    /// Drops a dataset. It is gone at once for new readers; the space is given
    /// back by [`Store::purge`].
    pub fn drop_dataset(&self, id: &str) -> Result<(), StoreError> {
        self.inner.write(Durability::Full, |connection| dataset::retire(connection, id))
    }

    /// Empties a dataset: drops it and makes it again, with another generation.
    pub fn reset_dataset(&self, id: &str) -> Result<(), StoreError> {
        self.inner.write(Durability::Full, |connection| {
            dataset::retire(connection, id)?;
            dataset::create(connection, id, &self.inner.registry())?;
            Ok(())
        })
    }

    /// Makes sure that there is a complete index of a dataset on an
    /// expression, and that commits of this process keep it so. To be called
    /// in every process that needs the index: what was written without it is
    /// caught up here. The dataset need not be there yet.
    ///
    /// The first call builds the index, in steps between which others can
    /// commit; it returns when the index is complete.
    pub fn ensure_index(
        &self,
        dataset: &str,
        expression: &str,
        keys: Arc<dyn IndexKeys>,
    ) -> Result<(), StoreError> {
        self.build_index(dataset, expression, keys, &mut |_, _| true).map(drop)
    }

    /// [`Store::ensure_index`], which says before each long step how much of the
    /// log is covered and how long that is, and stops there when told `false`:
    /// the next call goes on from there. Whether the index is complete.
    pub fn build_index(
        &self,
        dataset: &str,
        expression: &str,
        keys: Arc<dyn IndexKeys>,
        step: &mut dyn FnMut(u64, u64) -> bool,
    ) -> Result<bool, StoreError> {
        let registered = Registered { expression: expression.into(), keys };
        self.inner.register(|registry| registry.add(dataset, registered.clone()));
        index::build::ensure(&self.inner, dataset, &registered, step)
    }

    /// Catches up all registered indexes of a dataset, after commits that
    /// [deferred](Batch::defer_indexes) them.
    pub fn catch_up_indexes(&self, dataset: &str) -> Result<(), StoreError> {
        let registry = self.inner.registry();
        registry.of(dataset).iter().try_for_each(|registered| {
            index::build::ensure(&self.inner, dataset, registered, &mut |_, _| true).map(drop)
        })
    }

    /// Drops every index for which `keep(dataset, expression)` is false.
    pub fn retain_indexes(&self, keep: impl Fn(&str, &str) -> bool) -> Result<(), StoreError> {
        self.inner.register(|registry| registry.retain(&keep));
        self.inner.write(Durability::Normal, |connection| {
            let all = connection
                .prepare_cached(
                    "SELECT lookup.number, dataset.id, expression FROM lookup \
                     JOIN dataset ON dataset.number = lookup.dataset",
                )?
                .query_map([], |row| {
                    Ok((row.get(0)?, dataset::text(row, 1)?, dataset::text(row, 2)?))
                })?
                .collect::<rusqlite::Result<Vec<(i64, Text, Text)>>>()?;
            for (number, dataset, expression) in all {
                if !keep(&dataset, &expression) {
                    index::build::retire(connection, number)?;
                }
            }
            Ok(())
        })
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("dir", &self.inner.dir).finish_non_exhaustive()
    }
}

impl Inner {
    /// The connection that writes, once nobody else does, outside any
    /// transaction and as durable as asked.
    pub(crate) fn writer(&self, durability: Durability) -> Result<WriterGuard<'_>, StoreError> {
        let mut writer = self.wait_for_writer();
        writer.settle(durability)?;
        Ok(writer)
    }

    /// The connection that writes, still to be [settled](WriterGuard::settle).
    pub(crate) fn wait_for_writer(&self) -> WriterGuard<'_> {
        WriterGuard(self.writer.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Writes in a transaction of its own.
    pub(crate) fn write<T>(
        &self,
        durability: Durability,
        write: impl FnOnce(&Connection) -> Outcome<T>,
    ) -> Result<T, StoreError> {
        let mut writer = self.writer(durability)?;
        let result = (|| {
            let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let result = write(&transaction)?;
            transaction.commit()?;
            Outcome::Ok(result)
        })();
        Ok(result?)
    }

    /// The indexes to maintain. To be read while holding the writer by whoever
    /// appends, so that an index registered before is never missed.
    pub(crate) fn registry(&self) -> Arc<Registry> {
        self.registry.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn register(&self, change: impl FnOnce(&mut Registry)) {
        let mut registry = self.registry.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut registry));
    }
}

/// Holds the writer.
pub(crate) struct WriterGuard<'a>(MutexGuard<'a, Writer>);

impl WriterGuard<'_> {
    /// Keeps the write-ahead log from growing without end. Does nothing but
    /// look at its size most of the time; what it cannot do now, it tries
    /// again when the log has grown by as much again.
    pub(crate) fn restrain_log(&mut self, dir: &Path) -> Outcome<()> {
        let writer = &mut *self.0;
        let size = fs::metadata(dir.join(schema::LOG)).map_or(0, |log| log.len());
        if size < writer.log_limit {
            return Ok(());
        }
        writer.connection.busy_timeout(LOG_WAIT)?;
        let busy: bool =
            writer.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        writer.connection.busy_timeout(schema::WAIT)?;
        writer.log_limit = if busy { size + LOG_LIMIT } else { LOG_LIMIT };
        Ok(())
    }

    /// Has the disk take what was committed without waiting for it.
    fn sync_log(&mut self, dir: &Path) -> Result<(), StoreError> {
        if !self.0.unsynced {
            return Ok(());
        }
        // Another handle will do: a file is synced as a whole. (Closing one of
        // this file takes no lock away: SQLite locks others.)
        let path = dir.join(schema::LOG);
        match fs::OpenOptions::new().read(true).write(true).open(&path) {
            Ok(log) => log.sync_data().map_err(StoreError::file(&path))?,
            // What was in it is in the database, which was synced.
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {}
            Err(cause) => return Err(StoreError::file(&path)(cause)),
        }
        self.0.unsynced = false;
        Ok(())
    }

    /// Makes the connection ready for a transaction of this durability.
    pub(crate) fn settle(&mut self, durability: Durability) -> Outcome<()> {
        let writer = &mut *self.0;
        // Only after a panic inside a commit.
        if !writer.connection.is_autocommit() {
            writer.connection.execute_batch("ROLLBACK")?;
        }
        writer.unsynced |= durability == Durability::Normal;
        if writer.durability != Some(durability) {
            let synchronous = match durability {
                Durability::Normal => "NORMAL",
                Durability::Full => "FULL",
            };
            writer.connection.pragma_update(None, "synchronous", synchronous)?;
            writer.durability = Some(durability);
        }
        Ok(())
    }
}

impl std::ops::Deref for WriterGuard<'_> {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        &self.0.connection
    }
}

impl std::ops::DerefMut for WriterGuard<'_> {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.0.connection
    }
}
