//! What crosses rooms: conformance, example projects, crashes, stories.

pub mod conformance;
pub mod example;
pub mod story;
