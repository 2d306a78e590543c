//! Pipes as types: what the config says with the defaults filled in.

mod effective;
mod pump;
mod read;
mod sink;
mod source;
mod transform;
mod values;

use pipewright_dtl::syntax::{Document, Member, Node, NodeKind, Path};
use pipewright_dtl::{Checked, Options};
use pipewright_entity::{Text, Value};
use serde_json::{Map, Value as Json};
use std::sync::{Arc, OnceLock};

use crate::problem::{Origin, Problem};
use crate::variables::Variables;

pub(crate) use effective::filled;
pub use pump::{Mode, Pump, Rescan, Schedule};
pub(crate) use read::{Reader, dataset_and_alias, not_yet, read};
pub use sink::{DatasetSink, InitialOffset, NewVersions, Publication, Replica, Sink, SinkKind};
pub use source::{
    Completeness, Continuation, DatasetSource, Differences, EmbeddedSource, Identity, IfEmpty,
    MergeDataset, MergeSource, MergeStrategy, MergeVersion, SameIdSource, SameIdStrategy, Side,
    Source, SourceKind, UnionSource,
};
pub use transform::{Dtl, Transform, TransformKind, Trigger};

/// A pipe.
///
/// It can always be shown; whether it can run is told by its
/// [obstacles](Pipe::obstacles) and by the errors of [`crate::validate`].
#[derive(Clone, Debug, PartialEq)]
pub struct Pipe {
    /// Its `_id`.
    pub id: Text,
    /// Where the pipe is written.
    pub origin: Origin,
    /// Where the entities come from.
    pub source: Source,
    /// What happens to them, in order.
    pub transforms: Vec<Transform>,
    /// Where they go.
    pub sink: Sink,
    /// When it runs and what it does about failures.
    pub pump: Pump,
    /// Prefixes of ids and property names.
    pub namespaces: Namespaces,
    /// How many entities make a batch.
    pub batch_size: usize,
    /// After how many batches the offset is saved, if the pipe says so.
    pub checkpoint_interval: Option<usize>,
    /// Whether the offset is protected from being set by hand.
    pub disable_set_last_seen: bool,
    /// Whether a rescan may run beside incremental runs.
    pub enable_background_rescan: bool,
    /// Whether a changed config means starting over.
    pub rescan_when_config_changes: bool,
    /// What to do when the pipe is out of sync.
    pub reprocessing: Reprocessing,
    /// Whether to collect which properties and types occur.
    pub infer_entity_types: bool,
    /// Limits of dependency tracking.
    pub dependency_tracking: DependencyTracking,
    /// How long old versions are kept.
    pub compaction: Compaction,
    /// The datasets that count for the completeness of what the pipe writes;
    /// all that are read when `None`.
    pub include_completeness: Option<Vec<Text>>,
    /// Datasets that do not count for it, whatever else is said.
    pub exclude_completeness: Vec<Text>,
    /// Whether what it writes is kept twice.
    pub durable: bool,
    /// Free data, such as tags.
    pub metadata: Map<String, Json>,
    /// The effective config without source, transforms, sink and pump.
    pub config: Map<String, Json>,
    /// What the DTL compiler says about it.
    pub(crate) compiled: Compiled,
}

/// Findings that follow from a pipe alone, kept from the first time they are
/// asked for. Equal pipes have equal ones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Compiled {
    found: OnceLock<Found>,
    /// What was found in the rules of an earlier text of the pipe.
    before: Arc<[Checked]>,
}

/// What is wrong with a pipe.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) problems: Arc<[Problem]>,
    /// The same of each of its DTL transforms, for the next text of it.
    pub(crate) rules: Arc<[Checked]>,
}

impl Compiled {
    /// What is wrong; it is looked for with what is known of an earlier text.
    pub(crate) fn or_find(&self, find: impl FnOnce(&[Checked]) -> Found) -> &[Problem] {
        &self.found.get_or_init(|| find(&self.before)).problems
    }

