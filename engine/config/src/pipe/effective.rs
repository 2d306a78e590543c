//! Config with its defaults filled in.

use serde_json::{Map, Value as Json};

use super::{Pipe, SinkKind, SourceKind, TransformKind};
use crate::catalogue::{self, Property};
use crate::resolve::Item;

/// The system that the node itself is.
const THIS_NODE: &str = "system:sesam-node";

/// An object with its keys spelled as documented and its defaults filled in.
/// Defaults that are inherited are looked up in `metadata`, the effective node
/// metadata.
pub(crate) fn filled(
    item: Option<&Item>,
    properties: &[Property],
    metadata: &Map<String, Json>,
) -> Map<String, Json> {
    let mut config = Map::new();
    for entry in item.map(Item::entries).unwrap_or_default() {
        let Some(property) = catalogue::property(properties, &entry.key) else {
            config.insert(entry.key.to_string(), entry.value.to_json());
            continue;
        };
        let value = if !property.properties.is_empty() && entry.value.is_object() {
            filled(Some(&entry.value), &property.properties, metadata).into()
        } else {
            entry.value.to_json()
        };
        config.insert(property.name.clone(), value);
    }
    for property in properties {
        let given = config.get(&property.name).is_some_and(|value| !value.is_null());
        // What is kept as it is written has a `null` in its place.
        let opaque = property.role.is_some_and(|role| role.is_opaque())
            && config.contains_key(&property.name);
        if given || opaque {
            continue;
        }
        if let Some(default) = property.default_in(metadata) {
            config.insert(property.name.clone(), default.clone());
        } else if !property.properties.is_empty() && !property.open {
            let below = filled(None, &property.properties, metadata);
            if !below.is_empty() {
                config.insert(property.name.clone(), below.into());
            }
        }
    }
    config
}

/// The config of a pipe as it takes effect: variables put in, alternatives
/// chosen, defaults filled in. Secrets stay as they are written.
pub(super) fn effective(pipe: &Pipe) -> Json {
    let mut config = pipe.config.clone();
    let mut source = pipe.source.config.clone();
    if let SourceKind::Embedded(embedded) = &pipe.source.kind {
        source.insert("entities".into(), embedded.entities.to_json());
    }
    if matches!(
        pipe.source.kind,
        SourceKind::Dataset(_) | SourceKind::Merge(_) | SourceKind::Embedded(_)
    ) {
        source.entry("system").or_insert_with(|| THIS_NODE.into());
    }
    config.insert("source".into(), source.into());
    let mut transforms: Vec<Json> = pipe
        .transforms
        .iter()
        .map(|transform| {
            let mut config = transform.config.clone();
            if let TransformKind::Dtl(dtl) = &transform.kind {
                config.insert("rules".into(), dtl.rules.to_json());
            }
            config.into()
        })
        .collect();
    match transforms.len() {
        0 => None,
        1 => config.insert("transform".into(), transforms.remove(0)),
        _ => config.insert("transform".into(), transforms.into()),
    };
    let mut sink = pipe.sink.config.clone();
    if let SinkKind::Dataset(_) = &pipe.sink.kind {
        sink.entry("system").or_insert_with(|| THIS_NODE.into());
    }
    config.insert("sink".into(), sink.into());
    config.insert("pump".into(), pipe.pump.config.clone().into());
    config.into()
}

/// The config of a pipe as it is written.
pub(super) fn original(pipe: &Pipe) -> Json {
    let document = &pipe.origin.file.document;
    document.at(&pipe.origin.at).map_or(Json::Null, |node| node.to_json(document))
}
