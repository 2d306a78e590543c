//! Entities on screen: JSON as a tree that keeps every digit, printed, compared.

mod diff;
mod tree;
mod view;

pub use diff::{Mark, compare, pretty, print};
pub use tree::Tree;
pub use view::{JsonView, short};
