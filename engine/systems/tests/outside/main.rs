//! The components against files and a web server on this machine.
#![allow(clippy::unwrap_used)]

mod csv_source;
mod example;
mod json_sink;
mod json_source;
mod mail;
mod processes;
mod render;
mod rest;
mod server;
mod sql;
mod tls;
mod transforms;
mod url_system;

use std::path::Path;
use std::sync::Arc;

use pipewright_component::{
    Access, Batch, Cancel, Components, Failure, FixedClock, NoVariables, ReadRequest, Setting,
    Sink, Source, Surroundings, Variables,
};
use pipewright_entity::Value;
use pipewright_systems::Systems;
use serde_json::{Map, Value as Json, json};

/// The config of a component.
pub(crate) fn object(config: &Json) -> &Map<String, Json> {
    config.as_object().unwrap()
}

pub(crate) fn live() -> Surroundings {
    Surroundings {
        access: Access::LIVE,
        cancel: Cancel::new(),
        clock: Arc::new(FixedClock::at(0)),
        variables: Arc::new(NoVariables),
        ..Surroundings::held()
    }
}

pub(crate) fn in_folder(folder: &Path) -> Surroundings {
    Surroundings { folder: Some(folder.to_owned()), access: Access::HELD, ..live() }
}

/// Secrets by name, for any system.
pub(crate) struct Secrets(pub(crate) &'static [(&'static str, &'static str)]);

impl Variables for Secrets {
    fn env(&self, _: &str) -> Option<Value> {
        None
    }

    fn secret(&self, _: Option<&str>, name: &str) -> Option<Value> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, secret)| Value::from(*secret))
    }
}

pub(crate) fn source(
    systems: &Systems,
    config: &Json,
    system: &Json,
    surroundings: &Surroundings,
) -> Result<Box<dyn Source>, Failure> {
    let setting = Setting {
        pipe: "test",
        config: object(config),
        system: Some(("sys", object(system))),
        path: "$.source",
    };
    systems.source(&setting, surroundings).map(Option::unwrap)
}

pub(crate) fn sink(
    config: &Json,
    system: &Json,
    surroundings: &Surroundings,
) -> Result<Box<dyn Sink>, Failure> {
    let setting = Setting {
        pipe: "test",
        config: object(config),
        system: Some(("sys", object(system))),
        path: "$.sink",
    };
    Systems::new().sink(&setting, surroundings).map(Option::unwrap)
}

/// A URL system.
pub(crate) fn url_system(pattern: &str) -> Json {
    json!({"_id": "sys", "type": "system:url", "url_pattern": pattern})
}

pub(crate) fn read(source: &mut dyn Source, request: &ReadRequest) -> Result<Vec<Batch>, Failure> {
    source.open(request)?.batches.collect()
}

/// All entities as JSON.
pub(crate) fn entities(batches: &[Batch]) -> Json {
    batches
        .iter()
        .flat_map(|batch| &batch.entities)
        .map(|entity| Value::Dict(entity.dict().clone()).to_json())
        .collect()
}

pub(crate) fn request(batch_size: usize) -> ReadRequest {
    ReadRequest { batch_size, ..ReadRequest::default() }
}

#[test]
fn kinds_of_other_rooms_are_left_alone() {
    let config = json!({"type": "dataset"});
    let setting = Setting { pipe: "p", config: object(&config), system: None, path: "$.source" };
    assert!(Systems::new().source(&setting, &live()).unwrap().is_none());
    assert!(Systems::new().sink(&setting, &live()).unwrap().is_none());
}
