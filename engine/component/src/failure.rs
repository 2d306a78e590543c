//! Classes of failure: what the pump may do about one is decided by its class,
//! never by its text.

use std::time::Duration;

use pipewright_entity::{Text, Value};

/// Why a source, a transform or a sink could not go on.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Failure {
    /// The other side cannot be reached or is too busy: the same call may
    /// succeed later (no connection, time-out, HTTP 429 or 5xx, a locked
    /// table). Nothing is wrong with the entities.
    #[error("{message}")]
    Retryable {
        /// What happened, where, and what to do.
        message: String,
        /// How long the other side asks to wait, if it says.
        wait: Option<Duration>,
        /// The HTTP status of its answer, if there was one.
        status: Option<u16>,
    },
    /// The entities cannot be read, transformed or written as they are, and
    /// trying again will not help. From a call with many entities it means
    /// that the guilty one is not known; the pump then tries them one by one.
    #[error("{0}")]
    Entity(EntityFailure),
    /// The config is at fault: nothing can be read or written until it
    /// changes.
    #[error("{message} (at {path})")]
    Config {
        /// The JSON path in the pipe's or system's config.
        path: String,
        /// What is wrong and what to do.
        message: String,
    },
    /// The other side has a state that this run cannot continue from, such as
    /// a full sequence that was replaced by another (HTTP 409). The next run
    /// must start from the beginning.
    #[error("{message}")]
    StartOver {
        /// What happened.
        message: String,
    },
    /// The outside may not be touched yet; see [`crate::Access`].
    #[error("{message} (at {path})")]
    Held {
        /// The JSON path of the component in the pipe's config.
        path: String,
        /// What is held and how to allow it.
        message: String,
    },
    /// The run was told to stop.
    #[error("stopped")]
    Stopped,
}

impl Failure {
    /// A failure that may pass.
    pub fn retryable(message: impl Into<String>) -> Failure {
        Failure::Retryable { message: message.into(), wait: None, status: None }
    }

    /// A failure of the entities of this call.
    pub fn entity(id: Option<Text>, message: impl Into<String>) -> Failure {
        Failure::Entity(EntityFailure::new(id, message))
    }

    /// A failure of the config at a JSON path.
    pub fn config(path: impl Into<String>, message: impl Into<String>) -> Failure {
        Failure::Config { path: path.into(), message: message.into() }
    }

    /// The HTTP status of the answer it is about, if there was one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Failure::Retryable { status, .. } => *status,
            Failure::Entity(failure) => failure.status,
            _ => None,
        }
    }

    /// How long the other side asks to wait, if it says.
    pub fn wait(&self) -> Option<Duration> {
        match self {
            Failure::Retryable { wait, .. } => *wait,
            Failure::Entity(failure) => failure.wait,
            _ => None,
        }
    }

    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Failure::Retryable { .. })
    }
}

/// One entity that could not be read, transformed or written.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{}{message}", .id.as_ref().map(|id| format!("entity \"{id}\": ")).unwrap_or_default())]
pub struct EntityFailure {
    /// The entity's `_id`, where it is known.
    pub id: Option<Text>,
    /// What is wrong with it.
    pub message: String,
    /// What the other side answered, for the execution log: a response body,
    /// an error object. Never credentials.
    pub detail: Option<Value>,
    /// The HTTP status of that answer, if there was one.
    pub status: Option<u16>,
    /// How long the other side asks to wait, if it says.
    pub wait: Option<Duration>,
}

impl EntityFailure {
    /// A failure of one entity.
    pub fn new(id: Option<Text>, message: impl Into<String>) -> EntityFailure {
        EntityFailure { id, message: message.into(), detail: None, status: None, wait: None }
    }
}

impl From<EntityFailure> for Failure {
    fn from(failure: EntityFailure) -> Failure {
        Failure::Entity(failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_the_entity_and_the_path() {
        let entity = Failure::entity(Some("a:1".into()), "no such column");
        assert_eq!(entity.to_string(), "entity \"a:1\": no such column");
        let config = Failure::config("$.source.url", "not a URL");
        assert_eq!(config.to_string(), "not a URL (at $.source.url)");
    }
}
