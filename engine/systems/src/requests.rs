//! Checking requests that others make by a template of the config
//! (`validation_expression` of the http_endpoint source).

use std::fmt;
use std::sync::Arc;

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use minijinja::value::{Kwargs, Object, ObjectRepr, Value};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};

/// What a template may know of a request.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Its address.
    pub url: String,
    /// Its query parameters.
    pub params: Vec<(String, String)>,
    /// Its headers.
    pub headers: Vec<(String, String)>,
}

/// Why a request is refused: what the template writes. `None`: it is not.
/// `Err`: the template cannot be filled in, which is no reason to let the
/// request in.
pub fn refusal(
    template: &str,
    request: &Request,
    secret: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
) -> Result<Option<String>, String> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_undefined_behavior(UndefinedBehavior::Lenient);
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    // One that is not set must not be the same as a header that is not sent.
    environment.add_function("secret", move |name: String| {
        secret(&name).ok_or_else(|| bad(format!("the secret \"{name}\" is not set")))
    });
    environment.add_filter("decode_jwt", decode_jwt);
    let params = Value::from_pairs(request.params.iter().cloned());
    let context = minijinja::context! {
        url => request.url.clone(),
        request_params => params,
        request_headers => Value::from_object(Headers(request.headers.clone())),
    };
    let rendered = environment.render_str(template, context).map_err(|error| {
        // The outermost says where, the innermost what.
        let mut innermost: &dyn std::error::Error = &error;
        while let Some(source) = innermost.source() {
            innermost = source;
        }
        innermost.to_string()
    })?;
    Ok((!rendered.is_empty()).then_some(rendered))
}

fn bad(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, what.into())
}

/// Headers, found by their names in any case.
#[derive(Debug)]
struct Headers(Vec<(String, String)>);

impl Object for Headers {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.as_str()?;
        let found = self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| Value::from(value.as_str()))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("headers")
    }
}

