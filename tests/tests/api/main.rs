//! The node API as its clients see it, called in process.
#![allow(clippy::unwrap_used)]

mod client;
mod config;
mod datasets;
mod events;
mod failed;
mod files;
mod flow;
mod place;
mod preview;
mod pumps;
mod push;
mod trust;
