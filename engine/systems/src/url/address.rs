//! From `url_pattern` and `url` to where something lies.

use std::path::PathBuf;

use reqwest::Url;

/// Where something lies.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Address {
    /// A file. A path without a leading slash is relative to the project folder.
    File(PathBuf),
    /// A resource on a web server.
    Web(Url),
}

/// Why a text is no address. The text itself may hold secrets, so it is not
/// repeated.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum NoAddress {
    #[error("is not a URL: {0}")]
    NotAUrl(String),
    #[error("has no scheme; write http:, https: or file: in front")]
    NoScheme,
    #[error("has another scheme than http, https and file")]
    Scheme,
}

/// How a system turns the `url` of a component into an address.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Base<'a> {
    /// `url_pattern`: the `url` replaces `%s`, or is appended.
    Pattern(&'a str),
    /// `base_url`: the `url` is joined as a link on that page would be.
    Join(&'a str),
    /// No system: the `url` stands alone.
    Nothing,
}

impl Base<'_> {
    /// The full text of an address, secrets not yet filled in.
    pub(crate) fn join(self, url: &str) -> Result<String, NoAddress> {
        if has_scheme(url) {
            return Ok(url.to_owned());
        }
        match self {
            Base::Pattern(pattern) if pattern.contains("%s") => Ok(pattern.replacen("%s", url, 1)),
            Base::Pattern(pattern) => Ok(format!("{pattern}{url}")),
            Base::Join(base) => match base.strip_prefix("file:") {
                Some(path) if !path.starts_with('/') => {
                    let folder = path.rfind('/').map_or("", |at| &path[..=at]);
                    Ok(format!("file:{folder}{url}"))
                }
                _ => Url::parse(base)
                    .and_then(|base| base.join(url))
                    .map(String::from)
                    .map_err(|error| NoAddress::NotAUrl(error.to_string())),
            },
            Base::Nothing => Ok(url.to_owned()),
        }
    }

    /// The system's own address, for signing in and for probing.
    pub(crate) fn root(self) -> Option<String> {
        match self {
            Base::Pattern(pattern) => Some(pattern.replacen("%s", "", 1)),
            Base::Join(base) => Some(base.to_owned()),
            Base::Nothing => None,
        }
    }
}

fn has_scheme(text: &str) -> bool {
    ["http:", "https:", "file:"]
        .iter()
        .any(|scheme| text.get(..scheme.len()).is_some_and(|t| t.eq_ignore_ascii_case(scheme)))
}

impl Address {
    /// Reads the full text of an address.
    ///
    /// `file:data/a.csv` is a path as it stands, relative to the project
    /// folder; `file:///srv/a%20b.csv` is a URL as other programs know it.
    pub(crate) fn parse(text: &str) -> Result<Address, NoAddress> {
        if let Some(path) = text.strip_prefix("file:")
            && !path.starts_with('/')
        {
            return Ok(Address::File(PathBuf::from(path)));
        }
        let url = match Url::parse(text) {
            Ok(url) => url,
            Err(_) if !text.contains(':') => return Err(NoAddress::NoScheme),
            Err(error) => return Err(NoAddress::NotAUrl(error.to_string())),
        };
        match url.scheme() {
            "http" | "https" => Ok(Address::Web(url)),
            "file" => url
                .to_file_path()
                .map(Address::File)
                .map_err(|()| NoAddress::NotAUrl("not a path of this machine".into())),
            _ => Err(NoAddress::Scheme),
        }
    }
}

/// The text without user name and password, and without a query, where a token
/// may hide. Meant for a text whose secrets are not filled in, so that they
/// cannot show.
pub(crate) fn shown(text: &str) -> String {
    let text = text.split(['?', '#']).next().unwrap_or_default();
    match text.split_once("://") {
        Some((scheme, rest)) => {
            let host_end = rest.find('/').unwrap_or(rest.len());
            // A secret's name may hold anything, an unfilled one a slash too.
            let from = rest[..host_end].rfind('@').map_or(0, |at| at + 1);
            format!("{scheme}://{}", &rest[from..])
        }
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_pattern_takes_the_url_in_its_place_or_at_its_end() {
        let pattern = Base::Pattern("https://x.example/api/%s?key=1");
        assert_eq!(pattern.join("a/b").unwrap(), "https://x.example/api/a/b?key=1");
        let plain = Base::Pattern("https://x.example/api/");
        assert_eq!(plain.join("a").unwrap(), "https://x.example/api/a");
        assert_eq!(plain.join("http://y.example/").unwrap(), "http://y.example/");
        assert_eq!(Base::Pattern("file:data/%s").join("a.csv").unwrap(), "file:data/a.csv");
    }

    #[test]
    fn a_base_is_joined_like_a_link() {
        let base = Base::Join("http://x.example/files/");
        assert_eq!(base.join("a.csv").unwrap(), "http://x.example/files/a.csv");
        assert_eq!(base.join("/a.csv").unwrap(), "http://x.example/a.csv");
        let base = Base::Join("http://x.example/files");
        assert_eq!(base.join("a.csv").unwrap(), "http://x.example/a.csv");
        assert_eq!(Base::Join("file:data/").join("a.csv").unwrap(), "file:data/a.csv");
    }

    #[test]
    fn addresses() {
        assert_eq!(Address::parse("file:d/a b.csv").unwrap(), Address::File("d/a b.csv".into()));
        assert_eq!(Address::parse("file:///d/a%20b").unwrap(), Address::File("/d/a b".into()));
        assert!(matches!(Address::parse("HTTPS://x.example/").unwrap(), Address::Web(_)));
        assert_eq!(Address::parse("a.csv"), Err(NoAddress::NoScheme));
        assert_eq!(Address::parse("ftp://x/"), Err(NoAddress::Scheme));
        assert!(matches!(Address::parse("http://"), Err(NoAddress::NotAUrl(..))));
    }

    #[test]
    fn credentials_do_not_show() {
        assert_eq!(shown("https://me:pass@x.example/a?token=1"), "https://x.example/a");
        assert_eq!(shown("https://$SECRET(a):$SECRET(b)@x.example/a@b"), "https://x.example/a@b");
        assert_eq!(shown("file:data/a.csv"), "file:data/a.csv");
    }
}
