//! One pipe or file: its text, what it makes of a sample, what it wrote, how
//! its runs went.

mod conflict;
mod failed;
mod found;
mod impact;
mod indexes;
mod input;
mod lineage;
mod permissions;
mod pins;
mod preview;
mod runs;
mod schema;
mod screen;
mod settings;
mod stepping;
mod task;
mod tested;
mod text;
mod trace;
mod trace_pane;

pub use found::found;
pub use screen::{FileScreen, PipeScreen};
pub use text::{SaveButton, TextPane, offer_save, open_file, opened};
