//! What a text names that is not there, and what it makes that nothing uses:
//! findings that need no plan, and so are told beside any other.

use std::collections::{BTreeSet, HashMap};

use pipewright_entity::{Text, Value};

use crate::compile::{Compiler, code, nearest};
use crate::functions::{self, Function, Kind, Role};
use crate::names::VARIABLES;
use crate::plan::Expr;
use crate::properties::{identifier, reads, sets};
use crate::syntax::{Diagnostic, Node, Trail};

impl Compiler<'_> {
    /// Rules that cannot be reached from the default rule. Of rules that only
    /// such rules apply, the first is told. The names are those that each rule
    /// applies.
    pub(crate) fn report_unused<'n>(
        &mut self,
        default: Option<usize>,
        names: impl Iterator<Item = &'n [Text]>,
    ) {
        let Some(default) = default else { return };
        // The last of equal names counts.
        let places = self.rules.iter().enumerate().map(|(index, rule)| (rule.name.as_str(), index));
        let places: HashMap<&str, usize> = places.collect();
        let place = |name: &str| places.get(name).copied();
        // A name that is a slip stands for the rule that was meant.
        let known = || self.rules.iter().map(|it| it.name.as_str());
        let meant = |name: &Text| place(name).or_else(|| nearest(name, known()).and_then(place));
        let applied: Vec<BTreeSet<usize>> =
            names.map(|names| names.iter().filter_map(meant).collect()).collect();
        let mut reached = reach(default, &applied);
        for (index, rule) in self.rules.iter().enumerate() {
            let others = || (0..applied.len()).filter(|other| *other != index);
            let below = others().any(|at| !reached.contains(&at) && applied[at].contains(&index));
            if reached.contains(&index) || below && !is_first(index, &applied) {
                continue;
            }
            self.diagnostics.push(Diagnostic::warning(
                code::UNUSED_RULE,
                rule.path.clone(),
                rule.node.span.clone(),
                format!("nothing applies the rule {:?}", rule.name),
            ));
            reached.extend(reach(index, &applied));
        }
    }

    /// Properties of the target that are read where nothing in the rule sets
    /// them.
    pub(crate) fn report_unset(&mut self, rule: usize) {
        let (rule, document) = (&self.rules[rule], self.document);
        let mut set = Some(BTreeSet::new());
        sets(&rule.node, &mut set);
        let Some(set) = set else { return };
        let mut found = Vec::new();
        reads(&rule.node, &Trail::At(&rule.path), &mut |node, at, name| {
            let plain = identifier(name);
            if name.starts_with(['_', '$']) || name.contains('\'') || set.contains(plain) {
                return;
            }
            let message = format!("nothing in this rule sets {name:?}");
            let span = node.span.clone();
            let one = Diagnostic::warning(code::UNSET, at.to_path(), span, message);
            let near = nearest(plain, set.iter().copied());
            found.push(match near {
                Some(near) => one.suggest(format!("did you mean {near:?}?")).instead(
                    &document.text,
                    plain,
                    near,
                ),
                None => one,
            });
        });
        self.diagnostics.extend(found);
    }

    /// A string that looks like a path into a variable that is not there.
    pub(crate) fn report_unknown_variable(&mut self, text: &str, node: &Node, path: &Trail<'_>) {
        let Some((head, _)) = text.split_once('.') else { return };
        let letters = head.strip_prefix('_').unwrap_or(head);
        let known = VARIABLES.iter().map(|(name, _)| *name);
        let aliases: Vec<Text> = self.aliases.iter().map(|alias| alias.name.clone()).collect();
        let right = if head.starts_with('_') && letters.len() <= 2 {
            if letters.is_empty() || !letters.bytes().all(|byte| byte.is_ascii_alphabetic()) {
                return;
            }
            known.into_iter().find(|name| name.eq_ignore_ascii_case(head)).map(Text::new)
        } else {
            // Any other text may be meant as it is, unless only the case
            // differs.
            let same = aliases.iter().find(|alias| alias.eq_ignore_ascii_case(head));
            if same.is_none() {
                return;
            }
            same.cloned()
        };
        let message = format!("there is no variable {head:?}");
        let span = node.span.clone();
        let found = Diagnostic::warning(code::UNKNOWN_VARIABLE, path.to_path(), span, message);
        self.diagnostics.push(found);
        self.did_you_mean(head, right.as_deref());
    }

    /// A constant of a type that the argument cannot be.
    pub(crate) fn report_kind(
        &mut self,
        function: &Function,
        index: usize,
        count: usize,
        expr: &Expr,
        node: &Node,
        path: &Trail<'_>,
    ) {
        // What was computed from constants is right or wrong by itself.
        let (Expr::Const(value), false) = (expr, node.is_array()) else { return };
        let Some((name, kind)) = function.argument(index, count) else { return };
        let wanted = match (kind, value) {
            (Kind::Integer, Value::String(text)) if text.parse::<f64>().is_err() => {
                "a whole number"
            }
            (Kind::Integer, Value::Bool(_) | Value::Dict(_)) => "a whole number",
            (Kind::String, Value::Bool(_) | Value::Dict(_)) => "a string",
            (Kind::String, value) if value.is_number() => "a string",
            _ => return,
        };
        let message =
            format!("{name} of {:?} is {wanted}, this is {}", function.name, value.described());
        let span = node.span.clone();
        self.diagnostics.push(Diagnostic::warning(code::ARGUMENT, path.to_path(), span, message));
    }
}

/// Whether a rule is the first of a circle of rules that nothing else applies.
fn is_first(index: usize, applied: &[BTreeSet<usize>]) -> bool {
    let circle = reach(index, applied);
    let leads_here = |at: &usize| reach(*at, applied).contains(&index);
    let callers: Vec<usize> =
        (0..applied.len()).filter(|at| *at != index && applied[*at].contains(&index)).collect();
    callers.iter().all(|at| circle.contains(at) && leads_here(at))
        && circle.iter().min() == Some(&index)
}

/// The rules that can be reached from one, itself included.
fn reach(from: usize, applied: &[BTreeSet<usize>]) -> BTreeSet<usize> {
    let mut reached = BTreeSet::from([from]);
    let mut next = vec![from];
    while let Some(rule) = next.pop() {
        next.extend(applied[rule].iter().filter(|to| reached.insert(**to)));
    }
    reached
}

/// The names of the rules that a rule applies, by the description of the
/// functions; slips among them.
pub(crate) fn applied(rule: &Node) -> Vec<Text> {
    let mut names = BTreeSet::new();
    collect(rule, &mut names);
    names.into_iter().map(Text::new).collect()
}

fn collect<'n>(node: &'n Node, names: &mut BTreeSet<&'n str>) {
    for member in node.members() {
        collect(&member.value, names);
    }
    let items = node.items();
    if let Some((function, args)) = items.split_first()
        && let Some(name) = function.as_str()
    {
        let function = functions::find(Role::Expression, name)
            .or_else(|| functions::find(Role::Transform, name));
        if function.is_none() {
            // A slip: it may be a function that applies a rule.
            names.extend(args.first().and_then(Node::as_str));
        }
        for (index, arg) in args.iter().enumerate() {
            match function.and_then(|function| function.param(index, args.len())) {
                Some(param) if param.kind == Kind::Literal => return,
                Some(param) if param.kind == Kind::Rule => names.extend(arg.as_str()),
                _ => {}
            }
        }
    }
    for item in items {
        collect(item, names);
    }
}
