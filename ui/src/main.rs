//! The studio's screens.
//!
//! - `client` is the only way to the node; it knows desktop and browser, nothing
//!   above it does.
//! - `state` is what screens share: live state fed by one event stream, open
//!   texts, one history of edits.
//! - `place` gives every screen an address.
//! - `components` is the design system; every screen is made of it.
//! - `design` shows all of that on one page.
//! - The rest is a module per screen.

// A program has no outside: `pub` marks what a module offers to the others.
#![allow(unreachable_pub)]

mod app;
mod client;
mod commands;
mod components;
mod connections;
mod datasets;
mod design;
mod draft;
mod duplicates;
mod editor;
mod forms;
mod graph;
mod json;
mod monaco;
mod monitor;
mod palette;
mod pipes;
mod place;
mod problems;
mod settings;
mod shell;
mod state;
mod systems;
mod tour;

fn main() {
    console_error_panic_hook::set_once();
    leptos::mount::mount_to_body(app::App);
}
