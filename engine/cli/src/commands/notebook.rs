//! `pipewright notebook`

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};
use clap::Args;
use pipewright_node::{OWN_FOLDER, Store, Tokens};
use pipewright_protocol::studio::Role;

use crate::ProjectArguments;

#[derive(Args)]
pub(crate) struct Notebook {
    #[command(flatten)]
    project: ProjectArguments,
    /// The Python that has Jupyter.
    #[arg(long, value_name = "PROGRAM", default_value = "python3")]
    python: String,
}

/// The client and the notebook, which are part of the program.
const FILES: [(&str, &str); 5] = [
    ("explore.ipynb", include_str!("../../../../clients/python/explore.ipynb")),
    ("pipewright/__init__.py", include_str!("../../../../clients/python/pipewright/__init__.py")),
    ("pipewright/node.py", include_str!("../../../../clients/python/pipewright/node.py")),
    ("pipewright/transit.py", include_str!("../../../../clients/python/pipewright/transit.py")),
    ("pipewright/py.typed", ""),
];

impl Notebook {
    pub(crate) fn execute(self) -> Result<ExitCode> {
        let options = self.project.options()?;
        let store = options.store_folder();
        let Some(address) = Store::address_of(&store)? else {
            bail!("no node has this project open: start one with `pipewright serve`");
        };
        let there = Command::new(&self.python)
            .args(["-m", "jupyter", "--version"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        if !there.is_ok_and(|status| status.success()) {
            bail!("{} has no Jupyter: install it with `pip install jupyterlab`", self.python);
        }
        let folder = options.folder.join(OWN_FOLDER).join("notebook");
        for (path, text) in FILES {
            // A notebook that someone has worked in stays theirs.
            let file = folder.join(path);
            if path.ends_with(".ipynb") && file.exists() {
                continue;
            }
            write(&file, text).with_context(|| file.display().to_string())?;
        }
        let tokens = Tokens::open(&store)?;
        let token = tokens.issue("notebook", Role::Developer, super::now(), Some(7 * 86_400));
        let status = Command::new(&self.python)
            .args(["-m", "jupyter", "lab", "explore.ipynb"])
            .current_dir(&folder)
            .env("PIPEWRIGHT_URL", address)
            .env("PIPEWRIGHT_TOKEN", token)
            .status()
            .context("Jupyter cannot be started")?;
        Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn write(file: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(file, text)
}
