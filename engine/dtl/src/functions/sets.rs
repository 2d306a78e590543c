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
        "difference",
        "The values of the first that are not in the second, in their order.",
        &[
            example(r#"["difference", ["list", "A", "B"], ["list", "B"]]"#, r#"["A"]"#),
            example(r#"["difference", "A", ["list", "B", "C"]]"#, r#"["A"]"#),
            example(
                r#"["difference", ["list", "A", "B", "C", "D"], ["list", "A", "B", "E"]]"#,
                r#"["C", "D"]"#,
            ),
            example(
                r#"["difference", ["list", "D", "A", "D", "E", "B"], ["list", "A", "F", "F", "B", "C"]]"#,
                r#"["D", "D", "E"]"#,
            ),
        ],
        Body::Eager(|_, args| {
            let other = keys(&args[1]);
            let left = items(&args[0]).iter().filter(|item| !other.contains(&item.key()));
            Ok(Value::list(left.cloned()))
        }),
    ),
    set(
        "intersection",
        "The values of the first that are also in the second, in their order.",
        &[
            example(r#"["intersection", ["list", "A", "B"], ["list", "B", "C"]]"#, r#"["B"]"#),
            example(r#"["intersection", "B", ["list", "B", "C"]]"#, r#"["B"]"#),
            example(r#"["intersection", "A", ["list", "B", "C"]]"#, "[]"),
            example(
                r#"["intersection", ["list", "B", "C", "B", "D", "A"], ["list", "A", "F", "F", "B", "E", "B", "C"]]"#,
                r#"["B", "C", "B", "A"]"#,
            ),
        ],
        Body::Eager(|_, args| {
            let other = keys(&args[1]);
            let both = items(&args[0]).iter().filter(|item| other.contains(&item.key()));
            Ok(Value::list(both.cloned()))
        }),
    ),
    set(
        "intersects",
        "True if the two have a value in common.",
        &[
            example(r#"["intersects", ["list", "A", "B"], ["list", "B", "C"]]"#, "true"),
            example(r#"["intersects", "B", ["list", "B", "C"]]"#, "true"),
            example(r#"["intersects", "A", ["list", "B", "C"]]"#, "false"),
        ],
        Body::Eager(|_, args| {
            let other = keys(&args[1]);
            Ok(Value::Bool(items(&args[0]).iter().any(|item| other.contains(&item.key()))))
        }),
    ),
    set(
        "union",
        "The distinct values of both, in the order of their first appearance.",
        &[
            example(r#"["union", ["list", "A", "B"], ["list", "B", "C"]]"#, r#"["A","B","C"]"#),
            example(r#"["union", "A", ["list", "B", "C"]]"#, r#"["A", "B", "C"]"#),
            example(
                r#"["union", ["list", "B", "C", "B", "D", "A"], ["list", "A", "F", "F", "B", "E", "B", "C"]]"#,
                r#"["B", "C", "D", "A", "F", "E"]"#,
            ),
        ],
        Body::Eager(|_, args| {
            let mut seen = FxHashSet::default();
            let both = items(&args[0]).iter().chain(items(&args[1]));
            Ok(Value::list(both.filter(|item| seen.insert(item.key())).cloned()))
        }),
    ),
];

fn keys(value: &Value) -> FxHashSet<Key> {
    items(value).iter().map(Value::key).collect()
}
