//! The list of pipes, and what can be done with a pipe.

mod actions;
mod list;

pub use actions::PipeActions;
pub use list::PipesScreen;