    /// For the next text of the pipe, in which the variables are the same.
    pub(crate) fn next(&self) -> Compiled {
        let known = self.found.get().map_or(&self.before, |found| &found.rules);
        Compiled { found: OnceLock::new(), before: known.clone() }
    }
}

impl PartialEq for Compiled {
    fn eq(&self, _: &Compiled) -> bool {
        true
    }
}

/// Prefixes of ids and property names (documentation: features/namespaces).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespaces {
    /// Whether names and ids carry a namespace in this pipe.
    pub enabled: bool,
    /// The namespace of ids.
    pub identity: Text,
    /// The namespace of property names.
    pub property: Text,
    /// Whether they are added before the first transform.
    pub add: bool,
    /// Whether they are removed after the last transform.
    pub remove: bool,
}

/// What to do when a pipe is out of sync.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reprocessing {
    /// Go on and say so.
    #[default]
    Continue,
    /// Start over.
    Automatic,
}

/// Limits of dependency tracking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DependencyTracking {
    /// How many entities may be held before a warning is logged.
    pub warning_entities: u64,
    /// How many entities may be held before the run fails.
    pub error_entities: u64,
    /// How many bytes may be held before a warning is logged.
    pub warning_bytes: u64,
    /// How many bytes may be held before the run fails.
    pub error_bytes: u64,
    /// Whether the limits hold for hops too.
    pub for_hops: bool,
}

/// How long old versions are kept in the dataset a pipe writes
/// (documentation: features/compaction-feature).
#[derive(Clone, Debug, PartialEq)]
pub struct Compaction {
    /// Whether versions are removed without being asked to.
    pub automatic: bool,
    /// While the pipe runs, rather than once a day.
    pub in_sink: bool,
    /// How many versions of an entity are kept.
    pub keep_versions: u64,
    /// Versions younger than this many hours are kept.
    pub hours: Option<u64>,
    /// The same for the execution log.
    pub log_hours: u64,
    /// How much the dataset must have grown; 1.1 is ten percent.
    pub growth: f64,
    /// Seconds between two compactions.
    pub interval: f64,
    /// Entities deleted for this many hours are removed with all versions.
    pub ttl_hours: Option<f64>,
    /// Seconds one round of that may take.
    pub ttl_timeout: f64,
    /// Whether entities with `$retract` lose all but their current version.
    pub retract: bool,
    /// Seconds one round of that may take.
    pub retract_timeout: f64,
}

/// A piece of a config file that is data or DTL, kept as it is written so that
/// its findings point into the file.
#[derive(Clone, Debug)]
pub struct Fragment {
    /// The file's text and tree.
    pub document: Arc<Document>,
    /// The piece.
    pub node: Node,
    /// Its path in the file.
    pub at: Path,
    /// The variables that its strings may name.
    pub variables: Arc<Variables>,
}

impl Fragment {
    /// The piece as plain JSON, with variables put in.
    pub fn to_json(&self) -> Json {
        self.variables.json_of(&self.document, &self.node)
    }

    /// The piece as data (transit), with variables put in.
    pub fn to_value(&self) -> Value {
        self.variables.value_of(&self.document, &self.node)
    }

    /// The piece with variables put in, to be compiled. Where a variable is a
    /// number, the text the piece is in becomes one of its own, and its spans
    /// count there; the path is that in the file in any case.
    pub fn with_variables(&self) -> Fragment {
        if !self.document.text_of(&self.node).contains("$ENV(") {
            return self.clone();
        }
        if let Some(node) = in_place(&self.node, &self.variables) {
            return Fragment { node, ..self.clone() };
        }
        let document = Arc::new(Document::parse(self.to_json().to_string()));
        let node = document.root.clone().unwrap_or_else(|| self.node.clone());
        Fragment { document, node, ..self.clone() }
    }

    /// The items of a list, each as a piece of its own.
    pub fn items(&self) -> impl Iterator<Item = Fragment> {
        self.node.items().iter().enumerate().map(|(index, node)| Fragment {
            node: node.clone(),
            at: self.at.index(index),
            ..self.clone()
        })
    }
}

