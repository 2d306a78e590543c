//! Datasets that a node keeps for itself. They are ordinary datasets, so what
//! holds for versions, history and backup holds for them.

use pipewright_entity::{Text, format_text};

/// What the ids of internal datasets begin with.
pub const SYSTEM: &str = "system:";

/// The config: one entity per pipe, system and the node's metadata, so that
/// every version of it is kept.
pub const CONFIG: &str = "system:config";

/// What was set at run time for each pipe, such as being disabled.
pub const PIPE_SETTINGS: &str = "system:pipe-settings";

/// Who changed what in the node, and when.
pub const AUDIT: &str = "system:audit";

/// What a run with a circuit breaker has put aside for a dataset.
pub fn uncommitted(dataset: &str) -> Text {
    format_text!("system:uncommitted:{dataset}")
}

/// The execution log of a pipe.
pub fn execution_log(pipe: &str) -> Text {
    format_text!("system:pump:{pipe}")
}
