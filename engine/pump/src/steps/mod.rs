//! Transforms other than DTL that need nothing from outside: each makes of one
//! entity none, one or several.

mod curies;
mod graph;
mod keys;
mod rdf;
mod schema;
pub mod xml;

use std::sync::Arc;

use pipewright_config::Metadata;
use pipewright_entity::{Dict, Text, Value};
use serde_json::{Map, Value as Json};

/// A transform, ready to run.
pub(crate) trait Step: Send + Sync {
    /// What becomes of an entity. `Err` says for people why nothing can.
    fn apply(&self, entity: &Arc<Dict>, to: &mut Vec<Arc<Dict>>) -> Result<(), String>;
}

/// The step of a type with its config, whose defaults are filled in. `Err` says
/// for people what is wrong with the config.
pub(crate) fn open(
    kind: &str,
    config: &Map<String, Json>,
    metadata: &Metadata,
) -> Result<Arc<dyn Step>, String> {
    let settings = Settings(config);
    Ok(match kind {
        "json_schema" => Arc::new(schema::JsonSchema::new(&settings)?),
        "lower_keys" => Arc::new(keys::Keys::new(&settings, keys::Case::Lower)),
        "properties_to_curies" => Arc::new(curies::ToCuries::new(&settings, metadata)?),
        "rdf" => Arc::new(rdf::Rdf::new(&settings, metadata)?),
        "undirected_graph" => Arc::new(graph::Graph::new(&settings)),
        "upper_keys" => Arc::new(keys::Keys::new(&settings, keys::Case::Upper)),
        "uris_to_curies" => Arc::new(curies::Compress::new(&settings, metadata)),
        "xml" => Arc::new(xml::XmlStep::new(&settings)?),
        other => return Err(format!("transforms of type \"{other}\" do not run here yet")),
    })
}

/// The config of a step.
pub(crate) struct Settings<'c>(&'c Map<String, Json>);

impl Settings<'_> {
    fn get(&self, name: &str) -> Option<&Json> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Json::as_str)
    }

    /// The name of a property that the config must give.
    fn required(&self, name: &str) -> Result<Text, String> {
        self.text(name).map(Text::new).ok_or_else(|| format!("\"{name}\" is missing"))
    }

    fn texts(&self, name: &str) -> Vec<Text> {
        let items = self.get(name).and_then(Json::as_array);
        items.into_iter().flatten().filter_map(Json::as_str).map(Text::new).collect()
    }

    fn is_true(&self, name: &str) -> bool {
        self.get(name).and_then(Json::as_bool) == Some(true)
    }
}

/// Names that belong to the node (`_id`, `_deleted`, `$ids` …) and are no
/// properties of the thing itself. `_` alone is also a namespace.
pub(crate) fn is_reserved(name: &str) -> bool {
    name.starts_with(['_', '$']) && !name.starts_with("_:")
}

/// A value with every dict in it, however deep, given to `change` with its
/// values already changed.
fn deep(value: &Value, change: &impl Fn(&Text, Value) -> (Text, Value)) -> Value {
    match value {
        Value::Dict(dict) => Value::dict(
            dict.iter().map(|(name, value)| change(name, deep(value, change))).collect(),
        ),
        Value::List(items) => Value::list(items.iter().map(|item| deep(item, change))),
        other => other.clone(),
    }
}
