//! From typed config to a plan.

use std::sync::Arc;

use pipewright_config::pipe::{
    self as config, Completeness, Fragment, IfEmpty, InitialOffset, MergeStrategy, MergeVersion,
    NewVersions, Reprocessing, SameIdStrategy, Side, SinkKind, SourceKind, TransformKind,
};
use pipewright_config::{Pipe, Project};
use pipewright_dtl::namespaces::AddNamespaces;
use pipewright_dtl::syntax::{Member, Node, NodeKind};
use pipewright_dtl::{Diagnostic, Index, Namespaces, Options, Severity};
use pipewright_entity::{Entity, Key, Text, Value};
use pipewright_sync::merge::{Expression, Identity, Spec, Strategy, Term, unify};
use serde_json::{Map, Value as Json};

use super::*;
use crate::steps;

/// How many source entities a commit takes unless the pipe says how often its
/// offset is saved: with shuffled ids each commit touches most of the index of
/// a dataset, however little it holds.
const COMMIT_SIZE: usize = 50_000;

/// Compiles a pipe of a project.
///
/// `Err` holds everything that keeps it from running, what the DTL compiler
/// says among it; paths and spans are those of the pipe's file. What is wrong
/// with the rest of the config is the business of [`pipewright_config::validate`].
pub fn compile(pipe: &Pipe, project: &Project) -> Result<Plan, Vec<Diagnostic>> {
    compile_as(pipe, project, false)
}

/// Compiles a pipe so that [`preview`](crate::preview) tells what each
/// expression and transform of its DTL did.
pub fn compile_traced(pipe: &Pipe, project: &Project) -> Result<Plan, Vec<Diagnostic>> {
    compile_as(pipe, project, true)
}

fn compile_as(pipe: &Pipe, project: &Project, traced: bool) -> Result<Plan, Vec<Diagnostic>> {
    let mut compiler = Compiler { pipe, project, traced, found: Vec::new() };
    let plan = compiler.plan();
    let has_errors = compiler.found.iter().any(|found| found.severity == Severity::Error);
    match plan {
        Some(plan) if !has_errors => Ok(Plan { warnings: compiler.found, ..plan }),
        _ => Err(compiler.found),
    }
}

struct Compiler<'c> {
    pipe: &'c Pipe,
    project: &'c Project,
    traced: bool,
    found: Vec<Diagnostic>,
}

