//! From config text to a program.
//!
//! Compiling reports every problem of the text with its place and goes on
//! behind it. What cannot be understood is left out of the plan, and a text
//! with errors gives no program.

mod calls;
mod check;
pub mod code;
mod indexes;
mod paths;

use std::sync::Arc;

use pipewright_entity::{Dict, Text, Value};

use crate::analysis::Analysis;
use crate::functions::{Body, CallNode, Role};
use crate::hops::{Caller, Uses};
use crate::names::Namespaces;
use crate::plan::{Action, Block, Expr, Flow, Root, Step};
use crate::program::{Core, Options, Program};
use crate::reach::applied;
use crate::syntax::{Diagnostic, Document, Node, NodeKind, Path, Severity, TextEdit, Trail};
use crate::{Eval, Fault, Index};

pub use check::{Checked, check};

/// The outcome of compiling.
pub struct Compiled {
    /// The program; `None` if the text has errors.
    pub program: Option<Arc<Program>>,
    /// All that was found.
    pub diagnostics: Vec<Diagnostic>,
}

/// Compiles the `rules` of a DTL transform, which stand at `at` in `document`.
pub fn compile(document: &Document, rules: &Node, at: &Path, options: &Options) -> Compiled {
    let mut compiler = Compiler::new(document, options, rules, at);
    let blocks: Vec<Block> = (0..compiler.rules.len()).map(|rule| compiler.rule(rule)).collect();
    let applied: Vec<_> = compiler.rules.iter().map(|rule| applied(&rule.node)).collect();
    let default = compiler.report_whole(rules, at, applied.iter().map(Vec::as_slice));
    let program = match default {
        Some(default) if !compiler.has_errors() => {
            let dependencies = compiler.uses.dependencies(default);
            Some(Arc::new(Program {
                core: Core {
                    options: options.clone(),
                    rules: blocks,
                    places: compiler.places,
                    aliases: compiler.slots,
                    generated: Default::default(),
                },
                default,
                indexes: compiler.indexes,
                dependencies,
                analysis: compiler.analysis,
            }))
        }
        _ => None,
    };
    Compiled { program, diagnostics: compiler.diagnostics }
}

/// A rule as it stands in the config.
pub(crate) struct RuleText {
    pub(crate) name: Text,
    pub(crate) node: Node,
    pub(crate) path: Path,
}

/// A dataset alias in scope.
#[derive(Clone)]
pub(crate) struct Alias {
    pub(crate) name: Text,
    pub(crate) root: Root,
}

/// Compiles one text.
pub struct Compiler<'a> {
    pub(crate) document: &'a Document,
    pub(crate) options: &'a Options,
    pub(crate) rules: Vec<RuleText>,
    /// The rule that is being compiled.
    pub(crate) rule: usize,
    pub(crate) aliases: Vec<Alias>,
    /// Whether `_` is bound.
    current: bool,
    /// Whether `_S` is the source of the pipe, whose `$ids` are computed.
    pipe_source: bool,
    pub(crate) slots: usize,
    places: Vec<(Path, std::ops::Range<usize>)>,
    pub(crate) indexes: Vec<Index>,
    pub(crate) uses: Uses,
    pub(crate) analysis: Analysis,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Whether probes are put around what is compiled.
    pub(crate) traced: bool,
    /// Whether a program is made of it.
    runs: bool,
}

