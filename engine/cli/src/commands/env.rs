//! `pipewright env`: the variables of a project or a node.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use pipewright_protocol::studio::encode;
use serde_json::{Map, Value, json};

use crate::output::Output;
use crate::place::{Api, Place};

#[derive(Subcommand)]
pub(crate) enum Env {
    /// Show the variables.
    List(List),
    /// Set a variable; the others stay as they are written.
    Set(Set),
    /// Remove a variable.
    Unset(Unset),
}

#[derive(Args)]
pub(crate) struct List {
    #[command(flatten)]
    place: Place,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(crate) struct Set {
    #[command(flatten)]
    place: Place,
    /// The variable.
    name: String,
    /// Its value: text, unless --as-json.
    value: String,
    /// The value is JSON.
    #[arg(long)]
    as_json: bool,
    #[command(flatten)]
    output: Output,
}

#[derive(Args)]
pub(crate) struct Unset {
    #[command(flatten)]
    place: Place,
    /// The variable.
    name: String,
    #[command(flatten)]
    output: Output,
}

impl Env {
    pub(crate) fn execute(self) -> Result<ExitCode> {
        match self {
            Env::List(list) => {
                let variables = list.place.open()?.call("GET", "/api/env", None)?;
                let variables = String::from_utf8(variables)?;
                if list.json {
                    println!("{variables}");
                } else {
                    let variables: Map<String, Value> = serde_json::from_str(&variables)?;
                    for (name, value) in variables {
                        println!("{name}={}", value.as_str().map_or(value.to_string(), Into::into));
                    }
                }
            }
            Env::Set(set) => {
                // As it is spelled: 1.0 stays 1.0.
                let value = match set.as_json {
                    true => {
                        let known: Result<Value, _> = serde_json::from_str(&set.value);
                        known.with_context(|| format!("{:?} is not JSON", set.value))?;
                        set.value
                    }
                    false => Value::from(set.value).to_string(),
                };
                let body = format!("{{{}:{value}}}", Value::from(set.name.as_str()));
                change(&set.place.open()?, "PATCH", "/api/env", Some(body))?;
                set.output.tell(json!({ "name": set.name, "set": true }), None);
            }
            Env::Unset(unset) => {
                let path = format!("/api/env/{}", encode(&unset.name));
                change(&unset.place.open()?, "DELETE", &path, None)?;
                unset.output.tell(json!({ "name": unset.name, "removed": true }), None);
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn change(api: &Api, method: &str, path: &str, body: Option<String>) -> Result<()> {
    api.call(method, path, body.map(|body| ("application/json", body.into_bytes())))?;
    Ok(())
}
