//! Running pipes until nothing is left to do.

use pipewright_component::Cancel;
use pipewright_entity::Text;
use rustc_hash::FxHashMap;

use crate::report::{Observer, Report};
use crate::{Ending, Flow, Plan, Resources, RunRequest, run};

/// What became of running everything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settled {
    /// Every run, in order.
    pub reports: Vec<Report>,
    /// Pipes that feed each other in a circle and were still changing
    /// something when they had run too often.
    pub restless: Vec<Text>,
    /// Whether it was stopped before everything was done.
    pub is_stopped: bool,
}

impl Settled {
    /// Whether every run went well and nothing is left to do.
    pub fn is_success(&self) -> bool {
        !self.is_stopped && self.restless.is_empty() && self.reports.iter().all(Report::is_success)
    }
}

/// Runs the marked pipes of a flow, and what their output marks, one after the
/// other until nothing is marked. What runs at other times is up to the owner
/// of the flow.
pub fn settle(
    flow: &mut Flow,
    plans: &FxHashMap<Text, Plan>,
    resources: &Resources<'_>,
    observer: &dyn Observer,
    cancel: &Cancel,
) -> Settled {
    let mut settled = Settled::default();
    while !cancel.is_stopped() {
        let Some(id) = flow.next() else { break };
        let Some(plan) = plans.get(&id) else {
            flow.finished(&id, []);
            continue;
        };
        let report = run(plan, resources, RunRequest::default(), observer);
        settled.restless = flow.exhausted().cloned().collect();
        flow.finished(&id, report.changed.iter().map(Text::as_str));
        settled.is_stopped |= report.ending == Ending::Stopped;
        settled.reports.push(report);
    }
    settled.is_stopped |= cancel.is_stopped();
    settled
}
