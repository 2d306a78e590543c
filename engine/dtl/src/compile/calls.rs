//! Calls of functions: which one is meant, with which arguments, and what can
//! be computed at once.

use pipewright_entity::{Text, Value};

use super::{Compiler, code, nearest};
use crate::analysis::is_blind;
use crate::eval::Call;
use crate::functions::{self, Body, CallNode, Function, Kind, Purity, Role};
use crate::names::Name;
use crate::plan::{CallExpr, Expr};
use crate::syntax::{Diagnostic, Node, NodeKind, Trail};
use crate::{NoContext, limits};

impl Compiler<'_> {
    pub(super) fn call(&mut self, node: &Node, path: &Trail<'_>) -> Option<Expr> {
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
    pub(super) fn callee<'n>(
        &mut self,
        node: &'n Node,
        path: &Trail<'_>,
        role: Role,
    ) -> Option<(&'static Function, &'n [Node])> {
        let what = match role {
            Role::Expression => "function",
            Role::Transform => "transform",
        };
        let NodeKind::Array(items) = &node.kind else {
            if !node.is_missing() {
                let message = format!("expected a {what}, not {}", node.described());
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
                let message = format!("expected the name of a {what}, not {}", first.described());
                let suggestion = (role == Role::Expression)
                    .then(|| "write [\"list\", …] for a list of values".into());
                self.error_with(code::NOT_A_CALL, first, &path.index(0), message, suggestion);
            }
            return None;
        };
        let Some(function) = functions::find(role, name) else {
            let meant = self.unknown(role, what, name, first, &path.index(0));
            self.check_inside(role, meant, args, path);
            return None;
        };
        if let Some(instead) = function.deprecated {
            let found = Diagnostic::warning(
                code::DEPRECATED,
                path.index(0).to_path(),
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
            self.check_inside(role, Some(function), args, path);
            return None;
        }
        Some((function, args))
    }

    /// Looks for mistakes in the arguments of a call that cannot be compiled:
    /// they are mistakes of their own. Of an argument that may be something
    /// else than it seems nothing is said.
    fn check_inside(
        &mut self,
        role: Role,
        function: Option<&'static Function>,
        args: &[Node],
        path: &Trail<'_>,
    ) {
        // Perhaps an argument would be evaluated for each of some items.
        let current = self.bind_current(true);
        for (index, arg) in args.iter().enumerate() {
            let at = path.index(index + 1);
            let argument = function.and_then(|function| function.argument(index, args.len()));
            match argument.map(|(_, kind)| kind) {
                Some(Kind::Literal | Kind::Rule | Kind::Hops | Kind::Wildcard) => {}
                Some(Kind::Transforms) => drop(self.block(arg, &at)),
                Some(_) if function.is_some_and(|function| function.role() == role) => {
                    self.expr(arg, &at);
                }
                _ => self.check_call(role, arg, &at),
            }
        }
        self.bind_current(current);
    }

    /// Looks for mistakes in what is surely a call.
    fn check_call(&mut self, role: Role, node: &Node, path: &Trail<'_>) {
        let Some(name) = node.items().first().and_then(Node::as_str) else { return };
        let expression = functions::find(Role::Expression, name).is_some();
        let transform = functions::find(Role::Transform, name).is_some();
        match (role, expression, transform) {
            (_, true, false) => drop(self.expr(node, path)),
            (Role::Transform, false, true) => drop(self.block(node, path)),
            _ => {}
        }
    }

    /// Says that there is no such function, and gives the one that was meant,
    /// if it is clear which.
    fn unknown(
        &mut self,
        role: Role,
        what: &str,
        name: &str,
        node: &Node,
        path: &Trail<'_>,
    ) -> Option<&'static Function> {
        let other = match role {
            Role::Expression => Role::Transform,
            Role::Transform => Role::Expression,
        };
        if let Some(function) = functions::find(other, name) {
            let message = match role {
                Role::Expression => format!("{name:?} is a transform and has no value"),
                Role::Transform => format!("{name:?} is a function and changes nothing by itself"),
            };
            self.error(code::WRONG_ROLE, node, path, message);
            return Some(function);
        }
        let names = functions::all()
            .filter(|f| f.role() == role)
            .flat_map(|f| std::iter::once(f.name).chain(f.also.iter().copied()));
        let message = format!("there is no {what} {name:?}");
        self.error(code::UNKNOWN_FUNCTION, node, path, message);
        let meant = nearest(name, names);
        self.did_you_mean(name, meant);
        meant.and_then(|meant| functions::find(role, meant))
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
            let copied = self.copied(function, args);
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

    /// The one property that a `copy` is about, if the text says which.
    fn copied(&self, function: &Function, args: &[Node]) -> Option<Name> {
        let [only] = args else { return None };
        if function.name != "copy" || self.namespaces().enabled {
            return None;
        }
        // What a path leads to, an escaped or a typed string is another name
        // than the text.
        let plain = |name: &&str| {
            !name.contains(['*', '?', '\\'])
                && !name.starts_with('~')
                && self.variable(name).is_none()
        };
        only.as_str().filter(plain).map(|name| Name::Exact(Text::new(name)))
    }
}
