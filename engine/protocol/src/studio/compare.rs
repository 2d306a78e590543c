//! Taking over the config of another node.

use serde::{Deserialize, Serialize};

use super::FileEdit;
use crate::service::ValidationReport;

/// All of a config, as JSON texts so that every number stays as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConfigUpload {
    /// An array of the components of the default config group.
    pub components: String,
    /// An object of the variables.
    pub variables: String,
}

/// What it takes to make a config be another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConfigDraft {
    /// The changes of files, to be sent to [`super::EDITS`].
    pub files: Vec<FileEdit>,
    /// What is wrong with the components, warnings included.
    pub report: ValidationReport,
    /// Whether anything of that is an error, for which an upload is refused.
    pub errors: bool,
}
