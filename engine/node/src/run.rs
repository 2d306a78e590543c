//! Running pipes in a node.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use pipewright_component::{Cancel, Exchanges, Permission, Surroundings, Variables};
use pipewright_entity::{Text, Value};
use pipewright_protocol::studio::PipeState;
use pipewright_pump::{
    Flow, Observer, Plan, Progress, Readers, Report, Resources, RunRequest, compact_after,
    compact_daily, settle,
};
use pipewright_store::Durability;
use uuid::Uuid;

use crate::conductor::Runner;
use crate::loaded::{Loaded, Unrunnable};
use crate::secrets::Secrets;
use crate::{Node, status};

/// Variables of the profile. Secrets are those that the node keeps; one that it
/// does not keep may come from the environment of the process
/// (`PIPEWRIGHT_SECRET_NAME`). No file of a project holds them.
struct ProjectVariables(Arc<pipewright_config::Variables>, Arc<Secrets>);

/// What the names of environment variables that hold secrets begin with.
pub const SECRET_VARIABLE: &str = "PIPEWRIGHT_SECRET_";

impl Variables for ProjectVariables {
    fn env(&self, name: &str) -> Option<Value> {
        self.0.get(name).map(Value::from_json)
    }

    fn secret(&self, system: Option<&str>, name: &str) -> Option<Value> {
        match self.1.value(system, name) {
            Ok(Some(value)) => return Some(Value::from(value)),
            Ok(None) => {}
            Err(error) => {
                tracing::error!(%error, "a secret cannot be used");
                return None;
            }
        }
        let name: String = name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' })
            .collect();
        std::env::var(format!("{SECRET_VARIABLE}{name}"))
            .ok()
            .map(|text| Value::from(text.as_str()))
    }
}

/// Runs pipes of a node for as long as it is there.
struct Runs(Weak<Node>);

impl Runner for Runs {
    fn run(&self, pipe: &Text, request: RunRequest, cancel: Cancel) -> Option<Report> {
        self.0.upgrade()?.run_pipe(pipe, request, cancel)
    }

    fn ended(&self, pipe: &Text, report: Option<&Report>) {
        if let Some(node) = self.0.upgrade() {
            node.run_ended(pipe, report);
        }
    }
}

/// Tells listeners how runs go on.
pub(crate) struct Told<'n>(&'n Node);

