//! From the engine's types to those of the API.

use pipewright_config::Problem;
use pipewright_dtl::{Diagnostic, Severity};
use pipewright_entity::{Entity, Value};
use pipewright_protocol::service::ConfigError;
use pipewright_protocol::studio;

use crate::api::Failed;

/// An entity as the text it travels as.
pub(crate) fn json(entity: &Entity) -> Result<studio::Json, Failed> {
    serde_json::to_string(entity)
        .and_then(studio::Json::from_text)
        .map_err(|error| Failed::internal(error.to_string()))
}

/// A value as the text it travels as.
pub(crate) fn value(value: &Value) -> Result<studio::Json, Failed> {
    studio::Json::from_text(value.to_transit().to_string())
        .map_err(|error| Failed::internal(error.to_string()))
}

pub(crate) fn diagnostic(found: &Diagnostic) -> studio::Diagnostic {
    studio::Diagnostic {
        code: found.code.to_owned(),
        severity: match found.severity {
            Severity::Info => studio::Severity::Info,
            Severity::Warning => studio::Severity::Warning,
            Severity::Error => studio::Severity::Error,
        },
        path: found.path.to_string(),
        start: found.span.start,
        end: found.span.end,
        message: found.message.clone(),
        suggestion: found.suggestion.clone(),
    }
}

pub(crate) fn problem(found: &Problem) -> studio::Problem {
    studio::Problem {
        file: found.file.to_string(),
        component: found.component.as_ref().map(ToString::to_string),
        diagnostic: diagnostic(&found.diagnostic),
    }
}

/// A finding as the service API has it among the errors of a config.
pub(crate) fn config_error(found: &Problem) -> ConfigError {
    ConfigError {
        elements: found.diagnostic.path.bracketed(),
        level: if found.is_error() { "error" } else { "warning" }.to_owned(),
        msg: found.diagnostic.message.clone(),
    }
}
