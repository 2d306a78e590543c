//! What can go wrong, in words a user can act on.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pipewright_entity::Text;
use pipewright_entity::binary::BinaryError;

/// Why the store could not do what was asked. Nothing of a failed commit
/// remains.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process has the store open.
    #[error(
        "the store in {} is open in another process{}",
        dir.display(),
        address.as_ref().map(|url| format!(", which answers at {url}")).unwrap_or_default()
    )]
    Locked {
        /// The folder of the store.
        dir: PathBuf,
        /// Where that process serves the node API, when it said so.
        address: Option<String>,
    },
    /// The store was written by a newer version of the program.
    #[error(
        "the store {} has format {found}, this program knows up to {known}; \
         open it with a newer version",
        file.display()
    )]
    NewerFormat {
        /// The database file.
        file: PathBuf,
        /// The format of the file.
        found: u32,
        /// The newest format this program reads.
        known: u32,
    },
    /// The file is a database, but not one of ours.
    #[error("{} is not a store of this program", file.display())]
    NotAStore {
        /// The database file.
        file: PathBuf,
    },
    /// A file or folder beside the database could not be read or written.
    #[error("{}: {cause}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        cause: Arc<io::Error>,
    },
    /// There is no dataset of this name.
    #[error("there is no dataset \"{0}\"")]
    UnknownDataset(Text),
    /// The dataset was dropped, or dropped and made again, since the full run
    /// on it began.
    #[error("the dataset \"{0}\" was dropped or reset during the full run")]
    DatasetReplaced(Text),
    /// The stored version is not the one the writer expected
    /// ([`Write::expecting`](crate::Write::expecting)).
    #[error(
        "entity \"{id}\" of dataset \"{dataset}\" is at {}, the writer expected {}",
        place(*found),
        place(*expected)
    )]
    Conflict {
        /// The dataset.
        dataset: Text,
        /// The `_id`.
        id: Text,
        /// `_updated` that the writer had seen; `None`: no such entity.
        expected: Option<u64>,
        /// `_updated` of the current version; `None`: no such entity.
        found: Option<u64>,
    },
    /// The log is no copy of the one it is to be a copy of
    /// ([`Write::standing_at`](crate::Write::standing_at)).
    #[error("place {place} of dataset \"{dataset}\" holds something else than \"{id}\" as it is")]
    Diverged {
        /// The dataset.
        dataset: Text,
        /// The place in its log.
        place: u64,
        /// The `_id` that should stand there.
        id: Text,
    },
    /// Nobody asked for this index yet
    /// ([`Store::ensure_index`](crate::Store::ensure_index)).
    #[error("dataset \"{dataset}\" has no index on {expression}")]
    NoIndex {
        /// The dataset.
        dataset: Text,
        /// The index expression.
        expression: Text,
    },
    /// The index does not cover the whole log yet;
    /// [`Store::ensure_index`](crate::Store::ensure_index) catches up.
    #[error(
        "the index on {expression} of dataset \"{dataset}\" covers {built} of {length} versions"
    )]
    IndexBehind {
        /// The dataset.
        dataset: Text,
        /// The index expression.
        expression: Text,
        /// How far the index goes.
        built: u64,
        /// The length of the log.
        length: u64,
    },
    /// A stored entity cannot be decoded.
    #[error("version {updated} of dataset \"{dataset}\" cannot be read: {cause}")]
    Unreadable {
        /// The dataset.
        dataset: Text,
        /// The place in its log.
        updated: u64,
        /// What is wrong with the bytes.
        cause: BinaryError,
    },
    /// A number ran out: too many datasets or versions.
    #[error("the store is at its limit of {0}")]
    Limit(&'static str),
    /// The disk is full.
    #[error("the disk is full")]
    DiskFull,
    /// The database is damaged. A backup is the way out.
    #[error("the store is damaged ({0}); restore it from a backup")]
    Damaged(String),
    /// The group this commit was part of was given up because another commit
    /// in it ended in a crash. Nothing was stored; it can be tried again.
    #[error("the commit was given up with others; try again")]
    GivenUp,
    /// Anything else the database reports.
    #[error("the store could not be read or written: {0}")]
    Database(String),
}

fn place(updated: Option<u64>) -> String {
    updated.map_or_else(|| "no version".into(), |updated| format!("version {updated}"))
}

impl StoreError {
    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> StoreError {
        move |cause| StoreError::File { path: path.to_path_buf(), cause: Arc::new(cause) }
    }
}

/// `SQLITE_IOERR_SHMSIZE`.
const SHARED_FULL: i32 = 10 | 19 << 8;

/// An error inside the crate; keeps the database library's type out of the
/// public interface.
#[derive(Debug)]
pub(crate) enum Fault {
    Sqlite(rusqlite::Error),
    Store(StoreError),
}

/// What functions inside the crate return.
pub(crate) type Outcome<T> = Result<T, Fault>;

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Fault {
        Fault::Sqlite(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Fault {
        Fault::Store(error)
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> StoreError {
        use rusqlite::ErrorCode;
        match fault {
            Fault::Store(error) => error,
            Fault::Sqlite(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DiskFull) => StoreError::DiskFull,
                // No room for what the connections share.
                _ if error
                    .sqlite_error()
                    .is_some_and(|error| error.extended_code == SHARED_FULL) =>
                {
                    StoreError::DiskFull
                }
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                    StoreError::Damaged(error.to_string())
                }
                _ => StoreError::Database(error.to_string()),
            },
        }
    }
}
