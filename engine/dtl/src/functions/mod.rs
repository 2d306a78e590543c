//! The catalogue: every function of the language, described once.
//!
//! Compiling, checking, evaluation, documentation and the example tests all
//! read these descriptions. A new function is one [`Function`] in the file of
//! its area.

pub(crate) mod args;
mod boolean;
mod booleans;
mod bytes;
mod casts;
mod comparisons;
mod conditionals;
mod dates;
mod deprecated;
mod dictionaries;
mod each;
mod encryption;
mod hops;
mod identifiers;
mod json;
mod lists;
mod math;
mod misc;
mod nulls;
mod numbers;
mod paths;
mod phonenumbers;
pub mod reference;
pub(crate) mod rules;
mod sets;
mod strings;
pub(crate) mod transforms;
mod uris;
mod uuids;

use std::sync::LazyLock;

use pipewright_entity::Value;
use rustc_hash::FxHashMap;

use crate::Fault;
use crate::compile::Compiler;
use crate::eval::{Call, Eval};
use crate::plan::{Action, Expr};
use crate::syntax::{Node, Trail};

/// One function or transform of the language.
pub struct Function {
    /// What it is called.
    pub name: &'static str,
    /// Other names of the same function, such as `+` of `plus`.
    pub also: &'static [&'static str],
    /// The documentation page that describes it: `hub/dtl/dtl-functions-<area>`.
    pub area: &'static str,
    /// Its parameters, in order.
    pub params: &'static [Param],
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// Documented uses with their results; they are run as tests.
    pub examples: &'static [Example],
    /// Whether its result depends on the namespaces of the pipe.
    pub namespaced: bool,
    /// What to use instead, if it is kept for old configurations only.
    pub deprecated: Option<&'static str>,
    /// What it depends on besides its arguments.
    pub purity: Purity,
    /// What the build must have for it to run.
    pub feature: Option<Feature>,
    /// What it does.
    pub body: Body,
}

/// What is heavy to carry and left out of some builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// The algorithms of passwords and RSA keys.
    Encryption,
    /// OpenPGP messages.
    OpenPgp,
    /// The numbering plans of all countries.
    PhoneNumbers,
    /// Time zones by name.
    TimeZones,
}

impl Feature {
    /// The feature of this crate.
    pub fn name(self) -> &'static str {
        match self {
            Feature::Encryption => "encryption",
            Feature::OpenPgp => "openpgp",
            Feature::PhoneNumbers => "phonenumbers",
            Feature::TimeZones => "timezones",
        }
    }

    /// Whether this build has it.
    pub fn is_here(self) -> bool {
        match self {
            Feature::Encryption => cfg!(feature = "encryption"),
            Feature::OpenPgp => cfg!(feature = "openpgp"),
            Feature::PhoneNumbers => cfg!(feature = "phonenumbers"),
            Feature::TimeZones => cfg!(feature = "timezones"),
        }
    }
}

/// What a description leaves out: an ordinary function without arguments.
/// Descriptions take what they do not say from here (`..PLAIN`).
pub(crate) const PLAIN: Function = Function {
    name: "",
    also: &[],
    area: "",
    params: &[],
    summary: "",
    examples: &[],
    namespaced: false,
    deprecated: None,
    purity: Purity::Pure,
    feature: None,
    body: Body::Eager(|_, _| Ok(Value::Null)),
};

/// A parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Param {
    /// What it is called in the documentation.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// How often it is given.
    pub many: Many,
}

/// What a parameter takes (documentation page `hub/dtl/argument-types`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any expression.
    Value,
    /// An expression whose truth counts.
    Boolean,
    /// An expression that gives an integer.
    Integer,
    /// A string; an expression where the function allows it.
    String,
    /// A pattern of property names, or a list of them.
    Wildcard,
    /// An expression evaluated once for each item, which is bound to `_`.
    Function,
    /// One transform or a list of them.
    Transforms,
    /// The name of a rule.
    Rule,
    /// A specification of hops.
    Hops,
    /// Anything, taken as it stands and not evaluated.
    Literal,
}

