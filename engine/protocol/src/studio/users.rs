//! People who share a node.

use serde::{Deserialize, Serialize};

use super::Role;

/// Somebody who may call a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct User {
    /// Names the user; what they do is written down under it.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// When they were added, in seconds since 1970.
    pub made: u64,
    /// When they accepted an invitation last, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<u64>,
    /// Until when an invitation can be accepted, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invited_until: Option<u64>,
}

/// A user to be added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewUser {
    /// Names the user.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// For how many days the invitation can be accepted; 7 when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<u64>,
}

/// Another role for a user. It counts at once, for tokens they have, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UserRole {
    /// What they may do.
    pub role: Role,
}

/// How long another invitation is to last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Renewal {
    /// For how many days it can be accepted; 7 when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<u64>,
}

/// An invitation as it is handed to whom it is for. It is shown this once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Invited {
    /// For whom it is.
    pub user: User,
    /// What can be exchanged for a token, once.
    pub invitation: String,
}

/// An invitation that is accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Invitation {
    /// What was handed out.
    pub invitation: String,
}

/// What an invitation became.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Login {
    /// Who accepted it.
    pub user: User,
    /// What every call is made with: `Authorization: Bearer TOKEN`.
    pub token: String,
}
