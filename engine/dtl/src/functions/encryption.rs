//! Encryption (documentation page `hub/dtl/dtl-functions-encryption`).
//!
//! Without the features `encryption` and `openpgp` the functions are described,
//! and fail when they run. Keys may come from secrets: here, and nowhere else in
//! the language, `$SECRET(name)` in the text of the config stands for the
//! secret. In data it stands for itself.

use std::sync::{Mutex, PoisonError};

use pipewright_entity::{Text, Value};

use super::args::{string, try_spread};
use super::{Body, CallNode, Feature, Function, Kind, PLAIN, Param, Purity, example, one};
use crate::Fault;
use crate::compile::Compiler;
use crate::eval::Eval;
use crate::plan::{Evaluate, Expr};

const AREA: &str = "encryption";

const VALUES: Param = one("VALUES", Kind::Value);

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "decrypt",
        area: AREA,
        feature: Some(Feature::Encryption),
        params: &[one("KEY", Kind::String), VALUES],
        summary: "The value that \"encrypt\" made bytes of with the same KEY. What is not bytes is \
                  left out; the wrong key is an error.",
        examples: &[
            example(
                r#"["decrypt", "secret", ["encrypt", "secret", ["list", "a", "b", "c"]]]"#,
                r#"["a", "b", "c"]"#,
            ),
            example(r#"["decrypt", "secret", "no bytes"]"#, "null"),
        ],
        body: Body::Special(call::<ciphers::Decrypt>),
        ..PLAIN
    },
    Function {
        name: "decrypt-pgp",
        area: AREA,
        feature: Some(Feature::OpenPgp),
        params: &[one("PRIVATE_KEY", Kind::String), one("PASSPHRASE", Kind::String), VALUES],
        summary: "The strings in OpenPGP messages that were encrypted for PRIVATE_KEY, which \
                  PASSPHRASE unlocks. What is no string is left out; a message that cannot be \
                  decrypted is an error.",
        body: Body::Special(call::<openpgp_ciphers::DecryptPgp>),
        ..PLAIN
    },
    Function {
        name: "decrypt-pki",
        area: AREA,
        feature: Some(Feature::Encryption),
        params: &[one("PRIVATE_KEY", Kind::String), VALUES],
        summary: "The strings that \"encrypt-pki\" made bytes of with the public half of the RSA \
                  key PRIVATE_KEY (in PEM form). What is not bytes is left out; bytes that cannot \
                  be decrypted are an error.",
        body: Body::Special(call::<ciphers::DecryptPki>),
        ..PLAIN
    },
    Function {
        name: "encrypt",
        area: AREA,
        feature: Some(Feature::Encryption),
        params: &[one("KEY", Kind::String), VALUES],
        summary: "Values of any type, lists as a whole, as encrypted bytes (Fernet). KEY is a \
                  password or a Fernet key. Null stays null.",
        examples: &[
            example(r#"["is-bytes", ["encrypt", "secret", ["list", "a", "b", "c"]]]"#, "true"),
            example(r#"["encrypt", "secret", null]"#, "null"),
        ],
        purity: Purity::Random,
        body: Body::Special(call::<ciphers::Encrypt>),
        ..PLAIN
    },
    Function {
        name: "encrypt-pgp",
        area: AREA,
        feature: Some(Feature::OpenPgp),
        params: &[one("PUBLIC_KEY", Kind::String), VALUES],
        summary: "Strings as OpenPGP messages (text that begins with -----BEGIN PGP MESSAGE) for \
                  the owner of PUBLIC_KEY. What is no string is left out.",
        purity: Purity::Random,
        body: Body::Special(call::<openpgp_ciphers::EncryptPgp>),
        ..PLAIN
    },
    Function {
        name: "encrypt-pki",
        area: AREA,
        feature: Some(Feature::Encryption),
        params: &[one("PUBLIC_KEY", Kind::String), VALUES],
        summary: "Short strings as bytes encrypted with the RSA key PUBLIC_KEY (in PEM form). What \
                  is no string is left out; a string that is too long for the key is an error.",
        purity: Purity::Random,
        body: Body::Special(call::<ciphers::EncryptPki>),
        ..PLAIN
    },
];

/// One of the functions with its keys, ready for use.
trait Cipher: Send + Sized + 'static {
    /// Whether a list is one value.
    const WHOLE: bool = false;

    /// Reads the keys: all arguments but the last. Errors never hold a key.
    fn new(keys: &[Text]) -> Result<Self, &'static str>;

    /// What becomes of one value; `None` if there is no use for it. `seconds`
    /// is the time since 1970.
    fn apply(&mut self, value: &Value, seconds: u64) -> Result<Option<Value>, &'static str>;
}