impl<'a> Compiler<'a> {
    fn new(document: &'a Document, options: &'a Options, rules: &Node, at: &Path) -> Compiler<'a> {
        let rules = rules.members().iter().map(|member| RuleText {
            name: member.key.clone(),
            node: member.value.clone(),
            path: at.key(member.key.clone()),
        });
        Compiler {
            document,
            options,
            rules: rules.collect(),
            rule: 0,
            aliases: Vec::new(),
            current: false,
            pipe_source: true,
            slots: 0,
            places: Vec::new(),
            indexes: Vec::new(),
            uses: Uses::default(),
            analysis: Analysis::default(),
            diagnostics: Vec::new(),
            traced: options.traced,
            runs: true,
        }
    }

    /// One rule by itself.
    fn rule(&mut self, rule: usize) -> Block {
        self.rule = rule;
        self.pipe_source = self.rules[rule].name == "default";
        let (node, path) = (self.rules[rule].node.clone(), self.rules[rule].path.clone());
        let path = Trail::At(&path);
        let block = self.block(&node, &path);
        let block = self.traced_rule(block, &node, &path);
        self.report_unset(rule);
        block
    }

    /// Notes what is wrong with the rules as a whole; each comes with the names
    /// of those that it applies. Gives the number of the one that a run begins
    /// with.
    fn report_whole<'n>(
        &mut self,
        rules: &Node,
        at: &Path,
        applied: impl Iterator<Item = &'n [Text]>,
    ) -> Option<usize> {
        let default = self.rules.iter().rposition(|rule| rule.name == "default");
        if !rules.is_object() {
            let message = "the rules of a transform are an object";
            self.error(code::ARGUMENT, rules, &Trail::At(at), message);
        } else if default.is_none() {
            self.report_no_default(rules, at);
        }
        self.report_unused(default, applied);
        default
    }

    fn report_no_default(&mut self, rules: &Node, at: &Path) {
        let message = "a DTL transform needs a rule called \"default\"";
        self.error(code::NO_DEFAULT, rules, &Trail::At(at), message);
        let names: Vec<Text> = self.rules.iter().map(|rule| rule.name.clone()).collect();
        let Some(near) = nearest("default", names.iter().map(Text::as_str)) else { return };
        let member = rules.member(near).map(|member| member.key_span.clone());
        if let (Some(last), Some(span)) = (self.diagnostics.pop(), member) {
            let rename = TextEdit { span, replacement: "\"default\"".into() };
            let last = last.suggest(format!("is it the rule {near:?}?"));
            let title = format!("Call the rule {near:?} \"default\"");
            self.diagnostics.push(last.fix(title, vec![rename]));
        }
    }

    /// Whether `_` is bound here.
    pub(crate) fn has_current(&self) -> bool {
        self.current
    }

    /// Whether `_` is bound from here on; gives what was.
    fn bind_current(&mut self, is: bool) -> bool {
        std::mem::replace(&mut self.current, is)
    }

    /// Whether `_S` is the source of the pipe here.
    pub(crate) fn pipe_source(&self) -> bool {
        self.pipe_source
    }

    pub(crate) fn set_pipe_source(&mut self, is: bool) {
        self.pipe_source = is;
    }

    /// The namespaces of the pipe.
    pub(crate) fn namespaces(&self) -> &'a Namespaces {
        &self.options.namespaces
    }

    /// Notes an error.
    pub(crate) fn error(
        &mut self,
        code: &'static str,
        node: &Node,
        path: &Trail<'_>,
        message: impl Into<String>,
    ) {
        self.diagnostics.push(Diagnostic::error(code, path.to_path(), node.span.clone(), message));
    }

    /// Notes an error with what to do about it.
    pub(crate) fn error_with(
        &mut self,
        code: &'static str,
        node: &Node,
        path: &Trail<'_>,
        message: impl Into<String>,
        suggestion: Option<String>,
    ) {
        self.error(code, node, path, message);
        if let Some(last) = self.diagnostics.last_mut() {
            last.suggestion = suggestion;
        }
    }

    fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|found| found.severity == Severity::Error)
    }

    /// The number of a place, for the errors of running programs.
    pub(crate) fn place(&mut self, node: &Node, path: &Trail<'_>) -> u32 {
        if !self.runs {
            return 0;
        }
        self.places.push((path.to_path(), node.span.clone()));
        (self.places.len() - 1) as u32
    }

    /// Transforms: one, or a list of them.
    pub(crate) fn block(&mut self, node: &Node, path: &Trail<'_>) -> Block {
        let NodeKind::Array(items) = &node.kind else {
            if !node.is_missing() {
                let message = format!(
                    "expected a transform or a list of transforms, not {}",
                    node.described()
                );
                self.error(code::NOT_A_CALL, node, path, message);
            }
            return Block::default();
        };
        let single = items.first().is_some_and(|first| matches!(first.kind, NodeKind::String(_)));
        if single {
            return Block(self.transform(node, path).into_iter().collect());
        }
        let steps = items.iter().enumerate();
        Block(steps.filter_map(|(index, item)| self.transform(item, &path.index(index))).collect())
    }

    fn transform(&mut self, node: &Node, path: &Trail<'_>) -> Option<Step> {
        let (function, args) = self.callee(node, path, Role::Transform)?;
        let at = self.place(node, path);
        let Body::Transform(build) = function.body else { return None };
        let action = build(self, &CallNode { function, node, args, path })?;
        Some(Step { action: self.traced_action(action, function, at), at })
    }

    /// An expression. `None` after noting what is wrong with it.
    pub(crate) fn expr(&mut self, node: &Node, path: &Trail<'_>) -> Option<Expr> {
        let expr = self.untraced(node, path)?;
        Some(self.traced_expr(expr, node, path))
    }

    fn untraced(&mut self, node: &Node, path: &Trail<'_>) -> Option<Expr> {
        match &node.kind {
            NodeKind::Missing => None,
            NodeKind::String(text) => match self.variable(text) {
                Some(root) => self.path(root, text, node, path),
                None => {
                    self.report_unknown_variable(text, node, path);
                    Some(Expr::Const(node.to_value(self.document)))
                }
            },
            NodeKind::Array(_) => self.call(node, path),
            _ => Some(Expr::Const(node.to_value(self.document))),
        }
    }

    /// An expression with `_` bound.
    pub(crate) fn function_expr(&mut self, node: &Node, path: &Trail<'_>) -> Option<Expr> {
        let outer = self.bind_current(true);
        let expr = self.expr(node, path);
        self.bind_current(outer);
        expr
    }

    /// A template: dicts and strings are taken as in `return` of hops.
    pub(crate) fn template(&mut self, node: &Node, path: &Trail<'_>) -> Option<Expr> {
        match &node.kind {
            NodeKind::Object(members) => {
                let mut compiled = Vec::with_capacity(members.len());
                for member in members.iter() {
                    let at = path.key(&member.key);
                    compiled.push((member.key.clone(), self.template(&member.value, &at)?));
                }
                Some(Expr::Dict(compiled))
            }
            _ => self.expr(node, path),
        }
    }

    /// Notes that a rule is applied to values that are no entities of a dataset.
    pub(crate) fn applied(&mut self, rule: usize) {
        self.uses.call(rule, Caller::Value);
    }

    /// The rule that a constant names.
    pub(crate) fn rule_named(&mut self, node: &Node, path: &Trail<'_>) -> Option<usize> {
        let Some(name) = node.as_str() else {
            self.error(code::ARGUMENT, node, path, "expected the name of a rule as a string");
            return None;
        };
        // The last of equal names counts, as everywhere in JSON.
        if let Some(rule) = self.rules.iter().rposition(|rule| rule.name == name) {
            return Some(rule);
        }
        let names: Vec<Text> = self.rules.iter().map(|rule| rule.name.clone()).collect();
        let near = nearest(name, names.iter().map(Text::as_str));
        self.error(code::UNKNOWN_RULE, node, path, format!("there is no rule {name:?}"));
        self.did_you_mean(name, near);
        None
    }
}

/// The name most like another, if one is close.
pub(crate) fn nearest<'n>(name: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    names
        .into_iter()
        .map(|other| (strsim::damerau_levenshtein(name, other), other))
        .filter(|(distance, other)| *distance <= 1 + name.len().min(other.len()) / 4)
        .min()
        .map(|(_, other)| other)
}

/// Builds the action of a transform from a closure.
pub(crate) fn action<F>(run: F) -> Option<Box<dyn Action>>
where
    F: Fn(&mut Eval<'_>) -> Result<Flow, Fault> + Send + Sync + 'static,
{
    struct Closure<F>(F);
    impl<F> Action for Closure<F>
    where
        F: Fn(&mut Eval<'_>) -> Result<Flow, Fault> + Send + Sync,
    {
        fn run(&self, eval: &mut Eval<'_>) -> Result<Flow, Fault> {
            (self.0)(eval)
        }
    }
    Some(Box::new(Closure(run)))
}

/// A dict from pairs.
pub(crate) fn dict_of<const N: usize>(pairs: [(&'static str, Value); N]) -> Value {
    Value::dict(pairs.into_iter().map(|(k, v)| (Text::new_static(k), v)).collect::<Dict>())
}
