//! The merge source: which entities are one thing, and what they look like
//! together (`hub/documentation/service-configuration/pipes/configuration-sources-merge`).
//!
//! Entities that share a value under an equality set are the same, and
//! sameness is transitive: clusters are the connected components of that
//! graph. Null and the empty list join nothing; deleted entities stand alone.
//!
//! # How it forgets
//!
//! For every entity the state keeps the keys it had and the cluster it was
//! handed out in. [`Merge::change`] takes a changed entity: its keys are
//! exchanged, it is marked, and so is one entity of each key it gave up (the
//! others of that key are still tied to that one). [`Merge::emit`] takes marked
//! entities, walks the keys to the whole of their clusters, adds the clusters
//! that their former ids belong to, recomputes within that set, and hands out
//! what changed: golden records, entities that were deleted, and for ids that
//! lead no cluster any more a deletion with `$replaced`.

mod emit;
mod explain;
mod golden;
mod record;
mod spec;

use pipewright_entity::{Entity, Text};

pub use explain::{Explanation, Link};
pub use spec::{Expression, Identity, Spec, Strategy, Term, unify};

use crate::{Overlay, State, StateError, Write};
use record::Member;

/// How many entries of the state are read at a time.
const PAGE: usize = 1000;

/// One entity of one of the merged datasets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId {
    /// The place of the dataset in [`Spec::datasets`].
    pub dataset: u16,
    /// The entity's `_id` there.
    pub id: Text,
}

/// The current versions of the merged entities, as of the changes that were
/// handed to [`Merge::change`].
pub trait Contents {
    /// The current version of an entity, deleted or not; `None` when the
    /// dataset does not have it.
    fn entity(&self, dataset: usize, id: &str) -> Result<Option<Entity>, StateError>;
}

/// Why merging failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// The state or a dataset could not be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// More than `max_merged` entities are one.
    #[error(
        "{count} entities would be merged into \"{id}\", which is more than the {limit} that \
         \"max_merged\" allows; look for a value that too many entities share"
    )]
    TooMany {
        /// The id of the cluster.
        id: Text,
        /// How many entities it has.
        count: usize,
        /// The limit.
        limit: usize,
    },
    /// Entities of different datasets that are not the same have the same id.
    #[error(
        "the id \"{id}\" comes from more than one dataset, which version 1 of the merge source \
         cannot tell apart with the identity \"first\"; version 2 can"
    )]
    SharedId {
        /// The id.
        id: Text,
    },
}

/// The clusters of one merge source.
pub struct Merge<'a> {
    spec: &'a Spec,
    state: Overlay<'a>,
}

impl<'a> Merge<'a> {
    /// Goes on where the state stands.
    pub fn new(spec: &'a Spec, state: &'a dyn State) -> Merge<'a> {
        Merge { spec, state: Overlay::new(state) }
    }

    /// Takes the current version of an entity that changed.
    pub fn change(&mut self, dataset: usize, entity: &Entity) -> Result<(), MergeError> {
        let id = MemberId { dataset: index(dataset)?, id: entity.id().clone() };
        let old = self.member(&id)?;
        let keys = self.spec.keys(dataset, entity);
        let mut member = Member { deleted: entity.is_deleted(), keys, ..Member::default() };
        if let Some(old) = old {
            member.out = old.out;
            member.mark = old.mark;
            for key in old.keys.iter().filter(|key| !member.keys.contains(key)) {
                self.state.remove(record::posting(key, &id));
                // Whoever still has the key may have been tied to the rest of
                // the cluster only through this entity.
                if let Some(other) = self.anyone_with(key)? {
                    self.mark(&other)?;
                }
            }
            for key in member.keys.iter().filter(|key| !old.keys.contains(key)) {
                self.state.put(record::posting(key, &id), Vec::new());
            }
        } else {
            for key in &member.keys {
                self.state.put(record::posting(key, &id), Vec::new());
            }
        }
        self.set_member(&id, &member);
        self.mark(&id)
    }

    /// Whether there is something to emit.
    pub fn is_pending(&self) -> Result<bool, MergeError> {
        Ok(!self.state.scan(record::MARKS, None, 1)?.is_empty())
    }

    /// How many keys of the state were written since [`Merge::take`]: a
    /// measure of when to commit.
    pub fn unsaved(&self) -> usize {
        self.state.len()
    }

    /// The writes to the state, for the commit of the batch.
    pub fn take(&mut self) -> Vec<Write> {
        self.state.take()
    }

    fn member(&self, id: &MemberId) -> Result<Option<Member>, MergeError> {
        let bytes = self.state.get(&record::member_key(id))?;
        Ok(bytes.map(|bytes| Member::read(&bytes)).transpose()?)
    }

    fn set_member(&mut self, id: &MemberId, member: &Member) {
        self.state.put(record::member_key(id), member.write());
    }

    fn anyone_with(&self, key: &record::SetKey) -> Result<Option<MemberId>, MergeError> {
        let prefix = record::postings(key);
        let found = self.state.scan(&prefix, None, 1)?;
        Ok(found.first().map(|(key, _)| record::posted(key, &prefix)).transpose()?)
    }

    fn mark(&mut self, id: &MemberId) -> Result<(), MergeError> {
        let Some(mut member) = self.member(id)? else { return Ok(()) };
        if member.mark.is_some() {
            return Ok(());
        }
        let next = match self.state.get(record::NEXT_MARK)? {
            Some(bytes) => record::read_number(&bytes)?,
            None => 0,
        };
        self.state.put(record::NEXT_MARK.to_vec(), record::number(next + 1));
        self.state.put(record::mark(next), record::member_key(id));
        member.mark = Some(next);
        self.set_member(id, &member);
        Ok(())
    }
}

fn index(dataset: usize) -> Result<u16, StateError> {
    u16::try_from(dataset).map_err(|_| StateError("there are too many datasets".into()))
}
