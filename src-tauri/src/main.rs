//! The desktop studio as a program.
//!
//! Nothing but the screens and settings that are compiled in: they are put
//! together while this file is compiled, in one place on disk, so only one
//! target may do so.

#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

fn main() -> anyhow::Result<()> {
    pipewright_studio::open(tauri::generate_context!())
}
