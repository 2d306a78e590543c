//! Running pipes in a node.

use std::sync::Arc;

use pipewright_component::{Cancel, Surroundings, SystemClock, Variables};
use pipewright_entity::{Text, Value};
use pipewright_protocol::studio::PipeState;
use pipewright_pump::{Observer, Progress, Report, Resources, RunRequest};
use uuid::Uuid;

use crate::node::Loaded;
use crate::{Node, status};

/// Variables of the profile. Secrets come from the environment of the process
/// (`PIPEWRIGHT_SECRET_NAME`), so that no file of a project holds them.
struct ProjectVariables(Arc<pipewright_config::Variables>);

/// What the names of environment variables that hold secrets begin with.
pub const SECRET_VARIABLE: &str = "PIPEWRIGHT_SECRET_";

impl Variables for ProjectVariables {
    fn env(&self, name: &str) -> Option<Value> {
        self.0.get(name).map(Value::from_json)
    }

    fn secret(&self, _system: Option<&str>, name: &str) -> Option<Value> {
        let name: String = name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' })
            .collect();
        std::env::var(format!("{SECRET_VARIABLE}{name}")).ok().map(|text| Value::from(text.as_str()))
    }
}

/// Tells listeners how runs go on.
struct Told<'n>(&'n Node);

impl Observer for Told<'_> {
    fn progress(&self, progress: &Progress<'_>) {
        self.0.hub().change_pipe(progress.pipe, |status| {
            status.state = PipeState::Running;
            status.processed = progress.counts.read;
            status.message = None;
        });
    }
}

impl Node {
    /// What a run may use.
    pub(crate) fn surroundings(&self, loaded: &Loaded, cancel: Cancel) -> Surroundings {
        Surroundings {
            access: self.access(),
            cancel,
            clock: Arc::new(SystemClock),
            variables: Arc::new(ProjectVariables(loaded.project.variables().clone())),
            folder: Some(self.root().to_path_buf()),
        }
    }

    /// Calls with what runs work with.
    pub(crate) fn with_resources<T>(
        &self,
        loaded: &Loaded,
        surroundings: &Surroundings,
        work: impl FnOnce(&Resources<'_>) -> T,
    ) -> T {
        work(&Resources {
            store: self.store(),
            components: &self.systems,
            surroundings,
            metadata: Some(&loaded.metadata),
            random: &Uuid::new_v4,
        })
    }

    /// Starts the thread that runs what is marked. Call once.
    pub fn start_running(self: &Arc<Node>) -> std::io::Result<()> {
        let node = Arc::downgrade(self);
        self.conductor.start(Box::new(move |pipe, request, cancel| {
            let node = node.upgrade()?;
            node.run_pipe(pipe, request, cancel)
        }))
    }

    fn run_pipe(&self, pipe: &Text, request: RunRequest, cancel: Cancel) -> Option<Report> {
        // Trust may have been taken back since the pipe was marked.
        if !self.is_trusted() {
            return None;
        }
        let loaded = self.loaded();
        let plan = loaded.plan(pipe).ok()?;
        let surroundings = self.surroundings(&loaded, cancel);
        let report = self.with_resources(&loaded, &surroundings, |resources| {
            pipewright_pump::run(&plan, resources, request, &Told(self))
        });
        tracing::info!(pipe = %pipe, "{}", status::message(&report));
        status::after_run(self, &self.loaded(), &report);
        Some(report)
    }
}
