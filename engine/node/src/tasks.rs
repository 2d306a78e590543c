//! What takes its time and may be followed and stopped by who asked for it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use pipewright_component::Cancel;
use pipewright_protocol::studio::TaskProgress;

/// What is under way, by the names that callers gave.
#[derive(Default)]
pub(crate) struct Tasks(Mutex<HashMap<String, Arc<Task>>>);

/// One thing that is under way.
#[derive(Default)]
pub(crate) struct Task {
    pub(crate) cancel: Cancel,
    done: AtomicU64,
    /// 0: not known.
    total: AtomicU64,
}

impl Task {
    /// So much is done now.
    pub(crate) fn set_done(&self, done: u64) {
        self.done.store(done, Ordering::Relaxed);
    }

    /// There is so much to do.
    pub(crate) fn set_total(&self, total: u64) {
        self.total.store(total, Ordering::Relaxed);
    }

    pub(crate) fn progress(&self) -> TaskProgress {
        let total = self.total.load(Ordering::Relaxed);
        TaskProgress {
            done: self.done.load(Ordering::Relaxed),
            total: (total > 0).then_some(total),
        }
    }
}

/// A task for as long as somebody waits for it: when it is dropped, the work is
/// told to stop and the name is free again.
pub(crate) struct Awaited<'t> {
    pub(crate) task: Arc<Task>,
    name: Option<String>,
    tasks: &'t Tasks,
}

impl Tasks {
    /// Begins a task. One of the same name that is still under way keeps going
    /// without its name.
    pub(crate) fn begin(&self, name: Option<String>) -> Awaited<'_> {
        let task = Arc::new(Task::default());
        if let Some(name) = &name {
            self.lock().insert(name.clone(), task.clone());
        }
        Awaited { task, name, tasks: self }
    }

    pub(crate) fn find(&self, name: &str) -> Option<Arc<Task>> {
        self.lock().get(name).cloned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Task>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        self.task.cancel.stop();
        if let Some(name) = &self.name {
            let mut all = self.tasks.lock();
            if all.get(name).is_some_and(|task| Arc::ptr_eq(task, &self.task)) {
                all.remove(name);
            }
        }
    }
}
