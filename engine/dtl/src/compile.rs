//! From config text to a program.
//!
//! Compiling reports every problem of the text with its place and goes on
//! behind it. What cannot be understood is left out of the plan, and a text
//! with errors gives no program.

use std::sync::Arc;

use pipewright_entity::{Dict, Text, Value};

use crate::analysis::{Analysis, is_blind};
use crate::eval::Call;
use crate::functions::{self, Body, CallNode, Function, Kind, Purity, Role};
use crate::hops::{Caller, Uses};
use crate::index::IndexPlan;
use crate::names::{Name, Namespaces};
use crate::plan::{Action, Block, CallExpr, Expr, Flow, PathExpr, Root, Step};
use crate::program::{Core, Options, Program};
use crate::syntax::{Diagnostic, Document, Node, NodeKind, Path, Severity, TextEdit};
use crate::{Eval, Fault, Index, NoContext, limits};

/// Codes of the findings of the compiler.
pub mod code {
    /// An expression or transform is not written as one.
    pub const NOT_A_CALL: &str = "dtl-not-a-call";
    /// There is no such function or transform.
    pub const UNKNOWN_FUNCTION: &str = "dtl-unknown-function";
    /// A function stands where a transform should, or the other way round.
    pub const WRONG_ROLE: &str = "dtl-wrong-role";
    /// Too few or too many arguments.
    pub const ARITY: &str = "dtl-arity";
    /// An argument is of the wrong kind.
    pub const ARGUMENT: &str = "dtl-argument";
    /// There is no such rule.
    pub const UNKNOWN_RULE: &str = "dtl-unknown-rule";
    /// There is no default rule.
    pub const NO_DEFAULT: &str = "dtl-no-default-rule";
    /// A path is not written as one.
    pub const PATH: &str = "dtl-path";
    /// `_` is used where nothing is bound to it.
    pub const UNBOUND: &str = "dtl-unbound";
    /// Hops that are not written as such.
    pub const HOPS: &str = "dtl-hops";
    /// A dataset of hops cannot be reached by joins.
    pub const UNJOINED: &str = "dtl-hops-unjoined";
    /// A function that is kept for old configurations only.
    pub const DEPRECATED: &str = "dtl-deprecated";
    /// There is no such variable or alias.
    pub const UNKNOWN_VARIABLE: &str = "dtl-unknown-variable";
    /// A property of the target that nothing in the rule sets.
    pub const UNSET: &str = "dtl-unset-property";
    /// A rule that nothing applies.
    pub const UNUSED_RULE: &str = "dtl-unused-rule";
}

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
    let mut blocks = Vec::new();
    if !rules.is_object() {
        compiler.error(code::ARGUMENT, rules, at, "the rules of a transform are an object");
    }
    for rule in 0..compiler.rules.len() {
        compiler.rule = rule;
        compiler.pipe_source = compiler.rules[rule].name == "default";
        let (node, path) = (compiler.rules[rule].node.clone(), compiler.rules[rule].path.clone());
        let block = compiler.block(&node, &path);
        blocks.push(compiler.traced_rule(block, &node, &path));
    }
    let default = compiler.rules.iter().position(|rule| rule.name == "default");
    if default.is_none() && rules.is_object() {
        let message = "a DTL transform needs a rule called \"default\"";
        compiler.error(code::NO_DEFAULT, rules, at, message);
        let names: Vec<Text> = compiler.rules.iter().map(|rule| rule.name.clone()).collect();
        if let Some(near) = nearest("default", names.iter().map(Text::as_str)) {
            let member = rules.member(near).map(|member| member.key_span.clone());
            if let (Some(last), Some(span)) = (compiler.diagnostics.pop(), member) {
                let rename = TextEdit { span, replacement: "\"default\"".into() };
                let last = last.suggest(format!("is it the rule {near:?}?"));
                let title = format!("Call the rule {near:?} \"default\"");
                compiler.diagnostics.push(last.fix(title, vec![rename]));
            }
        }
    }
    compiler.report_unused(default);
    compiler.report_unset();
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

