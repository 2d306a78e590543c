//! Who may do what to a pipe.

use serde::{Deserialize, Serialize};

use super::Role;

/// Whether a role may do one thing to a pipe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Permitted {
    /// Who.
    pub role: Role,
    /// What, as config names it: `read_config`, `write_config`,
    /// `run_pump_operation`, `read_data` or `write_data`.
    pub act: String,
    /// Whether they may.
    pub allowed: bool,
    /// The entry of `permissions` in the pipe that says so, counted from 0;
    /// `None` where the role does.
    pub by: Option<usize>,
}
