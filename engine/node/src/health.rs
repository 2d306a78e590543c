//! How the node fares: memory, disk, and what waits, now and in the last hour.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use pipewright_protocol::studio::{Health, HealthSample, PipeState};

use crate::Node;

/// Time between two samples, and how many are kept: an hour.
const PAUSE: Duration = Duration::from_secs(10);
const KEPT: usize = 360;

/// The samples of the last hour.
#[derive(Default)]
pub(crate) struct Samples(Mutex<VecDeque<HealthSample>>);

impl Samples {
    fn add(&self, sample: HealthSample) {
        let mut samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if samples.len() == KEPT {
            samples.pop_front();
        }
        samples.push_back(sample);
    }

    fn all(&self) -> Vec<HealthSample> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

impl Node {
    /// Starts the thread that takes samples. Call once.
    pub(crate) fn start_sampling(self: &Arc<Node>) -> std::io::Result<()> {
        let node = Arc::downgrade(self);
        std::thread::Builder::new().name("health".into()).spawn(move || sample(&node)).map(drop)
    }

    /// How the node fares, with what waits in the pipes that may be seen.
    pub(crate) fn health(&self, seen: impl Fn(&str) -> bool) -> Health {
        let mut samples = self.samples.all();
        samples.push(self.fares());
        for sample in &mut samples {
            sample.queues.retain(|pipe, _| seen(pipe));
        }
        Health { started: self.started(), free: free(self.store().dir()), samples }
    }

    fn fares(&self) -> HealthSample {
        let pipes = self.hub().pipes();
        let running = pipes.iter().filter(|pipe| pipe.state == PipeState::Running).count();
        let queues = pipes.into_iter().map(|pipe| (pipe.queue(), pipe.id));
        HealthSample {
            ts: self.now(),
            memory: memory(),
            store: size(self.store().dir()),
            running: running as u64,
            queues: queues.filter(|(queue, _)| *queue > 0).map(|(queue, id)| (id, queue)).collect(),
        }
    }
}

fn sample(node: &Weak<Node>) {
    // Held for the sample only, so that the node can go in between.
    while let Some(node) = node.upgrade() {
        node.samples.add(node.fares());
        drop(node);
        std::thread::sleep(PAUSE);
    }
}

/// Bytes of the files in a folder.
fn size(folder: &Path) -> u64 {
    let Ok(files) = std::fs::read_dir(folder) else { return 0 };
    files.flatten().filter_map(|file| file.metadata().ok()).map(|about| about.len()).sum()
}

/// Bytes of memory that the process has.
#[cfg(target_os = "linux")]
fn memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(not(target_os = "linux"))]
fn memory() -> Option<u64> {
    None
}

#[cfg(unix)]
fn free(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(disk.f_bavail * disk.f_frsize)
}

#[cfg(not(unix))]
fn free(_: &Path) -> Option<u64> {
    None
}