/// The node with variables put into its strings, each at the span of its
/// string; `None` when one is a number, which only a text can hold.
fn in_place(node: &Node, variables: &Variables) -> Option<Node> {
    let kind = match &node.kind {
        NodeKind::String(text) if text.contains("$ENV(") => {
            of_json(&variables.expand(text).value, &node.span)?
        }
        NodeKind::Array(items) => NodeKind::Array(
            items.iter().map(|item| in_place(item, variables)).collect::<Option<_>>()?,
        ),
        NodeKind::Object(members) => NodeKind::Object(
            members
                .iter()
                .map(|member| {
                    let value = in_place(&member.value, variables)?;
                    Some(Member { value, ..member.clone() })
                })
                .collect::<Option<_>>()?,
        ),
        other => other.clone(),
    };
    Some(Node { span: node.span.clone(), kind })
}

fn of_json(value: &Json, span: &std::ops::Range<usize>) -> Option<NodeKind> {
    let node = |value: &Json| Some(Node { span: span.clone(), kind: of_json(value, span)? });
    Some(match value {
        Json::Null => NodeKind::Null,
        Json::Bool(value) => NodeKind::Bool(*value),
        Json::Number(_) => return None,
        Json::String(text) => NodeKind::String(Text::new(text)),
        Json::Array(items) => NodeKind::Array(items.iter().map(node).collect::<Option<_>>()?),
        Json::Object(members) => NodeKind::Object(
            members
                .iter()
                .map(|(key, value)| {
                    let (key, key_span) = (Text::new(key), span.clone());
                    Some(Member { key, key_span, value: node(value)? })
                })
                .collect::<Option<_>>()?,
        ),
    })
}

impl PartialEq for Fragment {
    /// Pieces that say the same are equal, wherever they stand.
    fn eq(&self, other: &Fragment) -> bool {
        self.document.text_of(&self.node) == other.document.text_of(&other.node)
            || self.to_json() == other.to_json()
    }
}

/// Something that keeps a pipe from running.
#[derive(Clone, Debug, PartialEq)]
pub struct Obstacle {
    /// Where it stands.
    pub origin: Origin,
    /// What it is, for people: `sources of type "ldap" do not run here yet`.
    pub why: String,
}

impl Pipe {
    /// What keeps the pipe from running: parts that are missing, broken or not
    /// supported yet. What they need from elsewhere (systems, datasets) is not
    /// looked at.
    pub fn obstacles(&self) -> Vec<Obstacle> {
        let mut found = Vec::new();
        let mut add = |origin: &Origin, why: &str| {
            found.push(Obstacle { origin: origin.clone(), why: why.to_owned() });
        };
        if let SourceKind::Other { why, .. } = &self.source.kind {
            add(&self.source.origin, why);
        }
        for transform in &self.transforms {
            if let TransformKind::Other { why, .. } = &transform.kind {
                add(&transform.origin, why);
            }
        }
        if let SinkKind::Other { why, .. } = &self.sink.kind {
            add(&self.sink.origin, why);
        }
        found
    }

    /// The systems its source, transforms and sink use.
    pub fn systems(&self) -> impl Iterator<Item = &Text> {
        let transforms = self.transforms.iter().map(|transform| &transform.system);
        let all = [&self.source.system, &self.sink.system].into_iter().chain(transforms);
        all.flatten()
    }

    /// The datasets its source reads, in order. Datasets that the transforms
    /// hop to are in [`crate::flow::Graph`].
    pub fn source_datasets(&self) -> Vec<&Text> {
        self.source.datasets()
    }

    /// The dataset it writes.
    pub fn sink_dataset(&self) -> Option<&Text> {
        self.sink.dataset()
    }

    /// Whether it reads datasets of this node and writes one.
    pub fn is_internal(&self) -> bool {
        !self.source_datasets().is_empty() && self.sink_dataset().is_some()
    }

    /// Whether others fetch what it gives, so that it never runs by itself.
    pub fn is_endpoint(&self) -> bool {
        self.sink.is_endpoint()
    }

