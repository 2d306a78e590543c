//! Conformance cases: facts about documented behaviour, one JSON object per
//! line, and what the engine makes of them.
//!
//! A case gives an expression, transforms or a pipe with what is around it,
//! and says what must come out. `tests/conformance/README.md` describes the
//! fields. Each case runs on a thread of its own, so that neither a panic nor
//! an endless loop in one of them stops the others.

mod case;
mod compare;
mod keys;
mod pipe;
mod program;
mod world;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

pub use case::{Case, NotACase};

/// How long one case may take.
const LONGEST: Duration = Duration::from_secs(30);
/// The stack of the thread of a case: that of a main thread.
const STACK: usize = 8 << 20;

/// What became of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// What came out is what the case says.
    Passed,
    /// Something else came out, or nothing; why.
    Failed(String),
    /// It could not be tried; why.
    Skipped(String),
}

/// A line of a file of cases and what became of it.
#[derive(Clone, Debug)]
pub struct Tried {
    /// The case's id, or the number of the line if it has none.
    pub id: String,
    /// Whether the documentation leaves open what the case says.
    pub ambiguous: bool,
    /// What became of it.
    pub verdict: Verdict,
}

/// All cases of a file.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// In the order of the file.
    pub cases: Vec<Tried>,
}

impl Report {
    /// Tries every case of a text with one case per line. Files that cases name
    /// are looked for in `folder`.
    pub fn of(text: &str, folder: &Path) -> Report {
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        Report { cases: lines.map(|(at, line)| try_line(at, line, folder)).collect() }
    }

    /// The number of cases that passed.
    pub fn passed(&self) -> usize {
        self.count(|verdict| *verdict == Verdict::Passed)
    }

    /// The number of cases that failed.
    pub fn failed(&self) -> usize {
        self.count(|verdict| matches!(verdict, Verdict::Failed(_)))
    }

    /// The number of cases that could not be tried.
    pub fn skipped(&self) -> usize {
        self.count(|verdict| matches!(verdict, Verdict::Skipped(_)))
    }

    fn count(&self, wanted: impl Fn(&Verdict) -> bool) -> usize {
        self.cases.iter().filter(|tried| wanted(&tried.verdict)).count()
    }
}

/// One line for each case that did not pass, then the numbers.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Tried { id, ambiguous, verdict } in &self.cases {
            let open = if *ambiguous { " (the documentation leaves it open)" } else { "" };
            match verdict {
                Verdict::Passed => {}
                Verdict::Failed(why) => writeln!(f, "{id}: {}{open}", shortened(why))?,
                Verdict::Skipped(why) => writeln!(f, "{id}: skipped: {}", shortened(why))?,
            }
        }
        let (passed, failed, skipped) = (self.passed(), self.failed(), self.skipped());
        writeln!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

/// On one line and short enough for a screen.
fn shortened(text: &str) -> String {
    const MOST: usize = 400;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

fn try_line(at: usize, line: &str, folder: &Path) -> Tried {
    let case = match Case::read(line) {
        Ok(case) => case,
        Err(NotACase { id, why }) => {
            let id = id.unwrap_or_else(|| format!("line {}", at + 1));
            return Tried { id, ambiguous: false, verdict: Verdict::Failed(why) };
        }
    };
    let (id, ambiguous) = (case.id.clone(), case.ambiguous);
    Tried { id, ambiguous, verdict: apart(case, folder.to_owned()) }
}

/// Tries a case on a thread of its own.
fn apart(case: Case, folder: PathBuf) -> Verdict {
    let (send, receive) = mpsc::channel();
    let body = move || {
        // The other end is gone if the case took too long.
        let _ = send.send(case.verdict(&folder));
    };
    let thread = std::thread::Builder::new().name("case".to_owned()).stack_size(STACK).spawn(body);
    let thread = match thread {
        Ok(thread) => thread,
        Err(error) => return Verdict::Failed(format!("no thread to run it: {error}")),
    };
    match receive.recv_timeout(LONGEST) {
        Ok(verdict) => verdict,
        Err(mpsc::RecvTimeoutError::Timeout) => {
            Verdict::Failed(format!("not done after {} seconds", LONGEST.as_secs()))
        }
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            let panic = thread.join().err();
            let message = panic.as_deref().map_or("", |panic| {
                let text = panic.downcast_ref::<String>().map(String::as_str);
                text.or(panic.downcast_ref::<&str>().copied()).unwrap_or_default()
            });
            Verdict::Failed(format!("panicked: {message}"))
        }
    }
}
