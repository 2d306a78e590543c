//! Sets (`hub/dtl/dtl-functions-sets`).

use pipewright_entity::{Key, Value};
use rustc_hash::FxHashSet;

use super::args::items;
use super::{Body, Example, Function, Kind, PLAIN, example, one};

const fn set(
    name: &'static str,
    summary: &'static str,
    examples: &'static [Example],
    body: Body,
) -> Function {
    const TWO: &[super::Param] = &[one("VALUES1", Kind::Value), one("VALUES2", Kind::Value)];
    Function { name, area: "sets", params: TWO, summary, examples, body, ..PLAIN }
}

pub(super) const FUNCTIONS: &[Function] = &[
    set(
        "union",
        "The distinct values of both, in the order of their first appearance.",
        &[example(r#"["union", ["list", "A", "B"], ["list", "B", "C"]]"#, r#"["A","B","C"]"#)],
        Body::Eager(|_, args| {
            let mut seen = FxHashSet::default();
            let both = items(&args[0]).iter().chain(items(&args[1]));
            Ok(Value::list(both.filter(|item| seen.insert(item.key())).cloned()))
        }),
    ),
    set(
        "intersection",
        "The distinct values of the first that are also in the second.",
        &[example(r#"["intersection", ["list", "A", "B"], ["list", "B", "C"]]"#, r#"["B"]"#)],
        Body::Eager(|_, args| {
            let mut other = keys(&args[1]);
            Ok(Value::list(
                items(&args[0]).iter().filter(|item| other.remove(&item.key())).cloned(),
            ))
        }),
    ),
    set(
        "intersects",
        "True if the two have a value in common.",
        &[
            example(r#"["intersects", ["list", "A", "B"], ["list", "B", "C"]]"#, "true"),
            example(r#"["intersects", "A", ["list", "B", "C"]]"#, "false"),
        ],
        Body::Eager(|_, args| {
            let other = keys(&args[1]);
            Ok(Value::Bool(items(&args[0]).iter().any(|item| other.contains(&item.key()))))
        }),
    ),
    set(
        "difference",
        "The values of the first that are not in the second.",
        &[example(r#"["difference", ["list", "A", "B"], ["list", "B"]]"#, r#"["A"]"#)],
        Body::Eager(|_, args| {
            let other = keys(&args[1]);
            let left = items(&args[0]).iter().filter(|item| !other.contains(&item.key()));
            Ok(Value::list(left.cloned()))
        }),
    ),
];

fn keys(value: &Value) -> FxHashSet<Key> {
    items(value).iter().map(Value::key).collect()
}
