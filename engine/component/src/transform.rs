//! What changes entities on their way, other than DTL.

use pipewright_entity::Entity;

use crate::Failure;

/// Changes entities between source and sink. DTL and `emit_children` are done
/// by the pump itself; this is for the others (`http`, `rest`, `xml`, …).
pub trait Transform: Send {
    /// Whether it calls something outside the node.
    fn is_outside(&self) -> bool;

    /// How many entities one call takes at most.
    fn batch_size(&self) -> usize {
        100
    }

    /// Transforms some entities; there may be more or fewer of them
    /// afterwards. `Err` with [`Failure::Entity`] for many entities makes the
    /// pump try them one by one.
    fn apply(&mut self, entities: Vec<Entity>) -> Result<Vec<Entity>, Failure>;
}
