//! Stopping a run from outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::Failure;

/// Tells a run to stop. Clones share the same switch; it cannot be unset.
///
/// Components look at it between requests and inside waits, so that a stop
/// takes effect within a batch.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// A token nobody has used yet.
    pub fn new() -> Cancel {
        Cancel::default()
    }

    /// Asks everything that holds this token to stop.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether to stop.
    pub fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// [`Failure::Stopped`] once the token was used: `cancel.check()?`
    /// between two steps.
    pub fn check(&self) -> Result<(), Failure> {
        if self.is_stopped() { Err(Failure::Stopped) } else { Ok(()) }
    }
}
