//! Where entities come from.

use pipewright_entity::{Dict, Value};

use crate::{Batch, Failure};

/// How the `since` marker of a source moves
/// (`hub/documentation/service-configuration/pipes/configuration-sources`,
/// "Continuation support").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Continuation {
    /// No marker: every run reads everything.
    None,
    /// Entities come in the order of their marker: the pump may keep the
    /// offset of every batch and go on there after a break.
    Chronological,
    /// Markers can be compared but come in any order: the pump keeps the
    /// largest one, and only when the whole stream was read.
    Max,
}

impl Continuation {
    /// The strategy for three properties of a source, in the documented order.
    pub fn choose(supports_since: bool, is_chronological: bool, is_comparable: bool) -> Self {
        match (supports_since, is_chronological, is_comparable) {
            (true, true, _) => Continuation::Chronological,
            (true, false, true) => Continuation::Max,
            _ => Continuation::None,
        }
    }
}

/// Whether a stream holds everything there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// All current entities of the source: what is not among them is gone.
    Full,
    /// Only some, such as what changed since a marker.
    Partial,
}

/// What to read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReadRequest {
    /// Go on after this marker; `None` reads from the start.
    pub since: Option<Value>,
    /// Read at most so many entities.
    pub limit: Option<usize>,
    /// How many entities a batch should hold, at most. A source may hand out
    /// smaller ones.
    pub batch_size: usize,
    /// Parameters of the request that this run answers (`_B` in DTL), for
    /// pipes that are evaluated on request.
    pub bound: Option<Dict>,
}

/// The batches of one stream, in order. An error ends the stream.
pub type Batches<'a> = Box<dyn Iterator<Item = Result<Batch, Failure>> + Send + 'a>;

/// A stream that was opened.
pub struct Reading<'a> {
    /// Whether the stream will hold everything there is. Deletion tracking
    /// happens only after a full stream was read to its end.
    pub coverage: Coverage,
    /// Whether the source says it was filled at least once
    /// (`X-Dataset-Populated`); `None` when it does not know.
    pub populated: Option<bool>,
    /// Microseconds since 1970 up to which the source is complete
    /// (`X-Dataset-Completeness`), if it says.
    pub completeness: Option<i64>,
    /// The entities.
    pub batches: Batches<'a>,
}

impl<'a> Reading<'a> {
    /// A stream of a source that tells no more than its entities.
    pub fn new(coverage: Coverage, batches: Batches<'a>) -> Reading<'a> {
        Reading { coverage, populated: None, completeness: None, batches }
    }
}

/// Hands out entities.
pub trait Source: Send {
    /// How its marker moves.
    fn continuation(&self) -> Continuation;

    /// Whether a stream since a marker holds entities that were deleted
    /// (`_deleted: true`). Without it only a full run finds deletions.
    fn reports_deletes(&self) -> bool;

    /// Starts reading. Errors that concern the whole stream (no connection,
    /// wrong config) may come from here or from the first batch.
    fn open(&mut self, request: &ReadRequest) -> Result<Reading<'_>, Failure>;
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of `configuration-sources`, "Continuation support".
    #[test]
    fn strategy_is_chosen_as_documented() {
        use Continuation::{Chronological, Max, None};
        let table = [
            ((false, false, false), None),
            ((false, true, false), None),
            ((false, false, true), None),
            ((false, true, true), None),
            ((true, false, false), None),
            ((true, true, false), Chronological),
            ((true, false, true), Max),
            ((true, true, true), Chronological),
        ];
        for ((since, chronological, comparable), expected) in table {
            assert_eq!(Continuation::choose(since, chronological, comparable), expected);
        }
    }
}
