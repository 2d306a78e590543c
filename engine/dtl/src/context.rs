//! What a running program may ask of the world around it.

use std::sync::Arc;

use jiff::Timestamp;
use pipewright_entity::{DateTime, Dict, Entity, Key, Value};
use uuid::Uuid;

use crate::{Index, LookupError, Trace};

/// The world around one run of a program.
///
/// Every method has an answer for "there is no such thing", so that a context
/// says only what it knows.
pub trait Context {
    /// Other datasets.
    fn datasets(&self) -> &dyn Datasets {
        &NoDatasets
    }

    /// The time now.
    fn now(&self) -> DateTime {
        DateTime::new(Timestamp::UNIX_EPOCH)
    }

    /// A new random UUID.
    fn uuid(&self) -> Uuid {
        Uuid::nil()
    }

    /// Parameters of the request that is answered (`_B`).
    fn bound(&self) -> Option<&Arc<Dict>> {
        None
    }

    /// An environment variable of the node.
    fn env(&self, _name: &str) -> Option<Value> {
        None
    }

    /// A secret of the node.
    fn secret(&self, _name: &str) -> Option<Value> {
        None
    }

    /// The version of the source entity that was processed before
    /// (`is-changed`).
    fn previous(&self) -> Option<Entity> {
        None
    }

    /// Up to when a dataset is complete, as seen through another one
    /// (`completeness`).
    fn completeness(&self, _via: &str, _dataset: &str) -> Option<DateTime> {
        None
    }

    /// The metadata of the node, where prefixes of URIs are defined.
    fn metadata(&self) -> Option<&Value> {
        None
    }

    /// Waits (`sleep!`). The default does not.
    fn sleep(&self, _seconds: u64) {}

    /// Takes what a traced program did, at the end of each run, also of one
    /// that failed.
    fn traced(&self, _trace: Trace) {}
}

/// A context without anything.
pub struct NoContext;

impl Context for NoContext {}

/// Other datasets: their current entities, deleted ones left out.
pub trait Datasets {
    /// The entities of the index's dataset that have the key, in any order.
    fn matching(&self, index: &Index, key: &Key) -> Result<Vec<Entity>, LookupError>;

    /// One entity.
    fn get(&self, dataset: &str, id: &str) -> Result<Option<Entity>, LookupError>;
}

struct NoDatasets;

impl Datasets for NoDatasets {
    fn matching(&self, index: &Index, _: &Key) -> Result<Vec<Entity>, LookupError> {
        Err(LookupError(format!("the dataset {:?} is not at hand here", index.dataset)))
    }

    fn get(&self, dataset: &str, _: &str) -> Result<Option<Entity>, LookupError> {
        Err(LookupError(format!("the dataset {dataset:?} is not at hand here")))
    }
}
