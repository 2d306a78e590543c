//! Functions kept for old configurations (documentation page `hub/deprecations`).

use std::sync::Arc;

use pipewright_entity::{Dict, Text, Value, format_text, ni};

use super::args::{items, spread, string, try_spread};
use super::{Body, Function, Kind, PLAIN, Purity, example, one, optional};
use crate::Fault;
use crate::compute::percent::{quote, unquote};
use crate::eval::Call;
use crate::namespaces::prefixes;

const AREA: &str = "deprecations";

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "curie",
        area: AREA,
        params: &[one("PREFIX", Kind::String), one("VALUES", Kind::Value)],
        summary: "URIs of the form PREFIX:value.",
        examples: &[
            example(r#"["curie", "foo", "bar"]"#, r#""~rfoo:bar""#),
            example(r#"["curie", "foo", ["list", "bar", "zoo"]]"#, r#"["~rfoo:bar", "~rfoo:zoo"]"#),
        ],
        deprecated: Some("use \"uri\" with \"concat\""),
        body: Body::Eager(|_, args| {
            let [prefix, values] = args else { return Ok(Value::Null) };
            let Some(prefix) = string(prefix) else { return Ok(Value::Null) };
            Ok(spread(values, |value| {
                value.as_str().map(|text| Value::Uri(format_text!("{prefix}:{text}")))
            }))
        }),
        ..PLAIN
    },
    Function {
        name: "lookup",
        area: AREA,
        params: &[optional("DATASET_IDS", Kind::Value), one("ENTITY_REFERENCES", Kind::Value)],
        summary: "The entities that references name, with the dataset each was found in as \
                  _dataset. A reference is sesam:DATASET/ID or an id in DATASET_IDS (the dataset \
                  of the pipe if not given).",
        deprecated: Some("use \"hops\" or \"lookup-entity\""),
        purity: Purity::Reads,
        body: Body::Eager(|call, args| {
            let own = Value::from(call.pipe);
            let (datasets, references) = match args {
                [references] => (&own, references),
                [datasets, references] => (datasets, references),
                _ => return Ok(Value::Null),
            };
            try_spread(references, |reference| lookup(call, datasets, reference))
        }),
        ..PLAIN
    },
    Function {
        name: "ni-collapse",
        area: AREA,
        params: &[one("VALUES", Kind::Value)],
        summary: "URLs as namespaced identifiers, with the namespace of the metadata whose URL is \
                  the longest beginning of theirs. What is no http or https URL is left out.",
        examples: &[
            example(r#"["ni-collapse", "http://example.org/bar"]"#, r#""~:_:bar""#),
            example(
                r#"["ni-collapse", "http://example.com/path"]"#,
                r#""~:http://example.com/path""#,
            ),
        ],
        deprecated: Some("use \"ni\""),
        purity: Purity::Reads,
        body: Body::Eager(|call, args| {
            Ok(spread(&args[0], |value| {
                let (Value::String(url) | Value::Uri(url)) = value else { return None };
                if !url.starts_with("http://") && !url.starts_with("https://") {
                    return None;
                }
                let known = prefixes(call.context.metadata())
                    .filter_map(|(name, uri)| Some((uri.len(), name, url.strip_prefix(uri)?)))
                    .max_by_key(|(length, ..)| *length);
                Some(Value::Ni(match known {
                    Some((_, namespace, rest)) => ni::join(namespace, rest),
                    None => url.clone(),
                }))
            }))
        }),
        ..PLAIN
    },
    Function {
        name: "ni-expand",
        area: AREA,
        params: &[one("VALUES", Kind::Value)],
        summary: "Namespaced identifiers as the URLs that the metadata gives their namespaces, or \
                  as strings if it gives none.",
        examples: &[
            example(r#"["ni-expand", "~:_:bar"]"#, r#""http://example.org/bar""#),
            example(r#"["ni-expand", "~:unknown:path"]"#, r#""unknown:path""#),
        ],
        deprecated: Some("use \"string\""),
        purity: Purity::Reads,
        body: Body::Eager(|call, args| {
            Ok(spread(&args[0], |value| {
                let Value::Ni(name) = value else { return None };
                let (namespace, identifier) = ni::split(name);
                let known = prefixes(call.context.metadata())
                    .find(|(declared, _)| Some(*declared) == namespace);
                Some(Value::String(match known {
                    Some((_, uri)) => format_text!("{uri}{identifier}"),
                    None => name.clone(),
                }))
            }))
        }),
        ..PLAIN
    },
    Function {
        name: "reference",
        area: AREA,
        params: &[one("DATASET_ID", Kind::String), one("ENTITY_IDS", Kind::Value)],
        summary: "URIs that name entities of a dataset for \"lookup\".",
        examples: &[
            example(r#"["reference", "foo", "bar"]"#, r#""~rsesam:foo/bar""#),
            example(
                r#"["reference", "foo", ["list", "a", "b"]]"#,
                r#"["~rsesam:foo/a", "~rsesam:foo/b"]"#,
            ),
        ],
        deprecated: Some("join with \"hops\" on ids instead"),
        body: Body::Eager(|_, args| {
            let [dataset, ids] = args else { return Ok(Value::Null) };
            let Some(dataset) = string(dataset) else { return Ok(Value::Null) };
            let dataset = quote(dataset, "");
            Ok(spread(ids, |id| {
                id.as_str().map(|id| Value::Uri(format_text!("sesam:{dataset}/{}", quote(id, ""))))
            }))
        }),
        ..PLAIN
    },
    Function {
        name: "uri-expand",
        area: AREA,
        params: &[optional("FUNCTION", Kind::Function), one("ENTITIES", Kind::Value)],
        summary: "Entities whose _id and property names of the form <prefix:name> are written out \
                  with the prefixes that the metadata has under `rdf` for FUNCTION, or else for \
                  the entity's _dataset. Entities without either are left out.",
        deprecated: Some("write URIs in the configuration"),
        purity: Purity::Reads,
        body: Body::Lazy(|eval, args| {
            let (function, entities) = match args {
                [entities] => (None, entities),
                [function, entities] => (Some(function), entities),
                _ => return Ok(Value::Null),
            };
            let entities = eval.value(entities)?;
            let mut expanded = Vec::new();
            for entity in items(&entities) {
                let Value::Dict(dict) = entity else { continue };
                let key = match function {
                    Some(function) => eval.each(function, entity)?,
                    None => dict.get("_dataset").cloned().unwrap_or(Value::Null),
                };
                if let Some(key) = string(&key) {
                    expanded.push(Value::dict(expand(eval.context.metadata(), key, dict)));
                }
            }
            Ok(match entities {
                Value::List(_) => Value::list(expanded),
                _ => expanded.pop().unwrap_or(Value::Null),
            })
        }),
        ..PLAIN
    },
];

fn lookup(call: &Call<'_>, datasets: &Value, reference: &Value) -> Result<Option<Value>, Fault> {
    let (Value::String(reference) | Value::Uri(reference)) = reference else { return Ok(None) };
    let explicit = reference.strip_prefix("sesam:").and_then(|path| path.split_once('/'));
    let (datasets, id): (Vec<Text>, Text) = match explicit {
        Some((dataset, id)) => (vec![Text::new(unquote(dataset))], Text::new(unquote(id))),
        None => {
            let names = items(datasets).iter().filter_map(Value::as_str);
            (names.map(Text::new).collect(), reference.clone())
        }
    };
    for dataset in datasets {
        if let Some(entity) = call.context.datasets().get(&dataset, &id)? {
            let mut found = Dict::clone(entity.dict());
            found.insert(Text::new_static("_dataset"), Value::String(dataset));
            return Ok(Some(Value::dict(found)));
        }
    }
    Ok(None)
}

fn expand(metadata: Option<&Value>, key: &str, entity: &Arc<Dict>) -> Dict {
    let prefixes = metadata
        .and_then(|all| {
            ["rdf", key, "prefixes"].iter().try_fold(all, |value, name| value.as_dict()?.get(name))
        })
        .and_then(Value::as_dict);
    let written_out = |text: &Text| {
        let curie = text.strip_prefix('<')?.strip_suffix('>')?;
        let (prefix, rest) = curie.split_once(':')?;
        let uri = prefixes?.get(prefix)?.as_str()?;
        Some(format_text!("<{uri}{rest}>"))
    };
    let text = |text: &Text| written_out(text).unwrap_or_else(|| text.clone());
    let property = |(name, value): (&Text, &Value)| match value {
        Value::String(id) if name == "_id" => (name.clone(), Value::String(text(id))),
        _ => (text(name), value.clone()),
    };
    entity.iter().map(property).collect()
}
