//! Transforms on properties of the target.

use pipewright_entity::{Text, Value, format_text, ni};

use super::TRANSFORM;
use crate::Fault;
use crate::compile::{Compiler, action, code};
use crate::eval::Eval;
use crate::functions::args::{items, truth};
use crate::functions::{Body, CallNode, Function, Kind, on, one, optional};
use crate::names::{Name, Namespaces, Pattern};
use crate::plan::{Expr, Flow};

const ID: &str = "_id";

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "add",
        params: &[one("PROPERTY", Kind::String), one("VALUES", Kind::Value)],
        summary: "Sets a property of the target.",
        examples: &[
            on(r#"{"name":"Jo"}"#, r#"["add", "n", "_S.name"]"#, r#"{"n":"Jo"}"#),
            on("{}", r#"["add", "foo", null]"#, r#"{"foo":null}"#),
        ],
        namespaced: true,
        body: Body::Transform(|compiler, call| {
            let property = property(compiler, call, 0);
            let value = compiler.expr(&call.args[1], &call.path_of(1));
            let (property, value) = (property?, value?);
            action(move |eval| {
                let value = eval.value(&value)?;
                property.set(eval, value)?;
                Ok(Flow::Next)
            })
        }),
        ..TRANSFORM
    },
    Function {
        name: "add-if",
        params: &[
            one("PROPERTY", Kind::String),
            optional("CONDITION", Kind::Function),
            one("VALUES", Kind::Value),
        ],
        summary: "Sets a property of the target if the condition, with the value as \"_\", is true; without condition unless the value is null.",
        examples: &[
            on("{}", r#"["add-if", "foo", null]"#, "{}"),
            on("{}", r#"["add-if", "foo", ["list", null]]"#, r#"{"foo":[null]}"#),
            on("{}", r#"["add-if", "foo", ["gte", "_.", 18], 123]"#, r#"{"foo":123}"#),
        ],
        namespaced: true,
        body: Body::Transform(|compiler, call| {
            let property = property(compiler, call, 0);
            let last = call.args.len() - 1;
            let condition =
                (last == 2).then(|| compiler.function_expr(&call.args[1], &call.path_of(1)));
            let value = compiler.expr(&call.args[last], &call.path_of(last));
            let condition = match condition {
                Some(condition) => Some(condition?),
                None => None,
            };
            let (property, value) = (property?, value?);
            action(move |eval| {
                let value = eval.value(&value)?;
                let wanted = match &condition {
                    Some(condition) => truth(&eval.each(condition, &value)?),
                    None => !value.is_null(),
                };
                if wanted {
                    property.set(eval, value)?;
                }
                Ok(Flow::Next)
            })
        }),
        ..TRANSFORM
    },
    Function {
        name: "default",
        params: &[one("PROPERTY", Kind::String), one("VALUES", Kind::Value)],
        summary: "Sets a property of the target that is not there yet.",
        examples: &[on("{}", r#"["default", "age", 26]"#, r#"{"age":26}"#)],
        namespaced: true,
        body: Body::Transform(|compiler, call| {
            let property = property(compiler, call, 0);
            let value = compiler.expr(&call.args[1], &call.path_of(1));
            let (property, value) = (property?, value?);
            action(move |eval| {
                for name in property.names(eval)? {
                    if !eval.target().contains_key(&name) {
                        let value = eval.value(&value)?;
                        set(eval, name, value);
                    }
                }
                Ok(Flow::Next)
            })
        }),
        ..TRANSFORM
    },
    Function {
        name: "copy",
        params: &[
            one("INCLUDE_PROPERTIES", Kind::Wildcard),
            optional("EXCLUDE_PROPERTIES", Kind::Wildcard),
        ],
        summary: "Copies the properties of the source that match a pattern, and none of those to exclude.",
        examples: &[
            on(
                r#"{"a":1,"ab":2,"ac":3,"abc":4,"b":5}"#,
                r#"["copy", "a*", "ab*"]"#,
                r#"{"a":1,"ac":3}"#,
            ),
            on(r#"{"ab":1,"abc":2}"#, r#"["copy", "a?"]"#, r#"{"ab":1}"#),
        ],
        namespaced: true,
        body: Body::Transform(|compiler, call| {
            let include = patterns(compiler, call, 0);
            let exclude = match call.args.len() {
                1 => Some(Patterns::Constant(Vec::new())),
                _ => patterns(compiler, call, 1),
            };
            let (include, exclude) = (include?, exclude?);
            action(move |eval| {
                let Value::Dict(source) = eval.source().clone() else { return Ok(Flow::Next) };
                let (mut include_now, mut exclude_now) = (Vec::new(), Vec::new());
                let include = include.now(eval, &mut include_now)?;
                let exclude = exclude.now(eval, &mut exclude_now)?;
                eval.target().insert_from(&source, |name| {
                    let hit = |patterns: &[Pattern]| patterns.iter().any(|p| p.matches(name));
                    hit(include) && !hit(exclude)
                });
                Ok(Flow::Next)
            })
        }),
        ..TRANSFORM
    },
    Function {
        name: "remove",
        params: &[one("PROPERTY", Kind::Wildcard)],
        summary: "Removes the properties of the target that match a pattern.",
        examples: &[on("{}", r#"["remove", "temp_*"]"#, "{}")],
        namespaced: true,
        body: Body::Transform(|compiler, call| {
            let patterns = patterns(compiler, call, 0)?;
            action(move |eval| {
                let mut now = Vec::new();
                let patterns = patterns.now(eval, &mut now)?;
                eval.target().retain(|name, _| !patterns.iter().any(|p| p.matches(name)));
                Ok(Flow::Next)
            })
        }),
        ..TRANSFORM
    },
    Function {
        name: "rename",
        params: &[one("PROPERTY1", Kind::String), one("PROPERTY2", Kind::String)],
        summary: "Copies a property of the source under another name.",
        examples: &[on(
            r#"{"age":1}"#,
            r#"["rename", "age", "current_age"]"#,
            r#"{"current_age":1}"#,
        )],
        namespaced: true,
        body: Body::Transform(|compiler, call| {
            let from = compiler.expr(&call.args[0], &call.path_of(0));
            let to = compiler.expr(&call.args[1], &call.path_of(1));
            let (from, to) = (from?, to?);
            action(move |eval| {
                let (from, to) = (eval.value(&from)?, eval.value(&to)?);
                if let (Some(from), Some(to)) = (from.as_str(), to.as_str()) {
                    rename(eval, from, to);
                }
                Ok(Flow::Next)
            })
        }),
        ..TRANSFORM
    },
    Function {
        name: "make-ni",
        params: &[
            one("NAMESPACE", Kind::String),
            one("FROM_PROPERTY", Kind::String),
            optional("TO_PROPERTY", Kind::String),
        ],
        summary: "Adds the strings of a property of the source as namespaced identifiers.",
        examples: &[on(
            r#"{"players":["b",1,"a"]}"#,
            r#"["make-ni", "hockey", "players"]"#,
            r#"{"players-ni":["~:hockey:a","~:hockey:b"]}"#,
        )],
        namespaced: true,
        body: Body::Transform(|compiler, call| {
            let namespace = compiler.expr(&call.args[0], &call.path_of(0));
            let from = compiler.expr(&call.args[1], &call.path_of(1));
            let to = call.args.get(2).map(|node| compiler.expr(node, &call.path_of(2)));
            let to = match to {
                Some(to) => Some(to?),
                None => None,
            };
            let (namespace, from) = (namespace?, from?);
            action(move |eval| {
                let (namespace, from) = (eval.value(&namespace)?, eval.value(&from)?);
                let to = to.as_ref().map(|to| eval.value(to)).transpose()?;
                if let (Some(namespace), Some(from)) = (namespace.as_str(), from.as_str()) {
                    make_ni(eval, namespace, from, to.as_ref().and_then(Value::as_str));
                }
                Ok(Flow::Next)
            })
        }),
        ..TRANSFORM
    },
];

/// The properties that a transform sets: names known when compiling, or an
/// expression.
enum Property {
    Constant(Vec<Text>),
    Expr(Expr),
}

fn property(compiler: &mut Compiler<'_>, call: &CallNode<'_>, arg: usize) -> Option<Property> {
    let expr = compiler.expr(&call.args[arg], &call.path_of(arg))?;
    let Expr::Const(value) = &expr else { return Some(Property::Expr(expr)) };
    match names_of(value, compiler.namespaces()) {
        Ok(names) => Some(Property::Constant(names)),
        Err(fault) => {
            compiler.error(code::ARGUMENT, &call.args[arg], &call.path_of(arg), fault.message);
            None
        }
    }
}

fn names_of(value: &Value, namespaces: &Namespaces) -> Result<Vec<Text>, Fault> {
    let name = |value: &Value| match value {
        Value::String(name) => Ok(namespaces.writing(name)),
        other => Err(Fault::failed(format!(
            "the name of a property must be a string, not {}",
            other.described()
        ))),
    };
    value.as_slice().iter().map(name).collect()
}

impl Property {
    fn names(&self, eval: &mut Eval<'_>) -> Result<Vec<Text>, Fault> {
        match self {
            Property::Constant(names) => Ok(names.clone()),
            Property::Expr(expr) => {
                let value = eval.value(expr)?;
                names_of(&value, &eval.core.options.namespaces)
            }
        }
    }

    fn set(&self, eval: &mut Eval<'_>, value: Value) -> Result<(), Fault> {
        match self {
            Property::Constant(names) => {
                if let [name] = names.as_slice() {
                    set(eval, name.clone(), value);
                    return Ok(());
                }
                names.iter().for_each(|name| set(eval, name.clone(), value.clone()));
            }
            Property::Expr(_) => {
                for name in self.names(eval)? {
                    set(eval, name, value.clone());
                }
            }
        }
        Ok(())
    }
}

/// Sets a property of the target; ids get the identity namespace.
fn set(eval: &mut Eval<'_>, name: Text, value: Value) {
    let value = match value {
        Value::String(id) if name == ID => {
            Value::String(eval.core.options.namespaces.identifying(&id))
        }
        other => other,
    };
    eval.target().insert(name, value);
}

/// Patterns known when compiling, or an expression.
enum Patterns {
    Constant(Vec<Pattern>),
    Expr(Expr),
}

fn patterns(compiler: &mut Compiler<'_>, call: &CallNode<'_>, arg: usize) -> Option<Patterns> {
    let expr = compiler.expr(&call.args[arg], &call.path_of(arg))?;
    let Expr::Const(value) = &expr else { return Some(Patterns::Expr(expr)) };
    if !items(value).iter().all(|item| item.as_str().is_some()) {
        let message = "expected a pattern of property names, or a list of them";
        compiler.error(code::ARGUMENT, &call.args[arg], &call.path_of(arg), message);
        return None;
    }
    Some(Patterns::Constant(patterns_of(value, compiler.namespaces())))
}

fn patterns_of(value: &Value, namespaces: &Namespaces) -> Vec<Pattern> {
    let texts = items(value).iter().filter_map(Value::as_str);
    texts.map(|text| Pattern::new(text, namespaces)).collect()
}

impl Patterns {
    /// The patterns; `now` keeps those that are made for this call.
    fn now<'a>(
        &'a self,
        eval: &mut Eval<'_>,
        now: &'a mut Vec<Pattern>,
    ) -> Result<&'a [Pattern], Fault> {
        match self {
            Patterns::Constant(patterns) => Ok(patterns),
            Patterns::Expr(expr) => {
                *now = patterns_of(&eval.value(expr)?, &eval.core.options.namespaces);
                Ok(now)
            }
        }
    }
}

/// Copies what `from` names under the name `to`: an unqualified name keeps the
/// namespaces, a qualified one collects all values.
fn rename(eval: &mut Eval<'_>, from: &str, to: &str) {
    let Value::Dict(source) = eval.source().clone() else { return };
    let namespaces = &eval.core.options.namespaces;
    let reading = namespaces.reading(from);
    let found: Vec<(&Text, &Value)> = reading.find(&source).collect();
    if namespaces.enabled
        && matches!(reading, Name::Any(_))
        && matches!(namespaces.reading(to), Name::Any(_))
    {
        for (name, value) in found {
            let name = beside(name, to);
            set(eval, name, value.clone());
        }
        return;
    }
    let to = match namespaces.reading(to) {
        Name::Exact(name) => name,
        // A qualified property keeps its namespace under an unqualified name.
        Name::Any(identifier) => match found.first() {
            Some((name, _)) => beside(name, &identifier),
            None => return,
        },
    };
    match found.as_slice() {
        [] => {}
        [(_, value)] => set(eval, to, (*value).clone()),
        several => {
            let all = several.iter().flat_map(|(_, value)| value.as_slice()).cloned();
            set(eval, to, Value::list(all));
        }
    }
}

/// An identifier in the namespace of another name.
fn beside(name: &str, identifier: &str) -> Text {
    match ni::split(name).0 {
        Some(namespace) => ni::join(namespace, identifier),
        None => Text::new(identifier),
    }
}

fn make_ni(eval: &mut Eval<'_>, namespace: &str, from: &str, to: Option<&str>) {
    let Value::Dict(source) = eval.source().clone() else { return };
    let namespaces = &eval.core.options.namespaces;
    let reading = namespaces.reading(from);
    for (name, value) in reading.find(&source) {
        let ni = |value: &Value| match value {
            Value::String(id) => Some(Value::Ni(ni::join(namespace, id))),
            _ => None,
        };
        let made = match value {
            Value::List(items) => {
                let mut made: Vec<Value> = items.iter().filter_map(ni).collect();
                made.sort_by(Value::compare);
                if made.is_empty() {
                    continue;
                }
                Value::list(made)
            }
            scalar => match ni(scalar) {
                Some(made) => made,
                None => continue,
            },
        };
        let to = match to {
            None => format_text!("{name}-ni"),
            Some(to) if !namespaces.enabled => Text::new(to),
            Some(to) => match namespaces.reading(to) {
                Name::Exact(to) => to,
                Name::Any(identifier) => beside(name, &identifier),
            },
        };
        set(eval, to, made);
    }
}
