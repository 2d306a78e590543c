//! How everything fares: the pipes, and the entities that failed.

mod alerts;
mod groups;
mod history;
mod inbox;
mod node;
mod pipes;
mod screen;
mod settle;

pub use screen::MonitorScreen;
pub use settle::Settle;
