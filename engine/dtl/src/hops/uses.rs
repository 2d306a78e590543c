//! Which datasets a program looks into, and the way back from them to the
//! source of the pipe.

use pipewright_entity::Text;

use crate::{Dependency, Index, Join, Route};

/// Where a join starts or where a rule's source comes from.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    /// The source of a rule.
    Source(usize),
    /// An entity of a dataset: a use by number.
    Use(usize),
}

/// Who applies a rule, and to what.
#[derive(Clone, Debug)]
pub(crate) enum Caller {
    /// The entities of a use.
    Entities(Origin),
    /// Values that are not the entities of a dataset.
    Value,
}

/// One alias of one specification.
pub(crate) struct Use {
    pub(crate) dataset: Text,
    /// The join that reaches it, and from where; or why the way back cannot
    /// be taken.
    pub(crate) from: Result<(Origin, Join), String>,
    /// Whether the way back is asked for (`track-dependencies`).
    pub(crate) tracked: bool,
}

/// All uses of datasets of one program.
#[derive(Default)]
pub(crate) struct Uses {
    uses: Vec<Use>,
    callers: Vec<(usize, Caller)>,
}

impl Uses {
    pub(crate) fn add(&mut self, this: Use) -> usize {
        self.uses.push(this);
        self.uses.len() - 1
    }

    pub(crate) fn call(&mut self, rule: usize, caller: Caller) {
        self.callers.push((rule, caller));
    }

    /// The datasets whose changes concern the result, each with every way
    /// that leads back to the source.
    pub(crate) fn dependencies(&self, default: usize) -> Vec<Dependency> {
        let mut dependencies: Vec<Dependency> = Vec::new();
        for this in self.uses.iter().filter(|this| this.tracked) {
            let mut routes = Vec::new();
            self.back(this, Vec::new(), default, &mut Vec::new(), &mut routes);
            for route in routes {
                let known = dependencies.iter().any(|dependency| {
                    dependency.dataset == this.dataset && same(&dependency.route, &route)
                });
                if !known {
                    dependencies.push(Dependency { dataset: this.dataset.clone(), route });
                }
            }
        }
        dependencies
    }

    /// Adds every route that goes on from `joins`, which lead up to `this`.
    fn back(
        &self,
        this: &Use,
        mut joins: Vec<Join>,
        default: usize,
        rules: &mut Vec<usize>,
        routes: &mut Vec<Route>,
    ) {
        let (origin, join) = match &this.from {
            Ok(from) => from,
            Err(why) => return routes.push(Route::Untracked(why.clone())),
        };
        joins.push(join.clone());
        self.go_on(origin, joins, default, rules, routes);
    }

    fn go_on(
        &self,
        origin: &Origin,
        mut joins: Vec<Join>,
        default: usize,
        rules: &mut Vec<usize>,
        routes: &mut Vec<Route>,
    ) {
        let land_on = |joins: &mut Vec<Join>, dataset: &str| {
            if let Some(last) = joins.last_mut() {
                last.far = last.far.on(dataset);
            }
        };
        match origin {
            Origin::Use(number) => {
                let this = &self.uses[*number];
                land_on(&mut joins, &this.dataset);
                self.back(this, joins, default, rules, routes);
            }
            Origin::Source(rule) if *rule == default => {
                land_on(&mut joins, Dependency::SOURCE);
                routes.push(Route::Joins(joins));
            }
            Origin::Source(rule) => {
                if rules.contains(rule) {
                    let why = "a rule with hops applies itself";
                    return routes.push(Route::Untracked(why.into()));
                }
                rules.push(*rule);
                for (_, caller) in self.callers.iter().filter(|(called, _)| called == rule) {
                    match caller {
                        Caller::Entities(origin) => {
                            self.go_on(origin, joins.clone(), default, rules, routes);
                        }
                        Caller::Value => routes.push(Route::Untracked(
                            "the rule with these hops is applied to values inside an entity".into(),
                        )),
                    }
                }
                rules.pop();
            }
        }
    }
}

fn same(a: &Route, b: &Route) -> bool {
    match (a, b) {
        (Route::Joins(a), Route::Joins(b)) => {
            let same = |a: &Index, b: &Index| a == b;
            a.len() == b.len()
                && a.iter().zip(b).all(|(a, b)| same(&a.near, &b.near) && same(&a.far, &b.far))
        }
        (Route::Untracked(a), Route::Untracked(b)) => a == b,
        _ => false,
    }
}