fn call<C: Cipher>(compiler: &mut Compiler<'_>, call: &CallNode<'_>) -> Option<Expr> {
    let mut args = Vec::with_capacity(call.args.len());
    for (at, arg) in call.args.iter().enumerate() {
        let constant = arg.as_str().filter(|text| compiler.variable(text).is_none());
        args.push(match constant.and_then(Secret::in_text) {
            // Not as an expression of its own, whose value a trace would show.
            Some(secret) => Some(Expr::Special(Box::new(secret))),
            None => compiler.expr(arg, &call.path_of(at)),
        });
    }
    let mut keys = args.into_iter().collect::<Option<Vec<_>>>()?;
    let values = keys.pop()?;
    let at = compiler.place(call.node, call.path);
    let (name, ready) = (call.function.name, Mutex::new(None));
    Some(Expr::Special(Box::new(Encryption::<C> { name, keys, values, at, ready })))
}

/// Text with secrets in it.
struct Secret {
    /// What stands before each secret, and its name.
    parts: Vec<(Text, Text)>,
    rest: Text,
}

impl Secret {
    /// The secrets that a constant of the config names, if it does.
    fn in_text(text: &str) -> Option<Secret> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, from)) = rest.split_once("$SECRET(")
            && let Some((name, after)) = from.split_once(')')
        {
            parts.push((Text::new(before), Text::new(name)));
            rest = after;
        }
        (!parts.is_empty()).then(|| Secret { parts, rest: Text::new(rest) })
    }
}

impl Evaluate for Secret {
    fn evaluate(&self, eval: &mut Eval<'_>) -> Result<Value, Fault> {
        eval.record(|recorder, _| recorder.secret());
        let mut text = String::new();
        for (before, name) in &self.parts {
            text.push_str(before);
            let secret = eval.context.secret(name);
            let secret = secret.as_ref().and_then(string);
            let Some(secret) = secret else {
                return Err(Fault::failed(format!("there is no secret {name:?}")));
            };
            text.push_str(secret);
        }
        text.push_str(&self.rest);
        Ok(Value::from(text))
    }
}

struct Encryption<C> {
    name: &'static str,
    keys: Vec<Expr>,
    values: Expr,
    at: u32,
    /// The cipher with the keys used last: reading a key takes much longer than
    /// using it, and it is nearly always the same.
    ready: Mutex<Option<(Vec<Text>, C)>>,
}

impl<C: Cipher> Evaluate for Encryption<C> {
    fn evaluate(&self, eval: &mut Eval<'_>) -> Result<Value, Fault> {
        self.result(eval).map_err(|fault| fault.at(self.at))
    }
}

impl<C: Cipher> Encryption<C> {
    fn result(&self, eval: &mut Eval<'_>) -> Result<Value, Fault> {
        let refused = |why: &str| Fault::failed(format!("{:?}: {why}", self.name));
        let mut keys = Vec::with_capacity(self.keys.len());
        for key in &self.keys {
            let key = eval.value(key)?;
            keys.push(Text::new(string(&key).ok_or_else(|| refused("the key is no string"))?));
        }
        let values = eval.value(&self.values)?;
        // A panic elsewhere leaves a cipher that works.
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        let cipher = match &mut *ready {
            Some((known, cipher)) if *known == keys => cipher,
            other => {
                let cipher = C::new(&keys).map_err(refused)?;
                &mut other.insert((keys, cipher)).1
            }
        };
        let now = eval.context.now().as_nanosecond() / 1_000_000_000;
        let seconds = u64::try_from(now).unwrap_or(0);
        let mut apply = |value: &Value| cipher.apply(value, seconds).map_err(refused);
        match C::WHOLE {
            true => Ok(apply(&values)?.unwrap_or(Value::Null)),
            false => try_spread(&values, apply),
        }
    }
}

