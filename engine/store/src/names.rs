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

/// What people say that entities look like.
pub const MODELS: &str = "system:models";
/// What people were told about pipes, and what is to be told still.
pub const NOTIFICATIONS: &str = "system:notifications";

const UNCOMMITTED: &str = "system:uncommitted:";
const EXECUTION_LOG: &str = "system:pump:";

/// What a run with a circuit breaker has put aside for a dataset.
pub fn uncommitted(dataset: &str) -> Text {
    format_text!("{UNCOMMITTED}{dataset}")
}

/// The execution log of a pipe.
pub fn execution_log(pipe: &str) -> Text {
    format_text!("{EXECUTION_LOG}{pipe}")
}

/// What an internal dataset is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About<'d> {
    /// It is the execution log of a pipe.
    Pipe(&'d str),
    /// It holds what was put aside for a dataset.
    Dataset(&'d str),
}

/// What the dataset `id` is about, if it is the node's own and about something:
/// the way back from [`uncommitted`] and [`execution_log`].
pub fn about(id: &str) -> Option<About<'_>> {
    let pipe = id.strip_prefix(EXECUTION_LOG).map(About::Pipe);
    pipe.or_else(|| id.strip_prefix(UNCOMMITTED).map(About::Dataset))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_internal_dataset_tells_what_it_is_about() {
        assert_eq!(about(&execution_log("a:b")), Some(About::Pipe("a:b")));
        assert_eq!(about(&uncommitted("d")), Some(About::Dataset("d")));
        assert!([CONFIG, AUDIT, PIPE_SETTINGS, "pump:a", "d"].iter().all(|id| about(id).is_none()));
    }
}
