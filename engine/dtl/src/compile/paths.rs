//! Paths: a variable and the names behind it.

use pipewright_entity::Text;

use super::{Alias, Compiler, code};
use crate::names::Name;
use crate::plan::{Expr, PathExpr, Root};
use crate::syntax::{Diagnostic, Node, Trail};

impl Compiler<'_> {
    /// The variable that a string starts with, if it is a path.
    pub(crate) fn variable(&self, text: &str) -> Option<Root> {
        let (head, _) = text.split_once('.')?;
        self.alias(head).map(|alias| alias.root).or(match head {
            "_S" => Some(Root::Source(0)),
            "_T" => Some(Root::Target(0)),
            "_P" => Some(Root::Parent(1)),
            "_R" => Some(Root::RootContext),
            "_B" => Some(Root::Bound),
            "_" => Some(Root::Current),
            _ => None,
        })
    }

    /// The alias of a name; the innermost counts.
    pub(crate) fn alias(&self, name: &str) -> Option<&Alias> {
        self.aliases.iter().rev().find(|alias| alias.name == name)
    }

    pub(super) fn path(
        &mut self,
        root: Root,
        text: &str,
        node: &Node,
        at: &Trail<'_>,
    ) -> Option<Expr> {
        let rest = text.split_once('.').map_or("", |(_, rest)| rest);
        let Some(names) = split_path(rest) else {
            let message = format!("{text:?} is not a path: a quoted name is not closed");
            self.error(code::PATH, node, at, message);
            return None;
        };
        if root == Root::Current && !self.current {
            let message = "nothing is bound to \"_\" here";
            let found =
                Diagnostic::warning(code::UNBOUND, at.to_path(), node.span.clone(), message);
            self.diagnostics.push(found.suggest(
                "\"_\" stands for the item in functions that go over a list; the source entity is \"_S\"",
            ));
        }
        let path = self.path_expr(root, &names);
        // Of any rule: its source may be the entity, or a part of it.
        match path.root {
            Root::Source(0) if self.pipe_source || !path.steps.is_empty() => {
                self.analysis.reads.add(&path.steps);
            }
            Root::Source(0) | Root::Target(_) | Root::RootTarget => {}
            Root::Bound | Root::Current | Root::Alias(_) => {}
            Root::Source(_) | Root::RootSource => self.analysis.reads.add(&path.steps),
            Root::Parent(_) | Root::RootContext => self.analysis.reads.add(&[]),
        }
        Some(Expr::Path(path))
    }

    pub(crate) fn path_expr(&self, root: Root, names: &[String]) -> PathExpr {
        let (mut root, mut names) = (root, names);
        // `_P` and `_R` hold contexts: go on from the variable inside.
        while let Some((name, rest)) = names.split_first() {
            root = match (root, name.as_str()) {
                (Root::Parent(up), "_S") => Root::Source(up),
                (Root::Parent(up), "_T") => Root::Target(up),
                (Root::Parent(up), "_P") => Root::Parent(up + 1),
                (Root::RootContext, "_S") => Root::RootSource,
                (Root::RootContext, "_T") => Root::RootTarget,
                _ => break,
            };
            names = rest;
        }
        let steps: Vec<Name> = names
            .iter()
            .map(|name| match root {
                Root::Bound => Name::Exact(Text::from(name.as_str())),
                _ => self.namespaces().reading(name),
            })
            .collect();
        let computed = root == Root::Source(0) && self.pipe_source && self.namespaces().enabled;
        let ids = (computed && names.first().is_some_and(|name| name == "$ids"))
            .then(|| self.namespaces().identity.clone());
        PathExpr { root, steps, ids }
    }
}

/// The names of a path behind its variable. Names with dots are quoted with
/// `'`, a quote inside is doubled. `None` if a quote is not closed.
pub(super) fn split_path(text: &str) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let mut name = String::new();
        if let Some(mut quoted) = rest.strip_prefix('\'') {
            loop {
                let end = quoted.find('\'')?;
                name.push_str(&quoted[..end]);
                quoted = &quoted[end + 1..];
                match quoted.strip_prefix('\'') {
                    Some(after) => {
                        name.push('\'');
                        quoted = after;
                    }
                    None => break,
                }
            }
            rest = match quoted.strip_prefix('.') {
                Some(after) => after,
                None if quoted.is_empty() => quoted,
                None => return None,
            };
        } else {
            let (head, after) = rest.split_once('.').unwrap_or((rest, ""));
            name.push_str(head);
            rest = after;
        }
        names.push(name);
    }
    Some(names)
}
