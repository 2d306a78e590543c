//! Why entities are one, for the pipes that merge.

use std::collections::BTreeMap;

use pipewright_entity::Text;
use pipewright_store::{Reader, Store};
use pipewright_sync::merge::{Explanation, MemberId, Merge};

use crate::RunError;
use crate::evaluate::EvaluateError;
use crate::feed::{Merged, StoreState};
use crate::plan::{Plan, SourcePlan};

/// Why the entities of a cluster are one: its members and the links between
/// them, as of the last run. `None` when the pipe has no merge source or no
/// live cluster of this id.
pub fn explain_cluster(
    plan: &Plan,
    store: &Store,
    id: &str,
) -> Result<Option<Explanation>, EvaluateError> {
    let SourcePlan::Merge(source) = &plan.source else { return Ok(None) };
    let reader = store.reader().map_err(RunError::from)?;
    let state = StoreState { reader: &reader, pipe: plan.id() };
    let contents = Merged { reader: &reader, source };
    let explained = Merge::new(&source.spec, &state).explain(id, &contents);
    Ok(explained.map_err(RunError::from)?)
}

/// The live clusters of a pipe by id, as of the last run, with the number of
/// their members; empty when the pipe has no merge source.
pub fn cluster_sizes(plan: &Plan, reader: &Reader) -> Result<BTreeMap<Text, u64>, EvaluateError> {
    let SourcePlan::Merge(source) = &plan.source else { return Ok(BTreeMap::new()) };
    let state = StoreState { reader, pipe: plan.id() };
    Ok(Merge::new(&source.spec, &state).sizes().map_err(RunError::from)?)
}

/// The id of the cluster that an entity of a merged dataset is part of, as of
/// the last run.
pub fn merged_into(
    plan: &Plan,
    reader: &Reader,
    dataset: &str,
    id: &str,
) -> Result<Option<Text>, EvaluateError> {
    let SourcePlan::Merge(source) = &plan.source else { return Ok(None) };
    let place = source.spec.datasets.iter().position(|other| other == dataset);
    let Some(place) = place.and_then(|place| u16::try_from(place).ok()) else { return Ok(None) };
    let state = StoreState { reader, pipe: plan.id() };
    let member = MemberId { dataset: place, id: id.into() };
    Ok(Merge::new(&source.spec, &state).cluster_of(&member).map_err(RunError::from)?)
}
