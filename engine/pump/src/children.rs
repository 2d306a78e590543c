//! `$children`: entities inside entities that become entities of their own
//! (`configuration-transforms-emit-children`, `track_children` of
//! `configuration-sinks-dataset`).

use pipewright_entity::{Dict, Entity, Text, Value};
use rustc_hash::FxHashSet;

const CHILDREN: &str = "$children";

/// The children of an entity that have an `_id`, instead of the entity. Those
/// of a deleted or filtered entity are deleted or filtered.
pub(crate) fn emit(parent: &Entity, to: &mut Vec<Entity>) {
    let inherited = ["_deleted", "_filtered"]
        .into_iter()
        .filter(|name| parent.get(name) == Some(&Value::Bool(true)));
    for child in children(parent) {
        let child = inherited.clone().fold(child, |child, name| child.with(name, true));
        to.push(child);
    }
}

/// The entity with those children of its previous version that it no longer
/// has added as deleted ones.
///
/// A child that was deleted stays in the list as deleted until it comes back:
/// a reader that was not there in between must still see the deletion.
pub(crate) fn track(entity: Entity, previous: Option<&Entity>) -> Entity {
    let Some(previous) = previous.filter(|previous| previous.get(CHILDREN).is_some()) else {
        return entity;
    };
    let current: FxHashSet<Text> = children(&entity).map(|child| child.id().clone()).collect();
    let gone: Vec<Value> = children(previous)
        .filter(|child| !current.contains(child.id()))
        .map(|child| Value::dict(deleted(child)))
        .collect();
    if gone.is_empty() {
        return entity;
    }
    let kept = entity.get(CHILDREN).map(|children| children.as_slice().to_vec());
    let all = kept.unwrap_or_default().into_iter().filter(|child| !child.is_null()).chain(gone);
    let all = Value::list(all);
    entity.with(CHILDREN, all)
}

fn children(entity: &Entity) -> impl Iterator<Item = Entity> + '_ {
    let children = entity.get(CHILDREN).map(Value::as_slice).unwrap_or_default();
    children.iter().filter_map(|child| Entity::from_value(child.clone()).ok())
}

fn deleted(child: Entity) -> Dict {
    child.with("_deleted", true).into_dict()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn entity(json: &str) -> Entity {
        Entity::from_value(Value::from_transit(json.as_bytes()).unwrap()).unwrap()
    }

    fn emitted(json: &str) -> Vec<Entity> {
        let mut to = Vec::new();
        emit(&entity(json), &mut to);
        to
    }

    #[test]
    fn children_with_an_id_come_out() {
        let out = emitted(r#"{"_id":"p","$children":[{"_id":"c1","x":1},{"y":1},{"_id":"c2"}]}"#);
        assert_eq!(out, [entity(r#"{"_id":"c1","x":1}"#), entity(r#"{"_id":"c2"}"#)]);
        assert_eq!(emitted(r#"{"_id":"p"}"#), []);
    }

    #[test]
    fn children_share_the_end_of_their_parent() {
        let out = emitted(r#"{"_id":"p","_deleted":true,"$children":[{"_id":"c"}]}"#);
        assert!(out[0].is_deleted());
    }

    #[test]
    fn lost_children_are_deleted_until_they_come_back() {
        let first = entity(r#"{"_id":"p","$children":[{"_id":"a","x":1},{"_id":"b"}]}"#);
        let second = track(entity(r#"{"_id":"p","$children":[{"_id":"b"}]}"#), Some(&first));
        let expected = r#"{"_id":"p","$children":[{"_id":"b"},{"_id":"a","x":1,"_deleted":true}]}"#;
        assert_eq!(second, entity(expected));
        let third = track(entity(r#"{"_id":"p","$children":[{"_id":"b"}]}"#), Some(&second));
        assert_eq!(third, second);
        let back = entity(r#"{"_id":"p","$children":[{"_id":"a"},{"_id":"b"}]}"#);
        assert_eq!(track(back.clone(), Some(&third)), back);
        let none = track(entity(r#"{"_id":"p"}"#), Some(&first));
        assert_eq!(none.get("$children").unwrap().as_slice().len(), 2);
    }
}
