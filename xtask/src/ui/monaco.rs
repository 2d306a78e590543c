//! The text editor, bundled from npm packages into modules of our own.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::install::{self, Need};
use crate::shell;

const NODE: [Need; 2] = [Need::program("node", "nodejs"), Need::program("npm", "npm")];

/// The oldest Node.js that the packages say they run on.
const OLDEST_NODE: u32 = 18;

/// Licence texts that go out with the bundle.
const NOTICES: [&str; 2] = ["LICENSE", "ThirdPartyNotices.txt"];

/// Bundles `ui/monaco/entry.js` and the workers beside it, unless that was
/// already done for what is there now; returns the folder with the result.
pub(super) fn bundle() -> Result<PathBuf> {
    let source = shell::root().join("ui/monaco");
    let output = shell::target().join("monaco");
    let stamp = shell::target().join("monaco.stamp");
    let inputs = inputs(&source)?;
    if output.is_dir() && fs::read(&stamp).is_ok_and(|old| old == inputs) {
        return Ok(output);
    }
    install::ensure("bundling the text editor", &NODE)?;
    check_node()?;
    shell::say("Bundling the text editor");
    shell::run(shell::program("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(&source))?;

    if output.exists() {
        fs::remove_dir_all(&output)?;
    }
    // A script or a native program, depending on how npm installed it.
    let name = if cfg!(windows) { "esbuild.cmd" } else { "esbuild" };
    let mut esbuild = shell::program(source.join("node_modules/.bin").join(name));
    esbuild.current_dir(&source).arg("monaco=entry.js");
    for worker in workers(&source)? {
        esbuild.arg(worker);
    }
    esbuild.args(["--bundle", "--minify", "--format=esm", "--target=es2022"]);
    // The notices are in a file of their own.
    esbuild.args(["--legal-comments=none", "--log-level=warning"]);
    esbuild.args(["--loader:.ttf=file", "--asset-names=[name]"]);
    esbuild.arg(format!("--outdir={}", output.display()));
    shell::run(&mut esbuild)?;
    fs::write(output.join("monaco.licences.txt"), notices(&source)?)?;
    // Not part of the studio: what the tests look at its screens with.
    fs::copy(source.join("node_modules/axe-core/axe.min.js"), shell::target().join("axe.min.js"))
        .context("cannot copy axe-core")?;
    fs::write(&stamp, inputs)?;
    Ok(output)
}

fn check_node() -> Result<()> {
    let version = shell::output(shell::program("node").arg("--version"))?;
    let version = version.trim();
    let major = version.trim_start_matches('v').split('.').next().and_then(|n| n.parse().ok());
    if major.is_none_or(|major: u32| major < OLDEST_NODE) {
        bail!("Node.js {version} is too old to bundle the text editor: {OLDEST_NODE} or newer");
    }
    Ok(())
}

/// Names of the workers, in a fixed order.
fn workers(source: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(source)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".worker.js") {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Everything the bundle is made from, as one sequence of bytes to compare.
fn inputs(source: &Path) -> Result<Vec<u8>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(source)? {
        let path = entry?.path();
        if path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    // How it is bundled matters as much as what.
    let mut bytes = include_bytes!("monaco.rs").to_vec();
    for file in files {
        bytes.extend_from_slice(file.to_string_lossy().as_bytes());
        bytes.extend(fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?);
    }
    Ok(bytes)
}

fn notices(source: &Path) -> Result<String> {
    let package = source.join("node_modules/monaco-editor");
    let mut text = String::from("The text editor in monaco.js is Monaco.\n");
    for name in NOTICES {
        let path = package.join(name);
        text.push('\n');
        text += &fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
    }
    Ok(text)
}
