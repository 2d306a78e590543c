//! A pipe, compiled: what its effective config says, in the form that runs.

mod config;
mod retry_strategy;
mod tracking;

use std::sync::Arc;

use pipewright_component::Setting;
use pipewright_config::pipe::{Compaction, Differences, Mode, Pump, Replica};
use pipewright_dtl::namespaces::AddNamespaces;
use pipewright_dtl::{Diagnostic, Index, Program};
use pipewright_entity::{Dict, Key, Text};
use pipewright_sync::merge::Spec;
use serde_json::{Map, Value as Json};

use crate::FlowPipe;
use crate::steps::Step;
pub use config::{compile, compile_traced};
pub(crate) use retry_strategy::RetryStrategy;
pub(crate) use tracking::{Lookup, Step as TrackingStep, Tracking, lookup};

/// A pipe that can run. Made by [`compile`] from effective config; does not
/// change, may be shared between threads.
#[derive(Clone)]
pub struct Plan {
    pub(crate) id: Text,
    pub(crate) source: SourcePlan,
    pub(crate) transforms: Vec<TransformPlan>,
    pub(crate) sink: SinkPlan,
    pub(crate) edges: Edges,
    pub(crate) pump: Pump,
    /// What the system of the source says about reading again.
    pub(crate) read_strategy: RetryStrategy,
    /// What the systems of sink and transforms say about writing again.
    pub(crate) write_strategy: RetryStrategy,
    pub(crate) compaction: Compaction,
    /// How many source entities make a batch for a sink that reaches out.
    pub(crate) batch_size: usize,
    /// How many source entities one commit takes at most, where the store is
    /// all that is written.
    pub(crate) commit_size: usize,
    pub(crate) tracking: Vec<Tracking>,
    /// How many entities tracking may hold before the source runs in full.
    pub(crate) tracking_limit: usize,
    /// Indexes that lookups of the transforms need.
    pub(crate) indexes: Vec<Index>,
    /// Names everything that decides what comes out: another fingerprint
    /// means that what is in the sink may be stale.
    pub(crate) fingerprint: Text,
    /// Why running on changes may give something else than running in full.
    pub(crate) caveats: Vec<String>,
    pub(crate) warnings: Vec<Diagnostic>,
    /// A full run that reads nothing fails (`if_source_empty`).
    pub(crate) fails_when_empty: bool,
    /// Nothing runs before the source is populated (`require_populated_input`).
    pub(crate) waits_for_input: bool,
    /// The datasets that must be populated for the source to be, when these
    /// are not all (`initial_datasets`).
    pub(crate) populated_by: Option<Vec<Text>>,
    /// Datasets that do not count for the completeness of the sink.
    pub(crate) exclude_completeness: Vec<Text>,
    /// The only datasets that do.
    pub(crate) include_completeness: Option<Vec<Text>>,
    /// Whether another config has everything sent to the outside again
    /// (`rescan_when_config_changes`, `reprocessing_policy`).
    pub(crate) resends: bool,
    /// Whether a change of what the source reads starts the pipe.
    pub(crate) signalled: bool,
    /// Whether where it is in its source is not to be set by hand
    /// (`disable_set_last_seen`).
    pub(crate) keeps_offset: bool,
}

/// What happens at the edges of the chain of transforms.
#[derive(Clone, Default)]
pub(crate) struct Edges {
    pub(crate) add: Option<AddNamespaces>,
    pub(crate) remove: bool,
}

/// Where the entities come from.
#[derive(Clone)]
pub(crate) enum SourcePlan {
    Empty,
    Embedded(Vec<Arc<Dict>>),
    Dataset(DatasetSource),
    /// One dataset after the other.
    Union(UnionSource),
    /// Entities of the same id in several datasets.
    SameId(SameIdSource),
    Merge(MergeSource),
    /// Entities are posted to the pipe; there is nothing to read.
    Receiver,
    Outside(OutsidePart),
}

/// Reads one dataset.
#[derive(Clone)]
pub(crate) struct DatasetSource {
    pub(crate) dataset: Text,
    pub(crate) subset: Option<(Index, Key)>,
    pub(crate) include_replaced: bool,
    pub(crate) include_previous_versions: bool,
    /// Entities newer than the completeness of these datasets are left for
    /// later.
    pub(crate) completeness: Vec<Text>,
    /// Nothing is read before these datasets have a completeness.
    pub(crate) initial_completeness: Vec<Text>,
    /// Gives the time up to which entities are read, as the property
    /// [`UNTIL`]; asked when a run starts.
    pub(crate) until: Option<Arc<Program>>,
}

