//! The node API: paths, request and response types.
//!
//! [`service`] has the bodies of the service API, [`studio`] what the studio
//! asks beyond it, [`shell`] what its page says to the desktop window around
//! it. With the feature `client`, [`client`] calls a node over HTTP; with
//! `openapi` the types describe themselves.

#[cfg(feature = "client")]
pub mod client;
pub mod service;
pub mod shell;
pub mod studio;
