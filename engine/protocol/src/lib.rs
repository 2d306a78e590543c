//! The node API: paths, request and response types.

pub mod studio;
