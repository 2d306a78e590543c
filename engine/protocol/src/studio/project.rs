//! The open project and what it may do.

use serde::{Deserialize, Serialize};

use super::Diagnostic;

/// The project a node has open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Project {
    /// What to call it: the folder's name, or the node's.
    pub name: String,
    /// The folder that holds the config; `None` when the config lives in the
    /// node's own store.
    pub folder: Option<String>,
    /// Version of the node.
    pub version: String,
    /// What the caller's token allows.
    pub role: Role,
    /// Whether pipes of this folder may run. Until then nothing runs and
    /// nothing outside is called.
    pub trusted: bool,
    /// Whether writes to outside systems are let through; held while false.
    pub live: bool,
    /// The environment file in use, such as `test-env.json`.
    pub profile: Option<String>,
    /// All environment files found.
    pub profiles: Vec<String>,
    /// The variables of the profile in use. Secrets are never among them.
    pub env: serde_json::Map<String, serde_json::Value>,
    /// What is wrong with the project as it was last read.
    pub problems: Vec<Problem>,
}

/// What a token allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Role {
    /// Everything.
    Admin,
    /// Change and run.
    Developer,
    /// Look only.
    Reader,
    /// Whoever calls without a token: what the permissions of single pipes and
    /// systems allow, and nothing else.
    Anonymous,
}

impl Role {
    /// Whether calls that change something are allowed.
    pub fn may_change(self) -> bool {
        matches!(self, Role::Admin | Role::Developer)
    }
}

/// A finding in one file of the project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// The file, relative to the project folder.
    pub file: String,
    /// `_id` of the pipe or system it concerns, where there is one.
    pub component: Option<String>,
    /// What was found.
    pub diagnostic: Diagnostic,
}

/// The user's word on the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Trust {
    /// Whether its pipes may run.
    pub trusted: bool,
}

/// Whether outside systems are written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Live {
    /// `false` holds every outside write.
    pub live: bool,
}

/// Which pipes to run or stop.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Run {
    /// Their ids; empty means all of the project, in flow order until nothing
    /// is left to do.
    #[serde(default)]
    pub pipes: Vec<String>,
}
