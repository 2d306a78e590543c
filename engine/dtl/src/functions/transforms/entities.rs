//! Transforms that make entities, or take over whole ones.

use pipewright_entity::{Entity, Key, Text, Value};
use rustc_hash::FxHashSet;

use super::TRANSFORM;
use crate::Fault;
use crate::compile::{Compiler, action};
use crate::eval::Eval;
use crate::functions::args::items;
use crate::functions::{Body, CallNode, Function, Kind, Param, on, one};
use crate::plan::{Action, Flow};

const VALUES: &[Param] = &[one("VALUES", Kind::Value)];
const CHILDREN: Text = Text::new_static("$children");

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "create",
        params: VALUES,
        summary: "Emits each entity beside the target.",
        examples: &[on("{}", r#"["create", ["list", {"_id": "1"}]]"#, "{}")],
        body: Body::Transform(|compiler, call| {
            with_values(compiler, call, |eval, values| {
                for value in values {
                    if let Some(entity) = entity(eval, value)? {
                        eval.emit(entity)?;
                    }
                }
                Ok(())
            })
        }),
        ..TRANSFORM
    },
    Function {
        name: "create-child",
        params: VALUES,
        summary: "Adds each entity to the target's \"$children\", which emit_children makes entities of their own.",
        examples: &[on(
            "{}",
            r#"["create-child", ["list", {"_id": "1"}]]"#,
            r#"{"$children":[{"_id":"1"}]}"#,
        )],
        body: Body::Transform(|compiler, call| {
            with_values(compiler, call, |eval, values| {
                let mut children: Vec<Value> =
                    eval.target().get(&CHILDREN).map(|old| items(old).to_vec()).unwrap_or_default();
                let mut known: FxHashSet<Key> = children.iter().map(Value::key).collect();
                for value in values {
                    if let Some(entity) = entity(eval, value)? {
                        let child = entity.into_value();
                        if known.insert(child.key()) {
                            children.push(child);
                        }
                    }
                }
                eval.target().insert(CHILDREN, Value::list(children));
                Ok(())
            })
        }),
        ..TRANSFORM
    },
    Function {
        name: "merge",
        params: VALUES,
        summary: "Adds all properties of each dict to the target; later ones overwrite. Those that start with \"_\" are left out.",
        examples: &[on(
            "{}",
            r#"["merge", ["list", {"a": 1}, {"a": 2, "b": 3}]]"#,
            r#"{"a":2,"b":3}"#,
        )],
        body: Body::Transform(|compiler, call| {
            with_values(compiler, call, |eval, values| {
                for dict in values.iter().filter_map(Value::as_dict) {
                    let target = eval.target();
                    for (name, value) in dict.iter().filter(|(name, _)| !name.starts_with('_')) {
                        target.insert(name.clone(), value.clone());
                    }
                }
                Ok(())
            })
        }),
        ..TRANSFORM
    },
    Function {
        name: "merge-union",
        params: VALUES,
        summary: "Adds all properties of each dict to the target; values of properties that are there already are collected in lists. Those that start with \"_\" are left out.",
        examples: &[on(
            "{}",
            r#"["merge-union", ["list", {"a": 1}, {"a": 2, "b": 3}]]"#,
            r#"{"a":[1,2],"b":3}"#,
        )],
        body: Body::Transform(|compiler, call| {
            with_values(compiler, call, |eval, values| {
                for dict in values.iter().filter_map(Value::as_dict) {
                    for (name, value) in dict.iter().filter(|(name, _)| !name.starts_with('_')) {
                        let joined = match eval.target().get(name) {
                            Some(old) => {
                                let all = items(old).iter().chain(items(value)).cloned();
                                let joined = Value::list(all);
                                eval.admit(joined, true)?
                            }
                            None => value.clone(),
                        };
                        eval.target().insert(name.clone(), joined);
                    }
                }
                Ok(())
            })
        }),
        ..TRANSFORM
    },
];

fn with_values(
    compiler: &mut Compiler<'_>,
    call: &CallNode<'_>,
    run: fn(&mut Eval<'_>, &[Value]) -> Result<(), Fault>,
) -> Option<Box<dyn Action>> {
    let values = compiler.expr(&call.args[0], &call.path_of(0))?;
    action(move |eval| {
        let values = eval.value(&values)?;
        run(eval, items(&values))?;
        Ok(Flow::Next)
    })
}

/// A value as an entity. Others fail, or are left out where ids are not
/// required (`id_required` of `configuration-transforms-dtl`).
fn entity(eval: &Eval<'_>, value: &Value) -> Result<Option<Entity>, Fault> {
    match Entity::from_value(value.clone()) {
        Ok(entity) => Ok(Some(entity)),
        Err(_) if !eval.core.options.id_required => Ok(None),
        Err(error) => Err(Fault::failed(format!("what is created is not an entity: {error}"))),
    }
}
