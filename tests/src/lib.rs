//! What crosses rooms: conformance, example projects, crashes.

pub mod conformance;
