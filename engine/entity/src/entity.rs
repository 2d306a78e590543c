//! Entities and their stored versions.

use std::fmt;
use std::sync::Arc;

use crate::{Dict, Text, Value, binary};

/// A dict with an `_id`: what pipes move and datasets keep.
///
/// Cloning is cheap. Reserved root properties (`_updated`, `_ts`, …) may be
/// among the properties while an entity travels; see [`Version`] for how they
/// are kept apart in a dataset.
#[derive(Clone, PartialEq, Eq)]
pub struct Entity {
    id: Text,
    dict: Arc<Dict>,
}

/// A dict without a string `_id` is not an entity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAnEntity {
    /// There is no `_id`.
    #[error("the entity has no \"_id\"")]
    NoId,
    /// The `_id` is of another type than string.
    #[error("the \"_id\" of an entity must be a string, not {0}")]
    IdNotString(&'static str),
    /// Not a dict at all.
    #[error("an entity is a dict, not {0}")]
    NotADict(&'static str),
}

impl Entity {
    /// An entity without properties.
    pub fn new(id: impl Into<Text>) -> Entity {
        let id = id.into();
        let mut dict = Dict::default();
        dict.insert(Text::new_static("_id"), Value::String(id.clone()));
        Entity { id, dict: Arc::new(dict) }
    }

    /// Takes a dict that has a string `_id`.
    pub fn from_dict(dict: impl Into<Arc<Dict>>) -> Result<Entity, NotAnEntity> {
        let dict = dict.into();
        match dict.get("_id") {
            Some(Value::String(id)) => Ok(Entity { id: id.clone(), dict }),
            None | Some(Value::Null) => Err(NotAnEntity::NoId),
            Some(other) => Err(NotAnEntity::IdNotString(other.described())),
        }
    }

    /// Takes a value that is a dict with a string `_id`.
    pub fn from_value(value: Value) -> Result<Entity, NotAnEntity> {
        match value {
            Value::Dict(dict) => Entity::from_dict(dict),
            other => Err(NotAnEntity::NotADict(other.described())),
        }
    }

    /// The primary key.
    pub fn id(&self) -> &Text {
        &self.id
    }

    /// Whether `_deleted` is `true`; any other value is not a deletion.
    pub fn is_deleted(&self) -> bool {
        matches!(self.dict.get("_deleted"), Some(Value::Bool(true)))
    }

    /// All properties, `_id` among them.
    pub fn dict(&self) -> &Arc<Dict> {
        &self.dict
    }

    /// The properties, to be changed.
    pub fn into_dict(self) -> Dict {
        Arc::unwrap_or_clone(self.dict)
    }

    /// The entity as a value.
    pub fn into_value(self) -> Value {
        Value::Dict(self.dict)
    }

    /// One property.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.dict.get(name)
    }

    /// The entity with one property set (`_id` is set through [`Entity::with_id`]).
    pub fn with(self, name: impl Into<Text>, value: impl Into<Value>) -> Entity {
        let (id, name) = (self.id.clone(), name.into());
        if name == "_id" {
            return self;
        }
        let mut dict = self.into_dict();
        dict.insert(name, value.into());
        Entity { id, dict: Arc::new(dict) }
    }

    /// The entity under another id.
    pub fn with_id(self, id: impl Into<Text>) -> Entity {
        let id = id.into();
        let mut dict = self.into_dict();
        dict.insert(Text::new_static("_id"), Value::String(id.clone()));
        Entity { id, dict: Arc::new(dict) }
    }

    /// What a dataset keeps of the entity: `_id`, `_deleted` when true, and
    /// every property whose name does not start with `_`.
    pub fn content(&self) -> Entity {
        if self.dict.iter().all(|(name, value)| binary::is_content(name, value)) {
            return self.clone();
        }
        let mut dict = Dict::clone(&self.dict);
        dict.retain(|name, value| binary::is_content(name, value));
        Entity { id: self.id.clone(), dict: Arc::new(dict) }
    }

    /// The hash of the content: `_id`, whether deleted, and the properties
    /// whose names do not start with `_`, in any order.
    pub fn content_hash(&self) -> Hash {
        binary::Encoder::default().content(self, &mut Vec::with_capacity(256))
    }
}

impl fmt::Debug for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Value::Dict(self.dict.clone()).to_transit())
    }
}

impl serde::Serialize for Entity {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        crate::transit::serialize_dict(&self.dict, to)
    }
}

/// The hash of an entity's content.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash(pub [u8; 16]);

impl Hash {
    /// The hash as text, in 32 hexadecimal digits.
    pub fn to_text(self) -> Text {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut digits = [0; 32];
        for (two, byte) in digits.chunks_exact_mut(2).zip(self.0) {
            two[0] = DIGITS[usize::from(byte >> 4)];
            two[1] = DIGITS[usize::from(byte & 15)];
        }
        // Digits are ASCII.
        Text::new(std::str::from_utf8(&digits).unwrap_or_default())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One stored version of an entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The content, without reserved properties other than `_id` and, when
    /// true, `_deleted`.
    pub entity: Entity,
    /// `_updated`: the place in the dataset's log, counted from 0.
    pub updated: u64,
    /// `_previous`: the place of the version before, if there was one.
    pub previous: Option<u64>,
    /// `_ts`: when it was stored, in microseconds since 1970.
    pub ts: i64,
    /// `_hash`: the hash of the content.
    pub hash: Hash,
}

impl Version {
    /// The entity as the API shows it and DTL reads it: the user's properties,
    /// then `_id`, `_deleted`, `_updated`, `_previous`, `_ts`, `_hash`.
    pub fn with_metadata(&self) -> Entity {
        self.clone().into_metadata()
    }

    /// [`Version::with_metadata`], without a copy of the properties.
    pub fn into_metadata(self) -> Entity {
        let (id, is_deleted) = (self.entity.id().clone(), self.entity.is_deleted());
        let mut dict = self.entity.into_dict();
        dict.retain(|name, _| !name.starts_with('_'));
        let integer = |number: u64| Value::Int(i64::try_from(number).unwrap_or(i64::MAX));
        let mut reserved = |name: &'static str, value| dict.push(Text::new_static(name), value);
        reserved("_id", Value::String(id.clone()));
        reserved("_deleted", Value::Bool(is_deleted));
        reserved("_updated", integer(self.updated));
        reserved("_previous", self.previous.map_or(Value::Null, integer));
        reserved("_ts", Value::Int(self.ts));
        reserved("_hash", Value::String(self.hash.to_text()));
        Entity { id, dict: Arc::new(dict) }
    }
}
