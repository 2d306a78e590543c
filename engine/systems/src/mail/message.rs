//! From an entity to a mail.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use lettre::Message;
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Mailboxes, MultiPart};
use minijinja::value::{Object, ObjectRepr};
use minijinja::{Environment, UndefinedBehavior, Value as Context};
use pipewright_component::{Failure, Setting};
use pipewright_entity::{Entity, Value};
use serde_json::Value as Json;

use super::plain_text::{is_html, plain_text};
use crate::properties::Properties;
use crate::rest::{plain_json, said};

/// A text of a mail: a template in the config, or the property of the entity
/// that holds one.
enum Written {
    InConfig(String),
    InEntity(String),
}

impl Written {
    fn new(properties: &Properties<'_>, name: &str) -> Result<Written, Failure> {
        let by_property = format!("{name}_property");
        Ok(match (properties.text(name)?, properties.text(&by_property)?) {
            (Some(template), _) => Written::InConfig(template.to_owned()),
            (None, Some(property)) => Written::InEntity(property.to_owned()),
            (None, None) => Written::InEntity(name.to_owned()),
        })
    }
}

/// How the mails of a sink are made.
pub(super) struct Writer {
    from: Mailbox,
    recipients: Written,
    subject: Written,
    body: Written,
    text_body: Written,
    /// Whether variables that an entity lacks stay as they are written.
    keeps_unknown: bool,
    environment: Environment<'static>,
}

impl Writer {
    pub(super) fn new(setting: &Setting<'_>) -> Result<Writer, Failure> {
        let properties = Properties::new(setting.config, setting.path);
        let from = properties
            .required_text("mail_from")?
            .parse()
            .map_err(|error| properties.failure("mail_from", format!("is no address: {error}")))?;
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        let unhandled = "unhandled_template_variable_replacement";
        let (keeps_unknown, undefined) = match properties.text(unhandled)?.unwrap_or("debug") {
            "debug" => (true, UndefinedBehavior::Chainable),
            "empty_string" => (false, UndefinedBehavior::Chainable),
            "strict" => (false, UndefinedBehavior::Strict),
            other => {
                let message =
                    format!("\"{other}\" is not known; use debug, empty_string or strict");
                return Err(properties.failure(unhandled, message));
            }
        };
        environment.set_undefined_behavior(undefined);
        if keeps_unknown {
            teach_unknown(&mut environment);
        }
        let writer = Writer {
            from,
            recipients: Written::new(&properties, "recipients")?,
            subject: Written::new(&properties, "subject_template")?,
            body: Written::new(&properties, "body_template")?,
            text_body: Written::new(&properties, "text_body_template")?,
            keeps_unknown,
            environment,
        };
        for (name, text) in [
            ("subject_template", &writer.subject),
            ("body_template", &writer.body),
            ("text_body_template", &writer.text_body),
        ] {
            if let Written::InConfig(text) = text {
                let compiled = writer.environment.template_from_str(text);
                compiled.map_err(|error| {
                    properties.failure(name, format!("is no template: {}", said(&error)))
                })?;
            }
        }
        Ok(writer)
    }

    /// The mail that an entity makes; `now` in microseconds since 1970.
    pub(super) fn write(&self, entity: &Entity, now: i64) -> Result<Message, String> {
        let context = plain_json(&Value::Dict(entity.dict().clone()));
        let recipients = match &self.recipients {
            Written::InConfig(text) => text.clone(),
            Written::InEntity(property) => match entity.get(property) {
                Some(Value::String(text)) => text.to_string(),
                Some(Value::List(items)) => {
                    items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",")
                }
                _ => return Err(format!("the entity has no recipients in \"{property}\"")),
            },
        };
        let recipients: Mailboxes = recipients
            .parse()
            .map_err(|error| format!("\"{recipients}\" are no addresses: {error}"))?;
        let needed = |name: &str| format!("there is no {name}, neither in the sink nor the entity");
        let subject = self.filled(&self.subject, &context)?.ok_or_else(|| needed("subject"))?;
        let body = self.filled(&self.body, &context)?.ok_or_else(|| needed("body"))?;
        let text = self.filled(&self.text_body, &context)?;
        let since = Duration::from_micros(u64::try_from(now).unwrap_or_default());
        let mut message = Message::builder()
            .from(self.from.clone())
            .date(SystemTime::UNIX_EPOCH + since)
            .message_id(None)
            // A line break would begin another header.
            .subject(subject.split_whitespace().collect::<Vec<_>>().join(" "));
        for recipient in recipients {
            message = message.to(recipient);
        }
        let made = match text {
            Some(text) => message.multipart(MultiPart::alternative_plain_html(text, body)),
            None if is_html(&body) => {
                let text = plain_text(&body);
                message.multipart(MultiPart::alternative_plain_html(text, body))
            }
            None => message.header(ContentType::TEXT_PLAIN).body(body),
        };
        made.map_err(|error| error.to_string())
    }

    fn filled(&self, written: &Written, context: &Json) -> Result<Option<String>, String> {
        let text = match written {
            Written::InConfig(text) => text.as_str(),
            Written::InEntity(property) => match context.get(property).and_then(Json::as_str) {
                Some(text) => text,
                None => return Ok(None),
            },
        };
        let wrong = |error| format!("the template {text:?}: {}", said(&error));
        let template = self.environment.template_from_str(text).map_err(wrong)?;
        let mut known: BTreeMap<String, Context> = BTreeMap::new();
        if let Json::Object(properties) = context {
            let seen = properties.iter().map(|(name, value)| (name.clone(), see(value)));
            known.extend(seen);
        }
        if self.keeps_unknown {
            for name in template.undeclared_variables(false) {
                let is_global = self.environment.globals().any(|(global, _)| global == name);
                if !is_global {
                    let unknown = || Context::from_object(Unknown(name.clone()));
                    known.entry(name.clone()).or_insert_with(unknown);
                }
            }
        }
        template.render(known).map(Some).map_err(wrong)
    }
}

fn see(value: &Json) -> Context {
    minijinja::value::Serde(value).into()
}

/// A variable that an entity lacks: it shows as it is written, and counts as
/// nothing otherwise.
#[derive(Debug)]
struct Unknown(String);

impl Object for Unknown {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Context) -> Option<Context> {
        Some(Context::from_object(Unknown(format!("{}.{key}", self.0))))
    }

    fn is_true(self: &Arc<Self>) -> bool {
        false
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{{ {} }}}}", self.0)
    }
}

fn is_unknown(value: &Context) -> bool {
    value.is_undefined() || value.downcast_object_ref::<Unknown>().is_some()
}

/// Lets what asks whether a variable is there see that it is not.
fn teach_unknown(environment: &mut Environment<'static>) {
    let or = |value: Context, other: Option<Context>| match is_unknown(&value) {
        true => other.unwrap_or_else(|| Context::from("")),
        false => value,
    };
    environment.add_filter("default", or);
    environment.add_filter("d", or);
    environment.add_test("defined", |value: &Context| !is_unknown(value));
    environment.add_test("undefined", |value: &Context| is_unknown(value));
}
