//! The frame around every screen: rail, top bar, status bar.

mod bars;
mod rail;
mod status;
mod top;

pub use bars::{LinkBar, TrustBar};
pub use rail::{AREAS, Rail, start_of};
pub use status::StatusBar;
pub use top::TopBar;
