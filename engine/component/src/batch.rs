//! The batch that a source hands out.

use std::sync::Arc;

use pipewright_entity::{Dict, Entity, NotAnEntity, Value};

use crate::EntityFailure;

/// Some entities, in the order of the source, and where to go on after them.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// What was read. Reserved properties the source knows (`_deleted`,
    /// `_updated`) are among the properties.
    pub entities: Vec<Entity>,
    /// What was read but has no `_id` yet. The first transform may give it
    /// one, as documented for sources whose ids are made in DTL; what comes
    /// out of the transforms without an `_id` fails.
    pub without_id: Vec<Arc<Dict>>,
    /// What could not be read and why: each counts as a read error, the rest
    /// of the batch goes on.
    pub unreadable: Vec<EntityFailure>,
    /// The `since` to go on with after this batch. Only a
    /// [chronological](crate::Continuation::Chronological) source sets it
    /// with every batch; one that tracks the [maximum](crate::Continuation::Max)
    /// sets the largest seen so far. `None`: the source keeps no marker.
    pub offset: Option<Value>,
}

impl Batch {
    /// An empty batch with room for `capacity` entities.
    pub fn with_capacity(capacity: usize) -> Batch {
        Batch { entities: Vec::with_capacity(capacity), ..Batch::default() }
    }

    /// A batch of these entities, without an offset.
    pub fn of(entities: Vec<Entity>) -> Batch {
        Batch { entities, ..Batch::default() }
    }

    /// Adds what was read, with or without an `_id`. An `_id` that is not a
    /// string is unreadable.
    pub fn push(&mut self, dict: impl Into<Arc<Dict>>) {
        let dict = dict.into();
        match Entity::from_dict(dict.clone()) {
            Ok(entity) => self.entities.push(entity),
            Err(NotAnEntity::NoId) => self.without_id.push(dict),
            Err(other) => self.unreadable.push(EntityFailure::new(None, other.to_string())),
        }
    }

    /// How many entities were read, with or without an `_id`, readable or not.
    pub fn len(&self) -> usize {
        self.entities.len() + self.without_id.len() + self.unreadable.len()
    }

    /// Whether nothing was read.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn dict(json: &str) -> Dict {
        let value = Value::from_transit(json.as_bytes()).unwrap();
        Dict::clone(value.as_dict().unwrap())
    }

    #[test]
    fn push_sorts_by_the_id() {
        let mut batch = Batch::default();
        batch.push(dict(r#"{"_id":"1","x":1}"#));
        batch.push(dict(r#"{"x":2}"#));
        batch.push(dict(r#"{"_id":3}"#));
        assert_eq!(batch.len(), 3);
        assert_eq!(batch.entities[0].id(), "1");
        assert_eq!(batch.without_id.len(), 1);
        assert!(batch.unreadable[0].message.contains("_id"), "{:?}", batch.unreadable);
    }
}
