//! What the service API has and this node does not, and why.
//!
//! No such operation is a route: a stub could only pretend.

use axum::extract::OriginalUri;
use axum::http::{Method, StatusCode};

use super::Failed;

/// Operations by method and path below `/api`, `*` for any method or the rest
/// of a path, with the reason.
pub(super) const ABSENT: &[(&str, &str, &str)] =
    &[("PUT", "/license", "a node needs no key, so that there is none to replace")];

/// Whether a path is of a pattern.
fn fits(pattern: &str, path: &str) -> bool {
    let mut parts = path.trim_matches('/').split('/');
    for wanted in pattern.trim_start_matches('/').split('/') {
        match (wanted, parts.next()) {
            ("*", Some(_)) => return true,
            (_, None) => return false,
            (wanted, Some(_)) if wanted.starts_with('{') => {}
            (wanted, Some(part)) if wanted == part => {}
            _ => return false,
        }
    }
    parts.next().is_none()
}

/// Why there is no such operation, where the service API has one.
fn reason(method: &Method, path: &str) -> Option<&'static str> {
    let path = path.strip_prefix("/api").unwrap_or(path);
    let mut known = ABSENT.iter();
    let found = known
        .find(|(of, pattern, _)| (*of == "*" || *of == method.as_str()) && fits(pattern, path));
    found.map(|(.., why)| *why)
}

/// Answers a path that is no operation.
pub(super) async fn answer(method: Method, OriginalUri(uri): OriginalUri) -> Failed {
    match reason(&method, uri.path()) {
        Some(why) => Failed::new(StatusCode::NOT_FOUND, "not-supported", why),
        None => Failed::not_found("there is no such operation"),
    }
}

/// Answers a method that a path does not have.
pub(super) async fn wrong_method(method: Method, OriginalUri(uri): OriginalUri) -> Failed {
    match reason(&method, uri.path()) {
        Some(why) => Failed::new(StatusCode::NOT_FOUND, "not-supported", why),
        None => Failed::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method",
            format!("{method} is no operation of this path"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_what_they_say() {
        assert!(fits("/models", "/models/") && fits("/models/*", "/models/a/b"));
        assert!(fits("/pipes/{id}/webhook", "/pipes/a%2Fb/webhook"));
        for other in ["/pipes/a", "/pipes/a/webhook/more", "/models"] {
            assert!(!fits("/pipes/{id}/webhook", other), "{other}");
        }
        assert!(!fits("/models/*", "/models"));
    }
}
