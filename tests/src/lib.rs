//! What crosses rooms: conformance, example projects, crashes.

pub mod browser;
pub mod conformance;
pub mod example;
