//! Transforms (`hub/dtl/dtl-functions-transforms`).

mod entities;
mod flow;
mod properties;

use super::Function;

pub(super) const PROPERTIES: &[Function] = properties::FUNCTIONS;
pub(super) const FLOW: &[Function] = flow::FUNCTIONS;
pub(super) const ENTITIES: &[Function] = entities::FUNCTIONS;

/// What descriptions of transforms leave out.
const TRANSFORM: Function = Function { area: "transforms", ..super::PLAIN };
