//! Transforms.

use std::sync::Arc;

use pipewright_entity::Text;
use serde_json::{Map, Value as Json};

use super::Fragment;
use crate::File;
use crate::problem::Origin;

/// One step on the way from source to sink.
#[derive(Clone, Debug, PartialEq)]
pub struct Transform {
    /// What kind of transform it is. A conditional transform is the
    /// alternative that was chosen; a chained one is its steps.
    pub kind: TransformKind,
    /// The id of the system it talks to.
    pub system: Option<Text>,
    /// Whether it changes something outside, so that it must not run just to
    /// look.
    pub side_effects: bool,
    /// Its effective config. DTL `rules` are `null` here.
    pub config: Map<String, Json>,
    /// Where it is written.
    pub origin: Origin,
}

/// What kind of transform it is.
#[derive(Clone, Debug, PartialEq)]
pub enum TransformKind {
    /// DTL rules.
    Dtl(Dtl),
    /// Hands on the entities in `$children`.
    EmitChildren,
    /// One of those that make something of each entity by settings alone, such
    /// as `xml`; the type is its name. Its settings are in
    /// [`Transform::config`].
    Plain {
        /// Its type.
        kind: Text,
        /// The entities that are transformed; the others pass as they are.
        trigger: Option<Trigger>,
    },
    /// One of those that call a service, such as `http`; the type is its name.
    /// Its settings are in [`Transform::config`].
    Outside {
        /// Its type.
        kind: Text,
        /// The entities that are transformed; the others pass as they are.
        trigger: Option<Trigger>,
    },
    /// Something that does not run.
    Other {
        /// Its type, empty when it has none.
        kind: Text,
        /// Why it does not run, for people.
        why: String,
    },
}

/// DTL rules.
#[derive(Clone, Debug, PartialEq)]
pub struct Dtl {
    /// The object of rules by name.
    pub rules: Fragment,
    /// Whether an entity without an `_id` fails; otherwise it is dropped.
    pub id_required: bool,
    /// The entities that are transformed; the others pass as they are.
    pub trigger: Option<Trigger>,
}

impl Dtl {
    /// Whether the rules stand in a file, rather than being what a template
    /// stands for.
    pub fn is_written_in(&self, file: &File) -> bool {
        Arc::ptr_eq(&self.rules.document, &file.document)
    }
}

/// Tells which entities a transform is for: those whose property has a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Trigger {
    /// The property, or a path to it.
    pub key: Text,
    /// The value; `*` in it stands for any text.
    pub value: Json,
}
