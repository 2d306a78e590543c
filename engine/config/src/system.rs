//! Systems.

use pipewright_entity::Text;
use serde_json::{Map, Value as Json};

use crate::catalogue::Part;
use crate::check;
use crate::pipe::{filled, not_yet};
use crate::problem::{Findings, Origin, code};
use crate::resolve::Item;
use crate::variables::secrets_in;

/// Another computer system that pipes read from or write to.
#[derive(Clone, Debug, PartialEq)]
pub struct System {
    /// Its `_id`.
    pub id: Text,
    /// Its `type`, such as `system:url`; empty when it has none.
    pub kind: Text,
    /// Why it does not work, for people; `None` when it does.
    pub obstacle: Option<String>,
    /// How many pipes may use it at the same time.
    pub worker_threads: usize,
    /// Its effective config: variables put in, defaults filled in, secrets as
    /// they are written.
    pub config: Map<String, Json>,
    /// Where it is written.
    pub origin: Origin,
}

impl System {
    /// The secrets its config names, each once, in the order of the config.
    pub fn secrets(&self) -> Vec<String> {
        fn collect(value: &Json, names: &mut Vec<String>) {
            match value {
                Json::String(text) => {
                    for name in secrets_in(text) {
                        if !names.iter().any(|known| known == name) {
                            names.push(name.to_owned());
                        }
                    }
                }
                Json::Array(items) => items.iter().for_each(|item| collect(item, names)),
                Json::Object(members) => members.values().for_each(|item| collect(item, names)),
                _ => {}
            }
        }
        let mut names = Vec::new();
        self.config.values().for_each(|value| collect(value, &mut names));
        names
    }

    /// The config as it is written.
    pub fn original(&self) -> Json {
        let document = &self.origin.file.document;
        document.at(&self.origin.at).map_or(Json::Null, |node| node.to_json(document))
    }
}

/// Reads a system and reports what is wrong with its structure.
pub(crate) fn read(
    id: Text,
    item: &Item,
    metadata: &Map<String, Json>,
    findings: &mut Findings<'_>,
) -> System {
    let kind = item.get("type").and_then(Item::as_str).unwrap_or_default();
    let description = check::description(item, Part::System, findings);
    let mut obstacle = None;
    let config = match description {
        Some(description) => {
            check::properties(item, description, findings);
            if !description.is_supported() {
                let why = not_yet(Part::System, &description.name);
                if let Some(kind) = item.get("type") {
                    findings.warning(code::NOT_SUPPORTED, kind.span.clone(), why.clone(), None);
                }
                obstacle = Some(why);
            }
            // Its container may run elsewhere; here it is a process that does.
            if kind == "system:microservice" && item.get("process").is_none() {
                let why = "containers are not run here: say in `process` which command to start";
                if let Some(kind) = item.get("type") {
                    let span = kind.span.clone();
                    findings.warning(code::NOT_SUPPORTED, span, why.to_owned(), None);
                }
                obstacle = Some(why.to_owned());
            }
            filled(Some(item), &description.properties, metadata)
        }
        None => {
            obstacle = Some(match kind {
                "" => "the system has no type".to_owned(),
                kind => format!("there is no system of type \"{kind}\""),
            });
            filled(Some(item), &[], metadata)
        }
    };
    System {
        worker_threads: config
            .get("worker_threads")
            .and_then(Json::as_u64)
            .and_then(|threads| usize::try_from(threads).ok())
            .filter(|threads| *threads > 0)
            .unwrap_or(10),
        kind: Text::new(kind),
        origin: Origin {
            file: findings.file.clone(),
            at: findings.path(&item.span),
            span: item.span.clone(),
        },
        id,
        obstacle,
        config,
    }
}