#[cfg(feature = "encryption")]
mod ciphers {
    use super::{Cipher, Text, Value};
    use crate::compute::encryption::{fernet, rsa};

    /// The only key.
    fn only(keys: &[Text]) -> &str {
        keys.first().map_or("", Text::as_str)
    }

    pub(super) struct Encrypt(fernet::Key);

    impl Cipher for Encrypt {
        const WHOLE: bool = true;

        fn new(keys: &[Text]) -> Result<Encrypt, &'static str> {
            Ok(Encrypt(fernet::Key::new(only(keys))))
        }

        fn apply(&mut self, value: &Value, seconds: u64) -> Result<Option<Value>, &'static str> {
            match value {
                Value::Null => Ok(None),
                value => {
                    Ok(Some(Value::bytes(self.0.encrypt(value.to_transit().as_bytes(), seconds)?)))
                }
            }
        }
    }

    pub(super) struct Decrypt(fernet::Key);

    impl Cipher for Decrypt {
        fn new(keys: &[Text]) -> Result<Decrypt, &'static str> {
            Ok(Decrypt(fernet::Key::new(only(keys))))
        }

        fn apply(&mut self, value: &Value, _: u64) -> Result<Option<Value>, &'static str> {
            let Value::Bytes(bytes) = value else { return Ok(None) };
            let text = self.0.decrypt(bytes)?;
            // Other programs encrypt text as it is.
            Ok(Some(match Value::from_transit(&text) {
                Ok(value) => value,
                Err(_) => String::from_utf8(text)
                    .map_or_else(|error| Value::bytes(error.into_bytes()), Value::from),
            }))
        }
    }

    pub(super) struct EncryptPki(rsa::PublicKey);

    impl Cipher for EncryptPki {
        fn new(keys: &[Text]) -> Result<EncryptPki, &'static str> {
            rsa::PublicKey::read(only(keys)).map(EncryptPki)
        }

        fn apply(&mut self, value: &Value, _: u64) -> Result<Option<Value>, &'static str> {
            let Value::String(text) = value else { return Ok(None) };
            self.0.encrypt(text.as_bytes()).map(|bytes| Some(Value::bytes(bytes)))
        }
    }

    pub(super) struct DecryptPki(rsa::PrivateKey);

    impl Cipher for DecryptPki {
        fn new(keys: &[Text]) -> Result<DecryptPki, &'static str> {
            rsa::PrivateKey::read(only(keys)).map(DecryptPki)
        }

        fn apply(&mut self, value: &Value, _: u64) -> Result<Option<Value>, &'static str> {
            let Value::Bytes(bytes) = value else { return Ok(None) };
            let text = String::from_utf8(self.0.decrypt(bytes)?);
            text.map(|text| Some(text.into())).map_err(|_| "what was encrypted is no text")
        }
    }
}

#[cfg(feature = "openpgp")]
mod openpgp_ciphers {
    use super::{Cipher, Text, Value};
    use crate::compute::encryption::openpgp;

    pub(super) struct EncryptPgp(openpgp::PublicKey);

    impl Cipher for EncryptPgp {
        fn new(keys: &[Text]) -> Result<EncryptPgp, &'static str> {
            openpgp::PublicKey::read(keys.first().map_or("", Text::as_str)).map(EncryptPgp)
        }

        fn apply(&mut self, value: &Value, seconds: u64) -> Result<Option<Value>, &'static str> {
            let Value::String(text) = value else { return Ok(None) };
            self.0.encrypt(text, seconds).map(|message| Some(message.into()))
        }
    }

    pub(super) struct DecryptPgp(openpgp::PrivateKey);

    impl Cipher for DecryptPgp {
        fn new(keys: &[Text]) -> Result<DecryptPgp, &'static str> {
            let key = |at: usize| keys.get(at).map_or("", Text::as_str);
            openpgp::PrivateKey::read(key(0), key(1)).map(DecryptPgp)
        }

        fn apply(&mut self, value: &Value, _: u64) -> Result<Option<Value>, &'static str> {
            let Value::String(message) = value else { return Ok(None) };
            self.0.decrypt(message).map(|text| Some(text.into()))
        }
    }
}

