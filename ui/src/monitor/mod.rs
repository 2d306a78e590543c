//! How everything fares: the pipes, and the entities that failed.

mod inbox;
mod pipes;
mod screen;
mod settle;

pub use screen::MonitorScreen;
pub use settle::Settle;
