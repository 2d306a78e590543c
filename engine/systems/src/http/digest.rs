//! Digest authentication (RFC 7616): the password itself is never sent.

use std::sync::atomic::{AtomicU32, Ordering};

use aws_lc_rs::digest as sha;
use md5::{Digest as _, Md5};
use reqwest::{Method, Url};

/// What a server asks for, from its `WWW-Authenticate`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Challenge {
    realm: String,
    nonce: String,
    opaque: Option<String>,
    algorithm: Algorithm,
    /// The algorithm as the server writes it.
    written: Option<String>,
    /// Whether it knows `qop=auth`.
    counts: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Algorithm {
    sha256: bool,
    /// The nonces are part of the key.
    session: bool,
}

impl Challenge {
    /// `None`: it asks for something else, or in a way that is not known.
    pub(crate) fn parse(header: &str) -> Option<Challenge> {
        let (scheme, rest) = header.trim().split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("digest") {
            return None;
        }
        let fields = fields(rest);
        let field = |name: &str| {
            fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
        };
        let written = field("algorithm").cloned();
        let algorithm = match written.as_deref().unwrap_or("MD5").to_ascii_lowercase().as_str() {
            "md5" => Algorithm { sha256: false, session: false },
            "md5-sess" => Algorithm { sha256: false, session: true },
            "sha-256" => Algorithm { sha256: true, session: false },
            "sha-256-sess" => Algorithm { sha256: true, session: true },
            _ => return None,
        };
        let counts = match field("qop") {
            Some(qop) if qop.split(',').any(|one| one.trim().eq_ignore_ascii_case("auth")) => true,
            Some(_) => return None,
            None => false,
        };
        Some(Challenge {
            realm: field("realm")?.clone(),
            nonce: field("nonce")?.clone(),
            opaque: field("opaque").cloned(),
            algorithm,
            written,
            counts,
        })
    }

    /// The `Authorization` of a request.
    pub(crate) fn answer(
        &self,
        (user, password): (&str, &str),
        method: &Method,
        url: &Url,
    ) -> String {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let own = uuid::Uuid::new_v4().simple().to_string();
        // Each challenge is answered once, so that any count will do.
        self.sign((user, password), method, url, &own, COUNT.fetch_add(1, Ordering::Relaxed))
    }

    fn sign(
        &self,
        (user, password): (&str, &str),
        method: &Method,
        url: &Url,
        own: &str,
        count: u32,
    ) -> String {
        let (realm, nonce) = (&self.realm, &self.nonce);
        let uri = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let hash = |text: String| match self.algorithm.sha256 {
            true => hex(sha::digest(&sha::SHA256, text.as_bytes()).as_ref()),
            false => hex(&Md5::digest(text.as_bytes())),
        };
        let mut key = hash(format!("{user}:{realm}:{password}"));
        if self.algorithm.session {
            key = hash(format!("{key}:{nonce}:{own}"));
        }
        let asked = hash(format!("{method}:{uri}"));
        let response = match self.counts {
            true => hash(format!("{key}:{nonce}:{count:08x}:{own}:auth:{asked}")),
            false => hash(format!("{key}:{nonce}:{asked}")),
        };
        let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
        let mut header = format!(
            "Digest username=\"{}\", realm=\"{}\", nonce=\"{nonce}\", uri=\"{uri}\", \
             response=\"{response}\"",
            quoted(user),
            quoted(realm)
        );
        if let Some(algorithm) = &self.written {
            header.push_str(&format!(", algorithm={algorithm}"));
        }
        if let Some(opaque) = &self.opaque {
            header.push_str(&format!(", opaque=\"{}\"", quoted(opaque)));
        }
        if self.counts {
            header.push_str(&format!(", qop=auth, nc={count:08x}, cnonce=\"{own}\""));
        } else if self.algorithm.session {
            header.push_str(&format!(", cnonce=\"{own}\""));
        }
        header
    }
}

/// `name=value` and `name="value"`, with commas between.
fn fields(text: &str) -> Vec<(String, String)> {
    let (mut all, mut rest) = (Vec::new(), text);
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.trim_matches(|c: char| c == ',' || c.is_whitespace()).to_owned();
        let mut value = String::new();
        let after = after.trim_start();
        let left = match after.strip_prefix('"') {
            Some(quoted) => {
                let mut letters = quoted.char_indices();
                let mut end = quoted.len();
                while let Some((at, letter)) = letters.next() {
                    match letter {
                        '\\' => value.extend(letters.next().map(|(_, escaped)| escaped)),
                        '"' => {
                            end = at + 1;
                            break;
                        }
                        other => value.push(other),
                    }
                }
                &quoted[end..]
            }
            None => {
                let (plain, left) = after.split_once(',').unwrap_or((after, ""));
                value.push_str(plain.trim());
                left
            }
        };
        all.push((name, value));
        rest = left;
    }
    all
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The example of RFC 7616, section 3.9.1, in both algorithms.
    #[test]
    fn the_answers_are_those_of_the_standard() {
        for (algorithm, response) in [
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ] {
            let header = format!(
                "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", \
                 algorithm={algorithm}, nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
                 opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
            );
            let challenge = Challenge::parse(&header).unwrap();
            let url = Url::parse("http://www.example.org/dir/index.html").unwrap();
            let own = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
            let answer = challenge.sign(("Mufasa", "Circle of Life"), &Method::GET, &url, own, 1);
            assert!(answer.contains(&format!("response=\"{response}\"")), "{answer}");
            assert!(answer.contains("qop=auth, nc=00000001"), "{answer}");
        }
    }

    #[test]
    fn what_is_not_known_is_no_challenge() {
        assert_eq!(Challenge::parse("Basic realm=\"x\""), None);
        assert_eq!(Challenge::parse("Digest realm=\"x\", nonce=\"y\", algorithm=ROT13"), None);
        assert_eq!(Challenge::parse("Digest realm=\"x\", nonce=\"y\", qop=\"auth-int\""), None);
        let plain = Challenge::parse("digest nonce=\"a\\\"b\",realm=\"x, y\"").unwrap();
        assert_eq!((plain.nonce.as_str(), plain.realm.as_str()), ("a\"b", "x, y"));
    }
}
