//! `pipewright validate`

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use pipewright_config::{Problem, Project};
use serde_json::json;

use crate::ProjectArguments;

#[derive(Args)]
pub(crate) struct Validate {
    #[command(flatten)]
    project: ProjectArguments,
    /// Print a JSON list.
    #[arg(long)]
    json: bool,
}

impl Validate {
    pub(crate) fn execute(self) -> Result<ExitCode> {
        let options = self.project.options()?;
        let project = Project::open(&options.folder, options.profile.as_deref())?;
        let problems = pipewright_config::validate(&project);
        let mut out = std::io::stdout().lock();
        if self.json {
            let list: Vec<_> = problems.iter().map(show).collect();
            writeln!(out, "{:#}", json!(list))?;
        } else {
            for problem in &problems {
                writeln!(out, "{problem}")?;
            }
            let errors = problems.iter().filter(|problem| problem.is_error()).count();
            let (pipes, systems) = (project.pipes().count(), project.systems().count());
            writeln!(
                out,
                "{pipes} pipes, {systems} systems: {errors} errors, {} warnings and notes",
                problems.len() - errors
            )?;
        }
        let failed = problems.iter().any(Problem::is_error);
        Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

fn show(problem: &Problem) -> serde_json::Value {
    json!({
        "file": problem.file.as_str(), "component": problem.component.as_deref(),
        "line": problem.position.line, "column": problem.position.column,
        "severity": problem.diagnostic.severity.to_string(), "code": problem.diagnostic.code,
        "path": problem.diagnostic.path.to_string(), "message": problem.diagnostic.message,
        "suggestion": problem.diagnostic.suggestion,
    })
}
