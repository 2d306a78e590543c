//! Asking a system without running a pipe.

use serde::{Deserialize, Serialize};

/// Whether a system can be reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SystemTest {
    /// Whether it answers as it should.
    pub ok: bool,
    /// What was found, or what is wrong and what to do: one line for a person.
    pub message: String,
}

/// One thing that a system offers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SystemOffer {
    /// `table`, `view`, `operation` or `file`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// What it consists of, where that is known.
    #[serde(default)]
    pub columns: Vec<SystemColumn>,
    /// What else is to be said of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
    /// The config of a source that reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<serde_json::Value>,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SystemColumn {
    /// Its name.
    pub name: String,
    /// Its type, in the system's own words.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Whether it may be empty.
    pub nullable: bool,
    /// Whether it is part of the primary key.
    pub key: bool,
}

/// A file that was put among the project's own data, and what a pipe that reads
/// it needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DataFile {
    /// Relative to the project folder.
    pub path: String,
    /// The system of that folder.
    pub system: String,
    /// Its config, when there is no such system yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_system: Option<serde_json::Value>,
    /// The file, as the system offers it.
    pub offer: SystemOffer,
}
