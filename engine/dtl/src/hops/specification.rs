//! From a hops specification to a join order.

use std::collections::BTreeSet;

use pipewright_entity::Text;

use super::uses::{Caller, Origin, Use};
use super::{Bind, Filter, Hops, Recurse, Return, Spec};
use crate::Join;
use crate::compile::{Alias, Compiler, code, nearest};
use crate::functions::{self, CallNode, Role};
use crate::plan::{Expr, Root};
use crate::syntax::{Diagnostic, Node, NodeKind, Path, Trail};

/// The properties of a hops specification and what they are for
/// (documentation page `hub/dtl/dtl-functions-hops`).
pub const KEYS: [(&str, &str); 10] = [
    ("datasets", "The datasets to look into, each with an alias: [\"orders o\"]."),
    ("where", "What must be true of them; each dataset is joined by an \"eq\"."),
    (
        "return",
        "What to give back: aliases, a path, or an expression. Without it: the entities of the last dataset.",
    ),
    ("recurse", "Whether to go on from what was found, with the same specification."),
    ("exclude_root", "With recurse: leaves out what the first step found."),
    ("max_depth", "With recurse: after how many steps to stop. 10 unless given, null for no end."),
    ("subsets", "By alias, the part of a dataset to look into: [\"eq\", EXPRESSION, VALUE]."),
    ("prefilters", "An older name for subsets."),
    (
        "track-dependencies",
        "Whether changes in these datasets concern the result; true unless given.",
    ),
    ("trace", "Writes what is found to the log."),
];
const DEFAULT_DEPTH: usize = 10;

/// Compiles a call of `hops` or, with a rule, `apply-hops`.
pub(crate) fn compile_hops(
    compiler: &mut Compiler<'_>,
    call: &CallNode<'_>,
    rule: Option<usize>,
) -> Option<Expr> {
    let skipped = usize::from(rule.is_some());
    let outer = compiler.aliases.len();
    let mut origin = Origin::Source(compiler.rule);
    let mut specs = Vec::new();
    let mut returns = None;
    let count = call.args.len() - skipped;
    let mut whole = true;
    let pipe_source = compiler.pipe_source();
    for (index, node) in call.args[skipped..].iter().enumerate() {
        let path = call.path_of(index + skipped);
        // Only the first specification starts from the source of the rule.
        if index > 0 {
            compiler.set_pipe_source(false);
        }
        let mut specification =
            Specification { compiler, node, path, origin: origin.clone(), scope: outer };
        match specification.compile(index + 1 == count) {
            Some((spec, returned, goes_on)) => {
                specs.push(spec);
                origin = Origin::Use(*goes_on.last()?);
                returns = Some((returned, goes_on));
            }
            None => whole = false,
        }
        compiler.aliases.truncate(outer);
    }
    compiler.set_pipe_source(pipe_source);
    if !whole {
        return None;
    }
    let (returns, goes_on) = returns?;
    if let Some(rule) = rule {
        if matches!(returns, Return::Entities(_)) {
            for number in goes_on {
                compiler.uses.call(rule, Caller::Entities(Origin::Use(number)));
            }
        } else {
            compiler.uses.call(rule, Caller::Value);
        }
    }
    let at = compiler.place(call.node, call.path);
    Some(Expr::Special(Box::new(Hops { specs, returns, rule, at })))
}

struct Specification<'c, 'a, 'n> {
    compiler: &'c mut Compiler<'a>,
    node: &'n Node,
    path: Trail<'n>,
    origin: Origin,
    /// Aliases below this are those of hops around this one.
    scope: usize,
}

/// A condition of `where` and the variables that it names.
struct Condition<'n> {
    node: &'n Node,
    path: Path,
    /// The sides of a join: an `eq` with one variable on each side, two
    /// different ones (documentation page `hub/dtl/joins`).
    join: Option<[Side<'n>; 2]>,
    names: BTreeSet<Variable>,
}

struct Side<'n> {
    node: &'n Node,
    path: Path,
    names: BTreeSet<Variable>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Variable {
    /// An alias of this specification, by slot.
    Slot(usize),
    /// `_S`.
    Source,
    /// Anything else that is bound.
    Other,
}

/// An alias of this specification.
struct Dataset<'n> {
    alias: Text,
    dataset: Text,
    slot: usize,
    node: &'n Node,
    path: Path,
}

