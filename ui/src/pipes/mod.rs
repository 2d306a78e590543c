//! The list of pipes, the list of systems, and what can be done with a pipe.

mod actions;
mod list;
mod systems;

pub use actions::PipeActions;
pub use list::PipesScreen;
pub use systems::SystemsScreen;
