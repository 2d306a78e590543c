//! Times as the API writes them.

/// Microseconds since 1970 in ISO 8601, in UTC.
pub(crate) fn iso(microseconds: i64) -> String {
    match jiff::Timestamp::from_microsecond(microseconds) {
        Ok(at) => at.to_string(),
        Err(_) => microseconds.to_string(),
    }
}

/// The time now, in microseconds since 1970.
pub(crate) fn now() -> i64 {
    use pipewright_component::{Clock, SystemClock};
    SystemClock.now()
}
