//! What crosses rooms: conformance, example projects, crashes.