impl<'n> Specification<'_, '_, 'n> {
    /// The plan, what is returned, and the uses whose entities go on to the
    /// next specification or rule.
    fn compile(&mut self, is_last: bool) -> Option<(Spec, Return, Vec<usize>)> {
        if !self.node.is_object() {
            let message = format!("expected a hops specification, not {}", self.node.described());
            self.compiler.error(code::HOPS, self.node, &self.path, message);
            return None;
        }
        self.report_unknown_keys();
        let datasets = self.datasets()?;
        let conditions = self.conditions()?;
        let recurse = self.recurse()?;
        let tracked = self.node.get("track-dependencies").and_then(Node::as_bool) != Some(false);

        let mut bound: BTreeSet<Variable> = [Variable::Source, Variable::Other].into();
        let mut used = vec![false; conditions.len()];
        let mut before = Vec::new();
        self.filters(&conditions, &mut used, &bound, &mut before)?;
        let mut binds: Vec<Bind> = Vec::new();
        let mut numbers: Vec<(usize, usize)> = Vec::new();
        while binds.len() < datasets.len() {
            let unbound = || datasets.iter().filter(|d| !bound.contains(&Variable::Slot(d.slot)));
            let next = unbound().find_map(|dataset| {
                let joins = conditions.iter().enumerate().filter(|(at, _)| !used[*at]);
                let mut sides = joins.filter_map(|(at, condition)| {
                    let [a, b] = condition.join.as_ref()?;
                    let reaches = |right: &Side<'_>, left: &Side<'_>| {
                        right.names.iter().eq([&Variable::Slot(dataset.slot)])
                            && left.names.is_subset(&bound)
                    };
                    if reaches(a, b) {
                        Some((at, b, a))
                    } else if reaches(b, a) {
                        Some((at, a, b))
                    } else {
                        None
                    }
                });
                sides.next().map(|sides| (dataset, sides))
            });
            let Some((dataset, (at, left, right))) = next else {
                let unbound: Vec<Text> = unbound().map(|d| d.alias.clone()).collect();
                if self.report_unknown_function(&conditions)
                    || self.report_unknown_alias(&conditions, &unbound)
                {
                    return None;
                }
                let names: Vec<String> = unbound.iter().map(|alias| format!("{alias:?}")).collect();
                let message = format!("no \"eq\" joins {} with what is at hand", names.join(", "));
                let place = self.node.get("where").unwrap_or(self.node);
                let suggestion =
                    "join each dataset by an [\"eq\", …] with one dataset or _S on each side";
                let path = self.path;
                let path = path.key("where");
                self.compiler.error_with(
                    code::UNJOINED,
                    place,
                    &path,
                    message,
                    Some(suggestion.into()),
                );
                return None;
            };
            used[at] = true;
            let index = self.compiler.index(
                right.node,
                &Trail::At(&right.path),
                &dataset.alias,
                &dataset.dataset,
            )?;
            let from = self.origin_of(left, &datasets, &numbers).and_then(|(origin, alias)| {
                let far = self.compiler.index(left.node, &Trail::At(&left.path), &alias, "");
                let far = far.ok_or_else(|| "the join cannot be turned round".to_owned())?;
                Ok((origin, Join { near: index.clone(), far }))
            });
            let from = match recurse {
                Some(_) => Err("recursive hops are not followed backwards".to_owned()),
                None => from,
            };
            let left = self.compiler.expr(left.node, &Trail::At(&left.path))?;
            let subset = self.subset(dataset)?;
            if !self.compiler.indexes.contains(&index) {
                self.compiler.indexes.push(index.clone());
            }
            self.compiler.analysis.datasets.insert(dataset.dataset.clone());
            let number =
                self.compiler.uses.add(Use { dataset: dataset.dataset.clone(), from, tracked });
            numbers.push((dataset.slot, number));
            bound.insert(Variable::Slot(dataset.slot));
            let mut filters = Vec::new();
            if let Some(found) =
                self.compiler.traced_entity(dataset.node, &Trail::At(&dataset.path), &dataset.alias)
            {
                filters.push(Filter::Truth(found));
            }
            self.filters(&conditions, &mut used, &bound, &mut filters)?;
            binds.push(Bind { slot: dataset.slot, left, index, subset, filters });
        }
        let last = datasets.last()?;
        let returns = self.returns(&datasets, is_last, recurse.is_some())?;
        let goes_on = match &returns {
            Return::Entities(slots) => slots.clone(),
            Return::Path(_) | Return::Template(_) => vec![last.slot],
        };
        let goes_on = numbers.iter().filter(|(slot, _)| goes_on.contains(slot));
        let goes_on = goes_on.map(|(_, number)| *number).collect();
        Some((Spec { before, binds, recurse, last: last.slot }, returns, goes_on))
    }

