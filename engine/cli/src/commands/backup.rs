//! `pipewright backup` and `pipewright restore`

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use crate::ProjectArguments;
use crate::output::Output;

#[derive(Args)]
pub(crate) struct Backup {
    #[command(flatten)]
    project: ProjectArguments,
    /// The file to make; it must not be there yet.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    output: Output,
}

#[derive(Args)]
pub(crate) struct Restore {
    #[command(flatten)]
    project: ProjectArguments,
    /// A file that `backup` made.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Take the place of the data that is there. Its files stay in the store's
    /// folder, with `replaced.` before their names.
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    output: Output,
}

impl Backup {
    pub(crate) fn execute(self) -> Result<ExitCode> {
        pipewright_node::back_up(&self.project.options()?, &self.file, |_, _| ())?;
        let bytes = std::fs::metadata(&self.file)?.len();
        let file = self.file.display().to_string();
        let words = format!("{file}: {bytes} bytes");
        self.output.tell(json!({ "file": file, "bytes": bytes }), Some(words));
        Ok(ExitCode::SUCCESS)
    }
}

impl Restore {
    pub(crate) fn execute(self) -> Result<ExitCode> {
        let options = self.project.options()?;
        pipewright_node::restore(&options, &self.file, self.replace, |_, _| ())?;
        let store = options.store_folder().display().to_string();
        let words = format!("{store}: restored");
        self.output.tell(json!({ "store": store, "restored": true }), Some(words));
        Ok(ExitCode::SUCCESS)
    }
}
