//! `cargo xtask run`: the studio on the example project, from nothing.

use std::path::PathBuf;

use anyhow::Result;

use crate::install::{self, Need};
use crate::test::PACKAGES;
use crate::{shell, ui};

const COMPILER: Need = Need::program("cc", "build-essential");

/// What everything but the desktop window is built with.
pub(crate) const PLAIN: [Need; 1] = [COMPILER];

/// What the desktop window is built with.
pub(crate) const WINDOW: [Need; 3] = [
    COMPILER,
    Need::program("pkg-config", "pkg-config"),
    Need::file("/usr/include/webkitgtk-4.1", "libwebkit2gtk-4.1-dev"),
];

/// The project that is opened.
const EXAMPLE: &str = "examples/crm-erp";

/// Installs what is missing, builds, and opens the studio; with arguments runs
/// the command line instead.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    if !arguments.is_empty() {
        install::ensure("building", &PLAIN)?;
        return start(&built("pipewright")?, arguments);
    }
    if !has_display() {
        shell::say(
            "There is no display here (neither DISPLAY nor WAYLAND_DISPLAY is set): \
             the studio is served for a browser instead of opened in its window",
        );
        install::ensure("building", &PLAIN)?;
        ui::build(ui::Profile::Quick)?;
        return start(&built("pipewright")?, &["serve", EXAMPLE]);
    }
    install::ensure("the desktop window", &WINDOW)?;
    ui::build(ui::Profile::Quick)?;
    start(&built("pipewright-studio")?, &[EXAMPLE])
}

/// Whether a window can be shown. Other systems always have a desktop.
fn has_display() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    cfg!(not(target_os = "linux")) || set("DISPLAY") || set("WAYLAND_DISPLAY")
}

/// Builds a program and says where it is.
///
/// Which features the libraries are built with depends on the packages that are
/// asked for: the same as for the tests, so that what one builds the other finds.
fn built(program: &str) -> Result<PathBuf> {
    shell::say(format!("Building {program}"));
    shell::run(shell::cargo().arg("build").args(PACKAGES).args(["--bin", program]))?;
    let program = format!("{program}{}", std::env::consts::EXE_SUFFIX);
    Ok(shell::target().join("debug").join(program))
}

/// Runs a program until it ends.
fn start(program: &PathBuf, arguments: &[&str]) -> Result<()> {
    let name = program.file_name().map_or_else(String::new, |name| name.display().to_string());
    shell::say(format!("{name} {}", arguments.join(" ")));
    shell::run(shell::program(program).args(arguments))
}
