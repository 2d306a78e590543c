//! What a pipe would make of one entity, before anything is saved.

use serde::{Deserialize, Serialize};

use super::{Diagnostic, Json, Trace};

/// Runs a pipe's transforms on one sample. Nothing is written and nothing
/// outside is called.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PreviewRequest {
    /// The pipe; it need not be saved yet.
    pub pipe: String,
    /// Config text to use instead of the saved one.
    pub text: Option<String>,
    /// What to run it on.
    pub sample: Sample,
    /// Whether to tell what each expression and transform did.
    #[serde(default)]
    pub trace: bool,
}

/// Where the sample comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Sample {
    /// The source's first entity.
    First,
    /// Any entity of the source.
    Random,
    /// The source's entity with this `_id`.
    Id(String),
    /// This very entity.
    Entity(Json),
}

/// The outcome of a preview.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Preview {
    /// The sample it ran on; `None` when the source holds none or the config
    /// could not be read so far.
    #[cfg_attr(feature = "openapi", schema(value_type = Json))]
    pub source: Option<Json>,
    /// What came out, in the order it was produced.
    pub produced: Vec<Produced>,
    /// Findings in the config text, also when it ran.
    pub diagnostics: Vec<Diagnostic>,
    /// Why the transform stopped, if it did.
    pub failure: Option<Failure>,
    /// Why the result may be incomplete: a lookup that had to be cut short for
    /// want of an index, for example.
    pub partial: Option<String>,
    /// Why there is no sample, in words for the user.
    pub no_sample: Option<String>,
    /// Why nothing ran although the config is fine: the transform has side
    /// effects, for example.
    pub held: Option<String>,
    /// Time the transforms took, microseconds.
    pub took: u64,
    /// What each expression and transform did, if that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<Trace>,
}

/// One entity that came out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Produced {
    /// What becomes of it.
    pub outcome: Outcome,
    /// The entity as the sink would get it.
    pub entity: Json,
    /// What the output dataset holds for this id now, if anything.
    pub stored: Option<Json>,
}

/// What becomes of an entity a transform produced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Handed to the sink.
    Kept,
    /// Filtered: an existing one is deleted.
    Filtered,
    /// Discarded: as if it had not been there.
    Discarded,
    /// Made beside the sample's own result, as by `create`.
    Emitted,
}

/// Where and why a transform stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Failure {
    /// What failed and on which value.
    pub message: String,
    /// JSON path in the config.
    pub path: String,
    /// First byte in the config text.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}
