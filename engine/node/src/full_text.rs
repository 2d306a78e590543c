//! Keeps the full text of datasets up in the background.
//!
//! One thread brings every dataset that has it to the end of its log, step by
//! step between other commits, and tells how far it has come; with nothing to
//! do it sleeps.

use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::Duration;

use pipewright_store::StoreError;

use crate::api::Failed;
use crate::{Node, status};

/// After each step others get the store for so long.
const PAUSE: Duration = Duration::from_millis(5);
/// The thread looks whether the node is still there after this long.
const LOOK: Duration = Duration::from_secs(5);

/// Wakes the thread.
#[derive(Default)]
pub(crate) struct FullTexts {
    /// Whether there may be something to do.
    marked: Mutex<bool>,
    changed: Condvar,
}

impl FullTexts {
    /// Something was written.
    pub(crate) fn wake(&self) {
        *self.marked.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_one();
    }

    /// Waits until something was written; `false` after a while without.
    fn wait(&self) -> bool {
        let marked = self.marked.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(marked, LOOK, |marked| !*marked);
        let (mut marked, _) = waited.unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *marked)
    }
}

impl Node {
    /// Starts the thread that keeps full text up. Call once.
    pub(crate) fn start_indexing(self: &Arc<Node>) -> std::io::Result<()> {
        let texts = self.full_texts.clone();
        let node = Arc::downgrade(self);
        texts.wake();
        std::thread::Builder::new()
            .name("full-text".into())
            .spawn(move || keep_up(&texts, &node))
            .map(drop)
    }

    /// Switches full text on or off for a dataset.
    pub(crate) fn switch_full_text(&self, dataset: &str, on: bool) -> Result<(), Failed> {
        match self.store().reader()?.dataset(dataset)? {
            None => return Err(Failed::not_found(format!("there is no dataset {dataset:?}"))),
            Some(found) if found.is_internal() => {
                return Err(Failed::bad_request(format!(
                    "the dataset {dataset:?} is the node's own and has no full text"
                )));
            }
            Some(_) => {}
        }
        self.store().set_full_text(dataset, on)?;
        status::dataset_changed(self, dataset)?;
        self.full_texts.wake();
        Ok(())
    }

    /// Brings full text one step further. Whether more is left to do.
    fn index_a_step(&self) -> Result<bool, StoreError> {
        for text in self.store().reader()?.full_texts()? {
            let more = self.store().index_text(&text.dataset)?;
            if more || !text.is_complete() {
                status::dataset_changed(self, &text.dataset)?;
            }
            if more {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn keep_up(texts: &FullTexts, node: &Weak<Node>) {
    let mut more = false;
    loop {
        more = more || texts.wait();
        // Held for a step only, so that the node can go in between.
        let Some(node) = node.upgrade() else { return };
        if !more {
            continue;
        }
        more = node.index_a_step().unwrap_or_else(|error| {
            tracing::error!(%error, "the full text of the datasets cannot be kept up");
            false
        });
        drop(node);
        std::thread::sleep(PAUSE);
    }
}
