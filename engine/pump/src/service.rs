//! Entities that a service between source and sink changes.

use pipewright_component::{Cancel, EntityFailure, Failure, Transform};
use pipewright_entity::{Entity, Text};
use rustc_hash::FxHashMap;

use crate::chain::{Flowing, Incoming};
use crate::luck::Unlucky;

/// A service and the batch that it is sent.
pub(crate) struct Service<'a> {
    pub(crate) transform: &'a mut dyn Transform,
    pub(crate) unlucky: Unlucky<'a>,
    /// Whether what fails together is tried one by one.
    pub(crate) singly: bool,
    /// The source entities.
    pub(crate) batch: &'a [Incoming],
    pub(crate) cancel: &'a Cancel,
    /// Source entities that failed, by their place in the batch.
    pub(crate) failed: &'a mut FxHashMap<usize, EntityFailure>,
}

impl Service<'_> {
    /// Sends some entities; one by one when they fail together. `Err` is about
    /// more than them.
    pub(crate) fn send(&mut self, some: &[Flowing]) -> Result<Vec<Flowing>, Failure> {
        self.cancel.check()?;
        let mut entities = Vec::with_capacity(some.len());
        let mut origins: FxHashMap<Text, usize> = FxHashMap::default();
        for flow in some {
            match Entity::from_dict(flow.dict.clone()) {
                Ok(entity) => {
                    origins.insert(entity.id().clone(), flow.origin);
                    entities.push(entity);
                }
                Err(error) => self.refuse(flow.origin, EntityFailure::new(None, error.to_string())),
            }
        }
        let Some(first) = entities.first().and_then(|first| origins.get(first.id())).copied()
        else {
            return Ok(Vec::new());
        };
        match self.transform.apply(entities) {
            Ok(made) => {
                self.unlucky.passed();
                let flow = |entity: Entity| Flowing {
                    // What the service made anew belongs to the call as a whole.
                    origin: origins.get(entity.id()).copied().unwrap_or(first),
                    dict: entity.dict().clone(),
                };
                Ok(made.into_iter().map(flow).collect())
            }
            Err(Failure::Entity(failure)) if some.len() == 1 => {
                // It answered.
                self.unlucky.passed();
                self.refuse(first, failure);
                Ok(Vec::new())
            }
            Err(failure) if some.len() == 1 => {
                self.unlucky.failed(first, self.id(first), failure)?;
                Ok(Vec::new())
            }
            Err(Failure::Entity(_)) => self.send_singly(some),
            Err(Failure::Retryable { .. }) if self.singly => self.send_singly(some),
            Err(failure) => Err(failure),
        }
    }

    fn send_singly(&mut self, some: &[Flowing]) -> Result<Vec<Flowing>, Failure> {
        let mut made = Vec::new();
        for one in some.chunks(1) {
            if !self.failed.contains_key(&one[0].origin) {
                made.extend(self.send(one)?);
            }
        }
        Ok(made)
    }

    fn refuse(&mut self, origin: usize, failure: EntityFailure) {
        let id = self.id(origin);
        self.failed.insert(origin, EntityFailure { id, ..failure });
    }

    fn id(&self, origin: usize) -> Option<Text> {
        self.batch.get(origin).and_then(|source| source.id.clone())
    }

    /// Ends the batch: what failed is the entities' own fault, or, `Err`, the
    /// service's.
    pub(crate) fn settle(self) -> Result<(), Failure> {
        self.failed.extend(self.unlucky.settle()?);
        Ok(())
    }
}