#[cfg(not(feature = "encryption"))]
mod ciphers {
    pub(super) use super::Missing as Encrypt;
    pub(super) use super::Missing as Decrypt;
    pub(super) use super::Missing as EncryptPki;
    pub(super) use super::Missing as DecryptPki;
}

#[cfg(not(feature = "openpgp"))]
mod openpgp_ciphers {
    pub(super) use super::Missing as EncryptPgp;
    pub(super) use super::Missing as DecryptPgp;
}

/// What a build without one of the features lacks.
#[cfg(not(all(feature = "encryption", feature = "openpgp")))]
struct Missing;

#[cfg(not(all(feature = "encryption", feature = "openpgp")))]
impl Cipher for Missing {
    fn new(_: &[Text]) -> Result<Missing, &'static str> {
        Err("this build of Pipewright cannot do it")
    }

    fn apply(&mut self, _: &Value, _: u64) -> Result<Option<Value>, &'static str> {
        Ok(None)
    }
}

#[cfg(all(test, feature = "encryption"))]
mod tests {
    #![allow(clippy::unwrap_used)]

    use pipewright_entity::Dict;

    use super::*;
    use crate::syntax::{Document, Path};
    use crate::{Context, EvalError, Options, compile};

    struct Secrets;

    impl Context for Secrets {
        fn secret(&self, name: &str) -> Option<Value> {
            (name == "key").then(|| Value::from("hush"))
        }
    }

    fn run(expr: &str) -> Result<Value, EvalError> {
        let document = Document::parse(format!(r#"{{"default": ["add", "r", {expr}]}}"#));
        let rules = document.root.clone().unwrap();
        let compiled = compile(&document, &rules, &Path::root(), &Options::new("test"));
        let mut source = Dict::default();
        source.insert("data".into(), "$SECRET(key)".into());
        let program = compiled.program.unwrap();
        let outcome = program.run_raw(Value::dict(source), Dict::default(), &Secrets)?;
        Ok(outcome.target["r"].clone())
    }

    #[test]
    fn secrets_are_put_in_where_the_config_names_them_and_nowhere_else() {
        let opened = |expr: &str| run(expr).unwrap().to_transit();
        let sealed = r#"["encrypt", "$SECRET(key)", "$SECRET(key)"]"#;
        assert_eq!(opened(&format!(r#"["decrypt", "hush", {sealed}]"#)), r#""hush""#);
        let sealed = r#"["encrypt", "hush", "_S.data"]"#;
        assert_eq!(opened(&format!(r#"["decrypt", "hush", {sealed}]"#)), r#""$SECRET(key)""#);
        assert_eq!(opened(r#"["upper", "$SECRET(key)"]"#), r#""$SECRET(KEY)""#);
        let sealed = r#"["encrypt", "a-$SECRET(key)-b", 1]"#;
        assert_eq!(opened(&format!(r#"["decrypt", "a-hush-b", {sealed}]"#)), "1");
    }

    #[test]
    fn errors_say_what_is_wrong_and_keep_secrets() {
        let why = |expr: &str| run(expr).unwrap_err().to_string();
        assert!(why(r#"["encrypt", "$SECRET(other)", 1]"#).contains("there is no secret"));
        let refused = why(r#"["decrypt", "$SECRET(key)", ["encrypt", "other", 1]]"#);
        assert!(refused.contains("not encrypted with this key") && !refused.contains("hush"));
        let refused = why(r#"["encrypt-pki", "$SECRET(key)", "x"]"#);
        assert!(refused.contains("PEM") && !refused.contains("hush"));
        assert!(why(r#"["encrypt", 1, 1]"#).contains("the key is no string"));
    }

    #[test]
    fn a_list_of_messages_gives_a_list() {
        let one = r#"["encrypt", "k", ["list", 1, null]]"#;
        let found = run(&format!(r#"["decrypt", "k", ["list", {one}, 5, {one}]]"#)).unwrap();
        assert_eq!(found.to_transit(), "[[1,null],[1,null]]");
    }
}
