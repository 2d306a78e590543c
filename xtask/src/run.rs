//! `cargo xtask run`: the product at work, from nothing.

use anyhow::Result;

use crate::install::{self, Need};
use crate::shell;

pub(crate) const NEEDS: [Need; 1] = [Need::program("cc", "build-essential")];

/// The project that is run when none is named.
pub(crate) const EXAMPLE: &str = "examples/crm-erp";

/// Installs what is missing, builds, and does the main job.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    install::ensure("building", &NEEDS)?;
    on_the_command_line(arguments)
}

/// Runs a project's pipes once and tells what came of it.
fn on_the_command_line(arguments: &[&str]) -> Result<()> {
    shell::say("Building");
    shell::run(shell::cargo().args(["build", "--package", "pipewright-cli"]))?;
    let program =
        shell::target().join("debug").join(format!("pipewright{}", std::env::consts::EXE_SUFFIX));
    let arguments = if arguments.is_empty() { &["run", EXAMPLE] } else { arguments };
    shell::say(format!("pipewright {}", arguments.join(" ")));
    shell::run(shell::program(program).args(arguments))
}
