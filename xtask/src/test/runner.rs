//! The test runner: cargo-nextest where it is installed, else what comes with
//! cargo. Its output is shown as it comes and counted on the way.

use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::ops::AddAssign;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::shell;

/// The same for every run: what cargo builds depends on which packages it is
/// asked for. Without what writes the screens' glue: it has no tests, and its
/// libraries take as long to build as all of ours.
pub(crate) const PACKAGES: [&str; 3] = ["--workspace", "--exclude", "xtask-bindgen"];

/// How many tests there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl AddAssign for Count {
    fn add_assign(&mut self, more: Self) {
        self.passed += more.passed;
        self.failed += more.failed;
        self.skipped += more.skipped;
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// Every test of the workspace but the code in documentation.
pub(super) fn tests() -> Result<Count> {
    let mut cargo = shell::cargo();
    if shell::find("cargo-nextest").is_some() {
        // One failure must not hide the next.
        cargo.args(["nextest", "run"]).args(PACKAGES).arg("--no-fail-fast");
        cargo.args(["--show-progress", "none", "--status-level", "slow"]);
    } else {
        cargo.arg("test").args(PACKAGES).args(["--lib", "--bins", "--tests", "--no-fail-fast"]);
    }
    let count = counted(&mut cargo)?;
    if count == Count::default() {
        bail!("no test was run");
    }
    Ok(count)
}

/// The code in documentation, which nextest does not run.
pub(super) fn documentation() -> Result<Count> {
    counted(shell::cargo().arg("test").args(PACKAGES).args(["--doc", "--no-fail-fast"]))
}

/// Runs with the output shown, and adds up what the runner reports.
///
/// # Errors
/// When it fails for another reason than failed tests: code that does not
/// compile, or a test that takes the runner down.
fn counted(command: &mut Command) -> Result<Count> {
    if shell::in_ci() {
        command.arg("--locked");
    }
    // nextest reports on standard error, cargo test on standard output: one
    // pipe for both keeps their order.
    let (reader, writer) = std::io::pipe()?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    if std::io::IsTerminal::is_terminal(&std::io::stdout()) {
        command.args(["--color", "always"]);
    }
    let mut child = command.spawn().context("cannot start the test runner")?;
    // The other end has to be the child's alone, or the end never comes.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut count = Count::default();
    let mut lines = BufReader::new(reader);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        std::io::stdout().write_all(&line)?;
        if let Some(more) = summary(&plain(&String::from_utf8_lossy(&line))) {
            count += more;
        }
        line.clear();
    }
    let status = child.wait()?;
    if !status.success() && count.failed == 0 {
        bail!("the test runner ended with {status}");
    }
    Ok(count)
}

/// Without colours.
fn plain(line: &str) -> String {
    let mut text = String::new();
    let mut parts = line.split("\u{1b}[");
    text.push_str(parts.next().unwrap_or_default());
    for part in parts {
        text.push_str(part.split_once('m').map_or(part, |(_, rest)| rest));
    }
    text
}

/// What a closing line of one of the two runners counts.
fn summary(line: &str) -> Option<Count> {
    // nextest shows what a failed test said, indented: that is no closing line.
    let counts = match line.strip_prefix("test result:") {
        Some(rest) => rest,
        None => {
            let line = line.trim_start();
            line.strip_prefix("Summary")?
                .split_once("tests run:")
                .or_else(|| {
                    // One test is said in the singular.
                    line.split_once("test run:")
                })?
                .1
        }
    };
    let mut count = Count::default();
    for part in counts.split([',', ';', '.']) {
        let mut words = part.split_whitespace();
        let (Some(Ok(number)), Some(kind)) = (words.next().map(str::parse::<u64>), words.next())
        else {
            continue;
        };
        match kind {
            "passed" => count.passed += number,
            "failed" => count.failed += number,
            // Too slow or crashed is failed.
            "timed" | "exec" => count.failed += number,
            "skipped" | "ignored" => count.skipped += number,
            _ => {}
        }
    }
    Some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(passed: u64, failed: u64, skipped: u64) -> Option<Count> {
        Some(Count { passed, failed, skipped })
    }

    #[test]
    fn closing_lines_of_cargo_test_are_counted() {
        let line = "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; \
                    finished in 0.00s";
        assert_eq!(summary(line), count(3, 0, 1));
        let line = "test result: FAILED. 12 passed; 2 failed; 0 ignored; 0 measured; \
                    0 filtered out; finished in 1.20s";
        assert_eq!(summary(line), count(12, 2, 0));
    }

    #[test]
    fn closing_lines_of_nextest_are_counted() {
        let line = "     Summary [   0.046s] 11 tests run: 11 passed, 0 skipped\n";
        assert_eq!(summary(line), count(11, 0, 0));
        let line = "     Summary [  62.1s] 20 tests run: 17 passed (1 slow), 1 failed, 2 timed out, \
                    4 skipped";
        assert_eq!(summary(line), count(17, 3, 4));
        let line = "     Summary [   0.005s] 1 test run: 1 passed, 0 skipped";
        assert_eq!(summary(line), count(1, 0, 0));
    }

    #[test]
    fn what_a_failed_test_said_is_not_counted() {
        let line = "    test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; \
                    5 filtered out; finished in 0.00s";
        assert_eq!(summary(line), None);
    }

    #[test]
    fn colours_are_no_obstacle() {
        let line = "\u{1b}[32;1m     Summary\u{1b}[0m [   0.046s] \u{1b}[1m2\u{1b}[0m tests run: \
                    \u{1b}[1m2\u{1b}[0m \u{1b}[32;1mpassed\u{1b}[0m, \u{1b}[1m0\u{1b}[0m skipped";
        assert_eq!(summary(&plain(line)), count(2, 0, 0));
    }

    #[test]
    fn other_lines_are_not() {
        assert_eq!(summary("test tests::three ... ok"), None);
        assert_eq!(summary("running 3 tests"), None);
        assert_eq!(summary("Summary of findings"), None);
    }
}
