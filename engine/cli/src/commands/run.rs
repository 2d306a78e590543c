//! `pipewright run`

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Mutex;

use anyhow::{Result, bail};
use clap::Args;
use pipewright_node::{
    Cancel, Counts, Ending, Node, Observer, Permission, Progress, Report, Settled, Unrunnable,
};
use pipewright_protocol::client::Client;
use pipewright_protocol::studio::{
    Event, PipeState, PipeStatus, RUN, Run as RunRequest, RunCounts,
};
use serde_json::json;

use super::{Reached, reach};
use crate::ProjectArguments;
use crate::output::{Align, duration, table};

#[derive(Args)]
pub(crate) struct Run {
    #[command(flatten)]
    project: ProjectArguments,
    /// Touch nothing outside: pipes that would read from outside are skipped.
    #[arg(long, conflicts_with = "live")]
    offline: bool,
    /// Write to outside systems too.
    #[arg(long)]
    live: bool,
    /// Read everything again, even where the changes would do.
    #[arg(long)]
    rescan: bool,
    /// Print one JSON object instead of a table.
    #[arg(long)]
    json: bool,
}

/// What became of a pipe, over all its runs.
#[derive(Default)]
struct Line {
    status: &'static str,
    message: Option<String>,
    counts: Counts,
    microseconds: i64,
}

