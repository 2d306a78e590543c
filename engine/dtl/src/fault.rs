//! What can go wrong while a program runs.

use std::ops::Range;

use crate::syntax::Path;

/// Why a function stopped. Where it stands in the config is added on the way
/// out, see [`EvalError`].
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// What sort of stop.
    pub kind: FaultKind,
    /// What failed and on which value.
    pub message: String,
    /// The call that failed, by number.
    pub(crate) at: Option<u32>,
}

/// What sort of stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The entity cannot be transformed.
    Failed,
    /// `trip!`: the circuit breaker of the sink dataset is to trip.
    Tripped,
    /// Another dataset could not be read.
    Lookup,
    /// A limit on depth or size was reached.
    Limit,
}

impl Fault {
    /// The entity cannot be transformed.
    pub fn failed(message: impl Into<String>) -> Fault {
        Fault { kind: FaultKind::Failed, message: message.into(), at: None }
    }

    /// A limit on depth or size was reached.
    pub fn limit(message: impl Into<String>) -> Fault {
        Fault { kind: FaultKind::Limit, ..Fault::failed(message) }
    }

    pub(crate) fn at(mut self, call: u32) -> Fault {
        self.at.get_or_insert(call);
        self
    }
}

impl From<LookupError> for Fault {
    fn from(error: LookupError) -> Fault {
        Fault { kind: FaultKind::Lookup, ..Fault::failed(error.0) }
    }
}

/// Another dataset could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LookupError(pub String);

/// Why an entity could not be transformed, and where in the config.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message} (at {path})")]
pub struct EvalError {
    /// What sort of stop.
    pub kind: FaultKind,
    /// What failed and on which value.
    pub message: String,
    /// The expression.
    pub path: Path,
    /// The expression, as bytes of the text the program was compiled from.
    pub span: Range<usize>,
}
