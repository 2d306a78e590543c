//! Everything that talks to the outside.
//!
//! [`Systems`] builds the sources and sinks that reach beyond the node, by the
//! `type` in their config. Where something lies and how to sign in is the
//! business of `url`; how calls are made of `http`; what the bytes mean of the
//! folders named after the formats (`csv`, `json`). Databases are the business
//! of `sql`.
//!
//! Architecture invariant: this is the only room on the data path that makes
//! HTTP calls and talks to databases, and each call is asked for first ([`Surroundings::access`]).
//! Files below the project folder belong to the project and may always be read.

pub mod charset;
pub mod csv;
mod files;
mod http;
mod json;
mod mail;
mod plain;
mod processes;
mod properties;
pub mod requests;
mod rest;
mod secrets;
mod service;
mod sql;
mod url;
mod waiting;

use std::sync::Arc;

use pipewright_component::{
    Components, Failure, Setting, Sink, Source, Surroundings, System, Transform,
};
use serde_json::{Map, Value as Json};

use crate::http::Http;
use crate::mail::{MailSink, Sent, SmtpSystem};
use crate::processes::Processes;
use crate::rest::{RestAsked, RestSink, RestSource, RestTransform};
use crate::sql::{Connections, SqlSink, SqlSource, SqlSystem};
use crate::url::UrlSystem;
use crate::waiting::Waiting;

pub use crate::processes::Said;
pub use crate::service::Passed;
pub use crate::url::file_offer;

/// The components that talk to the outside, and what outlives their runs:
/// connections, access tokens and services that it started. One per node.
#[derive(Clone)]
pub struct Systems {
    http: Arc<Http>,
    processes: Arc<Processes>,
    databases: Arc<Connections>,
    waiting: Arc<Waiting>,
    mails: Arc<Sent>,
}

impl Default for Systems {
    fn default() -> Systems {
        let waiting = Arc::new(Waiting::default());
        Systems {
            http: Arc::new(Http::new(waiting.clone())),
            processes: Arc::new(Processes::new(waiting.clone())),
            databases: Arc::new(Connections::new(waiting.clone())),
            waiting,
            mails: Arc::default(),
        }
    }
}

impl Systems {
    /// Nothing is opened until a run needs it.
    pub fn new() -> Systems {
        Systems::default()
    }

    fn url(
        &self,
        setting: &Setting<'_>,
        surroundings: &Surroundings,
    ) -> Result<UrlSystem, Failure> {
        UrlSystem::new(&self.http, setting.system, surroundings, setting.path)?
            .with_process(&self.processes)
    }

    fn database(
        &self,
        setting: &Setting<'_>,
        surroundings: &Surroundings,
    ) -> Result<SqlSystem, Failure> {
        let path = format!("{}.system", setting.path);
        let Some((id, config)) = setting.system else {
            return Err(Failure::config(path, "is missing: name a SQL system"));
        };
        SqlSystem::new(&self.databases, id, config, surroundings, setting.path).ok_or_else(|| {
            let kind = config.get("type").and_then(Json::as_str).unwrap_or_default();
            let message = format!(
                "system \"{id}\" is a \"{kind}\"; a \"system:postgresql\", \"system:mysql\", \
                 \"system:sqlserver\" or \"system:sqlite\" is needed here"
            );
            Failure::config(path, message)
        })
    }

    fn mail(
        &self,
        setting: &Setting<'_>,
        surroundings: &Surroundings,
    ) -> Result<SmtpSystem, Failure> {
        let path = format!("{}.system", setting.path);
        let Some((id, config)) = setting.system else {
            return Err(Failure::config(path, "is missing: name an SMTP system"));
        };
        SmtpSystem::new(&self.waiting, &self.mails, id, config, surroundings, setting.path)
            .ok_or_else(|| {
                let kind = config.get("type").and_then(Json::as_str).unwrap_or_default();
                let message =
                    format!("system \"{id}\" is a \"{kind}\"; a \"system:smtp\" is needed here");
                Failure::config(path, message)
            })
    }
}

impl Components for Systems {
    fn source(
        &self,
        setting: &Setting<'_>,
        surroundings: &Surroundings,
    ) -> Result<Option<Box<dyn Source>>, Failure> {
        let system = || self.url(setting, surroundings);
        Ok(Some(match setting.kind() {
            "csv" => Box::new(csv::CsvSource::new(setting, system()?)?),
            "json" | "binary" => Box::new(json::JsonSource::new(setting, system()?)?),
            "rest" => Box::new(RestSource::new(setting, system()?)?),
            "sql" => Box::new(SqlSource::new(setting, self.database(setting, surroundings)?)?),
            _ => return Ok(None),
        }))
    }

    fn transform(
        &self,
        setting: &Setting<'_>,
        surroundings: &Surroundings,
    ) -> Result<Option<Box<dyn Transform>>, Failure> {
        let system = || self.url(setting, surroundings);
        Ok(Some(match setting.kind() {
            "http" => Box::new(json::HttpTransform::new(setting, system()?)?),
            "rest" => Box::new(RestTransform::new(setting, system()?)?),
            _ => return Ok(None),
        }))
    }

    fn sink(
        &self,
        setting: &Setting<'_>,
        surroundings: &Surroundings,
    ) -> Result<Option<Box<dyn Sink>>, Failure> {
        let system = || self.url(setting, surroundings);
        Ok(Some(match setting.kind() {
            "json" => Box::new(json::JsonSink::new(setting, system()?)?),
            "mail" => Box::new(MailSink::new(setting, self.mail(setting, surroundings)?)?),
            "rest" => Box::new(RestSink::new(setting, system()?)?),
            "sql" => Box::new(SqlSink::new(setting, self.database(setting, surroundings)?)?),
            _ => return Ok(None),
        }))
    }

    fn system(
        &self,
        id: &str,
        config: &Map<String, Json>,
        surroundings: &Surroundings,
    ) -> Result<Option<Box<dyn System>>, Failure> {
        if let Some(database) = SqlSystem::new(&self.databases, id, config, surroundings, "$") {
            return Ok(Some(Box::new(database)));
        }
        if let Some(mail) =
            SmtpSystem::new(&self.waiting, &self.mails, id, config, surroundings, "$")
        {
            return Ok(Some(Box::new(mail)));
        }
        if config.get("type").and_then(Json::as_str) == Some("system:rest") {
            let system = RestAsked::new(&self.http, id, config, surroundings)?;
            return Ok(Some(Box::new(system)));
        }
        if UrlSystem::is_kind(config) {
            let system = UrlSystem::new(&self.http, Some((id, config)), surroundings, "$")?;
            return Ok(Some(Box::new(system.with_process(&self.processes)?)));
        }
        Ok(None)
    }
}
