//! `pipewright pump` and `log`: what a pipe does.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use pipewright_protocol::service;
use pipewright_protocol::studio::encode;
use serde_json::Value;

use crate::place::Place;

#[derive(Args)]
pub(crate) struct Pump {
    #[command(flatten)]
    place: Place,
    /// The pipe.
    pipe: String,
    /// What to do: start, start-rescan, stop, enable, disable, update-last-seen,
    /// set-last-seen-to-end, reset-tracking, set-tracking-to-start, reset-rescan,
    /// discard-retries or discard-inferred-schema. Without it how the pipe fares
    /// is shown.
    operation: Option<String>,
    /// Where update-last-seen sets the pipe; without it, to the beginning.
    #[arg(long, value_name = "OFFSET")]
    last_seen: Option<String>,
    /// Why: kept in the execution log.
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Pump {
    pub(crate) fn execute(self) -> Result<ExitCode> {
        let api = self.place.open()?;
        let path = format!("/api/pipes/{}/pump", encode(&self.pipe));
        let pump: service::Pump = match &self.operation {
            None => api.get(&path)?,
            Some(operation) => {
                if api.is_here() && matches!(operation.as_str(), "start" | "start-rescan" | "stop")
                {
                    bail!(
                        "no node has this project open: `pipewright run` runs its pipes, \
                         `pipewright serve` starts a node"
                    );
                }
                let mut fields = vec![("operation", operation.as_str())];
                fields.extend(self.last_seen.as_deref().map(|offset| ("last-seen", offset)));
                fields.extend(self.comment.as_deref().map(|comment| ("comment", comment)));
                api.operate(&path, &fields)?
            }
        };
        let runtime = &pump.runtime;
        if self.json {
            println!("{:#}", serde_json::to_value(runtime)?);
        } else {
            println!("{}", runtime.state.as_deref().unwrap_or("has not run"));
            let times = [("last run", &runtime.last_run), ("next run", &runtime.next_run)];
            for (name, time) in times {
                if let Some(time) = time {
                    println!("{name}: {time}");
                }
            }
            if let Some(message) = &runtime.last_message {
                println!("{message}");
            }
            for error in &runtime.config_errors {
                println!("{}: {}: {}", error.level, error.elements, error.msg);
            }
        }
        Ok(if runtime.success { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

#[derive(Args)]
pub(crate) struct Log {
    #[command(flatten)]
    place: Place,
    /// The pipe.
    pipe: String,
    /// At most so many lines, the newest.
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: u64,
    /// Print one JSON object a line, with all that is known.
    #[arg(long)]
    json: bool,
}

impl Log {
    pub(crate) fn execute(self) -> Result<ExitCode> {
        let api = self.place.open()?;
        let pipe = encode(&self.pipe);
        let path = format!("/api/pipes/{pipe}/log?reverse=true&limit={}", self.limit);
        let mut lines: Vec<Value> = api.get(&path)?;
        lines.reverse();
        let mut out = std::io::stdout().lock();
        for line in &lines {
            if self.json {
                writeln!(out, "{line}")?;
                continue;
            }
            let text = |name: &str| line.get(name).and_then(Value::as_str).unwrap_or_default();
            let at = ["event_time", "end_time", "start_time"].map(text);
            let at = at.into_iter().find(|at| !at.is_empty()).unwrap_or_default();
            let why = text("original_error_message");
            let event = if text("event_type").is_empty() { "_id" } else { "event_type" };
            writeln!(out, "{}", [at, text(event), why].join("  ").trim_end())?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
