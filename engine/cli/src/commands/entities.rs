//! `pipewright entities`

use std::io::{BufWriter, Write};
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::Args;
use pipewright_node::Select;
use pipewright_protocol::studio::encode;

use super::{Reached, reach};
use crate::ProjectArguments;

#[derive(Args)]
pub(crate) struct Entities {
    #[command(flatten)]
    project: ProjectArguments,
    /// The dataset.
    dataset: String,
    /// Only versions after this place in the log (`_updated`).
    #[arg(long, value_name = "N")]
    since: Option<u64>,
    /// At most so many.
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// All versions; else only the current one of each entity.
    #[arg(long)]
    history: bool,
    /// Print one JSON object a line, as it does in any case.
    #[arg(long)]
    json: bool,
}

impl Entities {
    pub(crate) fn execute(self) -> Result<ExitCode> {
        let mut out = BufWriter::new(std::io::stdout().lock());
        match reach(self.project.options()?)? {
            Reached::Here(node) => {
                let reader = node.store().reader()?;
                if reader.dataset(&self.dataset)?.is_none() {
                    bail!(
                        "there is no dataset {:?}; has the pipe that writes it run?",
                        self.dataset
                    );
                }
                let select = Select { history: self.history, ..Select::default() };
                for version in reader.changes(&self.dataset, self.since, self.limit, select)? {
                    serde_json::to_writer(&mut out, &version?.with_metadata())?;
                    out.write_all(b"\n")?;
                }
            }
            Reached::There(client) => {
                let mut path = format!(
                    "/api/datasets/{}/entities?history={}",
                    encode(&self.dataset),
                    self.history
                );
                for (name, value) in [("since", self.since), ("limit", self.limit)] {
                    if let Some(value) = value {
                        path.push_str(&format!("&{name}={value}"));
                    }
                }
                for entity in pipewright_entity::transit::Entities::new(client.read(&path)?) {
                    serde_json::to_writer(&mut out, &entity?)?;
                    out.write_all(b"\n")?;
                }
            }
        }
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    }
}