    /// Conditions that may be joins, whose function is a slip; whether there is
    /// one, and it was told.
    fn report_unknown_function(&mut self, conditions: &[Condition<'n>]) -> bool {
        let mut told = false;
        for Condition { node, path, .. } in conditions {
            let name = node.items().first().and_then(Node::as_str);
            if name.is_some_and(|name| functions::find(Role::Expression, name).is_none()) {
                self.compiler.expr(node, &Trail::At(path));
                told = true;
            }
        }
        told
    }

    /// A condition that would join a dataset if a name in it were an alias;
    /// whether there is one, and it was told.
    fn report_unknown_alias(&mut self, conditions: &[Condition<'n>], unbound: &[Text]) -> bool {
        for condition in conditions.iter().filter(|condition| condition.join.is_none()) {
            let items = condition.node.items();
            if items.first().and_then(Node::as_str) != Some("eq") {
                continue;
            }
            for (index, side) in items.iter().enumerate().skip(1) {
                let Some((head, _)) = side.as_str().and_then(|text| text.split_once('.')) else {
                    continue;
                };
                let word = !head.is_empty()
                    && head.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
                if !word || self.compiler.variable(side.as_str().unwrap_or_default()).is_some() {
                    continue;
                }
                let path = Trail::At(&condition.path);
                let path = path.index(index);
                let message = format!("{head:?} is no alias of these hops");
                self.compiler.error(code::UNKNOWN_VARIABLE, side, &path, message);
                let near = match unbound {
                    [one] => Some(one.as_str()),
                    several => nearest(head, several.iter().map(Text::as_str)),
                };
                self.compiler.did_you_mean(head, near);
                return true;
            }
        }
        false
    }

    fn report_unknown_keys(&mut self) {
        for member in self.node.members() {
            let known = KEYS.map(|(key, _)| key);
            if !known.contains(&member.key.as_str()) {
                let message = format!("hops know no property {:?}", member.key);
                let path = self.path.key(&member.key).to_path();
                let found = Diagnostic::warning(code::HOPS, path, member.key_span.clone(), message);
                self.compiler.diagnostics.push(found);
                self.compiler.did_you_mean(&member.key, nearest(&member.key, known));
            }
        }
    }

    /// Reads `datasets` and brings the aliases into scope.
    fn datasets(&mut self) -> Option<Vec<Dataset<'n>>> {
        let path = self.path;
        let path = path.key("datasets");
        let list = self.node.get("datasets");
        let items = list.map_or(&[][..], Node::items);
        if items.is_empty() {
            let message = "\"datasets\" must be a list of datasets with aliases: [\"orders o\"]";
            self.compiler.error(code::HOPS, list.unwrap_or(self.node), &path, message);
            return None;
        }
        let mut datasets: Vec<Dataset<'n>> = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let at = path.index(index);
            let words: Vec<&str> = item.as_str().unwrap_or_default().split_whitespace().collect();
            let [dataset, alias] = words[..] else {
                let message = "expected a dataset and an alias: \"orders o\"";
                self.compiler.error(code::HOPS, item, &at, message);
                return None;
            };
            let taken = datasets.iter().any(|d| d.alias == alias);
            if taken || matches!(alias, "_S" | "_T" | "_P" | "_R" | "_B" | "_") {
                let message = format!("the alias {alias:?} is taken");
                self.compiler.error(code::HOPS, item, &at, message);
                return None;
            }
            let slot = self.compiler.slots;
            self.compiler.slots += 1;
            let (dataset, alias) = (Text::new(dataset), Text::new(alias));
            let root = Root::Alias(slot);
            self.compiler.aliases.push(Alias { name: alias.clone(), root });
            datasets.push(Dataset { alias, dataset, slot, node: item, path: at.to_path() });
        }
        Some(datasets)
    }

