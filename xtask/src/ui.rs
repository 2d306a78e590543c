//! `cargo xtask ui`: the studio's screens, ready to be served from `dist/`.

mod dist;
mod monaco;
mod wasm;

use anyhow::Result;

use crate::shell;

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
