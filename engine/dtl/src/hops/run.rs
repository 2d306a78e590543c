//! Running hops.

use std::sync::Arc;

use pipewright_entity::{Dict, Text, Value};
use rustc_hash::FxHashSet;

use super::{Bind, Filter, Hops, Recurse, Return, Spec};
use crate::Fault;
use crate::eval::Eval;
use crate::functions::rules::apply_each;
use crate::index::keys_of;
use crate::plan::Evaluate;

/// The most rows one call may give.
const MOST_ROWS: usize = 1_000_000;

impl Evaluate for Hops {
    fn evaluate(&self, eval: &mut Eval<'_>) -> Result<Value, Fault> {
        let result = self.results(eval).map_err(|fault| fault.at(self.at))?;
        match self.rule {
            Some(rule) => apply_each(eval, rule, &result),
            None => Ok(Value::list(result)),
        }
    }
}

impl Hops {
    fn results(&self, eval: &mut Eval<'_>) -> Result<Vec<Value>, Fault> {
        let Some((last, chain)) = self.specs.split_last() else { return Ok(Vec::new()) };
        let mut sources = vec![eval.source().clone()];
        for spec in chain {
            let mut found = Vec::new();
            for source in sources {
                spec.entities(eval, source, &mut found)?;
            }
            sources = found;
        }
        let mut results = Vec::new();
        for source in sources {
            if last.recurse.is_some() {
                last.entities(eval, source, &mut results)?;
                continue;
            }
            with_source(eval, source, |eval| {
                last.rows(eval, &mut |eval| {
                    match &self.returns {
                        Return::Entities(slots) => {
                            results.extend(slots.iter().map(|slot| eval.bound(*slot).clone()));
                        }
                        Return::Path(path) => match eval.value(path)? {
                            Value::Null => {}
                            Value::List(items) => results.extend(items.iter().cloned()),
                            scalar => results.push(scalar),
                        },
                        Return::Template(template) => results.push(eval.value(template)?),
                    }
                    if results.len() > MOST_ROWS {
                        return Err(Fault::limit(format!("hops give more than {MOST_ROWS} rows")));
                    }
                    Ok(())
                })
            })?;
        }
        Ok(results)
    }
}

fn with_source<T>(
    eval: &mut Eval<'_>,
    source: Value,
    body: impl FnOnce(&mut Eval<'_>) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let outer = eval.replace_source(source);
    let result = body(eval);
    eval.replace_source(outer);
    result
}

impl Spec {
    /// The entities that go on from `source`, by recursion if so specified.
    fn entities(
        &self,
        eval: &mut Eval<'_>,
        source: Value,
        to: &mut Vec<Value>,
    ) -> Result<(), Fault> {
        let Some(Recurse { exclude_root, max_depth }) = &self.recurse else {
            return self.step(eval, source, to);
        };
        // Each entity once, however many ways lead to it.
        let mut seen: FxHashSet<Text> = FxHashSet::default();
        let id = |entity: &Value| {
            entity.as_dict().and_then(|dict| match dict.get("_id") {
                Some(Value::String(id)) => Some(id.clone()),
                _ => None,
            })
        };
        if !exclude_root {
            to.push(source.clone());
        }
        let root = source.clone();
        let mut frontier = vec![source];
        let mut depth = 0;
        while !frontier.is_empty() && max_depth.is_none_or(|most| depth < most) {
            depth += 1;
            let mut found = Vec::new();
            for source in frontier {
                self.step(eval, source, &mut found)?;
            }
            found.retain(|entity| {
                !is_same(entity, &root) && id(entity).is_none_or(|id| seen.insert(id))
            });
            if to.len() + found.len() > MOST_ROWS {
                return Err(Fault::limit(format!("hops give more than {MOST_ROWS} rows")));
            }
            to.extend(found.iter().cloned());
            frontier = found;
        }
        Ok(())
    }

    fn step(&self, eval: &mut Eval<'_>, source: Value, to: &mut Vec<Value>) -> Result<(), Fault> {
        with_source(eval, source, |eval| {
            self.rows(eval, &mut |eval| {
                to.push(eval.bound(self.last).clone());
                Ok(())
            })
        })
    }

    /// Calls `row` with every alias bound, for each combination that joins.
    fn rows(
        &self,
        eval: &mut Eval<'_>,
        row: &mut dyn FnMut(&mut Eval<'_>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        if !passes(eval, &self.before)? {
            return Ok(());
        }
        join(eval, &self.binds, row)
    }
}

fn join(
    eval: &mut Eval<'_>,
    binds: &[Bind],
    row: &mut dyn FnMut(&mut Eval<'_>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let Some((bind, rest)) = binds.split_first() else { return row(eval) };
    let mut keys = Vec::new();
    keys_of(&eval.value(&bind.left)?, &mut keys);
    let mut found = Vec::new();
    for key in &keys {
        found.extend(eval.call().context.datasets().matching(&bind.index, key)?);
    }
    // Several keys can lead to one entity; the order is that of the ids.
    found.sort_by(|a, b| a.id().cmp(b.id()));
    found.dedup_by(|a, b| a.id() == b.id());
    if let Some((index, value)) = &bind.subset {
        let mut wanted = Vec::new();
        keys_of(&eval.value(value)?, &mut wanted);
        found.retain(|entity| {
            let mut keys = Vec::new();
            index.keys(entity, &mut keys);
            keys.iter().any(|key| wanted.contains(key))
        });
    }
    for entity in found {
        eval.bind(bind.slot, Value::Dict(entity.dict().clone()));
        if passes(eval, &bind.filters)? {
            join(eval, rest, row)?;
        }
    }
    eval.bind(bind.slot, Value::Null);
    Ok(())
}

/// Whether two entities are one. The root of a recursion may come from another
/// dataset, where its id stands for something else: what they say counts too.
fn is_same(entity: &Value, root: &Value) -> bool {
    let (Value::Dict(entity), Value::Dict(root)) = (entity, root) else { return false };
    let counts = |name: &str| !name.starts_with('_') || name == "_id";
    let within = |a: &Dict, b: &Dict| {
        a.iter().all(|(name, value)| !counts(name) || b.get(name).is_some_and(|b| b.same(value)))
    };
    Arc::ptr_eq(entity, root) || within(entity, root) && within(root, entity)
}

fn passes(eval: &mut Eval<'_>, filters: &[Filter]) -> Result<bool, Fault> {
    for filter in filters {
        let passes = match filter {
            Filter::Truth(expr) => eval.truth(expr)?,
            Filter::Overlap(left, right) => {
                let (mut a, mut b) = (Vec::new(), Vec::new());
                keys_of(&eval.value(left)?, &mut a);
                keys_of(&eval.value(right)?, &mut b);
                a.iter().any(|key| b.contains(key))
            }
        };
        if !passes {
            return Ok(false);
        }
    }
    Ok(true)
}
