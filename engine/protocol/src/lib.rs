//! The node API: paths, request and response types.
//!
//! [`studio`] is what the studio asks beyond the service API, [`shell`] what
//! its page says to the desktop window around it. With the feature `client`,
//! [`client`] calls a node over HTTP.

#[cfg(feature = "client")]
pub mod client;
pub mod shell;
pub mod studio;
