//! `pipewright system`

use std::io::Write;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};
use pipewright_node::Permission;
use pipewright_protocol::studio::{self, SystemOffer, SystemTest};

use super::{Reached, reach};
use crate::ProjectArguments;
use crate::output::Output;

#[derive(Subcommand)]
pub(crate) enum System {
    /// Try to reach a system. Exit code 1 if it does not answer as it should.
    Test(Test),
    /// Show what a system has: tables with their columns, operations.
    List(List),
}

#[derive(Args)]
pub(crate) struct Named {
    #[command(flatten)]
    project: ProjectArguments,
    /// The system's id.
    system: String,
}

#[derive(Args)]
pub(crate) struct Test {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    output: Output,
}

#[derive(Args)]
pub(crate) struct List {
    #[command(flatten)]
    named: Named,
    /// Print a JSON list, with the config of a source that reads each.
    #[arg(long)]
    json: bool,
}

impl System {
    pub(crate) fn execute(self) -> Result<ExitCode> {
        match self {
            System::Test(test) => test.execute(),
            System::List(list) => list.show(),
        }
    }
}

/// Whoever names a system here means it to be reached.
fn reach_to_ask(project: &ProjectArguments) -> Result<Reached> {
    let mut options = project.options()?;
    options.read_outside = Permission::Live;
    options.processes = Permission::Live;
    reach(options)
}

impl Test {
    fn execute(self) -> Result<ExitCode> {
        let Named { project, system } = self.named;
        let found: SystemTest = match reach_to_ask(&project)? {
            Reached::Here(node) => node.test_system_once(&system)?,
            Reached::There(client) => client.get(&studio::system_test_path(&system))?,
        };
        let words = found.ok.then(|| found.message.clone());
        self.output.tell(serde_json::to_value(&found)?, words);
        if found.ok {
            return Ok(ExitCode::SUCCESS);
        }
        eprintln!("{}", found.message);
        Ok(ExitCode::FAILURE)
    }
}

impl List {
    fn show(self) -> Result<ExitCode> {
        let Named { project, system } = self.named;
        let offers: Vec<SystemOffer> = match reach_to_ask(&project)? {
            Reached::Here(node) => node.system_offers_once(&system)?,
            Reached::There(client) => client.get(&studio::system_offers_path(&system))?,
        };
        let mut out = std::io::stdout().lock();
        if self.json {
            serde_json::to_writer_pretty(&mut out, &offers)?;
            writeln!(out)?;
            return Ok(ExitCode::SUCCESS);
        }
        for offer in &offers {
            let about = offer.about.as_deref().map(|about| format!(": {about}"));
            writeln!(out, "{} {}{}", offer.kind, offer.name, about.unwrap_or_default())?;
            for column in &offer.columns {
                let key = if column.key { ", key" } else { "" };
                let null = if column.nullable { "" } else { ", not null" };
                writeln!(out, "  {} {}{key}{null}", column.name, column.type_name)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
