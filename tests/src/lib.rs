//! What crosses rooms: conformance, example projects, crashes, stories.

pub mod browser;
pub mod conformance;
pub mod example;
