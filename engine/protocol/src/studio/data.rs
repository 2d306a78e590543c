//! Values every part of the studio's API uses.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Transit JSON carried as its text: never reparsed on the way, so nothing of
/// it is lost. It cannot sit inside internally tagged or flattened types.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(value_type = serde_json::Value))]
#[serde(transparent)]
pub struct Json(Box<RawValue>);

impl Json {
    /// Takes over JSON text; an error if it is not one JSON value.
    pub fn from_text(text: String) -> Result<Self, serde_json::Error> {
        RawValue::from_string(text).map(Self)
    }

    /// The JSON text.
    pub fn text(&self) -> &str {
        self.0.get()
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

/// One stored version of an entity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EntityVersion {
    /// Where it stands in the log: `_updated`.
    pub offset: u64,
    /// When it was stored, microseconds.
    pub ts: i64,
    /// Whether this version is a delete.
    pub deleted: bool,
    /// The content with its metadata properties.
    pub entity: Json,
    /// The run that wrote it, or who did.
    #[serde(default)]
    pub run: Option<String>,
    /// Whether compaction removed the version before it.
    #[serde(default)]
    pub compacted: bool,
}

/// What was found in a part of a dataset's log.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Found {
    /// The entities with their metadata properties, in the order of the log.
    pub entities: Vec<Json>,
    /// How many versions were looked at.
    pub looked_at: u64,
    /// Where to go on (`since`); none when all was looked at.
    pub next: Option<u64>,
    /// Whether the index of full text was asked which; else the log was looked
    /// through.
    #[serde(default)]
    pub by_index: bool,
}

impl Found {
    /// How many an answer has at most.
    pub const MOST: usize = 1_000;
}

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Runs, but probably not as meant.
    Warning,
    /// Does not run.
    Error,
}

/// One finding in one text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Diagnostic {
    /// Stable name of the rule that was broken; what software matches on.
    pub code: String,
    /// How much it weighs.
    pub severity: Severity,
    /// JSON path, such as `$.transform.rules.default[0]`.
    pub path: String,
    /// First byte of the text it is about.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
    /// For people.
    pub message: String,
    /// What to do about it, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
}

/// Body of every failed call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApiError {
    /// Stable name of the failure; what software matches on.
    pub code: String,
    /// What failed, where, and what to do.
    pub message: String,
    /// The request that failed, as the log of the node names it and the header
    /// `x-request-id` of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl ApiError {
    /// A failure of a request that is not named yet.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> ApiError {
        ApiError { code: code.into(), message: message.into(), request_id: None }
    }
}
