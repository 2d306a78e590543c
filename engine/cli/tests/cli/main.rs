//! The program as people use it: each command in a process of its own.
#![allow(clippy::unwrap_used)]

mod attach;
mod commands;
mod crash;
mod pair;
mod remote;
mod secrets;
mod transform;
mod users;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A folder of its own for a project, its store and the user's settings.
struct Place {
    home: TempDir,
}

impl Place {
    /// With a copy of the example project.
    fn with_example() -> Place {
        let place = Place::empty();
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/crm-erp");
        copy(&example, &place.project());
        place
    }

    fn empty() -> Place {
        Place { home: tempfile::tempdir().unwrap() }
    }

    fn project(&self) -> PathBuf {
        self.home.path().join("project")
    }

    /// What a node that serves the project says of itself.
    fn log(&self) -> PathBuf {
        self.home.path().join("serve.log")
    }

    /// Writes a file of the project.
    fn write(&self, path: &str, text: &str) {
        let file = self.project().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }

    /// The program with `command` on the project, ready to start.
    fn command(&self, command: &[&str], rest: &[&str]) -> Command {
        let mut process = Command::new(env!("CARGO_BIN_EXE_pipewright"));
        process
            .args(command)
            .arg(self.project())
            .args(rest)
            .env("PIPEWRIGHT_HOME", self.home.path().join("settings"))
            .env_remove("PIPEWRIGHT_LOG")
            .stdin(Stdio::null());
        process
    }

    /// Calls with something on standard input.
    fn feed(&self, command: &[&str], rest: &[&str], input: &str) -> Called {
        Called::fed(&mut self.command(command, rest), input)
    }

    fn call(&self, command: &str, rest: &[&str]) -> Called {
        Called::of(self.command(&[command], rest).output().unwrap())
    }
}

/// What a process left.
#[derive(Debug)]
struct Called {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Called {
    /// Runs a command with something on standard input.
    fn fed(command: &mut Command, input: &str) -> Called {
        let streams = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = streams.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        Called::of(child.wait_with_output().unwrap())
    }

    fn of(output: Output) -> Called {
        Called {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// It must have ended well.
    #[track_caller]
    fn well(self) -> Called {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    /// Its output as JSON, one value a line.
    fn lines(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Its output as one JSON value.
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap()
    }
}

/// Copies a project without what the program keeps below it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        if name.to_string_lossy().starts_with('.') {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to.join(name));
        } else {
            std::fs::copy(entry.path(), to.join(name)).unwrap();
        }
    }
}

/// The lines of `run --json` by pipe.
fn by_pipe(run: &Value) -> BTreeMap<String, &Value> {
    let pipes = run["pipes"].as_array().unwrap();
    pipes.iter().map(|pipe| (pipe["pipe"].as_str().unwrap().to_owned(), pipe)).collect()
}