/// The claims of a JWT; an error when it may not be trusted.
fn decode_jwt(token: String, key: Option<String>, given: Kwargs) -> Result<Value, Error> {
    let key = match key {
        Some(key) => Some(key),
        None => given.get::<Option<String>>("key")?,
    };
    for unsupported in ["jwks_url", "detached_payload"] {
        if given.has(unsupported) {
            return Err(bad(format!("decode_jwt: {unsupported} does not work here; give a key")));
        }
    }
    let names = given.get::<Option<Vec<String>>>("algorithms")?;
    let names = names.unwrap_or_else(|| vec!["RS256".to_owned()]);
    let algorithms = names
        .iter()
        .map(|name| {
            name.parse::<Algorithm>()
                .map_err(|_| bad(format!("decode_jwt: there is no algorithm {name:?}")))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let first = algorithms.first().copied().ok_or_else(|| bad("decode_jwt: no algorithm"))?;
    let verify = given.get::<Option<bool>>("verify")?.unwrap_or(true);
    let flag = |name: &str| given.get::<Option<bool>>(name).map(|set| set.unwrap_or(verify));
    let texts = |name: &str| -> Result<Vec<String>, Error> {
        match given.get::<Option<Value>>(name)? {
            None => Ok(Vec::new()),
            Some(value) if value.as_str().is_some() => Ok(vec![value.to_string()]),
            Some(value) => value.try_iter().map(|all| all.map(|one| one.to_string()).collect()),
        }
    };
    let mut checks = Validation::new(first);
    checks.algorithms = algorithms;
    checks.required_spec_claims.clear();
    checks.leeway =
        given.get::<Option<f64>>("leeway")?.map_or(0, |seconds| seconds.max(0.0) as u64);
    checks.validate_exp = flag("verify_exp")?;
    let (audience, issuer, required) = (texts("audience")?, texts("issuer")?, texts("require")?);
    checks.validate_aud = flag("verify_aud")?;
    if !audience.is_empty() {
        checks.set_audience(&audience);
    }
    if flag("verify_iss")? && !issuer.is_empty() {
        checks.set_issuer(&issuer);
        checks.required_spec_claims.insert("iss".into());
    }
    flag("verify_iat")?;
    given.assert_all_used()?;
    let failed = |error: jsonwebtoken::errors::Error| bad(format!("decode_jwt: {error}"));
    let claims: serde_json::Value = match verify {
        true => {
            let key = key.ok_or_else(|| bad("decode_jwt: the key is missing"))?;
            let key = decoding_key(first, key.as_bytes()).map_err(failed)?;
            jsonwebtoken::decode(token.trim(), &key, &checks).map_err(failed)?.claims
        }
        false => {
            let token = jsonwebtoken::dangerous::insecure_decode(token.trim());
            token.map_err(failed)?.claims
        }
    };
    if let Some(missing) = required.iter().find(|name| claims.get(name.as_str()).is_none()) {
        return Err(bad(format!("decode_jwt: the claim \"{missing}\" is missing")));
    }
    Ok(minijinja::value::Serde(&claims).into())
}

fn decoding_key(of: Algorithm, key: &[u8]) -> Result<DecodingKey, jsonwebtoken::errors::Error> {
    match of {
        Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => Ok(DecodingKey::from_secret(key)),
        Algorithm::ES256 | Algorithm::ES384 => DecodingKey::from_ec_pem(key),
        Algorithm::EdDSA => DecodingKey::from_ed_pem(key),
        _ => DecodingKey::from_rsa_pem(key),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn asked(header: Option<(&str, &str)>) -> Request {
        Request {
            url: "http://node/api/receivers/r/entities".into(),
            params: vec![("source".into(), "crm".into())],
            headers: header.map(|(k, v)| (k.to_owned(), v.to_owned())).into_iter().collect(),
        }
    }

    fn secret(name: &str) -> Option<String> {
        (name == "webhook").then(|| "s3cret".to_owned())
    }

    const CHECK: &str =
        "{{ '' if request_headers['X-Check'] == secret('webhook') else 'not you' }}";

    #[test]
    fn what_the_template_writes_is_the_reason() {
        let ask = |header| refusal(CHECK, &asked(header), secret).unwrap();
        assert_eq!(ask(Some(("x-check", "s3cret"))), None);
        assert_eq!(ask(Some(("x-check", "other"))), Some("not you".to_owned()));
        assert_eq!(ask(None), Some("not you".to_owned()));
        let by_param = "{% if request_params.source != 'crm' %}who?{% endif %}";
        assert_eq!(refusal(by_param, &asked(None), secret), Ok(None));
        let by_url = "{{ '' if url.endswith('/entities') else 'where?' }}";
        assert_eq!(refusal(by_url, &asked(None), secret), Ok(None));
    }

    #[test]
    fn a_template_that_cannot_be_filled_in_lets_nobody_in() {
        let missing = CHECK.replace("webhook", "forgotten");
        let why = refusal(&missing, &asked(None), secret).unwrap_err();
        assert!(why.contains("\"forgotten\" is not set"), "{why}");
        assert!(refusal("{{ '' if", &asked(None), secret).is_err());
    }

    #[test]
    fn tokens_are_checked() {
        let token = |claims: &serde_json::Value, key: &str| {
            let key = jsonwebtoken::EncodingKey::from_secret(key.as_bytes());
            let header = jsonwebtoken::Header::new(Algorithm::HS256);
            jsonwebtoken::encode(&header, claims, &key).unwrap()
        };
        let ask = |arguments: &str, token: String| {
            let check = format!(
                "{{% if request_headers['jwt'] | decode_jwt(secret('webhook'), \
                 algorithms=['HS256']{arguments}) %}}{{% else %}}no{{% endif %}}"
            );
            refusal(&check, &asked(Some(("JWT", &token))), secret)
        };
        let fresh = json!({"sub": "ada", "exp": 9_999_999_999_u64});
        assert_eq!(ask("", token(&fresh, "s3cret")), Ok(None));
        assert!(ask("", token(&fresh, "other")).is_err());
        assert!(ask("", token(&json!({"sub": "ada", "exp": 1}), "s3cret")).is_err());
        assert!(ask(", require=['iss']", token(&fresh, "s3cret")).is_err());
        assert!(ask(", issuer='https://id.example'", token(&fresh, "s3cret")).is_err());
        assert!(ask(", jwks_url='https://id.example'", token(&fresh, "s3cret")).is_err());
    }
}