/// What the rules made of a completeness expression call its value.
pub(crate) const UNTIL: &str = "until";

/// Reads several datasets one after the other.
#[derive(Clone)]
pub(crate) struct UnionSource {
    pub(crate) datasets: Vec<Text>,
    pub(crate) prefix_ids: bool,
    pub(crate) include_previous_versions: bool,
}

/// Reads entities that have the same id in several datasets as one.
#[derive(Clone)]
pub(crate) struct SameIdSource {
    pub(crate) datasets: Vec<Text>,
    /// All of them, each under the id of its dataset; else the newest one.
    pub(crate) keeps_all: bool,
    /// Only those that differ, with what does in `$diff`.
    pub(crate) differences: Option<Differences>,
}

/// Reads clusters of entities.
#[derive(Clone)]
pub(crate) struct MergeSource {
    pub(crate) spec: Spec,
}

/// A component that reaches out of the node.
#[derive(Clone)]
pub(crate) struct OutsidePart {
    pub(crate) config: Map<String, Json>,
    pub(crate) system: Option<(String, Map<String, Json>)>,
    /// Its path in the pipe's config.
    pub(crate) path: String,
}

impl OutsidePart {
    pub(crate) fn setting<'s>(&'s self, pipe: &'s str) -> Setting<'s> {
        let system = self.system.as_ref().map(|(id, config)| (id.as_str(), config));
        Setting { pipe, config: &self.config, system, path: &self.path }
    }

    /// How many entities one call takes, when the config says.
    pub(crate) fn batch_size(&self) -> Option<usize> {
        self.config.get("batch_size")?.as_u64()?.try_into().ok()
    }
}

/// One step of the chain.
#[derive(Clone)]
pub(crate) enum TransformPlan {
    Dtl { program: Arc<Program>, trigger: Option<Trigger> },
    EmitChildren,
    Plain { step: Arc<dyn Step>, trigger: Option<Trigger> },
    Outside { part: OutsidePart, trigger: Option<Trigger>, fails_when_empty: bool },
}

/// Which entities a transform is for (`trigger_on`); others pass
/// untouched.
#[derive(Clone)]
pub(crate) struct Trigger {
    pub(crate) path: Vec<Text>,
    /// With `*` for any text.
    pub(crate) pattern: String,
}

/// Where the entities go.
#[derive(Clone)]
pub(crate) enum SinkPlan {
    Dataset(DatasetSink),
    /// Entities are fetched from the pipe; nothing is written.
    Published,
    Null,
    Outside(OutsidePart),
}

/// Writes into one dataset.
#[derive(Clone)]
pub(crate) struct DatasetSink {
    pub(crate) dataset: Text,
    pub(crate) deletion_tracking: bool,
    pub(crate) mark_deletion_tracked: bool,
    pub(crate) track_children: bool,
    pub(crate) optimistic_locking: bool,
    pub(crate) existing: Existing,
    pub(crate) populated: Populated,
    /// How many entities a run may change, as a share of those in the dataset
    /// and as a number (`circuit_breaker_threshold_factor`, `…_count`).
    pub(crate) breaker_factor: Option<f64>,
    pub(crate) breaker_count: Option<u64>,
    /// How it is to be a copy of what the source reads.
    pub(crate) replica: Option<Replica>,
    /// Indexes that readers of the dataset ask for.
    pub(crate) indexes: Vec<Index>,
}

/// What happens to entities that the dataset already has
/// (`prevent_multiple_versions`).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Existing {
    Update,
    Fail,
    Ignore,
}

/// When the dataset counts as populated (`set_initial_offset`).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Populated {
    WithSource,
    Never,
    Always,
    AtStart,
}

impl Plan {
    /// The pipe's id.
    pub fn id(&self) -> &Text {
        &self.id
    }

    /// The pipe as the scheduler sees it.
    pub fn flow_pipe(&self) -> FlowPipe {
        let mut reads = self.source_datasets();
        for tracking in &self.tracking {
            if !reads.contains(tracking.dataset()) {
                reads.push(tracking.dataset().clone());
            }
        }
        let writes = self.sink_dataset().cloned().into_iter().collect();
        let mode = match (&self.source, &self.sink) {
            // They have no pump: entities come and go by request.
            (SourcePlan::Receiver, _) | (_, SinkPlan::Published) => Mode::Off,
            _ => self.mode(),
        };
        let mut awaits = Vec::new();
        if let SourcePlan::Dataset(source) = &self.source {
            awaits.extend(source.completeness.iter().cloned());
            awaits.extend(source.initial_completeness.iter().cloned());
        }
        FlowPipe {
            id: self.id.clone(),
            reads,
            writes,
            mode,
            signalled: self.signalled,
            awaits,
            lends: self.completeness_datasets(),
        }
    }

