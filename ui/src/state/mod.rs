//! What the screens share: the live state of the node, the open texts and the
//! history of edits, and what the user prefers.

mod alerts;
mod files;
mod history;
mod kept;
mod language;
mod live;
mod prefs;

pub use alerts::{Alerts, Permission, use_alerts};
pub use files::{Files, OpenFile, use_files};
pub use history::{History, Side, use_history};
pub use language::{Language, current_language, use_language};
pub use live::{Link, Live, use_live};
pub use prefs::{Density, Prefs, TEXT_SIZES, Theme, remember, remembered, use_prefs};
