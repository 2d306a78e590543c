//! Namespaced identifiers: `namespace:identifier`, split at the last colon.
//!
//! The last colon separates (documentation page `hub/features/namespaces`), so
//! `foo:x:y` is `y` in the namespace `foo:x`.

use crate::{Text, format_text};

/// Splits a name into its namespace, if it has one, and its identifier.
///
/// ```
/// use pipewright_entity::ni::split;
/// assert_eq!(split("crm:name"), (Some("crm"), "name"));
/// assert_eq!(split("foo:x:y"), (Some("foo:x"), "y"));
/// assert_eq!(split("name"), (None, "name"));
/// ```
pub fn split(name: &str) -> (Option<&str>, &str) {
    match name.rfind(':') {
        Some(at) => (Some(&name[..at]), &name[at + 1..]),
        None => (None, name),
    }
}

/// The identifier part of a name: what follows the last colon.
pub fn identifier(name: &str) -> &str {
    split(name).1
}

/// `namespace:identifier`.
pub fn join(namespace: &str, identifier: &str) -> Text {
    format_text!("{namespace}:{identifier}")
}
