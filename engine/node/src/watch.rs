//! Watches the project folder: changes made elsewhere are taken up.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use notify::{Event, EventKind, RecursiveMode, Watcher};

use pipewright_protocol::studio::{LAYOUT, Notice, Severity};

use crate::Node;
use crate::node::OWN_FOLDER;

/// How long the folder must be quiet before it is read: editors write a file
/// in several steps.
const QUIET: Duration = Duration::from_millis(120);

/// Keeps watching as long as it lives.
pub struct Watch {
    _watcher: notify::RecommendedWatcher,
}

impl Node {
    /// Watches the project folder from now on.
    pub fn watch(self: &Arc<Node>) -> Result<Watch, notify::Error> {
        let (send, receive) = mpsc::channel();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            let concerns = match &event {
                Ok(event) => {
                    !matches!(event.kind, EventKind::Access(_))
                        && event.paths.iter().any(|path| is_config(path) || path.ends_with(LAYOUT))
                }
                // What was missed is not known: look at everything.
                Err(_) => true,
            };
            if concerns {
                // An error says that the node is gone.
                let _ = send.send(());
            }
        })?;
        watcher.watch(self.root(), RecursiveMode::Recursive)?;
        let node = Arc::downgrade(self);
        let spawned = std::thread::Builder::new().name("folder".into()).spawn(move || {
            while receive.recv().is_ok() {
                loop {
                    match receive.recv_timeout(QUIET) {
                        Ok(()) => {}
                        Err(RecvTimeoutError::Timeout) => break,
                        Err(RecvTimeoutError::Disconnected) => return,
                    }
                }
                let Some(node) = node.upgrade() else { return };
                // Mostly there is nothing new in it, which costs next to nothing.
                node.take_up_spots();
                if let Err(error) = node.reload("changed on disk") {
                    tracing::error!(%error, "the project folder cannot be read again");
                    node.hub().notice(Notice {
                        ts: crate::time::now(),
                        severity: Severity::Error,
                        pipe: None,
                        message: format!("The project folder cannot be read again: {error}"),
                    });
                }
            }
        });
        spawned.map_err(notify::Error::io)?;
        Ok(Watch { _watcher: watcher })
    }
}

fn is_config(path: &Path) -> bool {
    let own =
        path.components().any(|part| part.as_os_str() == OWN_FOLDER || part.as_os_str() == ".git");
    let saving = path.extension().is_some_and(|extension| extension == "saving");
    !own && !saving
}
