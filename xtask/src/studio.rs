//! `cargo xtask studio`: the studio on a project, in a browser or in its own
//! window.

use anyhow::Result;

use crate::install::{self, Need};
use crate::{run, shell, ui};

/// What the desktop window is built from and runs with.
pub(crate) const WINDOW: [Need; 6] = [
    Need::program("cc", "build-essential"),
    Need::program("pkg-config", "pkg-config"),
    Need::file("/usr/include/webkitgtk-4.1", "libwebkit2gtk-4.1-dev"),
    Need::file("/usr/include/librsvg-2.0", "librsvg2-dev"),
    Need::file("/usr/include/xdo.h", "libxdo-dev"),
    Need::file("/usr/include/openssl", "libssl-dev"),
];

/// Builds the screens and opens them on a project: served on this machine, or
/// with `--window` in the desktop program.
pub(crate) fn open(arguments: &[&str]) -> Result<()> {
    let window = arguments.contains(&"--window");
    let mut rest: Vec<&str> = arguments.iter().copied().filter(|a| *a != "--window").collect();
    if rest.is_empty() {
        rest.push(run::EXAMPLE);
    }
    let (package, program) = if window {
        install::ensure("the desktop window", &WINDOW)?;
        ("pipewright-studio", "pipewright-studio")
    } else {
        install::ensure("building", &run::NEEDS)?;
        ("pipewright-cli", "pipewright")
    };
    ui::build(ui::Profile::Quick)?;
    shell::say("Building");
    shell::run(shell::cargo().args(["build", "--package", package]))?;
    let mut program = shell::program(
        shell::target().join("debug").join(format!("{program}{}", std::env::consts::EXE_SUFFIX)),
    );
    if !window {
        program.arg("serve");
    }
    shell::run(program.args(rest))
}
