//! Joining other datasets: from a specification to a join order, and running it.
//!
//! Every alias is reached by one join from something bound before it: its left
//! side is evaluated, its right side is looked up in an index. All other
//! conditions filter as soon as the aliases they name are bound. Joins that
//! are not needed to reach an alias filter too, by overlap.

mod run;
mod specification;
mod uses;

pub use specification::KEYS;
pub(crate) use specification::compile_hops;
pub(crate) use uses::{Caller, Uses};

use crate::Index;
use crate::plan::Expr;

/// Specifications in order, each going on from what the one before found.
pub(crate) struct Hops {
    specs: Vec<Spec>,
    returns: Return,
    /// The rule to apply to the result.
    rule: Option<usize>,
    at: u32,
}

struct Spec {
    /// Conditions that name no alias.
    before: Vec<Filter>,
    binds: Vec<Bind>,
    recurse: Option<Recurse>,
    /// The slot whose entities go on to the next specification.
    last: usize,
}

/// How a specification goes on from its own result.
struct Recurse {
    exclude_root: bool,
    max_depth: Option<usize>,
}

/// Reaching one alias.
struct Bind {
    slot: usize,
    left: Expr,
    index: Index,
    subset: Option<(Index, Expr)>,
    filters: Vec<Filter>,
}

enum Filter {
    /// An ordinary condition.
    Truth(Expr),
    /// A join: any overlap is enough.
    Overlap(Expr, Expr),
}

enum Return {
    /// The entities of these slots.
    Entities(Vec<usize>),
    /// A path into an entity: lists that are found are taken apart.
    Path(Expr),
    /// A value per row.
    Template(Expr),
}
