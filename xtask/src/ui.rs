//! `cargo xtask ui`: the studio's screens, ready to be served from `dist/`.

mod dist;
mod monaco;
mod wasm;

use std::fs;

use anyhow::{Result, bail};

use crate::shell;

/// What the language service may weigh for a browser, in bytes.
const LANGUAGE_WEIGHS_AT_MOST: u64 = 2_500_000;

/// How the screens are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Built in seconds, a few megabytes, with function names in stack traces.
    Quick,
    /// Small and fast, as users get it.
    Shipping,
}

/// Builds the screens and the text editor and lays out `dist/`, installing
/// what is missing on the way.
pub(crate) fn build(profile: Profile) -> Result<()> {
    let screens = wasm::build(profile)?;
    let editor = monaco::bundle()?;
    let files = dist::lay_out(&[screens, editor])?;
    shell::say(format!("dist/ holds the screens ({files} files)"));
    Ok(())
}

/// Builds the language service alone for a browser and says what it weighs.
///
/// # Errors
/// When that is more than it may be.
pub(crate) fn language() -> Result<()> {
    let module = wasm::language()?.join("pipewright_page_bg.wasm");
    let size = fs::metadata(module)?.len();
    let say = |size: u64| format!("{:.2} MB", size as f64 / 1e6);
    shell::say(format!("the language service weighs {}", say(size)));
    if size > LANGUAGE_WEIGHS_AT_MOST {
        bail!(
            "the language service weighs {}: {} at most",
            say(size),
            say(LANGUAGE_WEIGHS_AT_MOST)
        );
    }
    Ok(())
}
