//! The processes of one story.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Names the folder of the user's settings. Every process of a story has it in
/// its environment, so that what they start in turn is known by it, too.
const HOME: &str = "PIPEWRIGHT_HOME";

/// What a story starts, and what that starts in turn: all of it ends with this
/// value, however the story ends.
pub(super) struct Crew {
    folder: PathBuf,
    /// What all of them have in their environment.
    variables: Vec<(String, String)>,
    started: Vec<(String, Child)>,
}

impl Crew {
    /// Nobody yet; settings and logs go into `folder`, which is the story's own.
    pub(super) fn in_folder(folder: &Path) -> Self {
        Crew { folder: folder.to_path_buf(), variables: Vec::new(), started: Vec::new() }
    }

    /// With these variables in everybody's environment.
    pub(super) fn with(mut self, variables: &[(&str, &str)]) -> Self {
        let variables = variables.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        self.variables.extend(variables);
        self
    }

    fn home(&self) -> PathBuf {
        self.folder.join("home")
    }

    fn log(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.log"))
    }

    /// A program that sees the story's settings instead of the user's.
    pub(super) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        let home = self.home();
        command.stdin(Stdio::null()).env(HOME, &home).env("HOME", &home);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        for folder in ["CONFIG", "DATA", "CACHE", "STATE"] {
            let path = home.join(folder.to_lowercase());
            command.env(format!("XDG_{folder}_HOME"), path);
        }
        command
    }

    /// Starts a program of the crew; what it says goes into a log.
    pub(super) fn start(&mut self, name: &str, command: &mut Command) -> Result<()> {
        std::fs::create_dir_all(self.home())?;
        let log = std::fs::File::create(self.log(name))?;
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("{program} cannot be started"))?;
        self.started.push((name.to_owned(), child));
        Ok(())
    }

    /// Waits until a program has said something.
    pub(super) async fn said<T>(
        &mut self,
        name: &str,
        find: impl Fn(&str) -> Option<T>,
    ) -> Result<T> {
        let begin = Instant::now();
        loop {
            let text = std::fs::read_to_string(self.log(name)).unwrap_or_default();
            // The last line may still be on its way.
            let whole = text.rfind('\n').map_or("", |end| &text[..end]);
            if let Some(found) = whole.lines().find_map(&find) {
                return Ok(found);
            }
            let child = self.started.iter_mut().find(|(started, _)| started == name);
            let ended = child.and_then(|(_, child)| child.try_wait().ok().flatten());
            if ended.is_some() || begin.elapsed() > super::PATIENCE {
                bail!("{name} did not say what was expected, but:\n{text}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until a program that was started has ended well.
    pub(super) async fn ended(&mut self, name: &str) -> Result<()> {
        let begin = Instant::now();
        loop {
            let child = self.started.iter_mut().rfind(|(started, _)| started == name);
            let (_, child) = child.with_context(|| format!("{name} was not started"))?;
            match child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => bail!("{name} ended with {status}"),
                None if begin.elapsed() > super::PATIENCE => bail!("{name} does not end"),
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    /// A variable in the environment of a program that runs for this story.
    pub(super) fn variable(&self, program: &str, variable: &str) -> Option<String> {
        let runs = |process: &&u32| {
            let program_of = std::fs::read_link(format!("/proc/{process}/exe")).ok();
            program_of.and_then(|path| Some(path.file_name()? == program)).unwrap_or_default()
        };
        let process = *named(&self.home()).iter().find(runs)?;
        let environment = std::fs::read(format!("/proc/{process}/environ")).ok()?;
        let mut variables = environment.split(|byte| *byte == 0);
        variables.find_map(|one| {
            let (name, value) = std::str::from_utf8(one).ok()?.split_once('=')?;
            (name == variable).then(|| value.to_owned())
        })
    }

    /// The end of every log, for the report of a failure.
    pub(super) fn logs(&self) -> String {
        let mut logs = String::new();
        for (name, _) in &self.started {
            let text = std::fs::read(self.log(name)).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            let lines: Vec<&str> = text.lines().collect();
            let last = &lines[lines.len().saturating_sub(20)..];
            if !last.is_empty() {
                logs += &format!("--- {name} said last ---\n{}\n", last.join("\n"));
            }
        }
        logs
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        // Until nobody is found: one that is just being started is not seen.
        for _ in 0..50 {
            let left = named(&self.home());
            if left.is_empty() {
                break;
            }
            let numbers = left.iter().map(ToString::to_string);
            // The shell's own, since the program is not everywhere. One that
            // has ended by itself meanwhile is no trouble.
            let _ = Command::new("sh")
                .args(["-c", "kill -9 \"$@\" 2>/dev/null", "kill"])
                .args(numbers)
                .status();
            for (_, child) in &mut self.started {
                let _ = child.try_wait();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        for (_, child) in &mut self.started {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Processes with this folder as their [`HOME`]; none where the system does not
/// tell (`/proc`), and there only what was started directly is ended.
fn named(home: &Path) -> Vec<u32> {
    let wanted = format!("{HOME}={}", home.display()).into_bytes();
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    let is_one = |process: u32| {
        let environment = std::fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == wanted)
    };
    processes
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|process| is_one(*process))
        .collect()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn nobody_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let mut crew = Crew::in_folder(folder.path());
        // One that has lost its parent, too, and one in a group of its own.
        let script = "(sleep 1000 &); setsid sleep 1000 & echo ready; wait";
        let mut shell = crew.command("sh");
        crew.start("shell", shell.args(["-c", script])).unwrap();
        crew.said("shell", |line| (line == "ready").then_some(())).await.unwrap();
        let home = crew.home();
        assert!(named(&home).len() >= 3);
        drop(crew);
        assert_eq!(named(&home), Vec::<u32>::new());
    }
}
