//! Tokens that programs call a node with.

use serde::{Deserialize, Serialize};

use super::Role;

/// A token that was made to keep, without what would let anybody use it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IssuedToken {
    /// Names it, to revoke it by.
    pub id: String,
    /// Whom it was made for.
    pub name: String,
    /// What it allows.
    pub role: Role,
    /// When it was made, in seconds since 1970.
    pub made: u64,
    /// When it ends, in seconds since 1970; `None` never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<u64>,
    /// Whether it counts no more.
    pub revoked: bool,
}

/// A token to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewToken {
    /// Whom it is for.
    pub name: String,
    /// What it allows.
    pub role: Role,
    /// Days until it ends; it does not when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<u64>,
}

/// A token as it is handed out. It is shown this once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MadeToken {
    /// What every call is made with: `Authorization: Bearer TOKEN`.
    pub token: String,
}
