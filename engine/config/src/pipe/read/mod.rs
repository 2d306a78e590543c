//! From config to types.

mod pump;
mod sink;
mod source;
mod transform;

use std::ops::Range;
use std::sync::Arc;

use pipewright_entity::Text;
use serde_json::{Map, Value as Json};

use super::values::Values;
use super::{
    Compaction, Compiled, DependencyTracking, Fragment, Namespaces, Pipe, Reprocessing, Sink,
    Source, filled,
};
use crate::catalogue::{self, Description, Part};
use crate::check;
use crate::problem::{Findings, Origin, code};
use crate::resolve::{Item, condition_text};
use crate::variables::Variables;
use source::signalled;

/// What the parts of a pipe are read with.
pub(crate) struct Reader<'a, 'f> {
    pub(crate) variables: &'a Arc<Variables>,
    /// The effective node metadata.
    pub(crate) metadata: &'a Map<String, Json>,
    pub(crate) findings: &'a mut Findings<'f>,
}

/// A source, transform or sink after the alternatives were chosen.
enum Chosen<'i> {
    /// What it is and what is known about it.
    Known(&'i Item, &'static Description),
    /// It cannot be read, and why.
    Broken { origin: Range<usize>, kind: Text, why: String },
}

/// Reads a pipe and reports what is wrong with its structure.
pub(crate) fn read(id: Text, item: &Item, reader: &mut Reader<'_, '_>) -> Pipe {
    let description = catalogue::single(Part::Pipe);
    check::properties(item, description, reader.findings);
    let mut config = filled(Some(item), &description.properties, reader.metadata);
    for part in ["source", "transform", "sink", "pump"] {
        config.shift_remove(part);
    }

    let mut source = reader.source(item);
    let mut transforms = Vec::new();
    if let Some(transform) = item.get("transform") {
        reader.transforms(transform, &mut transforms);
    }
    let sink = reader.sink(&id, item);
    let internal = !source.datasets().is_empty() && sink.dataset().is_some();
    let pump = reader.pump(&id, item, internal, sink.is_endpoint());
    source.signalled = signalled(&source, &pump, internal, reader.metadata);

    let values = Values::new(&config, &description.properties);
    let namespaces = namespaces(&id, &values, &source, &sink);
    // When the pipe has no namespaces, the effective config has none either.
    if !namespaces.enabled {
        config.shift_remove("namespaces");
    } else {
        config.insert(
            "namespaces".into(),
            serde_json::json!({
                "identity": namespaces.identity.as_str(),
                "property": namespaces.property.as_str(),
            }),
        );
        config.insert("add_namespaces".into(), namespaces.add.into());
        config.insert("remove_namespaces".into(), namespaces.remove.into());
    }
    // A REST sink takes one entity at a time (configuration-pipes, batching).
    let one_by_one = sink.type_name() == "rest";
    let values = Values::new(&config, &description.properties);
    let batch_size = values.count("batch_size").unwrap_or(if one_by_one { 1 } else { 100 });
    let checkpoint_interval =
        values.count("checkpoint_interval").or((batch_size == 1).then_some(1));
    let limits = values.below("dependency_tracking");
    let compaction = values.below("compaction");
    Pipe {
        origin: reader.origin(&item.span),
        batch_size,
        checkpoint_interval,
        disable_set_last_seen: values.bool("disable_set_last_seen"),
        enable_background_rescan: values.bool("enable_background_rescan"),
        rescan_when_config_changes: values.bool("rescan_when_config_changes"),
        reprocessing: match values.text("reprocessing_policy") {
            "automatic" => Reprocessing::Automatic,
            _ => Reprocessing::Continue,
        },
        infer_entity_types: values.bool("infer_pipe_entity_types"),
        dependency_tracking: DependencyTracking {
            warning_entities: limits.whole("dependency_warning_threshold"),
            error_entities: limits.whole("dependency_error_threshold"),
            warning_bytes: limits.whole("dependency_warning_threshold_total_bytes"),
            error_bytes: limits.whole("dependency_error_threshold_total_bytes"),
            for_hops: limits.bool("enable_hops_thresholds"),
        },
        compaction: Compaction {
            automatic: compaction.bool("automatic"),
            in_sink: compaction.bool("sink"),
            keep_versions: compaction.whole("keep_versions"),
            hours: compaction.given_whole("time_threshold_hours"),
            log_hours: compaction.whole("time_threshold_hours_pump"),
            growth: compaction.number("growth_threshold"),
            interval: compaction.number("compaction_interval"),
            ttl_hours: compaction.given_number("ttl_deletes_hours"),
            ttl_timeout: compaction.number("ttl_deletes_timeout_seconds"),
            retract: compaction.bool("retract"),
            retract_timeout: compaction.number("retract_timeout_seconds"),
        },
        include_completeness: values.given_texts("include_completeness"),
        exclude_completeness: values.texts("exclude_completeness"),
        durable: values.below("metadata").bool("durable"),
        metadata: config.get("metadata").and_then(Json::as_object).cloned().unwrap_or_default(),
        id,
        source,
        transforms,
        sink,
        pump,
        namespaces,
        config,
        compiled: Compiled::default(),
    }
}

