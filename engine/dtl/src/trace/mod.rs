//! What each expression and transform of a program did on one entity.
//!
//! A program compiled with [`Options::traced`](crate::Options::traced) has
//! probes around its expressions, transforms and rules ([`probe`]). They write
//! down what they see, and the whole is handed to
//! [`Context::traced`](crate::Context::traced) when the run ends, also when it
//! fails. A program compiled without has no probe anywhere, and no function
//! knows of them.
//!
//! Architecture invariant: a traced program gives the same results as a plain
//! one. What is written down is bounded ([`limit`]), whatever runs, and holds no
//! value that came from a secret: "(secret)" stands in its place.

mod brief;
mod probe;
mod record;
mod secret;

use std::ops::Range;

use pipewright_entity::Text;

pub use brief::Brief;
pub use probe::Probe;
pub(crate) use record::Recorder;

use crate::Flow;
use crate::syntax::Path;

/// How much is written down.
pub mod limit {
    /// Values of one expression, the first ones.
    pub const PER_PLACE: usize = 100;
    /// Values of all expressions together.
    pub const VALUES: usize = 10_000;
    /// Runs of rules.
    pub const RULES: usize = 2_000;
    /// Runs of transforms.
    pub const STEPS: usize = 10_000;
    /// Properties that transforms changed, and properties of targets whose
    /// origin is told.
    pub const CHANGES: usize = 20_000;
    /// Paths told for one property.
    pub const READS: usize = 50;
    /// Memory of all values together, in bytes, roughly.
    pub const BYTES: usize = 1 << 20;
}

/// What a run of a program did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// The places in the config that the other parts name by number.
    pub places: Vec<Place>,
    /// The runs of rules in the order in which they began; the default rule
    /// comes first.
    pub rules: Vec<RuleRun>,
    /// The values of expressions in the order in which they were known.
    pub values: Vec<Valued>,
    /// What transforms did, in the order in which they ended.
    pub steps: Vec<Done>,
    /// Whether more happened than is written here.
    pub is_cut: bool,
}

/// A place in the config.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// Where it is.
    pub path: Path,
    /// The same as bytes of the text that was compiled.
    pub span: Range<usize>,
    /// How often the expression had a value or failed, written down or not.
    pub times: u64,
}

/// One run of a rule.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleRun {
    /// The rule: a number of [`Trace::places`].
    pub place: usize,
    /// The run that applied it, by its place among [`Trace::rules`].
    pub parent: Option<usize>,
    /// The expression that applied it.
    pub call: Option<usize>,
    /// What it was applied to.
    pub source: Brief,
    /// What it made: the target as the rule left it.
    pub target: Brief,
    /// How it ended; `None` when it failed.
    pub flow: Option<Flow>,
    /// Where the properties of the target came from, in their order.
    pub origins: Vec<Origin>,
}

/// Where a property of a target came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Origin {
    /// The property.
    pub property: Text,
    /// The transform that set it last; `None` for what the target began with.
    pub step: Option<usize>,
    /// The paths that were read for it by that transform, those of rules it
    /// applied included.
    pub reads: Vec<usize>,
}

/// What one evaluation of one expression gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Valued {
    /// The expression.
    pub place: usize,
    /// The run of a rule in which it was evaluated.
    pub rule: usize,
    /// The row of hops for which it was evaluated: the entities bound to
    /// aliases, by alias and `_id`, the innermost last.
    pub row: Vec<(Text, Text)>,
    /// What `_` was bound to, where the expression stands for each item.
    pub item: Option<Brief>,
    /// The value, or why there is none. Of nested expressions only the
    /// innermost says why.
    pub value: Result<Brief, String>,
}

/// What one run of one transform did.
#[derive(Clone, Debug, PartialEq)]
pub struct Done {
    /// The transform.
    pub place: usize,
    /// The run of a rule that it belongs to.
    pub rule: usize,
    /// Properties of the target that it changed. A transform that runs others,
    /// such as `if`, leaves this to them.
    pub changes: Vec<Change>,
    /// How many entities it emitted.
    pub emitted: usize,
    /// How the rule goes on, or why the transform failed; the reason is empty
    /// when an expression in it has it.
    pub flow: Result<Flow, String>,
}

/// A property before and after a transform; `None` where there is none.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The property.
    pub property: Text,
    /// What it was.
    pub before: Option<Brief>,
    /// What it is.
    pub after: Option<Brief>,
}

#[cfg(test)]
mod tests;