    /// The DTL transforms, with their place among all transforms.
    pub fn dtl(&self) -> impl Iterator<Item = (usize, &Dtl)> {
        self.transforms.iter().enumerate().filter_map(|(index, transform)| match &transform.kind {
            TransformKind::Dtl(dtl) => Some((index, dtl)),
            _ => None,
        })
    }

    /// What its DTL is compiled with. `id_required` is that of a [`Dtl`].
    pub fn dtl_options(&self, id_required: bool) -> Options {
        Options {
            namespaces: pipewright_dtl::Namespaces {
                enabled: self.namespaces.enabled,
                identity: self.namespaces.identity.clone(),
                property: self.namespaces.property.clone(),
            },
            id_required,
            ..Options::new(self.id.clone())
        }
    }

    /// The config as it takes effect: variables put in, alternatives chosen,
    /// defaults filled in. Secrets stay as they are written.
    pub fn effective(&self) -> Json {
        effective::effective(self)
    }

    /// The config as it is written.
    pub fn original(&self) -> Json {
        effective::original(self)
    }
}

impl Source {
    /// The datasets it reads, in order.
    pub fn datasets(&self) -> Vec<&Text> {
        match &self.kind {
            SourceKind::Dataset(source) => vec![&source.dataset],
            SourceKind::Merge(source) => {
                source.datasets.iter().map(|dataset| &dataset.dataset).collect()
            }
            SourceKind::Union(source) => source.datasets.iter().collect(),
            SourceKind::SameId(source) => source.datasets.iter().collect(),
            SourceKind::Other { datasets, .. } => datasets.iter().collect(),
            SourceKind::Embedded(_)
            | SourceKind::Receiver
            | SourceKind::Empty
            | SourceKind::Outside(_) => Vec::new(),
        }
    }

    /// Its `type`; empty when it has none.
    pub fn type_name(&self) -> &str {
        match &self.kind {
            SourceKind::Dataset(_) => "dataset",
            SourceKind::Merge(_) => "merge",
            SourceKind::Union(_) => "union_datasets",
            SourceKind::SameId(source) if source.differences.is_some() => "diff_datasets",
            SourceKind::SameId(_) => "merge_datasets",
            SourceKind::Embedded(_) => "embedded",
            SourceKind::Receiver => "http_endpoint",
            SourceKind::Empty => "empty",
            SourceKind::Outside(kind) | SourceKind::Other { kind, .. } => kind,
        }
    }
}

impl Transform {
    /// Its `type`; empty when it has none.
    pub fn type_name(&self) -> &str {
        match &self.kind {
            TransformKind::Dtl(_) => "dtl",
            TransformKind::EmitChildren => "emit_children",
            TransformKind::Plain { kind, .. }
            | TransformKind::Outside { kind, .. }
            | TransformKind::Other { kind, .. } => kind,
        }
    }
}

impl Sink {
    /// The dataset it writes.
    pub fn dataset(&self) -> Option<&Text> {
        match &self.kind {
            SinkKind::Dataset(sink) => Some(&sink.dataset),
            SinkKind::Other { dataset, .. } => dataset.as_ref(),
            SinkKind::Published(_) | SinkKind::Outside(_) | SinkKind::Null => None,
        }
    }

    /// Whether others fetch what it gets.
    pub fn is_endpoint(&self) -> bool {
        match &self.kind {
            SinkKind::Published(_) => true,
            SinkKind::Other { kind, .. } => kind.ends_with("_endpoint"),
            _ => false,
        }
    }

    /// Its `type`; empty when it has none.
    pub fn type_name(&self) -> &str {
        match &self.kind {
            SinkKind::Dataset(sink) if sink.replica.is_some() => "replicated_dataset",
            SinkKind::Dataset(_) => "dataset",
            SinkKind::Published(Publication::Json) => "http_endpoint",
            SinkKind::Published(Publication::Csv) => "csv_endpoint",
            SinkKind::Published(Publication::Xml) => "xml_endpoint",
            SinkKind::Null => "null",
            SinkKind::Outside(kind) | SinkKind::Other { kind, .. } => kind,
        }
    }
}
