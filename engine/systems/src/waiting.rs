//! Waiting for the outside in a way that a stop can end.

use std::future::Future;
use std::sync::OnceLock;
use std::time::Duration;

use pipewright_component::{Cancel, Failure};
use tokio::runtime::Runtime;

/// How often a waiting call looks whether its run was stopped.
const LOOK: Duration = Duration::from_millis(50);

/// The threads on which network and databases are waited for; one for all
/// components of a node, started when the first of them waits.
#[derive(Default)]
pub(crate) struct Waiting {
    runtime: OnceLock<Runtime>,
}

/// Why something was not waited for to its end.
#[derive(Debug)]
pub(crate) enum NotWaited {
    /// The run was stopped.
    Stopped,
    /// The machine gives no threads.
    NoThreads(String),
}

impl From<NotWaited> for Failure {
    fn from(why: NotWaited) -> Failure {
        match why {
            NotWaited::Stopped => Failure::Stopped,
            NotWaited::NoThreads(reason) => Failure::retryable(reason),
        }
    }
}

impl Waiting {
    /// Waits for something, unless the run is stopped first. What begins to
    /// run when it is made, not when it is awaited, belongs in an `async` block.
    pub(crate) fn wait<F: Future>(&self, cancel: &Cancel, what: F) -> Result<F::Output, NotWaited> {
        self.runtime()?.block_on(async {
            let mut what = std::pin::pin!(what);
            loop {
                if cancel.is_stopped() {
                    return Err(NotWaited::Stopped);
                }
                tokio::select! {
                    biased;
                    done = &mut what => return Ok(done),
                    () = tokio::time::sleep(LOOK) => {}
                }
            }
        })
    }

    /// Lets something go on in the background.
    pub(crate) fn spawn(
        &self,
        what: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), NotWaited> {
        self.runtime()?.spawn(what);
        Ok(())
    }

    /// Does work that blocks, on a thread of its own.
    pub(crate) fn work(&self, what: impl FnOnce() + Send + 'static) -> Result<(), NotWaited> {
        self.runtime()?.spawn_blocking(what);
        Ok(())
    }

    fn runtime(&self) -> Result<&Runtime, NotWaited> {
        if let Some(runtime) = self.runtime.get() {
            return Ok(runtime);
        }
        let fresh = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("outside")
            .enable_all()
            .build()
            .map_err(|error| NotWaited::NoThreads(error.to_string()))?;
        Ok(self.runtime.get_or_init(|| fresh))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // The node may be taken down from within another runtime, where
        // waiting for threads is not allowed.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
