//! `pipewright datasets`: what is there.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use pipewright_protocol::service::Dataset;

use crate::output::{Align, table};
use crate::place::Place;

#[derive(Args)]
pub(crate) struct Datasets {
    #[command(flatten)]
    place: Place,
    /// The node's own, too.
    #[arg(long)]
    internal: bool,
    /// Print a JSON list.
    #[arg(long)]
    json: bool,
}

impl Datasets {
    pub(crate) fn execute(self) -> Result<ExitCode> {
        let path = format!("/api/datasets?include-internal-datasets={}", self.internal);
        let datasets: Vec<Dataset> = self.place.open()?.get(&path)?;
        if self.json {
            println!("{:#}", serde_json::to_value(&datasets)?);
            return Ok(ExitCode::SUCCESS);
        }
        let row = |dataset: &Dataset| {
            let known = &dataset.runtime;
            vec![
                dataset.id.clone(),
                known.count_index_exists.to_string(),
                known.count_index_deleted.to_string(),
                (known.count_log_exists + known.count_log_deleted).to_string(),
                dataset.storage.to_string(),
            ]
        };
        let rows: Vec<Vec<String>> = datasets.iter().map(row).collect();
        let head = [
            ("dataset", Align::Left),
            ("entities", Align::Right),
            ("deleted", Align::Right),
            ("versions", Align::Right),
            ("bytes", Align::Right),
        ];
        print!("{}", table(&head, &rows));
        Ok(ExitCode::SUCCESS)
    }
}
