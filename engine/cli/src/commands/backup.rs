//! `pipewright backup` and `pipewright restore`

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::ProjectArguments;

#[derive(Args)]
pub(crate) struct Backup {
    #[command(flatten)]
    project: ProjectArguments,
    /// The file to make; it must not be there yet.
    #[arg(value_name = "FILE")]
    file: PathBuf,
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
}

impl Backup {
    pub(crate) fn execute(self) -> Result<ExitCode> {
        pipewright_node::back_up(&self.project.options()?, &self.file, |_, _| ())?;
        let bytes = std::fs::metadata(&self.file)?.len();
        println!("{}: {bytes} bytes", self.file.display());
        Ok(ExitCode::SUCCESS)
    }
}

impl Restore {
    pub(crate) fn execute(self) -> Result<ExitCode> {
        let options = self.project.options()?;
        pipewright_node::restore(&options, &self.file, self.replace, |_, _| ())?;
        println!("{}: restored", options.store_folder().display());
        Ok(ExitCode::SUCCESS)
    }
}
