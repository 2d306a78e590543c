//! From config to types.

use std::ops::Range;
use std::sync::Arc;

use pipewright_dtl::syntax::Severity;
use pipewright_entity::Text;
use serde_json::{Map, Value as Json};

use super::values::Values;
use super::{
    Compaction, Completeness, Continuation, DatasetSink, DatasetSource, DependencyTracking, Dtl,
    EmbeddedSource, Fragment, Identity, IfEmpty, InitialOffset, MergeDataset, MergeSource,
    MergeStrategy, Mode, Namespaces, NewVersions, Pipe, Publication, Pump, Reprocessing, Rescan,
    SameIdSource, SameIdStrategy, Schedule, Sink, SinkKind, Source, SourceKind, Transform,
    TransformKind, Trigger, UnionSource, filled,
};
use crate::catalogue::{self, Description, Part, Role};
use crate::check;
use crate::problem::{Findings, Origin, code};
use crate::resolve::{Form, Item, condition_text};
use crate::variables::Variables;

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
    let one_by_one = matches!(&sink.kind, SinkKind::Other { kind, .. } if kind == "rest");
    let values = Values::new(&config, &description.properties);
    let batch_size = values.count("batch_size").unwrap_or(if one_by_one { 1 } else { 100 });
    let checkpoint_interval =
        values.count("checkpoint_interval").unwrap_or(if batch_size == 1 { 1 } else { 100 });
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

