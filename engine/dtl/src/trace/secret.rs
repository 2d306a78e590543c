//! What a trace must not show: values that came from secrets.
//!
//! An expression that reads a secret has a secret value, and so has every
//! expression around it. What such an expression gave is known again wherever
//! it turns up: in a property, in the source of a rule, as an item of a list.
//! Of what is computed from it there, the value is secret as well. True, false
//! and null are no values one could know again: they are kept back where they
//! were computed, and in the property that a transform put them in.

use pipewright_entity::{Key, Text, Value};
use rustc_hash::FxHashSet;

/// What stands for a secret value.
pub(crate) const SECRET: Text = Text::new_static("(secret)");

/// Values that came from secrets.
#[derive(Default)]
pub(crate) struct Secrets {
    known: FxHashSet<Key>,
}

impl Secrets {
    /// Adds a value, and all that is in it.
    pub(crate) fn add(&mut self, value: &Value) {
        match value {
            Value::List(items) | Value::Tuple(items) => items.iter().for_each(|one| self.add(one)),
            Value::Dict(dict) => dict.values().for_each(|one| self.add(one)),
            Value::Null | Value::Bool(_) => {}
            Value::String(text) if text.is_empty() => {}
            other => {
                self.known.insert(other.key());
            }
        }
    }

    /// Whether the value as a whole is one of them.
    pub(crate) fn is_one(&self, value: &Value) -> bool {
        !self.known.is_empty()
            && !matches!(value, Value::List(_) | Value::Tuple(_) | Value::Dict(_))
            && self.known.contains(&value.key())
    }

    /// Whether a name is one of them.
    pub(crate) fn is_name(&self, name: &Text) -> bool {
        !self.known.is_empty() && self.is_one(&Value::String(name.clone()))
    }

    /// Whether one of them is in the value.
    pub(crate) fn are_in(&self, value: &Value) -> bool {
        !self.known.is_empty()
            && match value {
                Value::List(items) | Value::Tuple(items) => {
                    items.iter().any(|item| self.are_in(item))
                }
                Value::Dict(dict) => {
                    dict.iter().any(|(name, value)| self.is_name(name) || self.are_in(value))
                }
                other => self.is_one(other),
            }
    }

    /// A name as it may be shown.
    pub(crate) fn shown(&self, name: &Text) -> Text {
        if self.is_name(name) { SECRET } else { name.clone() }
    }
}
