//! Property names in lower or upper case (`hub/deprecations`, `lower_keys` and
//! `upper_keys`).

use std::sync::Arc;

use pipewright_entity::{Dict, Text, Value};

use super::{Settings, Step, deep, is_reserved};

#[derive(Clone, Copy)]
pub(super) enum Case {
    Lower,
    Upper,
}

pub(super) struct Keys {
    case: Case,
    recurse: bool,
}

impl Keys {
    pub(super) fn new(settings: &Settings<'_>, case: Case) -> Keys {
        Keys { case, recurse: settings.is_true("recurse") }
    }

    fn name(&self, name: &Text) -> Text {
        match self.case {
            _ if is_reserved(name) => name.clone(),
            Case::Lower => Text::from(name.to_lowercase()),
            Case::Upper => Text::from(name.to_uppercase()),
        }
    }
}

impl Step for Keys {
    fn apply(&self, entity: &Arc<Dict>, to: &mut Vec<Arc<Dict>>) -> Result<(), String> {
        let value = |value: &Value| match self.recurse {
            true => deep(value, &|name, value| (self.name(name), value)),
            false => value.clone(),
        };
        let changed = entity.iter().map(|(name, old)| (self.name(name), value(old)));
        to.push(Arc::new(changed.collect()));
        Ok(())
    }
}