impl Observer for Told<'_> {
    fn progress(&self, progress: &Progress<'_>) {
        self.0.hub().change_pipe(progress.pipe, |status| {
            status.state = PipeState::Running;
            status.processed = progress.counts.read;
            status.counts = status::run_counts(&progress.counts);
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
            clock: self.clock(),
            variables: Arc::new(ProjectVariables(
                loaded.project.variables().clone(),
                self.secrets().clone(),
            )),
            folder: Some(self.root().to_path_buf()),
            exchanges: Exchanges::default(),
        }
    }

    /// What a look at a pipe may use, when the one who looks has not asked for a
    /// run: outside systems are read for trusted folders only, and never
    /// written.
    pub(crate) fn surroundings_of_look(&self, loaded: &Loaded) -> Surroundings {
        let mut surroundings = self.surroundings(loaded, Cancel::new());
        surroundings.access.write_outside = Permission::Held;
        if !self.is_trusted() {
            surroundings.access.read_outside = Permission::Held;
        }
        surroundings
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

    /// An observer that tells listeners how runs go on.
    pub(crate) fn told(&self) -> Told<'_> {
        Told(self)
    }

    /// Starts the thread that runs what is marked. Call once.
    pub fn start_running(self: &Arc<Node>) -> std::io::Result<()> {
        self.conductor.start(Box::new(Runs(Arc::downgrade(self))))
    }

    /// The pipe that runs now.
    pub fn running(&self) -> Option<String> {
        self.conductor.running()
    }

    /// Runs nothing any more; waits until what runs has stopped, for so long at
    /// most. What it has done until then is kept.
    pub fn stop_running(&self, patience: Duration) {
        self.conductor.close();
        self.conductor.wait_until_idle(patience);
    }

    /// Runs what is marked or due now, and what that marks, on the caller's
    /// thread: for those who own the clock ([`Options::clock`]).
    ///
    /// [`Options::clock`]: crate::Options::clock
    pub fn run_due(self: &Arc<Node>) {
        self.conductor.run_due(&Runs(Arc::downgrade(self)));
    }

    /// When the next pipe is due, in microseconds since 1970; `None` when none
    /// is unless something changes.
    pub fn next_due(&self) -> Option<i64> {
        self.conductor.next_due()
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
            pipewright_pump::run(&plan, resources, request, &self.told())
        });
        tracing::info!(pipe = %pipe, "{}", status::message(&report));
        self.compact(&loaded, &plan, &report, &surroundings);
        Some(report)
    }

    /// Removes what the datasets are not to keep, after a run.
    pub(crate) fn compact(
        &self,
        loaded: &Loaded,
        plan: &Plan,
        report: &Report,
        surroundings: &Surroundings,
    ) {
        let plans = || loaded.plans.values().flatten().map(|plan| &**plan);
        let is_pipe = |pipe: &str| loaded.plans.contains_key(pipe);
        let done = self.with_resources(loaded, surroundings, |resources| {
            let readers = Readers::of(plans(), &self.store().reader()?)?;
            let compacted = compact_after(plan, report, &readers, resources)?;
            if compacted.versions > 0 {
                self.counters.compacted(plan.id(), compacted.versions);
                tracing::debug!(pipe = %plan.id(), ?compacted, "old versions are gone");
            }
            compact_daily(plans(), &is_pipe, resources)
        });
        if let Err(error) = done {
            tracing::error!(pipe = %plan.id(), %error, "old versions cannot be removed");
        }
    }

    fn run_ended(&self, pipe: &Text, report: Option<&Report>) {
        let mut batch = self.store().batch(self.now());
        batch.set_durability(Durability::Normal);
        if self.conductor.remember(pipe, &mut batch)
            && let Err(error) = self.store().commit(batch)
        {
            tracing::error!(%pipe, %error, "when the pipe runs next cannot be remembered");
        }
        if let Some(report) = report {
            status::after_run(self, &self.loaded(), report);
        }
    }

    /// Runs every pipe, manual ones included, until nothing changes any more;
    /// on the caller's thread, whether or not the folder is trusted: who calls
    /// this has asked for it. `done` hears of each run.
    pub fn run_until_stable(
        &self,
        rescan: bool,
        cancel: &Cancel,
        observer: &dyn Observer,
        done: &mut dyn FnMut(&Report),
    ) -> Settled {
        let loaded = self.loaded();
        let mut settled = Settled::default();
        let mut pipes = Vec::new();
        for (id, plan) in &loaded.plans {
            match plan {
                Ok(plan) => pipes.push(plan.flow_pipe()),
                Err(why) => {
                    settled.skipped.insert(id.clone(), why.clone());
                }
            }
        }
        let mut flow = Flow::new(pipes).with_all();
        flow.mark_all();
        let surroundings = self.surroundings(&loaded, cancel.clone());
        let mut scanned = BTreeSet::new();
        settled.restless = settle(&mut flow, |id| {
            let plan = loaded.plan(id).ok().filter(|_| !cancel.is_stopped())?;
            let request = RunRequest { full: rescan && scanned.insert(id.clone()) };
            let report = self.with_resources(&loaded, &surroundings, |resources| {
                pipewright_pump::run(&plan, resources, request, observer)
            });
            self.compact(&loaded, &plan, &report, &surroundings);
            done(&report);
            settled.reports.push(report.clone());
            Some(report)
        });
        settled
    }
}

/// What running until nothing changes came to.
#[derive(Clone, Debug, Default)]
pub struct Settled {
    /// Every run, in order.
    pub reports: Vec<Report>,
    /// Pipes that were not run, and why.
    pub skipped: BTreeMap<Text, Unrunnable>,
    /// Pipes that feed each other in a circle that does not settle.
    pub restless: Vec<Text>,
}
