//! What a cluster looks like as one entity.

use pipewright_entity::{Dict, Entity, Text, Value};
use rustc_hash::{FxHashMap, FxHashSet};

use super::{Spec, Strategy};

const IDS: &str = "$ids";

/// The members of a cluster, in order, as one entity.
pub(super) fn record(spec: &Spec, id: &Text, members: &[Entity]) -> Entity {
    let mut dict = Dict::default();
    if spec.strategy == Strategy::List {
        let keep = spec.include_internal_properties;
        let plain = members.iter().map(|member| match keep {
            true => member.clone().into_value(),
            false => without_internals(member).into_value(),
        });
        dict.insert("$merged".into(), Value::list(plain));
    } else {
        dict = union(members);
        if spec.strategy == Strategy::Compact {
            dict = dict.into_iter().filter_map(|(name, v)| Some((name, compact(v)?))).collect();
        }
    }
    dict.insert(IDS.into(), ids(spec, members));
    finish(dict, id)
}

/// A deleted member, which stands alone.
pub(super) fn deleted(spec: &Spec, id: &Text, member: &Entity) -> Entity {
    record(spec, id, std::slice::from_ref(member)).with("_deleted", Value::Bool(true))
}

fn finish(mut dict: Dict, id: &Text) -> Entity {
    dict.insert("_id".into(), Value::String(id.clone()));
    // The dict was just given a string `_id`.
    Entity::from_dict(dict).unwrap_or_else(|_| Entity::new(id.clone()))
}

fn without_internals(member: &Entity) -> Entity {
    match member.is_deleted() {
        true => member.content().with("_deleted", Value::Bool(false)),
        false => member.content(),
    }
}

/// The properties of all members: a list of all values where several have one.
fn union(members: &[Entity]) -> Dict {
    let mut places: FxHashMap<&Text, usize> = FxHashMap::default();
    let mut properties: Vec<(&Text, Vec<&Value>)> = Vec::new();
    for (name, value) in members.iter().flat_map(|member| member.dict().iter()) {
        if name.starts_with('_') || name == IDS {
            continue;
        }
        let place = *places.entry(name).or_insert_with(|| {
            properties.push((name, Vec::new()));
            properties.len() - 1
        });
        properties[place].1.push(value);
    }
    let joined = |(name, values): (&Text, Vec<&Value>)| {
        let value = match values.as_slice() {
            [only] => (*only).clone(),
            several => Value::list(several.iter().flat_map(|value| value.as_slice()).cloned()),
        };
        (name.clone(), value)
    };
    properties.into_iter().map(joined).collect()
}

/// A value without duplicates; nothing for an empty list.
fn compact(value: Value) -> Option<Value> {
    let Some(items) = value.as_list() else { return Some(value) };
    let mut seen = FxHashSet::default();
    let mut kept: Vec<Value> =
        items.iter().filter(|item| seen.insert(item.key())).cloned().collect();
    match kept.len() {
        0 => None,
        1 => kept.pop(),
        _ => Some(Value::list(kept)),
    }
}

/// The original ids: what `$ids` of a member says, else its own id.
fn ids(spec: &Spec, members: &[Entity]) -> Value {
    let mut seen = FxHashSet::default();
    let mut all = Vec::with_capacity(members.len());
    for member in members {
        let own;
        let ids = match member.get(IDS) {
            Some(ids) => ids.as_slice(),
            None => {
                own = match spec.namespaced_ids {
                    true => Value::Ni(member.id().clone()),
                    false => Value::String(member.id().clone()),
                };
                std::slice::from_ref(&own)
            }
        };
        all.extend(ids.iter().filter(|id| seen.insert(id.key())).cloned());
    }
    Value::list(all)
}