impl Run {
    pub(crate) fn execute(self) -> Result<ExitCode> {
        let mut options = self.project.options()?;
        if !self.offline {
            options.read_outside = Permission::Live;
            options.processes = Permission::Live;
        }
        if self.live {
            options.write_outside = Permission::Live;
        }
        let lines = match reach(options)? {
            Reached::Here(node) => self.run_here(&node),
            Reached::There(client) => self.run_there(&client)?,
        };
        self.print(&lines)?;
        let failed = lines.values().any(|line| line.status == "failed");
        Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    fn run_here(&self, node: &Node) -> BTreeMap<String, Line> {
        let cancel = Cancel::new();
        let stop = cancel.clone();
        // A second Ctrl-C ends the program as usual.
        let _ = ctrlc::set_handler(move || {
            if stop.is_stopped() {
                std::process::exit(130);
            }
            eprintln!("stopping at the end of the batch");
            stop.stop();
        });
        let live = Live::new();
        let settled =
            node.run_until_stable(self.rescan, &cancel, &live, &mut |report| live.done(report));
        live.clear();
        lines(&settled)
    }

    /// Runs in the node that has the project open.
    fn run_there(&self, client: &Client) -> Result<BTreeMap<String, Line>> {
        if self.offline || self.live || self.rescan {
            bail!(
                "a node has this project open; --offline, --live and --rescan are set there, \
                 or stop it first"
            );
        }
        let mut events = client.events()?;
        let Some(Event::Hello(hello)) = events.next().transpose()? else {
            bail!("the node says nothing");
        };
        if !hello.project.trusted {
            bail!(
                "the node has not been told to trust this folder; do so in the studio, or stop it"
            );
        }
        client.tell(RUN, &RunRequest::default())?;
        let mut pipes: BTreeMap<String, PipeStatus> =
            hello.pipes.into_iter().map(|pipe| (pipe.id.clone(), pipe)).collect();
        let before = pipes.clone();
        let mut sums: BTreeMap<String, Line> = BTreeMap::new();
        let live = Live::new();
        let is_running = |pipe: &PipeStatus| pipe.state == PipeState::Running;
        // Until every pipe that can run has, and none runs.
        let pending = |pipes: &BTreeMap<String, PipeStatus>| {
            pipes.values().any(|pipe| {
                let runs = !matches!(
                    pipe.state,
                    PipeState::Disabled | PipeState::Invalid | PipeState::Serving
                );
                let ran = before.get(&pipe.id).is_none_or(|b| b.last_run != pipe.last_run);
                is_running(pipe) || (runs && !ran)
            })
        };
        while pending(&pipes) {
            match events.next().transpose()? {
                Some(Event::Pipes(changed)) => {
                    for pipe in changed {
                        live.show(&format!("{}: {} read", pipe.id, pipe.processed));
                        let known = pipes.get(&pipe.id).and_then(|known| known.last_run);
                        if !is_running(&pipe) && pipe.last_run != known {
                            sums.entry(pipe.id.clone()).or_default().add(&pipe);
                        }
                        pipes.insert(pipe.id.clone(), pipe);
                    }
                }
                Some(_) => {}
                None => bail!("the node has ended"),
            }
        }
        live.clear();
        let line = |pipe: PipeStatus| {
            let status = match pipe.state {
                PipeState::Failed => "failed",
                PipeState::Invalid | PipeState::Disabled | PipeState::Serving => "skipped",
                PipeState::Stopped => "stopped",
                _ => "ok",
            };
            let mut line = sums.remove(&pipe.id).unwrap_or_default();
            line.status = status;
            line.message = pipe.message;
            (pipe.id, line)
        };
        Ok(pipes.into_values().map(line).collect())
    }

    fn print(&self, lines: &BTreeMap<String, Line>) -> Result<()> {
        let mut out = std::io::stdout().lock();
        if self.json {
            let pipes: Vec<_> = lines
                .iter()
                .map(|(pipe, line)| {
                    let Counts { read, written, unchanged, held, failed, .. } = line.counts;
                    json!({
                        "pipe": pipe, "status": line.status, "message": line.message,
                        "read": read, "written": written, "unchanged": unchanged,
                        "held": held, "failed": failed, "time": line.microseconds as f64 / 1e6,
                    })
                })
                .collect();
            let ok = lines.values().all(|line| line.status != "failed");
            writeln!(out, "{:#}", json!({ "ok": ok, "pipes": pipes }))?;
            return Ok(());
        }
        let number = |n: u64| if n == 0 { "·".to_owned() } else { n.to_string() };
        let rows: Vec<Vec<String>> = lines
            .iter()
            .map(|(pipe, line)| {
                let counts = &line.counts;
                let mut row = vec![pipe.clone()];
                if line.status == "skipped" {
                    row.extend(vec![String::new(); 6]);
                } else {
                    row.extend(
                        [counts.read, counts.written, counts.unchanged, counts.held, counts.failed]
                            .map(number),
                    );
                    row.push(duration(line.microseconds));
                }
                row.push(match (line.status, &line.message) {
                    ("ok", None) => String::new(),
                    ("ok", Some(message)) => message.clone(),
                    (status, Some(message)) => format!("{status}: {message}"),
                    (status, None) => status.to_owned(),
                });
                row
            })
            .collect();
        let right = |name| (name, Align::Right);
        let head = [
            ("pipe", Align::Left),
            right("read"),
            right("written"),
            right("unchanged"),
            right("held"),
            right("failed"),
            right("time"),
            ("", Align::Left),
        ];
        write!(out, "{}", table(&head, &rows))?;
        Ok(())
    }
}

impl Line {
    /// Adds a run of a pipe that ended in another process.
    fn add(&mut self, pipe: &PipeStatus) {
        let RunCounts { written, unchanged, held, failed } = pipe.counts;
        self.counts.read += pipe.processed;
        self.counts.written += written;
        self.counts.unchanged += unchanged;
        self.counts.held = held;
        self.counts.failed = failed;
        self.microseconds += pipe.took.and_then(|took| i64::try_from(took).ok()).unwrap_or(0);
    }
}

fn lines(settled: &Settled) -> BTreeMap<String, Line> {
    let mut lines: BTreeMap<String, Line> = BTreeMap::new();
    for report in &settled.reports {
        let line = lines.entry(report.pipe.to_string()).or_default();
        let counts = &report.counts;
        line.counts.read += counts.read;
        line.counts.written += counts.written;
        line.counts.unchanged += counts.unchanged;
        // What is held and failed is what the last run leaves, not a sum.
        line.counts.held = counts.held;
        line.counts.failed = counts.failed;
        line.microseconds += report.ended - report.started;
        let note = report.notes.first().map(|note| note.message.clone());
        (line.status, line.message) = match &report.ending {
            Ending::Failed { reason, entity: Some(id) } => {
                ("failed", Some(format!("{reason} (entity {id:?})")))
            }
            Ending::Failed { reason, .. } => ("failed", Some(reason.clone())),
            Ending::Completed if counts.failed > 0 => {
                let first = report.failures.first().map(|(id, why)| match id {
                    Some(id) => format!("entity {id:?}: {why}"),
                    None => why.clone(),
                });
                ("failed", first)
            }
            Ending::Stopped => ("stopped", None),
            Ending::Held => {
                ("skipped", note.or_else(|| Some("it reads from outside, which is held".into())))
            }
            Ending::Completed => ("ok", note),
        };
    }
    for pipe in &settled.restless {
        let line = lines.entry(pipe.to_string()).or_default();
        line.status = "failed";
        line.message = Some("it is part of a circle of pipes that does not settle".into());
    }
    for (pipe, why) in &settled.skipped {
        let (status, why) = match why {
            Unrunnable::NotYet(why) => ("skipped", why),
            Unrunnable::Broken(why) => ("failed", why),
        };
        let line = Line { status, message: Some(why.clone()), ..Line::default() };
        lines.insert(pipe.to_string(), line);
    }
    for line in lines.values_mut() {
        if line.status.is_empty() {
            line.status = "ok";
        }
    }
    lines
}

/// Progress on a terminal: one line that is written over.
struct Live {
    terminal: bool,
    width: Mutex<usize>,
}

impl Live {
    fn new() -> Live {
        Live { terminal: std::io::stderr().is_terminal(), width: Mutex::new(0) }
    }

    fn show(&self, text: &str) {
        if self.terminal
            && let Ok(mut width) = self.width.lock()
        {
            eprint!("\r{text:<width$}", width = *width);
            *width = text.chars().count();
        }
    }

    fn clear(&self) {
        self.show("");
        if self.terminal {
            eprint!("\r");
        }
    }

    /// Without a terminal each run leaves a line, so that a log shows how far
    /// things are.
    fn done(&self, report: &Report) {
        let Counts { read, written, failed, .. } = report.counts;
        if !self.terminal && (read > 0 || written > 0 || failed > 0) {
            eprintln!("{}: {read} read, {written} written, {failed} failed", report.pipe);
        }
    }
}

impl Observer for Live {
    fn progress(&self, progress: &Progress<'_>) {
        self.show(&format!("{}: {} read", progress.pipe, progress.counts.read));
    }
}
