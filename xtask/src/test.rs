//! `cargo xtask test`: everything that has to hold, in stages.
//!
//! Cheap stages come first. A stage that fails does not keep the others from
//! telling what they found. The last lines are a table of stages with times
//! and how many tests passed.

mod runner;

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::install::{self, Need};
use crate::{licences, run as product, shell, tidy, ui};

pub(crate) use runner::{Count, PACKAGES};

/// One step of the whole.
struct Stage {
    name: &'static str,
    /// What it checks, for the list of stages.
    about: &'static str,
    /// What the system has to bring.
    needs: &'static [&'static [Need]],
    run: fn() -> Result<Count>,
}

/// What the stories are told with: a browser, and a display for the window.
const STORIES: [Need; 5] = [
    Need::program("chromium", "chromium"),
    Need::program("chromedriver", "chromium-driver"),
    Need::program("Xvfb", "xvfb"),
    Need::program("WebKitWebDriver", "webkit2gtk-driver"),
    Need::program("dbus-run-session", "dbus-daemon"),
];

/// What the client for Python is tried with.
const PYTHON: [Need; 1] = [Need::program("python3", "python3")];

/// The servers that the systems are tried on.
const DATABASES: [Need; 4] = [
    // The server's own programs are not on the path.
    Need::file("/usr/lib/postgresql", "postgresql"),
    Need::program("psql", "postgresql-client"),
    Need::file("/usr/sbin/mariadbd", "mariadb-server"),
    Need::program("mariadb", "mariadb-client"),
];

/// All stages in their order.
const STAGES: &[Stage] = &[
    Stage {
        name: "tidy",
        about: "who may use whom, lints of every crate, nothing half-done",
        needs: &[&[Need::program("git", "git")]],
        run: || tidy::check().map(no_tests),
    },
    Stage {
        name: "format",
        about: "the code is formatted",
        needs: &[],
        run: || shell::run(shell::cargo().args(["fmt", "--all", "--check"])).map(no_tests),
    },
    Stage {
        name: "licences",
        about: "everything used may be used",
        needs: &[],
        run: || licences::check().map(no_tests),
    },
    Stage {
        name: "screens",
        about: "the studio's screens build for the browser",
        // What this needs depends on the toolchain: it sees to it itself.
        needs: &[],
        run: || ui::build(ui::Profile::Quick).map(no_tests),
    },
    Stage {
        name: "language",
        about: "the language service builds for the browser and is small enough",
        needs: &[],
        run: || ui::language().map(no_tests),
    },
    Stage {
        name: "lint",
        about: "the compiler and clippy have nothing to say",
        needs: &[&product::WINDOW],
        run: || embeddable().and_then(|()| shell::run(&mut lint())).map(no_tests),
    },
    Stage {
        name: "examples",
        about: "the code in the documentation runs",
        needs: &[&product::PLAIN],
        run: runner::documentation,
    },
    Stage {
        name: "tests",
        about: "the tests: databases are real, stories are told in a browser and in the window",
        needs: &[&product::WINDOW, &STORIES, &DATABASES, &PYTHON],
        run: || embeddable().and_then(|()| runner::tests()),
    },
];

/// Draws every screen into a folder, by the story that goes through them.
pub(crate) fn screenshots(folder: &str) -> Result<()> {
    install::ensure("drawing the screens", &[&product::PLAIN[..], &STORIES].concat())?;
    ui::build(ui::Profile::Quick)?;
    let folder = std::path::absolute(folder)?;
    let mut cargo = shell::cargo();
    cargo.args(["build", "--package", "pipewright-cli"]);
    shell::run(&mut cargo)?;
    let mut cargo = shell::cargo();
    cargo.args(["test", "--package", "pipewright-tests", "--test", "story", "every_screen"]);
    shell::run(cargo.env("PIPEWRIGHT_PICTURES", &folder))?;
    shell::say(format!("the pictures are in {}", folder.display()));
    Ok(())
}

/// The desktop program is compiled with the screens in it: a stage that is run
/// alone builds them if nobody has.
fn embeddable() -> Result<()> {
    if shell::root().join("dist/index.html").is_file() {
        return Ok(());
    }
    ui::build(ui::Profile::Quick)
}

fn no_tests((): ()) -> Count {
    Count::default()
}

fn lint() -> std::process::Command {
    let mut cargo = shell::cargo();
    cargo.args(["clippy", "--workspace", "--all-targets"]);
    if shell::in_ci() {
        cargo.arg("--locked");
    }
    cargo.args(["--", "-D", "warnings"]);
    cargo
}

/// How a stage went.
struct Outcome {
    name: &'static str,
    time: Duration,
    failed: bool,
}

/// Runs the named stages, or all.
pub(crate) fn run(names: &[&str]) -> Result<()> {
    if let Some(unknown) = names.iter().find(|name| STAGES.iter().all(|s| s.name != **name)) {
        bail!("no stage is called {unknown}; there are:\n{}", list());
    }
    let mut count = Count::default();
    let mut outcomes = Vec::new();
    for stage in STAGES.iter().filter(|s| names.is_empty() || names.contains(&s.name)) {
        shell::say(format!("{}: {}", stage.name, stage.about));
        let start = Instant::now();
        let result = install::ensure(&format!("the stage {}", stage.name), &stage.needs.concat())
            .and_then(|()| (stage.run)());
        let failed = match result {
            Ok(more) => {
                count += more;
                more.failed > 0
            }
            Err(error) => {
                eprintln!("error: {error:#}");
                true
            }
        };
        outcomes.push(Outcome { name: stage.name, time: start.elapsed(), failed });
        shell::say(format!("{} took {}", stage.name, clock(start.elapsed())));
    }
    print!("\n{}", table(&outcomes));
    let failed: Vec<&str> = outcomes.iter().filter(|o| o.failed).map(|o| o.name).collect();
    if !failed.is_empty() {
        println!("\nFailed: {}", failed.join(", "));
    }
    // Last of all and alone on its line, so that a program can find it.
    println!("\n{count}");
    if failed.is_empty() { Ok(()) } else { Err(crate::AlreadySaid.into()) }
}

/// The stages with what they are about.
pub(crate) fn list() -> String {
    STAGES.iter().map(|stage| format!("  {:<10} {}\n", stage.name, stage.about)).collect()
}

fn table(outcomes: &[Outcome]) -> String {
    let line =
        |name: &str, time, result: &str| format!("{name:<10} {:>8}  {result}\n", clock(time));
    let mut text = String::new();
    for outcome in outcomes {
        let result = if outcome.failed { "FAILED" } else { "ok" };
        text += &line(outcome.name, outcome.time, result);
    }
    text + line("all", outcomes.iter().map(|o| o.time).sum(), "").trim_end() + "\n"
}

/// Minutes and seconds.
fn clock(time: Duration) -> String {
    let tenths = time.as_millis() / 100;
    format!("{}:{:02}.{}", tenths / 600, tenths / 10 % 60, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_tells_times_and_failures() {
        let outcome =
            |name, seconds, failed| Outcome { name, time: Duration::from_secs(seconds), failed };
        let text = table(&[outcome("tidy", 1, false), outcome("tests", 125, true)]);
        assert_eq!(
            text,
            "tidy         0:01.0  ok\n\
             tests        2:05.0  FAILED\n\
             all          2:06.0\n"
        );
    }

    #[test]
    fn stages_have_names_of_their_own() {
        for (place, stage) in STAGES.iter().enumerate() {
            assert!(STAGES[place + 1..].iter().all(|other| other.name != stage.name));
        }
    }
}
