//! Functions of no other area (documentation page `hub/dtl/dtl-functions-misc`).

use num_bigint::BigInt;
use pipewright_entity::{Entity, Value};

use super::args::{integer, spread, string};
use super::{Body, Function, Kind, PLAIN, Purity, example, one, optional};
use crate::Fault;
use crate::compute::murmur3;

const AREA: &str = "misc";

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "completeness",
        area: AREA,
        params: &[one("VIA_DATASET_ID", Kind::String), one("DATASET_ID", Kind::String)],
        summary: "Up to when DATASET_ID is complete, as far as VIA_DATASET_ID knows: a datetime, \
                  or null if it does not know.",
        purity: Purity::Reads,
        body: Body::Eager(|call, args| {
            let [via, dataset] = args else { return Ok(Value::Null) };
            Ok(match (string(via), string(dataset)) {
                (Some(via), Some(dataset)) => {
                    call.context.completeness(via, dataset).map_or(Value::Null, Value::DateTime)
                }
                _ => Value::Null,
            })
        }),
        ..PLAIN
    },
    Function {
        name: "hash128",
        area: AREA,
        params: &[
            one("ALGORITHM", Kind::String),
            optional("SEED", Kind::Integer),
            one("VALUES", Kind::Value),
        ],
        summary: "Hashes of strings (in UTF-8) and bytes as integers of 128 bits. The algorithm \
                  is \"murmur3\". Everything else is left out.",
        examples: &[
            example(r#"["hash128", "murmur3", "abc"]"#, "79267961763742113019008347020647561319"),
            example(
                r#"["hash128", "murmur3", ["combine", "abc", 123, "def"]]"#,
                "[79267961763742113019008347020647561319, 114697464648834432121201791580882983835]",
            ),
        ],
        body: Body::Eager(|_, args| {
            let (algorithm, seed, values) = match args {
                [algorithm, values] => (algorithm, Some(0), values),
                [algorithm, seed, values] => (algorithm, integer(seed), values),
                _ => return Ok(Value::Null),
            };
            if string(algorithm) != Some("murmur3") {
                return Err(Fault::failed("the only algorithm of \"hash128\" is \"murmur3\""));
            }
            let Some(seed) = seed else { return Ok(Value::Null) };
            let hash = |bytes: &[u8]| {
                Value::integer(BigInt::from(murmur3::x64_128(bytes, seed.cast_unsigned())))
            };
            Ok(spread(values, |value| match value {
                Value::String(text) => Some(hash(text.as_bytes())),
                Value::Bytes(bytes) => Some(hash(bytes)),
                _ => None,
            }))
        }),
        ..PLAIN
    },
    Function {
        name: "is-changed",
        area: AREA,
        params: &[one("FUNCTION", Kind::Function)],
        summary: "Whether FUNCTION, with `_` as the entity, differs between the source entity and \
                  the version processed before it. True if one of them is deleted, null if there \
                  is no such version.",
        purity: Purity::Reads,
        body: Body::Lazy(|eval, args| {
            let Some(previous) = eval.context.previous() else { return Ok(Value::Null) };
            let current = eval.root_source().clone();
            let deleted = |value: &Value| {
                let flag = value.as_dict().and_then(|dict| dict.get("_deleted"));
                matches!(flag, Some(Value::Bool(true)))
            };
            if deleted(&current) || previous.is_deleted() {
                return Ok(Value::Bool(true));
            }
            let now = eval.each(&args[0], &current)?;
            let before = eval.each(&args[0], &entity_value(&previous))?;
            Ok(Value::Bool(!now.same(&before)))
        }),
        ..PLAIN
    },
    Function {
        name: "literal",
        area: AREA,
        params: &[one("VALUE", Kind::Literal)],
        summary: "The argument as it stands: nothing in it is evaluated.",
        examples: &[
            example(r#"["literal", "_S.foo"]"#, r#""_S.foo""#),
            example(r#"["literal", {"foo": 1, "bar": 2}]"#, r#"{"foo": 1, "bar": 2}"#),
            example(r#"["literal", ["upper", "hello"]]"#, r#"["upper", "hello"]"#),
        ],
        body: Body::Eager(|_, args| Ok(args[0].clone())),
        ..PLAIN
    },
];

fn entity_value(entity: &Entity) -> Value {
    Value::Dict(entity.dict().clone())
}
