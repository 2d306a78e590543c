//! The edges between all values that an entity names (`hub/deprecations`,
//! `undirected_graph`).

use std::sync::Arc;

use pipewright_entity::{Dict, Text, Value, format_text};

use super::{Settings, Step};

pub(super) struct Graph {
    nodes: Vec<Text>,
    from: Text,
    to: Text,
}

impl Graph {
    pub(super) fn new(settings: &Settings<'_>) -> Graph {
        let name = |name: &'static str| settings.text(name).map_or(name.into(), Text::new);
        Graph { nodes: settings.texts("nodes"), from: name("from"), to: name("to") }
    }
}

impl Step for Graph {
    fn apply(&self, entity: &Arc<Dict>, to: &mut Vec<Arc<Dict>>) -> Result<(), String> {
        let mut nodes: Vec<(&Text, &Value)> = Vec::new();
        for property in &self.nodes {
            let values = entity.get(property).map(Value::as_slice).unwrap_or_default();
            for value in values {
                match value {
                    Value::String(text) | Value::Uri(text) => {
                        if nodes.iter().all(|(known, _)| *known != text) {
                            nodes.push((text, value));
                        }
                    }
                    Value::Null => {}
                    other => {
                        let kind = other.described();
                        return Err(format!(
                            "\"{property}\" holds {kind}; nodes of a graph are strings or URIs"
                        ));
                    }
                }
            }
        }
        for (from, source) in &nodes {
            for (target, value) in nodes.iter().filter(|(target, _)| target != from) {
                let mut edge = Dict::default();
                edge.insert("_id".into(), Value::String(format_text!("{from}.{target}")));
                if entity.get("_deleted") == Some(&Value::Bool(true)) {
                    edge.insert("_deleted".into(), Value::Bool(true));
                }
                edge.insert(self.from.clone(), (*source).clone());
                edge.insert(self.to.clone(), (*value).clone());
                to.push(Arc::new(edge));
            }
        }
        Ok(())
    }
}