    /// The datasets whose completeness goes on to the sink.
    pub(crate) fn completeness_datasets(&self) -> Vec<Text> {
        let mut datasets = match &self.include_completeness {
            Some(datasets) => datasets.clone(),
            None => {
                let mut datasets = self.source_datasets();
                datasets.extend(self.tracking.iter().map(|tracking| tracking.dataset().clone()));
                datasets
            }
        };
        datasets.retain(|id| !self.exclude_completeness.contains(id));
        datasets
    }

    /// The datasets that the source reads, in the order of the config.
    pub fn source_datasets(&self) -> Vec<Text> {
        match &self.source {
            SourcePlan::Dataset(source) => vec![source.dataset.clone()],
            SourcePlan::Union(source) => source.datasets.clone(),
            SourcePlan::SameId(source) => source.datasets.clone(),
            SourcePlan::Merge(source) => source.spec.datasets.clone(),
            SourcePlan::Empty
            | SourcePlan::Embedded(_)
            | SourcePlan::Receiver
            | SourcePlan::Outside(_) => Vec::new(),
        }
    }

    /// The dataset that the sink writes, if it writes one.
    pub fn sink_dataset(&self) -> Option<&Text> {
        match &self.sink {
            SinkPlan::Dataset(sink) => Some(&sink.dataset),
            _ => None,
        }
    }

    /// Whether entities are posted to the pipe rather than read.
    pub fn is_receiver(&self) -> bool {
        matches!(self.source, SourcePlan::Receiver)
    }

    /// Whether entities are fetched from the pipe rather than written.
    pub fn is_published(&self) -> bool {
        matches!(self.sink, SinkPlan::Published)
    }

    /// Whether running it reads from outside the node.
    pub fn reads_outside(&self) -> bool {
        matches!(self.source, SourcePlan::Outside(_))
    }

    /// Whether it calls services on the way from source to sink.
    pub fn calls_outside(&self) -> bool {
        self.transforms.iter().any(|step| matches!(step, TransformPlan::Outside { .. }))
    }

    /// Whether running it writes to the outside.
    pub fn writes_outside(&self) -> bool {
        matches!(self.sink, SinkPlan::Outside(_))
    }

    /// Why running on changes may give something else than running in full:
    /// functions whose result depends on more than the entity. Empty for most
    /// pipes.
    pub fn caveats(&self) -> &[String] {
        &self.caveats
    }

    /// What the compiler of the transforms warns about.
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// The datasets that the transforms look into, and for each why changes
    /// there lead to a full run, if they do.
    pub fn dependencies(&self) -> impl Iterator<Item = (&Text, Option<&str>)> {
        self.tracking.iter().map(|tracking| (tracking.dataset(), tracking.untracked()))
    }

    /// The indexes that running the pipe needs, as dataset and expression. The
    /// store keeps indexes until it is told that nobody needs them
    /// ([`pipewright_store::Store::retain_indexes`]).
    pub fn indexes(&self) -> Vec<(Text, Text)> {
        let lookups = self.lookups().into_iter();
        lookups.map(|lookup| (lookup.dataset, lookup.expression)).collect()
    }

    /// The indexes that running the pipe needs.
    pub(crate) fn lookups(&self) -> Vec<Lookup> {
        let mut lookups: Vec<Lookup> = self.indexes.iter().map(lookup).collect();
        lookups.extend(self.tracking.iter().flat_map(|tracking| tracking.lookups().cloned()));
        if let SourcePlan::Dataset(source) = &self.source {
            lookups.extend(source.subset.as_ref().map(|(index, _)| lookup(index)));
        }
        if let SinkPlan::Dataset(sink) = &self.sink {
            lookups.extend(sink.indexes.iter().map(lookup));
        }
        lookups
    }

    /// The pipe's mode of operation (`pump.mode`).
    pub fn mode(&self) -> Mode {
        self.pump.mode
    }

    /// Whether the source has a place to go on from, so that a run may read
    /// changes only.
    pub(crate) fn continues(&self) -> bool {
        matches!(
            self.source,
            SourcePlan::Dataset(_)
                | SourcePlan::Union(_)
                | SourcePlan::SameId(_)
                | SourcePlan::Merge(_)
                | SourcePlan::Outside(_)
        )
    }
}
