//! What people are to know of without looking: pipes that fail, and that they
//! work again.
//!
//! An *alert* is a condition that holds now for a pipe, by one of the rules of
//! the config (`notifications`). It is told once when it begins and once when
//! it is over; what happens and is over at once is told once.

use serde::{Deserialize, Serialize};

use super::Severity;

/// `GET` of [`NOTIFICATIONS`](super::NOTIFICATIONS).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Notifications {
    /// What holds now, the newest first.
    pub alerts: Vec<Notification>,
    /// What was told, the newest first.
    pub recent: Vec<Notification>,
}

impl Notifications {
    /// More than these are not listed at once.
    pub const MOST: usize = 1_000;
}

/// Something that was told. An alert is told again when it is over, with the
/// same [`id`](Notification::id).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Notification {
    /// Names the rule and the pipe: there is one alert for both at a time.
    pub id: String,
    /// The name of the rule.
    pub rule: String,
    /// What kind of rule it is: its `type` in the config.
    pub kind: String,
    /// The pipe it is about.
    pub pipe: String,
    /// How much it weighs.
    pub severity: Severity,
    /// Whether it has begun, is over, or was over at once.
    pub state: NotificationState,
    /// When it began, microseconds.
    pub since: i64,
    /// When this was told, microseconds.
    pub ts: i64,
    /// What happened, for people.
    pub message: String,
    /// What became of the mail about it; `None` when none is to be sent.
    #[serde(default)]
    pub mail: Option<MailState>,
}

/// Where a notification stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum NotificationState {
    /// It holds since then: an alert.
    Open,
    /// It held, and does no more.
    Recovered,
    /// It happened; there is nothing to recover from.
    Happened,
}

/// What became of the mail about a notification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum MailState {
    /// It is to be sent, or to be tried again.
    Waiting,
    /// The mail server has it.
    Sent,
    /// It was not sent: writing outside was held.
    Held,
    /// It cannot be sent, and why.
    Failed(String),
}
