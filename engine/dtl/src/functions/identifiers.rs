//! Namespaced identifiers (documentation page
//! `hub/dtl/dtl-functions-namespaced-identifiers`).

use pipewright_entity::{Text, Value, ni};

use super::args::{first, spread, string, try_spread};
use super::{Body, Function, Kind, PLAIN, example, one, optional};
use crate::Fault;
use crate::eval::Call;
use crate::namespaces::prefixes;

const AREA: &str = "namespaced-identifiers";

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "is-ni",
        area: AREA,
        params: &[one("VALUES", Kind::Value)],
        summary: "True if the value, or the first item of a list, is a namespaced identifier.",
        examples: &[
            example(r#"["is-ni", ["ni", "foo:bar"]]"#, "true"),
            example(r#"["is-ni", "foo:bar"]"#, "false"),
            example(r#"["is-ni", ["list", ["ni", "foo:bar"], 12345]]"#, "true"),
            example(r#"["is-ni", ["list", 1, ["ni", "foo:bar"]]]"#, "false"),
        ],
        body: Body::Eager(|_, args| Ok(Value::Bool(matches!(first(&args[0]), Value::Ni(_))))),
        ..PLAIN
    },
    Function {
        name: "ni",
        area: AREA,
        params: &[optional("NAMESPACE", Kind::String), one("VALUES", Kind::Value)],
        summary: "Strings as namespaced identifiers in NAMESPACE, or in the global namespace. \
                  Without NAMESPACE URIs are taken too: what is before the last / or # becomes the \
                  namespace declared for it, or a generated one.",
        examples: &[
            example(r#"["ni", "foo", "bar"]"#, r#""~:foo:bar""#),
            example(r#"["ni", "bar"]"#, r#""~:bar""#),
            example(r#"["ni", "foo", ["list", "bar", "x:y"]]"#, r#"["~:foo:bar", "~:foo:x:y"]"#),
            example(r#"["ni", "foo", ["uri", "http://example.org/"]]"#, "null"),
            example(r#"["ni", ["uri", "http://example.org/bar"]]"#, r#""~:_:bar""#),
        ],
        body: Body::Eager(|call, args| match args {
            [namespace, values] => {
                let Some(namespace) = string(namespace) else { return Ok(Value::Null) };
                Ok(spread(values, |value| match value {
                    Value::String(id) if namespace.is_empty() => Some(Value::Ni(id.clone())),
                    Value::String(id) => Some(Value::Ni(ni::join(namespace, id))),
                    _ => None,
                }))
            }
            [values] => try_spread(values, |value| match value {
                Value::String(text) | Value::Ni(text) => Ok(Some(Value::Ni(text.clone()))),
                Value::Uri(uri) => collapse(call, uri).map(Some),
                _ => Ok(None),
            }),
            _ => Ok(Value::Null),
        }),
        ..PLAIN
    },
    Function {
        name: "ni-id",
        area: AREA,
        params: &[one("VALUES", Kind::Value)],
        summary: "What follows the last colon of namespaced identifiers and strings.",
        examples: &[
            example(r#"["ni-id", "~:foo:bar"]"#, r#""bar""#),
            example(r#"["ni-id", "foo:bar"]"#, r#""bar""#),
            example(r#"["ni-id", "bar"]"#, r#""bar""#),
            example(r#"["ni-id", ["list", "~:foo:bar", "~:bar:baz"]]"#, r#"["bar", "baz"]"#),
            example(r#"["ni-id", ["list", "foo:bar", "bar:baz"]]"#, r#"["bar", "baz"]"#),
        ],
        body: Body::Eager(|_, args| Ok(parts(&args[0], ni::identifier))),
        ..PLAIN
    },
    Function {
        name: "ni-ns",
        area: AREA,
        params: &[one("VALUES", Kind::Value)],
        summary: "What is before the last colon of namespaced identifiers and strings; the empty \
                  string if there is none.",
        examples: &[
            example(r#"["ni-ns", "~:foo:bar"]"#, r#""foo""#),
            example(r#"["ni-ns", "foo:bar"]"#, r#""foo""#),
            example(r#"["ni-ns", "foo"]"#, r#""""#),
            example(r#"["ni-ns", ["list", "~:foo:bar", "~:bar:baz"]]"#, r#"["foo", "bar"]"#),
            example(r#"["ni-ns", ["list", "foo:bar", "bar:baz"]]"#, r#"["foo", "bar"]"#),
        ],
        body: Body::Eager(|_, args| Ok(parts(&args[0], |name| ni::split(name).0.unwrap_or("")))),
        ..PLAIN
    },
];

fn parts(values: &Value, part: fn(&str) -> &str) -> Value {
    spread(values, |value| match value {
        Value::Ni(name) | Value::String(name) => Some(part(name).into()),
        _ => None,
    })
}

/// The identifier for a URI: what is before the last `/` or `#` is looked up
/// in the namespaces of the metadata.
fn collapse(call: &Call<'_>, uri: &Text) -> Result<Value, Fault> {
    let Some(cut) = uri.rfind(['/', '#']) else { return Ok(Value::Ni(uri.clone())) };
    let (prefix, identifier) = uri.split_at(cut + 1);
    let Some(generated) = call.generated else {
        return Err(Fault::failed("the namespaces of URIs are known only while running"));
    };
    let declared = prefixes(call.context.metadata()).find(|(_, uri)| *uri == prefix);
    if let Some((namespace, _)) = declared {
        return Ok(Value::Ni(ni::join(namespace, identifier)));
    }
    let number = generated.number(prefix).ok_or_else(|| {
        Fault::limit(
            "too many beginnings of URIs have no namespace; declare them in `namespaces.default` \
             of the metadata",
        )
    })?;
    let namespace = pipewright_entity::format_text!("{}-{number}", call.pipe);
    Ok(Value::Ni(ni::join(&namespace, identifier)))
}
