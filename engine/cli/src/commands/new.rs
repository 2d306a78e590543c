//! `pipewright new`

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, ValueEnum};
use pipewright_protocol::shell;
use serde_json::json;

use crate::output::Output;

#[derive(Args)]
pub(crate) struct New {
    /// The folder of the project; it must be empty or not there yet.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// What the project begins with.
    #[arg(long, value_enum, default_value = "empty")]
    template: Template,
    #[command(flatten)]
    output: Output,
}

#[derive(Clone, Copy, ValueEnum)]
enum Template {
    /// Nothing but the layout of a project.
    Empty,
    /// A CSV file that becomes a dataset.
    Csv,
    /// The example: a CRM, an ERP and a web shop.
    CrmErp,
}

impl New {
    pub(crate) fn execute(self) -> Result<ExitCode> {
        let template = match self.template {
            Template::Empty => shell::Template::Empty,
            Template::Csv => shell::Template::Csv,
            Template::CrmErp => shell::Template::CrmErp,
        };
        pipewright_node::create_project(template, &self.folder)?;
        let folder = self.folder.display().to_string();
        let words = format!("{folder}: made. Next: pipewright serve {folder}");
        self.output.tell(json!({ "folder": folder }), Some(words));
        Ok(ExitCode::SUCCESS)
    }
}
