//! Reading sinks.

use pipewright_entity::Text;
use serde_json::{Map, Value as Json};

use super::{Chosen, Reader, not_yet};
use crate::catalogue::Part;
use crate::check;
use crate::pipe::values::Values;
use crate::pipe::{
    DatasetSink, Fragment, InitialOffset, NewVersions, Publication, Replica, Sink, SinkKind, filled,
};
use crate::resolve::{Form, Item};

impl Reader<'_, '_> {
    pub(super) fn sink(&mut self, id: &Text, pipe: &Item) -> Sink {
        let nothing = Item { span: pipe.span.clone(), form: Form::Object(Vec::new()) };
        let given = pipe.get("sink").unwrap_or(&nothing);
        check::component(given, Part::Sink, self.findings);
        let (item, description) = match self.choose(given, Part::Sink) {
            Chosen::Known(item, description) => (item, description),
            Chosen::Broken { origin, kind, why } => {
                return Sink {
                    kind: SinkKind::Other { kind, why, dataset: None },
                    system: None,
                    config: Map::new(),
                    origin: self.origin(&origin),
                };
            }
        };
        let mut config = Map::new();
        config.insert("type".into(), description.name.as_str().into());
        config.extend(filled(Some(item), &description.properties, self.metadata));
        let writes_dataset = description.property("dataset").is_some();
        if writes_dataset && config.get("dataset").is_none_or(Json::is_null) {
            config.insert("dataset".into(), id.as_str().into());
        }
        let values = Values::new(&config, &description.properties);
        let dataset = writes_dataset.then(|| Text::new(values.given_text("dataset").unwrap_or(id)));
        let other = |why: String| SinkKind::Other {
            kind: Text::new(&description.name),
            why,
            dataset: dataset.clone(),
        };
        let kind = match (description.name.as_str(), &dataset) {
            _ if !description.is_supported() => other(not_yet(Part::Sink, &description.name)),
            ("dataset", Some(dataset)) => {
                SinkKind::Dataset(self.dataset_sink(item, dataset.clone(), &values))
            }
            ("replicated_dataset", Some(dataset)) => SinkKind::Dataset(DatasetSink {
                // Children of before would not be in the source.
                track_children: Some(false),
                replica: Some(Replica {
                    change_tracking: values.bool("change_tracking"),
                    allow_normal: values.bool("allow_normal_dataset"),
                    migrate: values.bool("auto_migrate_to_replicated_dataset"),
                }),
                ..self.dataset_sink(item, dataset.clone(), &values)
            }),
            ("http_endpoint", _) => SinkKind::Published(Publication::Json),
            ("csv_endpoint", _) => SinkKind::Published(Publication::Csv),
            ("xml_endpoint", _) => SinkKind::Published(Publication::Xml),
            ("null", _) => SinkKind::Null,
            (name, _) => SinkKind::Outside(Text::new(name)),
        };
        let system = values.given_text("system").map(Text::new);
        if matches!(&kind, SinkKind::Dataset(sink) if sink.replica.is_none()) {
            // Shown by nodes in effective config even when it is not tracked.
            config.entry("track_children").or_insert(Json::Bool(false));
        }
        Sink { kind, system, origin: self.origin(&item.span), config }
    }

    fn dataset_sink(&self, item: &Item, dataset: Text, values: &Values<'_>) -> DatasetSink {
        let always_ids = self
            .metadata
            .get("global_defaults")
            .and_then(|defaults| defaults.get("always_index_ids"))
            .and_then(Json::as_bool)
            .unwrap_or(false);
        let indexes = item.get("indexes");
        DatasetSink {
            dataset,
            set_initial_offset: match values.text("set_initial_offset") {
                "never" => InitialOffset::Never,
                "always" => InitialOffset::Always,
                "initially" => InitialOffset::Initially,
                "onload" => InitialOffset::OnLoad,
                _ => InitialOffset::IfSourcePopulated,
            },
            index_ids: match indexes {
                Some(indexes) => {
                    indexes.as_str() == Some("$ids")
                        || indexes.items().iter().any(|index| index.as_str() == Some("$ids"))
                }
                None => always_ids,
            },
            indexes: indexes
                .filter(|indexes| matches!(indexes.form, Form::List(_)))
                .and_then(|indexes| self.fragment(&indexes.span))
                .iter()
                .flat_map(Fragment::items)
                .filter(|index| index.node.as_str() != Some("$ids"))
                .collect(),
            track_children: values.given_bool("track_children"),
            optimistic_locking: values.bool("enable_optimistic_locking"),
            circuit_breaker_factor: values.given_number("circuit_breaker_threshold_factor"),
            circuit_breaker_count: values.given_whole("circuit_breaker_threshold_count"),
            deletion_tracking: values.bool("deletion_tracking"),
            mark_deletion_tracked: values.bool("mark_deletion_tracked"),
            new_versions: match values.get("prevent_multiple_versions") {
                Some(Json::Bool(true)) => NewVersions::Fail,
                Some(Json::String(text)) if text == "ignore" => NewVersions::Ignore,
                _ => NewVersions::Accept,
            },
            suppress_filtered: values.given_bool("suppress_filtered"),
            max_entity_bytes: values.whole("max_entity_bytes_size"),
            replica: None,
        }
    }
}
