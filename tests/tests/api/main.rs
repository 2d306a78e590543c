//! The node API as its clients see it, called in process.
#![allow(clippy::unwrap_used)]

mod client;
mod compare;
mod config;
mod datasets;
mod document;
mod events;
mod failed;
mod files;
mod flow;
mod health;
mod lineage;
mod links;
mod models;
mod paging;
mod permissions;
mod place;
mod preview;
mod pumps;
mod push;
mod requests;
mod sdshare;
mod search;
mod services;
mod trials;
mod trust;
mod users;
mod webhooks;