/// How often a parameter is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Many {
    /// Exactly once.
    One,
    /// Once or not at all. Of several parameters the optional ones before the
    /// last required one are the first to be left out.
    Optional,
    /// Any number of times.
    Any,
    /// At least once.
    Some,
}

/// A documented use.
#[derive(Clone, Copy, Debug)]
pub struct Example {
    /// The expression or transform, as JSON.
    pub text: &'static str,
    /// The source entity, as JSON; empty for none.
    pub source: &'static str,
    /// The value, or the target after a transform, as JSON.
    pub result: &'static str,
    /// What the build must have for this use, where the function itself needs
    /// less.
    pub feature: Option<Feature>,
}

impl Example {
    const fn needs(self, feature: Feature) -> Example {
        Example { feature: Some(feature), ..self }
    }
}

/// An example without a source entity.
pub(crate) const fn example(text: &'static str, result: &'static str) -> Example {
    Example { text, source: "", result, feature: None }
}

/// An example on a source entity.
pub(crate) const fn on(source: &'static str, text: &'static str, result: &'static str) -> Example {
    Example { text, source, result, feature: None }
}

/// A parameter that is given once.
pub(crate) const fn one(name: &'static str, kind: Kind) -> Param {
    Param { name, kind, many: Many::One }
}

/// A parameter that may be left out.
pub(crate) const fn optional(name: &'static str, kind: Kind) -> Param {
    Param { name, kind, many: Many::Optional }
}

/// A parameter given any number of times.
pub(crate) const fn any(name: &'static str, kind: Kind) -> Param {
    Param { name, kind, many: Many::Any }
}

/// A parameter given at least once.
pub(crate) const fn some(name: &'static str, kind: Kind) -> Param {
    Param { name, kind, many: Many::Some }
}

/// What the result of a function depends on besides its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purity {
    /// Nothing: the same arguments give the same result.
    Pure,
    /// The time.
    Time,
    /// Chance.
    Random,
    /// Other datasets, joined so that their changes can be tracked.
    Joins,
    /// Something else that may change, such as variables of the node.
    Reads,
    /// It has an effect besides its result.
    Effect,
}

/// What a function does.
#[derive(Clone, Copy)]
pub enum Body {
    /// Works on the values of its arguments. Calls on constants are computed
    /// once, when compiling, if the function is pure.
    Eager(fn(&Call<'_>, &[Value]) -> Result<Value, Fault>),
    /// Decides itself which arguments to evaluate, and how often.
    Lazy(fn(&mut Eval<'_>, &[Expr]) -> Result<Value, Fault>),
    /// Reads its arguments in its own way when compiling. `None` after it
    /// noted a diagnostic.
    Special(fn(&mut Compiler<'_>, &CallNode<'_>) -> Option<Expr>),
    /// A transform, built when compiling. `None` after it noted a diagnostic.
    Transform(fn(&mut Compiler<'_>, &CallNode<'_>) -> Option<Box<dyn Action>>),
}

/// A call as it stands in the config.
pub struct CallNode<'a> {
    /// The function.
    pub function: &'static Function,
    /// The whole call.
    pub node: &'a Node,
    /// Its arguments.
    pub args: &'a [Node],
    /// Where the call stands.
    pub path: &'a Trail<'a>,
}

impl CallNode<'_> {
    /// Where an argument stands.
    pub fn path_of(&self, arg: usize) -> Trail<'_> {
        self.path.index(arg + 1)
    }
}

/// Whether a name is looked for among expressions or among transforms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Has a value.
    Expression,
    /// Changes the target.
    Transform,
}

impl Function {
    /// Where the function may stand.
    pub fn role(&self) -> Role {
        match self.body {
            Body::Transform(_) => Role::Transform,
            _ => Role::Expression,
        }
    }

