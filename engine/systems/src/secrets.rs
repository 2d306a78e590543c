//! `$SECRET(name)` in config, replaced at the last moment
//! (`hub/documentation/building-blocks/secrets`).

use pipewright_component::Variables;
use pipewright_entity::Value;

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
    fn a_missing_secret_is_named() {
        assert_eq!(resolve("$SECRET(user)", None, &Two), Err("user".to_owned()));
    }
}
