//! Datasets on disk: log, versions, indexes, offsets, execution log.
//!
//! A [`Store`] is one folder with one database file. Everything a trip of a
//! batch through a pipe leaves behind is collected in a [`Batch`] and stored
//! by one [`Store::commit`], so that a crash leaves the state before or after
//! it. A [`Reader`] sees one state of the store for as long as it is kept.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! use pipewright_entity::{Entity, Value};
//! use pipewright_store::{Select, Store};
//!
//! let store = Store::open(dir.path())?;
//! let mut batch = store.batch(1_700_000_000_000_000);
//! batch.append("people", Entity::new("1").with("name", "Ada"));
//! batch.set_offset("people", Some(Value::Int(41)));
//! store.commit(batch)?;
//!
//! let reader = store.reader()?;
//! for version in reader.changes("people", None, None, Select::default())? {
//!     println!("{}", version?.with_metadata().into_value().to_transit());
//! }
//! assert_eq!(reader.offset("people")?, Some(Value::Int(41)));
//! # Ok(())
//! # }
//! ```
//!
//! Architecture invariants: the store is synchronous, owns no thread and reads
//! no clock. No type of the database library and no SQL is in its interface,
//! so that another database can stand behind it one day.

mod append;
mod backup;
mod batch;
mod commit;
mod compact;
mod dataset;
mod error;
mod full_run;
mod index;
mod lock;
pub mod names;
mod pool;
mod purge;
mod rank;
mod read;
mod retry;
mod run;
mod schema;
mod state;
mod store;
mod swap;
mod text;
mod versions;

pub use backup::{back_up, restore};
pub use batch::{Batch, Committed, Durability, Position, Write, Written};
pub use compact::{Compacted, Compaction};
pub use dataset::Dataset;
pub use error::StoreError;
pub use full_run::FullRun;
pub use index::{IndexInfo, IndexKeys};
pub use read::{Changes, Provenance, Reader, Select, Subset};
pub use retry::{Retry, RetryCounts};
pub use state::KeyValue;
pub use store::Store;
pub use text::{Candidates, FullText, Query};
pub use versions::Past;
