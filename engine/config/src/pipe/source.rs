//! Sources.

use pipewright_dtl::syntax::{Diagnostic, Node};
use pipewright_entity::Text;
use serde_json::{Map, Value as Json};

use super::Fragment;
use crate::problem::{Origin, code};

/// Where the entities of a pipe come from.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// What kind of source it is. A conditional source is the alternative that
    /// was chosen.
    pub kind: SourceKind,
    /// The id of the system it reads from.
    pub system: Option<Text>,
    /// How it can go on where it left off.
    pub continuation: Continuation,
    /// The `since` to begin with when there is no offset yet.
    pub initial_since: Option<Json>,
    /// What an empty source means.
    pub if_empty: IfEmpty,
    /// Whether a change of what it reads starts the pipe at once.
    pub signalled: bool,
    /// Its effective config. What is data or DTL (`entities`) is `null` here.
    pub config: Map<String, Json>,
    /// Where it is written.
    pub origin: Origin,
}

/// What kind of source it is.
#[derive(Clone, Debug, PartialEq)]
pub enum SourceKind {
    /// Reads a dataset.
    Dataset(DatasetSource),
    /// Puts entities of several datasets that are the same into one.
    Merge(MergeSource),
    /// Reads several datasets, one after the other.
    Union(UnionSource),
    /// Puts entities of several datasets that have the same `_id` into one.
    SameId(SameIdSource),
    /// Entities written out in the config.
    Embedded(EmbeddedSource),
    /// Others push entities to the pipe.
    Receiver,
    /// Nothing.
    Empty,
    /// Reads from a system; the type is its name. Its config is in
    /// [`Source::config`].
    Outside(Text),
    /// Something that does not run.
    Other {
        /// Its type, empty when it has none.
        kind: Text,
        /// Why it does not run, for people.
        why: String,
        /// The datasets of this node it would read.
        datasets: Vec<Text>,
    },
}

/// How a source can go on where it left off (documentation:
/// configuration-sources, continuation support).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Continuation {
    /// It can hand out only what changed after a marker.
    pub supports_since: bool,
    /// Two markers can be compared.
    pub is_since_comparable: bool,
    /// Entities come in the order of their markers.
    pub is_chronological: bool,
}

/// What an empty source means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IfEmpty {
    /// What was there before is gone.
    #[default]
    Accept,
    /// The run fails and leaves everything as it was.
    Fail,
}

/// Reads a dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct DatasetSource {
    /// The dataset.
    pub dataset: Text,
    /// Only the entities for which this `eq` holds.
    pub subset: Option<Fragment>,
    /// Whether entities are held back until all they depend on is processed.
    pub completeness: Completeness,
    /// Datasets that must have a completeness value before anything is read.
    pub initial_completeness: Vec<Text>,
    /// Do not run before the dataset has been filled once.
    pub require_populated_input: bool,
    /// Also give the versions before the latest.
    pub include_previous_versions: bool,
    /// Also give entities that a merge has replaced.
    pub include_replaced: bool,
}

/// Up to when entities of a dataset source are read.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Completeness {
    /// All of them.
    #[default]
    Off,
    /// Up to the completeness of the dataset itself.
    Source,
    /// Up to the smallest completeness of these datasets.
    Datasets(Vec<Text>),
    /// Up to the datetime that this expression gives when the run starts.
    Expression(Fragment),
}

/// Puts entities of several datasets that are the same into one; version 2.
#[derive(Clone, Debug, PartialEq)]
pub struct MergeSource {
    /// The datasets, in the order that decides about ids and values.
    pub datasets: Vec<MergeDataset>,
    /// The datasets that must have been filled for the source to count as
    /// filled; all when `None`.
    pub initial_datasets: Option<Vec<Text>>,
    /// Datasets in `initial_datasets` that do not exist do not count.
    pub ignore_non_existent_datasets: bool,
    /// Do not run before all datasets have been filled once.
    pub require_populated_input: bool,
    /// `["eq", a, b]` rules.
    pub equality: Vec<Fragment>,
    /// Sets of expressions whose values are equal for the same entity.
    pub equality_sets: Vec<Vec<Fragment>>,
    /// What the `_id` of a merged entity is.
    pub identity: Identity,
    /// How properties are put together.
    pub strategy: MergeStrategy,
    /// Keep `_ts` and the like in `$merged`.
    pub include_internal_properties: bool,
    /// What holds in one of the two versions only.
    pub version: MergeVersion,
}

/// What holds in one of the two versions of the merge source only
/// (documentation: configuration-sources-merge).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MergeVersion {
    /// Any number of entities may become one. Where `identity` is `first`, an
    /// id may come from one dataset only.
    First,
    /// The current one.
    Second {
        /// How many entities may become one.
        max_merged: u64,
    },
}

/// One side of an equality rule: an expression over the entities of one
/// dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct Side {
    /// The place of the dataset in [`MergeSource::datasets`].
    pub dataset: usize,
    /// The expression; it calls the entity by the alias of the dataset.
    pub expression: Fragment,
}

