//! Entities as N-Triples in a property (`configuration-transforms-rdf`).

use std::sync::Arc;

use pipewright_config::Metadata;
use pipewright_entity::{Dict, Text, Value};

use super::{Settings, Step};
use crate::rdf::Triples;

pub(super) struct Rdf {
    property: Text,
    triples: Triples,
}

impl Rdf {
    pub(super) fn new(settings: &Settings<'_>, metadata: &Metadata) -> Result<Rdf, String> {
        Ok(Rdf { property: settings.required("rdf-property")?, triples: Triples::new(metadata) })
    }
}

impl Step for Rdf {
    fn apply(&self, entity: &Arc<Dict>, to: &mut Vec<Arc<Dict>>) -> Result<(), String> {
        let id = entity.get("_id").and_then(Value::as_str).unwrap_or_default();
        let Some(uri) = self.triples.uri(id) else {
            return Err(format!(
                "\"{id}\" is no URI, and its namespace is not among \"namespaces.default\" in the \
                 metadata of the node"
            ));
        };
        let triples = self.triples.of(&uri, entity);
        let mut with = Dict::clone(entity);
        with.insert(self.property.clone(), Value::from(triples));
        to.push(Arc::new(with));
        Ok(())
    }
}
