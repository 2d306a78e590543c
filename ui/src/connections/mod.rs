//! What the window is connected to: which projects and nodes there are, and
//! what the open one may do.

mod desk;
mod open;
mod screen;

pub use desk::Desk;
pub use open::Welcome;
pub use screen::ConnectionsScreen;