    /// The conditions of `where`, `and`s taken apart.
    fn conditions(&mut self) -> Option<Vec<Condition<'n>>> {
        let path = self.path;
        let path = path.key("where");
        let mut conditions = Vec::new();
        if let Some(node) = self.node.get("where") {
            let single = node.items().first().is_some_and(|first| first.as_str().is_some());
            if single {
                self.take_apart(node, path.to_path(), &mut conditions);
            } else if node.is_array() {
                for (index, item) in node.items().iter().enumerate() {
                    self.take_apart(item, path.index(index).to_path(), &mut conditions);
                }
            } else if !matches!(node.kind, NodeKind::Null | NodeKind::Missing) {
                let message = "\"where\" must be an expression or a list of expressions";
                self.compiler.error(code::HOPS, node, &path, message);
                return None;
            }
        }
        Some(conditions)
    }

    fn take_apart(&self, node: &'n Node, path: Path, to: &mut Vec<Condition<'n>>) {
        let items = node.items();
        let function = items.first().and_then(Node::as_str);
        if function == Some("and") {
            for (index, item) in items.iter().enumerate().skip(1) {
                self.take_apart(item, path.index(index), to);
            }
            return;
        }
        let join = (function == Some("eq") && items.len() == 3).then(|| {
            [1, 2].map(|at| Side {
                node: &items[at],
                path: path.index(at),
                names: self.variables(&items[at]),
            })
        });
        let join = join.filter(|[a, b]| {
            let ours = |name: &Variable| matches!(name, Variable::Slot(_));
            a.names.len() == 1
                && b.names.len() == 1
                && a.names != b.names
                && (a.names.iter().any(ours) || b.names.iter().any(ours))
        });
        to.push(Condition { node, path, join, names: self.variables(node) });
    }

    /// The variables that an expression names.
    fn variables(&self, node: &Node) -> BTreeSet<Variable> {
        let mut names = BTreeSet::new();
        let mut nodes = vec![node];
        while let Some(node) = nodes.pop() {
            match &node.kind {
                NodeKind::String(text) => match self.compiler.variable(text) {
                    // Aliases of hops around this one are bound already.
                    Some(Root::Alias(slot)) if self.is_ours(slot) => {
                        names.insert(Variable::Slot(slot));
                    }
                    Some(Root::Source(0)) => {
                        names.insert(Variable::Source);
                    }
                    Some(Root::Current) | None => {}
                    Some(_) => {
                        names.insert(Variable::Other);
                    }
                },
                NodeKind::Array(items) => nodes.extend(items.iter()),
                NodeKind::Object(members) => nodes.extend(members.iter().map(|m| &m.value)),
                _ => {}
            }
        }
        names
    }

    fn is_ours(&self, slot: usize) -> bool {
        self.compiler.aliases[self.scope..].iter().any(|alias| alias.root == Root::Alias(slot))
    }

    /// Where the left side of a join comes from, and what it is called there.
    fn origin_of(
        &self,
        left: &Side<'_>,
        datasets: &[Dataset<'n>],
        numbers: &[(usize, usize)],
    ) -> Result<(Origin, Text), String> {
        let mut names = left.names.iter();
        match (names.next(), names.next()) {
            (Some(Variable::Slot(slot)), None) => {
                let number = numbers.iter().find(|(bound, _)| bound == slot);
                let alias = datasets.iter().find(|dataset| dataset.slot == *slot);
                match (number, alias) {
                    (Some((_, number)), Some(alias)) => {
                        Ok((Origin::Use(*number), alias.alias.clone()))
                    }
                    _ => Err("the join cannot be turned round".into()),
                }
            }
            (Some(Variable::Source), None) => Ok((self.origin.clone(), Text::new_static("_S"))),
            _ => Err("a join depends on more than the source entity".into()),
        }
    }

    /// Takes the conditions that can be told now: all their variables are bound.
    fn filters(
        &mut self,
        conditions: &[Condition<'n>],
        used: &mut [bool],
        bound: &BTreeSet<Variable>,
        to: &mut Vec<Filter>,
    ) -> Option<()> {
        for (condition, used) in conditions.iter().zip(used) {
            if *used || !condition.names.is_subset(bound) {
                continue;
            }
            *used = true;
            to.push(match &condition.join {
                Some([a, b]) => {
                    let left = self.compiler.expr(a.node, &Trail::At(&a.path));
                    Filter::Overlap(left?, self.compiler.expr(b.node, &Trail::At(&b.path))?)
                }
                None => {
                    Filter::Truth(self.compiler.expr(condition.node, &Trail::At(&condition.path))?)
                }
            });
        }
        Some(())
    }

    fn recurse(&mut self) -> Option<Option<Recurse>> {
        if self.node.get("recurse").and_then(Node::as_bool) != Some(true) {
            return Some(None);
        }
        let max_depth = match self.node.get("max_depth") {
            None => Some(DEFAULT_DEPTH),
            Some(node) if node.kind == NodeKind::Null => None,
            Some(node) => {
                let value = node.to_value(self.compiler.document);
                let depth = crate::functions::args::integer(&value);
                let Some(depth) = depth.and_then(|depth| usize::try_from(depth).ok()) else {
                    let path = self.path;
                    let path = path.key("max_depth");
                    self.compiler.error(
                        code::HOPS,
                        node,
                        &path,
                        "\"max_depth\" must be an integer or null",
                    );
                    return None;
                };
                Some(depth)
            }
        };
        let exclude_root = self.node.get("exclude_root").and_then(Node::as_bool) == Some(true);
        Some(Some(Recurse { exclude_root, max_depth }))
    }

    fn subset(&mut self, dataset: &Dataset<'n>) -> Option<Option<(crate::Index, Expr)>> {
        let (key, subsets) = match (self.node.get("subsets"), self.node.get("prefilters")) {
            (Some(subsets), _) => ("subsets", subsets),
            (None, Some(subsets)) => ("prefilters", subsets),
            (None, None) => return Some(None),
        };
        let Some(node) = subsets.get(&dataset.alias) else { return Some(None) };
        let (path, alias) = (self.path, &dataset.alias);
        let path = path.key(key);
        let path = path.key(alias);
        let [function, indexed, value] = node.items() else {
            let message = "a subset is written [\"eq\", EXPRESSION, VALUE]";
            self.compiler.error(code::HOPS, node, &path, message);
            return None;
        };
        if function.as_str() != Some("eq") {
            let message = "a subset is written [\"eq\", EXPRESSION, VALUE]";
            self.compiler.error(code::HOPS, function, &path.index(0), message);
            return None;
        }
        let pipe_source = self.compiler.pipe_source();
        self.compiler.set_pipe_source(false);
        let index = self.compiler.index(indexed, &path.index(1), "_S", &dataset.dataset);
        self.compiler.set_pipe_source(pipe_source);
        let value = self.compiler.expr(value, &path.index(2));
        Some(Some((index?, value?)))
    }

    fn returns(
        &mut self,
        datasets: &[Dataset<'n>],
        is_last: bool,
        recurse: bool,
    ) -> Option<Return> {
        let last = || Some(Return::Entities(datasets.last().map(|d| d.slot).into_iter().collect()));
        let Some(node) = self.node.get("return") else { return last() };
        let path = self.path;
        let path = path.key("return");
        if !is_last || recurse {
            let message = if recurse {
                "\"return\" cannot be used with \"recurse\""
            } else {
                "\"return\" can stand in the last specification only"
            };
            self.compiler.error(code::HOPS, node, &path, message);
            return None;
        }
        let Some(text) = node.as_str() else {
            return self.compiler.template(node, &path).map(Return::Template);
        };
        if self.compiler.variable(text).is_some() {
            return self.compiler.expr(node, &path).map(Return::Path);
        }
        let mut slots = Vec::new();
        for name in text.split(',').map(str::trim) {
            let Some(dataset) = datasets.iter().find(|dataset| dataset.alias == name) else {
                let known = datasets.iter().map(|dataset| dataset.alias.as_str());
                let message = format!("{name:?} is no alias of these hops");
                self.compiler.error(code::HOPS, node, &path, message);
                self.compiler.did_you_mean(name, nearest(name, known));
                return None;
            };
            slots.push(dataset.slot);
        }
        Some(Return::Entities(slots))
    }
}
