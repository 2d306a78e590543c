//! Whether the node can do its work, and how often it was started.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use pipewright_store::Durability;

use crate::Node;

/// What is known of it.
#[derive(Default)]
pub(crate) struct Condition {
    /// What ails the node, and when it was examined.
    known: Mutex<Option<(Instant, Option<String>)>>,
    /// How often it was started before.
    restarts: AtomicU64,
}

impl Node {
    /// Why the node cannot do its work, if it cannot: the store takes or gives
    /// nothing, the folder is gone, or nothing runs pipes any more. Who asks
    /// again within seconds hears the same.
    pub(crate) fn ails(&self) -> Option<String> {
        const FRESH: Duration = Duration::from_secs(5);
        let mut known = self.condition.known.lock().unwrap_or_else(PoisonError::into_inner);
        match &*known {
            Some((at, ails)) if at.elapsed() < FRESH => ails.clone(),
            _ => {
                let ails = self.examine().err();
                *known = Some((Instant::now(), ails.clone()));
                ails
            }
        }
    }

    fn examine(&self) -> Result<(), String> {
        let read = self.store().reader().and_then(|reader| reader.datasets());
        read.map_err(|error| format!("the store cannot be read: {error}"))?;
        // A disk that is full, or cannot be written any more, shows only so.
        let mut batch = self.store().batch(self.now());
        batch.set_durability(Durability::Normal);
        batch.put_state("", "health", b"asked", Some(&self.now().to_le_bytes()));
        let written = self.store().commit(batch);
        written.map_err(|error| format!("the store cannot be written: {error}"))?;
        std::fs::read_dir(self.root())
            .map_err(|error| format!("the project folder cannot be read: {error}"))?;
        match self.conductor.has_died() {
            true => Err("nothing runs pipes any more: start the node again".to_owned()),
            false => Ok(()),
        }
    }

    /// How often the node was started again since this version of the program
    /// first ran it.
    pub(crate) fn restarts(&self) -> u64 {
        self.condition.restarts.load(Ordering::Acquire)
    }

    /// Counts a start.
    pub(crate) fn count_start(&self) {
        let path = self.store().dir().join("starts");
        let known = std::fs::read_to_string(&path).unwrap_or_default();
        let starts = known.split_once(' ').filter(|(version, _)| *version == crate::VERSION);
        let starts: u64 = starts.and_then(|(_, starts)| starts.trim().parse().ok()).unwrap_or(0);
        self.condition.restarts.store(starts, Ordering::Release);
        let text = format!("{} {}\n", crate::VERSION, starts.saturating_add(1));
        if let Err(error) = std::fs::write(&path, text) {
            tracing::warn!(%error, "how often the node was started cannot be written");
        }
    }
}
