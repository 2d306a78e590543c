//! Node metadata.

use pipewright_entity::Text;
use serde_json::{Map, Value as Json};

use crate::catalogue::{self, Part};
use crate::check;
use crate::pipe::filled;
use crate::problem::{Findings, Origin};
use crate::resolve::Item;

/// What holds for the whole node (documentation: configuration-metadata).
#[derive(Clone, Debug, PartialEq)]
pub struct Metadata {
    /// Its effective config, keys of later versions and other tools included.
    pub config: Map<String, Json>,
    /// Where it is written; `None` when the project has none.
    pub origin: Option<Origin>,
}

/// Namespaces known without being configured.
const BUILT_IN: [(&str, &str); 11] = [
    ("_", "http://example.org/"),
    ("rdf", "http://www.w3.org/1999/02/22-rdf-syntax-ns#"),
    ("rdfs", "http://www.w3.org/2000/01/rdf-schema#"),
    ("owl", "http://www.w3.org/2002/07/owl#"),
    ("foaf", "http://xmlns.com/foaf/0.1/"),
    ("wgs84", "http://www.w3.org/2003/01/geo/wgs84_pos#"),
    ("xsd", "http://www.w3.org/2001/XMLSchema#"),
    ("dc", "http://purl.org/dc/elements/1.1/"),
    ("skos", "http://www.w3.org/2004/02/skos/core#"),
    ("dcterms", "http://purl.org/dc/terms/"),
    ("gs", "http://www.opengis.net/ont/geosparql#"),
];

impl Default for Metadata {
    fn default() -> Metadata {
        let properties = &catalogue::single(Part::Metadata).properties;
        Metadata { config: filled(None, properties, &Map::new()), origin: None }
    }
}

impl Metadata {
    /// Whether pipes use namespaces when they do not say otherwise.
    pub fn namespaced_identifiers(&self) -> bool {
        self.get("namespaced_identifiers").and_then(Json::as_bool).unwrap_or(false)
    }

    /// The URI of each namespace, those given here before the built-in ones.
    pub fn namespaces(&self) -> Vec<(Text, Text)> {
        let given = self.get("namespaces.default").and_then(Json::as_object);
        let mut all: Vec<(Text, Text)> = given
            .into_iter()
            .flatten()
            .filter_map(|(name, uri)| Some((Text::new(name), Text::new(uri.as_str()?))))
            .collect();
        for (name, uri) in BUILT_IN {
            if !all.iter().any(|(known, _)| known == name) {
                all.push((Text::new(name), Text::new(uri)));
            }
        }
        all
    }

    /// The namespaces that are known without being configured, each with its
    /// URI.
    pub fn built_in_namespaces() -> impl Iterator<Item = (Text, Text)> {
        BUILT_IN.into_iter().map(|(name, uri)| (Text::new_static(name), Text::new_static(uri)))
    }

    /// Whether identifiers and URIs map onto each other exactly both ways.
    pub fn symmetric_namespace_collapse(&self) -> bool {
        self.get("global_defaults.symmetric_namespace_collapse")
            .and_then(Json::as_bool)
            .unwrap_or(false)
    }

    /// Whether an upload that deletes much is refused.
    pub fn use_config_circuit_breaker(&self) -> bool {
        self.get("global_defaults.use_config_circuit_breaker")
            .and_then(Json::as_bool)
            .unwrap_or(false)
    }

    /// Whether the node runs pipes on its own. Clients switch it off while
    /// they run the pipes themselves (`task_manager.disable_user_pipes`).
    pub fn runs_pipes(&self) -> bool {
        self.get("task_manager.disable_user_pipes").and_then(Json::as_bool) != Some(true)
    }

    /// A value by dotted keys.
    pub fn get(&self, path: &str) -> Option<&Json> {
        let mut keys = path.split('.');
        let first = self.config.get(keys.next()?)?;
        keys.try_fold(first, |value, key| value.get(key)).filter(|value| !value.is_null())
    }

    /// The config as it is written; an empty object when there is none.
    pub fn original(&self) -> Json {
        let Some(origin) = &self.origin else { return Map::new().into() };
        let document = &origin.file.document;
        document.at(&origin.at).map_or(Json::Null, |node| node.to_json(document))
    }
}

/// Reads node metadata and reports what is wrong with its structure.
pub(crate) fn read(item: &Item, findings: &mut Findings<'_>) -> Metadata {
    let description = catalogue::single(Part::Metadata);
    check::properties(item, description, findings);
    Metadata {
        config: filled(Some(item), &description.properties, &Map::new()),
        origin: Some(Origin {
            file: findings.file.clone(),
            at: findings.path(&item.span),
            span: item.span.clone(),
        }),
    }
}
