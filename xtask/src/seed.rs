//! `cargo xtask seed`: whether the tests would notice.
//!
//! Each file in `tests/seeds` is a mistake that could be made: a patch, before
//! which it says what is wrong and which test must find it. It is made in a copy
//! of the tree, never in the tree itself, and the test is run there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::shell::{cargo, output, program, root, run, say, target};

/// A mistake.
struct Seed {
    name: String,
    patch: PathBuf,
    /// What is wrong, in a sentence.
    about: String,
    /// What `cargo test` is called with.
    test: Vec<String>,
    /// Variables for the test.
    variables: Vec<(String, String)>,
}

impl Seed {
    fn read(patch: PathBuf) -> Result<Seed> {
        let text = fs::read_to_string(&patch)?;
        let head = text.split("\n--- ").next().unwrap_or_default();
        let (mut about, mut test, mut variables) = (String::new(), Vec::new(), Vec::new());
        for line in head.lines() {
            let words = || line.split_whitespace().skip(1).map(str::to_owned);
            if line.starts_with("Test:") {
                test = words().collect();
            } else if line.starts_with("With:") {
                variables = words()
                    .filter_map(|word| {
                        word.split_once('=').map(|(name, value)| (name.into(), value.into()))
                    })
                    .collect();
            } else if !line.is_empty() && !line.starts_with("diff ") && !line.starts_with("index ")
            {
                about = format!("{about} {line}").trim().to_owned();
            }
        }
        if test.is_empty() {
            bail!("{} names no test (a line \"Test: …\")", patch.display());
        }
        let name = patch.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Seed { name, patch, about, test, variables })
    }
}

fn seeds() -> Result<Vec<Seed>> {
    let folder = root().join("tests/seeds");
    let mut patches = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "patch") {
            patches.push(path);
        }
    }
    patches.sort();
    patches.into_iter().map(Seed::read).collect()
}

/// Makes the named mistakes, or all, each in a copy, and runs what must find it.
pub(crate) fn sow(names: &[&str]) -> Result<()> {
    let seeds: Vec<Seed> = seeds()?
        .into_iter()
        .filter(|seed| names.is_empty() || names.contains(&seed.name.as_str()))
        .collect();
    if seeds.is_empty() {
        bail!("there is no such seed in tests/seeds");
    }
    let folder = target().join("seeds");
    let mut missed = Vec::new();
    for seed in &seeds {
        say(format!("{}: {}", seed.name, seed.about));
        copy(&folder)?;
        let mut git = program("git");
        git.arg("apply").arg(&seed.patch).current_dir(&folder);
        // The copy is no part of the repository that it lies in.
        run(git.env("GIT_CEILING_DIRECTORIES", target()))
            .with_context(|| format!("{} does not fit the code any more", seed.patch.display()))?;
        // Not building is not what is asked for.
        let tests = |build_only: bool| {
            let mut command = cargo();
            command.current_dir(&folder).arg("test").args(&seed.test);
            if build_only {
                command.arg("--no-run");
            } else {
                command.args(["--", "--nocapture"]);
            }
            command.env("CARGO_TARGET_DIR", target()).stdin(Stdio::null());
            command.envs(seed.variables.iter().map(|(name, value)| (name, value)));
            command
        };
        run(&mut tests(true))?;
        let begun = Instant::now();
        let found = tests(false).output()?;
        let took = begun.elapsed().as_secs_f64();
        let said = String::from_utf8_lossy(&found.stderr);
        if found.status.success() {
            println!("{}: MISSED, {took:.1} s", seed.name);
            missed.push(seed.name.as_str());
        } else {
            println!("{}: caught after {took:.1} s: {}", seed.name, reason(&said));
        }
    }
    println!("{} of {} seeds caught", seeds.len() - missed.len(), seeds.len());
    if !missed.is_empty() {
        bail!("not caught: {}", missed.join(", "));
    }
    Ok(())
}

/// What a failed test said, in a line.
fn reason(said: &str) -> String {
    let after = said.split("panicked at").nth(1).unwrap_or(said);
    let mut lines = after.lines().skip(1).map(str::trim).filter(|line| !line.is_empty());
    let line = lines.next().unwrap_or_default();
    line.chars().take(160).collect()
}

/// Copies the tree as it stands: what git knows, and what it would.
fn copy(to: &Path) -> Result<()> {
    let listed =
        output(program("git").args(["ls-files", "-co", "--exclude-standard", "--deduplicate"]))?;
    for path in listed.lines() {
        let (from, to) = (root().join(path), to.join(path));
        let Ok(bytes) = fs::read(&from) else { continue };
        // What is as it was is not built again.
        if fs::read(&to).is_ok_and(|known| known == bytes) {
            continue;
        }
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&to, bytes)?;
    }
    Ok(())
}
