//! Flow: the project as a picture.
//!
//! The node lays the graph out; here it is drawn and changed. Only cards in
//! view are in the page, lines are drawn on a canvas, and from afar the cards
//! are, too. Every change is one of config text, shown before it is made, or
//! one of where cards stand; both are steps of the one history.

mod ask;
mod camera;
mod card;
mod far;
mod fares;
mod filter;
mod flows;
mod group;
mod insert;
mod keys;
mod new_pipe;
mod paint;
mod panel;
mod paste;
mod pointer;
mod read;
mod scene;
mod screen;
mod shelf;
mod wiring;

pub use scene::FlowView;
pub use screen::FlowScreen;