impl Compiler<'_> {
    fn plan(&mut self) -> Option<Plan> {
        let pipe = self.pipe;
        let names = &pipe.namespaces;
        let options = pipe.dtl_options(true);
        let add = names.add.then(|| {
            AddNamespaces::new(Some(names.property.clone()), Some(names.identity.clone()))
        });
        let edges = Edges { add, remove: names.remove };

        let source = self.source(&options);
        let transforms: Vec<TransformPlan> =
            pipe.transforms.iter().filter_map(|step| self.transform(step)).collect();
        let sink = self.sink(&options);
        let (source, sink) = (source?, sink?);

        let origin = match &source {
            SourcePlan::Dataset(source) => {
                tracking::Origin::Dataset { dataset: &source.dataset, added: edges.add.as_ref() }
            }
            _ => tracking::Origin::Other(
                "only entities of a dataset source can be found again by what they look up",
            ),
        };
        let (mut tracked, mut indexes, mut caveats) = (Vec::new(), Vec::new(), Vec::new());
        for (place, step) in transforms.iter().enumerate() {
            if let TransformPlan::Outside { part, .. } = step {
                let kind = part.config.get("type").and_then(Json::as_str).unwrap_or_default();
                caveats.push(format!("what the service of the {kind} transform answers"));
            }
            let TransformPlan::Dtl { program, .. } = step else { continue };
            tracking::add(&mut tracked, program.dependencies(), place, &origin);
            indexes.extend(program.indexes().iter().cloned());
            caveats.extend(program.analysis().not_deterministic.iter().cloned());
        }
        let (read_strategy, write_strategy) = self.retry_strategies()?;
        let (waits_for_input, populated_by) = match &pipe.source.kind {
            SourceKind::Dataset(source) => (source.require_populated_input, None),
            SourceKind::Merge(source) => {
                (source.require_populated_input, source.initial_datasets.clone())
            }
            SourceKind::Union(source) => {
                (source.require_populated_input, source.initial_datasets.clone())
            }
            SourceKind::SameId(source) => {
                (source.require_populated_input, source.initial_datasets.clone())
            }
            _ => (false, None),
        };
        Some(Plan {
            fingerprint: fingerprint(&pipe.effective()),
            id: pipe.id.clone(),
            source,
            transforms,
            sink,
            edges,
            pump: pipe.pump.clone(),
            read_strategy,
            write_strategy,
            compaction: pipe.compaction.clone(),
            batch_size: pipe.batch_size.max(1),
            commit_size: match pipe.checkpoint_interval {
                Some(batches) => pipe.batch_size.saturating_mul(batches).max(1),
                None => COMMIT_SIZE,
            },
            tracking: tracked,
            tracking_limit: pipe
                .dependency_tracking
                .error_entities
                .try_into()
                .unwrap_or(usize::MAX),
            indexes,
            caveats,
            warnings: Vec::new(),
            fails_when_empty: pipe.source.if_empty == IfEmpty::Fail,
            waits_for_input,
            populated_by,
            exclude_completeness: pipe.exclude_completeness.clone(),
            include_completeness: pipe.include_completeness.clone(),
            resends: pipe.rescan_when_config_changes
                || pipe.reprocessing == Reprocessing::Automatic,
            signalled: pipe.source.signalled,
            keeps_offset: pipe.disable_set_last_seen,
        })
    }

    fn source(&mut self, options: &Options) -> Option<SourcePlan> {
        let source = &self.pipe.source;
        Some(match &source.kind {
            SourceKind::Empty => SourcePlan::Empty,
            SourceKind::Receiver => SourcePlan::Receiver,
            SourceKind::Union(read) => SourcePlan::Union(UnionSource {
                datasets: read.datasets.clone(),
                prefix_ids: read.prefix_ids,
                include_previous_versions: read.include_previous_versions,
            }),
            SourceKind::SameId(read) => SourcePlan::SameId(SameIdSource {
                datasets: read.datasets.clone(),
                keeps_all: read.strategy == SameIdStrategy::All,
                differences: read.differences.clone(),
            }),
            SourceKind::Embedded(embedded) => SourcePlan::Embedded(self.entities(embedded)),
            SourceKind::Dataset(read) => SourcePlan::Dataset(self.dataset(read, options)?),
            SourceKind::Merge(merge) => SourcePlan::Merge(self.merge(merge, options)?),
            SourceKind::Outside(_) => {
                let system = self.system(&source.system, &source.origin)?;
                SourcePlan::Outside(OutsidePart {
                    config: source.config.clone(),
                    system,
                    path: source.origin.at.to_string(),
                })
            }
            SourceKind::Other { why, .. } => {
                self.obstacle(&source.origin, why);
                return None;
            }
        })
    }

    fn entities(&mut self, embedded: &config::EmbeddedSource) -> Vec<Arc<Dict>> {
        let mut entities = Vec::new();
        for item in embedded.entities.items() {
            match item.to_value() {
                Value::Dict(dict) => entities.push(dict),
                other => {
                    let message = format!("an entity is a dict, not {}", other.described());
                    self.error("entity-not-a-dict", &item, message);
                }
            }
        }
        entities
    }

    fn dataset(
        &mut self,
        read: &config::DatasetSource,
        options: &Options,
    ) -> Option<DatasetSource> {
        let subset = match &read.subset {
            Some(subset) => Some(self.subset(subset, &read.dataset, options)?),
            None => None,
        };
        let completeness = match &read.completeness {
            Completeness::Off => Vec::new(),
            Completeness::Source => vec![read.dataset.clone()],
            Completeness::Datasets(datasets) => datasets.clone(),
            Completeness::Expression(_) => Vec::new(),
        };
        let until = match &read.completeness {
            Completeness::Expression(expression) => Some(self.until(expression, options)?),
            _ => None,
        };
        Some(DatasetSource {
            dataset: read.dataset.clone(),
            subset,
            include_replaced: read.include_replaced,
            include_previous_versions: read.include_previous_versions,
            completeness,
            initial_completeness: read.initial_completeness.clone(),
            until,
        })
    }

    /// An expression as rules that give its value as [`UNTIL`].
    fn until(&mut self, expression: &Fragment, options: &Options) -> Option<Arc<Program>> {
        let Fragment { document, node, at, .. } = expression.with_variables();
        let span = node.span.clone();
        let made = |kind| Node { span: span.clone(), kind };
        let text = |text| made(NodeKind::String(Text::new_static(text)));
        let add = made(NodeKind::Array([text("add"), text(UNTIL), node].into()));
        let rules = made(NodeKind::Object(
            [Member {
                key: Text::new_static("default"),
                key_span: span.clone(),
                value: made(NodeKind::Array([add].into())),
            }]
            .into(),
        ));
        // Its own property has no namespace, whatever the pipe's have.
        let options = Options { namespaces: Namespaces::default(), ..options.clone() };
        let compiled = pipewright_dtl::compile(&document, &rules, &at, &options);
        let errors = compiled.diagnostics.into_iter().map(|found| Diagnostic {
            // Rules that nobody wrote have no path.
            path: at.clone(),
            ..found
        });
        self.found.extend(errors);
        compiled.program
    }

    /// `["eq", expression, literal]` as an index and a key.
    fn subset(
        &mut self,
        fragment: &Fragment,
        dataset: &Text,
        options: &Options,
    ) -> Option<(Index, Key)> {
        let piece = fragment.with_variables();
        let parts: Vec<Fragment> = piece.items().collect();
        let [eq, expression, literal] = parts.as_slice() else {
            self.error("subset-shape", &piece, "a subset is [\"eq\", expression, value]");
            return None;
        };
        if eq.node.as_str() != Some("eq") {
            self.error("subset-shape", eq, "a subset is [\"eq\", expression, value]");
            return None;
        }
        let index = self.index(expression, "_S", dataset, options)?;
        Some((index, literal.node.to_value(&literal.document).key()))
    }

    fn index(
        &mut self,
        piece: &Fragment,
        alias: &str,
        dataset: &Text,
        options: &Options,
    ) -> Option<Index> {
        let Fragment { document, node, at, .. } = piece;
        match Index::compile(document, node, at, alias, dataset, options) {
            Ok(index) => Some(index),
            Err(found) => {
                self.found.extend(found);
                None
            }
        }
    }

    fn merge(&mut self, merge: &config::MergeSource, options: &Options) -> Option<MergeSource> {
        let mut rules = Vec::new();
        let mut broken = false;
        for rule in merge.rules() {
            let sides = match rule {
                Ok(sides) => sides,
                Err(found) => {
                    self.found.push(found);
                    broken = true;
                    continue;
                }
            };
            let mut terms = Vec::with_capacity(sides.len());
            for Side { dataset: place, expression } in sides {
                let entry = &merge.datasets[place];
                match self.index(&expression, &entry.alias, &entry.dataset, options) {
                    Some(index) => {
                        terms.push(Term { dataset: place, expression: Arc::new(Indexed(index)) });
                    }
                    None => broken = true,
                }
            }
            rules.push(terms);
        }
        if broken {
            return None;
        }
        Some(MergeSource {
            spec: Spec {
                datasets: merge.datasets.iter().map(|entry| entry.dataset.clone()).collect(),
                sets: unify(rules),
                identity: match merge.identity {
                    config::Identity::Composite => Identity::Composite,
                    config::Identity::First => Identity::First,
                },
                strategy: match merge.strategy {
                    MergeStrategy::Default => Strategy::Default,
                    MergeStrategy::Compact => Strategy::Compact,
                    MergeStrategy::List => Strategy::List,
                },
                namespaced_ids: options.namespaces.enabled,
                include_internal_properties: merge.include_internal_properties,
                max_merged: match merge.version {
                    MergeVersion::First => usize::MAX,
                    MergeVersion::Second { max_merged } => {
                        max_merged.try_into().unwrap_or(usize::MAX)
                    }
                },
                ids_overlap: merge.version != MergeVersion::First,
            },
        })
    }

    fn transform(&mut self, step: &config::Transform) -> Option<TransformPlan> {
        match &step.kind {
            TransformKind::Dtl(dtl) => {
                let Fragment { document, node, at, .. } = dtl.rules.with_variables();
                let options = self.pipe.dtl_options(dtl.id_required);
                let options = Options { traced: self.traced, ..options };
                let compiled = pipewright_dtl::compile(&document, &node, &at, &options);
                self.found.extend(compiled.diagnostics);
                let trigger = dtl.trigger.as_ref().map(trigger);
                compiled.program.map(|program| TransformPlan::Dtl { program, trigger })
            }
            TransformKind::EmitChildren => Some(TransformPlan::EmitChildren),
            TransformKind::Plain { kind, trigger: on } => {
                match steps::open(kind, &step.config, self.project.metadata()) {
                    Ok(plain) => {
                        let trigger = on.as_ref().map(trigger);
                        Some(TransformPlan::Plain { step: plain, trigger })
                    }
                    Err(why) => {
                        self.obstacle(&step.origin, &why);
                        None
                    }
                }
            }
            TransformKind::Outside { trigger: on, .. } => {
                let part = OutsidePart {
                    config: step.config.clone(),
                    system: self.system(&step.system, &step.origin)?,
                    path: step.origin.at.to_string(),
                };
                let if_empty = step.config.get("if_transform_empty").and_then(Json::as_str);
                Some(TransformPlan::Outside {
                    part,
                    trigger: on.as_ref().map(trigger),
                    fails_when_empty: if_empty == Some("fail"),
                })
            }
            TransformKind::Other { why, .. } => {
                self.obstacle(&step.origin, why);
                None
            }
        }
    }

    fn sink(&mut self, options: &Options) -> Option<SinkPlan> {
        let sink = &self.pipe.sink;
        Some(match &sink.kind {
            SinkKind::Null => SinkPlan::Null,
            SinkKind::Published(_) => SinkPlan::Published,
            SinkKind::Outside(_) => {
                let system = self.system(&sink.system, &sink.origin)?;
                SinkPlan::Outside(OutsidePart {
                    config: sink.config.clone(),
                    system,
                    path: sink.origin.at.to_string(),
                })
            }
            SinkKind::Other { why, .. } => {
                self.obstacle(&sink.origin, why);
                return None;
            }
            SinkKind::Dataset(write) => {
                let mut indexes = Vec::new();
                for fragment in &write.indexes {
                    let piece = fragment.with_variables();
                    indexes.extend(self.index(&piece, "_S", &write.dataset, options));
                }
                let creates_children =
                    || self.pipe.dtl().any(|(_, dtl)| creates_children(&dtl.rules.node));
                SinkPlan::Dataset(DatasetSink {
                    dataset: write.dataset.clone(),
                    deletion_tracking: write.deletion_tracking,
                    mark_deletion_tracked: write.mark_deletion_tracked,
                    track_children: write.track_children.unwrap_or_else(creates_children),
                    optimistic_locking: write.optimistic_locking,
                    existing: match write.new_versions {
                        NewVersions::Accept => Existing::Update,
                        NewVersions::Fail => Existing::Fail,
                        NewVersions::Ignore => Existing::Ignore,
                    },
                    populated: match write.set_initial_offset {
                        InitialOffset::IfSourcePopulated => Populated::WithSource,
                        InitialOffset::Never => Populated::Never,
                        InitialOffset::Always => Populated::Always,
                        InitialOffset::Initially | InitialOffset::OnLoad => Populated::AtStart,
                    },
                    breaker_factor: write.circuit_breaker_factor,
                    breaker_count: write.circuit_breaker_count,
                    replica: write.replica,
                    indexes,
                })
            }
        })
    }

    /// The system that a part names: `Some(None)` when it names none.
    fn system(
        &mut self,
        id: &Option<Text>,
        origin: &pipewright_config::Origin,
    ) -> Option<Option<(String, Map<String, Json>)>> {
        let Some(id) = id else { return Some(None) };
        match self.project.system(id) {
            Some(system) => Some(Some((id.to_string(), system.config.clone()))),
            None => {
                self.obstacle(origin, &format!("there is no system \"{id}\""));
                None
            }
        }
    }

    /// What the systems of the source, and those of sink and transforms, say
    /// about trying again.
    fn retry_strategies(&mut self) -> Option<(RetryStrategy, RetryStrategy)> {
        let (pipe, project) = (self.pipe, self.project);
        let system = |id: &Option<Text>| Some(&project.system(id.as_ref()?)?.config);
        let services = pipe.transforms.iter().map(|transform| &transform.system);
        let written = std::iter::once(&pipe.sink.system).chain(services).filter_map(system);
        let read = system(&pipe.source.system).into_iter();
        let strategies = RetryStrategy::new(&pipe.pump, read)
            .and_then(|read| Ok((read, RetryStrategy::new(&pipe.pump, written)?)));
        match strategies {
            Ok(strategies) => Some(strategies),
            Err(why) => {
                self.obstacle(&pipe.pump.origin, &why);
                None
            }
        }
    }

    fn obstacle(&mut self, origin: &pipewright_config::Origin, why: &str) {
        let (at, span) = (origin.at.clone(), origin.span.clone());
        self.found.push(Diagnostic::error("cannot-run", at, span, why));
    }

    fn error(&mut self, code: &'static str, piece: &Fragment, message: impl Into<String>) {
        let (at, span) = (piece.at.clone(), piece.node.span.clone());
        self.found.push(Diagnostic::error(code, at, span, message));
    }
}

