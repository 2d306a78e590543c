//! The frame around every screen: rail, top bar, status bar.

mod bars;
mod outside;
mod rail;
mod status;
mod top;

pub use bars::{LinkBar, TrustBar};
pub use outside::{Leaving, Outside};
pub use rail::{AREAS, Rail, command_of, start_of};
pub use status::StatusBar;
pub use top::TopBar;
