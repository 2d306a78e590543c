//! Checks the configuration and embeds what the program needs of it.

fn main() {
    tauri_build::build();
}
