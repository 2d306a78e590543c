//! Expressions over the entities of one dataset, whose values are looked up.

use std::fmt;
use std::sync::Arc;

use pipewright_entity::{Entity, Key, Text, Value};

use crate::NoContext;
use crate::eval::Eval;
use crate::plan::Expr;
use crate::program::Core;

/// An expression over the entities of a dataset. Joins, subsets, merges and
/// dependency tracking look entities up by its value; those with equal
/// dataset and expression share one index.
#[derive(Clone)]
pub struct Index {
    /// The dataset; [`crate::Dependency::SOURCE`] for the source of a pipe.
    pub dataset: Text,
    /// What is indexed, in a form that is the same for the same meaning. It
    /// names the index; it is not DTL.
    pub expression: Text,
    pub(crate) plan: Arc<IndexPlan>,
}

pub(crate) struct IndexPlan {
    pub(crate) core: Core,
    pub(crate) expr: Expr,
}

impl Index {
    /// Adds the keys of an entity: none where the expression is null, several
    /// where it is a list. An expression that fails on the entity has none.
    pub fn keys(&self, entity: &Entity, to: &mut Vec<Key>) {
        keys_of(&self.value(entity), to);
    }

    /// The value of the expression for an entity; null when it fails.
    pub fn value(&self, entity: &Entity) -> Value {
        let source = Value::Dict(entity.dict().clone());
        let mut eval = Eval::new(&self.plan.core, &NoContext, source, Default::default());
        eval.value(&self.plan.expr).unwrap_or(Value::Null)
    }

    /// The same expression over another dataset.
    pub fn on(&self, dataset: impl Into<Text>) -> Index {
        Index { dataset: dataset.into(), ..self.clone() }
    }
}

/// The keys a value is found under: one for each item of a list, none for null.
pub(crate) fn keys_of(value: &Value, to: &mut Vec<Key>) {
    let from = to.len();
    for item in value.as_slice() {
        if !item.is_null() {
            let key = item.key();
            if !to[from..].contains(&key) {
                to.push(key);
            }
        }
    }
}

impl PartialEq for Index {
    fn eq(&self, other: &Index) -> bool {
        self.dataset == other.dataset && self.expression == other.expression
    }
}

impl Eq for Index {}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.dataset, self.expression)
    }
}
