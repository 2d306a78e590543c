//! What people do to pipes between runs.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use pipewright_entity::{Entity, Text, Value};
use pipewright_pump::{
    OperateError, Operation, commit_tripped, is_tripped, operate, roll_back_tripped,
};
use pipewright_store::{Reader, StoreError, names};

use crate::Node;
use crate::api::Failed;

/// Says in the dataset of settings that a pipe is switched off.
const DISABLED: &str = "disabled";

/// The pipes that someone has switched off.
pub(crate) fn disabled(reader: &Reader) -> Result<BTreeSet<Text>, StoreError> {
    let mut disabled = BTreeSet::new();
    if reader.dataset(names::PIPE_SETTINGS)?.is_some() {
        for version in reader.current(names::PIPE_SETTINGS)? {
            let entity = version?.entity;
            if entity.get(DISABLED) == Some(&Value::Bool(true)) {
                disabled.insert(entity.id().clone());
            }
        }
    }
    Ok(disabled)
}

/// What to do with what a tripped circuit breaker has kept out of a dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Breaker {
    Commit,
    RollBack,
}

impl Node {
    /// Resets the circuit breaker of a dataset, after which its pipe may run.
    pub(crate) fn reset_breaker(
        &self,
        dataset: &str,
        what: Breaker,
        by: &str,
    ) -> Result<(), Failed> {
        let loaded = self.loaded();
        let plans = loaded.plans.values().flatten();
        let writers = plans.filter(|plan| plan.sink_dataset().is_some_and(|sink| sink == dataset));
        let mut done = false;
        for plan in writers {
            if self.conductor.is_running(plan.id()) {
                return Err(Failed::running(plan.id()));
            }
            done |= match what {
                Breaker::Commit => commit_tripped(plan, self.store(), by, self.now())?,
                Breaker::RollBack => roll_back_tripped(plan, self.store(), by, self.now())?,
            };
        }
        if !done {
            return Err(Failed::bad_request(format!(
                "no circuit breaker of the dataset {dataset:?} has tripped"
            )));
        }
        self.conductor.changed(dataset);
        self.conductor.release();
        self.publish();
        Ok(())
    }

    /// Whether a circuit breaker of a dataset has tripped.
    pub(crate) fn has_tripped(&self, dataset: &str, reader: &Reader) -> Result<bool, StoreError> {
        for plan in self.loaded().plans.values().flatten() {
            let writes = plan.sink_dataset().is_some_and(|sink| sink == dataset);
            if writes && is_tripped(plan, reader)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Does something to a pipe that does not run; `by` is who wants it.
    pub(crate) fn operate(
        &self,
        pipe: &str,
        operation: &Operation,
        by: &str,
    ) -> Result<(), Failed> {
        if self.conductor.is_running(pipe) || self.conductor.is_rescanning(pipe) {
            return Err(Failed::running(pipe));
        }
        let plan = self
            .loaded()
            .plan(pipe)
            .map_err(|why| Failed::bad_request(format!("{pipe:?} cannot run: {why}")))?;
        operate(&plan, self.store(), operation, by, self.now()).map_err(|error| match error {
            OperateError::Store(error) => Failed::from(error),
            OperateError::Refused(why) => {
                Failed::new(StatusCode::BAD_REQUEST, "not-supported", why)
            }
        })?;
        if let Operation::Enable | Operation::Disable(_) = operation {
            let disabled = matches!(operation, Operation::Disable(_));
            let mut batch = self.store().batch(self.now());
            batch.append(names::PIPE_SETTINGS, Entity::new(pipe).with(DISABLED, disabled));
            self.store().commit(batch)?;
        }
        self.plan_runs()?;
        self.look_after(&self.loaded(), pipe);
        self.publish();
        Ok(())
    }
}
