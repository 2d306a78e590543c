//! `pipewright upload`, `download` and `status`: the config of a folder and of
//! a node.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use pipewright_config::difference::{Base, Changed, Config, Difference, PartKind};
use pipewright_protocol::service::ValidationReport;
use pipewright_protocol::studio::base_path;
use serde_json::json;

use crate::ProjectArguments;
use crate::place::{Api, Place};

#[derive(Args)]
pub(crate) struct Between {
    #[command(flatten)]
    project: ProjectArguments,
    /// The address of the node, such as http://127.0.0.1:9042. Its token is
    /// taken from the environment variable PIPEWRIGHT_TOKEN.
    #[arg(value_name = "URL")]
    node: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(crate) struct Copied {
    #[command(flatten)]
    between: Between,
    /// Take config with errors all the same.
    #[arg(long)]
    force: bool,
}

/// What the variables are called among the components.
const VARIABLES: &str = "variables";

const JSON: &str = "application/json";

fn text(bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).context("the config is not UTF-8")
}

/// The config of a node, without its secrets: they are never copied.
fn config_of(api: &Api) -> Result<Config> {
    let components = text(api.call("GET", "/api/config", None)?)?;
    let variables = text(api.call("GET", "/api/env", None)?)?;
    Ok(Config::read(&components, &variables, &[])?)
}

/// Two places and how their configs stand to each other.
struct Pair {
    here: Api,
    there: Api,
    /// Where the folder keeps what the two have in common.
    base: String,
}

/// One line of what differs; the variables are one together.
struct Line {
    name: String,
    is: &'static str,
    changed: Option<&'static str>,
}

impl Pair {
    fn base(&self) -> Result<Base> {
        self.here.get(&self.base)
    }

    fn lines(&self, here: &Config, there: &Config) -> Result<Vec<Line>> {
        let found = here.differences(there, &self.base()?);
        let mut lines: Vec<Line> = Vec::new();
        for each in found {
            let (is, changed) = (is(&each), by(each.changed));
            let name = match each.id.kind {
                PartKind::Variable => VARIABLES.to_owned(),
                PartKind::Metadata => "node metadata".to_owned(),
                _ => each.id.name,
            };
            match lines.iter_mut().find(|line| line.name == name && name == VARIABLES) {
                Some(line) if line.changed != changed => line.changed = by(Changed::Both),
                Some(_) => {}
                None if name == VARIABLES => lines.push(Line { name, is: "differs", changed }),
                None => lines.push(Line { name, is, changed }),
            }
        }
        lines.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(lines)
    }

    /// Keeps what both have in common now.
    fn remember(&self) -> Result<()> {
        let base = self.base()?.after(&config_of(&self.here)?, &config_of(&self.there)?);
        let body = serde_json::to_vec(&base)?;
        self.here.call("PUT", &self.base, Some((JSON, body)))?;
        Ok(())
    }
}

fn is(difference: &Difference) -> &'static str {
    match (&difference.here, &difference.there) {
        (Some(_), None) => "only in the folder",
        (None, _) => "only in the node",
        _ => "differs",
    }
}

/// Who changed it, where that is known.
fn by(changed: Changed) -> Option<&'static str> {
    match changed {
        Changed::Here => Some("folder"),
        Changed::There => Some("node"),
        Changed::Both => Some("both"),
        Changed::Unknown => None,
    }
}

impl Between {
    fn open(&self) -> Result<Pair> {
        let here = Place::folder(&self.project).open()?;
        let there = Place::node(&self.node).open()?;
        let other = self.node.trim_end_matches('/').trim_end_matches("/api");
        Ok(Pair { here, there, base: base_path(other) })
    }

    /// Shows whether the two are the same. Exit code 1 if not.
    pub(crate) fn status(self) -> Result<ExitCode> {
        let pair = self.open()?;
        let found = pair.lines(&config_of(&pair.here)?, &config_of(&pair.there)?)?;
        if self.json {
            let line = |line: &Line| json!({ "component": line.name, "is": line.is, "changed": line.changed });
            let list: Vec<_> = found.iter().map(line).collect();
            println!("{:#}", json!({ "same": list.is_empty(), "differences": list }));
        } else if found.is_empty() {
            println!("the folder and the node have the same config");
        } else {
            for Line { name, is, changed } in &found {
                match changed {
                    Some("both") => println!("{name}: {is}, changed in both"),
                    Some(side) => println!("{name}: {is}, changed in the {side}"),
                    None => println!("{name}: {is}"),
                }
            }
        }
        Ok(if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

impl Copied {
    /// Makes the config of the node be that of the folder.
    pub(crate) fn upload(self) -> Result<ExitCode> {
        let pair = self.between.open()?;
        self.copy(&pair, &pair.here, &pair.there)
    }

    /// Makes the config of the folder be that of the node.
    pub(crate) fn download(self) -> Result<ExitCode> {
        let pair = self.between.open()?;
        self.copy(&pair, &pair.there, &pair.here)
    }

    fn copy(&self, pair: &Pair, from: &Api, to: &Api) -> Result<ExitCode> {
        let found = pair.lines(&config_of(&pair.here)?, &config_of(&pair.there)?)?;
        let changed: Vec<&str> = found.iter().map(|line| line.name.as_str()).collect();
        let mut report = ValidationReport::default();
        // First the variables: they decide conditions in config.
        if changed.contains(&VARIABLES) {
            let variables = from.call("GET", "/api/env", None)?;
            to.call("PUT", "/api/env", Some((JSON, variables)))?;
        }
        if changed.iter().any(|name| *name != VARIABLES) {
            let config = from.call("GET", "/api/config", None)?;
            let path = format!("/api/config?force={}", self.force);
            report = serde_json::from_slice(&to.call("PUT", &path, Some((JSON, config)))?)?;
        }
        pair.remember()?;
        if self.between.json {
            println!("{:#}", json!({ "changed": changed, "report": report }));
            return Ok(ExitCode::SUCCESS);
        }
        for component in &report.validation_errors {
            for error in &component.config_errors {
                let id = component.posted_config["_id"].as_str().unwrap_or("?");
                println!("{}: {id} {}: {}", error.level, error.elements, error.msg);
            }
        }
        match changed.len() {
            0 => println!("nothing to do: both have the same config"),
            count => println!("{count} changed: {}", changed.join(", ")),
        }
        Ok(ExitCode::SUCCESS)
    }
}