impl Index {
    /// Compiles an expression over one dataset, such as a side of a merge's
    /// equality: the variable `alias` is the entity. `None` with the findings
    /// when it cannot be.
    pub fn compile(
        document: &Document,
        node: &Node,
        at: &Path,
        alias: &str,
        dataset: &str,
        options: &Options,
    ) -> Result<Index, Vec<Diagnostic>> {
        let mut compiler = Compiler::new(document, options, node, at);
        compiler.rules.clear();
        compiler.index(node, at, alias, dataset).ok_or(compiler.diagnostics)
    }
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
        }
    }

    /// Whether `_` is bound here.
    pub(crate) fn has_current(&self) -> bool {
        self.current
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
        path: &Path,
        message: impl Into<String>,
    ) {
        self.diagnostics.push(Diagnostic::error(code, path.clone(), node.span.clone(), message));
    }

    /// Notes an error with what to do about it.
    pub(crate) fn error_with(
        &mut self,
        code: &'static str,
        node: &Node,
        path: &Path,
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
    pub(crate) fn place(&mut self, node: &Node, path: &Path) -> u32 {
        self.places.push((path.clone(), node.span.clone()));
        (self.places.len() - 1) as u32
    }

    /// Transforms: one, or a list of them.
    pub(crate) fn block(&mut self, node: &Node, path: &Path) -> Block {
        let NodeKind::Array(items) = &node.kind else {
            if !node.is_missing() {
                let message = format!(
                    "expected a transform or a list of transforms, not a {}",
                    node.type_name()
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

    fn transform(&mut self, node: &Node, path: &Path) -> Option<Step> {
        let (function, args) = self.callee(node, path, Role::Transform)?;
        let at = self.place(node, path);
        let Body::Transform(build) = function.body else { return None };
        let action = build(self, &CallNode { function, node, args, path })?;
        Some(Step { action: self.traced_action(action, function, at), at })
    }

    /// An expression. `None` after noting what is wrong with it.
    pub(crate) fn expr(&mut self, node: &Node, path: &Path) -> Option<Expr> {
        let expr = self.untraced(node, path)?;
        Some(self.traced_expr(expr, node, path))
    }

    fn untraced(&mut self, node: &Node, path: &Path) -> Option<Expr> {
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
    pub(crate) fn function_expr(&mut self, node: &Node, path: &Path) -> Option<Expr> {
        let outer = std::mem::replace(&mut self.current, true);
        let expr = self.expr(node, path);
        self.current = outer;
        expr
    }

    /// A template: dicts and strings are taken as in `return` of hops.
    pub(crate) fn template(&mut self, node: &Node, path: &Path) -> Option<Expr> {
        match &node.kind {
            NodeKind::Object(members) => {
                let mut compiled = Vec::with_capacity(members.len());
                for member in members.iter() {
                    let at = path.key(member.key.clone());
                    compiled.push((member.key.clone(), self.template(&member.value, &at)?));
                }
                Some(Expr::Dict(compiled))
            }
            _ => self.expr(node, path),
        }
    }

    fn call(&mut self, node: &Node, path: &Path) -> Option<Expr> {
        let (function, args) = self.callee(node, path, Role::Expression)?;
        if let Body::Special(build) = function.body {
            return build(self, &CallNode { function, node, args, path });
        }
        let mut compiled = Vec::with_capacity(args.len());
        let mut whole = true;
        for (index, arg) in args.iter().enumerate() {
            let at = path.index(index + 1);
            let kind = function.param(index, args.len()).map_or(Kind::Value, |param| param.kind);
            let expr = match kind {
                Kind::Function => self.function_expr(arg, &at),
                Kind::Literal => Some(Expr::Const(arg.to_value(self.document))),
                _ => self.expr(arg, &at),
            };
            match expr {
                Some(expr) => {
                    self.report_kind(function, index, args.len(), &expr, arg, &at);
                    compiled.push(expr);
                }
                None => whole = false,
            }
        }
        if !whole {
            return None;
        }
        let at = self.place(node, path);
        let joins_values = limits::joins_values(function);
        Some(self.fold(CallExpr { function, args: compiled, at, joins_values }))
    }

    /// Computes calls of pure functions on constants.
    fn fold(&self, call: CallExpr) -> Expr {
        if call.function.purity == Purity::Pure
            && let Body::Eager(body) = call.function.body
        {
            let constants: Option<Vec<Value>> = call
                .args
                .iter()
                .map(|arg| match arg {
                    Expr::Const(value) => Some(value.clone()),
                    _ => None,
                })
                .collect();
            let context = Call {
                namespaces: self.namespaces(),
                pipe: &self.options.pipe_id,
                context: &NoContext,
                generated: None,
            };
            // A call that fails is kept: it fails when it runs, if it does.
            if let Some(Ok(value)) = constants.map(|constants| body(&context, &constants))
                && limits::weigh(&value).is_ok_and(|size| size < limits::CONSTANT)
            {
                return Expr::Const(value);
            }
        }
        Expr::Call(Box::new(call))
    }

    /// The function that a call names and the arguments, checked for number.
    fn callee<'n>(
        &mut self,
        node: &'n Node,
        path: &Path,
        role: Role,
    ) -> Option<(&'static Function, &'n [Node])> {
        let what = match role {
            Role::Expression => "function",
            Role::Transform => "transform",
        };
        let NodeKind::Array(items) = &node.kind else {
            if !node.is_missing() {
                let message = format!("expected a {what}, not a {}", node.type_name());
                self.error(code::NOT_A_CALL, node, path, message);
            }
            return None;
        };
        let Some((first, args)) = items.split_first() else {
            let message = format!("expected a {what}: the list is empty");
            let suggestion =
                (role == Role::Expression).then(|| "write [\"list\"] for an empty list".into());
            self.error_with(code::NOT_A_CALL, node, path, message, suggestion);
            return None;
        };
        let NodeKind::String(name) = &first.kind else {
            if !first.is_missing() {
                let message = format!("expected the name of a {what}, not a {}", first.type_name());
                let suggestion = (role == Role::Expression)
                    .then(|| "write [\"list\", …] for a list of values".into());
                self.error_with(code::NOT_A_CALL, first, &path.index(0), message, suggestion);
            }
            return None;
        };
        let Some(function) = functions::find(role, name) else {
            self.unknown(role, what, name, first, &path.index(0));
            return None;
        };
        if let Some(instead) = function.deprecated {
            let found = Diagnostic::warning(
                code::DEPRECATED,
                path.index(0),
                first.span.clone(),
                format!("the {what} {name:?} is kept for old configurations only"),
            );
            self.diagnostics.push(found.suggest(instead));
        }
        self.note(function, args);
        let (least, most) = function.arity();
        if args.len() < least || most.is_some_and(|most| args.len() > most) {
            let wanted = match (least, most) {
                (least, Some(most)) if least == most => format!("{least}"),
                (least, Some(most)) => format!("{least} to {most}"),
                (least, None) => format!("{least} or more"),
            };
            let message = format!("{name:?} takes {wanted} arguments, not {}", args.len());
            let suggestion = Some(format!("write {}", function.signature()));
            self.error_with(code::ARITY, node, path, message, suggestion);
            return None;
        }
        Some((function, args))
    }

    fn unknown(&mut self, role: Role, what: &str, name: &str, node: &Node, path: &Path) {
        let other = match role {
            Role::Expression => Role::Transform,
            Role::Transform => Role::Expression,
        };
        if functions::find(other, name).is_some() {
            let message = match role {
                Role::Expression => format!("{name:?} is a transform and has no value"),
                Role::Transform => format!("{name:?} is a function and changes nothing by itself"),
            };
            self.error(code::WRONG_ROLE, node, path, message);
            return;
        }
        let names = functions::all()
            .filter(|f| f.role() == role)
            .flat_map(|f| std::iter::once(f.name).chain(f.also.iter().copied()));
        let message = format!("there is no {what} {name:?}");
        self.error(code::UNKNOWN_FUNCTION, node, path, message);
        self.did_you_mean(name, nearest(name, names));
    }

    /// Adds to the last finding that another word was meant.
    pub(crate) fn did_you_mean(&mut self, wrong: &str, right: Option<&str>) {
        let Some(right) = right else { return };
        if let Some(last) = self.diagnostics.pop() {
            let last = last.suggest(format!("did you mean {right:?}?"));
            self.diagnostics.push(last.instead(&self.document.text, wrong, right));
        }
    }

    fn note(&mut self, function: &'static Function, args: &[Node]) {
        if !is_blind(function) {
            let copied = copied(function, args, self.namespaces());
            self.analysis.reads.add(copied.as_slice());
        }
        let why = match function.purity {
            Purity::Pure | Purity::Joins => return,
            Purity::Effect => {
                self.analysis.effects.insert(function.name);
                return;
            }
            Purity::Time => "depends on the time",
            Purity::Random => "depends on chance",
            Purity::Reads => "depends on more than the source entity",
        };
        self.analysis.not_deterministic.insert(format!("{:?} {why}", function.name));
    }

    /// The index of an expression over the entities of a dataset, called
    /// `alias` in it.
    pub(crate) fn index(
        &mut self,
        node: &Node,
        path: &Path,
        alias: &str,
        dataset: &str,
    ) -> Option<Index> {
        let errors = self.diagnostics.len();
        let pipe_source = self.pipe_source;
        // The `$ids` of other datasets are what they are.
        self.pipe_source = pipe_source && alias == "_S";
        // Indexes are kept by others, who do not trace.
        let traced = std::mem::replace(&mut self.traced, false);
        let outer = std::mem::take(&mut self.aliases);
        self.aliases = vec![Alias { name: Text::new(alias), root: Root::Source(0) }];
        let expr = self.expr(node, path);
        let expression = self.canonical(node);
        self.aliases = outer;
        self.traced = traced;
        self.pipe_source = pipe_source;
        let failed = self.diagnostics[errors..].iter().any(|d| d.severity == Severity::Error);
        let core = Core {
            options: Options { traced: false, ..self.options.clone() },
            rules: Vec::new(),
            places: Vec::new(),
            aliases: self.slots,
            generated: Default::default(),
        };
        let plan = Arc::new(IndexPlan { core, expr: expr? });
        (!failed).then(|| Index { dataset: Text::new(dataset), expression, plan })
    }

    /// An expression over one entity in a form that is the same for the same
    /// meaning, whatever the entity is called and the pipe's namespaces are.
    fn canonical(&self, node: &Node) -> Text {
        fn write(compiler: &Compiler<'_>, node: &Node, to: &mut String, namespaced: &mut bool) {
            match &node.kind {
                NodeKind::String(text) => match compiler.variable(text) {
                    Some(root) => {
                        let rest = text.split_once('.').map_or("", |(_, rest)| rest);
                        let path = compiler.path_expr(root, &split_path(rest).unwrap_or_default());
                        to.push_str(&format!("{:?}", path.root));
                        for step in &path.steps {
                            match step {
                                Name::Exact(name) => to.push_str(&format!(".{name:?}")),
                                Name::Any(name) => to.push_str(&format!(".*:{name:?}")),
                            }
                        }
                        if let Some(identity) = &path.ids {
                            to.push_str(&format!("@{identity:?}"));
                        }
                    }
                    None => to.push_str(&node.to_value(compiler.document).to_transit()),
                },
                NodeKind::Array(items) => {
                    let function = items.first().and_then(Node::as_str);
                    let function =
                        function.and_then(|name| functions::find(Role::Expression, name));
                    *namespaced |= function.is_some_and(|function| function.namespaced);
                    to.push('[');
                    for (index, item) in items.iter().enumerate() {
                        if index > 0 {
                            to.push(',');
                        }
                        write(compiler, item, to, namespaced);
                    }
                    to.push(']');
                }
                _ => to.push_str(&node.to_value(compiler.document).to_transit()),
            }
        }
        let (mut text, mut namespaced) = (String::new(), false);
        write(self, node, &mut text, &mut namespaced);
        if namespaced && self.namespaces().enabled {
            let Namespaces { identity, property, .. } = self.namespaces();
            text.push_str(&format!("@{identity:?},{property:?}"));
        }
        Text::from(text)
    }

    /// Notes that a rule is applied to values that are no entities of a dataset.
    pub(crate) fn applied(&mut self, rule: usize) {
        self.uses.call(rule, Caller::Value);
    }

    /// The rule that a constant names.
    pub(crate) fn rule_named(&mut self, node: &Node, path: &Path) -> Option<usize> {
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

    fn path(&mut self, root: Root, text: &str, node: &Node, at: &Path) -> Option<Expr> {
        let rest = text.split_once('.').map_or("", |(_, rest)| rest);
        let Some(names) = split_path(rest) else {
            let message = format!("{text:?} is not a path: a quoted name is not closed");
            self.error(code::PATH, node, at, message);
            return None;
        };
        if root == Root::Current && !self.current {
            let message = "nothing is bound to \"_\" here";
            let found = Diagnostic::warning(code::UNBOUND, at.clone(), node.span.clone(), message);
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
fn split_path(text: &str) -> Option<Vec<String>> {
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

/// The one property that a `copy` is about, if it is so.
fn copied(function: &Function, args: &[Node], namespaces: &Namespaces) -> Option<Name> {
    match args {
        [only] if function.name == "copy" && !namespaces.enabled => {
            let name = only.as_str().filter(|name| !name.contains(['*', '?']))?;
            Some(Name::Exact(Text::new(name)))
        }
        _ => None,
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