/// An index expression as one side of an equality rule.
struct Indexed(Index);

impl Expression for Indexed {
    fn text(&self) -> &str {
        &self.0.expression
    }

    fn keys(&self, entity: &Entity, to: &mut Vec<Key>) {
        self.0.keys(entity, to);
    }

    fn values(&self, entity: &Entity, to: &mut Vec<Value>) {
        let value = self.0.value(entity);
        to.extend(value.as_slice().iter().filter(|value| !value.is_null()).cloned());
    }
}

fn trigger(config: &config::Trigger) -> Trigger {
    let pattern = match &config.value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    Trigger { path: config.key.split('.').map(Text::from).collect(), pattern }
}

/// Whether rules call `create-child`.
fn creates_children(node: &Node) -> bool {
    let items = node.items();
    items.first().and_then(Node::as_str) == Some("create-child")
        || items.iter().any(creates_children)
        || node.members().iter().any(|member| creates_children(&member.value))
}

/// The parts of the config that decide what comes out, as a hash.
fn fingerprint(effective: &Json) -> Text {
    const DECIDING: [&str; 7] = [
        "add_namespaces",
        "namespaced_identifiers",
        "namespaces",
        "remove_namespaces",
        "sink",
        "source",
        "transform",
    ];
    let mut text = String::new();
    for name in DECIDING {
        text.push_str(name);
        canonical(effective.get(name).unwrap_or(&Json::Null), name == "transform", &mut text);
    }
    let hash = xxhash_rust::xxh3::xxh3_128(text.as_bytes());
    pipewright_entity::format_text!("{hash:032x}")
}

/// JSON text in which neither the order of keys nor comments matter.
fn canonical(json: &Json, is_dtl: bool, to: &mut String) {
    match json {
        Json::Object(members) => {
            let mut members: Vec<_> = members.iter().filter(|(k, _)| *k != "comment").collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            to.push('{');
            for (name, value) in members {
                to.push_str(name);
                to.push(':');
                canonical(value, is_dtl, to);
                to.push(',');
            }
            to.push('}');
        }
        Json::Array(items) => {
            to.push('[');
            for item in items.iter().filter(|item| !is_dtl || !is_comment(item)) {
                canonical(item, is_dtl, to);
                to.push(',');
            }
            to.push(']');
        }
        other => to.push_str(&other.to_string()),
    }
}

/// The DTL transform that does nothing.
fn is_comment(item: &Json) -> bool {
    item.as_array().and_then(|call| call.first()?.as_str()) == Some("comment")
}
