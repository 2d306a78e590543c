//! `pipewright upload`, `download` and `status`: the config of a folder and of
//! a node.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use pipewright_dtl::Document;
use pipewright_protocol::service::ValidationReport;
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

/// The texts of components, by id, and the variables, all without layout.
#[derive(PartialEq)]
struct Config(BTreeMap<String, String>);

/// What the variables are called among the components.
const VARIABLES: &str = "variables";

const JSON: &str = "application/json";

fn text(bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).context("the config is not UTF-8")
}

impl Config {
    fn of(api: &Api) -> Result<Config> {
        let document = Document::parse(text(api.call("GET", "/api/config", None)?)?);
        let components = document.root.iter().flat_map(|root| root.items()).map(|component| {
            let id = component.get("_id").and_then(|id| id.as_str());
            let kind = component.get("type").and_then(|kind| kind.as_str());
            let name = match (id, kind) {
                (_, Some("metadata")) => "node metadata".to_owned(),
                (id, _) => id.unwrap_or_default().to_owned(),
            };
            (name, component.to_json_text(&document, false))
        });
        let mut all: BTreeMap<String, String> = components.collect();
        let variables = Document::parse(text(api.call("GET", "/api/env", None)?)?);
        let variables = variables.root.as_ref().map(|root| root.to_json_text(&variables, false));
        all.insert(VARIABLES.to_owned(), variables.unwrap_or_default());
        Ok(Config(all))
    }

    /// What is another there: the name, and what is to be said of it.
    fn differences<'c>(&'c self, there: &'c Config) -> Vec<(&'c str, &'static str)> {
        let names: std::collections::BTreeSet<&String> =
            self.0.keys().chain(there.0.keys()).collect();
        let differs = |name: &'c String| {
            Some(match (self.0.get(name), there.0.get(name)) {
                (Some(here), Some(there)) if here == there => return None,
                (Some(_), Some(_)) => (name.as_str(), "differs"),
                (Some(_), None) => (name.as_str(), "only in the folder"),
                _ => (name.as_str(), "only in the node"),
            })
        };
        names.into_iter().filter_map(differs).collect()
    }
}

impl Between {
    fn open(&self) -> Result<(Api, Api)> {
        let here = Place::folder(&self.project).open()?;
        Ok((here, Place::node(&self.node).open()?))
    }

    /// Shows whether the two are the same. Exit code 1 if not.
    pub(crate) fn status(self) -> Result<ExitCode> {
        let (here, there) = self.open()?;
        let (here, there) = (Config::of(&here)?, Config::of(&there)?);
        let found = here.differences(&there);
        if self.json {
            let list: Vec<_> =
                found.iter().map(|(name, what)| json!({"component": name, "is": what})).collect();
            println!("{:#}", json!({ "same": list.is_empty(), "differences": list }));
        } else if found.is_empty() {
            println!("the folder and the node have the same config");
        } else {
            for (name, what) in &found {
                println!("{name}: {what}");
            }
        }
        Ok(if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

impl Copied {
    /// Makes the config of the node be that of the folder.
    pub(crate) fn upload(self) -> Result<ExitCode> {
        let (here, there) = self.between.open()?;
        self.copy(&here, &there)
    }

    /// Makes the config of the folder be that of the node.
    pub(crate) fn download(self) -> Result<ExitCode> {
        let (here, there) = self.between.open()?;
        self.copy(&there, &here)
    }

    fn copy(&self, from: &Api, to: &Api) -> Result<ExitCode> {
        let (new, old) = (Config::of(from)?, Config::of(to)?);
        let changed: Vec<&str> = new.differences(&old).into_iter().map(|(name, _)| name).collect();
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