/// Documentation: features/namespaces.
fn namespaces(id: &Text, values: &Values<'_>, source: &Source, sink: &Sink) -> Namespaces {
    let type_of = |config: &Map<String, Json>| {
        config.get("type").and_then(Json::as_str).unwrap_or_default().to_owned()
    };
    let adds = catalogue::find(Part::Source, &type_of(&source.config))
        .is_some_and(|description| description.add_namespaces);
    let removes = catalogue::find(Part::Sink, &type_of(&sink.config))
        .is_some_and(|description| description.remove_namespaces);
    let enabled = values.bool("namespaced_identifiers");
    let given = values.below("namespaces");
    let namespace = |key| given.given_text(key).map_or_else(|| id.clone(), Text::new);
    Namespaces {
        enabled,
        identity: namespace("identity"),
        property: namespace("property"),
        add: values.given_bool("add_namespaces").unwrap_or(enabled && adds),
        remove: values.given_bool("remove_namespaces").unwrap_or(enabled && removes),
    }
}

impl Reader<'_, '_> {
    fn origin(&self, span: &Range<usize>) -> Origin {
        Origin {
            file: self.findings.file.clone(),
            at: self.findings.path(span),
            span: span.clone(),
        }
    }

    /// The piece of the file that begins at a span.
    fn fragment(&self, span: &Range<usize>) -> Option<Fragment> {
        let document = &self.findings.file.document;
        let at = document.path_at(span.start);
        let node = document.at(&at)?.clone();
        let variables = self.variables.clone();
        Some(Fragment { document: document.clone(), node, at, variables })
    }

    /// Follows conditions to the component that takes effect, and says when it
    /// is one that does not run here yet.
    fn choose<'i>(&mut self, item: &'i Item, part: Part) -> Chosen<'i> {
        let mut item = item;
        loop {
            let broken = |kind: &str, why: String| Chosen::Broken {
                origin: item.span.clone(),
                kind: Text::new(kind),
                why,
            };
            let kind = match item.get("type") {
                Some(kind) => kind.as_str().unwrap_or_default(),
                None if part == Part::Sink && item.is_object() => "dataset",
                None => "",
            };
            let Some(description) = catalogue::find(part, kind) else {
                let why = match kind {
                    "" => format!("the {} has no type", part.name()),
                    kind => format!("there is no {} of type \"{kind}\"", part.name()),
                };
                return broken(kind, why);
            };
            if description.name != "conditional" {
                if !description.is_supported()
                    && let Some(kind) = item.get("type")
                {
                    self.findings.warning(
                        code::NOT_SUPPORTED,
                        kind.span.clone(),
                        not_yet(part, &description.name),
                        None,
                    );
                }
                return Chosen::Known(item, description);
            }
            let condition = item.get("condition").and_then(condition_text);
            let alternatives = item.get("alternatives");
            match (condition, alternatives) {
                (Some(name), Some(alternatives)) => match alternatives.get(&name) {
                    Some(alternative) => item = alternative,
                    None => {
                        return broken(
                            kind,
                            format!("the condition names \"{name}\", which is no alternative"),
                        );
                    }
                },
                _ => return broken(kind, "its condition or its alternatives are missing".into()),
            }
        }
    }
}

/// `sources of type "ldap" do not run here yet`
pub(crate) fn not_yet(part: Part, name: &str) -> String {
    format!("{}s of type \"{name}\" do not run here yet", part.name())
}

/// Splits `"dataset alias"`. Without an alias the dataset is its own.
pub(crate) fn dataset_and_alias(text: &str) -> (&str, &str) {
    match text.trim().rsplit_once(char::is_whitespace) {
        Some((dataset, alias)) => (dataset.trim_end(), alias),
        None => (text.trim(), text.trim()),
    }
}