impl MergeSource {
    /// The rules of `equality` and `equality_sets`: the sides of each are
    /// equal for entities that are the same. A rule that is not written as one
    /// says why (documentation: configuration-sources-merge).
    pub fn rules(&self) -> Vec<Result<Vec<Side>, Diagnostic>> {
        let pairs = self.equality.iter().map(|fragment| {
            let fragment = fragment.with_variables();
            let items: Vec<Fragment> = fragment.items().collect();
            match items.as_slice() {
                [eq, sides @ ..] if eq.node.as_str() == Some("eq") && sides.len() == 2 => {
                    self.sides(sides)
                }
                _ => Err(Diagnostic::error(
                    code::VALUE_INVALID,
                    fragment.at.clone(),
                    fragment.node.span.clone(),
                    "a rule of a merge is [\"eq\", one side, other side]",
                )),
            }
        });
        let sets = self.equality_sets.iter().map(|set| {
            let sides: Vec<Fragment> = set.iter().map(Fragment::with_variables).collect();
            self.sides(&sides)
        });
        pairs.chain(sets).collect()
    }

    fn sides(&self, sides: &[Fragment]) -> Result<Vec<Side>, Diagnostic> {
        sides
            .iter()
            .map(|side| {
                let mut named = Vec::new();
                self.named(&side.node, &mut named);
                match named[..] {
                    [dataset] => Ok(Side { dataset, expression: side.clone() }),
                    _ => {
                        let known: Vec<&str> =
                            self.datasets.iter().map(|one| one.alias.as_str()).collect();
                        Err(Diagnostic::error(
                            code::VALUE_INVALID,
                            side.at.clone(),
                            side.node.span.clone(),
                            format!(
                                "a side of a rule is about exactly one dataset, this is about {}",
                                if named.is_empty() { "none" } else { "several" }
                            ),
                        )
                        .suggest(format!("the aliases are: {}", known.join(", "))))
                    }
                }
            })
            .collect()
    }

    /// The places of the datasets whose aliases an expression names.
    fn named(&self, node: &Node, to: &mut Vec<usize>) {
        if let Some(text) = node.as_str() {
            let name = text.split('.').next().unwrap_or_default();
            let place = self.datasets.iter().position(|one| one.alias == name);
            to.extend(place.filter(|place| !to.contains(place)));
        }
        node.items().iter().for_each(|item| self.named(item, to));
    }
}

/// A dataset of a merge.
#[derive(Clone, Debug, PartialEq)]
pub struct MergeDataset {
    /// Its id.
    pub dataset: Text,
    /// What the equality rules call it; the id where no alias is given.
    pub alias: Text,
    /// Where it is written.
    pub origin: Origin,
}

/// What the `_id` of a merged entity is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Identity {
    /// The ids of all entities, with the place of their dataset before each.
    #[default]
    Composite,
    /// The id of the first entity.
    First,
}

/// How the properties of merged entities are put together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MergeStrategy {
    /// All values.
    #[default]
    Default,
    /// Without duplicates, empty lists and lists of one.
    Compact,
    /// The entities as they are, in `$merged`.
    List,
}

/// Reads several datasets, one after the other (documentation:
/// configuration-sources-union-datasets).
#[derive(Clone, Debug, PartialEq)]
pub struct UnionSource {
    /// The datasets, in order.
    pub datasets: Vec<Text>,
    /// The datasets that must have been filled for the source to count as
    /// filled; all when `None`.
    pub initial_datasets: Option<Vec<Text>>,
    /// Datasets in `initial_datasets` that do not exist do not count.
    pub ignore_non_existent_datasets: bool,
    /// Do not run before all datasets have been filled once.
    pub require_populated_input: bool,
    /// Also give the versions before the latest.
    pub include_previous_versions: bool,
    /// Put the dataset's id before each `_id`.
    pub prefix_ids: bool,
}

/// Puts entities of several datasets that have the same `_id` into one
/// (documentation: configuration-sources-merge-datasets).
#[derive(Clone, Debug, PartialEq)]
pub struct SameIdSource {
    /// The datasets, in order.
    pub datasets: Vec<Text>,
    /// The datasets that must have been filled for the source to count as
    /// filled; all when `None`.
    pub initial_datasets: Option<Vec<Text>>,
    /// Datasets in `initial_datasets` that do not exist do not count.
    pub ignore_non_existent_datasets: bool,
    /// Do not run before all datasets have been filled once.
    pub require_populated_input: bool,
    /// Which of the entities are kept.
    pub strategy: SameIdStrategy,
    /// Only entities that are not the same everywhere, with what differs in
    /// `$diff` (`diff_datasets`, documentation: deprecations).
    pub differences: Option<Differences>,
}

/// What counts as a difference between entities with the same `_id`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Differences {
    /// The properties that are compared; all when `None`.
    pub only: Option<Vec<Text>>,
    /// Properties that are not compared.
    pub except: Vec<Text>,
    /// Whether order and duplicates in lists do not count.
    pub lists_as_sets: bool,
    /// Whether a deleted entity counts as none.
    pub ignore_deletes: bool,
}

/// Which of several entities with the same `_id` are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SameIdStrategy {
    /// The one that was stored last.
    #[default]
    Latest,
    /// All, each under the id of its dataset.
    All,
}

/// Entities written out in the config.
#[derive(Clone, Debug, PartialEq)]
pub struct EmbeddedSource {
    /// The list.
    pub entities: Fragment,
}
