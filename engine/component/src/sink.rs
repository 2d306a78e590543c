//! Where entities go.

use pipewright_entity::{Entity, Text};

use crate::{EntityFailure, Failure};

/// The run that a sink takes part in, as the JSON push protocol names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequence {
    /// Names this run; new for every run.
    pub id: Text,
    /// Whether the run holds everything there is. The receiver may then
    /// delete what it did not see, once [`Sink::finish`] was called.
    pub is_full: bool,
}

/// What became of one call of [`Sink::write`] or [`Sink::finish`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Written {
    /// Entities that were written (inserted, updated or deleted).
    pub written: usize,
    /// Entities that the sink found to be there already as they are.
    pub unchanged: usize,
    /// Entities that the sink does not take, such as filtered ones.
    pub ignored: usize,
    /// Entities that were refused; the others of the call were written.
    pub rejected: Vec<EntityFailure>,
}

impl Written {
    /// Adds the counts of another call.
    pub fn add(&mut self, other: Written) {
        self.written += other.written;
        self.unchanged += other.unchanged;
        self.ignored += other.ignored;
        self.rejected.extend(other.rejected);
    }
}

/// Takes entities.
///
/// One run calls [`begin`](Sink::begin), then [`write`](Sink::write) for each
/// batch, and [`finish`](Sink::finish) when the source was read to its end. A
/// run that fails or is stopped drops the sink without `finish`.
pub trait Sink: Send {
    /// Whether writing changes something outside the node. The pump never
    /// calls `write` on such a sink while writes are held; the sink refuses
    /// too, as a second lock.
    fn is_outside(&self) -> bool;

    /// How many entities one call of `write` takes at most, when the pipe
    /// does not say.
    fn batch_size(&self) -> usize {
        100
    }

    /// Starts a run.
    fn begin(&mut self, sequence: &Sequence) -> Result<(), Failure>;

    /// Writes some entities. `Err` with [`Failure::Entity`] means that the
    /// call as a whole was refused without naming the guilty entity.
    fn write(&mut self, entities: &[Entity]) -> Result<Written, Failure>;

    /// Ends a run whose source was read to its end.
    fn finish(&mut self) -> Result<Written, Failure>;
}
