//! `cargo xtask tidy`: what no compiler checks. Who may use whom, the lints
//! of every crate, nothing half-done, no path of somebody's machine.

mod arrows;
mod document;
mod lints;
mod text;

use std::fs;

use anyhow::{Context, Result, bail};

use crate::{metadata, shell};

/// Runs every check and reports all that was found.
pub(crate) fn check() -> Result<()> {
    let packages = metadata::ours()?;
    let mut problems = arrows::check(&packages);
    let document = fs::read_to_string(shell::root().join(document::FILE))
        .with_context(|| format!("cannot read {}", document::FILE))?;
    problems.extend(document::check(&document));
    problems.extend(lints::check(&packages)?);
    problems.extend(text::check()?);
    if problems.is_empty() {
        println!("tidy: {} crates, nothing to complain about", packages.len());
        return Ok(());
    }
    for problem in &problems {
        println!("tidy: {problem}");
    }
    bail!("{} untidy thing(s) in {}", problems.len(), shell::root().display())
}
