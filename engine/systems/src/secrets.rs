//! `$SECRET(name)` in config, replaced at the last moment
//! (`hub/documentation/building-blocks/secrets`).

use std::sync::{Arc, Mutex, PoisonError};

use pipewright_component::{Failure, TraceSettings, Variables};
use pipewright_entity::Value;

/// Remembers which secrets were handed out, so that no message shows them: the
/// other side may well repeat in its answer what it was sent.
pub(crate) struct Told {
    variables: Arc<dyn Variables>,
    told: Mutex<Vec<String>>,
}

impl Told {
    pub(crate) fn new(variables: Arc<dyn Variables>) -> Told {
        Told { variables, told: Mutex::default() }
    }

    /// Takes something as secret that was made of secrets.
    pub(crate) fn add(&self, secret: &str) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if !secret.is_empty() && !told.iter().any(|known| known == secret) {
            told.push(secret.to_owned());
            // The longest first: one may be part of another.
            told.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        }
    }

    /// A text without them.
    pub(crate) fn hide(&self, text: String) -> String {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.iter().fold(text, |text, secret| match text.contains(secret.as_str()) {
            true => text.replace(secret.as_str(), "***"),
            false => text,
        })
    }

    /// A text in which as much of each is hidden as the settings say, also
    /// where it is written as in an address.
    pub(crate) fn redact(&self, text: String, settings: &TraceSettings) -> String {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.iter().fold(text, |text, secret| {
            let coded = crate::http::form(&[("", secret)]);
            let coded = coded.trim_start_matches('=');
            [secret.as_str(), coded].into_iter().fold(text, |text, secret| {
                match text.contains(secret) {
                    true => text.replace(secret, &settings.redacted(secret)),
                    false => text,
                }
            })
        })
    }

    /// A failure whose words are without them.
    pub(crate) fn hide_in(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Retryable { message, wait, status } => {
                Failure::Retryable { message: self.hide(message), wait, status }
            }
            Failure::Config { path, message } => {
                Failure::Config { path, message: self.hide(message) }
            }
            other => other,
        }
    }
}

impl Variables for Told {
    fn env(&self, name: &str) -> Option<Value> {
        self.variables.env(name)
    }

    fn secret(&self, system: Option<&str>, name: &str) -> Option<Value> {
        let secret = self.variables.secret(system, name)?;
        if let Some(secret) = secret.as_str() {
            self.add(secret);
        }
        Some(secret)
    }
}

/// Replaces each `$SECRET(name)` in a text. `Err` names the secret that is not
/// set, or is no string.
pub(crate) fn resolve(
    text: &str,
    system: Option<&str>,
    variables: &dyn Variables,
) -> Result<String, String> {
    const OPEN: &str = "$SECRET(";
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find(OPEN) {
        let inner = &rest[at + OPEN.len()..];
        let Some(end) = inner.find(')') else { break };
        let name = &inner[..end];
        out.push_str(&rest[..at]);
        match variables.secret(system, name) {
            Some(Value::String(secret)) => out.push_str(&secret),
            _ => return Err(name.to_owned()),
        }
        rest = &inner[end + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    struct Two;
    impl Variables for Two {
        fn env(&self, _: &str) -> Option<Value> {
            None
        }
        fn secret(&self, system: Option<&str>, name: &str) -> Option<Value> {
            match (system, name) {
                (Some("crm"), "user") => Some(Value::from("ane")),
                (_, "password") => Some(Value::from("a)b")),
                _ => None,
            }
        }
    }

    #[test]
    fn secrets_are_replaced_anywhere_in_a_text() {
        let text = "https://$SECRET(user):$SECRET(password)@x.example/$SECRET(";
        let resolved = resolve(text, Some("crm"), &Two).unwrap();
        assert_eq!(resolved, "https://ane:a)b@x.example/$SECRET(");
    }

    #[test]
    fn what_was_handed_out_is_hidden() {
        let told = Told::new(Arc::new(Two));
        assert_eq!(told.hide("a)b".into()), "a)b");
        resolve("$SECRET(password)", None, &told).unwrap();
        told.add("x a)b y");
        assert_eq!(told.hide("no a)b, no x a)b y".into()), "no ***, no ***");
        let failure = told.hide_in(Failure::retryable("answered 500: a)b"));
        assert_eq!(failure.to_string(), "answered 500: ***");
    }

    #[test]
    fn a_missing_secret_is_named() {
        assert_eq!(resolve("$SECRET(user)", None, &Two), Err("user".to_owned()));
    }
}
