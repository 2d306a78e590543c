//! `pipewright preview`

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use pipewright_protocol::studio::{self, Outcome, PreviewRequest, Sample};

use super::{Reached, listing, reach};
use crate::ProjectArguments;

#[derive(Args)]
pub(crate) struct Preview {
    #[command(flatten)]
    project: ProjectArguments,
    /// The pipe.
    pipe: String,
    /// Take the source's entity with this id [default: the first one].
    #[arg(long, conflicts_with = "entity")]
    id: Option<String>,
    /// Take the entity in this file (JSON; `-` for standard input).
    #[arg(long, value_name = "FILE")]
    entity: Option<PathBuf>,
    /// Tell what each expression and transform did, on standard error.
    #[arg(long)]
    trace: bool,
    /// Print all that is known as one JSON object.
    #[arg(long)]
    json: bool,
}

impl Preview {
    pub(crate) fn execute(self) -> Result<ExitCode> {
        let sample = match (&self.id, &self.entity) {
            (Some(id), _) => Sample::Id(id.clone()),
            (None, Some(file)) => Sample::Entity(read(file)?),
            (None, None) => Sample::First,
        };
        let request =
            PreviewRequest { pipe: self.pipe.clone(), text: None, sample, trace: self.trace };
        let preview: studio::Preview = match reach(self.project.options()?)? {
            Reached::Here(node) => node.preview_once(request)?,
            Reached::There(client) => client.post(studio::PREVIEW, &request)?,
        };
        let mut out = std::io::stdout().lock();
        if self.json {
            serde_json::to_writer_pretty(&mut out, &preview)?;
            writeln!(out)?;
            let nothing = preview.no_sample.is_some() || preview.held.is_some();
            let failed = nothing || preview.failure.is_some();
            return Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS });
        }
        for found in &preview.diagnostics {
            eprintln!("{:?} at {}: {}", found.severity, found.path, found.message);
        }
        if let Some(why) = preview.no_sample.as_ref().or(preview.held.as_ref()) {
            eprintln!("{why}");
            return Ok(ExitCode::FAILURE);
        }
        if let Some(partial) = &preview.partial {
            eprintln!("{partial}");
        }
        if let Some(trace) = &preview.trace {
            let file = self.project.folder.join(&trace.file);
            let text =
                std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
            listing::write(trace, &text, &mut std::io::stderr().lock())?;
        }
        for produced in &preview.produced {
            if produced.outcome == Outcome::Filtered {
                eprintln!("filtered:");
            }
            writeln!(out, "{}", produced.entity.text())?;
        }
        if let Some(failure) = &preview.failure {
            eprintln!("failed at {}: {}", failure.path, failure.message);
            return Ok(ExitCode::FAILURE);
        }
        if preview.produced.is_empty() {
            eprintln!("nothing comes out for this entity");
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn read(file: &PathBuf) -> Result<studio::Json> {
    let text = if file.as_os_str() == "-" {
        std::io::read_to_string(std::io::stdin())?
    } else {
        std::fs::read_to_string(file).with_context(|| file.display().to_string())?
    };
    studio::Json::from_text(text).with_context(|| format!("{} is not JSON", file.display()))
}