    /// The documented uses that run in this build.
    pub fn examples_here(&self) -> impl Iterator<Item = &'static Example> {
        let here = |feature: Option<Feature>| feature.is_none_or(Feature::is_here);
        let all = here(self.feature);
        self.examples.iter().filter(move |example| all && here(example.feature))
    }

    /// The smallest and largest number of arguments.
    pub fn arity(&self) -> (usize, Option<usize>) {
        let mut least = 0;
        let mut most = Some(0);
        for param in self.params {
            if matches!(param.many, Many::One | Many::Some) {
                least += 1;
            }
            most = match param.many {
                Many::One | Many::Optional => most.map(|most| most + 1),
                Many::Any | Many::Some => None,
            };
        }
        (least, most)
    }

    /// The parameter that the argument `index` of a call with `count`
    /// arguments belongs to.
    pub fn param(&self, index: usize, count: usize) -> Option<&'static Param> {
        let least = self.arity().0;
        let mut spare = count.saturating_sub(least);
        let mut at = 0;
        for param in self.params {
            let times = match param.many {
                Many::One => 1,
                Many::Optional => usize::from(spare > 0),
                Many::Any => spare,
                Many::Some => spare + 1,
            };
            if param.many != Many::One {
                spare -= times - usize::from(param.many == Many::Some);
            }
            if index < at + times {
                return Some(param);
            }
            at += times;
        }
        None
    }

    /// What the argument `index` of a call with `count` arguments is, and what
    /// it is called. Where several take turns, as the conditions and results
    /// of `case`, it is the one whose turn it is.
    pub fn argument(&self, index: usize, count: usize) -> Option<(&'static str, Kind)> {
        let param = self.param(index, count)?;
        let mut names = param.name.split(", ");
        let (Some(first), Some(second)) = (names.next(), names.next()) else {
            return Some((param.name, param.kind));
        };
        let before = (0..index).rev().take_while(|at| self.param(*at, count) == Some(param));
        if before.count() % 2 == 0 {
            // One that is left over belongs to what comes after the turns.
            let rest = self.params.iter().skip_while(|other| *other != param).nth(1);
            return match rest.filter(|_| index + 1 == count) {
                Some(rest) => Some((rest.name, rest.kind)),
                None => Some((first, param.kind)),
            };
        }
        // The results are what the first one of them is.
        let same = self.params.iter().find(|other| other.name == second);
        Some((second, same.map_or(param.kind, |same| same.kind)))
    }

    /// How a call is written: `["first", VALUES]`.
    pub fn signature(&self) -> String {
        let mut text = format!("[{:?}", self.name);
        for param in self.params {
            text.push_str(", ");
            match param.many {
                Many::One => text.push_str(param.name),
                Many::Optional => text.push_str(&format!("{}?", param.name)),
                Many::Any | Many::Some => text.push_str(&format!("{}...", param.name)),
            }
        }
        text.push(']');
        text
    }
}

/// All functions, area by area.
pub(crate) static AREAS: &[&[Function]] = &[
    boolean::FUNCTIONS,
    comparisons::FUNCTIONS,
    conditionals::FUNCTIONS,
    hops::FUNCTIONS,
    lists::FUNCTIONS,
    each::FUNCTIONS,
    paths::FUNCTIONS,
    phonenumbers::FUNCTIONS,
    rules::FUNCTIONS,
    sets::FUNCTIONS,
    booleans::FUNCTIONS,
    bytes::FUNCTIONS,
    dates::FUNCTIONS,
    deprecated::FUNCTIONS,
    dictionaries::FUNCTIONS,
    encryption::FUNCTIONS,
    identifiers::FUNCTIONS,
    json::FUNCTIONS,
    math::FUNCTIONS,
    misc::FUNCTIONS,
    nulls::FUNCTIONS,
    numbers::FUNCTIONS,
    strings::FUNCTIONS,
    uris::FUNCTIONS,
    uuids::FUNCTIONS,
    transforms::ENTITIES,
    transforms::FLOW,
    transforms::PROPERTIES,
];

/// Every function and transform.
pub fn all() -> impl Iterator<Item = &'static Function> {
    AREAS.iter().copied().flatten()
}

/// The function of a name.
pub fn find(role: Role, name: &str) -> Option<&'static Function> {
    static BY_NAME: LazyLock<FxHashMap<(Role, &'static str), &'static Function>> =
        LazyLock::new(|| {
            let names = all().flat_map(|function| {
                let names = std::iter::once(&function.name).chain(function.also);
                names.map(move |name| ((function.role(), *name), function))
            });
            names.collect()
        });
    BY_NAME.get(&(role, name)).copied()
}

#[cfg(test)]
mod tests;
