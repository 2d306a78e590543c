//! Why an encrypted connection does not come about, in words: what is wrong
//! and who can mend it.

use std::error::Error;

use rustls::{CertificateError, Error as Tls};

/// What there is to say about a failed connection to a node; `None` when it is
/// not about encryption.
pub(crate) fn explained(error: &(dyn Error + 'static)) -> Option<String> {
    let words = match cause(error)? {
        Tls::InvalidCertificate(certificate) => certificate_words(certificate),
        Tls::InvalidMessage(_) => {
            "it does not speak TLS there. If it is a node of this machine or behind a tunnel, its \
             address starts with http://"
                .into()
        }
        Tls::AlertReceived(alert) => {
            format!("it refuses to speak TLS with this program ({alert:?})")
        }
        other => format!("the encrypted connection does not come about: {other}"),
    };
    Some(words)
}

fn certificate_words(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => {
            "its certificate comes from an authority that this machine does not know. If it is \
             one of your own, give the file with its certificate when you connect; if you do not \
             know why it should be, do not send it your token"
                .into()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired. Whoever runs the node has to renew it; see that the \
             clock of this machine is right, too"
                .into()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet. See that the clock of this machine is right".into()
        }
        CertificateError::NotValidForName => {
            "its certificate is made out to another name. Use the address that the certificate \
             names; if you do, somebody else may be answering"
                .into()
        }
        CertificateError::NotValidForNameContext { presented, .. } => {
            format!(
                "its certificate is made out to another name ({}). Use that address; if you do, \
                 somebody else may be answering",
                presented.join(", ")
            )
        }
        CertificateError::Revoked => {
            "its certificate was revoked. Do not connect before whoever runs the node has said why"
                .into()
        }
        other => format!("its certificate cannot be believed: {other:?}"),
    }
}

/// The error of the encryption within the others, if there is one.
fn cause<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e Tls> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(tls) = error.downcast_ref::<Tls>() {
            return Some(tls);
        }
        // An error of reading and writing hides what it was made of.
        if let Some(inner) = error.downcast_ref::<std::io::Error>().and_then(|it| it.get_ref())
            && let Some(found) = cause(inner)
        {
            return Some(found);
        }
        next = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io;

    use super::*;

    fn words(error: CertificateError) -> String {
        let inner = io::Error::other(Tls::InvalidCertificate(error));
        // As the libraries above wrap it.
        explained(&io::Error::other(inner)).unwrap()
    }

    #[test]
    fn it_is_said_what_is_wrong_with_a_certificate() {
        assert!(words(CertificateError::UnknownIssuer).contains("does not know"));
        assert!(words(CertificateError::Expired).contains("has expired"));
        assert!(words(CertificateError::NotValidForName).contains("another name"));
        assert!(explained(&io::Error::other("refused")).is_none());
    }
}
