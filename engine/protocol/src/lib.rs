//! The node API: paths, request and response types.
//!
//! [`studio`] is what the studio asks beyond the service API. With the feature
//! `client`, [`client`] calls a node over HTTP.

#[cfg(feature = "client")]
pub mod client;
pub mod studio;
