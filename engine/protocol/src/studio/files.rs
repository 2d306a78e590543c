//! The project's files: the truth of its config.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Diagnostic;

/// What a config file describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum FileKind {
    /// `pipes/*.conf.json`
    Pipe,
    /// `systems/*.conf.json`
    System,
    /// `node-metadata.conf.json`
    Metadata,
    /// `*-env.json`
    Env,
    /// Anything else the project layout knows.
    Other,
}

/// One file of the project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FileInfo {
    /// Relative to the project folder, with `/`.
    pub path: String,
    /// What it describes.
    pub kind: FileKind,
    /// `_id` of the component in it.
    pub component: Option<String>,
    /// Hash of its text, see [`FileText::hash`].
    pub hash: String,
}

/// A file with its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FileText {
    /// Relative to the project folder.
    pub path: String,
    /// The whole text.
    pub text: String,
    /// Names exactly this text; hand it back when saving.
    pub hash: String,
}

/// All of the config at once, for those who read it as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Texts {
    /// The files that say something about the project, with their texts.
    pub files: Vec<FileText>,
    /// The paths of those of which it matters only that they are there.
    pub others: Vec<String>,
}

/// Replaces a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Save {
    /// The whole new text.
    pub text: String,
    /// Hash of the text it was made from; `None` for a new file.
    pub base: Option<String>,
}

/// Several changes that are one step for the user: all are applied, or none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Edits {
    /// What the step is called, such as `Add pipe person-crm`.
    pub label: String,
    /// The changes, each file at most once.
    pub files: Vec<FileEdit>,
}

/// Change of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FileEdit {
    /// Relative to the project folder.
    pub path: String,
    /// What happens to it.
    pub change: Change,
}

/// What happens to a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// Makes a file that must not be there yet.
    Create {
        /// The whole text.
        text: String,
    },
    /// Replaces parts of it.
    Edit {
        /// Hash of the text the offsets count in.
        base: String,
        /// Apart from each other, in ascending order.
        edits: Vec<TextEdit>,
    },
    /// Removes it.
    Delete {
        /// Hash of the text that goes away.
        base: String,
    },
    /// Puts cards of the flow somewhere else: only for [`LAYOUT`](super::LAYOUT),
    /// which is no config and knows no other change.
    Place {
        /// Where they shall stand.
        cards: BTreeMap<String, Option<[i32; 2]>>,
    },
}

/// Replaces `start..end` by `text`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TextEdit {
    /// First byte replaced.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
    /// What stands there afterwards.
    pub text: String,
}

/// Edits that were applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Edited {
    /// Takes the step back; same label.
    pub inverse: Edits,
    /// The files as they are now; deleted ones are missing.
    pub files: Vec<FileText>,
}

/// `409`: a file is not what the change was made from. Nothing was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Conflict {
    /// The file.
    pub path: String,
    /// What it holds now; `None` when it is gone.
    pub current: Option<FileText>,
}

/// Asks what is wrong with a text that is not saved yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Check {
    /// The file it would be saved as.
    pub path: String,
    /// The text.
    pub text: String,
}

/// What [`super::CHECK`] answers.
pub type Findings = Vec<Diagnostic>;
