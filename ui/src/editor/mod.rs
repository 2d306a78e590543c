//! One pipe or file: its text, what it makes of a sample, what it wrote, how
//! its runs went.

mod conflict;
mod found;
mod impact;
mod preview;
mod runs;
mod screen;
mod text;
mod trace;
mod trace_pane;

pub use screen::{FileScreen, PipeScreen};
