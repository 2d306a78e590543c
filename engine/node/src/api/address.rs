//! Addresses of this node as its callers reach it.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{Uri, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::Failed;
use crate::Node;

/// The parameter of an address that carries what a link opens a publisher by.
pub(super) const LINK: &str = "link_token";

/// Stands in an address as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// How a request was addressed.
#[derive(Clone, Debug)]
pub(super) struct Asker {
    host: Option<Authority>,
    encrypted: bool,
    uri: Uri,
}

impl<S: Send + Sync> FromRequestParts<S> for Asker {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failed> {
        let uri = axum::extract::OriginalUri::from_request_parts(parts, state).await;
        let uri = uri.map_or_else(|_| parts.uri.clone(), |uri| uri.0);
        let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let host = text(header::HOST.as_str()).and_then(|host| host.parse().ok());
        // What adds TLS before the node says so.
        let encrypted = text("x-forwarded-proto") == Some("https");
        Ok(Asker { host: host.or_else(|| uri.authority().cloned()), encrypted, uri })
    }
}

impl Asker {
    /// The beginning of every address of this node: as its owner says that
    /// others reach it, or as this caller does.
    pub(super) fn base(&self, node: &Node) -> String {
        if let Some(public) = node.public_url() {
            return public.to_owned();
        }
        let scheme = if self.encrypted { "https" } else { "http" };
        match &self.host {
            Some(host) => format!("{scheme}://{host}"),
            None => String::new(),
        }
    }

    /// The address of this request without some of its parameters.
    pub(super) fn without(&self, node: &Node, names: &[&str]) -> String {
        let address = format!("{}{}", self.base(node), self.uri.path());
        with_query(address, &self.query(names))
    }

    /// The parameters of this request but some, as they were sent.
    pub(super) fn query(&self, without: &[&str]) -> Vec<String> {
        let pairs = self.uri.query().unwrap_or_default().split('&');
        let name = |pair: &str| pair.split('=').next().unwrap_or_default().to_owned();
        let kept = pairs.filter(|pair| !pair.is_empty() && !without.contains(&name(pair).as_str()));
        kept.map(str::to_owned).collect()
    }
}

/// An address with parameters, which are encoded already.
pub(super) fn with_query(address: String, parameters: &[String]) -> String {
    match parameters {
        [] => address,
        parameters => format!("{address}?{}", parameters.join("&")),
    }
}

/// A text as a part of an address.
pub(super) fn part(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}
