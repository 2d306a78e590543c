//! What the window is connected to: which projects and nodes there are, and
//! what the open one may do.

mod desk;
mod open;
mod screen;
mod updates;

pub use desk::{Desk, use_desk};
pub use open::Welcome;
pub use screen::ConnectionsScreen;
pub use updates::Updates;
