//! One pipe or file: its text, what it makes of a sample, what it wrote, how
//! its runs went.

mod conflict;
mod found;
mod impact;
mod preview;
mod runs;
mod screen;
mod settings;
mod text;
mod trace;
mod trace_pane;

pub use found::found;
pub use screen::{FileScreen, PipeScreen};
pub use text::{SaveButton, TextPane, offer_save, open_file, opened};
