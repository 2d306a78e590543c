//! Rescans in the background, in a node.

use std::sync::{Arc, PoisonError};

use pipewright_component::Cancel;
use pipewright_entity::Text;
use pipewright_protocol::studio::RescanStatus;
use pipewright_pump::{
    Ending, Observer, Plan, Progress, Report, Rescan, Resources, RunRequest, want_rescan,
};
use pipewright_store::{Durability, StoreError};

use crate::{Node, status};

/// Tells listeners how far a rescan is.
struct Told<'n> {
    node: &'n Node,
    since: i64,
    total: Option<u64>,
}

impl Observer for Told<'_> {
    fn progress(&self, progress: &Progress<'_>) {
        let rescan = RescanStatus {
            since: self.since,
            processed: progress.counts.read,
            total: self.total,
            counts: status::run_counts(&progress.counts),
        };
        self.node.hub().change_pipe(progress.pipe, |status| status.rescan = Some(rescan));
    }
}

impl Node {
    /// Runs a pipe, perhaps beside a rescan of it.
    pub(crate) fn run_once(
        &self,
        plan: &Plan,
        resources: &Resources<'_>,
        request: RunRequest,
        observer: &dyn Observer,
    ) -> Report {
        match plan.rescans_aside() {
            true => {
                let rescan = self.rescan_of(plan.id());
                pipewright_pump::run_beside(plan, resources, request, observer, &rescan)
            }
            false => pipewright_pump::run(plan, resources, request, observer),
        }
    }

    fn rescan_of(&self, pipe: &Text) -> Arc<Rescan> {
        let mut rescans = self.rescans.lock().unwrap_or_else(PoisonError::into_inner);
        rescans.entry(pipe.clone()).or_default().clone()
    }

    pub(crate) fn rescan_pipe(&self, pipe: &Text, cancel: Cancel) -> Option<Report> {
        if !self.is_trusted() {
            return None;
        }
        let loaded = self.loaded();
        let plan = loaded.plan(pipe).ok()?;
        let surroundings = self.surroundings(&loaded, cancel);
        let rescan = self.rescan_of(pipe);
        let told = Told { node: self, since: self.now(), total: self.entities_read(&plan).ok()? };
        let report = self.with_resources(&loaded, &surroundings, |resources| {
            pipewright_pump::rescan(&plan, resources, &told, &rescan)
        });
        tracing::info!(%pipe, "rescanned: {}", status::message(&report));
        self.compact(&loaded, &plan, &report, &surroundings);
        Some(report)
    }

    /// How many entities a pipe reads in the node, about.
    fn entities_read(&self, plan: &Plan) -> Result<Option<u64>, StoreError> {
        let reader = self.store().reader()?;
        let mut total = None;
        for id in plan.source_datasets() {
            if let Some(dataset) = reader.dataset(&id)? {
                total = Some(total.unwrap_or(0) + dataset.live + dataset.deleted);
            }
        }
        Ok(total)
    }

    pub(crate) fn rescan_ended(&self, pipe: &Text, report: Option<&Report>) {
        self.hub().change_pipe(pipe, |status| status.rescan = None);
        let mut batch = self.store().batch(self.now());
        batch.set_durability(Durability::Normal);
        // Someone stopped it for good; what the end of the node cuts goes on
        // with the next.
        let is_stopped = report.is_some_and(|report| report.ending == Ending::Stopped)
            && !self.conductor.is_closing();
        if is_stopped {
            want_rescan(pipe, false, &mut batch);
        }
        if (self.conductor.remember(pipe, &mut batch) || is_stopped)
            && let Err(error) = self.store().commit(batch)
        {
            tracing::error!(%pipe, %error, "that a rescan is over cannot be remembered");
        }
        let loaded = self.loaded();
        if let Some(report) = report {
            status::after_rescan(self, &loaded, report);
        }
        self.look_after(&loaded, pipe);
    }
}
