//! `pipewright secrets`

use std::collections::BTreeMap;
use std::io::{IsTerminal, Read};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use pipewright_protocol::studio::encode;
use serde_json::json;

use super::{Reached, reach};
use crate::ProjectArguments;
use crate::output::Output;

#[derive(Subcommand)]
pub(crate) enum Secrets {
    /// Keep a secret. Its value is read from standard input, never from the
    /// command line, which others can see.
    Set(Named),
    /// Show the names of the secrets. Nothing shows their values.
    List(Listed),
    /// Forget a secret. Exit code 1 if there is none.
    Remove(Named),
}

#[derive(Args)]
pub(crate) struct Named {
    #[command(flatten)]
    project: ProjectArguments,
    /// What `$SECRET(name)` in config calls it.
    name: String,
    /// The system it belongs to; without this every system may use it.
    #[arg(long, value_name = "ID")]
    system: Option<String>,
    #[command(flatten)]
    output: Output,
}

#[derive(Args)]
pub(crate) struct Listed {
    #[command(flatten)]
    project: ProjectArguments,
    /// The system whose own secrets are shown, instead of those of the node.
    #[arg(long, value_name = "ID")]
    system: Option<String>,
    #[command(flatten)]
    output: Output,
}

impl Secrets {
    pub(crate) fn execute(self) -> Result<ExitCode> {
        match self {
            Secrets::Set(named) => named.set(),
            Secrets::List(listed) => listed.show(),
            Secrets::Remove(named) => named.remove(),
        }
    }
}

impl Named {
    fn set(self) -> Result<ExitCode> {
        let value = value_from_input()?;
        let values = BTreeMap::from([(self.name.clone(), value)]);
        match reach(self.project.options()?)? {
            Reached::Here(node) => node.secrets().set(self.system.as_deref(), &values)?,
            Reached::There(client) => client.tell(&path(self.system.as_deref()), &values)?,
        }
        self.output.tell(json!({ "name": self.name, "system": self.system, "set": true }), None);
        Ok(ExitCode::SUCCESS)
    }

    fn remove(self) -> Result<ExitCode> {
        let system = self.system.as_deref();
        let found = match reach(self.project.options()?)? {
            Reached::Here(node) => node.secrets().remove(system, &self.name)?,
            Reached::There(client) => {
                let names: Vec<String> = client.get(&path(system))?;
                let found = names.contains(&self.name);
                if found {
                    client.delete(&format!("{}/{}", path(system), encode(&self.name)))?;
                }
                found
            }
        };
        self.output
            .tell(json!({ "name": self.name, "system": self.system, "removed": found }), None);
        if !found {
            eprintln!("there is no secret {:?}", self.name);
            return Ok(ExitCode::FAILURE);
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Listed {
    fn show(self) -> Result<ExitCode> {
        let system = self.system.as_deref();
        let names: Vec<String> = match reach(self.project.options()?)? {
            Reached::Here(node) => node.secrets().names(system),
            Reached::There(client) => client.get(&path(system))?,
        };
        let lines = (!names.is_empty()).then(|| names.join("\n"));
        self.output.tell(json!(names), lines);
        Ok(ExitCode::SUCCESS)
    }
}

/// Where a node has its secrets, or those of a system.
fn path(system: Option<&str>) -> String {
    match system {
        None => "/api/secrets".to_owned(),
        Some(system) => format!("/api/systems/{}/secrets", encode(system)),
    }
}

/// One value, without the end of its line.
fn value_from_input() -> Result<String> {
    let mut input = std::io::stdin();
    if input.is_terminal() {
        eprintln!("type the value, then Enter and Ctrl-D:");
    }
    let mut value = String::new();
    input.read_to_string(&mut value).context("the value on standard input is no UTF-8 text")?;
    let value = value.strip_suffix('\n').unwrap_or(&value);
    let value = value.strip_suffix('\r').unwrap_or(value);
    if value.is_empty() {
        bail!("no value on standard input");
    }
    Ok(value.to_owned())
}
