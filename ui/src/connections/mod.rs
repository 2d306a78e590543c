//! What the window is connected to: which projects and nodes there are, what
//! the open one may do, and where two of them differ.

mod compare;
mod create;
mod desk;
mod known;
mod open;
mod screen;
mod sides;
mod transfer;
mod updates;

pub use compare::CompareScreen;
pub use desk::{Desk, use_desk};
pub use open::Welcome;
pub use screen::ConnectionsScreen;
pub use updates::Updates;
