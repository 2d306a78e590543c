//! How a pipe gets its components: from config to something that runs.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};

use crate::{Failure, Sink, Source, Surroundings, System, Transform};

/// What a source, transform or sink is built from.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// The pipe's id.
    pub pipe: &'a str,
    /// The effective config of the component, its `type` among the
    /// properties; defaults are filled in, `$ENV()` is resolved,
    /// `$SECRET()` is not.
    pub config: &'a Map<String, Json>,
    /// The system that the component names: its id and effective config.
    pub system: Option<(&'a str, &'a Map<String, Json>)>,
    /// The JSON path of the component in the pipe's config (`$.source`), for
    /// messages.
    pub path: &'a str,
}

impl Setting<'_> {
    /// The component's `type`.
    pub fn kind(&self) -> &str {
        self.config.get("type").and_then(|kind| kind.as_str()).unwrap_or_default()
    }

    /// The component's config as a type that reads it, with the JSON path of
    /// what does not fit.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        T::deserialize(self.config).map_err(|error| Failure::config(self.path, error.to_string()))
    }

    /// A [`Failure::Config`] about a property of the component.
    pub fn failure(&self, property: &str, message: impl Into<String>) -> Failure {
        Failure::config(format!("{}.{property}", self.path), message)
    }
}

/// Builds the components that talk to the outside. `Ok(None)` means that the
/// kind is not known here.
pub trait Components: Send + Sync {
    /// The source for one run.
    fn source(
        &self,
        setting: &Setting<'_>,
        surroundings: &Surroundings,
    ) -> Result<Option<Box<dyn Source>>, Failure>;

    /// The transform for one run.
    fn transform(
        &self,
        setting: &Setting<'_>,
        surroundings: &Surroundings,
    ) -> Result<Option<Box<dyn Transform>>, Failure>;

    /// The sink for one run.
    fn sink(
        &self,
        setting: &Setting<'_>,
        surroundings: &Surroundings,
    ) -> Result<Option<Box<dyn Sink>>, Failure>;

    /// A system by its id and effective config, to be asked for itself.
    fn system(
        &self,
        _id: &str,
        _config: &Map<String, Json>,
        _surroundings: &Surroundings,
    ) -> Result<Option<Box<dyn System>>, Failure> {
        Ok(None)
    }
}

/// No outside at all: for tests and for nodes that only move data within.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoComponents;

impl Components for NoComponents {
    fn source(
        &self,
        _: &Setting<'_>,
        _: &Surroundings,
    ) -> Result<Option<Box<dyn Source>>, Failure> {
        Ok(None)
    }

    fn transform(
        &self,
        _: &Setting<'_>,
        _: &Surroundings,
    ) -> Result<Option<Box<dyn Transform>>, Failure> {
        Ok(None)
    }

    fn sink(&self, _: &Setting<'_>, _: &Surroundings) -> Result<Option<Box<dyn Sink>>, Failure> {
        Ok(None)
    }
}
