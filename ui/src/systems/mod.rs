//! What lies outside: how it is reached, whether it answers, what it offers,
//! and the pipes made from that.

mod contents;
mod list;
mod new_pipes;
mod new_system;
mod screen;

pub use list::SystemsScreen;
pub use new_system::NewSystem;
pub use screen::SystemScreen;
