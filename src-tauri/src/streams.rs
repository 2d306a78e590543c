//! The streams that are being read for the pages.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tauri::async_runtime::JoinHandle;

/// Running streams by window and name.
#[derive(Default)]
pub(crate) struct Streams(Mutex<HashMap<(String, String), JoinHandle<()>>>);

impl Streams {
    fn all(&self) -> MutexGuard<'_, HashMap<(String, String), JoinHandle<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads one for a window, until it ends or is stopped.
    pub(crate) fn start(
        &self,
        window: &str,
        name: &str,
        reading: impl Future<Output = ()> + Send + 'static,
    ) {
        // Held while starting, so that a stream that ends at once is taken out
        // after it was put in.
        let mut all = self.all();
        let task = tauri::async_runtime::spawn(reading);
        all.insert((window.to_owned(), name.to_owned()), task);
    }

    /// It has ended by itself.
    pub(crate) fn ended(&self, window: &str, name: &str) {
        self.all().remove(&(window.to_owned(), name.to_owned()));
    }

    /// Stops one.
    pub(crate) fn stop(&self, window: &str, name: &str) {
        if let Some(task) = self.all().remove(&(window.to_owned(), name.to_owned())) {
            task.abort();
        }
    }

    /// Stops all of a window.
    pub(crate) fn stop_all(&self, window: &str) {
        self.all().retain(|(label, _), task| {
            if label == window {
                task.abort();
            }
            label != window
        });
    }
}
