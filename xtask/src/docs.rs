//! `cargo xtask docs`: the pages of the documentation that follow from the
//! code. A test of the crate that a page is about fails when it is not current.

use std::fs;

use anyhow::{Context, Result};

use crate::shell;

/// The page, and the program that prints it: an example of a crate, or the
/// product itself.
const PAGES: [(&str, [&str; 4]); 2] = [
    ("docs/dtl-reference.md", ["-p", "pipewright-dtl", "--example", "reference"]),
    ("docs/cli.md", ["-p", "pipewright-cli", "--", "reference"]),
];

/// Writes every page.
pub(crate) fn write() -> Result<()> {
    for (page, program) in PAGES {
        let text = shell::output(shell::cargo().args(["run", "-q"]).args(program))?;
        let file = shell::root().join(page);
        if fs::read_to_string(&file).is_ok_and(|old| old == text) {
            println!("docs: {page} is current");
            continue;
        }
        fs::write(&file, text).with_context(|| format!("cannot write {page}"))?;
        println!("docs: {page} is new");
    }
    Ok(())
}