/// Whether a change of a dataset starts the pipe (documentation:
/// configuration-metadata, `use_signalling_internally`; configuration-sources-dataset,
/// `supports_signalling`). Given on the source it holds. Otherwise it is for
/// pipes between datasets, unless the pump has a cron expression or an interval
/// of its own below an hour.
fn signalled(source: &Source, pump: &Pump, internal: bool, metadata: &Map<String, Json>) -> bool {
    if let Some(Json::Bool(given)) = source.config.get("supports_signalling") {
        return *given;
    }
    let globally = metadata
        .get("global_defaults")
        .and_then(|defaults| defaults.get("use_signalling_internally"))
        .and_then(Json::as_bool)
        .unwrap_or(true);
    let scheduled = match pump.schedule {
        Schedule::Interval { seconds, jitter } => jitter == 0.0 && seconds < 3600.0,
        Schedule::Cron(_) => true,
        Schedule::Never => false,
    };
    internal && globally && !scheduled
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

    fn source(&mut self, pipe: &Item) -> Source {
        let given = pipe.get("source");
        if let Some(item) = given {
            check::component(item, Part::Source, self.findings);
        }
        let chosen = match given {
            Some(item) => self.choose(item, Part::Source),
            None => Chosen::Broken {
                origin: pipe.span.clone(),
                kind: Text::default(),
                why: "the pipe has no source".into(),
            },
        };
        let (item, description) = match chosen {
            Chosen::Known(item, description) => (item, description),
            Chosen::Broken { origin, kind, why } => {
                return Source {
                    kind: SourceKind::Other { kind, why, datasets: Vec::new() },
                    system: None,
                    continuation: Continuation::default(),
                    initial_since: None,
                    if_empty: IfEmpty::Accept,
                    signalled: false,
                    config: Map::new(),
                    origin: self.origin(&origin),
                };
            }
        };
        let mut config = filled(Some(item), &description.properties, self.metadata);
        for (property, value) in &description.fixed {
            config.insert(property.clone(), value.clone());
        }
        let values = Values::new(&config, &description.properties);
        let kind = match self.source_kind(item, description, &values) {
            Ok(kind) => kind,
            Err(why) => SourceKind::Other {
                kind: Text::new(&description.name),
                why,
                datasets: datasets_named(item, description),
            },
        };
        Source {
            kind,
            system: values.given_text("system").map(Text::new),
            continuation: Continuation {
                supports_since: values.bool("supports_since"),
                is_since_comparable: values.bool("is_since_comparable"),
                is_chronological: values.bool("is_chronological"),
            },
            initial_since: config.get("initial_since_value").filter(|v| !v.is_null()).cloned(),
            if_empty: match values.text("if_source_empty") {
                "fail" => IfEmpty::Fail,
                _ => IfEmpty::Accept,
            },
            signalled: false,
            origin: self.origin(&item.span),
            config,
        }
    }

    /// The kind of source, or why it does not run.
    fn source_kind(
        &mut self,
        item: &Item,
        description: &'static Description,
        values: &Values<'_>,
    ) -> Result<SourceKind, String> {
        if !description.is_supported() {
            return Err(not_yet(Part::Source, &description.name));
        }
        Ok(match description.name.as_str() {
            "dataset" => SourceKind::Dataset(DatasetSource {
                dataset: values
                    .given_text("dataset")
                    .map(Text::new)
                    .ok_or("the source names no dataset")?,
                subset: item.get("subset").and_then(|item| self.fragment(&item.span)),
                completeness: self.completeness(item),
                initial_completeness: values.texts("initial_completeness"),
                require_populated_input: values.bool("require_populated_input"),
                include_previous_versions: values.bool("include_previous_versions"),
                include_replaced: values.bool("include_replaced"),
            }),
            "merge" => SourceKind::Merge(self.merge(item, values)?),
            "embedded" => SourceKind::Embedded(EmbeddedSource {
                entities: item
                    .get("entities")
                    .filter(|item| item.name() == "a list")
                    .and_then(|item| self.fragment(&item.span))
                    .ok_or("the source has no list of entities")?,
            }),
            "empty" => SourceKind::Empty,
            "http_endpoint" => SourceKind::Receiver,
            "union_datasets" => SourceKind::Union(UnionSource {
                datasets: listed(values)?,
                initial_datasets: values.given_texts("initial_datasets"),
                require_populated_input: values.bool("require_populated_input"),
                include_previous_versions: values.bool("include_previous_versions"),
                prefix_ids: values.bool("prefix_ids"),
            }),
            "merge_datasets" => SourceKind::SameId(SameIdSource {
                datasets: listed(values)?,
                initial_datasets: values.given_texts("initial_datasets"),
                require_populated_input: values.bool("require_populated_input"),
                strategy: match values.text("strategy") {
                    "all" => SameIdStrategy::All,
                    _ => SameIdStrategy::Latest,
                },
            }),
            name => SourceKind::Outside(Text::new(name)),
        })
    }

    fn completeness(&self, source: &Item) -> Completeness {
        let Some(item) = source.get("completeness") else { return Completeness::Off };
        match &item.form {
            Form::Bool(true) => Completeness::Source,
            Form::List(items) => Completeness::Datasets(
                items.iter().filter_map(Item::as_str).map(Text::new).collect(),
            ),
            Form::Object(_) => item
                .get("expression")
                .and_then(|expression| self.fragment(&expression.span))
                .map_or(Completeness::Off, Completeness::Expression),
            _ => Completeness::Off,
        }
    }

    fn merge(&mut self, item: &Item, values: &Values<'_>) -> Result<MergeSource, String> {
        if values.number("version") != 2.0 {
            let span =
                item.get("version").map_or_else(|| check::start_of(item), |v| v.span.clone());
            self.findings.report(
                code::DEPRECATED,
                Severity::Info,
                span,
                "merge version 1, which is what a missing `version` means, runs as version 2"
                    .into(),
                Some("version 2 is the one the documentation recommends: \"version\": 2".into()),
            );
        }
        let datasets: Vec<MergeDataset> = item
            .get("datasets")
            .map(Item::items)
            .unwrap_or_default()
            .iter()
            .filter_map(|item| {
                let (dataset, alias) = dataset_and_alias(item.as_str()?);
                Some(MergeDataset {
                    dataset: Text::new(dataset),
                    alias: Text::new(alias),
                    origin: self.origin(&item.span),
                })
            })
            .collect();
        if datasets.is_empty() {
            return Err("the source names no datasets".into());
        }
        for (index, one) in datasets.iter().enumerate() {
            if datasets[..index].iter().any(|other| other.alias == one.alias) {
                self.findings.error(
                    code::CONFLICT,
                    one.origin.span.clone(),
                    format!("the alias `{}` is already taken", one.alias),
                );
            } else if datasets[..index].iter().any(|other| other.dataset == one.dataset) {
                self.findings.error(
                    code::CONFLICT,
                    one.origin.span.clone(),
                    format!("the dataset `{}` is already in the list", one.dataset),
                );
            }
        }
        let list = |name: &str| {
            item.get(name).and_then(|item| self.fragment(&item.span)).filter(|f| f.node.is_array())
        };
        Ok(MergeSource {
            datasets,
            initial_datasets: values.given_texts("initial_datasets"),
            ignore_non_existent_datasets: values.bool("ignore_non_existent_datasets"),
            require_populated_input: values.bool("require_populated_input"),
            equality: list("equality").iter().flat_map(Fragment::items).collect(),
            equality_sets: list("equality_sets")
                .iter()
                .flat_map(Fragment::items)
                .map(|set| set.items().collect())
                .collect(),
            identity: match values.text("identity") {
                "first" => Identity::First,
                _ => Identity::Composite,
            },
            strategy: match values.text("strategy") {
                "compact" => MergeStrategy::Compact,
                "list" => MergeStrategy::List,
                _ => MergeStrategy::Default,
            },
            include_internal_properties: values.bool("include_internal_properties"),
            max_merged: values.whole("max_merged"),
        })
    }

    /// Reads a transform, a list of them, or a chain.
    fn transforms(&mut self, item: &Item, all: &mut Vec<Transform>) {
        if let Form::List(items) = &item.form {
            for item in items {
                self.transforms(item, all);
            }
            return;
        }
        // The prototypes of the documentation have `"transform": {}`.
        if item.is_object() && item.entries().is_empty() {
            return;
        }
        check::component(item, Part::Transform, self.findings);
        self.transform(item, all);
    }

    fn transform(&mut self, item: &Item, all: &mut Vec<Transform>) {
        let (item, description) = match self.choose(item, Part::Transform) {
            Chosen::Known(item, description) => (item, description),
            Chosen::Broken { origin, kind, why } => {
                all.push(Transform {
                    kind: TransformKind::Other { kind, why },
                    system: None,
                    side_effects: false,
                    config: Map::new(),
                    origin: self.origin(&origin),
                });
                return;
            }
        };
        if description.name == "chained" {
            for item in item.get("transforms").map(Item::items).unwrap_or_default() {
                self.transform(item, all);
            }
            return;
        }
        let config = filled(Some(item), &description.properties, self.metadata);
        let values = Values::new(&config, &description.properties);
        let other = |why: String| TransformKind::Other { kind: Text::new(&description.name), why };
        let kind = match description.name.as_str() {
            _ if !description.is_supported() => other(not_yet(Part::Transform, &description.name)),
            "emit_children" => TransformKind::EmitChildren,
            _ => match item
                .get("rules")
                .filter(|item| item.name() == "an object")
                .and_then(|item| self.fragment(&item.span))
            {
                Some(rules) => TransformKind::Dtl(Dtl {
                    rules,
                    id_required: values.bool("id_required"),
                    trigger: config.get("trigger_on").and_then(trigger),
                }),
                None => other("the transform has no rules".into()),
            },
        };
        all.push(Transform {
            kind,
            system: values.given_text("system").map(Text::new),
            side_effects: values.bool("side_effects"),
            origin: self.origin(&item.span),
            config,
        });
    }

    fn sink(&mut self, id: &Text, pipe: &Item) -> Sink {
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
            ("http_endpoint", _) => SinkKind::Published(Publication::Json),
            ("csv_endpoint", _) => SinkKind::Published(Publication::Csv),
            ("null", _) => SinkKind::Null,
            (name, _) => SinkKind::Outside(Text::new(name)),
        };
        let system = values.given_text("system").map(Text::new);
        if matches!(kind, SinkKind::Dataset(_)) {
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
        }
    }

    fn pump(&mut self, id: &Text, pipe: &Item, internal: bool, endpoint: bool) -> Pump {
        let description = catalogue::single(Part::Pump);
        let given = pipe.get("pump");
        if let Some(pump) = given
            && check::is_object(pump, Part::Pump, self.findings)
        {
            check::properties(pump, description, self.findings);
            self.pump_conflicts(pump);
        }
        let mut config = filled(given, &description.properties, self.metadata);
        let values = Values::new(&config, &description.properties);
        let schedule = match (values.given_text("cron_expression"), values.get("schedule_interval"))
        {
            _ if endpoint => Schedule::Never,
            (Some(cron), _) => Schedule::Cron(Text::new(cron)),
            (None, Some(Json::Number(seconds))) => {
                Schedule::Interval { seconds: seconds.as_f64().unwrap_or(0.0), jitter: 0.0 }
            }
            _ if internal => Schedule::Interval { seconds: 30.0, jitter: 1.5 },
            _ => Schedule::Interval { seconds: 900.0, jitter: 45.0 },
        };
        let dead_letters = values.given_text("dead_letter_dataset").map(Text::new).or_else(|| {
            values
                .bool("use_dead_letter_dataset")
                .then(|| Text::from(format!("system:dead-letter:{id}")))
        });
        let pump = Pump {
            mode: match values.text("mode") {
                "manual" => Mode::Manual,
                "off" => Mode::Off,
                _ => Mode::Scheduled,
            },
            rescan: match (
                values.given_text("rescan_cron_expression"),
                values.given_whole("rescan_run_count"),
            ) {
                (Some(cron), _) => Some(Rescan::Cron(Text::new(cron))),
                (None, Some(runs)) => Some(Rescan::Runs(runs)),
                (None, None) => None,
            },
            partial_rescan: values
                .given_whole("partial_rescan_run_count")
                .zip(values.given_whole("partial_rescan_delta")),
            run_at_startup: values.bool("run_at_startup"),
            run_at_startup_if_not_populated: values.bool("run_at_startup_if_not_populated"),
            dead_letter_dataset: dead_letters,
            track_dead_letters: values.bool("track_dead_letters"),
            max_read_retries: values.whole("max_read_retries"),
            read_retry_delay: values.number("read_retry_delay"),
            write_retry_delay: values.number("write_retry_delay"),
            max_retries_per_entity: values.whole("max_retries_per_entity"),
            max_consecutive_write_errors: values.whole("max_consecutive_write_errors"),
            max_write_errors_in_retry_dataset: values.whole("max_write_errors_in_retry_dataset"),
            batch_retries: values.whole("batch_retries"),
            fallback_to_single_entities: values.bool("fallback_to_single_entities_on_batch_fail"),
            max_seconds_per_entity: values.given_number("max_seconds_per_entity"),
            log_noop_runs: values.bool("log_events_noop_runs"),
            noop_by_changes: values.bool("log_events_noop_runs_changes_only"),
            log_interval: values.given_whole("notification_granularity"),
            origin: self.origin(given.map_or(&pipe.span, |pump| &pump.span)),
            config: Map::new(),
            schedule,
        };
        let kind = if endpoint { "noop" } else { "datasync" };
        let mut effective = Map::new();
        effective.insert("_id".into(), format!("pump:{id}").into());
        effective.insert("type".into(), kind.into());
        effective.append(&mut config);
        match pump.schedule {
            Schedule::Never => {
                effective.insert("schedule_interval".into(), 999_999_999.into());
            }
            Schedule::Interval { seconds, jitter } if jitter > 0.0 => {
                effective.insert("schedule_interval".into(), seconds.into());
            }
            _ => {}
        }
        Pump { config: effective, ..pump }
    }

    fn pump_conflicts(&mut self, pump: &Item) {
        let mut beside = |one: &str, other: &str, effect: &str| {
            if let (Some(entry), Some(_)) = (pump.entry(one), pump.entry(other)) {
                self.findings.report(
                    code::CONFLICT,
                    Severity::Warning,
                    entry.key_span.clone(),
                    format!("`{one}` stands beside `{other}`: {effect}"),
                    Some(format!("remove `{one}`")),
                );
            }
        };
        beside("schedule_interval", "cron_expression", "the cron expression wins");
        beside("rescan_run_count", "rescan_cron_expression", "the cron expression wins");
        for (one, other) in [
            ("partial_rescan_run_count", "partial_rescan_delta"),
            ("partial_rescan_delta", "partial_rescan_run_count"),
        ] {
            if let (Some(entry), None) = (pump.entry(one), pump.entry(other)) {
                let span = entry.key_span.clone();
                let message = format!("`{one}` needs `{other}` beside it");
                self.findings.error(code::PROPERTY_MISSING, span, message);
            }
        }
    }
}

/// `sources of type "sql" do not run here yet`
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

/// The datasets a component names that it would read.
fn datasets_named(item: &Item, description: &'static Description) -> Vec<Text> {
    let plain = check::strings_with_role(item, &description.properties, Role::Dataset)
        .filter(|(_, _, property)| matches!(property.name.as_str(), "dataset" | "datasets"))
        .map(|(text, _, _)| dataset_and_alias(text).0);
    let aliased = check::strings_with_role(item, &description.properties, Role::DatasetsWithAlias)
        .map(|(text, _, _)| dataset_and_alias(text).0);
    plain.chain(aliased).map(Text::new).collect()
}

/// The datasets of a source that reads several.
fn listed(values: &Values<'_>) -> Result<Vec<Text>, String> {
    match values.texts("datasets") {
        datasets if datasets.is_empty() => Err("the source names no datasets".into()),
        datasets => Ok(datasets),
    }
}

/// Documentation: configuration-transforms-dtl, `trigger_on`.
fn trigger(config: &Json) -> Option<Trigger> {
    Some(Trigger {
        key: Text::new(config.get("key").and_then(Json::as_str).unwrap_or("_trigger")),
        value: config.get("value")?.clone(),
    })
}
