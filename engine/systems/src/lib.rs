//! Everything that talks to the outside.
//!
//! [`Systems`] builds the sources and sinks that reach beyond the node, by the
//! `type` in their config. Where something lies and how to sign in is the
//! business of `url`; how calls are made of `http`; what the bytes mean of the
//! folders named after the formats (`csv`, `json`).
//!
//! Architecture invariant: this is the only room on the data path that makes
//! HTTP calls, and each call is asked for first ([`Surroundings::access`]).
//! Files below the project folder belong to the project and may always be read.

pub mod charset;
pub mod csv;
mod http;
mod json;
mod properties;
mod secrets;
mod url;

use std::sync::Arc;

use pipewright_component::{Components, Failure, Setting, Sink, Source, Surroundings, Transform};
use serde_json::{Map, Value as Json};

use crate::http::Http;
use crate::url::UrlSystem;

/// The components that talk to the outside, and what outlives their runs:
/// connections and access tokens. One per node.
#[derive(Clone, Default)]
pub struct Systems {
    http: Arc<Http>,
}

impl Systems {
    /// Nothing is opened until a run needs it.
    pub fn new() -> Systems {
        Systems::default()
    }

    /// Tries to reach a system without running a pipe: `id` and its effective
    /// config. Says what was found, in one line for a person.
    ///
    /// # Errors
    /// Like a source's: the system cannot be reached, refuses, or its config
    /// is wrong.
    pub fn probe(
        &self,
        id: &str,
        config: &Map<String, Json>,
        surroundings: &Surroundings,
    ) -> Result<String, Failure> {
        UrlSystem::new(&self.http, Some((id, config)), surroundings, "$")?.probe()
    }
}

impl Components for Systems {
    fn source(
        &self,
        setting: &Setting<'_>,
        surroundings: &Surroundings,
    ) -> Result<Option<Box<dyn Source>>, Failure> {
        let system = || UrlSystem::new(&self.http, setting.system, surroundings, setting.path);
        Ok(Some(match setting.kind() {
            "csv" => Box::new(csv::CsvSource::new(setting, system()?)?),
            "json" => Box::new(json::JsonSource::new(setting, system()?)?),
            _ => return Ok(None),
        }))
    }

    fn transform(
        &self,
        _: &Setting<'_>,
        _: &Surroundings,
    ) -> Result<Option<Box<dyn Transform>>, Failure> {
        Ok(None)
    }

    fn sink(
        &self,
        setting: &Setting<'_>,
        surroundings: &Surroundings,
    ) -> Result<Option<Box<dyn Sink>>, Failure> {
        let system = || UrlSystem::new(&self.http, setting.system, surroundings, setting.path);
        Ok(Some(match setting.kind() {
            "json" => Box::new(json::JsonSink::new(setting, system()?)?),
            _ => return Ok(None),
        }))
    }
}
