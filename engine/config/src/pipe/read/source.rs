//! Reading sources.

use pipewright_dtl::syntax::Severity;
use pipewright_entity::Text;
use serde_json::{Map, Value as Json};

use super::{Chosen, Reader, dataset_and_alias, not_yet};
use crate::catalogue::{Description, Part, Role};
use crate::check;
use crate::pipe::values::Values;
use crate::pipe::{
    Completeness, Continuation, DatasetSource, Differences, EmbeddedSource, Fragment, Identity,
    IfEmpty, MergeDataset, MergeSource, MergeStrategy, MergeVersion, Pump, SameIdSource,
    SameIdStrategy, Schedule, Source, SourceKind, UnionSource, filled,
};
use crate::problem::code;
use crate::resolve::{Form, Item};

impl Reader<'_, '_> {
    pub(super) fn source(&mut self, pipe: &Item) -> Source {
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
                ignore_non_existent_datasets: values.bool("ignore_non_existent_datasets"),
                require_populated_input: values.bool("require_populated_input"),
                include_previous_versions: values.bool("include_previous_versions"),
                prefix_ids: values.bool("prefix_ids"),
            }),
            "merge_datasets" => SourceKind::SameId(SameIdSource {
                datasets: listed(values)?,
                initial_datasets: values.given_texts("initial_datasets"),
                ignore_non_existent_datasets: values.bool("ignore_non_existent_datasets"),
                require_populated_input: values.bool("require_populated_input"),
                strategy: match values.text("strategy") {
                    "all" => SameIdStrategy::All,
                    _ => SameIdStrategy::Latest,
                },
                differences: None,
            }),
            "diff_datasets" => SourceKind::SameId(SameIdSource {
                datasets: listed(values)?,
                initial_datasets: values.given_texts("initial_datasets"),
                ignore_non_existent_datasets: values.bool("ignore_non_existent_datasets"),
                require_populated_input: false,
                strategy: SameIdStrategy::All,
                differences: Some(Differences {
                    only: values.given_texts("whitelist"),
                    except: values.texts("blacklist"),
                    lists_as_sets: values.bool("treat_lists_as_sets"),
                    ignore_deletes: values.bool("ignore_deletes"),
                }),
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
        let version = match values.number("version") == 2.0 {
            true => MergeVersion::Second { max_merged: values.whole("max_merged") },
            false => {
                let span =
                    item.get("version").map_or_else(|| check::start_of(item), |v| v.span.clone());
                self.findings.report(
                    code::DEPRECATED,
                    Severity::Info,
                    span,
                    "merge version 1, which is what a missing `version` means, is deprecated"
                        .into(),
                    Some(
                        "version 2 is the one the documentation recommends: \"version\": 2".into(),
                    ),
                );
                MergeVersion::First
            }
        };
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
            version,
        })
    }
}

/// Whether a change of a dataset starts the pipe (documentation:
/// configuration-metadata, `use_signalling_internally`; configuration-sources-dataset,
/// `supports_signalling`). Given on the source it holds. Otherwise it is for
/// pipes between datasets, unless the pump has a cron expression or an interval
/// of its own below an hour.
pub(super) fn signalled(
    source: &Source,
    pump: &Pump,
    internal: bool,
    metadata: &Map<String, Json>,
) -> bool {
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
