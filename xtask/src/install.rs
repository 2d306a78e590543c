//! Programs and libraries that the system has to bring: found if they are
//! there, else installed through Debian's packages.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use crate::shell;

/// One thing a stage needs from the system.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Need {
    /// How to see that it is there, however it came.
    pub(crate) found: Found,
    /// The Debian package that brings it.
    pub(crate) package: &'static str,
}

/// The sign that something is installed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Found {
    /// A program on `PATH`.
    Program(&'static str),
    /// A file or folder.
    File(&'static str),
}

impl Need {
    /// A program that comes with a package.
    pub(crate) const fn program(name: &'static str, package: &'static str) -> Self {
        Self { found: Found::Program(name), package }
    }

    /// A file or folder that comes with a package.
    pub(crate) const fn file(path: &'static str, package: &'static str) -> Self {
        Self { found: Found::File(path), package }
    }

    /// Whether it is there.
    pub(crate) fn is_met(&self) -> bool {
        match self.found {
            Found::Program(name) => shell::find(name).is_some(),
            Found::File(path) => Path::new(path).exists(),
        }
    }
}

/// Installs what is missing.
///
/// # Errors
/// When something is missing and cannot be installed from here: the message
/// is the line to run.
pub(crate) fn ensure(what_for: &str, needs: &[Need]) -> Result<()> {
    let missing: Vec<&str> = needs.iter().filter(|n| !n.is_met()).map(|n| n.package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if shell::find("apt-get").is_none() {
        bail!(
            "{what_for} needs what Debian calls: {list}\n\
             Install it the way your system does, then try again."
        );
    }
    let Some(prefix) = root_prefix() else {
        bail!(
            "{what_for} needs Debian packages. Run this, then try again:\n    \
             sudo apt-get update && sudo apt-get install {list}"
        );
    };
    shell::say(format!("Installing for {what_for}: {list}"));
    // A machine that has never asked has no list of packages; an old list
    // names files that are gone.
    shell::run(apt(&prefix).args(["-qq", "update"]))?;
    shell::run(
        apt(&prefix)
            .args(["-qq", "-y", "--no-install-recommends", "install"])
            .args(&missing)
            // The names of hundreds of packages help nobody.
            .stdout(Stdio::null()),
    )?;
    if let Some(need) = needs.iter().find(|n| !n.is_met()) {
        bail!("{} is installed but {:?} is still not there", need.package, need.found);
    }
    Ok(())
}

fn apt(prefix: &[&str]) -> Command {
    let words: Vec<&str> = prefix.iter().copied().chain(["apt-get"]).collect();
    let mut command = shell::program(words[0]);
    command.args(&words[1..]).args(["-o", "DPkg::Lock::Timeout=600", "-o", "Acquire::Retries=3"]);
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

/// What to put before `apt-get`, or none if we may not install: nothing for
/// root, `sudo` where it asks nothing or someone is there to answer.
fn root_prefix() -> Option<Vec<&'static str>> {
    let user = shell::output(Command::new("id").arg("-u")).ok()?;
    if user.trim() == "0" {
        return Some(vec![]);
    }
    shell::find("sudo")?;
    let silent = shell::output(Command::new("sudo").args(["-n", "true"])).is_ok();
    let asked = !shell::in_ci() && std::io::IsTerminal::is_terminal(&std::io::stdin());
    (silent || asked).then(|| vec!["sudo", "DEBIAN_FRONTEND=noninteractive"])
}
