//! Functions on URIs (documentation page `hub/dtl/dtl-functions-uris`).

use pipewright_entity::Value;

use super::args::{first, spread, string};
use super::{Body, Function, Kind, PLAIN, example, one, optional};
use crate::compute::percent::{quote, unquote};

const AREA: &str = "uris";

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "is-uri",
        area: AREA,
        params: &[one("VALUES", Kind::Value)],
        summary: "True if the value, or the first item of a list, is a URI.",
        examples: &[
            example(r#"["is-uri", ["uri", "foo:bar"]]"#, "true"),
            example(r#"["is-uri", "foo:bar"]"#, "false"),
            example(r#"["is-uri", ["list", ["uri", "foo:bar"], 12345]]"#, "true"),
            example(r#"["is-uri", ["list", 1, ["uri", "foo:bar"]]]"#, "false"),
        ],
        body: Body::Eager(|_, args| Ok(Value::Bool(matches!(first(&args[0]), Value::Uri(_))))),
        ..PLAIN
    },
    Function {
        name: "uri",
        area: AREA,
        params: &[one("VALUES", Kind::Value)],
        summary: "Strings as URIs, without escaping anything. Everything else is left out.",
        examples: &[
            example(r#"["uri", "http://www.example.org/"]"#, r#""~rhttp://www.example.org/""#),
            example(
                r#"["uri", ["list", "http://www.example.org/", "http://www.sesam.io/", 12345]]"#,
                r#"["~rhttp://www.example.org/", "~rhttp://www.sesam.io/"]"#,
            ),
        ],
        body: Body::Eager(|_, args| {
            Ok(spread(&args[0], |value| match value {
                Value::String(text) | Value::Uri(text) => Some(Value::Uri(text.clone())),
                _ => None,
            }))
        }),
        ..PLAIN
    },
    Function {
        name: "url-quote",
        area: AREA,
        params: &[optional("SAFE_CHARS", Kind::String), one("VALUES", Kind::Value)],
        summary: "Strings with everything escaped that is not allowed everywhere in a URL. ASCII \
                  characters in SAFE_CHARS stay as they are.",
        examples: &[
            example(r#"["url-quote", "/foo bar/baz"]"#, r#""%2Ffoo%20bar%2Fbaz""#),
            example(r#"["url-quote", "/", "/foo bar/baz"]"#, r#""/foo%20bar/baz""#),
            example(
                r#"["url-quote", ["list", "å", 1, 2, ["uri", "http://example.com"], "foo bar"]]"#,
                r#"["%C3%A5", "foo%20bar"]"#,
            ),
        ],
        body: Body::Eager(|_, args| {
            let (safe, values) = match args {
                [values] => ("", values),
                [safe, values] => match string(safe) {
                    Some(safe) => (safe, values),
                    None => return Ok(Value::Null),
                },
                _ => return Ok(Value::Null),
            };
            Ok(spread(values, |value| value.as_str().map(|text| quote(text, safe).into())))
        }),
        ..PLAIN
    },
    Function {
        name: "url-unquote",
        area: AREA,
        params: &[one("VALUES", Kind::Value)],
        summary: "Strings with the escapes of URLs turned back into characters.",
        examples: &[
            example(r#"["url-unquote", "%2Ffoo%20bar%2Fbaz"]"#, r#""/foo bar/baz""#),
            example(
                r#"["url-unquote", ["list", 1, "%C3%A5", ["uri", "http://example.com"], "foo%20bar"]]"#,
                r#"["å", "foo bar"]"#,
            ),
        ],
        body: Body::Eager(|_, args| {
            Ok(spread(&args[0], |value| value.as_str().map(|text| Value::from(&*unquote(text)))))
        }),
        ..PLAIN
    },
];
