//! What the user prefers, and what the node keeps: metadata, variables,
//! secrets, who may call it, its backup.

mod access;
mod appearance;
mod backup;
mod keys;
mod metadata;
mod permissions;
mod screen;
mod secrets;
mod users;
mod variables;

pub use keys::KeyHelp;
pub use screen::{SettingsScreen, section_title, sections};
