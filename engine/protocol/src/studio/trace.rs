//! What each expression and transform did to a sample.

use serde::{Deserialize, Serialize};

use super::Json;

/// What the DTL transforms of a pipe did to one sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Trace {
    /// The file of the pipe, whose text the positions are in.
    pub file: String,
    /// The runs of DTL transforms: one for each entity that passed each of
    /// them, in the order in which they ended.
    pub runs: Vec<TracedRun>,
}

/// One entity through one DTL transform.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TracedRun {
    /// The places in the config that the other parts name by number.
    pub places: Vec<TracedPlace>,
    /// The runs of rules; the default rule comes first.
    pub rules: Vec<TracedRule>,
    /// The values of expressions, in the order in which they were known.
    pub values: Vec<TracedValue>,
    /// What transforms did, in the order in which they ended.
    pub steps: Vec<TracedStep>,
    /// Whether more happened than is told.
    pub cut: bool,
}

/// An expression, a transform or a rule in the config.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TracedPlace {
    /// JSON path in the config.
    pub path: String,
    /// First byte in the config text.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
    /// How often an expression had a value, told or not.
    pub times: u64,
}

/// A value to look at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Shown {
    /// The value, with `…` in place of what is left out.
    pub json: Json,
    /// Whether something is left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
}

/// One run of a rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TracedRule {
    /// The rule, a number of [`TracedRun::places`].
    pub place: usize,
    /// The run that applied it, by its place among [`TracedRun::rules`].
    pub parent: Option<usize>,
    /// The expression that applied it.
    pub call: Option<usize>,
    /// What it was applied to.
    pub source: Shown,
    /// What it made.
    pub target: Shown,
    /// How it ended.
    pub ended: Ended,
    /// Where the properties of the target came from, in their order.
    pub origins: Vec<TracedOrigin>,
}

/// How a rule or a transform ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Ended {
    /// It ran to its end.
    Done,
    /// It filtered the entity.
    Filtered,
    /// It discarded the entity.
    Discarded,
    /// It failed.
    Failed,
}

/// Where a property came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TracedOrigin {
    /// The property.
    pub property: String,
    /// The transform that set it last; `None` for what was there before.
    pub step: Option<usize>,
    /// The paths that transform read, the source's properties among them.
    pub reads: Vec<usize>,
}

/// One value of one expression.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TracedValue {
    /// The expression.
    pub place: usize,
    /// The run of a rule that it belongs to.
    pub rule: usize,
    /// The row of hops that it was computed for: aliases and `_id`s.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub row: Vec<(String, String)>,
    /// What `_` stood for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<Shown>,
    /// The value; `None` when it failed.
    pub value: Option<Shown>,
    /// Why there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

/// One run of one transform.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TracedStep {
    /// The transform.
    pub place: usize,
    /// The run of a rule that it belongs to.
    pub rule: usize,
    /// Properties of the target that it changed. A transform that runs others,
    /// such as `if`, leaves this to them.
    pub changes: Vec<TracedChange>,
    /// How many entities it emitted.
    pub emitted: usize,
    /// How it ended.
    pub ended: Ended,
    /// Why it failed, unless an expression in it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

/// A property before and after a transform.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TracedChange {
    /// The property.
    pub property: String,
    /// What it was; `None` where it was not.
    pub before: Option<Shown>,
    /// What it is; `None` where it was removed.
    pub after: Option<Shown>,
}
