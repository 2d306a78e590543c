//! Flow: the project as a picture.
//!
//! The node lays the graph out; here it is drawn. Only cards in view are in
//! the page, lines are drawn on a canvas, and from afar the cards are, too.

mod camera;
mod card;
mod far;
mod new_pipe;
mod paint;
mod panel;
mod screen;
mod wiring;

pub use screen::{FlowScreen, FlowView};
